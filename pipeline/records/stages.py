"""The stages that a call's records pass: their names, in that order."""

from __future__ import annotations

from typing import Final

ADMIT: Final = "admit"
TRANSCRIBE: Final = "transcribe"
DETECT: Final = "detect"
MUTE: Final = "mute"
VERIFY: Final = "verify"
VAULT: Final = "vault"
STAGES: Final = (ADMIT, TRANSCRIBE, DETECT, MUTE, VERIFY, VAULT)
SPEECH: Final = (TRANSCRIBE, VERIFY)
"""Those that need speech engines."""
