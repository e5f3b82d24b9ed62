"""A stand-in for ``speech.whisper.Whisper``: what it is asked is noted, a test says the answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.speech.whisper import Decoded, Encoded, Features


class StandIn:
    """Same shape as ``models.speech.whisper.Whisper``; subclasses answer.

    Args:
        knows: languages.
        likelihood: of every language that is asked for.
    """

    bands = 80

    def __init__(self, knows: Sequence[str] = ("en",), likelihood: float = 1.0) -> None:
        self.known, self.guess = knows, likelihood
        self.languages: list[str] = []
        """Of each decode."""
        self.guessed: list[str] = []
        """What the likelihood was asked of."""

    def knows(self, language: str) -> bool:
        return language in self.known

    def likelihood(self, encoded: Encoded, language: str) -> float:
        del encoded
        self.guessed.append(language)
        return self.guess

    def encode(self, features: Sequence[Features], lengths: Sequence[int]) -> list[Encoded]:
        assert len(features) == len(lengths)
        return [np.asarray(one) for one in features]

    def decode(
        self,
        encoded: Sequence[Encoded],
        lengths: Sequence[int],
        *,
        language: str,
        prompt: str = "",
        beam: int = 1,
    ) -> list[Decoded]:
        self.languages.append(language)
        assert len(encoded) == len(lengths)
        return self.answer(encoded, lengths, prompt, beam)

    def answer(
        self, encoded: Sequence[Encoded], lengths: Sequence[int], prompt: str, beam: int
    ) -> list[Decoded]:
        """One for every input."""
        raise NotImplementedError
