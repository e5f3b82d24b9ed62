"""Spoken text as the recognisers see it: tokens with offsets, and what the call expects here.

Presidio hands a recogniser a text and ``NlpArtifacts``. A caller's turn needs more than its text:
what the other side has just asked for, which names were said before, whether the call is about
health. ``SpokenArtifacts`` carries that as a ``Turn``; a recogniser that is run by somebody else
with plain artifacts builds one from the text alone.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final, Generic, NamedTuple, TypeVar

from presidio_analyzer.nlp_engine import NlpArtifacts

from models.patterns import Worded, unsaid
from pipeline.accents import plain
from pipeline.once import once
from pipeline.vocabulary import DEFAULT

ResultT = TypeVar("ResultT")

PAUSE: Final = "/"
"""Stands in a text where the speaker paused for long."""
_TOKEN: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_CONTRACTED: Final = re.compile(r"['\u2019][sS]$")
_APOSTROPHE: Final = re.compile(r"['\u2019]")
_FIGURE: Final = re.compile(r"\d")
_SHORTENED: Final = frozenset({"mr", "mrs", "ms", "mx"})
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
    title: bool
    """Begins with a capital letter."""

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

    def group(self, name: str) -> str:
        """The text of a named group, or an empty string."""
        return self.match.group(name) or ""


_SOMEBODY: Final = frozenset(
    ["i", "im", "ive", "my", "me", "myself", "he", "hes", "his", "him", "himself", "she", "shes",
     "her", "herself", "mums", "dads", "moms", "nans", "babys", "sons", "daughters", "wifes",
     "husbands", "wife", "husband", "son", "daughter", "mother", "father", "mum", "dad", "mom"]
)  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """What one speaker says in one go, with what is known of the call at that point."""

    text: str = field(repr=False)
    tokens: tuple[Token, ...] = field(repr=False)
    plain: str = field(repr=False)
    """The tokens' keys, joined by single spaces: what patterns are written against."""
    offsets: tuple[int, ...] = field(repr=False)
    """Where each token begins in ``plain``."""
    expects: tuple[tuple[str, int], ...] = ()
    """Entity types that were asked for, and the token from which the answer may begin."""
    known: frozenset[str] = field(default=frozenset(), repr=False)
    """Names said before in this call, as keys."""
    said: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    """Telling words of values that were found before in this call, by entity type."""
    recent: frozenset[str] = frozenset()
    """Entity types of which a value was said just before."""
    medical: bool = False
    """Whether the call is about somebody's health."""
    secret: bool = False
    """Whether passwords or the like were spoken of just before, or in it."""
    lately: frozenset[str] = frozenset()
    """Entity types that the speaker was asked for not long ago."""
    heard: tuple[str, ...] = field(default=(), repr=False)
    """Keys of what the other side said last."""
    language: str = DEFAULT
    """Which recognisers search it."""

    @once
    def unsaid(self) -> int:
        """The bits of what expressions need and its words have not."""
        return unsaid(self.all_keys)

    def opens(self, pattern: Worded) -> bool:
        """Whether its words do not rule an expression out."""
        return not pattern.mask & self.unsaid

    @once
    def wanted(self) -> frozenset[str]:
        """Entity types that were asked for, or of which a value was found before."""
        return frozenset([*self.said, *(entity for entity, _ in self.expects)])

    @once
    def all_keys(self) -> tuple[str, ...]:
        """The key of every token."""
        return tuple(token.key for token in self.tokens)

    @once
    def personal(self) -> bool:
        """Whether somebody is spoken of in it who may be ill: oneself, or him, or her."""
        return not _SOMEBODY.isdisjoint(self.all_keys)

    @property
    def ailing(self) -> bool:
        """Whether a complaint in it is somebody's: in a call about health, or told of somebody."""
        return self.medical or self.personal

    @once
    def capitals(self) -> bool:
        """Whether it is written with capitals, so that a name in it would have one."""
        return any(token.title for token in self.tokens)

    @once
    def figures(self) -> int:
        """How many figures are written in it."""
        return len(_FIGURE.findall(self.text))

    def search(self, pattern: Worded | re.Pattern[str]) -> Iterator[Found]:
        """Every match of ``pattern`` on the plain text, as whole tokens."""
        if isinstance(pattern, re.Pattern):
            return self._matches(pattern)
        # Nearly all are ruled out, and to begin an iteration costs more than to see that.
        return _NONE if pattern.mask & self.unsaid else self._matches(pattern.pattern)

    def _matches(self, pattern: re.Pattern[str]) -> Iterator[Found]:
        for match in pattern.finditer(self.plain):
            if match.end() > match.start():
                yield Found(self.token_at(match.start()), self.token_at(match.end() - 1) + 1, match)

    def search_each(self, patterns: Iterable[tuple[Worded, str]]) -> Iterator[tuple[Found, str]]:
        """Every match of several expressions, with what each is called."""
        for pattern, name in patterns:
            if not pattern.mask & self.unsaid:
                for found in self._matches(pattern.pattern):
                    yield found, name

    def token_at(self, position: int) -> int:
        """Index of the token at a character of ``plain``."""
        return max(0, bisect_right(self.offsets, position) - 1)

    def span_of(self, found: Found, group: str) -> tuple[int, int]:
        """Tokens ``[first, last)`` of a named group that matched."""
        begin, end = found.match.span(group)
        return self.token_at(begin), self.token_at(end - 1) + 1

    def expected(self, entity: str) -> int | None:
        """First token of an answer that ``entity`` was asked for, or None."""
        if not self.expects:
            return None
        return min([at for name, at in self.expects if name == entity], default=None)

    def given(
        self,
        expects: tuple[tuple[str, int], ...],
        known: frozenset[str],
        *,
        medical: bool,
        said: Mapping[str, frozenset[str]],
        recent: frozenset[str],
        heard: tuple[str, ...] = (),
        secret: bool = False,
        lately: frozenset[str] = frozenset(),
    ) -> Turn:
        """The same turn with what is known of the call."""
        return replace(
            self, expects=expects, known=known, medical=medical, said=said, recent=recent,
            heard=heard, secret=secret, lately=lately,
        )  # fmt: skip

    @once
    def bare_keys(self) -> tuple[str, ...]:
        """The keys of all tokens, without a possessive or contracted "s" ("Prozac's")."""
        if not _APOSTROPHE.search(self.text):
            return self.all_keys
        return tuple(
            token.key[:-1] if _CONTRACTED.search(self.text, token.start, token.end) else token.key
            for token in self.tokens
        )

    @once
    def plain_keys(self) -> tuple[str, ...]:
        """The same without accents, as lists of names have them."""
        return self.bare_keys if self.text.isascii() else tuple(map(plain, self.bare_keys))

    def keys(self, first: int, last: int) -> tuple[str, ...]:
        """Keys of the tokens ``[first, last)``."""
        return self.all_keys[first:last]


