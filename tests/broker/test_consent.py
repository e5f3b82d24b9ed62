"""Calls with consent on a broker: what is refused leaves nothing, what is kept names its rule."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from agents.access.audit_log import AuditLog
from agents.access.hash_chain import Entry, read_export
from agents.crypto.envelope import Seal
from agents.database.call_ledger import CallState
from agents.runtime.dead_letters import Fate, read_dead_letters
from pipeline.errors import SealError, UnknownCallError
from pipeline.records import cloudevents as wire
from pipeline.records.consent import Consent, Decision, Evidence, Kind, Outcome, RuleStated, Why
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Role
from tests.broker import fakes
from tests.broker.forked import hushwire
from tests.broker.harness import Installation, Script, content
from tests.waiting import HANG_S

pytestmark = [pytest.mark.broker, pytest.mark.slow]

ENFORCED = {"CONSENT_OF_TEST": "refuse"}
FLORIDA = Consent(("US-FL",), "spring")
"""All parties have to consent, and who is told in 20 s and stays has."""
RULES = (RuleStated("us-fl", 1, "US-FL"), RuleStated("us", 1, "US-FL"))
SAMPLES = Path(__file__).parents[2] / "benchmarks" / "samples"
OTHERS = [word for word in fakes.WORDS if word not in fakes.ABOUT_RECORDING]


def call(
    call_id: str, said: dict[int, str], *, consent: Consent | None = FLORIDA, seconds: int = 30
) -> Script:
    """Both speak now and then; ``said`` are the agent's words that count, by second."""
    step = (fakes.BURST + fakes.GAP) / fakes.RATE
    places = {round(second / step): word for second, word in said.items()}
    agent: list[str | None] = [None] * round(seconds / step)
    customer = agent.copy()
    for place in range(0, len(agent), 3):
        (agent if place % 2 else customer)[place] = OTHERS[place % len(OTHERS)]
    for place, word in places.items():
        side = customer if word == "good" else agent
        for near in range(max(0, place - 6), min(len(agent), place + 7)):  # an utterance of its own
            agent[near] = customer[near] = None
        side[place] = word
    pcm = np.stack([fakes.speak(agent), fakes.speak(customer)], axis=1)
    roles = (Role.AGENT, Role.CUSTOMER)
    started = "2026-03-01T10:00:00+00:00"
    info = CallInfo(call_id, fakes.RATE, roles, started, consent=consent)
    size = fakes.RATE // 2
    chunks = tuple(
        AudioChunk(info, number, start, pcm[start : start + size])
        for number, start in enumerate(range(0, len(pcm), size))
    )
    return Script(info, pcm, chunks, CallEnd(call_id, len(chunks), len(pcm)))


def send(installation: Installation, one: Script, *, until: int | None = None) -> None:
    """All of a call, or its first chunks."""
    installation.send(one.info.call_id, one.chunks[:until])
    if until is None:
        installation.send(one.info.call_id, [one.end])
    installation.producer.flush()


def audited(installation: Installation, call_id: str) -> dict[str, Entry]:
    """The audit entries of a call, by what they tell."""
    entries, _ = read_export(AuditLog(installation.ledger.database).export())
    return {one.kind.split(".")[-2]: one for one in entries if one.subject == call_id}


def of_call(records: list[Any], call_id: str) -> list[Any]:
    return [one for one in records if one.key() == call_id.encode()]


def opened(messages: list[Any], topic: str, seal: Seal) -> int:
    """How many records of a topic a key opens."""
    count = 0
    for message in messages:
        headers = {name: value for name, value in message.headers() or [] if value is not None}
        try:
            count += bool(seal.open(message.value(), wire.associated_data(topic, headers)))
        except SealError:
            continue
    return count


