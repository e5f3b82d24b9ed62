"""What a trial of thresholds says that it does not see, and when it stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.database.call_ledger import Ledger
from agents.upkeep.tuning.threshold_trial import tried, unseen
from agents.vault.reader import VaultReader
from agents.vault.vault import Vault
from pipeline.policy.loading import parse_policy
from pipeline.policy.model import Policy
from tests.agents.storing import stored_call

pytestmark = pytest.mark.unit


def policy(more: str = "") -> Policy:
    return parse_policy(f'name: a\nversion: "1"\nextends: [default]\n{more}\n')


OFF = "recognizers: {spoken-phone-number: {enabled: false}}"


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ("", "entities: {PERSON: {action: keep, threshold: 0.9}}", []),
        ("", "recognizers: {reader: {threshold: 0.2, entities: {PERSON: 0.6}}}", []),
        ("", OFF, []),
        (OFF, "", ["recognizers.spoken-phone-number.enabled"]),
        ("", "entities: {PERSON: {pad_before_ms: 7}}", ["entities.PERSON.pad_before_ms"]),
        ("", "unexplained: {mute: false}", ["unexplained.mute"]),
        ("", "allow: {PERSON: [smith]}", ["allow.PERSON"]),
        ("", "understanding: {share: 0.0}", ["understanding.share"]),
        ("", "clear_transit: true", ["clear_transit"]),
    ],
)
def test_what_no_candidate_tells_is_named(old: str, new: str, fields: list[str]) -> None:
    assert [one.field for one in unseen(policy(old), policy(new))] == fields


def test_a_trial_stops_in_time_and_says_so(tmp_path: Path) -> None:
    ledger = Ledger.embedded(tmp_path / "state")
    vault = Vault.opened(tmp_path / "vault", ledger)
    for call in ("a", "b"):
        ledger.open_call(call)
        vault.store(stored_call(call), keep_days=30)
    late = tried(VaultReader(vault), policy(), policy(), 10, within_s=0.0)
    assert (late.calls + late.without, late.stopped) == (0, True)
    whole = tried(VaultReader(vault), policy(), policy(), 10)
    assert (whole.calls + whole.without, whole.stopped) == (2, False)
    ledger.dispose()