class OfLastTurn(Generic[ResultT]):
    """A function of a turn that several recognisers ask for the same: its last result is kept.

    Args:
        function: gives the same for the same turn.
    """

    def __init__(self, function: Callable[[Turn], ResultT]) -> None:
        self._function = function
        self._last: tuple[Turn, ResultT] | None = None

    def __call__(self, turn: Turn) -> ResultT:
        """What the function gives."""
        last = self._last  # other threads may put theirs there meanwhile
        if last is None or last[0] is not turn:
            last = (turn, self._function(turn))
            self._last = last
        return last[1]


class SpokenArtifacts(NlpArtifacts):
    """Presidio's artifacts, and the turn they were made from."""

    def __init__(self, turn: Turn, **artifacts: Any) -> None:  # noqa: ANN401 - Presidio's own
        """Keep ``turn``; the rest goes to Presidio as it is."""
        super().__init__(**artifacts)
        self.turn = turn


_NONE: Final[Iterator[Found]] = iter(())
"""No match; the same each time, since an iterator that is done stays so."""


def turn_of(
    text: str,
    *,
    expects: tuple[tuple[str, int], ...] = (),
    known: frozenset[str] = frozenset(),
    medical: bool = False,
    language: str = DEFAULT,
) -> Turn:
    """Part a text into tokens."""
    spans = [match.span() for match in _TOKEN.finditer(text)]
    tokens: list[Token] = []
    offsets: list[int] = []
    position = 0
    for (start, end), (following, _) in pairwise([*spans, (len(text), 0)]):
        said = text[start:end]
        key = (said if said.isalnum() else _APOSTROPHE.sub("", said)).lower()
        after = text[end:following]
        if following == len(text) and after.strip():
            after += " "
        tokens.append(Token(key, start, end, after, said[0].isupper()))
        offsets.append(position)
        position += len(key) + 1
    return Turn(
        text=text,
        tokens=tuple(tokens),
        plain=" ".join(token.key for token in tokens),
        offsets=tuple(offsets),
        expects=expects,
        known=known,
        medical=medical,
        language=language,
    )


def turn_in(text: str, artifacts: NlpArtifacts | None) -> Turn:
    """The turn that ``artifacts`` carry, or one made from the text alone."""
    turn = getattr(artifacts, "turn", None)
    return turn if isinstance(turn, Turn) and turn.text == text else turn_of(text)
