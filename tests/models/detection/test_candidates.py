"""What thresholds decided on is told with the findings, so that others can be tried later."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.detection.turn_reader import FLOOR, ScriptedReads
from pipeline.evidence.candidates import candidates_json, read_candidates, weighed
from pipeline.policy.loading import parse_policy
from pipeline.policy.model import Policy
from pipeline.records.model import Action, CallEnd, Findings, Hearing, Span
from tests.models.detection.test_detector import RATE, Finds, heard, open_call

pytestmark = pytest.mark.unit

TEXT = "well dana is here and aspirin helps with otto then heron"
"""Words between those that matter, so that each is an entity of its own."""
FOUND = {"dana": "PERSON", "aspirin": "MEDICATION", "otto": "PERSON"}


def policy(reader: float, finds: float) -> Policy:
    return parse_policy(
        "name: t\nversion: '1'\n"
        f"entities: {{URL: {{threshold: {finds}}}}}\n"
        f"recognizers: {{reader: {{threshold: {reader}}}}}\n"
        "reader: {outvoted_below: 0.01}\n"
    )


def detected(
    told: Policy,
    held: dict[str, float],
    score: float,
    outvoted: frozenset[str] = frozenset(),
    text: str = TEXT,
) -> list[Findings]:
    """What is found where the second model heard something harmless in the place of some words."""
    reads = ScriptedReads({word: (FOUND[word], value) for word, value in held.items()})
    call = open_call(Finds("heron", "URL", score), reads=reads, policy=told)
    first = heard(0, 0, 8_000, text)
    second = (
        replace(word, text="so", hearing=Hearing.SECOND)
        for word in first.words
        if word.text in outvoted
    )
    findings = call.take(replace(first, words=(*first.words, *second)))
    return [*findings, *call.finish(CallEnd("call-1", 1, 8_000))]


def muted(spans: list[Span]) -> set[tuple[str, int, int]]:
    return {(one.entity, one.start, one.end) for one in spans if one.action is Action.MUTE}


def test_below_its_threshold_a_word_is_a_candidate_and_no_span() -> None:
    findings = detected(policy(0.5, 0.5), {"dana": 0.3, "otto": FLOOR / 2}, 0.4)
    assert [span for one in findings for span in one.spans] == []
    told = [span for one in findings for span in one.candidates]
    assert [(one.entity, one.score, one.recognizer) for one in told] == [
        ("PERSON", 0.3, "reader"),
        ("URL", 0.4, "finds: scripted"),
    ]
    assert len(told) == len(set(told))


def test_an_outvoted_word_is_no_candidate() -> None:
    held = {"dana": 0.7, "otto": 0.7, "aspirin": 0.3}
    findings = detected(policy(0.5, 0.5), held, 0.4, frozenset({"dana", "aspirin"}))
    assert muted([span for one in findings for span in one.spans]) == {("PERSON", 2_400, 2_650)}
    told = [(one.entity, one.start) for each in findings for one in each.candidates]
    assert told == [("PERSON", 2_400), ("URL", 3_000)]


def test_unless_it_is_part_of_what_is_silent() -> None:
    held = {"dana": 0.9, "otto": 0.7}
    findings = detected(policy(0.5, 0.5), held, 0.4, frozenset({"otto"}), text="dana otto here")
    assert muted([span for one in findings for span in one.spans]) == {("PERSON", 0, 550)}
    told = [(one.entity, one.start) for each in findings for one in each.candidates]
    assert told == [("PERSON", 0), ("PERSON", 300)]


def test_a_candidate_that_waits_is_told_once_its_place_is_reached() -> None:
    reads = ScriptedReads({"otto": ("PERSON", 0.3)})
    call = open_call(Finds("heron"), reads=reads, policy=policy(0.5, 0.5))
    first, second = heard(0, 0, 8_000, "otto", at=6_500), heard(1, 8_000, 20_000)
    told = [[one.start for one in each.candidates] for each in call.take(first)]
    later = [*call.take(second), *call.finish(CallEnd("call-1", 2, 20_000))]
    assert told == [[]]
    assert [one.start for each in later for one in each.candidates] == [6_500]


SHARES = st.sampled_from([0.15, 0.3, 0.5, 0.7, 0.9])
LIMITS = st.sampled_from([0.2, 0.4, 0.6, 0.8])
"""None of them a score: the encoder's have fewer digits than ours."""


@settings(max_examples=40, deadline=None)
@given(
    held=st.fixed_dictionaries(dict.fromkeys(FOUND, SHARES)),
    score=SHARES,
    now=st.tuples(LIMITS, LIMITS),
    then=st.tuples(LIMITS, LIMITS),
    outvoted=st.frozensets(st.sampled_from(sorted(FOUND))),
)
def test_a_trial_says_what_another_policy_would_have_found(
    held: dict[str, float],
    score: float,
    now: tuple[float, float],
    then: tuple[float, float],
    outvoted: frozenset[str],
) -> None:
    findings = detected(policy(*now), held, score, outvoted)
    spans = [span for one in findings for span in one.spans]
    candidates = [span for one in findings for span in one.candidates]
    kept = read_candidates(candidates_json(RATE, "ab", weighed(spans, candidates)))
    assert muted(kept.decided(policy(*now))) == muted(spans)
    other = [span for one in detected(policy(*then), held, score, outvoted) for span in one.spans]
    assert muted(kept.decided(policy(*then))) == muted(other)
