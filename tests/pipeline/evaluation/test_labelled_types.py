"""Types of labels: a misspelt one is refused with its line, an own recogniser's is one."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import InputError
from pipeline.evaluation.corpora.call_manifest import parse_manifest
from pipeline.evaluation.corpora.labelled_texts import parse_cases, unknown_types
from pipeline.evaluation.scoring.text_scoring import lay_out
from pipeline.policy.known_names import BUILT_IN
from tests.pipeline.evaluation.test_scoring import RESEARCH

pytestmark = pytest.mark.unit

OWN_TYPES = BUILT_IN.entities | {"Loyalty_No"}
MISSPELT = {
    "ours": json.dumps(
        {
            "id": "a",
            "turns": [{"text": "it", "labels": [{"entity": "PERSN", "start": 0, "end": 2}]}],
        }
    ),
    "dialogue": "C: Hello.\nC: {PERSN|Dana}.\n",
}


@pytest.mark.parametrize(("form", "line"), [("ours", 1), ("dialogue", 2)])
def test_a_misspelt_type_is_refused_with_its_line(form: str, line: int) -> None:
    """Its entities would count as a type of their own, or not at all."""
    with pytest.raises(InputError) as caught:
        parse_cases(MISSPELT[form], origin="truth", known=OWN_TYPES)
    assert str(caught.value) == (
        f"truth:{line}: PERSN: no type that Hushwire or the recogniser file in use finds; "
        "did you mean PERSON?"
    )


@pytest.mark.parametrize("said", ["plum", "my mother's maiden name", "4111 1111 1111 1111"])
def test_what_stands_in_a_type_s_place_and_may_have_been_said_is_not_quoted(said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_cases(MISSPELT["ours"].replace("PERSN", said), origin="truth")
    assert str(caught.value).startswith("truth:1: an entity type: no type that")
    assert said not in str(caught.value)


def test_what_counts_as_nothing_may_be_of_any_type() -> None:
    line = MISSPELT["ours"].replace('"start"', '"optional": true, "start"')
    assert len(parse_cases(line, origin="truth")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "C: {Loyalty_No|Dana}.\n",
        MISSPELT["ours"].replace("PERSN", "Loyalty_No"),
        json.dumps(RESEARCH[:1]).replace("PERSON", "Loyalty_No").replace("GPE", "PERSON"),
        "I O\nDana B-Loyalty_No\n",
    ],
)
def test_a_type_of_an_own_recogniser_is_one(text: str) -> None:
    cases = parse_cases(text, origin="truth", known=OWN_TYPES)
    (label, *_) = cases[0].turns[-1].labels
    assert (label.entity, label.optional) == ("Loyalty_No", False)
    assert unknown_types(cases, OWN_TYPES) == {}
    (placed,) = [one for one in lay_out(cases[0]).words[-1] if one.label == label][:1]
    assert placed.entity_id.endswith(":Loyalty_No")


def test_a_type_of_a_manifest_is_checked_where_the_types_are_known() -> None:
    entity = {"type": "crad", "channel": "x", "words": []}
    line = json.dumps({"file": "b.flac", "channels": ["x"], "entities": [entity]})
    assert len(parse_manifest(line, origin="m")) == 1
    with pytest.raises(InputError, match=r"m, line 2: crad: no type .*; did you mean card\?"):
        parse_manifest(f"\n{line}", origin="m", known=OWN_TYPES)
    optional = line.replace('"type"', '"optional": true, "type"')
    assert len(parse_manifest(optional, origin="m", known=OWN_TYPES)) == 1
