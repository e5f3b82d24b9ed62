from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from presidio_analyzer import AnalysisExplanation, RecognizerResult

from models.detection.call_detector import ANALYSIS_FAILED, UNHEARD, CallDetector
from models.detection.turn_reader import Analyses, Reads, ScriptedAnalyses, ScriptedReads
from models.reader.encoder import Kept, Reading
from models.text.turn import Turn
from pipeline.detection.decision.conversation import Conversation
from pipeline.policy.loading import parse_policy
from pipeline.policy.model import Policy
from pipeline.records.intervals import merge_intervals
from pipeline.records.model import (
    Action,
    Agreed,
    CallEnd,
    Findings,
    Hearing,
    Interval,
    Reason,
    Role,
    Span,
    WindowTranscript,
    Word,
)

pytestmark = pytest.mark.unit

RATE = 1000
POLICY = parse_policy(
    "name: t\nversion: '1'\nentities:\n  PERSON: {threshold: 0.4}\n"
    "  URL: {action: count, threshold: 0.4}\n"
)
OUTVOTING = POLICY.model_copy(
    update={"reader": POLICY.reader.model_copy(update={"outvoted_below": 0.01})}
)


class Finds:
    """Finds a word wherever it is said."""

    def __init__(self, word: str, entity: str = "PERSON", score: float = 0.8) -> None:
        self._word, self._entity, self._score = word, entity, score

    def analyze(self, turn: Turn) -> list[RecognizerResult]:
        return [
            RecognizerResult(
                self._entity,
                token.start,
                token.end,
                self._score,
                AnalysisExplanation("finds", self._score, pattern_name="scripted"),
                {RecognizerResult.RECOGNIZER_NAME_KEY: "finds"},
            )
            for token in turn.tokens
            if token.key == self._word
        ]


def open_call(
    analyses: Analyses, channels: int = 1, reads: Reads | None = None, policy: Policy = POLICY
) -> CallDetector:
    return CallDetector(
        "call-1",
        sample_rate=RATE,
        channels=channels,
        policy=policy,
        analyses=analyses,
        reads=reads or ScriptedReads(),
        roles=(Role.MIXED, Role.CUSTOMER)[:channels],
        conversation=Conversation(RATE, channels, policy),
    )


def heard(
    seq: int, start: int, end: int, text: str = "", *, channel: int = 0, at: int | None = None
) -> WindowTranscript:
    begin = start if at is None else at
    words = tuple(
        Word(channel, begin + 300 * index, begin + 300 * index + 250, word)
        for index, word in enumerate(text.split())
    )
    return WindowTranscript(
        "call-1", seq, channel, start, end, words, heard_until=end, models=("ear@1",)
    )


def run(
    call: CallDetector, records: list[WindowTranscript], end: int, chunks: int = 1
) -> list[Findings]:
    found = [finding for record in records for finding in call.take(record)]
    return [*found, *call.finish(CallEnd("call-1", chunks, end))]


def spans(findings: list[Findings]) -> list[Span]:
    return [span for finding in findings for span in finding.spans]


def texts(findings: list[Findings]) -> list[str]:
    return [word.text for finding in findings for word in finding.words]


def test_a_found_word_becomes_a_span_of_its_samples_and_leaves_the_transcript() -> None:
    found = run(open_call(Finds("laura")), [heard(0, 0, 10_000, "hello laura there")], 10_000)
    assert [(s.entity, s.start, s.end, s.recognizer) for s in spans(found)] == [
        ("PERSON", 300, 550, "finds: scripted")
    ]
    assert texts(found) == ["hello", "there"]
    assert found[-1].end is not None
    assert found[-1].watermark.sample == 10_000
    assert "ear@1" in found[-1].models


def test_a_word_that_the_reader_holds_for_sensitive_is_silenced_and_leaves_the_transcript() -> None:
    reads = ScriptedReads({"laura": ("PERSON", 0.8), "site": ("URL", 0.9), "there": ("URL", 0.2)})
    call = open_call(ScriptedAnalyses([]), reads=reads)
    found = run(call, [heard(0, 0, 10_000, "hello laura my site there")], 10_000)
    assert [(s.entity, s.start, s.end, s.recognizer, s.action) for s in spans(found)] == [
        ("PERSON", 300, 550, "reader", Action.MUTE),
        ("URL", 900, 1_150, "reader", Action.COUNT),
    ]
    assert texts(found) == ["hello", "my", "site", "there"]


