"""A version that is published while calls are open: they keep theirs, the next ones get it."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import update

from agents.access.audit_log import AuditLog
from agents.access.policy_versions import PolicyVersions, Version, document_of
from agents.database.call_ledger import CallState
from agents.database.tables import POLICY_VERSIONS
from pipeline.evidence.layout import CERTIFICATE
from pipeline.policy.known_names import BUILT_IN
from pipeline.policy.loading import load_policy
from pipeline.policy.model import EchoRule, Policy
from tests.broker import fakes
from tests.broker.harness import Installation, script
from tests.waiting import until

pytestmark = [pytest.mark.broker, pytest.mark.slow]

BEFORE = 34
"""Chunks of half a second that are sent before the change: enough for words."""


def policy(name: str, version: str = "1") -> Policy:
    """What the scripted worker has, under a name: see ``tests.broker.worker``."""
    changed = {"name": name, "version": version, "echo": EchoRule(mode="never")}
    return load_policy("default").model_copy(update=changed)


def versions(installation: Installation) -> PolicyVersions:
    database, kek = installation.ledger.database, installation.ledger.kek
    own = policy("default")
    return PolicyVersions(database, kek, AuditLog(database), BUILT_IN, own)


def publish(installation: Installation, wanted: Policy) -> Version:
    return versions(installation).publish(
        document_of(wanted), by="oidc:a", reason="a test's", laxer=True
    )


def stated(installation: Installation, call_id: str) -> dict[str, object]:
    """The policy that a call's certificate names."""
    found = json.loads(installation.kept(call_id, call_id + CERTIFICATE))
    assert found["passed"]
    policy: dict[str, object] = found["policy"]
    return {**policy, "words": json.dumps(found).count("CARD_NUMBER")}


def until_heard(installation: Installation, call_id: str) -> None:
    """Until words of a call are on their topic: its policy is pinned by then."""
    until(
        lambda: {one.key() for one in installation.read(installation.topics.words)},
        installation.log,
        holds=lambda keys: call_id.encode() in keys,
        every_s=0.2,
    )


@pytest.mark.parametrize("bootstrap", ["embedded"], indirect=True, scope="session")
def test_all_stages_of_a_call_go_by_one_version(installation: Installation) -> None:
    # Two processes, so that the later stages hear of the new version before the call's end.
    installation.start("transcribe,detect", idle_s=300.0)
    over, after = script("over", seconds=20), script("after", seconds=4)
    installation.send("over", over.chunks[:BEFORE])
    installation.producer.flush()
    until_heard(installation, "over")
    made = publish(installation, policy(fakes.STRICTER, "2"))

    installation.start("mute,verify,vault", idle_s=300.0)
    installation.send("after", [*after.chunks, after.end])
    installation.producer.flush()
    assert set(installation.until_closed(["after"]).values()) == {CallState.STORED}
    assert stated(installation, "after")["digest"] == made.sha256
    assert stated(installation, "after")["version"] == "2"

    installation.send("over", [*over.chunks[BEFORE:], over.end])
    installation.producer.flush()
    assert set(installation.until_closed(["over"]).values()) == {CallState.STORED}
    assert stated(installation, "over")["digest"] == policy("default").digest

    # One that nobody sealed is refused with an alarm, and the last one stays.
    forged = publish(installation, policy("loose", "3"))
    with installation.ledger.database.writing() as connection:
        mine = POLICY_VERSIONS.c.number == forged.number
        connection.execute(update(POLICY_VERSIONS).where(mine).values(author="oidc:b"))
    last = script("last", seconds=4)
    installation.send("last", [*last.chunks, last.end])
    installation.producer.flush()
    assert set(installation.until_closed(["last"]).values()) == {CallState.STORED}
    assert stated(installation, "last")["digest"] == made.sha256
    assert "policy version refused" in installation.log()
    assert not installation.read(installation.topics.deadletter)
