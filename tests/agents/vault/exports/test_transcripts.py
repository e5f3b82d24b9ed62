"""Transcripts for other readers as somebody exports them, read back by packages of others."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agents.access.audit_log import AuditLog
from agents.cli.main import app
from agents.database.call_ledger import CallState, Ledger
from agents.upkeep.erasure import REQUEST, erase
from agents.upkeep.news.signing import signed
from agents.vault.vault import Vault
from tests.agents.storing import new_ledger
from tests.agents.upkeep.news.calls import a_call

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
READER = ROOT / "build" / "readers" / "bin" / "python"
READ = ROOT / "tests" / "readers" / "read.py"
TEXTS = ["What's your number?", "It is [CARD_NUMBER] thanks."]


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """That of a vault with two calls that passed and one that did not."""
    monkeypatch.chdir(tmp_path)
    made = new_ledger(tmp_path / "vault" / ".hushwire")
    vault = Vault.opened(tmp_path / "vault", made)
    for call_id in ("one", "two", "bad"):
        made.open_call(call_id)
        vault.store(a_call(call_id, passed=call_id != "bad"), keep_days=90)
        made.close_call(call_id, CallState.STORED)
    yield made
    made.dispose()


def export(*arguments: str, exit_code: int = 0) -> Result:
    command = ["export", "--vault", "vault", "--to", "out", *arguments]
    result = CliRunner().invoke(app, command, catch_exceptions=True)
    assert result.exit_code == exit_code, (result.output, result.exception)
    return result


def read_by_others(what: str, path: Path) -> Any:  # noqa: ANN401 - JSON
    if not READER.exists():
        pytest.skip("NOT READ BY OTHERS' PACKAGES: `make readers` sets them up")
    done = subprocess.run([READER, READ, what, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_deepgram_s_own_package_reads_its_shape(ledger: Ledger) -> None:
    export("--call", "one", "--format", "deepgram")
    told = read_by_others("deepgram", Path("out/one.deepgram.json"))
    facts = Vault.opened("vault", ledger).catalogue.get("one")
    assert told["created"].startswith(facts.stored.isoformat(timespec="milliseconds")[:23])
    assert told["duration"] == 9.0
    assert [one["transcript"] for one in told["channels"]] == TEXTS
    assert told["channels"][1]["words"][2] == ["[CARD_NUMBER]", 2.6, 3.4, 1.0]
    assert told["channels"][0]["paragraphs"] == [[TEXTS[0]]]
    assert told["utterances"] == [[0, 0.0, 0.8, TEXTS[0]], [1, 2.0, 3.8, TEXTS[1]]]
    # What the service itself sends beside the models of its package, and our own note.
    assert told["unknown"] == [
        "metadata.extra",
        "results.channels.alternatives.words.punctuated_word",
    ]


def test_pandas_reads_json_lines(ledger: Ledger) -> None:
    export("--call", "one", "--format", "jsonl")
    rows = read_by_others("lines", Path("out/one.jsonl"))
    assert [row["text"] for row in rows] == TEXTS
    assert [(row["call_id"], row["turn"], row["role"]) for row in rows] == [
        ("one", 0, "agent"),
        ("one", 1, "customer"),
    ]
    assert rows[1]["redacted"][0]["entity"] == "CARD_NUMBER"


def test_others_read_what_a_plain_export_writes(ledger: Ledger) -> None:
    export("--call", "one")
    told = read_by_others("call_analytics", Path("out/one/one.json"))
    assert told == {
        "turns": [["AGENT", 0, TEXTS[0]], ["CUSTOMER", 2_000, TEXTS[1]]],
        "confidence": 0.9,
        "words": 7,
    }
    cues = read_by_others("webvtt", Path("out/one/one.vtt"))
    assert cues == [
        ["00:00:00.000", "00:00:00.800", "Agent", TEXTS[0]],
        ["00:00:02.000", "00:00:03.800", "Customer", TEXTS[1]],
    ]


def test_the_package_of_standard_webhooks_verifies_our_signatures(tmp_path: Path) -> None:
    secret, body = "whsec_" + "QUJD" * 11, '{"type":"call.stored","data":{"name":"ä"}}'
    headers = signed("msg_1", int(time.time()), body.encode(), [bytes(32), b"ABC" * 11])
    path = tmp_path / "told.json"
    path.write_text(json.dumps({"secret": secret, "headers": dict(headers), "body": body}))
    assert read_by_others("webhook", path) == json.loads(body)


@pytest.mark.parametrize(("form", "ending"), [("deepgram", "deepgram.json"), ("jsonl", "jsonl")])
class TestEachShape:
    def test_all_calls_and_the_audit_log_names_each(
        self, ledger: Ledger, form: str, ending: str
    ) -> None:
        result = export("--all", "--format", form, exit_code=1)
        assert "2 calls in out" in result.output
        assert "not exported: call bad: quarantined: nothing" in result.output
        assert sorted(one.name for one in Path("out").iterdir()) == [
            f"one.{ending}",
            f"two.{ending}",
        ]
        assert all(one.stat().st_mode & 0o777 == 0o600 for one in Path("out").iterdir())
        exported = b"".join(AuditLog(ledger.database).export())
        assert exported.count(b'"kind":"hushwire.audit.call-exported.v1"') == 2

    def test_a_repeat_writes_the_same_bytes_and_foreign_files_stay(
        self, ledger: Ledger, form: str, ending: str
    ) -> None:
        path = Path(f"out/one.{ending}")
        export("--call", "one", "--format", form)
        first = path.read_bytes()
        export("--call", "one", "--format", form)
        assert path.read_bytes() == first
        path.write_text("somebody's own")
        result = export("--call", "one", "--format", form, exit_code=1)
        assert "no transcript of this call" in str(result.exception)
        assert path.read_text() == "somebody's own"

    def test_an_erased_call_is_not_there(self, ledger: Ledger, form: str, ending: str) -> None:
        erase(Vault.opened("vault", ledger), ledger, AuditLog(ledger.database), "one", REQUEST)
        result = export("--call", "one", "--format", form, exit_code=1)
        assert "no such call" in str(result.exception)
        assert not Path(f"out/one.{ending}").exists()