def test_it_is_stated_of_which_words_both_models_were_sure() -> None:
    one = heard(0, 0, 10_000, "hello laura four there")
    main = [replace(word, number_probability=0.001) for word in one.words]
    second = [replace(word, hearing=Hearing.SECOND, start=word.start + 50) for word in main]
    second[0] = replace(second[0], text="yellow")
    before = replace(main[3], start=-10)
    call = open_call(ScriptedAnalyses([]))
    found = run(call, [replace(one, words=(before, *main, *second))], 10_000)
    assert [each for one in found for each in one.agreed] == [
        Agreed(0, 300, 550),
        Agreed(0, 900, 1_150),
    ]


def test_an_agreed_word_is_stated_once_its_place_is_accounted_for() -> None:
    one = heard(0, 0, 10_000, "hello there", at=8_000)
    both = tuple(
        replace(word, number_probability=0.001, hearing=hearing)
        for word in one.words
        for hearing in (Hearing.MAIN, Hearing.SECOND)
    )
    call = open_call(ScriptedAnalyses([]))
    first = call.take(replace(one, words=both))
    assert [each.agreed for each in first] == [()]
    (last,) = call.finish(CallEnd("call-1", 1, 10_000))
    assert last.agreed == (Agreed(0, 8_000, 8_250), Agreed(0, 8_300, 8_550))


def test_counted_entities_are_stated_and_stay_in_the_transcript() -> None:
    found = run(open_call(Finds("site", "URL")), [heard(0, 0, 9_000, "my site")], 9_000)
    assert [span.action for span in spans(found)] == [Action.COUNT]
    assert texts(found) == ["my", "site"]


def test_what_scores_below_the_policys_threshold_is_dropped() -> None:
    found = run(open_call(Finds("laura", score=0.39)), [heard(0, 0, 9_000, "laura")], 9_000)
    assert spans(found) == []


def test_the_second_models_words_mute_but_are_not_shown() -> None:
    record = heard(0, 0, 9_000, "hello lora")
    second = Word(0, 280, 560, "laura", hearing=Hearing.SECOND)
    found = run(open_call(Finds("laura")), [replace(record, words=(*record.words, second))], 9_000)
    assert [(span.start, span.end) for span in spans(found)] == [(280, 560)]
    assert texts(found) == ["hello"]


@pytest.mark.parametrize(
    ("policy", "shown", "candidates"),
    [(POLICY, ["well"], [("PERSON", 300)]), (OUTVOTING, ["well", "lorry"], [])],
    ids=["a policy that says nothing of it", "one that does"],
)
def test_what_the_reader_found_in_one_hearing_the_other_outvotes(
    policy: Policy, shown: list[str], candidates: list[tuple[str, int]]
) -> None:
    record = heard(0, 0, 9_000, "well lorry")
    second = Word(0, 300, 550, "laura", hearing=Hearing.SECOND)
    reads = ScriptedReads({"laura": ("PERSON", 0.7)})
    call = open_call(ScriptedAnalyses([]), reads=reads, policy=policy)
    found = run(call, [replace(record, words=(*record.words, second))], 9_000)
    assert texts(found) == shown
    told = [(one.entity, one.start) for each in found for one in each.candidates]
    assert told == candidates


def test_what_the_other_hearing_has_not_written_yet_may_still_outvote() -> None:
    """Its turn goes on longer: neither a span nor a candidate is told before it is read."""
    reads = ScriptedReads({"laura": ("PERSON", 0.7)})
    call = open_call(ScriptedAnalyses([]), reads=reads, policy=OUTVOTING)
    first, *rest = (heard(seq, seq * 4_000, seq * 4_000 + 4_000) for seq in range(6))
    going_on = [
        Word(0, 300 + 400 * at, 650 + 400 * at, "and", hearing=Hearing.SECOND) for at in range(9)
    ]
    words = (Word(0, 320, 600, "laura"), *going_on)
    found = run(call, [replace(first, words=words), *rest], 24_000)
    assert spans(found) == []
    assert [one for each in found for one in each.candidates] == []


LONG_FINDING = (
    *(Word(0, 9_400 + 200 * at, 9_550 + 200 * at, "willow") for at in range(12)),
    *(Word(0, 200 * at, 200 * at + 150, "and", hearing=Hearing.SECOND) for at in range(59)),
    Word(0, 11_800, 11_950, "laura", hearing=Hearing.SECOND),
    *(
        Word(0, 12_000 + 200 * at, 12_150 + 200 * at, "and", hearing=Hearing.SECOND)
        for at in range(30)
    ),
)
"""A turn of the second hearing is cut before "laura"."""


@pytest.mark.parametrize("size", [500, 1_000, 4_000, 40_000])
def test_the_other_hearing_is_asked_once_all_of_it_near_a_finding_was_read(size: int) -> None:
    reads = ScriptedReads({"willow": ("STREET_ADDRESS", 0.7), "laura": ("PERSON", 0.9)})
    call = open_call(ScriptedAnalyses([]), reads=reads, policy=OUTVOTING)
    windows = [
        replace(
            heard(seq, first, first + size),
            words=tuple(word for word in LONG_FINDING if first <= word.start < first + size),
        )
        for seq, first in enumerate(range(0, 40_000, size))
    ]
    found = run(call, windows, 40_000)
    silent = merge_intervals([Interval(one.start, one.end) for one in spans(found)], 100)
    assert silent == [Interval(9_400, 11_950)]
    assert not {"willow", "laura"} & {*texts(found)}


