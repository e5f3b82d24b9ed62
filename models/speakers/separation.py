"""Who says what on a channel that agent and customer share.

The tokens are parted into stretches: at pauses, behind sentences, around placeholders. For each of
them the voice, where one is heard, says which of the others it is like; the words say whether an
agent or a customer would say them; and what stands between two stretches says how likely the other
takes over there. The likeliest course of the talk by all three is taken (Viterbi), and the two
voices are worked out anew from it, until nothing changes.

Without a voice encoder, or where the voices don't differ, words and course are all there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from models.speakers.role_words import agent_odds
from pipeline.evidence.stored_call import Heard
from pipeline.evidence.turns import ENDS, Token
from pipeline.records.model import Interval, Role
from pipeline.transcription.voice_activity import VOICE_RATE, Samples

Table = NDArray[np.float32]
ROLES: Final = (Role.AGENT, Role.CUSTOMER)

_PAUSE_S: Final = 0.3
"""Silence that ends a stretch."""
_LEAST_S: Final = 0.3
"""Shorter speech has no voice that could be told."""
_HEARD_S: Final = 3.2
"""Of longer speech the beginning is heard: so much the encoder reads in two readings."""
_AT_ONCE: Final = 64
"""Stretches whose audio is held side by side."""
_TWO: Final = 2
_COUNTED_S: Final = 3.0
"""Longer speech counts no more than this for what a voice is like."""
_SURE_S: Final = 2.0
"""Longer speech is no surer."""
_NEARNESS: Final = 16.0
"""How much a second of speech says, for each unit of cosine by which one voice is nearer."""
_LONG: Final = 12
"""The longest stretches, of which the two least alike are where the voices are looked for first."""
_PAIRS: Final = 6
_ROUNDS: Final = 10
_SETTLED: Final = 1e-4
_TAKES_PAUSE_S: Final = 0.7

# By how much less likely it is that the same one goes on, or the other takes over.
_ASKED: Final = (0.8, 0.0)
_ENDED: Final = (0.0, 0.9)
_ENDED_PAUSE: Final = (0.0, 0.4)
_AMID: Final = (0.0, 2.0)
_AMID_PAUSE: Final = (0.0, 0.8)


class Embeds(Protocol):
    """What hears voices, such as ``voice_encoder.VoiceEncoder``."""

    def embed(self, pieces: Sequence[Samples]) -> Table:
        """A vector of length 1 for each piece at ``VOICE_RATE``."""
        ...


@dataclass(slots=True)
class Stretch:
    """Tokens that one person says."""

    tokens: list[Token] = field(default_factory=list, repr=False)

    @property
    def silenced(self) -> bool:
        """Whether it is a placeholder."""
        return bool(self.tokens[0].entity)

    @property
    def start(self) -> int:
        """Its first sample."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """The sample behind it."""
        return max(token.end for token in self.tokens)

    @property
    def odds(self) -> float:
        """Log-odds that the agent says it, by its words."""
        if self.silenced:
            return agent_odds("", [self.tokens[0].entity])
        return agent_odds(" ".join(token.text for token in self.tokens))


def stretches(tokens: Sequence[Token], rate: int) -> list[Stretch]:
    """Tokens of a channel, in order, parted where somebody else may take over."""
    pause = _PAUSE_S * rate
    found: list[Stretch] = []
    for token in tokens:
        last = found[-1].tokens[-1] if found else None
        goes_on = (
            last is not None
            and not (last.entity or token.entity)
            and token.start - last.end < pause
            and last.text[-1:] not in ENDS
        )
        if not goes_on:
            found.append(Stretch())
        found[-1].tokens.append(token)
    return found


class Diarizer:
    """Tells the two sides of a shared channel apart.

    Args:
        encoder: hears voices; None: words and the course of the talk are all there is.
    """

    def __init__(self, encoder: Embeds | None = None) -> None:
        self._encoder = encoder

    def roles(self, tokens: Sequence[Token], rate: int, audio: Heard) -> list[Role]:
        """The role of each token.

        Args:
            tokens: of the channel, in order.
            rate: samples a second of their times.
            audio: gives the channel's audio; asked for some stretches at a time, in order, and for
                no more than a few seconds of each.
        """
        parts = stretches(tokens, rate)
        if not parts:
            return []
        course = _likeliest(parts, rate, self._heard(parts, rate, audio))
        return [ROLES[side] for part, side in zip(parts, course, strict=True) for _ in part.tokens]

    def _heard(self, parts: Sequence[Stretch], rate: int, audio: Heard) -> _Voices | None:
        """The voices of the stretches that can be heard; None where that is one at most."""
        least, most = round(_LEAST_S * rate), round(_HEARD_S * rate)
        places = [
            at
            for at, part in enumerate(parts)
            if not part.silenced and part.end - part.start >= least
        ]
        if self._encoder is None or len(places) < _TWO:
            return None
        kept: list[int] = []
        vectors: list[Table] = []
        for first in range(0, len(places), _AT_ONCE):
            some = places[first : first + _AT_ONCE]
            ends = [min(parts[at].end, parts[at].start + most) for at in some]
            asked = [Interval(parts[at].start, end) for at, end in zip(some, ends, strict=True)]
            heard = {
                at: piece
                for at, piece in zip(some, audio(asked), strict=True)
                if len(piece) >= _LEAST_S * VOICE_RATE and np.any(piece)
            }
            if heard:
                kept += heard
                vectors.append(self._encoder.embed([*heard.values()]))
        if len(kept) < _TWO:
            return None
        seconds = [(parts[at].end - parts[at].start) / rate for at in kept]
        return _Voices(kept, np.concatenate(vectors), np.array(seconds, np.float32))


@dataclass(slots=True)
class _Voices:
    """What was heard of some stretches."""

    places: list[int]
    """Which of the stretches they are."""
    vectors: Table
    seconds: Table

    def two(self) -> Table:
        """Two voices that explain the stretches best, by the voices alone."""
        weights = np.minimum(self.seconds, _COUNTED_S)
        longest = np.argsort(-weights, kind="stable")[:_LONG]
        alike = self.vectors[longest] @ self.vectors[longest].T
        pairs = [(alike[a, b], a, b) for a in range(len(longest)) for b in range(a)]
        tried = []
        for _, one, other in sorted(pairs)[:_PAIRS]:
            means = self.vectors[longest[[one, other]]]
            for _ in range(_ROUNDS):
                moved = self.means((self.vectors @ means.T).argmax(axis=1))
                if moved is None or np.allclose(moved, means, atol=_SETTLED):
                    break
                means = moved
            tried.append((float((weights * (self.vectors @ means.T).max(axis=1)).sum()), means))
        return max(tried, key=lambda one: one[0])[1]

    def means(self, sides: NDArray[np.int64]) -> Table | None:
        """What each side sounds like; None where one of them says nothing."""
        weights = np.minimum(self.seconds, _COUNTED_S)
        sums = np.stack(
            [(self.vectors * (weights * (sides == side))[:, None]).sum(axis=0) for side in (0, 1)]
        )
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        return None if not norms.all() else np.asarray(sums / norms, np.float32)

    def gains(self, means: Table, count: int) -> Table:
        """How much likelier each stretch is of each side, shape ``(stretches, 2)``."""
        near = self.vectors @ means.T
        sure = _NEARNESS * np.sqrt(np.minimum(self.seconds, _SURE_S))
        found = np.zeros((count, 2), np.float32)
        found[self.places] = (near - near.mean(axis=1, keepdims=True)) * sure[:, None]
        return found


def _likeliest(parts: Sequence[Stretch], rate: int, voices: _Voices | None) -> list[int]:
    """The side of each stretch: 0 the agent, 1 the customer."""
    half = np.array([part.odds / 2 for part in parts], np.float32)
    words = np.stack([half, -half], axis=1)
    steps = [_step(before, after, rate) for before, after in pairwise(parts)]
    course, _ = _course(words, steps)
    if voices is None:
        return course
    # Which voice is whose, the words say; they are where to begin where the voices mislead.
    two = voices.two()
    told = voices.means(np.array(course)[voices.places])
    starts = [two, two[::-1], *([] if told is None else [told])]
    tried = [_settled(start, voices, words, steps) for start in starts]
    return min(tried, key=lambda one: one[1])[0]


def _settled(
    means: Table, voices: _Voices, words: Table, steps: Sequence[tuple[float, float]]
) -> tuple[list[int], float]:
    """The likeliest course by voices that are worked out anew from it, and its cost."""
    course, cost = _course(words + voices.gains(means, len(words)), steps)
    for _ in range(_ROUNDS):
        moved = voices.means(np.array(course)[voices.places])
        if moved is None or np.allclose(moved, means, atol=_SETTLED):
            break
        means = moved
        course, cost = _course(words + voices.gains(means, len(words)), steps)
    return course, cost


def _step(before: Stretch, after: Stretch, rate: int) -> tuple[float, float]:
    """What it costs that the same one goes on, and that the other takes over."""
    gap = after.start - before.end
    last = before.tokens[-1].text[-1:]
    if last == "?":
        return _ASKED
    if last in ENDS or before.silenced or after.silenced:
        return _ENDED_PAUSE if gap > _PAUSE_S * rate else _ENDED
    return _AMID_PAUSE if gap > _TAKES_PAUSE_S * rate else _AMID


def _course(gains: Table, steps: Sequence[tuple[float, float]]) -> tuple[list[int], float]:
    """The likeliest course (Viterbi), and its cost.

    Args:
        gains: of each stretch, by side.
        steps: between stretches, the costs of going on and of taking over.
    """
    costs = -gains[0]
    came: list[NDArray[np.int64]] = []
    for gain, (stays, takes) in zip(gains[1:], steps, strict=True):
        ways = costs[:, None] + np.array([[stays, takes], [takes, stays]], np.float32)
        came.append(ways.argmin(axis=0))
        costs = ways.min(axis=0) - gain
    side = int(costs.argmin())
    found = [side]
    for back in reversed(came):
        side = int(back[side])
        found.append(side)
    return found[::-1], float(costs.min())
