"""``hushwire backfill``: sends an archive's recordings, a few at a time, until their calls ended.

A recording's call is noted before any of it is sent, and how that stands is asked of the ledger
alone. So a kill at any moment loses nothing: a call whose sending was broken off is sent again
whole, or, where workers ended it meanwhile, told as stored in part. A recording that could not be
taken is noted with a code, and taken anew when it was changed, or with ``again``.

Outcomes of ``backfill``: a ``Report``; ``HushwireError`` where the archive, ledger or broker can't
be used: the same call goes on.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from rich.console import Console

from agents.access.log_search import LogQuery, search
from agents.app.operations.worker_states import BEAT_S, WorkerStates
from agents.app.recordings.backfill.pacing import Pacing
from agents.app.recordings.backfill.plan import Item, Rule, archive_key, wanted, written
from agents.app.recordings.backfill.report import Fate, Report, Through
from agents.app.recordings.ingest import (
    ON_THEIR_WAY,
    Outcome,
    RecordingSender,
    stands,
)
from agents.app.recordings.recording_folder import Drop, read_drop
from agents.app.recordings.watching.places import Place
from agents.app.recordings.watching.run_watch import open_place, stopped_by_signals
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.database.backfilled import Backfilled, Noted
from agents.database.call_ledger import Ledger
from agents.database.known_keys import HeldTokenKey
from agents.database.open_ledger import opened_ledger
from agents.database.policies.of_installation import policy_in_force
from agents.kafka.producer import CallProducer
from agents.kafka.security import KafkaSecurity, named_broker
from agents.kafka.topics import Topics, reach_broker
from agents.runtime.stage_runtime import BACKFILL
from agents.settings.consent_rules import at_the_door
from agents.settings.model import STATE, Settings
from agents.settings.notices import line_names
from agents.system.clock import stamp
from agents.system.progress import Through as Progress
from agents.system.progress import plain
from agents.vault.file_store import is_bucket
from agents.vault.locks import working_together
from pipeline.errors import BrokerError, InputError, StoreError
from pipeline.records.stages import ADMIT, STAGES

LOOK_S: Final = 1.0
"""How often the calls in work are looked up."""
WORKERS_S: Final = 1.5 * BEAT_S
"""How long is waited for workers that were just started to tell so."""
_FATES: Final = {
    Outcome.STORED_BEFORE: Fate.STORED,
    Outcome.STORED_IN_PART: Fate.IN_PART,
    Outcome.QUARANTINED_BEFORE: Fate.QUARANTINED,
    Outcome.REFUSED_BEFORE: Fate.REFUSED,
}
_WHY: Final = {
    Fate.IN_PART: "not all of it came; --again takes it anew, as a call beside that part",
    Fate.QUARANTINED: "its verification failed; `hushwire quarantine list` tells more",
    Fate.ERASED: "it is not taken again",
}
_NOT_TAKEN: Final = {
    "audio": "it can't be read as audio",
    "consent": "what is stated of it forbids it",
}
"""Why a recording was not taken, by code; the sentence that tells more may name recordings."""
_UNUSABLE: Final = "it or its sidecar can't be used"
_CHANGED: Final = "it was changed or taken away while it was read; ask again"


def backfill(
    location: str,
    settings: Settings,
    rule: Rule,
    *,
    console: Console,
    stop: threading.Event | None = None,
) -> Report:
    """Redact an archive; call it from the main thread.

    Args:
        location: a folder, or ``s3://bucket/prefix``.
        settings: which broker and ledger.
        rule: what is wanted, and how fast.
        console: where it is told how far it is.
        stop: ends it; without it, SIGTERM and SIGINT do.

    Raises:
        InputError: the archive is no folder or holds no recordings, or the dates can't be meant.
        StoreError: the bucket or the ledger is away.
        BrokerError: the broker is away, or no worker takes calls of archives.
    """
    place = open_place(location)
    location = location.rstrip("/") if is_bucket(location) else str(Path(location).resolve())
    state = settings.state_folder(STATE)
    with (
        stopped_by_signals(stop) as over,
        working_together(settings, state),
        opened_ledger(settings, STATE, make_key=True) as ledger,
    ):
        rule = rule.checked(ledger.database.now())
        plain(console, f"looking at {location}")
        look = place.look()
        if not look.recordings:
            raise InputError(f"{location}: no recordings in it (WAV, FLAC, Ogg, MP3, M4A or WebM)")
        named = Pseudonyms(HeldTokenKey(ledger.database, settings.token_key_file(state)))
        noted = Backfilled(ledger.database, archive_key(location, named))
        items = wanted(place, look.recordings, noted.known(), rule, named)
        others = f"; {len(look.others)} other files, not taken" if look.others else ""
        plain(console, f"{len(items)} of {len(look.recordings)} recordings are wanted{others}")
        run = _Run(place, items, rule, settings, ledger, named, noted, console, over)
        began = time.monotonic()
        if run.waiting or run.in_work:
            # Before a call is opened that could not be sent.
            reach_broker(named_broker(settings), client=KafkaSecurity.of(settings).librdkafka())
            run.require_workers()
        run.carry_out()
        return Report(
            location,
            stamp(rule.since) if rule.since else "",
            stamp(rule.until) if rule.until else "",
            tuple(run.through()),
            others=len(look.others),
            sent=tuple(run.sent),
            wall_seconds=time.monotonic() - began,
            stopped=over.is_set(),
        )


@dataclass(slots=True)
class _Run:
    """One run over the wanted recordings of an archive."""

    place: Place
    items: list[Item]
    rule: Rule
    settings: Settings
    ledger: Ledger
    named: Pseudonyms
    noted: Backfilled
    console: Console
    over: threading.Event
    waiting: deque[Item] = field(default_factory=deque)
    in_work: dict[str, Through] = field(default_factory=dict)
    """By key: sent, and its call has not ended."""
    ended: dict[str, Through] = field(default_factory=dict)
    """By key."""
    sent: list[float] = field(default_factory=list)
    """Seconds of each that was sent in this run."""

    def __post_init__(self) -> None:
        calls = {one.noted.call_id for one in self.items if one.noted is not None}
        known = stands(self.ledger.database, calls)
        for item in self.items:
            noted = item.noted
            outcome = known.get(noted.call_id) if noted is not None else None
            if noted is None or item.to_be_sent(outcome, again=self.rule.again):
                self.waiting.append(item)
                continue
            one = Through(item.found.shown, Fate.IN_WORK, noted.call_id, seconds=noted.seconds)
            if noted.code:
                why = f"{_NOT_TAKEN.get(noted.code, _UNUSABLE)}; --again takes it anew"
                self.ended[item.key] = Through(item.found.shown, Fate.NOT_TAKEN, reason=why)
            else:
                self._place(item.key, one, outcome, told=lambda _: None)

    def through(self) -> Iterator[Through]:
        """What became of each, in their order."""
        for item in self.items:
            known = self.ended.get(item.key) or self.in_work.get(item.key)
            yield known or Through(item.found.shown, Fate.NOT_BEGUN)

    def require_workers(self) -> None:
        """Refuse to send what nobody would read, as far as workers tell the ledger.

        Raises:
            BrokerError: a stage has no worker.
        """
        deadline = time.monotonic() + WORKERS_S
        while missing := self._without_worker():
            if self.over.wait(LOOK_S):
                return
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"no worker takes archives' calls ({', '.join(missing)}): start workers with "
                    "HUSHWIRE_BACKFILL=true, then ask again"
                )

    def _without_worker(self) -> list[str]:
        now = self.ledger.database.now()
        alive = [one for one in WorkerStates(self.ledger.database).known() if one.alive(now)]
        told = {count for one in alive for count in one.counts}
        stages = (stage for stage in STAGES if stage != ADMIT)
        return [one for one in stages if f"in_flight.{BACKFILL}-{one}" not in told]

    def carry_out(self) -> None:
        """Send what waits and wait for the calls, unless it is stopped."""
        topic = Topics.named(self.settings.topic_prefix).backfill().audio_raw
        client = KafkaSecurity.of(self.settings).librdkafka()
        done = len(self.ended)
        with (
            CallProducer(named_broker(self.settings), topic, client=client) as producer,
            Progress(self.console, len(self.items), "recordings", before=done) as progress,
        ):
            sender, pacing = self._sender(producer), Pacing(self.rule.rate)
            while (self.waiting or self.in_work) and not self.over.is_set():
                self._look(progress.through)
                if self.waiting and len(self.in_work) < self.rule.at_once and not pacing.wait_s:
                    self._next(sender, pacing, progress.through)
                elif self.waiting or self.in_work:
                    self.over.wait(min(LOOK_S, pacing.wait_s or LOOK_S))

    def _sender(self, producer: CallProducer) -> RecordingSender:
        allowed = at_the_door(self.settings)
        return RecordingSender(
            producer,
            self.ledger,
            self.settings.chunk_seconds,
            self.named,
            line_names(self.settings),
            lambda call: allowed(call, policy_in_force(self.settings, self.ledger)),
            embedded=False,
            again=self.rule.again,
            archive=True,
        )

    def _look(self, told: Callable[[str], None]) -> None:
        """See which calls have ended."""
        known = stands(self.ledger.database, {one.call_id for one in self.in_work.values()})
        for key, one in list(self.in_work.items()):
            self._place(key, one, known.get(one.call_id), told)

    def _next(self, sender: RecordingSender, pacing: Pacing, told: Callable[[str], None]) -> None:
        """Send the next recording, or say why not."""
        item, drop, call_id = self.waiting.popleft(), None, ""
        name = item.found.shown

        def note(opened: str, seconds: float = 0.0, code: str = "") -> None:
            nonlocal call_id
            call_id = opened
            self.noted.note(item.key, Noted(item.mark, _began(item, drop), opened, seconds, code))

        pacing.began()
        try:
            loaded = self.place.load(item.found)
            sidecar = None if loaded.content is None else loaded.sidecar
            drop = read_drop(
                loaded.path,
                language=self.settings.language,
                named=self.named.call_id,
                sidecar=sidecar,
            )
            call_id = drop.call_id
            result = sender.take(drop, loaded.content, opens=note)
        except (InputError, StoreError) as error:
            if not self.place.same(item.found):
                self._end(item.key, Through(name, Fate.CHANGED, reason=_CHANGED), told)
                return
            if not isinstance(error, InputError):
                raise
            note(call_id, code=error.code)
            reason = _about(name, str(error))
            self._end(item.key, Through(name, Fate.NOT_TAKEN, reason=reason), told)
            return
        if result.outcome is Outcome.OPEN_ELSEWHERE:
            reason = _about(name, result.problem)
            self._end(item.key, Through(name, Fate.ELSEWHERE, result.call_id, reason), told)
            return
        if result.outcome is Outcome.SENT:
            self.sent.append(result.seconds)
            pacing.sent(result.seconds)
        else:
            note(result.call_id, result.seconds)
        one = Through(name, Fate.IN_WORK, result.call_id, seconds=result.seconds)
        self._place(item.key, one, result.outcome, told)

    def _place(
        self, key: str, one: Through, outcome: Outcome | None, told: Callable[[str], None]
    ) -> None:
        """See whether a recording's call has ended, and how; None: it is not in the ledger."""
        if outcome in ON_THEIR_WAY:
            self.in_work[key] = one
            return
        fate = _FATES.get(outcome, Fate.ERASED) if outcome else Fate.ERASED
        reason = _WHY.get(fate, "")
        if fate is Fate.REFUSED:
            code = self._code(one.call_id)
            why = f" ({code})" if code else ""
            reason = f"nothing of it is stored{why}; --again takes it anew"
        self._end(key, replace(one, fate=fate, reason=reason), told)

    def _end(self, key: str, one: Through, told: Callable[[str], None]) -> None:
        self.in_work.pop(key, None)
        self.ended[key] = one
        told(one.line if one.fate.told else "")

    def _code(self, call_id: str) -> str:
        """Why a call was refused, in a word of the audit log."""
        page = search(self.ledger.database, LogQuery(call=call_id), limit=20)
        for entry in page.entries:
            code = entry.facts.get("code")
            if isinstance(code, str):
                return code
            if entry.facts.get("what") == "call-expired":
                return "open for too long"
        return ""


def _began(item: Item, drop: Drop | None) -> str:
    return item.began or (drop.started_at if drop else "") or stamp(written(item.found))


def _about(name: str, problem: str) -> str:
    """A problem without the name of the file, which the line has already."""
    last = name.rpartition("/")[2]
    for prefix in (f"{last}: ", "recording: "):
        problem = problem.removeprefix(prefix)
    return problem
