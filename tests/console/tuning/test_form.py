"""What changed fields do to the text of a policy: what they say, and nothing else."""

from __future__ import annotations

import json

import pytest

from console.tuning import form
from console.tuning.trial import checked, compared
from pipeline.errors import InputError
from pipeline.policy.known_names import BUILT_IN
from pipeline.policy.loading import load_policy, parse_policy
from pipeline.records.scores import Recognizer

pytestmark = pytest.mark.unit

TEXT = """\
# who answers for it: security
name: acme
version: "3"     # one more than certificates have
extends: [pci]
entities:
  PERSON: {threshold: 0.3}
"""
ALONE = 'name: alone\nversion: "1"\ndefault: {action: keep, threshold: 0.7}\n'


def changed(text: str, **wanted: str) -> str:
    fields = {name.replace("__", "."): value for name, value in wanted.items()}
    return form.changed_text(text, parse_policy(text), fields)


def test_a_field_changes_its_line_and_leaves_comments() -> None:
    found = changed(TEXT, entities__PERSON__threshold="0.5")
    assert found == TEXT.replace("0.3", "0.5")
    assert changed(TEXT) == TEXT


def test_a_type_that_stood_nowhere_keeps_all_else_that_held_for_it() -> None:
    before, after = (
        parse_policy(ALONE),
        parse_policy(changed(ALONE, entities__PERSON__pad_before_ms="400")),
    )
    assert after.rule("PERSON").pad_before_ms == 400
    assert after.rule("PERSON").action == before.rule("PERSON").action
    assert after.rule("PERSON").threshold == before.rule("PERSON").threshold


def test_the_reader_s_threshold_of_a_type_leaves_those_of_all_others() -> None:
    before, after = parse_policy(TEXT), parse_policy(changed(TEXT, reader__PERSON="0.6"))
    assert after.threshold("PERSON", Recognizer.READER) == 0.6
    others = BUILT_IN.entities - {"PERSON"}
    assert {one: after.threshold(one, Recognizer.READER) for one in others} == {
        one: before.threshold(one, Recognizer.READER) for one in others
    }


@pytest.mark.parametrize("text", [TEXT, ALONE])
def test_the_days_of_one_purpose_leave_those_of_the_others(text: str) -> None:
    known = parse_policy(text).retention
    after = parse_policy(changed(text, retention__default="30")).retention
    assert after == {**known, "default": 30}


def test_a_recogniser_goes_off_and_on_again() -> None:
    name = "spoken-phone-number"
    off = form.changed_text(TEXT, parse_policy(TEXT), {f"recognizers.{name}": "off"})
    assert not parse_policy(off).recognizers[name].enabled
    on = form.changed_text(off, parse_policy(off), {f"recognizers.{name}": "on"})
    assert parse_policy(on).recognizers[name].enabled
    assert form.values(parse_policy(off), BUILT_IN)[f"recognizers.{name}"] == "off"


def test_consent_is_written_as_the_policy_reads_it() -> None:
    wanted = {"consent__enforced": "yes", "consent__our_places": "DE, US-CA"}
    rule = parse_policy(changed(TEXT, **wanted)).consent
    assert (rule.enforced, rule.our_places) == (True, ("DE", "US-CA"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("entities.PERSON.action", "shout"),
        ("entities.PERSON.threshold", "much"),
        ("entities.PERSON.pad_before_ms", "-3"),
        ("retention.default", "1234567"),
        ("reader.PERSON", ""),
        ("name", "other"),
    ],
)
def test_what_is_no_value_is_told_by_its_field(name: str, value: str) -> None:
    with pytest.raises(InputError, match=name.split(".", maxsplit=1)[0]):
        form.changed_text(TEXT, parse_policy(TEXT), {name: value})


@pytest.mark.parametrize("name", ["default", "pci", "hipaa", "gdpr", "pci+hipaa"])
def test_fields_that_nobody_touched_change_nothing(name: str) -> None:
    shown = form.values(load_policy(name), BUILT_IN)
    assert form.changes({**shown, "shown": json.dumps(shown)}) == {}
    assert form.changes({**shown, "reader.PERSON": "0.9", "shown": json.dumps(shown)}) == {
        "reader.PERSON": "0.9"
    }


@pytest.mark.parametrize("shown", ["", "[]", "{", "[" * 9_000, "null"])
def test_what_was_shown_may_be_anything(shown: str) -> None:
    assert form.changes({"reader.PERSON": "0.9", "shown": shown}) == {}


def test_mistakes_stand_at_their_lines() -> None:
    found = checked(TEXT.replace("PERSON", "PERSN") + "hold: {max_seconds: 1}\n", BUILT_IN)
    assert found.policy is None
    assert [line for line, _ in found.problems] == [6, 7]
    assert "did you mean PERSON" in found.problems[0][1]
    assert [(one.number, len(one.problems)) for one in found.excerpt] == [
        (4, 0), (5, 0), (6, 1), (7, 1),
    ]  # fmt: skip
    assert checked("[", BUILT_IN).problems
    assert checked(TEXT, BUILT_IN).problems == ()


def test_a_comparison_tells_rules_and_lines() -> None:
    new = TEXT.replace("0.3", "0.9")
    found = compared(parse_policy(TEXT), TEXT, parse_policy(new), new)
    assert "laxer" in [one.direction.value for one in found.changes]
    assert [line[0] for line in found.lines if line[0] in "+-"] == ["-", "+"]


@pytest.mark.parametrize(
    "entities",
    [
        "{PERSON: &x {action: mute}, EMAIL_ADDRESS: *x}",
        "{PERSON: {threshold: &x 0.3}, EMAIL_ADDRESS: {threshold: *x}}",
        "{PERSON: &x {action: mute}, EMAIL_ADDRESS: {<<: *x, threshold: 0.3}}",
    ],
)
def test_a_field_changes_no_other_type_through_an_alias(entities: str) -> None:
    text = ALONE + f"entities: {entities}\n"
    for name in ("entities__PERSON__action", "entities__EMAIL_ADDRESS__action"):
        with pytest.raises(InputError, match="change the text itself"):
            changed(text, **{name: "keep"})
    assert changed(text) == text
    assert "R&D" in changed(text.split("entities")[0] + "# R&D*\n", reader__PERSON="0.5")
