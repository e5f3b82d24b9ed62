"""Files of rules: what is wrong in them is told with file and line, all at once."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import yaml

from pipeline.consent.loading import is_place, load_rules, parse_rules, rules_schema, shipped_rules
from pipeline.errors import PolicyError

pytestmark = pytest.mark.unit

STRICTEST = """\
rules:
  - id: default
    version: 1
    places: ["*"]
    name: Everywhere else
    consent: explicit_opt_in
    notice: before
    evidence: [notice_played, key]
    lawful_bases: [consent]
    valid_from: 2026-01-01
    review_by: 2027-01-01
    sources: [{cite: none, says: unknown}]
    confirm_by: counsel
    legal_advice: false
"""
GERMANY = """\
rules:
  - id: de
    version: 1
    places: [DE]
    name: Germany
    consent: all_parties
    notice: before
    evidence: [notice_played, key]
    lawful_bases: [consent]
    valid_from: 2026-01-01
    valid_until: 2026-12-31
    review_by: 2026-06-01
    sources: [{cite: § 201 StGB, says: all parties}]
    confirm_by: counsel
    legal_advice: false
"""


def refused(*own: str) -> str:
    """What is told of own files beside a strictest rule."""
    files = [(f"own-{number}.yaml", text) for number, text in enumerate(own, 1)]
    with pytest.raises(PolicyError) as told:
        parse_rules([("default.yaml", STRICTEST)], files)
    return str(told.value)


def test_shipped_rules_cite_their_sources_and_say_who_confirms_them() -> None:
    for rule in shipped_rules().rules:
        assert rule.sources, rule.id
        assert rule.confirm_by, rule.id
        assert rule.legal_advice is False, rule.id
        assert rule.review_by > rule.valid_from, rule.id


def test_the_published_schema_is_the_one_in_use_and_every_shipped_file_follows_it() -> None:
    policies = resources.files("policies")
    published = json.loads((policies / "jurisdictions.schema.json").read_text("utf-8"))
    assert published == rules_schema()
    for file in (policies / "jurisdictions").iterdir():
        plain = yaml.safe_load(file.read_text("utf-8"))
        jsonschema.validate(json.loads(json.dumps(plain, default=str)), published)


def test_shipped_rules_hold_for_what_they_have_to() -> None:
    places = {place for rule in shipped_rules().rules for place in rule.places}
    states = (
        "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ "
        "NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC"
    )
    assert {f"US-{state}" for state in states.split()} <= places
    europe = "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE"
    assert set(europe.split()) | {"IS", "LI", "NO", "GB"} <= places
    assert {"US", "CA", "AU", "BR", "IN", "SG", "ZA", "*"} <= places


def test_the_digest_is_of_the_rules_whatever_their_order() -> None:
    two = [("a.yaml", STRICTEST), ("b.yaml", GERMANY)]
    assert parse_rules(two).digest == parse_rules(two[::-1]).digest
    assert parse_rules(two).digest != parse_rules(two[:1]).digest


def test_a_rule_of_ones_own_takes_the_place_of_a_shipped_one() -> None:
    own = GERMANY.replace("version: 1", "version: 2").replace("all_parties", "one_party")
    rules = parse_rules([("default.yaml", STRICTEST), ("de.yaml", GERMANY)], [("own.yaml", own)])
    assert [(rule.id, rule.version) for rule in rules.rules] == [("de", 2), ("default", 1)]


def test_two_rules_for_one_place_contradict_unless_their_days_differ() -> None:
    other = GERMANY.replace("id: de", "id: de-strict")
    assert refused(GERMANY, other) == (
        "own-2.yaml, line 4: rules.0.places: contradicts de (own-1.yaml, line 2): both hold for DE "
        "on the same days"
    )
    later = other.replace("    valid_until: 2026-12-31\n", "").replace("2026-01-01", "2027-01-01")
    later = later.replace("review_by: 2026-06-01", "review_by: 2028-01-01")
    files = [("a", STRICTEST), ("b", GERMANY), ("c", later)]
    assert len(parse_rules(files).rules) == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("[DE]", "[DX]"), "line 4: rules.0.places.0: DX is no code of ISO 3166-1 or 3166-2"),
        (("[DE]", "[de]"), "line 4: rules.0.places.0: String should match pattern"),
        (("[DE]", "[]"), "line 4: rules.0.places: Tuple should have at least 1 item"),
        (("all_parties", "both"), "line 6: rules.0.consent: Input should be"),
        (("legal_advice: false", "legal_advice: true"), "line 15: rules.0.legal_advice: Input"),
        (("    confirm_by: counsel\n", ""), "line 2: rules.0.confirm_by: Field required"),
        (("valid_until: 2026-12-31", "valid_until: 2025-12-31"),
         "line 11: rules.0.valid_until: before valid_from"),
        (("review_by: 2026-06-01", "review_by: 2025-06-01"),
         "line 12: rules.0.review_by: not after valid_from"),
        (("evidence: [notice_played, key]", "evidence: [key]"),
         "line 8: rules.0.evidence: notice: before can be shown by notice_played only"),
        (("evidence: [notice_played, key]", "evidence: [notice_played]"),
         "line 8: rules.0.evidence: no kind counts by which the parties could consent"),
        (("name: Germany", "name: Germany\n    name: Again"),
         "line 6: name stands here a second time (first in line 5)"),
        (("rules:", "rule:"), "line 1: rule: a file of rules is a mapping with a list under"),
        (("  - id: de", "  - [id]: de"), "own-1.yaml, line 2: a key is a word"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_file_and_line(change: tuple[str, str], told: str) -> None:
    assert told in refused(GERMANY.replace(*change))


def test_all_mistakes_at_once_and_no_rules_without_a_strictest() -> None:
    both = refused(GERMANY.replace("DE", "XX"), GERMANY.replace("before", "often"))
    assert both.count("\n") == 1
    with pytest.raises(PolicyError, match="none for '\\*'"):
        parse_rules([("de.yaml", GERMANY)])


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"missing\.yaml: cannot be read \(No such file"):
        load_rules([tmp_path / "missing.yaml"])
    (tmp_path / "own.yaml").write_text(GERMANY.replace("id: de", "id: de-x"))
    with pytest.raises(PolicyError, match="contradicts de"):
        load_rules([tmp_path])


@pytest.mark.parametrize(
    ("code", "expected"),
    [("US-CA", True), ("DE", True), ("*", True), ("US-ZZ", False), ("XX", False), ("", False)],
)
def test_places(code: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert is_place(code) is expected
