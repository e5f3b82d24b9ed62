"""The pages of the policy: who may what, what is written down, how a version comes into force."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from agents.cli.shared.extras import EXTRAS
from agents.database.tables import POLICY_VERSIONS
from agents.upkeep.tuning import threshold_trial
from agents.upkeep.tuning.threshold_trial import Trial
from agents.vault.reader import VaultReader
from console.tuning import editor, form, measured
from pipeline.errors import PolicyError
from pipeline.evidence.candidates import candidates_json
from pipeline.policy.known_names import BUILT_IN
from pipeline.policy.loading import parse_policy
from pipeline.policy.model import Policy
from pipeline.records.model import Reason, Span
from tests.agents.storing import stored_call
from tests.console.serving import Console, console
from tests.waiting import HANG_S, until

DOCUMENT = 'name: acme\nversion: "7"\nextends: [default]\n'
LAXER = DOCUMENT + "recognizers: {reader: {threshold: 0.28, entities: {PERSON: 0.6}}}\n"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
PAGES = (
    "/policy",
    "/policy/versions",
    "/policy/evaluation",
    "/policy/shadow",
    "/api/policy/versions",
)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as found:
        yield found


def press(
    client: TestClient, button: str, document: str = DOCUMENT, **fields: str
) -> tuple[int, str, str]:
    """Status, text and where it leads of a button of the editor."""
    accepted = ""
    with suppress(PolicyError):
        accepted = parse_policy(document).digest
    data = {"document": document, "do": button, "based": "0", "laxer": accepted, **fields}
    answer = client.post("/policy", data=data, headers=OWN_PAGE)
    return answer.status_code, answer.text, answer.headers.get("location", "")


@pytest.mark.parametrize("address", PAGES)
def test_only_security_sees_them(made: Console, address: str) -> None:
    for role, status in (("security", 200), ("analyst", 403), ("operator", 403), ("auditor", 403)):
        assert made.role(role).get(address).status_code == status


@pytest.mark.parametrize("address", PAGES)
def test_every_look_is_written_down(made: Console, address: str) -> None:
    before = len(made.audited())
    made.role("security").get(address)
    (facts,) = [facts for _, facts in made.audited()[before:]]
    assert json.loads(facts)["what"].startswith("policy")


def test_a_mistake_is_told_at_its_line_and_nothing_is_done(made: Console) -> None:
    client = made.role("security")
    wrong = DOCUMENT + "entities: {PERSN: {threshold: 0.3}}\n"
    for button in ("compare", "try", "draft", "publish"):
        status, text, _ = press(client, button, wrong, reason="why")
        assert status == 422
        assert "Line 4: entities.PERSN" in text
        assert "did you mean PERSON" in text
    assert client.get("/api/policy/versions").json() == []


def test_what_is_sent_comes_back_escaped(made: Console) -> None:
    text = press(made.role("security"), "compare", "<script>x</script>")[1]
    assert "<script>x" not in text
    assert "&lt;script&gt;x" in text


def test_changed_fields_are_written_into_the_text(made: Console) -> None:
    shown = form.values(parse_policy(DOCUMENT), BUILT_IN)
    fields = {**shown, "shown": json.dumps(shown), "reader.PERSON": "0.6"}
    status, text, _ = press(made.role("security"), "compare", **fields)
    assert status == 200
    assert "what reader finds of PERSON counts from a score of: 0.6" in text


def test_publish_compare_and_go_back(made: Console) -> None:
    client = made.role("security")
    assert press(client, "publish", reason="")[0] == 422
    status, _, leads = press(client, "publish", LAXER, reason="names <b>")
    assert (status, leads) == (303, "/policy/versions/1")
    text = client.get(leads).text
    assert "in force" in text
    assert "names &lt;b&gt;" in text
    assert "what reader finds of PERSON" in text
    # Somebody who began before is told.
    status, text, _ = press(client, "publish", reason="b")
    assert status == 422
    assert "version 1 came into force meanwhile" in text
    assert "What changes against version 1" in client.get("/policy/versions/0").text
    old = client.get("/api/policy/versions/0").json()["sha256"]
    wanted = {"reason": "c", "laxer": old}
    back = client.post("/policy/versions/0/rollback", data=wanted, headers=OWN_PAGE)
    assert back.headers["location"] == "/policy/versions/2"
    shown = client.get("/api/policy/versions").json()
    assert [(one["number"], one["in_force"], one["state"]) for one in shown] == [
        (2, True, "published"), (1, False, "published"), (0, False, "published"),
    ]  # fmt: skip
    kinds = [json.loads(facts)["version"] for _, facts in made.audited("policy-published")]
    assert kinds == [0, 1, 2]


def test_a_form_from_elsewhere_does_nothing(made: Console) -> None:
    client = made.client()
    assert client.post("/login", data={"token": made.token("security")}).status_code == 303
    data = {"document": DOCUMENT, "do": "publish", "reason": "a"}
    for place in ("cross-site", "same-site", "none"):
        sent = client.post("/policy", data=data, headers={"Sec-Fetch-Site": place})
        assert sent.status_code == 403
    assert made.role("security").get("/api/policy/versions").json() == []


def test_a_draft_waits_and_is_withdrawn(made: Console) -> None:
    client = made.role("security")
    leads = press(client, "draft")[2]
    assert "draft" in client.get(leads).text
    assert client.get("/policy?version=1").text.count("name: acme") >= 1
    done = client.post(f"{leads}/withdraw", headers=OWN_PAGE)
    assert done.status_code == 303
    again = client.post(f"{leads}/withdraw", headers=OWN_PAGE)
    assert (again.status_code, "is withdrawn" in again.text) == (409, True)


@pytest.mark.parametrize(
    "address", ["/policy?version=7", "/policy/versions/7", "/api/policy/versions/7"]
)
def test_a_version_that_is_not_there(made: Console, address: str) -> None:
    assert made.role("security").get(address).status_code == 404


def test_two_people(tmp_path: Path) -> None:
    with console(tmp_path, two=True) as made:
        ann, bob = made.role("security"), made.role("security")
        status, _, leads = press(ann, "publish", LAXER, reason="a")
        assert status == 303
        assert "another person has to approve" in ann.get(leads).text
        version = ann.get(f"/api{leads}").json()
        assert (version["state"], version["in_force"]) == ("awaiting", False)
        wanted = {"sha256": version["sha256"]}
        refused = ann.post(f"{leads}/approve", data=wanted, headers=OWN_PAGE)
        assert (refused.status_code, "another person" in refused.text) == (409, True)
        assert ann.post(f"/api{leads}/approve", json=wanted).status_code == 409
        other = bob.post(f"{leads}/approve", data={"sha256": "0" * 64}, headers=OWN_PAGE)
        assert (other.status_code, "look again" in other.text) == (409, True)
        assert "Approve and publish" in bob.get(leads).text
        assert bob.post(f"{leads}/approve", data=wanted, headers=OWN_PAGE).status_code == 303
        assert bob.get(f"/api{leads}").json()["in_force"]


def test_programs_publish_too(made: Console) -> None:
    client = made.role("security")
    wanted = {"document": LAXER, "reason": "reviewed", "based": 0}
    laxer = client.post("/api/policy/versions", json=wanted)
    assert (laxer.status_code, "counts from a score of" in laxer.text) == (422, True)
    wanted |= {"laxer": True}
    done = client.post("/api/policy/versions", json=wanted)
    assert done.status_code == 201
    assert done.json()["document"] == LAXER
    refused = client.post("/api/policy/versions", json={**wanted, "document": "name: 1"})
    assert refused.status_code == 422


def test_a_trial_tells_what_would_be_audible(made: Console) -> None:
    spans = [
        Span("PERSON", 0, 0, 8_000, 0.4, "reader"),
        Span("PERSON", 1, 16_000, 24_000, 0.9, "reader"),
        Span("MEDICATION", 1, 40_000, 48_000, 0.2, "reader"),
        Span("UNHEARD", 0, 60_000, 68_000, 1.0, "unheard", reason=Reason.UNHEARD),
    ]
    call = stored_call("call-w", purpose="support")
    file = {"call-w.candidates": candidates_json(8_000, "ab" * 32, spans)}
    made.ledger.open_call("call-w")
    made.vault.store(replace(call, files={**call.files, **file}), keep_days=30)
    tried = LAXER.replace("0.6}", "0.6, MEDICATION: 0.1}")
    status, text, _ = press(made.role("security"), "try", tried)
    assert status == 200
    rows = " ".join(text.split("On the last calls")[1].split("Decided anew")[0].split())
    assert "2 more can&#39;t be" in rows  # stored by the fixture, without candidates
    assert "1.0 s" in rows  # would be audible: the name of 0.4
    assert rows.count('<td class="number">1.0</td>') >= 3
    assert "call-w" in rows
    assert "/calls/call-w" not in rows  # security reads no calls
    (facts,) = [json.loads(f) for _, f in made.audited() if "policy-trial" in f]
    assert facts["calls"] == 100


def test_a_trial_names_the_changes_that_it_does_not_see(made: Console) -> None:
    blind = DOCUMENT + "unexplained: {mute: false}\nallow: {PERSON: [smith]}\n"
    text = press(made.role("security"), "try", blind)[1]
    told = text.split("Not in these figures")[1].split("</div>")[0]
    assert "unexplained.mute" in told
    assert "allow.PERSON" in told
    assert "smith" not in told
    assert "Not in these figures" not in press(made.role("security"), "try", LAXER)[1]


def test_one_trial_at_a_time(made: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    client = made.role("security")
    beside: list[tuple[int, str]] = []

    def tried(reader: VaultReader, old: Policy, new: Policy, last: int) -> Trial:
        beside.append(press(client, "try", LAXER)[:2])
        return threshold_trial.tried(reader, old, new, last)

    monkeypatch.setattr(editor, "tried", tried)
    assert press(client, "try", LAXER)[0] == 200
    ((status, text),) = beside
    assert (status, "somebody else&#39;s trial" in text, "0.28" in text) == (503, True, True)
    monkeypatch.setattr(editor, "tried", lambda *_: 1 / 0)
    assert press(client, "try", LAXER)[0] == 500
    monkeypatch.setattr(editor, "tried", threshold_trial.tried)
    assert press(client, "try", LAXER)[0] == 200


def test_a_version_that_cannot_be_proven_is_told_and_replaced(made: Console) -> None:
    client = made.role("security")
    press(client, "publish", LAXER, reason="a")
    press(client, "publish", DOCUMENT, reason="b", based="1")
    forged = DOCUMENT + "entities: {PERSON: {action: keep}}\n"
    with made.ledger.database.writing() as connection:
        connection.execute(update(POLICY_VERSIONS).values(document=forged))
    for address in ("/policy", "/policy/versions", "/policy/versions/2"):
        shown = client.get(address)
        assert (shown.status_code, "No worker takes up" in shown.text) == (200, True)
    for address in ("/policy/versions/1", "/policy?version=1", "/api/policy/versions/1"):
        shown = client.get(address)
        assert "can&#39;t be proven" in shown.text or "can't be proven" in shown.text
        assert "action: keep" not in shown.text
    assert client.get("/api/policy/versions").status_code == 200
    assert client.get("/policy/evaluation").status_code == 200
    back = {"reason": "c"}
    refused = client.post("/policy/versions/1/rollback", data=back, headers=OWN_PAGE)
    assert (refused.status_code, "can&#39;t be proven" in refused.text) == (409, True)
    assert press(client, "publish", LAXER, reason="mended", based="2")[0] == 303
    assert "No worker takes up" not in client.get("/policy").text


def recognisers_of(client: TestClient) -> str:
    """The page once the registry's are there."""
    client.get("/policy/recognisers")
    until(lambda: "data-over" in client.get("/policy/recognisers/live").text)
    return client.get("/policy/recognisers").text


