"""Words and sounds that must not be found in anything that was written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.app.checks.canaries import Canary
from pipeline.records.model import Pcm
from tests.broker.fakes import RATE

WORDS = (
    "4000001234567899", "5100009876543210", "370000001112223", "6011000099988877",
    "4929000055554444", "violetwalrusumbrella", "tangerineottersofa", "crimsonbadgerlantern",
    "indigoferretteapot", "saffronlynxharmonica",
)  # fmt: skip
"""What the scripted recogniser hears under ``SCRIPTED_WORDS``: five card numbers, which are muted,
and five words that stay in the sealed transcript."""


def canaries(sounds: Sequence[Pcm]) -> list[Canary]:
    """Every word, and the audio of the calls."""
    found = [Canary(f"word {number}", word) for number, word in enumerate(WORDS)]
    return [*found, Canary("audio", samples=np.concatenate(sounds), rate=RATE)]
