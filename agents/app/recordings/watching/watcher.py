"""What is to be done with each recording of some places, and when: one ``step`` after another.

A recording goes through these states; a restart begins anew with the first, and changes nothing:

    found → settled (its sidecar is there, nothing changed for a while) → being sent → on its way
    → put away (stored), or put aside (refused), with a line of its own

Outcomes of ``step``: none; what happens is told, one line each, without content. A recording that
fails stops no other one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from agents.app.recordings.watching.outcomes import STORED, Ended, Outcomes
from agents.app.recordings.watching.places import After, Found, Loaded, Place
from pipeline.errors import BrokerError, InputError, StoreError

LONE_S: Final = 60.0
"""A recording without its sidecar is named after that time."""
AWAY_S: Final = 5.0
"""Nothing is sent for that time after the broker was away; and places are let be."""
AGAIN_S: Final = 900.0
"""A call of which nothing was heard for that time is sent again, then after twice the time, ….

Workers that lag are not to get everything once more and once more."""
AGAIN_LONGEST_S: Final = 6 * 3_600.0
WAITING: Final = 500
"""Calls that are on their way at once."""

_Key: TypeAlias = tuple[int, str]
"""Which place, and the recording's name in it."""

_WHY: Final = {
    "quarantined": "its verification failed; `hushwire quarantine list --vault VAULT` tells more",
    "erased": "it was erased before, and is not taken again",
}
_PART: Final = (
    "only a part of it is stored, or nobody tells that all of it is; the original is kept"
)


class Send(Protocol):
    """Sends recordings."""

    def call_id(self, loaded: Loaded) -> str:
        """The id that a recording's call has, or will have.

        Raises:
            InputError: it can't be read.
        """
        ...

    def send(self, loaded: Loaded) -> float:
        """Send a recording; returns its seconds once the broker has all of it.

        Raises:
            InputError: it is not taken.
            BrokerError: the broker is away.
        """
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """How recordings are taken."""

    after: After = After.MOVE
    sidecar: bool = True
    """Whether a recording waits for its sidecar."""
    settle_s: float = 2.0
    """For how long neither may have changed."""
    concurrency: int = 4
    """Recordings that are sent at once."""
    waiting: int = WAITING
    again_s: float = AGAIN_S


@dataclass(slots=True)
class _Sent:
    """A recording on its way."""

    found: Found
    call_id: str
    at: float
    again_s: float
    """After which time it is sent again."""


@dataclass(frozen=True, slots=True)
class _Offered:
    """What the sending of a recording brought."""

    call_id: str
    seconds: float | None
    """None: nothing was sent, its end is known already."""


@dataclass(slots=True)
class _State:
    """What is known of the recordings that lie in the places; all of it can be lost."""

    since: dict[_Key, tuple[Found, float]] = field(default_factory=dict)
    """When each was found as it is."""
    sending: dict[_Key, tuple[Found, Future[_Offered]]] = field(default_factory=dict)
    sent: dict[_Key, _Sent] = field(default_factory=dict)
    settled: dict[_Key, Found] = field(default_factory=dict)
    """Kept ones, and ones that could not be put anywhere: they are let be until they change."""
    named: set[str] = field(default_factory=set)
    """Lines that were told, and are as true now as in the last step."""
    hindered: set[str] = field(default_factory=set)
    """Lines that were told of sending that failed; until a recording is sent."""


