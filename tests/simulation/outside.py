"""What stands in for the world outside of the workers: names at the seams, replaced for a run."""

# ruff: noqa: ANN401 - what is replaced has many types

from __future__ import annotations

import asyncio
import atexit
import contextvars
import datetime as dt
import importlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO
from unittest import mock

import structlog

from agents.access.hash_chain import Checkpoint
from agents.app import stage_clients, worker
from agents.app.operations.probes import StageLook
from agents.crypto.ed25519 import SigningKey
from agents.database import migrate
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.kafka.topics import Topics
from agents.runtime.stage_runtime import StageRuntime
from agents.stages.all_stages import INPUTS
from agents.system import fatal_exit
from agents.system.clock import Clock
from agents.vault.file_store import Place
from agents.vault.vault import Vault
from pipeline.errors import ModelError
from pipeline.evidence.canonical_json import canonical_json
from pipeline.records.model import Window, WindowTranscript
from pipeline.transcription.segmenter import silent, unheard
from tests.simulation import speech
from tests.simulation.broker import Member
from tests.simulation.loop import pause
from tests.simulation.processes import here

if TYPE_CHECKING:
    from tests.simulation.world import World

EPOCH = dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC).timestamp()
TOPICS = Topics.named()
_SILENT: Any = structlog.wrap_logger(structlog.ReturnLogger(), processors=[lambda *_: ""])


def patches(world: World) -> Iterator[Any]:
    """Everything that is replaced while a world runs."""
    yield mock.patch("time.monotonic", world.loop.time)
    yield mock.patch.object(fatal_exit, "_hook", [world.ended])
    yield mock.patch.object(migrate, "newest", _newest)
    yield mock.patch.object(Database, "__init__", _opened_before(Database.__init__))
    yield mock.patch.object(Database, "dispose", _nothing)
    yield mock.patch.object(Database, "reading", _hooked(Database.reading, world))
    yield mock.patch.object(Database, "writing", _hooked(Database.writing, world))
    yield mock.patch.object(Vault, "opened", partial(_opened_vault, world, Vault.opened))
    collector = dict.fromkeys(("disable", "freeze", "unfreeze", "enable"), _nothing)
    instead = {
        "create_topics": _nothing,
        "keep_partitions": _for_ever,
        "TopicCheckpoints": lambda *_: AuditTopic(world),
        "gc": SimpleNamespace(**collector),
        "TranscriberPool": lambda *_, **__: EnginesAtHand(world),
        "behind": SimpleNamespace(tend=_for_ever),
        "Serving": Serving,
    }
    for name, stand_in in instead.items():
        yield mock.patch.object(worker, name, stand_in)
    yield mock.patch.object(stage_clients, "make_app", lambda group, *_, **__: group)
    yield mock.patch.object(stage_clients, "port_of", partial(_port, world))
    yield mock.patch.object(StageRuntime, "_in_stage", _versioned(StageRuntime._in_stage))
    yield mock.patch("structlog.get_logger", return_value=_SILENT)


def _port(world: World, group: str) -> Member:
    stage = group.rpartition("-")[2]
    return Member(world, here(), group, INPUTS[stage](TOPICS))


def clock(world: World, ahead: Callable[[], float] = lambda: 0.0) -> Clock:
    """A wall clock of the simulated world."""
    return lambda: dt.datetime.fromtimestamp(EPOCH + world.now + ahead(), dt.UTC)


async def _for_ever(*_: object, **__: object) -> None:
    """Stands in for a watch of the broker: nothing comes."""
    await asyncio.Event().wait()


class AuditTopic:
    """Stands in for ``agents.upkeep.audit_checkpoints.TopicCheckpoints``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def put(self, checkpoint: Checkpoint) -> None:
        pause()
        here().effect("checkpoint")
        value = canonical_json(checkpoint.document)
        broker = self._world.broker
        if self._world.sent(TOPICS.audit) != "unwritten":
            broker.append(broker.place(TOPICS.audit, b"log"), b"log", value, {})

    def prune(self, until: int) -> None:
        """Nothing: the topic's retention does it."""


