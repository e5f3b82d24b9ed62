"""URL and IP_ADDRESS as spoken ("w w w dot … dot com", "one ninety two dot …")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.lexicon import alternatives
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.spoken import Turn
from pipeline.entities import Entity

_TLD: Final = alternatives("top_level_domains")
_URL: Final = Worded(
    rf"\b(?:https? |w w w |www |triple w |double u |slash )(?:dot )?(?:[a-z0-9]+ ){{1,6}}?"
    rf"(?:dot )?{_TLD}(?: (?:slash|forward slash)(?: [a-z0-9]+){{1,4}})?\b"
    r"|\b[a-z0-9]+ dot (?:com|net|org) (?:forward )?slash(?: [a-z0-9]+){1,4}\b",
    holds=rf"{_TLD}\b",
)
_GROUP: Final = (
    r"(?:\d{1,3}|(?:(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty"
    r"|sixty|seventy|eighty|ninety|hundred|and|double|triple) ?){1,5})"
)
_IP: Final = Worded(
    rf"\b{_GROUP} ?(?:(?:dot|point) {_GROUP} ?){{3}}",
    holds=r"\w*(?:dot|point)",
)
_GROUPS: Final = 4
"""Figures of the shortest network address."""
_FIGURES: Final = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")


class SpokenWebRecognizer(SpokenRecognizer):
    """Personal web addresses and network addresses."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.URL, Entity.IP_ADDRESS)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_URL, _IP)

    def may_find(self, turn: Turn) -> bool:
        """Whether it may be said or written."""
        return super().may_find(turn) or turn.figures >= _GROUPS

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Addresses said with "dot", or written with dots."""
        for found in turn.search(_URL):
            # A company's own site is no secret; a page that was asked for is.
            score = 0.6 if turn.expected(Entity.URL) is not None else 0.45
            yield Hit(Entity.URL, found.first, found.last, score, "dots")
        for found in turn.search(_IP):
            yield Hit(Entity.IP_ADDRESS, found.first, found.last, 0.7, "four groups")
        for match in _FIGURES.finditer(turn.text):
            inside = [
                index
                for index, token in enumerate(turn.tokens)
                if match.start() <= token.start < match.end()
            ]
            if inside:
                yield Hit(Entity.IP_ADDRESS, inside[0], inside[-1] + 1, 0.7, "four figures")
