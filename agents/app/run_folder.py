"""``hushwire run``: a folder of recordings through all stages into a vault, with live progress.

Outcomes: a ``Summary`` once every recording was stored, quarantined or refused. Calls that the
vault holds already are skipped, so an interrupted run is simply started again. On the embedded
broker, which keeps nothing, unfinished calls are sent anew; on a cluster they go on. A run with an
embedded broker has ledger and vault for itself, and ends no call but those of such runs.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from agents.access.audit_log import AuditLog
from agents.app.recordings.ingest import ON_THEIR_WAY, Ingested, Outcome
from agents.app.recordings.recording_folder import recordings_at
from agents.app.wiring import ingest_files, worker_config
from agents.app.worker import run_worker
from agents.database.call_ledger import CallState, Ledger
from agents.database.open_ledger import opened_ledger
from agents.kafka.embedded_broker import EmbeddedBroker
from agents.kafka.security import IN_CLEAR, KafkaSecurity
from agents.kafka.topics import reach_broker
from agents.settings.model import Settings
from agents.settings.policies import read_policy
from agents.system import fatal_exit
from agents.system.logging import configure_logging
from agents.system.metrics import Metrics, Snapshot
from agents.system.progress import BEAT_S, plain
from agents.system.screen import print_list
from agents.upkeep.unfinished_calls import forget_own
from agents.vault.file_store import AREAS, is_bucket, same_place, state_inside
from agents.vault.locks import working_alone, working_together
from agents.vault.vault import Vault
from pipeline.errors import InputError
from pipeline.records.call_names import shown
from pipeline.records.stages import ADMIT, STAGES

POLL_S = 0.3
OWN = tuple(stage for stage in STAGES if stage != ADMIT)
"""Stages of a run: it opens its calls itself, nothing comes in by the door."""
_KEPT = ON_THEIR_WAY | {Outcome.STORED_BEFORE}
"""Outcomes of recordings that may be stored."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run brought."""

    results: tuple[Ingested, ...]
    """Of every recording, as ingest saw it."""
    states: Mapping[str, CallState]
    """How every call ended that was sent, or that the ledger knew."""
    spans: Mapping[str, int]
    """Spans found, by entity type."""
    dead_letters: Mapping[str, int]
    """By code."""
    audio_seconds: float
    wall_seconds: float
    """From the first recording to the last stored call, models loaded before."""

    @property
    def clean(self) -> bool:
        """Every single recording is stored and nothing went to the dead letters."""
        return bool(self.results) and not self.missing and not self.dead_letters

    @property
    def ended(self) -> Mapping[str, int]:
        """How many calls of this run stand how; of an erased one the ledger says "stored"."""
        return _stand(self.results, self.states)

    @property
    def missing(self) -> tuple[Ingested, ...]:
        """Recordings of which nothing is stored."""
        return tuple(
            one
            for one in self.results
            if one.outcome not in _KEPT or self.states.get(one.call_id) is not CallState.STORED
        )

    @property
    def speed(self) -> float:
        """Multiple of real time."""
        return self.audio_seconds / self.wall_seconds if self.wall_seconds else 0.0


def run_folder(
    source: Path,
    vault: str | Path,
    settings: Settings,
    *,
    console: Console,
    again: bool = False,
) -> Summary:
    """Redact a folder; call it from the main thread.

    Args:
        source: folder or file.
        vault: folder of the vault, made when missing, or ``s3://bucket/prefix``.
        settings: without ``bootstrap``, the embedded broker runs as a child process.
        console: where progress and summary are shown.
        again: take recordings whose calls were refused anew.

    Raises:
        BusyError: another process works on the ledger or the vault.
        HushwireError: the source is unusable, or something that the stages need is missing.
    """
    files = recordings_at([source])
    _refuse_stored(files, vault)
    read_policy(settings)  # refused before anything is made
    inside, options = state_inside(vault), same_place(vault, settings.state_dir)
    if settings.bootstrap:
        reach_broker(settings.bootstrap, client=KafkaSecurity.of(settings).librdkafka())
    configure_logging("warning" if settings.log_level == "info" else settings.log_level)
    with ExitStack() as stack:
        changes: dict[str, object] = {"state_dir": settings.state_folder(inside)}
        embedded = settings.bootstrap is None
        lock = working_alone if embedded else working_together
        stack.enter_context(lock(settings, settings.state_folder(inside), vault))
        if embedded:
            changes["bootstrap"] = stack.enter_context(EmbeddedBroker()).bootstrap
            changes |= IN_CLEAR
        settings = settings.model_copy(update=changes)
        ledger = stack.enter_context(opened_ledger(settings, inside, make_key=True))
        opened = Vault.opened(vault, ledger)
        if embedded:
            forget = partial(forget_own, ledger, AuditLog(ledger.database), opened)
            forget()
            stack.callback(forget)  # the broker's records end with it, so the keys do, too
        run = _Run(
            files, vault, settings, ledger, console, opened, options, embedded=embedded, again=again
        )
        summary = run.carry_out()
    _print_summary(summary, vault, console, options)
    return summary