def test_findings_one_behind_the_other_do_not_hold_the_watermark() -> None:
    reads = ScriptedReads({"laura": ("PERSON", 0.7)})
    call = open_call(ScriptedAnalyses([]), reads=reads, policy=OUTVOTING)
    for seq in range(15):
        first = seq * 4_000
        names = tuple(
            Word(0, first + 400 * at, first + 400 * at + 250, "laura") for at in range(10)
        )
        for each in call.take(replace(heard(seq, first, first + 4_000), words=names)):
            assert first + 4_000 - each.watermark.sample <= 20_000
    assert each.watermark.sample >= 40_000


class FindsAfter(Finds):
    """Finds a word only in turns that begin with another."""

    def analyze(self, turn: Turn) -> list[RecognizerResult]:
        return super().analyze(turn) if turn.text.startswith("from") else []


def test_what_the_second_model_heard_in_a_finding_is_not_shown_beside_it_either() -> None:
    record = heard(0, 0, 9_000, "hi laura here")  # "laura" at 300 to 550
    second = [
        Word(0, 500, 700, "from", hearing=Hearing.SECOND),
        Word(0, 750, 990, "laura", hearing=Hearing.SECOND),
    ]
    later = Word(0, 2_500, 2_700, "laura")
    call = open_call(FindsAfter("laura"))
    found = run(call, [replace(record, words=(*record.words, *second, later))], 9_000)
    assert [(span.start, span.end) for span in spans(found)] == [(750, 990)]
    assert texts(found) == ["hi", "here", "laura"]


SPELT_OTHERWISE = (
    *(Word(0, 0, 250, "is"), Word(0, 1_000, 1_500, "Kathryn"), Word(0, 2_600, 2_800, "ducks")),
    Word(0, 300, 500, "from", hearing=Hearing.SECOND),
    Word(0, 560, 980, "catherine", hearing=Hearing.SECOND),
)


def test_a_name_that_the_other_model_spells_otherwise_is_not_shown_beside_its_finding() -> None:
    record = replace(heard(0, 0, 9_000), words=SPELT_OTHERWISE)
    found = run(open_call(FindsAfter("catherine")), [record], 9_000)
    assert [(span.start, span.end) for span in spans(found)] == [(560, 980)]
    assert texts(found) == ["is", "ducks"]


def test_nor_where_its_finding_came_with_an_earlier_window() -> None:
    first = replace(heard(0, 0, 3_990), words=SPELT_OTHERWISE)
    found = run(open_call(FindsAfter("catherine")), [first, heard(1, 3_990, 9_000)], 9_000)
    assert len(found) > 2
    assert texts(found) == ["is", "ducks"]


def test_nor_the_same_name_where_the_finding_came_with_an_earlier_window() -> None:
    second = [
        Word(0, 500, 700, "from", hearing=Hearing.SECOND),
        Word(0, 750, 880, "laura", hearing=Hearing.SECOND),
    ]
    late = Word(0, 1_010, 1_300, "laura")
    twin = Word(0, 1_010, 1_300, "laura", hearing=Hearing.AGAIN)
    first = replace(heard(0, 0, 3_950), words=(Word(0, 100, 300, "is"), *second, late, twin))
    both = run(open_call(FindsAfter("laura")), [first, heard(1, 3_950, 9_000)], 9_000)
    assert "laura" not in texts(both)


def test_a_word_that_only_reaches_into_a_finding_is_shown() -> None:
    wide = Word(0, 100, 320, "name")
    record = heard(0, 0, 9_000, "my laura")
    found = run(open_call(Finds("laura")), [replace(record, words=(wide, *record.words))], 9_000)
    assert texts(found) == ["my", "name"]


def test_records_out_of_order_and_repeated_bring_the_same_findings() -> None:
    records = [
        heard(0, 0, 9_000, "hello laura"),
        heard(1, 9_000, 18_000, "and laura again"),
        heard(2, 18_000, 27_000, "nothing"),
    ]
    plain = run(open_call(Finds("laura")), records, 27_000)
    again = [records[0], records[2], replace(records[0], words=()), records[1], records[1]]
    mixed = run(open_call(Finds("laura")), again, 27_000)
    assert spans(mixed) == spans(plain)
    assert texts(mixed) == texts(plain)