class Watcher:
    """Watches places; a context manager.

    Args:
        places: where recordings are dropped.
        send: sends one; from several threads.
        outcomes: tells how calls ended.
        rule: how recordings are taken.
        tell: takes a line for people.
        clock: seconds, such as ``time.monotonic``.
    """

    def __init__(
        self,
        places: Sequence[Place],
        send: Send,
        outcomes: Outcomes,
        rule: Rule,
        *,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places, self._send, self._outcomes = places, send, outcomes
        self._rule, self._tell, self._clock = rule, tell, clock
        self._state = _State()
        self._holds: set[str] = set()
        """Lines that are true in this step."""
        self._rest: float = float("-inf")
        """Until when nothing is sent."""
        self._pool = ThreadPoolExecutor(rule.concurrency, thread_name_prefix="send")

    @property
    def being_sent(self) -> int:
        """Recordings that are being sent."""
        return len(self._state.sending)

    @property
    def on_their_way(self) -> int:
        """Recordings whose call has not ended yet."""
        return len(self._state.sent)

    def step(self) -> None:
        """Look at everything once."""
        self._holds = set()
        self._collect()
        self._put_away()
        found: dict[_Key, Found] = {}
        away: set[int] = set()
        for number, place in enumerate(self._places):
            try:
                look = place.look()
            except StoreError as error:
                self._once(f"waits: {error}")
                away.add(number)
                continue
            found |= {(number, one.name): one for one in look.recordings}
            for name, why in look.others.items():
                self._once(f"not taken: {name}: {why}")
        self._forget(found, away)
        self._take(found)
        self._state.named = self._holds

    def close(self, grace_s: float) -> int:
        """Take nothing more, and let go on what is being sent; how many were cut off."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        futures = [future for _, future in self._state.sending.values()]
        wait(futures, grace_s)
        self._collect()
        self._put_away()
        return len(self._state.sending)

    def _take(self, found: dict[_Key, Found]) -> None:
        """Begin to send what is ready, as far as there is room."""
        state, now = self._state, self._clock()
        for key, one in found.items():
            known = state.since.get(key)
            if known is None or known[0] != one:
                known = state.since[key] = (one, now)
            if key in state.sending or key in state.sent or state.settled.get(key) == one:
                continue
            lies = now - known[1]
            if self._rule.sidecar and not one.sidecar:
                if lies >= LONE_S:
                    self._once(
                        f"waits: {one.shown}: its sidecar is not there; --no-sidecar takes "
                        "recordings without one"
                    )
                continue
            full = len(state.sending) >= self._rule.concurrency
            full = full or len(state.sent) >= self._rule.waiting
            if lies >= self._rule.settle_s and not full and now >= self._rest:
                self._begin(key, one)

    def _begin(self, key: _Key, found: Found) -> None:
        self._state.sending[key] = found, self._pool.submit(self._offer, key[0], found)

    def _offer(self, number: int, found: Found) -> _Offered:
        """Send a recording unless its end is known; in a thread of the pool."""
        loaded = self._places[number].load(found)
        call_id = self._send.call_id(loaded)
        if self._outcomes.of(call_id) is not None:
            return _Offered(call_id, None)
        return _Offered(call_id, self._send.send(loaded))

    def _collect(self) -> None:
        """Hear what became of recordings that were being sent."""
        state = self._state
        for key, (found, future) in list(state.sending.items()):
            if not future.done() or future.cancelled():
                continue
            del state.sending[key]
            try:
                offered = future.result()
            except InputError as error:
                self._refuse(key, found, "refused", _about(found, str(error)))
            except (BrokerError, StoreError) as error:
                self._rest = self._clock() + AWAY_S
                again = ": it is sent again" if isinstance(error, BrokerError) else ""
                line = f"waits: {error}{again}"
                if line not in state.hindered:
                    state.hindered.add(line)
                    self._tell(line)
            except Exception as error:  # noqa: BLE001 - stops no other one; its message may hold words
                state.settled[key] = found
                self._tell(f"left: {found.shown}: a fault of ours, {type(error).__name__}")
            else:
                state.hindered.clear()
                before, wait_s = state.sent.get(key), self._rule.again_s
                if before is not None:
                    wait_s = min(2 * before.again_s, max(AGAIN_LONGEST_S, wait_s))
                state.sent[key] = _Sent(found, offered.call_id, self._clock(), wait_s)
                if offered.seconds is not None and before is None:
                    told = f"sent: {found.shown} ({offered.seconds:.0f} s)"
                    self._tell(f"{told}: call {offered.call_id}")

    def _put_away(self) -> None:
        """Put away what has ended, and ask again for what should have."""
        now = self._clock()
        for key, sent in list(self._state.sent.items()):
            ended = self._outcomes.of(sent.call_id)
            if key in self._state.sending:
                continue
            if ended is not None:
                self._end(key, sent, ended)
            elif now - sent.at >= sent.again_s and now >= self._rest:
                self._begin(key, sent.found)

    def _end(self, key: _Key, sent: _Sent, ended: Ended) -> None:
        place, found = self._places[key[0]], sent.found
        try:
            if not place.same(found):
                # Another recording lies there by now: it is found anew.
                del self._state.sent[key]
                return
            if ended.state == STORED and ended.whole:
                place.done(found, self._rule.after)
        except StoreError as error:
            self._once(f"waits: {error}")
            return
        del self._state.sent[key]
        if ended.state == STORED and ended.whole:
            self._state.settled[key] = found
            self._tell(f"stored: {found.shown}: call {sent.call_id}")
            return
        if ended.state == STORED:
            self._refuse(key, found, "incomplete", f"call {sent.call_id}: {_PART}")
            return
        why = _WHY.get(ended.state) or (
            f"nothing of it is stored{f' ({ended.code})' if ended.code else ''}; `hushwire ingest "
            "--again` takes it anew"
        )
        self._refuse(key, found, ended.state, f"call {sent.call_id}: {why}")

    def _refuse(self, key: _Key, found: Found, state: str, reason: str) -> None:
        self._tell(f"{state}: {found.shown}: {reason}")
        self._state.settled[key] = found
        try:
            self._places[key[0]].refuse(found, f"{state}: {reason}")
        except StoreError as error:
            self._tell(f"left: {error}; take it away, or let us move it")

    def _forget(self, found: dict[_Key, Found], away: set[int]) -> None:
        """Keep nothing of what lies there no more; of places that are away, everything."""

        def there(key: _Key) -> bool:
            return key in found or key[0] in away

        state = self._state
        state.since = {key: one for key, one in state.since.items() if there(key)}
        state.settled = {key: one for key, one in state.settled.items() if there(key)}
        state.sent = {
            key: one for key, one in state.sent.items() if there(key) or key in state.sending
        }

    def _once(self, line: str) -> None:
        """Tell a line that is true now, unless it was in the last step."""
        if line not in self._state.named | self._holds:
            self._tell(line)
        self._holds.add(line)


def _about(found: Found, problem: str) -> str:
    """A problem without the name of the file, which the line begins with."""
    last = found.shown.rpartition("/")[2]
    for prefix in (f"{last}: ", "recording: "):
        problem = problem.removeprefix(prefix)
    return problem
