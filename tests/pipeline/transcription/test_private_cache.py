from __future__ import annotations

import pytest

from pipeline.transcription import private_cache
from pipeline.transcription.private_cache import Remembered

pytestmark = pytest.mark.unit


def test_only_words_without_figures_are_remembered() -> None:
    asked: list[str] = []

    def noted(word: str) -> int:
        asked.append(word)
        return len(word)

    length = Remembered(noted)
    assert [length(word) for word in ("card", "4111", "card", "4111", "b2b", "b2b")] == [
        4, 4, 4, 4, 3, 3
    ]  # fmt: skip
    assert asked == ["card", "4111", "4111", "b2b", "b2b"]
    length.forget()
    assert length("card") == 4
    assert asked[-1] == "card"


def test_what_comes_again_is_remembered_longer_and_the_rest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(private_cache, "_MOST", 2)
    asked: list[str] = []
    noted = Remembered(lambda word: asked.append(word) or word)
    for word in ("the", "plum", "pear", "the", "quince", "fig", "the", "plum"):
        assert noted(word) == word
    assert asked == ["the", "plum", "pear", "quince", "fig", "plum"]
