"""What other thresholds would have silenced in stored calls, and what they would have left.

Two policies decide on what was weighed in each of the last calls (``pipeline.evidence.candidates``)
and are compared by place, as a shadow is. Before padding and muting; nothing is changed, and no
word is read. Outcomes: a ``Trial``; ``StoreError`` where vault or database are away.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents.vault.reader import CallFilter, StoredCallFacts, VaultReader
from pipeline.errors import RecordError, UnknownCallError
from pipeline.evaluation.change.policies import PolicyChange, policy_diff
from pipeline.evaluation.figures.span_agreement import ALL, Agreement, agreements
from pipeline.evidence.candidates import read_candidates
from pipeline.evidence.layout import CANDIDATES
from pipeline.policy.model import Policy

MOST: Final = 1_000
"""Calls that are gone through for one answer."""
WITHIN_S: Final = 20.0
_PAGE: Final = 200
_SEEN: Final = re.compile(
    r"(default|entities\..+)\.(action|threshold)|recognizers\..+\.(threshold|enabled|entities\..+)"
)
"""What the candidates of a call are decided by."""
_SAYS_NOTHING: Final = frozenset({"version", "review_by"})


@dataclass(frozen=True, slots=True)
class TriedCall:
    """A call in which the two policies differ."""

    call_id: str
    stored: datetime
    entities: tuple[Agreement, ...]
    """``ALL`` first; ``only_first`` is what would be removed, ``only_second`` what would be added.
    """

    @property
    def whole(self) -> Agreement:
        """Whatever the type."""
        return self.entities[0]


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome over all calls."""

    calls: int
    """That were compared."""
    without: int
    """Calls of which nothing is kept: they were stored by an older version, or are damaged."""
    entities: tuple[Agreement, ...]
    """Sums by type, ``ALL`` first."""
    differing: tuple[TriedCall, ...]
    """Those that would be redacted otherwise, what is removed first: it would be audible."""
    unseen: tuple[PolicyChange, ...] = ()
    """What else changes, whose effect is in none of the figures."""
    stopped: bool = False
    """Whether it took too long to go through all."""


def unseen(old: Policy, new: Policy) -> tuple[PolicyChange, ...]:
    """The changes from one policy to another that no trial sees."""
    return tuple(
        one
        for one in policy_diff(old, new)
        if one.field not in _SAYS_NOTHING
        and (not _SEEN.fullmatch(one.field) or one.field in _switched_on(old, new))
    )


def _switched_on(old: Policy, new: Policy) -> set[str]:
    """Recognisers that did not run when the calls were detected."""
    off = {name for name, rule in old.recognizers.items() if not rule.enabled}
    still = {name for name, rule in new.recognizers.items() if not rule.enabled}
    return {f"recognizers.{name}.enabled" for name in off - still}


def tried(
    reader: VaultReader, old: Policy, new: Policy, last: int, *, within_s: float = WITHIN_S
) -> Trial:
    """Compare two policies on the last calls.

    Args:
        reader: the stored calls.
        old: the policy in force.
        new: the one that is thought of.
        last: how many calls, at most ``MOST``.
        within_s: then it stops; what it saw by then are the newest ones.
    """
    found: list[TriedCall] = []
    sums: dict[str, Agreement] = {ALL: Agreement(ALL, 0, 0, 0, 0, 0, 0)}
    calls = without = 0
    until, stopped = time.monotonic() + within_s, False
    for facts in _last(reader, min(last, MOST)):
        if time.monotonic() > until:
            stopped = True
            break
        name = facts.call_id + CANDIDATES
        if name not in facts.files:
            without += 1
            continue
        try:
            weighed = read_candidates(b"".join(reader.file(facts.call_id, name)))
        except UnknownCallError:
            continue  # erased meanwhile
        except RecordError:
            without += 1
            continue
        calls += 1
        both = agreements(weighed.decided(old), weighed.decided(new), weighed.rate)
        for one in both:
            sums[one.entity] = _sum(sums.get(one.entity), one)
        if any(one.differs for one in both):
            found.append(TriedCall(facts.call_id, facts.stored, both))
    found.sort(key=lambda one: (-one.whole.only_first_ms, -one.whole.only_second_ms, one.call_id))
    return Trial(
        calls, without, tuple(sums.values()), tuple(found), unseen(old, new), stopped=stopped
    )


def _last(reader: VaultReader, count: int) -> Iterator[StoredCallFacts]:
    after: str | None = None
    while count > 0:
        page = reader.list_calls(CallFilter(passed=True), limit=min(count, _PAGE), after=after)
        yield from page.calls
        count -= len(page.calls)
        after = page.following
        if after is None:
            return


def _sum(one: Agreement | None, other: Agreement) -> Agreement:
    if one is None:
        return other
    return Agreement(
        one.entity,
        one.both_ms + other.both_ms,
        one.only_first_ms + other.only_first_ms,
        one.only_second_ms + other.only_second_ms,
        one.both + other.both,
        one.only_first + other.only_first,
        one.only_second + other.only_second,
    )