def test_the_slower_channel_holds_the_watermark() -> None:
    call = open_call(Finds("laura"), channels=2)
    assert call.take(heard(0, 0, 20_000, "hello laura")) == []
    found = call.take(heard(1, 0, 20_000, "yes", channel=1))
    assert 0 < found[0].watermark.sample < 20_000


class Breaks:
    """Reads nothing."""

    def read(self, turn: Turn, role: Role, before: tuple[Kept, ...] = ()) -> Reading:
        raise RuntimeError("boom")


@pytest.mark.parametrize(
    ("analyses", "reads"),
    [
        (ScriptedAnalyses(RuntimeError("boom")), ScriptedReads()),
        (ScriptedAnalyses([]), Breaks()),
    ],
    ids=["recogniser", "reader"],
)
def test_an_analysis_that_fails_silences_the_turn_and_is_counted(
    analyses: Analyses, reads: Reads
) -> None:
    call = open_call(analyses, reads=reads)
    found = run(call, [heard(0, 0, 9_000, "my name is laura")], 9_000)
    assert [(s.entity, s.start, s.end, s.reason, s.score) for s in spans(found)] == [
        (UNHEARD, 0, 1_150, Reason.UNHEARD, 1.0)
    ]
    assert texts(found) == []
    assert call.failures == 1
    assert found[-1].end is not None
    assert ANALYSIS_FAILED in found[-1].end.marks


def test_an_allowed_value_in_a_turn_whose_analysis_fails_stays_silent() -> None:
    """Who knows what else was in it."""
    policy = parse_policy("name: t\nversion: '1'\nallow:\n  PHONE_NUMBER: ['1 800 555 0199']\n")
    digits = dict.fromkeys(["1", "800", "555", "0199"], ("PHONE_NUMBER", 0.1))
    call = open_call(
        ScriptedAnalyses(RuntimeError("boom")), reads=ScriptedReads(digits), policy=policy
    )
    said = heard(0, 0, 15_000, "you can reach me at 1 800 555 0199")
    assert texts(run(call, [said], 15_000)) == []


def test_a_conversation_that_fails_silences_what_it_was_asked_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr(Conversation, "spans", fail)
    found = run(open_call(Finds("laura")), [heard(0, 0, 9_000, "hello")], 9_000)
    silenced = [span for span in spans(found) if span.entity == UNHEARD]
    assert silenced[0].start == 0
    assert max(span.end for span in silenced) >= 9_000
    assert texts(found) == []


def test_unheard_stretches_and_missing_windows_are_silenced_whole() -> None:
    first = replace(heard(0, 0, 5_000, "hello"), unheard=(Interval(2_000, 3_000),))
    third = heard(2, 9_000, 12_000, "bye")
    found = run(open_call(Finds("laura")), [first, third], 12_000)
    assert [(span.start, span.end) for span in spans(found) if span.entity == UNHEARD] == [
        (2_000, 3_000),
        (5_000, 9_000),
    ]


def test_nothing_after_the_end_and_no_second_end() -> None:
    call = open_call(Finds("laura"))
    assert len(call.finish(CallEnd("call-1", 0, 0))) == 1
    assert call.finish(CallEnd("call-1", 0, 0)) == []
    assert call.take(heard(0, 0, 100, "laura")) == []


def test_nothing_spoken_shows_in_a_repr() -> None:
    call = open_call(Finds("laura"))
    call.take(heard(0, 0, 9_000, "hello laura"))
    assert "laura" not in repr(call)


WORDS = st.sampled_from(["laura", "hello", "four", "one", "thanks", "so"])


@given(
    st.lists(st.tuples(st.lists(WORDS, max_size=12), st.integers(0, 3_000)), min_size=1, max_size=8)
)
def test_watermarks_rise_spans_come_once_and_nothing_sensitive_is_shown(
    script: list[tuple[list[str], int]],
) -> None:
    records, start = [], 0
    for seq, (words, pause) in enumerate(script):
        end = start + pause + 300 * len(words) + 100
        records.append(heard(seq, start, end, " ".join(words), at=start + pause))
        start = end
    found = run(open_call(Finds("laura")), records, start)
    marks = [finding.watermark.sample for finding in found]
    assert marks == sorted(marks)
    assert [finding.seq for finding in found] == list(range(len(found)))
    people = [span for span in spans(found) if span.entity == "PERSON"]
    assert len(people) == len(set(people))
    said = sum(words.count("laura") for words, _ in script)
    assert len({span.start for span in people}) == said
    before = 0
    for finding in found:
        assert all(before <= span.start for span in finding.spans)
        assert all(word.text != "laura" for word in finding.words)
        if finding.end is None:
            assert all(span.start < finding.watermark.sample for span in finding.spans)
            assert all(word.end <= finding.watermark.sample for word in finding.words)
        before = finding.watermark.sample
