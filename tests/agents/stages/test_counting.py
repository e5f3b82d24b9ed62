"""What the vault stage keeps beside a call's files: its facts and its waveform."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete
from structlog import get_logger
from structlog.testing import capture_logs

from agents.access.audit_log import AuditLog
from agents.crypto.ed25519 import SigningKey
from agents.database.analytics_tables import CALL_FACTS
from agents.database.call_ledger import Ledger
from agents.kafka.topics import Topics
from agents.runtime.steps import Act, Step
from agents.stages.timeouts import Timeouts
from agents.stages.vault import vault_stage
from agents.upkeep.erasure import REQUEST, erase
from agents.vault.analytics.fact_store import FactStore
from agents.vault.exports.files import export_call
from agents.vault.reader import VaultReader
from agents.vault.vault import Vault
from pipeline.analytics.peaks import peaks_of_flac, read_peaks
from pipeline.errors import StoreError
from pipeline.policy.loading import load_policy
from pipeline.records.consent import Business
from pipeline.records.model import (
    CallEnd,
    CallInfo,
    Findings,
    RedactedChunk,
    Role,
    Verdict,
    Watermark,
    Word,
)
from tests.agents.vault.analytics.said_calls import keeper

pytestmark = pytest.mark.unit

BUSINESS = Business("inbound", "spring", "web", "Ann", "answered", f"pn-{'a' * 32}")
CALL = CallInfo("call-1", 8_000, (Role.CUSTOMER,), business=Business("inbound"))
END = CallEnd("call-1", 2, 16_000)
TONE = (np.sin(np.arange(8_000) / 4) * 8_000).astype(np.int16)[:, None]


@pytest.fixture
def vault(ledger: Ledger, tmp_path: Path) -> Vault:
    ledger.open_call("call-1")
    return Vault.opened(tmp_path / "vault", ledger)


def steps(
    vault: Vault,
    ledger: Ledger,
    key: SigningKey,
    log: AuditLog,
    *,
    passed: bool = True,
    uncounted: Callable[[str], None] = lambda _: None,
) -> list[Step]:
    """What the stage does with a call whose last chunk says more of its business."""
    stage = vault_stage(
        Topics.named(),
        vault,
        ledger,
        Timeouts(),
        key=key,
        log=log,
        facts=keeper(vault),
        uncounted=uncounted,
    )
    core = stage.open("call-1", load_policy("default"))
    words = (Word(0, 100, 500, "refund", 0.9), Word(0, 600, 900, "please", 0.9))
    last = Findings("call-1", 0, words=words, watermark=Watermark(16_001), end=END)
    later = replace(CALL, business=BUSINESS)
    out: list[Step] = []
    for record in (
        RedactedChunk(CALL, 0, 0, TONE),
        RedactedChunk(later, 1, 8_000, TONE),
        last,
        Verdict(CALL, passed=passed, checks=(), end=END),
    ):
        out = core.take("", record)
    return out


def stored(*arguments: object) -> None:
    first, *_ = steps(*arguments)  # type: ignore[arg-type]
    assert isinstance(first, Act)
    first.what()
    first.what()  # a repeat changes nothing


def test_facts_are_kept_with_what_the_last_chunk_says(
    vault: Vault, ledger: Ledger, key: SigningKey, log: AuditLog
) -> None:
    stored(vault, ledger, key, log)
    facts = keeper(vault).store.find("call-1")
    assert facts is not None
    assert (facts.direction, facts.campaign, facts.line) == ("inbound", "spring", "web")
    assert (facts.agent, facts.outcome, facts.caller) == ("Ann", "answered", BUSINESS.caller)
    assert (facts.duration_ms, facts.words, facts.topics) == (2_000, 2, (("refund", 1),))


def test_the_waveform_lies_sealed_beside_the_audio_and_no_certificate_states_it(
    vault: Vault, ledger: Ledger, key: SigningKey, log: AuditLog, tmp_path: Path
) -> None:
    stored(vault, ledger, key, log)
    reader = VaultReader(vault)
    data = reader.peaks("call-1")
    step, values = read_peaks(data)
    assert (step, values.shape) == (50, (40, 1, 2))
    assert data == peaks_of_flac(io.BytesIO(b"".join(reader.audio("call-1"))))
    sealed = tmp_path / "vault" / "calls" / "call-1" / "call-1.peaks.sealed"
    assert data[:4] not in sealed.read_bytes()
    assert "call-1.peaks" in reader.call("call-1").files
    assert set(json.loads(reader.certificate("call-1"))["files"]) == {
        "call-1.flac", "call-1.json", "call-1.vtt",
    }  # fmt: skip
    export_call(reader, log, "call-1", tmp_path / "out", by="test")
    out = {one.name for one in (tmp_path / "out" / "call-1").iterdir()}
    assert out == {*json.loads(reader.certificate("call-1"))["files"],
                   "call-1.certificate.json", "call.json"}  # fmt: skip


def test_an_erased_call_leaves_neither(
    vault: Vault, ledger: Ledger, key: SigningKey, log: AuditLog, tmp_path: Path
) -> None:
    stored(vault, ledger, key, log)
    assert erase(vault, ledger, log, "call-1", REQUEST)
    assert keeper(vault).store.find("call-1") is None
    assert not (tmp_path / "vault" / "calls" / "call-1").exists()
    written = b"".join(one.read_bytes() for one in (tmp_path / "state").glob("ledger.db*"))
    assert BUSINESS.caller.encode() not in written
    assert b"spring" not in written


def forget(ledger: Ledger) -> None:
    """The facts of all calls, as if they had never been made."""
    with ledger.database.writing() as connection:
        connection.execute(delete(CALL_FACTS))


def test_what_can_not_be_counted_is_stored_noted_and_left_to_a_rebuild(
    vault: Vault,
    ledger: Ledger,
    key: SigningKey,
    log: AuditLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OverflowError("refund")

    codes: list[str] = []
    first, *_ = steps(vault, ledger, key, log, uncounted=codes.append)
    assert isinstance(first, Act)
    with monkeypatch.context() as broken, capture_logs() as noted:
        broken.setattr("agents.vault.analytics.fact_keeper.facts_of", fails)
        broken.setattr("agents.stages.vault.get_logger", get_logger)
        first.what()
        told: list[str] = []
        keeper(vault).rebuild(lambda _, problem: told.append(str(problem)))
    assert codes == ["unexpected"]
    assert told == ["its facts can't be counted (OverflowError)"]
    assert [(one["event"], one["code"]) for one in noted] == [("call not counted", "unexpected")]
    assert "refund" not in str(noted)
    assert vault.catalogue.get("call-1").passed
    keeper(vault).rebuild(lambda *_: None)
    assert keeper(vault).store.find("call-1") is not None


def test_where_the_database_is_away_a_call_is_counted_later(
    vault: Vault,
    ledger: Ledger,
    key: SigningKey,
    log: AuditLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreError("away")

    first, *_ = steps(vault, ledger, key, log)
    assert isinstance(first, Act)
    monkeypatch.setattr(FactStore, "enter", away)
    with pytest.raises(StoreError):
        first.what()


def test_a_call_that_was_erased_meanwhile_is_not_counted(
    vault: Vault, ledger: Ledger, key: SigningKey, log: AuditLog
) -> None:
    first, *_ = steps(vault, ledger, key, log)
    assert isinstance(first, Act)
    first.what()
    vault.catalogue.begin_erasing("call-1", REQUEST)
    keeping = keeper(vault)
    with pytest.raises(Exception, match="no such call"):
        keeping.keep("call-1", {})
    assert keeping.store.find("call-1") is None


def test_of_a_call_that_failed_nothing_is_counted(
    vault: Vault, ledger: Ledger, key: SigningKey, log: AuditLog
) -> None:
    first, *_ = steps(vault, ledger, key, log, passed=False)
    assert isinstance(first, Act)
    first.what()
    assert keeper(vault).store.find("call-1") is None
    assert set(vault.catalogue.get("call-1").files) == {"call-1.certificate.json"}


def test_a_transcript_that_does_not_open_keeps_no_call_from_being_stored(
    vault: Vault,
    ledger: Ledger,
    key: SigningKey,
    log: AuditLog,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, *_ = steps(vault, ledger, key, log)
    assert isinstance(first, Act)
    first.what()
    forget(ledger)
    sealed = tmp_path / "vault" / "calls" / "call-1" / "call-1.json.sealed"
    sealed.write_bytes(sealed.read_bytes()[:-9])
    first.what()
    assert keeper(vault).store.find("call-1") is None
    assert vault.catalogue.get("call-1").passed
    assert "refund" not in capsys.readouterr().out