def test_the_page_does_not_wait_for_the_registry(
    made: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, begun = threading.Event(), []

    def load(*_: object) -> object:
        begun.append(1)
        assert go.wait(HANG_S)
        raise PolicyError("line 3: made up")

    monkeypatch.setattr("models.registry.registry.load_registry", load)
    monkeypatch.setattr(measured, "REGISTRY_WAITS_S", 0.01)
    client = made.role("security")
    text = client.get("/policy/recognisers").text
    assert "are being read" in text
    assert "spoken-card-number" in text  # what needs no registry is there at once
    assert "data-over" not in client.get("/policy/recognisers/live").text
    assert begun == [1]
    go.set()
    until(lambda: "line 3: made up" in client.get("/policy/recognisers/live").text)


def test_recognisers_are_listed_and_switched_off_in_the_text(made: Console) -> None:
    client = made.role("security")
    off = DOCUMENT + "recognizers: {spoken-phone-number: {enabled: false}}\n"
    press(client, "publish", off, reason="a")
    text = recognisers_of(client)
    row = text.split("spoken-phone-number")[1].split("</tr>")[0]
    assert ">off<" in row
    assert ">always on<" in text.split("spoken-card-number")[1].split("</tr>")[0]
    for row in re.findall(r"(?s)<tr><th scope=\"row\".*?</tr>", text):
        finds = re.findall(r"(?s)<td>(.*?)</td>", row)[0]
        assert re.sub(r"<[^>]+>", "", finds).strip(), row
    for name, finds in (("pin", "PIN"), ("whole-date", "Date of birth"), ("own-code", "Number")):
        assert finds in text.split(f"spoken-{name}<")[1].split("</tr>")[0]
    wrong = DOCUMENT + "recognizers: {spoken-pin: {enabled: false}}\n"
    assert "it is never off" in press(client, "publish", wrong, reason="a")[1]


def test_what_is_laxer_is_named_and_has_to_be_accepted(made: Console) -> None:
    client = made.role("security")
    kept = DOCUMENT + "entities: {PERSON: {action: keep}, CARD_SECURITY_CODE: {threshold: 0.9}}\n"
    other = parse_policy(LAXER).digest  # a box that was ticked for something else
    for accepted in ("", other):
        status, text, _ = press(client, "publish", kept, reason="a", laxer=accepted)
        assert status == 422
        asked = text.split('id="laxer"')[1].split("</div>")[0]
        assert "PERSON is: audible, before silenced" in asked
        assert "CARD_SECURITY_CODE counts from a score of" in asked
        assert "warn" in text.split(" open><summary>")[0].rsplit("<details", 1)[1]
    assert client.get("/api/policy/versions").json() == []
    assert press(client, "publish", kept, reason="a")[0] == 303
    # The way back is stricter, and the one after it is asked about, too.
    back, again = "/policy/versions/0/rollback", "/policy/versions/1/rollback"
    wanted = {"reason": "b"}
    assert 'id="laxer"' not in client.get("/policy/versions/0").text
    assert client.post(back, data=wanted, headers=OWN_PAGE).status_code == 303
    refused = client.post(again, data=wanted, headers=OWN_PAGE)
    assert (refused.status_code, "PERSON is: audible" in refused.text) == (409, True)
    wanted["laxer"] = client.get("/api/policy/versions/1").json()["sha256"]
    assert client.post(again, data=wanted, headers=OWN_PAGE).status_code == 303


def test_a_draft_that_is_published_is_done_with(made: Console) -> None:
    client = made.role("security")
    assert press(client, "draft", LAXER)[2] == "/policy/versions/1"
    press(client, "draft", DOCUMENT)
    assert press(client, "publish", LAXER, reason="a")[2] == "/policy/versions/3"
    assert "became version 3" in client.get("/policy/versions/1").text
    assert "became version 3" in client.get("/policy/versions").text
    states = [one["state"] for one in client.get("/api/policy/versions").json()]
    assert states == ["published", "draft", "withdrawn", "published"]


def test_a_host_without_recognisers_refuses_their_page_alone(
    made: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXTRAS, "detect", ("no_such_module",))  # type: ignore[arg-type]
    client = made.role("security")
    assert client.get("/policy/recognisers").status_code == 503
    assert client.get("/policy").status_code == 200
