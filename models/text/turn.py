"""Spoken text as recognisers and the reader see it: tokens with their places.

Presidio hands a recogniser a text and ``NlpArtifacts``; ``SpokenArtifacts`` carries the turn that
they were made from. A recogniser that is run by somebody else with plain artifacts builds one from
the text alone.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple

from presidio_analyzer.nlp_engine import NlpArtifacts

from pipeline.detection.language.lazy import once
from pipeline.detection.language.vocabulary import DEFAULT

PAUSE: Final = "/"
"""Stands in a text where the speaker paused for long."""
_TOKEN: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_APOSTROPHE: Final = re.compile(r"['\u2019]")
_FIGURE: Final = re.compile(r"\d")
_SHORTENED: Final = frozenset({"mr", "mrs", "ms", "mx", "dr", "st"})
"""Written with a dot that ends no sentence ("Mr. Tibbles")."""


class Token(NamedTuple):
    """A run of letters or digits; hyphens, dots and ``@`` part tokens ("b-o-b" is three).

    Nothing that was said shows in its ``repr``.
    """

    key: str
    """Lower case, without apostrophes: "Crohn's" is ``crohns``."""
    start: int
    """First character in the turn's text."""
    end: int
    after: str
    """What stands between this token and the next one."""

    def __repr__(self) -> str:
        return f"Token(start={self.start}, end={self.end})"

    @property
    def stops(self) -> bool:
        """Whether a sentence ends after the token (not the dot inside "gmail.com")."""
        mark = self.after.lstrip(" ,")
        ends = mark[:1] in {".", "?", "!"} and mark[1:2].isspace()
        return PAUSE in self.after or (ends and self.key not in _SHORTENED)


@dataclass(frozen=True, slots=True)
class Found:
    """Tokens ``[first, last)`` that a pattern matched on the plain text."""

    first: int
    last: int
    match: re.Match[str] = field(repr=False)


@dataclass(frozen=True)
class Turn:
    """What one speaker says in one go."""

    text: str = field(repr=False)
    tokens: tuple[Token, ...] = field(repr=False)
    language: str = DEFAULT
    """Which recognisers search it."""

    @once
    def all_keys(self) -> tuple[str, ...]:
        """The key of every token."""
        return tuple(token.key for token in self.tokens)

    @once
    def plain(self) -> str:
        """The tokens' keys, joined by single spaces: what patterns are written against."""
        return " ".join(self.all_keys)

    @once
    def _offsets(self) -> list[int]:
        """Where each token begins in ``plain``."""
        offsets, position = [], 0
        for key in self.all_keys:
            offsets.append(position)
            position += len(key) + 1
        return offsets

    @once
    def figures(self) -> int:
        """How many figures are written in it."""
        return len(_FIGURE.findall(self.text))

    def search(self, pattern: re.Pattern[str]) -> Iterator[Found]:
        """Every match of ``pattern`` on the plain text, as whole tokens."""
        for match in pattern.finditer(self.plain):
            if match.end() > match.start():
                yield Found(
                    self._token_at(match.start()), self._token_at(match.end() - 1) + 1, match
                )

    def span_of(self, found: Found, group: str) -> tuple[int, int]:
        """Tokens ``[first, last)`` of a named group that matched."""
        begin, end = found.match.span(group)
        return self._token_at(begin), self._token_at(end - 1) + 1

    def keys(self, first: int, last: int) -> tuple[str, ...]:
        """Keys of the tokens ``[first, last)``."""
        return self.all_keys[first:last]

    def _token_at(self, position: int) -> int:
        return max(0, bisect_right(self._offsets, position) - 1)


class SpokenArtifacts(NlpArtifacts):
    """Presidio's artifacts, and the turn they were made from."""

    def __init__(self, turn: Turn, **artifacts: Any) -> None:  # noqa: ANN401 - Presidio's own
        """Keep ``turn``; the rest goes to Presidio as it is."""
        super().__init__(**artifacts)
        self.turn = turn


def turn_of(text: str, *, language: str = DEFAULT) -> Turn:
    """Part a text into tokens."""
    spans = [match.span() for match in _TOKEN.finditer(text)]
    tokens: list[Token] = []
    for (start, end), (following, _) in pairwise([*spans, (len(text), 0)]):
        said = text[start:end]
        key = (said if said.isalnum() else _APOSTROPHE.sub("", said)).lower()
        after = text[end:following]
        if following == len(text) and after.strip():
            after += " "
        tokens.append(Token(key, start, end, after))
    return Turn(text, tuple(tokens), language)


def turn_in(text: str, artifacts: NlpArtifacts | None) -> Turn:
    """The turn that ``artifacts`` carry, or one made from the text alone."""
    turn = getattr(artifacts, "turn", None)
    return turn if isinstance(turn, Turn) and turn.text == text else turn_of(text)
