"""Certificates: the list, one of them, and whether it holds."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import soundfile

from agents.access.audit_log import AuditLog
from agents.crypto.ed25519 import SigningKey
from agents.reports.compliance.chain import known_keys
from agents.settings.model import Settings
from console.pages.checks import shown_checks
from pipeline.evidence.certificate import (
    Certificate,
    LogStated,
    build_certificate,
    certificate_json,
)
from pipeline.evidence.layout import SEALED
from pipeline.evidence.stored_call import StoredCall
from pipeline.policy.loading import load_policy
from pipeline.records.model import CallEnd, CallInfo, Check, Mute, Role, Span, Verdict
from tests.console.serving import HELD_BACK, OTHER, STORED, Console, console

pytestmark = pytest.mark.unit

SIGNED, RATE = "call-signed", 8_000


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as made:
        yield made


def spoken() -> StoredCall:
    """Four seconds of tone with a muted number."""
    pcm = 0.3 * np.sin(np.arange(4 * RATE) * 0.3)
    pcm[RATE : 3 * RATE] = 0
    flac = io.BytesIO()
    soundfile.write(flac, pcm, RATE, format="FLAC")
    files = {f"{SIGNED}.flac": flac.getvalue(), f"{SIGNED}.vtt": b"WEBVTT\n"}
    span = Span("CARD_NUMBER", 0, RATE, 3 * RATE, 0.97, "spoken-numbers")
    stated = build_certificate(
        Verdict(
            CallInfo(SIGNED, RATE, (Role.CUSTOMER,), "2026-03-01T10:00:00+00:00"),
            passed=True,
            checks=(Check.none_of("still_found", 0),),
            end=CallEnd(SIGNED, 1, len(pcm)),
        ),
        load_policy("default"),
        spans=[span],
        mutes={Mute(0, RATE, 3 * RATE, (span,))},
        models=set(),
        length=len(pcm),
        files=files,
    )
    files[f"{SIGNED}.certificate.json"] = certificate_json(stated)
    return StoredCall(SIGNED, passed=True, certificate=stated, files=files)


def signed(served: Console, folder: Path) -> None:
    """Store a call with a certificate that this installation signed."""
    key = SigningKey.load_or_create(folder / "state" / "signing.pem")
    head = AuditLog(served.ledger.database).head()
    call = key.certify(spoken(), log=LogStated(head.seq, head.hash))
    served.ledger.open_call(SIGNED)
    served.vault.store(call, keep_days=30)


def test_they_are_listed_with_the_quarantined_and_found_by_call(served: Console) -> None:
    auditor = served.role("auditor")
    page = auditor.get("/certificates").text
    for call in (STORED, OTHER, HELD_BACK):
        assert f"/certificates/{call}" in page
    held = auditor.get("/certificates", params={"outcome": "quarantined", "call": ""}).text
    assert f"/certificates/{HELD_BACK}" in held
    assert f"/certificates/{STORED}" not in held
    found = auditor.get("/certificates", params={"call": STORED})
    assert (found.status_code, found.headers["location"]) == (303, f"/certificates/{STORED}")
    assert "No certificate fits" in auditor.get("/certificates?call=never-was").text
    assert "No certificate fits" in auditor.get("/certificates?until=2001-01-01").text
    for wrong in ("since=soon", "outcome=other", "call=..%2f", "policy=x", "after=foreign"):
        assert auditor.get(f"/certificates?{wrong}").status_code in {400, 422}, wrong
    looks = [json.loads(facts) for _, facts in served.audited()]
    assert [one["calls"] for one in looks] == [3, 1, 0, 0]


def test_one_that_holds_with_its_files(served: Console, tmp_path: Path) -> None:
    signed(served, tmp_path)
    auditor = served.role("auditor")
    page = auditor.get(f"/certificates/{SIGNED}").text
    assert "It holds." in page
    assert "Card number" in page
    assert "2.0" in page
    assert f"/api/calls/{SIGNED}/certificate" in page
    assert "measures as stated" not in page
    assert "measures as stated" in auditor.get(f"/certificates/{SIGNED}?files=true").text
    [file] = (tmp_path / "vault").rglob(f"{SIGNED}.vtt{SEALED}")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    changed = auditor.get(f"/certificates/{SIGNED}?files=true").text
    assert "It does not hold" in changed
    assert f"{SIGNED}.vtt does not open" in changed
    whats = [json.loads(facts)["what"] for _, facts in served.audited()]
    assert whats == ["certificate", "certificate-files", "certificate-files"]


def test_another_key_no_key_and_a_rewritten_log(served: Console, tmp_path: Path) -> None:
    signed(served, tmp_path)
    auditor = served.role("auditor")
    key = tmp_path / "state" / "signing.pem"
    key.rename(tmp_path / "kept.pem")
    assert "be checked here" in auditor.get(f"/certificates/{SIGNED}").text
    SigningKey.load_or_create(key)
    assert "signed by another key" in auditor.get(f"/certificates/{SIGNED}").text
    # A server that has the old key's public half checks with it as well.
    old = SigningKey.load(tmp_path / "kept.pem").public
    known = known_keys(Settings(), tmp_path / "state", {old.key_id: old}, served.ledger.database)
    assert set(known) == {old.key_id, SigningKey.load(key).public.key_id}
    named = Settings.model_validate({"public_keys": "a.pem, b.pem"})
    assert named.public_keys == (Path("a.pem"), Path("b.pem"))
    # One that nobody signed, as the test's own calls are.
    assert "not signed" in auditor.get(f"/certificates/{STORED}").text


def test_one_that_was_changed_in_the_vault_is_not_shown(served: Console, tmp_path: Path) -> None:
    [file] = (tmp_path / "vault" / "calls").rglob(f"{STORED}.certificate.json")
    file.write_bytes(file.read_bytes().replace(b"default", b"another"))
    answer = served.role("auditor").get(f"/certificates/{STORED}")
    assert answer.status_code == 503
    assert "another" not in answer.text


def test_a_quarantined_one_says_what_failed(served: Console) -> None:
    auditor = served.role("auditor")
    page = auditor.get(f"/certificates/{HELD_BACK}").text
    assert "quarantined" in page
    assert "failed" in page
    assert f"/api/quarantine/{HELD_BACK}/certificate" in page
    for call in ("never-was", "..%2fx"):
        assert auditor.get(f"/certificates/{call}").status_code == 404
    assert served.role("security").get("/certificates").status_code == 403


def test_a_check_says_what_holds_or_what_is_wrong_and_shares_in_per_cent() -> None:
    checks = [Check.none_of("missing_chunks", missing) for missing in (0, 2)]
    checks.append(Check("cost_of_speech", passed=True, measured=0.1234, limit=0.25))
    stated = cast("Certificate", SimpleNamespace(checks=checks, marks=()))
    told = [(one.title, one.measured, one.limit) for one in shown_checks(stated)]
    assert told == [
        ("Audio that never came", "2 chunks", "0 chunks"),
        ("All audio came", "0 chunks", "0 chunks"),
        ("Second listening as a share of speech", "12.3 %", "25.0 %"),
    ]
