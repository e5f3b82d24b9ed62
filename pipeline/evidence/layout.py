"""What the stored files of a call are called."""

from __future__ import annotations

from typing import Final

CERTIFICATE: Final = ".certificate.json"
PEAKS: Final = ".peaks"
"""Ending of the waveform, see ``pipeline.analytics.peaks``."""
CANDIDATES: Final = ".candidates"
"""Ending of what thresholds decided on, see ``pipeline.evidence.candidates``."""
SEALED: Final = ".sealed"
"""Ending of an encrypted file of the vault, behind its own name."""