class Serving:
    """Stands in for ``agents.app.consumers.Serving``: joins the groups of the simulated broker."""

    def __init__(self) -> None:
        self._worker = here()
        self._watches: list[asyncio.Task[None]] = []

    async def join(self, stages: list[tuple[str, StageRuntime]]) -> None:
        for _, runtime in stages:
            member: Any = runtime._port
            member.runtime = runtime
            self._worker.members.append(member)
            self._watches.append(asyncio.create_task(runtime.watch()))
            self._watches.append(asyncio.create_task(member.keep_committing()))
        for member in self._worker.members:
            await member.group.join(member)

    async def until_assigned(self) -> bool:
        for member in self._worker.members:
            await member.assigned.wait()
        return True

    def look(self) -> list[StageLook]:
        """Nobody asks."""
        return []

    async def behind(self) -> dict[str, int]:
        """Nobody asks."""
        return {}

    async def until_broken(self) -> None:
        await asyncio.wait(self._watches, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        for watch in self._watches:
            watch.cancel()
        members, self._worker.members = self._worker.members, []
        for member in members:
            await member.pause_reading()
            await member.runtime.stop()
        for member in members:
            member.commit()
            await member.group.leave(member)


class EnginesAtHand:
    """Stands in for the pool of speech engines."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def start(self) -> None:
        await asyncio.sleep(self._world.dice.uniform(0.0, 1.0))

    def stop(self) -> None:
        """Nothing runs."""

    async def transcribe(
        self, window: Window, *, check: bool = False, can_wait: bool = False
    ) -> WindowTranscript:
        if not len(window.pcm) and not window.speech:
            return silent(window)
        engine, deaf = self._world.strikes("engine"), self._world.strikes("deaf")
        await asyncio.sleep(self._world.dice.uniform(0.01, 0.8))
        if engine:
            raise ModelError("a fault of the simulation")
        return unheard(window) if deaf else speech.transcribe(window)


class FaultyPlace:
    """A vault's place that may fail at every use."""

    def __init__(self, world: World, inner: Place) -> None:
        self._world, self._inner = world, inner

    def put(self, area: str, call_id: str, files: Mapping[str, bytes]) -> bool:
        with self._world.operation("store"):
            return self._inner.put(area, call_id, files)

    def ids(self, area: str) -> tuple[str, ...]:
        with self._world.operation("store"):
            return self._inner.ids(area)

    def names(self, area: str, call_id: str) -> tuple[str, ...]:
        with self._world.operation("store"):
            return self._inner.names(area, call_id)

    def open(self, area: str, call_id: str, name: str) -> BinaryIO:
        with self._world.operation("store"):
            return self._inner.open(area, call_id, name)

    def remove(self, area: str, call_id: str) -> bool:
        with self._world.operation("store"):
            return self._inner.remove(area, call_id)


_calm: contextvars.ContextVar[bool] = contextvars.ContextVar("calm", default=False)


@contextmanager
def calmly() -> Iterator[None]:
    """Look at the database as nobody in the simulation does."""
    token = _calm.set(True)
    try:
        yield
    finally:
        _calm.reset(token)


def _hooked(original: Callable[..., Any], world: World) -> Callable[..., Any]:
    @contextmanager
    def hooked(self: Database) -> Iterator[Any]:
        if _calm.get():
            with original(self) as connection:
                yield connection
            return
        with world.operation("ledger"), original(self) as connection:
            yield connection

    return hooked


_newest = cache(migrate.newest)
_databases: dict[str, Database] = {}


def _opened_before(original: Callable[..., None]) -> Callable[..., None]:
    """All processes share the connections, and what SQLAlchemy has compiled: both take time."""

    def init(self: Database, url: str, clock: Clock) -> None:
        if url not in _databases:
            original(self, url, clock)
            _databases[url] = self
        vars(self).update(vars(_databases[url]), now=clock)

    return init


def _opened_vault(world: World, original: Any, location: Any, ledger: Ledger) -> Vault:
    vault: Vault = original(location, ledger)
    vault.place = FaultyPlace(world, vault.place)
    return vault


def _versioned(original: Callable[..., Any]) -> Callable[..., Any]:
    """Jobs of a stage's thread see the constants of their worker's version."""

    async def in_stage(self: StageRuntime, work: Callable[[], Any]) -> Any:
        version = speech.VERSIONS[here().slot.version]

        def job() -> Any:
            with ExitStack() as stack:
                for module, constants in version.items():
                    stack.enter_context(
                        mock.patch.multiple(importlib.import_module(module), **constants)
                    )
                return work()

        return await original(self, job if version else work)

    return in_stage


def _nothing(*_: object, **__: object) -> None:
    """Nothing to do."""


@cache
def _template() -> Path:
    """A state folder whose ledger is migrated already, with all its keys."""
    shared = Path("/dev/shm")  # noqa: S108 - made with a name of its own
    place = str(shared) if shared.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="hushwire-simulation-", dir=place))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Ledger.embedded(folder).dispose()
    SigningKey.load_or_create(folder / "signing.pem")
    return folder


def new_ledger(state: Path, clock: Clock) -> Ledger:
    """An empty ledger in a folder that is not there yet."""
    shutil.copytree(_template(), state)
    with mock.patch.object(Database, "__init__", _opened_before(Database.__init__)):
        return Ledger.embedded(state, clock)


@contextmanager
def empty_folder() -> Iterator[Path]:
    """The folder of a run, in memory where there is such: the ledger flushes every commit.

    All runs of a process have the same one, one after the other.
    """
    folder = _template().with_name(f"{_template().name}-run")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        for database in _databases.values():
            database.engine.dispose()
        shutil.rmtree(folder)