def assert_nothing_left(installation: Installation, one: Script, *, ever: bool = False) -> None:
    """No key, no file, no record that opens; ``ever``: nor was anything of it transcribed."""
    call_id, topics = one.info.call_id, installation.topics
    with pytest.raises(UnknownCallError):
        installation.ledger.seal(call_id)
    assert installation.vault.catalogue.find(call_id) is None
    assert not installation.vault.keys.has(call_id)
    assert not [path for path in installation.folder.rglob("*") if call_id in path.name]
    records = installation.read_every()
    written = b"".join(map(content, records.values()))
    for chunk in one.chunks:
        if chunk.pcm.any():
            assert chunk.pcm.tobytes() not in written
    letters = read_dead_letters(
        installation.bootstrap, topics, installation.ledger, call_id=call_id
    )
    assert all(letter.sealed is None for letter in letters)
    mine = {topic for topic, kept in records.items() if of_call(kept, call_id)}
    assert topics.audio_redacted not in mine
    if ever:
        assert not {topics.words, topics.spans} & mine


def test_a_refused_call_leaves_nothing_that_can_be_read(installation: Installation) -> None:
    one = call("untold", {})
    raw = installation.topics.audio_raw
    worker = installation.start(told=ENFORCED, idle_s=6.0)
    seal = installation.ledger.open_call("untold").seal
    send(installation, one, until=50)
    assert installation.until_closed(["untold"]) == {"untold": CallState.REFUSED}
    # What its recorder goes on to send, with the key that it still has, goes to the dead letters.
    for chunk in one.chunks[50:]:
        installation.producer.send(chunk, seal)
    installation.producer.send(one.end, seal)
    send(installation, other := call("other", {3: "hello"}))
    installation.producer.flush()
    assert installation.until_closed(["other"]) == {"other": CallState.STORED}, installation.log()
    installation.stop(worker)

    # The records lie there still, and only the key that is gone would open them.
    kept = of_call(installation.read(raw), "untold")
    assert opened(kept, raw, seal) == len(kept) == len(one.chunks) + 1
    assert_nothing_left(installation, one, ever=True)
    letters = read_dead_letters(
        installation.bootstrap, installation.topics, installation.ledger, call_id="untold"
    )
    assert Counter(letter.fate for letter in letters).keys() <= {Fate.CLOSED}
    facts = audited(installation, "untold")["call-refused"].facts
    assert (facts["consent"], facts["consent_why"]) == ("refused", "no_notice")
    assert facts["consent_rules"] == "us-fl@1 us@1"
    assert facts["code"] == "consent"
    assert "us-fl" not in installation.log()
    assert other.info.call_id in {path.name for path in installation.folder.rglob("*")}


def test_a_kept_call_has_its_decision_everywhere(installation: Installation) -> None:
    worker = installation.start(told=ENFORCED)
    send(installation, call("told", {3: "hello"}))
    assert installation.until_closed(["told"]) == {"told": CallState.STORED}, installation.log()
    installation.stop(worker)

    decision = installation.vault.catalogue.get("told").consent
    assert decision is not None
    assert (decision.outcome, decision.why, decision.rules) == (Outcome.KEPT, Why.SATISFIED, RULES)
    assert [one.kind for one in decision.evidence] == [Kind.NOTICE_SPOKEN]
    assert decision.campaign == "spring"
    stated = json.loads(installation.kept("told", "told.certificate.json"))["consent"]
    assert stated["outcome"] == "kept"
    assert [(one["id"], one["version"]) for one in stated["rules"]] == [("us-fl", 1), ("us", 1)]
    facts = audited(installation, "told")["call-closed"].facts
    assert facts["consent_rules"] == "us-fl@1 us@1"
    assert (facts["consent"], facts["consent_evidence"]) == ("kept", "notice_spoken")


def test_a_restart_while_it_waits_changes_no_outcome(installation: Installation) -> None:
    # The notice comes at 15 s: before, nothing may go on.
    told, untold = call("told", {15: "hello"}), call("untold", {})
    straight = call("straight", {15: "hello"})
    worker = installation.start(told=ENFORCED)
    for one in (told, untold):
        send(installation, one, until=24)
    installation.stop(worker)
    assert not installation.read(installation.topics.words)
    assert {installation.ledger.state(one) for one in ("told", "untold")} == {CallState.OPEN}

    worker = installation.start(told=ENFORCED)
    for one in (told, untold):
        seal = installation.ledger.seal(one.info.call_id)
        for chunk in one.chunks[24:]:
            installation.producer.send(chunk, seal)
        installation.producer.send(one.end, seal)
    send(installation, straight)
    states = installation.until_closed(["told", "untold", "straight"])
    assert states == {
        "told": CallState.STORED,
        "untold": CallState.REFUSED,
        "straight": CallState.STORED,
    }, installation.log()
    installation.stop(worker)
    decisions = {name: decided(installation, name) for name in ("told", "straight")}
    assert decisions["told"] == decisions["straight"]
    assert_nothing_left(installation, untold, ever=True)
    stored = installation.stored()
    for ending in ("flac", "json", "vtt"):
        assert (
            stored[f"calls/told/told.{ending}"].replace("told", "straight")
            == stored[f"calls/straight/straight.{ending}"]
        ), ending


