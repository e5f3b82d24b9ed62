"""The API: what each role sees of calls, that looks are written down first, and what it says."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from agents.access.audit_log import AuditLog
from agents.access.hash_chain import read_export
from agents.vault.file_store import PASSED
from agents.vault.vault import SEALED
from console.api.administration import policy_state
from console.http.envelope import BODY_MOST
from console.http.errors import Refusal
from console.http.ranges import byte_range
from pipeline.errors import StoreError
from pipeline.policy.known_names import BUILT_IN
from tests.agents.storing import AUDIO, FILES
from tests.console.serving import HELD_BACK, OTHER, STORED, Console, console

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """For tests that only read."""
    with console(tmp_path_factory.mktemp("shared")) as made:
        yield made


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as made:
        yield made


@pytest.fixture
def analyst(shared: Console) -> TestClient:
    return shared.role("analyst")


@pytest.fixture
def auditor(served: Console) -> TestClient:
    return served.role("auditor")


def code(answer: object) -> str:
    return str(answer.json()["code"])  # type: ignore[attr-defined]


def test_calls_are_listed_by_pages_without_the_quarantined(analyst: TestClient) -> None:
    first = analyst.get("/api/calls", params={"limit": 1}).json()
    second = analyst.get("/api/calls", params={"limit": 1, "after": first["following"]}).json()
    assert [one["call_id"] for one in first["calls"] + second["calls"]] == [OTHER, STORED]
    assert first["calls"][0]["purpose"] == "support"
    assert second["following"] is None
    assert "said" not in json.dumps(first)


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"purpose": "support"}, 2),
        ({"purpose": "sales"}, 0),
        ({"policy": "default"}, 2),
        ({"held": "true"}, 0),
        ({"party": "nobody"}, 0),
        ({"since": "2100-01-01T00:00:00+00:00"}, 0),
        ({"until": "2100-01-01T00:00:00+00:00"}, 2),
    ],
)
def test_filters(parameters: dict[str, str], found: int, analyst: TestClient) -> None:
    assert len(analyst.get("/api/calls", params=parameters).json()["calls"]) == found


@pytest.mark.parametrize(
    "parameters",
    [
        {"after": "../../etc"},
        {"after": "x" * 401},
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "x"},
        {"since": "4111111111111111x"},
    ],
)
def test_parameters_that_are_none_are_refused_without_their_value(
    parameters: dict[str, str], analyst: TestClient
) -> None:
    answer = analyst.get("/api/calls", params=parameters)
    assert answer.status_code in {400, 422}
    assert code(answer) in {"input", "parameter"}
    assert not any(value in answer.text for value in parameters.values() if len(value) > 3)


def test_what_an_analyst_reads_of_a_call(analyst: TestClient) -> None:
    transcript = analyst.get(f"/api/calls/{STORED}/transcript")
    assert transcript.content == FILES["json"]
    assert transcript.headers["content-type"] == "application/json"
    subtitles = analyst.get(f"/api/calls/{STORED}/subtitles")
    assert subtitles.content == FILES["vtt"]
    assert subtitles.headers["content-type"] == "text/vtt; charset=utf-8"
    assert analyst.get(f"/api/calls/{STORED}/muted").json() == []
    facts = analyst.get(f"/api/calls/{STORED}").json()
    assert (facts["call_id"], facts["duration_ms"], facts["passed"]) == (STORED, 10_000, True)


def test_audio_whole_and_by_ranges(analyst: TestClient) -> None:
    place = f"/api/calls/{STORED}/audio"
    whole = analyst.get(place)
    assert (whole.status_code, whole.content) == (200, AUDIO)
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-type"] == "audio/flac"
    for asked, (start, stop) in {
        "bytes=0-0": (0, 1),
        "bytes=5-": (5, len(AUDIO)),
        "bytes=1048570-1048590": (1048570, 1048591),
        "bytes=-7": (len(AUDIO) - 7, len(AUDIO)),
        f"bytes=10-{len(AUDIO) * 2}": (10, len(AUDIO)),
    }.items():
        part = analyst.get(place, headers={"Range": asked})
        assert part.status_code == 206, asked
        assert part.content == AUDIO[start:stop]
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(AUDIO)}"
        assert int(part.headers["content-length"]) == stop - start
    beyond = analyst.get(place, headers={"Range": f"bytes={len(AUDIO)}-"})
    assert (beyond.status_code, code(beyond)) == (416, "range")
    assert beyond.headers["content-range"] == f"bytes */{len(AUDIO)}"
    other = analyst.get(place, headers={"Range": "bytes=0-1", "If-Range": '"old"'})
    assert (other.status_code, len(other.content)) == (200, len(AUDIO))


@given(st.text(max_size=30) | st.from_regex(r"bytes=\d{0,5}-\d{0,5}", fullmatch=True))
def test_a_range_is_always_within(header: str) -> None:
    found = None
    with contextlib.suppress(Refusal):
        found = byte_range(header, 1_000)
    start, stop = found or (0, 1_000)
    assert 0 <= start < stop <= 1_000


def test_what_an_auditor_reads(auditor: TestClient, served: Console) -> None:
    certificate = auditor.get(f"/api/calls/{STORED}/certificate").json()
    assert (certificate["call_id"], certificate["passed"]) == (STORED, True)
    listed = auditor.get("/api/quarantine").json()["calls"]
    assert [one["call_id"] for one in listed] == [HELD_BACK]
    held = auditor.get(f"/api/quarantine/{HELD_BACK}/certificate").json()
    assert held["passed"] is False

    page = auditor.get("/api/audit", params={"limit": 2}).json()
    entries = page["entries"]
    while page["following"] is not None:
        page = auditor.get("/api/audit", params={"after": page["following"], "limit": 100}).json()
        entries += page["entries"]
    # The pages are the export: what verifies one verifies the other.
    lines = [json.dumps(entry).encode() for entry in entries]
    read, _ = read_export(lines)
    assert [one.own_hash() for one in read] == [one.hash for one in read]
    assert [one.seq for one in read] == list(range(1, len(read) + 1))
    assert read[-1].kind == "hushwire.audit.looked.v1"


def test_the_stored_are_not_among_the_quarantined_nor_the_other_way(
    auditor: TestClient, analyst: TestClient
) -> None:
    assert auditor.get(f"/api/quarantine/{STORED}/certificate").status_code == 404
    assert auditor.get(f"/api/calls/{HELD_BACK}/certificate").status_code == 404
    quarantined = analyst.get(f"/api/calls/{HELD_BACK}/transcript")
    unknown = analyst.get("/api/calls/never-was/transcript")
    strange = analyst.get("/api/calls/%2E%2E%00/transcript")
    assert quarantined.status_code == 404
    assert quarantined.content == unknown.content == strange.content


def test_every_look_is_written_with_who_and_what(served: Console) -> None:
    text = served.token("analyst")
    analyst = served.client(text)
    analyst.get("/api/calls")
    for what in ("transcript", "subtitles", "muted"):
        analyst.get(f"/api/calls/{STORED}/{what}")
    analyst.get(f"/api/calls/{STORED}/audio", headers={"Range": "bytes=3-9"})
    written = [(subject, json.loads(facts)) for subject, facts in served.audited()]
    assert [(subject, facts["what"]) for subject, facts in written] == [
        ("", "list"),
        (STORED, "transcript"),
        (STORED, "subtitles"),
        (STORED, "muted"),
        (STORED, "audio"),
    ]
    last = written[-1][1]
    assert (last["first"], last["last"], last["roles"]) == (3, 9, "analyst")
    assert last["who"] == f"token:{text.split('_')[1]}"
    assert text.rpartition("_")[2] not in str(written)


@pytest.mark.parametrize(
    ("role", "place"),
    [
        ("analyst", "/api/calls"),
        ("analyst", f"/api/calls/{STORED}"),
        ("analyst", f"/api/calls/{STORED}/transcript"),
        ("analyst", f"/api/calls/{STORED}/subtitles"),
        ("analyst", f"/api/calls/{STORED}/muted"),
        ("analyst", f"/api/calls/{STORED}/audio"),
        ("auditor", f"/api/calls/{STORED}/certificate"),
        ("auditor", "/api/quarantine"),
        ("auditor", f"/api/quarantine/{HELD_BACK}/certificate"),
        ("auditor", "/api/audit"),
        ("security", "/api/tokens"),
        ("operator", "/api/doctor"),
    ],
)
def test_without_the_audit_log_nothing_is_shown(
    role: str, place: str, shared: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = shared.role(role)
    assert client.get(place).status_code == 200

    def away(*_: object) -> bool:
        raise StoreError("away")

    monkeypatch.setattr(AuditLog, "append", away)
    answer = client.get(place)
    assert (answer.status_code, code(answer)) == (503, "audit")
    assert b"said" not in answer.content


def test_audio_that_was_changed_does_not_come_whole(served: Console) -> None:
    sealed = served.vault.place.folder / PASSED / STORED / f"{STORED}.flac{SEALED}"  # type: ignore[attr-defined]
    data = bytearray(sealed.read_bytes())
    data[100] ^= 1
    sealed.chmod(0o600)
    sealed.write_bytes(data)
    answer = served.role("analyst").get(f"/api/calls/{STORED}/audio")
    assert (answer.status_code, code(answer)) == (503, "seal")
    data[100] ^= 1
    data[-100] ^= 1
    sealed.write_bytes(data)
    got = served.role("analyst").get(f"/api/calls/{STORED}/audio")
    assert len(got.content) < len(AUDIO)
    assert AUDIO.startswith(got.content)


def test_a_fault_shows_nothing_of_itself(
    shared: Console, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("my card is 4111")

    monkeypatch.setattr("agents.vault.reader.VaultReader.transcript", broken)
    answer = shared.role("analyst").get(f"/api/calls/{STORED}/transcript")
    assert (answer.status_code, code(answer)) == (500, "fault")
    printed = capsys.readouterr()
    assert "4111" not in answer.text + printed.out + printed.err
    assert "RuntimeError" not in answer.text


def test_every_answer_carries_the_headers(shared: Console) -> None:
    client = shared.role("analyst")
    for place in ("/healthz", "/api/calls", "/nowhere", f"/api/calls/{STORED}/audio", "/metrics"):
        headers = client.get(place).headers
        assert headers["cache-control"] == "no-store", place
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_addresses_and_methods_that_are_none(shared: Console) -> None:
    client = shared.role("analyst")
    assert code(client.get("/api/nowhere")) == "not_found"
    for none in ("/docs", "/openapi.json"):
        answer = client.get(none)
        assert (answer.status_code, "not_found" in answer.text) == (404, True)
    assert code(client.put("/api/calls")) == "method"
    assert client.get("/healthz").json() == {"alive": True}
    assert "/api/calls/{call_id}/audio" in client.get("/api/openapi.json").json()["paths"]


def test_a_body_that_is_too_large_is_refused(shared: Console) -> None:
    security = shared.role("security")
    whole = security.post("/api/policy/check", content=b"x" * (BODY_MOST + 1))
    assert (whole.status_code, code(whole)) == (413, "too_large")
    piecewise = security.post("/api/policy/check", content=iter([b"x" * BODY_MOST, b"x"]))
    assert piecewise.status_code in {400, 413}


def test_tokens_over_the_api(served: Console) -> None:
    security = served.role("security")
    made = security.post("/api/tokens", json={"role": "analyst", "name": "Ann", "days": 3})
    assert made.status_code == 201
    text, known = made.json()["token"], made.json()["known"]
    ends = datetime.fromisoformat(known["expires"]) - datetime.now(UTC)
    assert timedelta(days=2, hours=23) < ends < timedelta(days=3, seconds=1)
    assert served.client(text).get("/api/calls").status_code == 200
    assert text not in security.get("/api/tokens").text
    gone = security.delete(f"/api/tokens/{known['token_id']}")
    assert gone.json() == {"revoked": True}
    assert served.client(text).get("/api/calls").status_code == 401
    assert security.delete("/api/tokens/0000000000000000").status_code == 400
    bad = security.post("/api/tokens", json={"role": "root", "name": "4111111111111111"})
    assert (bad.status_code, "4111" in bad.text) == (422, False)
    whose = [json.loads(facts)["by"] for _, facts in served.audited("token-created")]
    assert whose[-1].startswith("token:")


def test_what_an_operator_reads(served: Console) -> None:
    operator = served.role("operator")
    served.role("analyst").get(f"/api/calls/{STORED}/transcript")
    metrics = operator.get("/metrics").text
    assert 'hushwire_api_looks_total{what="transcript"} 1.0' in metrics
    assert 'hushwire_catalogue_calls{state="stored"} 2.0' in metrics
    assert STORED not in metrics
    kept = operator.get("/api/retention").json()
    assert (kept["stored"], kept["quarantined"], kept["held"], kept["due"]) == (2, 1, 0, 0)
    assert operator.get("/api/doctor").json()[0]["grade"] == "weak"
    assert operator.get("/api/me").json()["roles"] == ["operator"]


def test_policies_are_checked() -> None:
    good = policy_state(b"name: mine\nversion: '1'\nextends: pci\n", BUILT_IN)
    assert (good.valid, good.name, good.warnings) == (True, "mine", ())
    loose = policy_state(b"name: m\nversion: '1'\nentities: {PIN: {action: keep}}\n", BUILT_IN)
    assert loose.valid
    assert loose.warnings == ("PIN: payment data stays audible (action: keep)",)
    wrong = policy_state(
        b"name: mine\nversion: '1'\nmuting: {style: loud}\nentities: {PINS: {}}\n", BUILT_IN
    )
    assert not wrong.valid
    first, second = wrong.problem.splitlines()
    assert "line 3" in first
    assert second.startswith("policy, line 4: entities.PINS: no type")


@pytest.mark.parametrize(
    "body",
    [
        b"name: mine\nversion: '1'\nextends: /etc/passwd.yaml\n",
        b"name: mine\nversion: '1'\nextends: [pci, ../x.yml]\n",
        b"a: &a [x]\nb: *a\n",
        b"name: &a [*a]\nversion: '1'\n",
        b"\xff\xfe",
        b"[" * 20_000,
        b"",
        b"!!python/object/apply:os.system [id]",
    ],
)
def test_policies_that_could_do_harm_are_refused(body: bytes) -> None:
    state = policy_state(body, BUILT_IN)
    assert not state.valid
    assert state.problem.startswith("policy")
    assert "root" not in state.problem
