"""What thresholds decided on: read back as it was written, and decided by any policy."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RecordError
from pipeline.evidence.candidates import candidates_json, read_candidates, weighed
from pipeline.policy.loading import parse_policy
from pipeline.policy.model import Policy
from pipeline.records.model import Action, Reason, Span
from pipeline.records.scores import Recognizer

pytestmark = pytest.mark.unit

NAME = Span("PERSON", 0, 0, 800, 0.4, "reader")
UNHEARD = Span("UNHEARD", 1, 0, 800, 1.0, "unheard", reason=Reason.UNHEARD)
OPEN = Span("NUMBER_SEQUENCE", 1, 900, 1_000, 0.5, Recognizer.UNDECIDED)


def policy(rules: str) -> Policy:
    return parse_policy(f'name: a\nversion: "1"\n{rules}\n')


def decided(rules: str, *spans: Span) -> list[tuple[str, Action]]:
    found = read_candidates(candidates_json(8_000, "ab", spans))
    return [(span.entity, span.action) for span in found.decided(policy(rules))]


def test_a_threshold_decides_and_an_action_is_the_policy_s() -> None:
    assert decided("recognizers: {reader: {threshold: 0.4}}", NAME) == [("PERSON", Action.MUTE)]
    assert decided("recognizers: {reader: {threshold: 0.41}}", NAME) == []
    assert decided("recognizers: {reader: {enabled: false}}", NAME) == []
    assert decided("entities: {PERSON: {action: keep}}", NAME) == [("PERSON", Action.KEEP)]


def test_what_no_threshold_judges_stays() -> None:
    everything_off = "default: {threshold: 1.0, action: keep}"
    assert decided(everything_off, UNHEARD, OPEN) == [
        ("UNHEARD", Action.MUTE),
        ("NUMBER_SEQUENCE", Action.MUTE),
    ]


def test_final_spans_count_only_where_nothing_was_weighed() -> None:
    assert list(weighed([NAME, UNHEARD, OPEN], [NAME])) == [NAME, UNHEARD, OPEN]
    assert list(weighed([NAME], [])) == []


SPANS = st.builds(
    Span,
    st.sampled_from(["PERSON", "CARD_NUMBER", "OWN_TYPE"]),
    st.integers(0, 15),
    st.integers(0, 10**9),
    st.integers(10**9, 10**10),
    st.floats(0, 1),
    st.sampled_from(["reader", "spoken-card-number", "Own: pattern"]),
    reason=st.sampled_from(Reason),
)


@given(st.lists(SPANS, max_size=20), st.integers(1, 192_000))
def test_a_file_reads_back_what_was_written(spans: list[Span], rate: int) -> None:
    found = read_candidates(candidates_json(rate, "ab" * 32, spans))
    assert (found.rate, found.policy) == (rate, "ab" * 32)
    assert set(found.spans) == set(spans)


GOOD = json.loads(candidates_json(8_000, "ab", [NAME]))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{", b"\xff", b"[" * 100_000,
        json.dumps({**GOOD, "version": 2}).encode(),
        json.dumps({**GOOD, "rate": 0}).encode(),
        json.dumps({**GOOD, "spans": [[1, 2]]}).encode(),
        json.dumps({**GOOD, "spans": [["PERSON", 0, 9, 3, 0.5, "reader", "recognised"]]}).encode(),
        json.dumps({**GOOD, "spans": [["PERSON", 0, 0, 3, "x", "reader", "recognised"]]}).encode(),
        json.dumps({**GOOD, "spans": [["PERSON", 0, 0, 3, 0.5, "reader", "no reason"]]}).encode(),
    ],
)  # fmt: skip
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(RecordError):
        read_candidates(data)
