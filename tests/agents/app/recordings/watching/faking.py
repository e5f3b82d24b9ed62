"""A place, a sender and outcomes that tests drive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.app.recordings.watching.outcomes import Ended
from agents.app.recordings.watching.places import After, FolderPlace, Loaded
from agents.app.recordings.watching.watcher import Rule, Watcher
from pipeline.errors import HushwireError
from tests.waiting import HANG_S


class FakeSend:
    """Counts what is sent; the call id is made of the content."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.problems: dict[str, HushwireError] = {}
        self.hold = threading.Event()
        self.hold.set()
        self.busy = self.most = 0
        self._lock = threading.Lock()

    def call_id(self, loaded: Loaded) -> str:
        content = loaded.path.read_bytes() if loaded.content is None else loaded.content
        return f"call-{content.decode()}"

    def send(self, loaded: Loaded) -> float:
        with self._lock:
            self.busy += 1
            self.most = max(self.most, self.busy)
        self.hold.wait(HANG_S)
        with self._lock:
            self.busy -= 1
            problem = self.problems.get(loaded.path.name)
            if problem is not None:
                raise problem
            self.sent.append(loaded.path.name)
        return 3.0


class FakeOutcomes:
    """Tells what a test says."""

    def __init__(self) -> None:
        self.ended: dict[str, Ended] = {}

    def of(self, call_id: str) -> Ended | None:
        return self.ended.get(call_id)

    def end(
        self, content: str, state: str = "stored", code: str = "", *, whole: bool = True
    ) -> None:
        self.ended[f"call-{content}"] = Ended(state, code, whole=whole)


class Bench:
    """A watched folder."""

    def __init__(self, folder: Path, rule: Rule) -> None:
        self.folder, self.rule = folder, rule
        self.send, self.outcomes = FakeSend(), FakeOutcomes()
        self.lines: list[str] = []
        self.now = 0.0
        self.watcher = self.started()

    def started(self) -> Watcher:
        return Watcher(
            [FolderPlace(self.folder)],
            self.send,
            self.outcomes,
            self.rule,
            tell=self.lines.append,
            clock=lambda: self.now,
        )

    def drop(self, name: str, content: str, *, sidecar: str | None = "{}") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        if sidecar is not None:
            path.with_suffix(".json").write_text(sidecar)
        return path

    def steps(self, count: int = 4, *, seconds: float = 3.0) -> None:
        """Look so often; what is being sent is through each time."""
        for _ in range(count):
            self.watcher.step()
            if self.send.hold.is_set():
                for _, future in list(self.watcher._state.sending.values()):
                    future.exception(timeout=HANG_S)
            self.now += seconds

    def lying(self) -> list[str]:
        files = (one for one in self.folder.rglob("*") if not one.is_dir())
        return sorted(one.relative_to(self.folder).as_posix() for one in files)

    def told(self, beginning: str) -> list[str]:
        return [line for line in self.lines if line.startswith(beginning)]


@contextmanager
def bench(folder: Path, after: After = After.MOVE, **rule: object) -> Iterator[Bench]:
    made = Bench(folder, Rule(after, **rule))  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.send.hold.set()
        made.watcher.close(20)
