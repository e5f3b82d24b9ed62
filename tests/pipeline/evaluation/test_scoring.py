"""Evaluation: literal truth, literal results, hand-computed figures."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.evaluation.corpora.call_manifest import TruthEntity, TruthWord, parse_manifest
from pipeline.evaluation.corpora.entity_aliases import ALIASES, is_known
from pipeline.evaluation.corpora.labelled_texts import parse_cases, unknown_types
from pipeline.evaluation.figures.comparison import compare
from pipeline.evaluation.figures.span_diff import StretchChange, changed_stretches, span_agreement
from pipeline.evaluation.figures.statistics import difference, mcnemar, ratio, wilson
from pipeline.evaluation.figures.summary import by_entity, gate_failures, parse_gate, totals
from pipeline.evaluation.figures.threshold_curves import HeardCall, heard_curve
from pipeline.evaluation.scoring.leak_causes import RunRecords, cause_of, causes_of
from pipeline.evaluation.scoring.leak_scoring import CallResult, EntityScore, WordScore
from pipeline.evaluation.scoring.results import CallScore, Evaluation, FoundSpan, Item, from_json
from pipeline.evaluation.scoring.text_scoring import Detected, curve, lay_out, open_policy, score
from pipeline.policy.model import EntityRule, Policy
from pipeline.records.model import Action, Mute, Role, Span, Word

pytestmark = pytest.mark.unit

POLICY = Policy(name="test", version="1")


# -- statistics ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    # Newcombe 1998, table I: score method without continuity correction.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_published(hits: int, total: int, low: float, high: float) -> None:
    found = wilson(hits, total)
    assert found.value == hits / total
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_of_no_data_all_is_possible() -> None:
    assert math.isnan(wilson(0, 0).value)
    assert (ratio([], []).low, ratio([0.0], [0.0]).high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="no proportion"):
        wilson(2, 1)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=30))
def test_a_share_lies_in_its_interval_and_comes_again(pairs: list[tuple[int, int]]) -> None:
    parts, wholes = [float(a) for a, b in pairs], [float(a + b) for a, b in pairs]
    found = ratio(parts, wholes)
    assert found == ratio(parts, wholes) or math.isnan(found.value)
    assert 0.0 <= found.low <= found.high <= 1.0


def test_a_bootstrap_is_wider_when_calls_fail_as_a_whole() -> None:
    spread = ratio([9.0] * 100, [10.0] * 100)
    lumped = ratio([10.0] * 90 + [0.0] * 10, [10.0] * 100)
    assert spread.value == lumped.value == 0.9
    assert spread.high - spread.low < 1e-9
    assert 0.08 < lumped.high - lumped.low < 0.16


def test_nothing_lost_in_few_calls_proves_little() -> None:
    assert ratio([5.0, 5.0], [5.0, 5.0]) == wilson(2, 2)


@pytest.mark.parametrize(
    ("first", "second", "p"), [(0, 0, 1.0), (5, 0, 0.0625), (0, 6, 0.03125), (3, 3, 1.0)]
)
def test_mcnemar_by_hand(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p)


def test_a_paired_difference() -> None:
    same = difference([1.0, 2.0], [1.0, 2.0])
    assert (same.value, same.p) == (0.0, 1.0)
    better = difference([3.0] * 20, [1.0] * 20)
    assert (better.value, better.low, better.high) == (-40.0, -40.0, -40.0)
    assert better.p < 0.01
    assert difference([1.0, 0.0, 5.0, 2.0], [0.0, 1.0, 2.0, 5.0]).p > 0.5


# -- labelled texts ------------------------------------------------------------------------------

OWN = {
    "id": "one",
    "tags": ["cvv"],
    "turns": [
        {"role": "agent", "text": "The code on the back?"},
        {
            "role": "customer",
            "text": "It's eight oh um two.",
            "labels": [
                {"entity": "CARD_SECURITY_CODE", "start": 5, "end": 13, "group": "g"},
                {"entity": "CARD_SECURITY_CODE", "start": 14, "end": 16, "optional": True},
                {"entity": "CARD_SECURITY_CODE", "start": 17, "end": 20, "group": "g"},
            ],
        },
    ],
}
RESEARCH = [
    {
        "full_text": "I am Dana Vole from Ghent",
        "spans": [
            {"entity_type": "PERSON", "start_position": 5, "end_position": 14},
            {"entity_type": "GPE", "start_position": 20, "end_position": 25},
        ],
    }
]
OUTSIDE = json.dumps(
    {
        "id": "a",
        "turns": [{"text": "secret", "labels": [{"entity": "X", "start": 0, "end": 9}]}],
    }
)
BIO = "-DOCSTART- O\n\nI O\nam O\nDana B-PERSON\nVole I-PERSON\n\nPay O\n4111 B-CREDIT_CARD\n"


def test_our_own_form() -> None:
    (case,) = parse_cases(json.dumps(OWN), origin="file")
    assert not case.negative
    assert parse_cases(case.as_line(), origin="file") == [case]
    assert "eight" not in repr(case)


def test_presidio_research() -> None:
    (case,) = parse_cases(json.dumps(RESEARCH), origin="file")
    assert [(label.entity, label.optional) for label in case.turns[0].labels] == [
        ("PERSON", False),
        ("GPE", True),
    ]
    assert case.turns[0].role is Role.MIXED
    assert unknown_types([case]) == {"GPE": 1}
    lines = "\n".join(json.dumps(entry) for entry in RESEARCH)
    assert parse_cases(lines, origin="file")[0].turns == case.turns


DIALOGUE = """\
A: And a word only you would know?
C: Um, {PASSWORD|marmalade}, or {password|marmite}.