def _refuse_stored(files: list[Path], vault: str | Path) -> None:
    """Refuse recordings where the vault puts its calls.

    Raises:
        InputError: there is one.
    """
    if is_bucket(vault):
        return
    areas = [(Path(vault) / one).resolve() for one in AREAS]
    for path in files:
        if any(path.resolve().is_relative_to(area) for area in areas):
            raise InputError(
                f"{shown(path.name)}: it lies among the calls of the vault; name another folder "
                "with --to"
            )


@dataclass(slots=True)
class _Run:
    """The worker in the main thread, ingest and display in another."""

    files: list[Path]
    vault: str | Path
    settings: Settings
    ledger: Ledger
    console: Console
    opened: Vault
    options: str
    """Of commands that are advised, see ``same_place``."""
    embedded: bool
    again: bool
    metrics: Metrics = field(default_factory=Metrics)
    results: list[Ingested] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0
    failure: BaseException | None = None
    told: set[Path] = field(default_factory=set)
    """Recordings of whose end a line has told."""
    beat: float = 0.0
    """When a line tells next what goes on, in seconds from the first recording."""
    over: threading.Event = field(default_factory=threading.Event)
    """The worker has stopped."""

    def carry_out(self) -> Summary:
        asyncio.run(self._work())
        fatal_exit.in_time()  # a signal that came at the end: what is left is to tell
        if self.failure is not None:
            raise self.failure
        snapshot, states = self.metrics.snapshot(), self._states()
        return Summary(
            results=tuple(self._looked_up(one, states) for one in self.results),
            states=states,
            spans=snapshot.spans,
            dead_letters={code: n for code, n in snapshot.dead_letters.items() if n},
            audio_seconds=sum(one.seconds for one in self.results if one.outcome is Outcome.SENT),
            wall_seconds=self.ended - self.began,
        )

    async def _work(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        config = replace(
            worker_config(list(OWN), self.vault, self.settings), embedded=self.embedded
        )
        doing = "loading models and joining the broker"
        if not self.console.is_terminal:
            self._line(f"{len(self.files)} recordings; {doing}")
        with self.console.status(doing) as status:
            feeder = threading.Thread(target=self._feed, args=(loop, stop), daemon=True)

            def ready() -> None:
                status.stop()
                feeder.start()

            try:
                await run_worker(config, stop=stop, metrics=self.metrics, ready=ready)
                if not self.ended:
                    # A signal stopped the worker before the last call was stored.
                    raise KeyboardInterrupt
            finally:
                self.over.set()
                if feeder.is_alive():
                    feeder.join()  # it calls the loop, which goes with this

    def _feed(self, loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
        """Ingest, wait for the last call, then stop the worker."""
        self.began = time.monotonic()
        try:
            with Live(console=self.console, transient=True, auto_refresh=False) as live:
                sender = threading.Thread(target=self._send, daemon=True)
                sender.start()
                while not self.over.is_set() and (sender.is_alive() or self._open()):
                    self._show(live)
                    self.over.wait(POLL_S)
                self._show(live)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            self.failure = self.failure or error
        self.ended = time.monotonic()
        loop.call_soon_threadsafe(stop.set)

    def _send(self) -> None:
        try:
            ingest_files(
                self.files,
                self.ledger,
                self.settings,
                self.results.append,
                embedded=self.embedded,
                again=self.again,
                options=self.options,
            )
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            self.failure = error

    def _open(self) -> bool:
        """Whether a call that is on this broker is not closed yet."""
        if self.failure is not None:
            return False
        here = {one.call_id for one in list(self.results) if one.outcome in ON_THEIR_WAY}
        states = self._states()
        return any(states.get(call_id) is CallState.OPEN for call_id in here)

    def _states(self) -> dict[str, CallState]:
        known = {one.call_id: self.ledger.state(one.call_id) for one in list(self.results)}
        return {call_id: state for call_id, state in known.items() if state is not None}

    def _looked_up(self, one: Ingested, states: Mapping[str, CallState]) -> Ingested:
        """What became of a recording; the ledger does not say in which vault it was stored."""
        stored = one.outcome in _KEPT and states.get(one.call_id) is CallState.STORED
        if not stored or self.opened.holds(one.call_id):
            return one
        problem = (
            f"{shown(one.path.name)}: call {one.call_id}: this vault does not have it as it was "
            "stored; name the vault that belongs to the ledger, or another state folder"
        )
        return replace(one, outcome=Outcome.STORED_ELSEWHERE, problem=problem)

    def _show(self, live: Live) -> None:
        """What goes on: a table on a terminal, elsewhere lines: of calls that ended, and beats."""
        if self.console.is_terminal:
            live.update(self._display(), refresh=True)
            return
        states, elapsed = self._states(), time.monotonic() - self.began
        for one in list(self.results):
            state = states.get(one.call_id, CallState.OPEN)
            if (
                one.outcome in ON_THEIR_WAY
                and state is not CallState.OPEN
                and one.path not in self.told
            ):
                self.told.add(one.path)
                place = f"{len(self.told)} of {len(self.files)} after {elapsed:.0f} s"
                self._line(f"{one.call_id}: {state.value}, {place}")
        in_work = _stand(list(self.results), states)[CallState.OPEN.value]
        if in_work and elapsed >= self.beat:
            self.beat = elapsed + BEAT_S
            found = _spans_line(self.metrics.snapshot().spans)
            sent = len(self.results)
            self._line(f"after {elapsed:.0f} s: {in_work} of {sent} calls in work; {found}")

    def _line(self, text: str) -> None:
        plain(self.console, text)

    def _display(self) -> Group:
        snapshot = self.metrics.snapshot()
        elapsed = max(time.monotonic() - self.began, 1e-6)
        states = _stand(list(self.results), self._states())
        calls = Table(title=f"{len(self.results)} of {len(self.files)} recordings read", box=None)
        for name in ("stored", "open", "quarantined"):
            calls.add_column(name, justify="right")
        calls.add_row(*(str(states[name]) for name in ("stored", "open", "quarantined")))
        speed = f"{snapshot.audio_seconds / elapsed:.1f} times real time heard"
        return Group(calls, _stage_table(snapshot), speed, _spans_line(snapshot.spans))


def _stand(results: Iterable[Ingested], states: Mapping[str, CallState]) -> Counter[str]:
    """How many calls stand how, of those that are on this broker."""
    here = (one.call_id for one in results if one.outcome in ON_THEIR_WAY)
    return Counter(states[call_id].value for call_id in here if call_id in states)


def _stage_table(snapshot: Snapshot) -> Table:
    table = Table("stage", box=None)
    for title in ("finished", "in work", "lag (records)"):
        table.add_column(title, justify="right")
    for stage in OWN:
        counts = (snapshot.calls, snapshot.in_flight, snapshot.lag)
        table.add_row(stage, *(str(count.get(stage, 0)) for count in counts))
    return table


def _spans_line(spans: Mapping[str, int]) -> str:
    ordered = sorted(spans.items(), key=lambda item: (-item[1], item[0]))
    return "spans: " + (", ".join(f"{name} {count}" for name, count in ordered) or "none yet")


def _print_summary(summary: Summary, vault: str | Path, console: Console, options: str) -> None:
    outcomes = Counter(one.outcome for one in summary.results)
    rows = [("vault", str(vault)), ("recordings", str(len(summary.results)))]
    rows += [
        (outcome.value, str(outcomes[outcome]))
        for outcome in Outcome
        if outcome is not Outcome.SENT and outcomes[outcome]
    ]
    for name, count in sorted(summary.ended.items(), reverse=True):
        rows.append((f"calls {name}", str(count)))
    rows.append(("dead letters", str(sum(summary.dead_letters.values()))))
    rows.append(("audio", f"{summary.audio_seconds:.0f} s"))
    if summary.audio_seconds:
        rows.append(("time", f"{summary.wall_seconds:.1f} s ({summary.speed:.1f} times real time)"))
        rows.append(("found", _spans_line(summary.spans).removeprefix("spans: ")))
    print_list(console, ("this run", ""), rows)
    for line in _hints(summary, options):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for one in summary.missing:
        if one.problem:
            console.print(one.line, style="red", markup=False, highlight=False, soft_wrap=True)


def _hints(summary: Summary, options: str) -> Iterator[str]:
    if len(summary.missing) < len(summary.results):
        yield f"the vault is encrypted; plain files: hushwire export --all{options} --to DIR"
    if summary.ended.get(CallState.QUARANTINED.value):
        yield f"what failed in quarantined calls: hushwire quarantine list{options}"
    yield from (one.renamed for one in summary.results if one.place)