def decided(installation: Installation, call_id: str) -> Decision:
    decision = installation.vault.catalogue.get(call_id).consent
    assert decision is not None
    return decision


def test_what_says_nothing_of_consent_falls_under_the_strictest_rule(
    installation: Installation,
) -> None:
    foreign = call("foreign", {3: "hello"}, consent=None, seconds=4)
    played = Evidence(Kind.NOTICE_PLAYED, at_ms=-3_000)
    nowhere = call("nowhere", {3: "hello"}, consent=Consent((), "", (played,)), seconds=4)
    worker = installation.start(told=ENFORCED)
    send(installation, foreign)
    send(installation, nowhere)
    states = installation.until_closed(["foreign", "nowhere"])
    assert set(states.values()) == {CallState.REFUSED}
    installation.stop(worker)
    for one in (foreign, nowhere):
        assert_nothing_left(installation, one, ever=True)
        facts = audited(installation, one.info.call_id)["call-refused"].facts
        assert (facts["consent_rules"], facts["consent_places"]) == ("default@1", "*")


@pytest.mark.parametrize("does", ["refuse", "silence"])
def test_who_withdraws_has_all_of_it_removed_or_what_comes_after(
    installation: Installation, does: str
) -> None:
    one = call("withdrawn", {3: "hello", 18: "good"})
    worker = installation.start(told={"CONSENT_OF_TEST": does})
    send(installation, one)
    state = installation.until_closed(["withdrawn"])["withdrawn"]
    installation.stop(worker)
    if does == "refuse":
        assert state is CallState.REFUSED
        facts = audited(installation, "withdrawn")["call-refused"].facts
        assert facts["consent_why"] == "withdrawn"
        assert installation.vault.catalogue.find("withdrawn") is None
        with pytest.raises(UnknownCallError):
            installation.ledger.seal("withdrawn")
        return
    assert state is CallState.STORED, installation.log()
    at = decided(installation, "withdrawn").withdrawn_at_ms
    assert 17_000 <= at <= 19_000
    turns = json.loads(installation.kept("withdrawn", "withdrawn.json"))["Transcript"]
    assert turns
    after = [turn["Content"] for turn in turns if turn["BeginOffsetMillis"] >= at]
    assert set(" ".join(after).replace("][", "] [").split()) <= {"[WITHHELD]"}
    flac = io.BytesIO(installation.kept("withdrawn", "withdrawn.flac"))
    pcm, rate = soundfile.read(flac, dtype="int16", always_2d=True)
    assert pcm[: at * rate // 1_000].any()
    assert not pcm[at * rate // 1_000 :].any()


@pytest.mark.models
def test_redact_refuses_a_recording_without_evidence_and_writes_nothing(tmp_path: Path) -> None:
    source, out = tmp_path / "order.flac", tmp_path / "out"
    source.symlink_to(SAMPLES / "order.flac")
    out.mkdir()
    policy = tmp_path / "own.yaml"
    policy.write_text(
        "name: own\nversion: '1'\nextends: [pci, hipaa, gdpr, consent]\n"
        "consent: {agents_agreed: true, lawful_basis: {default: consent}}\n"
    )
    command = hushwire("redact", source, out / "order.flac")
    done = subprocess.run(
        [*command, "--policy", str(policy)],
        env={**os.environ, "HUSHWIRE_STATE_DIR": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )
    assert done.returncode == 2, done.stderr
    told = "may not be kept by rule default version 1: nobody was told of the recording"
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(out.iterdir())