C: Hello.
"""


def test_dialogues_are_marked_in_place() -> None:
    first, second = parse_cases(DIALOGUE, origin="calls.txt")
    assert (first.id, second.id) == ("calls.txt:1", "calls.txt:4")
    assert [turn.role for turn in first.turns] == [Role.AGENT, Role.CUSTOMER]
    told = first.turns[1]
    assert told.text == "Um, marmalade, or marmite."
    assert [told.text[one.start : one.end] for one in told.labels] == ["marmalade", "marmite"]
    assert second.negative


@pytest.mark.parametrize(
    "line", ["B: who is that?", "C: it is {PASSWORD|plum", "C: it is {plum}", "A:", "C: {PIN| }"]
)
def test_a_dialogue_that_is_wrong_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(InputError, match=r"calls\.txt:2: "):
        parse_cases(f"A: Your word?\n{line}\n", origin="calls.txt")


def test_bio() -> None:
    first, second = parse_cases(BIO, origin="file")
    label = first.turns[0].labels[0]
    assert first.turns[0].text[label.start : label.end] == "Dana Vole"
    assert [each.entity for each in second.turns[0].labels] == ["CARD_NUMBER"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"id": "a", "turns": []}', "file:1: turns"),
        (OUTSIDE, "does not lie in its text"),
        ('{"id": "a", "turns": [{"role": "agent", "text": "secret"}, {"text": "secret"}]}',
         "all mixed"),
        ('[{"full_text": "secret", "spans": [{"entity_type": "PERSON"}]}]', "start_position"),
        ("{secret", "not valid JSON"),
        ("just some secret text", "line 1: neither JSON nor"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_cases(text, origin="file")
    assert "secret" not in str(caught.value)


def _span(words: list[Word], entity: str, value: float = 0.9, *, keep: bool = False) -> Span:
    action = Action.KEEP if keep else Action.MUTE
    return Span(entity, words[0].channel, words[0].start, words[-1].end, value, "test", action)


def _one(spans_of: str) -> Detected:
    """The case, with spans over the words of the answer that are marked x, or k for kept."""
    (labelled,) = parse_cases(json.dumps(OWN), origin="file")
    case = lay_out(labelled)
    answer = [placed.word for placed in case.words[1]]
    spans = [
        _span([word], "CARD_SECURITY_CODE", keep=mark == "k")
        for word, mark in zip(answer, spans_of, strict=True)
        if mark != "-"
    ]
    return Detected(case, tuple(spans))


@pytest.mark.parametrize(
    ("spans", "covered", "muted", "cause"),
    [
        # It's eight oh um two.
        ("-xx-x", 3, 0, ""),
        ("-xxxx", 3, 0, ""),
        ("xxx-x", 3, 1, ""),
        ("-xx--", 2, 0, "found in part"),
        ("-----", 0, 0, "not found"),
        ("-kk-k", 0, 0, "not found"),
    ],
)
def test_words_of_a_text(spans: str, covered: int, muted: int, cause: str) -> None:
    result = score("name", [_one(spans)], POLICY)
    (item,) = result.items
    assert (item.id, item.entity, item.amount) == ("one/g:CARD_SECURITY_CODE",
                                                   "CARD_SECURITY_CODE", 3)  # fmt: skip
    assert (item.covered, item.leaked, item.cause) == (covered, covered < 3, cause)
    assert result.calls == (CallScore("one", 6, muted, tags=("cvv",)),)


def test_the_agents_channel_is_another_one() -> None:
    one = _one("-----")
    agent = [placed.word for placed in one.case.words[0]]
    result = score("name", [replace(one, spans=(_span(agent, "PERSON"),))], POLICY)
    assert result.items[0].covered == 0
    assert result.calls[0].harmless_muted == 5
    assert [(f.entity, f.amount, f.right) for f in result.found] == [("PERSON", 5, 0)]


def test_what_the_policy_keeps_is_not_counted() -> None:
    kept = EntityRule(action=Action.KEEP)
    policy = POLICY.model_copy(update={"entities": {"CARD_SECURITY_CODE": kept}})
    result = score("name", [_one("-xx-x")], policy)
    assert (result.items, result.kept) == ((), {"CARD_SECURITY_CODE": 1})


def test_a_curve_falls_with_the_threshold() -> None:
    one = _one("-----")
    answer = [placed.word for placed in one.case.words[1]]
    spans = (
        _span(answer[1:3], "CARD_SECURITY_CODE", 0.9),
        _span(answer, "CARD_SECURITY_CODE", 0.3),
    )
    points = {p.threshold: p for p in curve([replace(one, spans=spans)])}
    assert (points[0.3].recall, points[0.3].precision) == (1.0, 0.75)
    assert points[0.35].recall == pytest.approx(2 / 3)
    assert (points[0.9].precision, points[0.95].recall) == (1.0, 0.0)
    assert open_policy(POLICY).rule("ANY").threshold == 0


def test_windows_hold_every_word_once() -> None:
    (labelled,) = parse_cases(json.dumps(OWN), origin="file")
    case = lay_out(labelled)
    heard = list(case.windows())
    assert [(h.seq, h.channel, len(h.words)) for h in heard] == [
        (0, 0, 5), (1, 1, 0), (2, 0, 0), (3, 1, 5),
    ]  # fmt: skip
    assert heard[-1].heard_until == case.ends[-1]
    assert all(word.end <= h.end for h in heard for word in h.words)


# -- summaries, gates, comparisons ---------------------------------------------------------------


def _item(name: str, call: str, covered: float, *, entity: str = "CARD_NUMBER") -> Item:
    return Item(
        name, call, entity, 10.0, covered, leaked=covered < 10, cause="" if covered == 10 else "x"
    )


A = Evaluation(
    "a",
    "words",
    (_item("1", "c1", 10), _item("2", "c1", 5), _item("3", "c2", 10, entity="PERSON")),
    (
        CallScore("c1", 100, 0),
        CallScore("c2", 100, 4),
        CallScore("c3", 50, 1, negative=True),
        CallScore("c4", 50, 0, negative=True),
    ),
)


def test_sums() -> None:
    whole = totals(A)
    assert (whole.entities, whole.leaked, whole.calls_with_leak, whole.audible) == (3, 1, 1, 5)
    assert whole.harmless_muted.value == 5 / 300
    assert whole.negatives_flagged == wilson(1, 2)
    assert whole.causes == {"x": 1}
    card, person = by_entity(A)
    assert (card.coverage.value, card.whole, person.leaked) == (0.75, wilson(1, 2), 0)


@pytest.mark.parametrize(
    ("gate", "failing"),
    [
        (["card=0.75"], 0),
        (["pan=0.76"], 1),
        (["ALL=0.9"], 1),
        (["PERSON=1", "name=1"], 0),
        (["iban=0.1"], 1),
    ],
)
def test_the_gate(gate: list[str], failing: int) -> None:
    assert len(gate_failures(A, parse_gate(gate))) == failing


@pytest.mark.parametrize("value", ["card", "card=", "card=1.2", "=0.5", "card=nan"])
def test_a_gate_that_is_none(value: str) -> None:
    with pytest.raises(InputError, match=r"card=0\.98"):
        parse_gate([value])


def test_json_and_back() -> None:
    text = json.dumps({"schema": "x", "evaluation": asdict(A)})
    assert from_json(text, origin="file") == A
    with pytest.raises(InputError, match="not a result"):
        from_json('{"totals": {}}', origin="file")


def test_what_two_evaluations_differ_in() -> None:
    better = replace(
        A,
        name="b",
        items=(A.items[0], replace(A.items[1], covered=10, leaked=False), A.items[2]),
        calls=(replace(A.calls[0], harmless_muted=7.0), *A.calls[1:]),
    )
    found = compare(A, better)
    assert [(e.entity, e.only_first, e.only_second) for e in found.entities] == [
        ("ALL", 1, 0),
        ("CARD_NUMBER", 1, 0),
    ]
    assert (found.audible.value, found.harmless.value) == (-5.0, 7.0)
    assert [(i.id, i.audible_first, i.audible_second) for i in found.items] == [("2", 5.0, 0.0)]
    assert [call.id for call in found.calls] == ["c1"]


def test_what_only_one_policy_mutes_is_audible_in_the_other() -> None:
    kept = replace(A, items=A.items[:2])
    assert compare(A, kept).audible.value == 10
    gone = replace(kept, calls=(A.calls[0], replace(A.calls[1], missing=True), *A.calls[2:]))
    assert compare(A, gone).audible.value == 0


def test_different_truths_are_not_compared() -> None:
    with pytest.raises(InputError, match="different truths"):
        compare(A, replace(A, calls=A.calls[:2]))
    with pytest.raises(InputError, match="text and one of audio"):
        compare(A, replace(A, unit="ms"))


# -- where leaks come from -----------------------------------------------------------------------

DIGITS = WordScore(TruthWord(text="double four", start_ms=1_000, end_ms=1_500, digits="44"), 500, 0)
NAME = WordScore(TruthWord(text="Dana", start_ms=1_000, end_ms=1_500), 500, 100)


def _records(*, heard: str | None = None, at: int = 8_000, span: tuple[int, int] | None = None,
             mute: tuple[int, int] | None = None) -> RunRecords:  # fmt: skip
    words = None if heard is None else (Word(0, at, at + 2_000, heard),) if heard else ()
    spans = () if span is None else (Span("CARD_NUMBER", 0, *span, 0.9, "test"),)
    return RunRecords(8_000, spans, () if mute is None else (Mute(0, *mute),), words)


@pytest.mark.parametrize(
    ("word", "records", "cause"),
    [
        (DIGITS, _records(heard="44", span=(8_000, 12_000), mute=(8_000, 12_000)), "muting"),
        (DIGITS, _records(heard="forty-four", at=14_000, span=(14_000, 16_000)), "alignment"),
        (DIGITS, _records(heard="four", span=(8_000, 9_000)), "alignment"),
        (DIGITS, _records(heard="four"), "detector"),
        (DIGITS, _records(heard="nothing"), "recogniser"),
        (DIGITS, _records(heard="for", span=(11_000, 12_000)), "alignment"),
        (DIGITS, _records(heard="four", at=80_000), "recogniser"),
        (NAME, _records(heard="dana,"), "detector"),
        (NAME, _records(heard="Donna"), "recogniser"),
        (NAME, _records(heard=""), "recogniser"),
        (NAME, _records(), "recogniser or detector"),
        (NAME, _records(span=(9_000, 10_000)), "alignment"),
        (NAME, _records(mute=(8_000, 12_000)), "muting"),
    ],
)
def test_causes(word: WordScore, records: RunRecords, cause: str) -> None:
    assert cause_of(word, 0, records) == cause


def test_an_entity_has_the_cause_that_came_first() -> None:
    far = WordScore(TruthWord(text="Vole", start_ms=9_000, end_ms=9_500), 500, 0)
    silent = WordScore(TruthWord(text="Ann", start_ms=4_000, end_ms=4_500), 500, 500)
    truth = TruthEntity(id="e1", type="name", channel="agent")
    call = CallResult("x/call.flac", (EntityScore(truth, 0, (NAME, far, silent)),))
    assert causes_of(call, _records(heard="Dana")) == {"call/e1:name": "recogniser"}
    clean = CallResult("call.flac", (EntityScore(truth, 0, (silent,)),))
    assert causes_of(clean, _records(heard="")) == {}


def test_a_manifest_that_is_none() -> None:
    with pytest.raises(InputError, match="m, line 2: channels"):
        parse_manifest('{"file": "a.flac", "channels": ["x"]}\n{"file": "b.flac"}', origin="m")
    with pytest.raises(InputError, match="no call"):
        parse_manifest("\n", origin="m")


# -- span by span --------------------------------------------------------------------------------

LIVE_SPANS = (
    FoundSpan("a", "PERSON", 0, 1_000, 2_000, 0.5),
    FoundSpan("a", "CARD_NUMBER", 1, 0, 400, 0.9),
    FoundSpan("b", "PERSON", 0, 0, 100, 0.9),
)
TRIED_SPANS = (
    FoundSpan("a", "PERSON", 0, 1_500, 2_500, 0.5),
    FoundSpan("a", "PHONE_NUMBER", 1, 0, 400, 0.9),
)


def test_what_only_one_silences_is_listed_with_its_place() -> None:
    assert changed_stretches(LIVE_SPANS, TRIED_SPANS) == (
        StretchChange("a", 0, 1_000, 1_500, "first", ("PERSON",)),
        StretchChange("a", 0, 2_000, 2_500, "second", ("PERSON",)),
        StretchChange("b", 0, 0, 100, "first", ("PERSON",)),
    )
    found = {one.entity: one for one in span_agreement(LIVE_SPANS, TRIED_SPANS)}
    assert list(found) == ["ALL", "CARD_NUMBER", "PERSON", "PHONE_NUMBER"]
    whole, person = found["ALL"], found["PERSON"]
    assert (whole.both_ms, whole.only_first_ms, whole.only_second_ms) == (900, 600, 500)
    assert (person.both, person.only_first, person.only_second) == (1, 1, 0)


def test_a_comparison_has_spans_where_both_sides_know_them() -> None:
    plain = Evaluation("x", "words", (), (CallScore("a", 1, 0), CallScore("b", 1, 0)))
    live, tried = replace(plain, spans=LIVE_SPANS), replace(plain, spans=TRIED_SPANS)
    assert len(compare(live, tried).stretches) == 3
    assert compare(live, plain).agreement == ()
    text = json.dumps({"evaluation": asdict(live)})
    assert from_json(text, origin="x").spans == LIVE_SPANS


def test_a_curve_of_a_recording_counts_milliseconds() -> None:
    line = {
        "file": "a.flac", "channels": ["agent", "customer"],
        "entities": [
            {"type": "pan", "channel": "customer",
             "words": [{"start_ms": 1_000, "end_ms": 1_400}, {"start_ms": 1_600, "end_ms": 2_000}]},
            {"type": "name", "channel": "agent", "optional": True,
             "words": [{"start_ms": 0, "end_ms": 500}]},
        ],
        "speech": {"agent": [[0, 1_000]], "customer": [[1_900, 3_200]]},
    }  # fmt: skip
    (truth,) = parse_manifest(json.dumps(line), origin="x")
    spans = tuple(
        Span("CARD_NUMBER", 1, start * 8, end * 8, value, "x")
        for start, end, value in ((1_000, 1_500, 0.9), (1_600, 1_800, 0.5), (3_000, 3_400, 0.3))
    )
    spans += (Span("CARD_NUMBER", 0, 0, 8_000, 0.3, "x"),)  # of the other channel
    points = {p.threshold: p for p in heard_curve([HeardCall(truth, spans, 8_000)])}
    assert {p.entity for p in points.values()} == {"CARD_NUMBER"}
    assert [points[at].recall for at in (0.0, 0.5, 0.55, 0.95)] == [0.75, 0.75, 0.5, 0.0]
    # Harmless: 200 ms of the customer, and of the agent what is 200 ms away from the optional name.
    assert points[0.0].precision == 600 / (600 + 200 + 300)
    assert (points[0.5].precision, points[0.95].precision) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("tag", "entity"),
    [("PER", "PERSON"), ("CREDITCARDNUMBER", "CARD_NUMBER"), ("MEDICALRECORD",
     "MEDICAL_RECORD_NUMBER"), ("card", "CARD_NUMBER"), ("Us_Ssn", "US_SSN")],
)  # fmt: skip
def test_types_of_other_data_are_ours(tag: str, entity: str) -> None:
    (case,) = parse_cases(f"one B-{tag}\ntwo I-{tag}\nthree O\n", origin="x")
    ((label,), *rest) = [turn.labels for turn in case.turns]
    assert (label.entity, label.start, label.end, label.optional) == (entity, 0, 7, False)
    assert rest == []


def test_every_other_name_is_of_a_type_that_we_have() -> None:
    assert all(is_known(name) for name in ALIASES)
