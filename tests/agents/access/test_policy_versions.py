"""Versions of the policy: who may put one in force, and what stands in the ledger then."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from agents.access.api_tokens import Tokens
from agents.access.audit_log import AuditLog
from agents.access.policy_versions import PolicyVersions, State, document_of
from agents.access.roles import Role
from agents.database.call_ledger import Ledger
from agents.database.policies.published import Following, InForce
from agents.database.tables import API_TOKENS, ENTRIES, POLICY_VERSIONS
from agents.system.metrics import Metrics
from agents.upkeep.kek_rotation import rotate
from pipeline.errors import InputError, PolicyError, SealError
from pipeline.policy.known_names import BUILT_IN, Known
from pipeline.policy.loading import load_policy, parse_policy
from pipeline.policy.model import EntityRule, Policy
from pipeline.records.entities import Entity
from pipeline.records.model import Action

pytestmark = pytest.mark.unit

OWN = load_policy("default")
DOCUMENT = """\
name: acme
version: "1"
extends: [pci]
# kept as it was written
entities:
  PERSON: {threshold: 0.3}
"""
SECOND = DOCUMENT.replace('"1"', '"2"')
ANN, BOB = "oidc:" + "a" * 32, "oidc:" + "b" * 32
Make = Callable[..., PolicyVersions]
NAMES = count()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.embedded(tmp_path / "state")


@pytest.fixture
def make(ledger: Ledger) -> Make:
    def versions(*, two: bool = False, known: Known = BUILT_IN) -> PolicyVersions:
        log = AuditLog(ledger.database)
        return PolicyVersions(ledger.database, ledger.kek, log, known, OWN, two=two)

    return versions


def audited(ledger: Ledger) -> list[tuple[str, dict[str, object]]]:
    with ledger.database.reading() as connection:
        rows = connection.execute(select(ENTRIES.c.kind, ENTRIES.c.facts).order_by(ENTRIES.c.seq))
        return [(row.kind.split(".")[2], json.loads(row.facts)) for row in rows]


def test_what_is_published_is_in_force_word_for_word(make: Make, ledger: Ledger) -> None:
    versions = make()
    assert versions.in_force() is None
    made = versions.publish(DOCUMENT, by=ANN, reason="  names are\nmissed ", laxer=True)
    assert (made.number, made.state, made.reason, made.based) == (
        1, State.PUBLISHED, "names are missed", 0,
    )  # fmt: skip
    assert (made.document, made.author, made.approver) == (DOCUMENT, ANN, "")
    found = versions.in_force()
    assert found is not None
    assert found.policy.model_dump() == parse_policy(DOCUMENT).model_dump()
    assert found.policy.digest == made.sha256
    told = [(kind, facts["version"], facts["by"]) for kind, facts in audited(ledger)]
    assert told == [("policy-published", 0, "settings"), ("policy-published", 1, ANN)]
    assert "missed" not in str(audited(ledger))


def test_version_0_leads_back_to_the_policy_of_the_settings(make: Make) -> None:
    versions = make()
    versions.publish(DOCUMENT, by=ANN, reason="a", laxer=True)
    versions.publish(SECOND, by=ANN, reason="b", laxer=True)
    assert versions.roll_back(1, by=BOB, reason="worse", laxer=True).number == 3
    found = versions.in_force()
    assert found is not None
    assert found.policy.version == "1"
    back = versions.roll_back(0, by=BOB, reason="as it was", laxer=True)
    assert (back.number, back.sha256, back.based) == (4, OWN.digest, 3)
    assert parse_policy(back.document).digest == OWN.digest


@pytest.mark.parametrize("reason", ["", " \n", "x" * 501, "a\x00b"])
def test_a_version_needs_a_reason(make: Make, reason: str) -> None:
    with pytest.raises(InputError, match="say why"):
        make().publish(DOCUMENT, by=ANN, reason=reason, laxer=True)
    assert make().known_versions() == []


def test_a_document_that_is_refused_leaves_nothing(make: Make, ledger: Ledger) -> None:
    with pytest.raises(PolicyError, match=r"line 6: entities\.PERSN.*did you mean PERSON"):
        make().publish(DOCUMENT.replace("PERSON", "PERSN"), by=ANN, reason="a", laxer=True)
    assert (make().known_versions(), audited(ledger)) == ([], [])


def test_the_same_rules_are_not_published_twice(make: Make) -> None:
    versions = make()
    with pytest.raises(InputError, match="in force already"):
        versions.publish(document_of(OWN), by=ANN, reason="a", laxer=True)
    versions.publish(DOCUMENT, by=ANN, reason="a", laxer=True)
    with pytest.raises(InputError, match="in force already"):
        versions.publish(DOCUMENT + "# nothing\n", by=ANN, reason="a", laxer=True)


def test_who_looked_at_an_older_version_is_told(make: Make) -> None:
    versions = make()
    versions.publish(DOCUMENT, by=ANN, reason="a", based=0, laxer=True)
    with pytest.raises(InputError, match="version 1 came into force meanwhile"):
        versions.publish(SECOND, by=BOB, reason="b", based=0, laxer=True)


def test_a_draft_changes_nothing(make: Make) -> None:
    versions = make()
    draft = versions.save_draft(DOCUMENT, by=ANN)
    assert (draft.state, versions.in_force()) == (State.DRAFT, None)
    assert versions.withdraw(draft.number, by=ANN).state is State.WITHDRAWN
    with pytest.raises(InputError, match="is withdrawn"):
        versions.withdraw(draft.number, by=ANN)
    with pytest.raises(InputError, match="never in force"):
        versions.roll_back(draft.number, by=ANN, reason="a", laxer=True)


def test_another_person_has_to_approve(make: Make, ledger: Ledger) -> None:
    versions = make(two=True)
    made = versions.publish(DOCUMENT, by=ANN, reason="a", laxer=True)
    assert (made.state, versions.in_force(), versions.waiting()) == (State.AWAITING, None, [made])
    with pytest.raises(InputError, match="another person"):
        versions.approve(made.number, by=ANN)
    with pytest.raises(InputError, match="not what you looked at"):
        versions.approve(made.number, by=BOB, sha256=OWN.digest)
    done = versions.approve(made.number, by=BOB, sha256=made.sha256)
    assert (done.state, done.approver) == (State.PUBLISHED, BOB)
    found = versions.in_force()
    assert found is not None
    assert (found.stated.author, found.stated.approver) == (ANN, BOB)
    with pytest.raises(InputError, match="does not wait"):
        versions.approve(made.number, by=BOB)
    (*_, (kind, facts)) = audited(ledger)
    assert (kind, facts["by"], facts["author"]) == ("policy-published", BOB, ANN)


def test_going_back_has_to_be_approved_too(make: Make) -> None:
    versions = make(two=True)
    first = versions.publish(DOCUMENT, by=ANN, reason="a", laxer=True)
    versions.approve(first.number, by=BOB)
    back = versions.roll_back(0, by=ANN, reason="b", laxer=True)
    assert back.state is State.AWAITING
    with pytest.raises(InputError, match="another person"):
        versions.approve(back.number, by=ANN)


def test_an_approval_is_of_what_was_compared(make: Make) -> None:
    versions = make(two=True)
    old = versions.publish(DOCUMENT, by=ANN, reason="a", laxer=True)
    versions.approve(versions.publish(SECOND, by=ANN, reason="b", laxer=True).number, by=BOB)
    with pytest.raises(InputError, match="written when version 0 was in force, and now 2 is"):
        versions.approve(old.number, by=BOB)


def tokens(ledger: Ledger, by: str) -> str:
    made, _ = Tokens(ledger.database, AuditLog(ledger.database)).create(
        Role.SECURITY, f"t{next(NAMES)}", timedelta(days=1), by=by
    )
    return f"token:{made.token_id}"


@pytest.mark.parametrize("way", ["own token", "token of a token", "the other way round", "twins"])
def test_nobody_approves_their_own_by_a_token(make: Make, ledger: Ledger, way: str) -> None:
    versions = make(two=True)
    mine = tokens(ledger, ANN)
    author, approver = {
        "own token": (ANN, mine),
        "token of a token": (ANN, tokens(ledger, mine)),
        "the other way round": (mine, ANN),
        "twins": (mine, tokens(ledger, ANN)),
    }[way]
    made = versions.publish(DOCUMENT, by=author, reason="a", laxer=True)
    with pytest.raises(InputError, match="another person"):
        versions.approve(made.number, by=approver)
    assert versions.in_force() is None
    assert versions.approve(made.number, by=tokens(ledger, BOB)).state is State.PUBLISHED


def test_tokens_of_the_command_line_stand_for_themselves(make: Make, ledger: Ledger) -> None:
    versions = make(two=True)
    one, other = tokens(ledger, "uid:1000"), tokens(ledger, "uid:1000")
    made = versions.publish(DOCUMENT, by=one, reason="a", laxer=True)
    assert versions.approve(made.number, by=other).approver == other


@pytest.mark.parametrize(
    ("author", "approver"),
    [
        ("alice (uid 1000)", "uid:1000"),  # from a container that has no name for the number
        ("alice (uid 1000)", "app (uid 1000)"),  # from one that has another
        ("alice (uid 1000)", "alice (uid 2000)"),
        ("uid:0", "root"),  # as versions of before have them
    ],
)
def test_users_of_one_name_or_number_are_no_two_people(
    make: Make, ledger: Ledger, author: str, approver: str
) -> None:
    versions = make(two=True)
    for one, other in ((author, approver), (approver, author)):
        made = versions.publish(DOCUMENT, by=one, reason="a", laxer=True)
        with pytest.raises(InputError, match="another person"):
            versions.approve(made.number, by=other)
    assert versions.in_force() is None
    assert versions.approve(made.number, by="bob (uid 3000)").state is State.PUBLISHED


def test_a_token_whose_maker_nobody_knows_approves_nothing(make: Make, ledger: Ledger) -> None:
    versions = make(two=True)
    old = tokens(ledger, "uid:1000")
    with ledger.database.writing() as connection:
        connection.execute(update(API_TOKENS).values(made_by=None))
    made = versions.publish(DOCUMENT, by=ANN, reason="a", laxer=True)
    with pytest.raises(InputError, match="nobody knows who made"):
        versions.approve(made.number, by=old)


FORGED: dict[str, dict[str, object]] = {
    "another policy": {"content": OWN.content, "sha256": OWN.digest},
    "its content": {"content": OWN.content},
    "its text": {"document": DOCUMENT.replace("0.3", "0.9")},
    "what it was written against": {"based": 7},
    "its author": {"author": BOB},
    "its approver": {"approver": BOB},
    "its seal": {"seal": b"x" * 40},
    "no seal": {"seal": None},
    "no key": {"wrapped_key": b""},
    "another key": {"wrapped_key": b"\x01\x00\x00\x00\x01abc"},
}


@pytest.mark.parametrize("what", FORGED)
def test_who_only_writes_to_the_database_puts_nothing_in_force(
    make: Make, ledger: Ledger, what: str
) -> None:
    versions = make()
    versions.publish(DOCUMENT, by=ANN, reason="a", laxer=True)
    with ledger.database.writing() as connection:
        mine = POLICY_VERSIONS.c.number == 1
        connection.execute(update(POLICY_VERSIONS).where(mine).values(FORGED[what]))
    with pytest.raises(SealError):
        versions.in_force()


def test_nor_does_a_version_that_waits_come_into_force_by_its_state(
    make: Make, ledger: Ledger
) -> None:
    versions = make(two=True)
    versions.publish(DOCUMENT, by=ANN, reason="a", laxer=True)
    with ledger.database.writing() as connection:
        connection.execute(update(POLICY_VERSIONS).values(state="published", approver=BOB))
    with pytest.raises(SealError):
        versions.in_force()


@pytest.mark.parametrize("what", sorted({*FORGED} - {"its approver"}))
def test_a_version_that_waits_is_approved_as_its_author_wrote_it(
    make: Make, ledger: Ledger, what: str
) -> None:
    versions = make(two=True)
    made = versions.publish(DOCUMENT, by=ANN, reason="a", laxer=True)
    assert not versions.get(made.number).problem
    with ledger.database.writing() as connection:
        connection.execute(update(POLICY_VERSIONS).values(FORGED[what]))
    assert versions.get(made.number).problem
    for by in (ANN, BOB):
        with pytest.raises(InputError, match="not as it was written: withdraw it"):
            versions.approve(made.number, by=by)
    assert versions.in_force() is None
    assert versions.withdraw(made.number, by=ANN).state is State.WITHDRAWN


@pytest.mark.parametrize("what", FORGED)
def test_where_the_version_in_force_cannot_be_proven_another_can_be_published(
    make: Make, ledger: Ledger, what: str
) -> None:
    versions = make()
    versions.publish(DOCUMENT, by=ANN, reason="a", laxer=True)
    with ledger.database.writing() as connection:
        mine = POLICY_VERSIONS.c.number == 1
        connection.execute(update(POLICY_VERSIONS).where(mine).values(FORGED[what]))
    now = versions.standing()
    assert (now.number, now.policy, bool(now.problem)) == (1, OWN, True)
    with pytest.raises(InputError, match="policy version 1"):
        versions.roll_back(1, by=ANN, reason="back", laxer=True)
    assert versions.publish(DOCUMENT, by=ANN, reason="again", based=1, laxer=True).number == 2
    assert versions.standing().problem == ""
    assert following(ledger).start().name == "acme"


def following(ledger: Ledger, *, two: bool = False) -> InForce:
    """A worker that starts now."""
    return InForce(ledger.database, ledger.kek, OWN, Following(BUILT_IN, two), Metrics())


def test_one_person_s_version_is_approved_once_two_have_to_agree(
    make: Make, ledger: Ledger
) -> None:
    make().publish(DOCUMENT, by=ANN, reason="a", laxer=True)
    versions = make(two=True)
    with pytest.raises(PolicyError, match="nobody else approved it"):
        following(ledger, two=True).start()
    assert "nobody else approved it" in versions.standing().problem
    again = versions.publish(DOCUMENT, by=ANN, reason="b", laxer=True)
    versions.approve(again.number, by=BOB)
    assert following(ledger, two=True).start().name == "acme"
    with pytest.raises(InputError, match="in force already"):
        versions.publish(DOCUMENT, by=ANN, reason="c", laxer=True)


def test_nobody_goes_back_to_names_that_are_gone(make: Make, ledger: Ledger) -> None:
    with_own = make(known=replace(BUILT_IN, entities=BUILT_IN.entities | {"LOYALTY_ID"}))
    with_own.publish(DOCUMENT + "  LOYALTY_ID: {threshold: 0.2}\n", by=ANN, reason="a", laxer=True)
    versions = make()
    assert "LOYALTY_ID is not known" in versions.standing().problem
    versions.publish(DOCUMENT, by=ANN, reason="b", laxer=True)
    with pytest.raises(PolicyError, match="LOYALTY_ID is not known"):
        versions.roll_back(1, by=ANN, reason="c", laxer=True)
    assert following(ledger).start().name == "acme"


def test_a_state_that_nobody_knows_has_no_effect(make: Make, ledger: Ledger) -> None:
    versions = make()
    versions.save_draft(DOCUMENT, by=ANN)
    with ledger.database.writing() as connection:
        connection.execute(update(POLICY_VERSIONS).values(state="newer"))
    assert [one.state for one in versions.known_versions()] == [State.WITHDRAWN]


def test_a_version_outlives_its_wrapping_key(make: Make, ledger: Ledger, tmp_path: Path) -> None:
    versions = make()
    ledger.open_call("call-1")
    made = versions.publish(DOCUMENT, by=ANN, reason="a", laxer=True)
    rotated = rotate(tmp_path / "state" / "kek.json", ledger.database)
    assert rotated.rewrapped == 3  # the call's, version 0's and version 1's
    again = Ledger.embedded(tmp_path / "state")
    found = PolicyVersions(
        again.database, again.kek, AuditLog(again.database), BUILT_IN, OWN
    ).in_force()
    assert found is not None
    assert found.stated.sha256 == made.sha256


def test_two_who_publish_at_once_do_not_both_win(
    make: Make, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = make()
    versions.publish(DOCUMENT, by=ANN, reason="a", laxer=True)
    real = PolicyVersions._audit

    def meanwhile(self: PolicyVersions, *given: object, **facts: str) -> None:
        monkeypatch.setattr(PolicyVersions, "_audit", real)
        make().publish(SECOND, by=BOB, reason="first", laxer=True)
        real(self, *given, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr(PolicyVersions, "_audit", meanwhile)
    with pytest.raises(InputError, match="at the same moment"):
        versions.publish(SECOND.replace("0.3", "0.2"), by=ANN, reason="second", laxer=True)
    assert [one.author for one in versions.known_versions()] == [BOB, ANN, "settings"]
    (*_, (kind, facts)) = audited(ledger)
    assert (kind, facts["step"], facts["version"], facts["by"]) == (
        "policy-step-failed", "policy-published", 2, ANN,
    )  # fmt: skip


RULES = st.builds(
    EntityRule,
    action=st.sampled_from(Action),
    threshold=st.floats(0, 1),
    pad_before_ms=st.integers(0, 5_000),
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None
)
@given(
    entities=st.dictionaries(
        st.sampled_from([str(one) for one in Entity if one is not Entity.DTMF]), RULES, max_size=5
    ),
    days=st.integers(1, 36_500),
    name=st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=40),
)
def test_a_published_document_reads_back_equal(
    make: Make, ledger: Ledger, entities: dict[str, EntityRule], days: int, name: str
) -> None:
    with ledger.database.writing() as connection:
        connection.execute(delete(POLICY_VERSIONS))
    policy = Policy(name=name, version="7", entities=entities, retention={"default": days})
    versions = make()
    made = versions.publish(document_of(policy), by=ANN, reason="a", laxer=True)
    found = versions.in_force()
    assert found is not None
    assert (found.policy.model_dump(), found.policy.digest) == (policy.model_dump(), policy.digest)
    assert parse_policy(made.document) == policy
