"""Stored calls under the rules of today: looked at, marked, erased; never one that a hold keeps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from agents.access.policy_versions import PolicyVersions, document_of
from agents.database.policies.published import Following, InForce
from agents.database.tables import POLICY_VERSIONS
from agents.system.metrics import Metrics
from agents.upkeep import consent_recheck as recheck
from agents.upkeep.consent_recheck import Plan, Recheck, plan
from agents.upkeep.stored_decisions import simulated
from agents.upkeep.sweep_guard import Bounds, Confirmed, SweepGuard
from agents.vault.call_catalogue import CallFilter
from pipeline.consent.rules import RuleSet
from pipeline.errors import InputError, PolicyError, SettingsError, SweepRefusedError
from pipeline.evaluation.change.stored_calls import Fate, Flag, Judge
from pipeline.policy.known_names import BUILT_IN
from pipeline.policy.model import Policy
from pipeline.records.consent import Outcome
from tests.agents.consented import (
    ASKS,
    DAY,
    KEY,
    NOW,
    OLD,
    PROMPT,
    STRICTEST,
    YES,
    Site,
    decided,
    policy,
    rule,
)

pytestmark = pytest.mark.unit

CALLS = ("stays", "stays-held", "said-yes", "in-fr", "nobody", "garbled")
IN_PART = RuleSet(
    (
        rule("x-de", "DE", version=3, staying_counts=False, without_evidence="transcript_only"),
        rule("x-fr", "FR"),
        STRICTEST,
    )
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.store("stays", decided("DE", PROMPT))
    made.store("stays-held", decided("DE", PROMPT), held=True)
    made.store("said-yes", decided("DE", PROMPT, YES))
    made.store("in-fr", decided("FR", PROMPT))
    made.store("nobody", None)
    made.store("garbled", '{"outcome": "a newer word"}')
    yield made
    made.ledger.dispose()


def look(site: Site, rules: RuleSet = ASKS, **changes: object) -> Plan:
    return plan(site.ledger.database, policy(**changes), rules)  # type: ignore[arg-type]


def work(site: Site) -> Recheck:
    return Recheck(site.ledger, site.log, site.guard, "somebody")


def told(site: Site) -> list[dict[str, str]]:
    found = [json.loads(line)["facts"] for line in site.log.export()]
    return [{name: one[name] for name in one if name != "at"} for one in found]


def ids(calls: tuple[recheck.Found, ...]) -> list[str]:
    return [one.call_id for one in calls]


def test_a_look_changes_nothing(site: Site) -> None:
    found = look(site)
    assert (ids(found.forbidden), ids(found.held), found.partly) == (["stays"], ["stays-held"], ())
    assert (found.asked, found.unasked, found.unread) == (4, 1, 1)
    [one] = found.forbidden
    assert (one.outcome, one.why, one.then.named) == ("refused", "no_consent", "x-de@2")
    assert told(site) == []
    assert site.stored(CALLS) == set(CALLS)
    assert site.vault.catalogue.page(CallFilter(flagged=True)).calls == ()


def test_what_is_kept_by_the_same_rules_stays(site: Site) -> None:
    found = look(site, OLD)
    assert (found.forbidden, found.partly, found.held, found.cleared) == ((), (), (), ())


def test_the_mark_says_why_and_goes_when_the_rules_allow_the_call_again(site: Site) -> None:
    with site.ledger.database.writing() as connection:  # one that no version reads
        connection.exec_driver_sql("UPDATE catalogue SET consent = NULL WHERE call_id = 'garbled'")
    done = work(site).flag(look(site))
    assert (done.flagged, done.erased, done.held) == (["stays"], [], [])
    [marked] = site.vault.catalogue.page(CallFilter(flagged=True)).calls
    assert marked.call_id == "stays"
    since = "2026-11-29T03:00:00.000+00:00"
    assert marked.flagged == Flag(since, "refused", "no_consent", "x-de@2")
    facts = {"policy": "own 1", "day": "2026-11-29", "by": "somebody"}
    assert told(site) == [
        {
            "what": "consent-rechecked",
            "does": "flag",
            "consent": "refused",
            "consent_why": "no_consent",
            "consent_rules": "x-de@2",
            **facts,
        }
    ]
    assert work(site).flag(look(site)).flagged == []
    again = look(site, OLD)
    assert again.cleared == ("stays",)
    assert work(site).flag(again).cleared == ["stays"]
    assert told(site)[-1] == {"what": "consent-cleared", **facts}
    assert site.vault.catalogue.get("stays").flagged is None


def test_a_mark_is_written_anew_when_the_reason_is_another(site: Site) -> None:
    assert work(site).flag(look(site, IN_PART)).flagged == ["stays"]
    assert site.vault.catalogue.get("stays").flagged.outcome == "transcript_only"  # type: ignore[union-attr]
    assert work(site).flag(look(site)).flagged == ["stays"]
    assert site.vault.catalogue.get("stays").flagged.outcome == "refused"  # type: ignore[union-attr]


def test_erased_is_what_would_not_be_kept_and_the_log_has_the_rule_first(site: Site) -> None:
    done = work(site).erase_forbidden(site.vault, look(site))
    assert (done.erased, done.flagged, done.held) == (["stays"], [], [])
    assert site.stored(CALLS) == set(CALLS) - {"stays"}
    first, last = told(site)
    assert (first["what"], first["does"], first["consent_rules"]) == (
        "consent-rechecked",
        "erase",
        "x-de@2",
    )
    assert last == {"what": "call-erased", "why": "consent"}
    assert site.ledger.call("stays") is not None
    assert look(site).forbidden == ()


def test_of_a_stored_call_no_part_is_taken_away(site: Site) -> None:
    found = look(site, IN_PART)
    assert (found.forbidden, ids(found.partly)) == ((), ["stays"])
    done = work(site).erase_forbidden(site.vault, found)
    assert (done.erased, done.flagged) == ([], ["stays"])
    assert site.stored(CALLS) == set(CALLS)


def test_a_hold_that_comes_between_the_look_and_the_end(site: Site) -> None:
    found = look(site)
    site.vault.catalogue.hold("stays", NOW)
    assert work(site).erase_forbidden(site.vault, found).held == ["stays"]
    assert work(site).flag(found).held == ["stays"]
    assert site.stored(CALLS) == set(CALLS)
    assert site.vault.catalogue.get("stays").flagged is None


def test_retention_that_became_shorter(site: Site) -> None:
    site.store("old", decided("FR", PROMPT), ago=100)
    site.store("old-nobody", None, ago=100)
    site.store("old-due", decided("FR", PROMPT), ago=100, days=100)
    found = look(site, OLD, days=90)
    assert [(one.call_id, one.fate, one.why) for one in found.forbidden] == [
        ("old", Fate.OVER, "retention")
    ]
    assert work(site).erase_forbidden(site.vault, found).erased == ["old"]
    assert site.stored(["old", "old-nobody", "old-due"]) == {"old-nobody", "old-due"}


def test_what_a_policy_stored_that_asked_for_nothing_counts_as_not_asked(site: Site) -> None:
    unasked = decided("DE", by=policy(enforced=False))
    assert unasked.outcome is Outcome.KEPT
    site.store("unheard", unasked)
    assert (look(site).unasked, ids(look(site).forbidden)) == (2, ["stays"])


def test_by_a_policy_that_asks_for_nothing_there_is_no_recheck() -> None:
    with pytest.raises(SettingsError, match="asks for none"):
        recheck.require_enforced(policy(enforced=False))


def test_too_much_at_once_waits_for_the_number(site: Site) -> None:
    guard = SweepGuard(site.ledger.database, Bounds(percent=10, least=0))
    careful = Recheck(site.ledger, site.log, guard, "somebody")
    for does in (careful.flag, lambda *of: careful.erase_forbidden(site.vault, *of)):
        with pytest.raises(SweepRefusedError, match=r"1 of 6 at once.*--confirm 1"):
            does(look(site))
        with pytest.raises(InputError, match="1 are due now, not 2"):
            does(look(site), Confirmed(2, "somebody"))
    assert site.stored(CALLS) == set(CALLS)
    assert careful.erase_forbidden(site.vault, look(site), Confirmed(1, "me")).erased == ["stays"]
    assert any(one["what"] == "sweep-confirmed" and one["sweep"] == "consent" for one in told(site))


def test_by_a_wrong_clock_nothing_is_changed(site: Site) -> None:
    guard = SweepGuard(site.ledger.database)
    careful = Recheck(site.ledger, site.log, guard, "somebody")
    guard.allow("other", NOW, 0, 0)
    site.ledger.database.now = lambda: NOW + timedelta(days=400)
    with pytest.raises(SweepRefusedError, match="the clock says"):
        careful.erase_forbidden(site.vault, look(site))
    assert site.stored(CALLS) == set(CALLS)


def test_two_workers_on_the_same_day_tell_it_once(site: Site) -> None:
    found = look(site)
    work(site).flag(found)
    work(site).flag(found)
    assert len(told(site)) == 1


async def test_the_worker_looks_once_a_day(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    once = recheck._once

    def counted(*of: object) -> object:
        looks.append("look")
        if len(looks) == 2:
            raise SweepRefusedError("too much")
        return once(*of)  # type: ignore[arg-type]

    monkeypatch.setattr(recheck, "_once", counted)
    monkeypatch.setattr(recheck, "AGAIN", 3)
    by = recheck.Nightly("erase", ASKS)
    task = asyncio.create_task(
        recheck.tend(site.vault, site.ledger, site.log, site.guard, by, policy, look_s=0.005)
    )
    await asyncio.sleep(0.3)
    assert looks == ["look"]
    assert site.stored(CALLS) == set(CALLS) - {"stays"}
    site.ledger.database.now = lambda: NOW + timedelta(days=1)
    await asyncio.sleep(0.3)
    task.cancel()
    assert looks == ["look"] * 3, "one that was refused comes again, and then none"


def test_the_nightly_recheck_goes_by_what_is_in_force_that_night(site: Site) -> None:
    site.store("older", decided("DE", PROMPT, YES), ago=100, days=3_650)
    by = recheck.Nightly("erase", ASKS)
    work = Recheck(site.ledger, site.log, site.guard, recheck.WORKER)

    def night(in_force: Callable[[], Policy]) -> list[str]:
        return recheck._once(site.vault, work, site.ledger, by, in_force).erased

    assert "older" not in night(lambda: policy(days=3_650))
    with pytest.raises(SettingsError, match="asks for none"):
        night(lambda: policy(enforced=False))
    with pytest.raises(PolicyError, match="version 2 can't be taken up"):
        night(refused_by_this_worker(site))
    assert site.stored(["older"]) == {"older"}
    assert night(lambda: policy(days=30)) == ["older"]


def refused_by_this_worker(site: Site) -> Callable[[], Policy]:
    """What a worker asks that could not take up the version that was published last."""
    ledger = site.ledger
    versions = PolicyVersions(ledger.database, ledger.kek, site.log, BUILT_IN, policy())
    versions.publish(document_of(policy(days=30)), by="oidc:a", reason="a", laxer=True)
    following = Following(BUILT_IN)
    worker = InForce(ledger.database, ledger.kek, policy(), following, Metrics())
    assert worker.certain().keep_days("x") == 30
    made = versions.publish(document_of(policy(days=3_650)), by="oidc:a", reason="b", laxer=True)
    with ledger.database.writing() as connection:
        mine = POLICY_VERSIONS.c.number == made.number
        connection.execute(update(POLICY_VERSIONS).where(mine).values(author="oidc:b"))
    return worker.certain


def test_what_would_have_been_is_counted_by_place_and_rule(site: Site) -> None:
    found = simulated(site.ledger.database, Judge(policy(days=30), ASKS, DAY), NOW)
    rows = {
        (row.then.places, row.then.named, row.fate.value, row.now.days, row.then.days): count
        for row, count in found.rows.items()
    }
    assert rows == {
        ("DE", "x-de@2", "refused", 365, 30): 2,
        ("DE", "x-de@2", "shorter", 365, 30): 1,
        ("FR", "x-fr@1", "shorter", 365, 30): 1,
        ("", "", "shorter", 365, 30): 1,
    }
    assert (found.held, found.unasked, found.unread) == (frozenset({"stays-held"}), 1, 1)
    assert set(found.calls) == set(CALLS) - {"garbled"}


def test_only_calls_since_then(site: Site) -> None:
    site.store("old", decided("DE", PROMPT), ago=100)
    judge, since = Judge(policy(), ASKS, DAY), NOW - timedelta(days=90)
    assert set(simulated(site.ledger.database, judge, NOW, since=since).calls) == {
        "stays",
        "stays-held",
    }
    assert "old" in simulated(site.ledger.database, judge, NOW).calls


def test_more_calls_than_are_read_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.upkeep.stored_decisions._BATCH", 2)
    found = look(site)
    assert (found.asked + found.unasked + found.unread, ids(found.forbidden)) == (6, ["stays"])


kinds = st.sampled_from(["stays", "yes", "key", "nothing", "nobody", "fr", "garbled"])
DECISIONS = {
    "stays": decided("DE", PROMPT),
    "yes": decided("DE", PROMPT, YES),
    "key": decided("", PROMPT, KEY),
    "nothing": decided("DE"),
    "fr": decided("FR", PROMPT),
    "nobody": None,
    "garbled": "{}",
}


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.tuples(kinds, st.booleans(), st.integers(0, 120)), min_size=1, max_size=5),
    st.sampled_from([OLD, ASKS, IN_PART]),
    st.sampled_from([30, 90, 365]),
)
def test_a_look_and_an_erasure_agree_and_holds_stand(
    calls: list[tuple[str, bool, int]], rules: RuleSet, days: int
) -> None:
    with TemporaryDirectory() as folder:
        site = Site(Path(folder))
        names = {f"call-{number}": call for number, call in enumerate(calls)}
        for name, (kind, held, ago) in names.items():
            site.store(name, DECISIONS[kind], held=held, ago=ago)
        found = look(site, rules, days=days)
        done = work(site).erase_forbidden(site.vault, found)
        assert sorted(done.erased) == sorted(ids(found.forbidden))
        assert site.stored(names) == set(names) - set(done.erased)
        unjudged = {"nobody", "garbled"}
        untouched = {name for name, (kind, held, _) in names.items() if held or kind in unjudged}
        assert not untouched & {*done.erased, *done.flagged, *done.cleared}
        after = look(site, rules, days=days)
        assert (after.forbidden, after.to_flag, after.held) == ((), (), found.held)
        site.ledger.dispose()
