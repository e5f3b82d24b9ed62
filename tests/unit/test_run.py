"""``hushwire run`` ends nothing that it did not begin, and its exit code tells the truth."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest
import soundfile
from rich.console import Console

from agents import run
from agents.auditlog import AuditLog
from agents.ingest import Ingested, Outcome
from agents.ledger import CallState, Ledger
from agents.run import Summary, run_folder
from agents.settings import Settings

pytestmark = pytest.mark.unit


class FakeBroker:
    """An embedded broker that is none."""

    bootstrap = "127.0.0.1:1"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Nothing to stop."""


def summary(*results: Ingested, states: dict[str, CallState] | None = None) -> Summary:
    return Summary(results, states or {}, {}, {}, 0.0, 0.0)


Carry = Callable[[Callable[[], None]], None]


@pytest.fixture
def while_running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Carry]:
    """Says what happens while a run works; no broker, no model."""
    monkeypatch.setattr(run, "EmbeddedBroker", FakeBroker)

    def set_to(happens: Callable[[], None]) -> None:
        def carry_out(_self: object) -> Summary:
            happens()
            return summary()

        monkeypatch.setattr(run._Run, "carry_out", carry_out)  # noqa: SLF001

    set_to(lambda: None)
    yield set_to


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    soundfile.write(folder / "c1.wav", np.zeros((800, 2), np.int16), 8000, subtype="PCM_16")
    return folder


def go(source: Path, vault: Path, **settings: object) -> Summary:
    return run_folder(
        source, vault, Settings.model_validate(settings), console=Console(file=io.StringIO())
    )


def test_the_open_calls_of_others_stay(
    source: Path, tmp_path: Path, while_running: Carry
) -> None:
    del while_running
    state = tmp_path / "state"
    ledger = Ledger.embedded(state)
    sealed = ledger.open_call("theirs").seal.seal(b"value", b"")
    go(source, tmp_path / "vault", state_dir=state)
    assert ledger.state("theirs") is CallState.OPEN
    assert ledger.seal("theirs").open(sealed, b"") == b"value"
    assert list(AuditLog(ledger.database).export()) == []
    ledger.dispose()


def test_a_recording_without_a_state_is_not_clean() -> None:
    one, two = (Ingested(Path(f"{name}.wav"), Outcome.SENT, name) for name in ("a", "b"))
    stored = CallState.STORED
    assert summary(one, two, states={"a": stored, "b": stored}).clean
    assert not summary(one, two, states={"a": stored}).clean
    assert not summary(one, two).clean
