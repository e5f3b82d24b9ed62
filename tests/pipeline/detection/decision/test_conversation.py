from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detection.decision.conversation import Conversation, same_cards
from pipeline.detection.dialogue.model import Reading, Verdict
from pipeline.detection.numbers.runs import read, words_from_text
from pipeline.policy.model import Policy
from pipeline.records.entities import Entity
from pipeline.records.model import Action, Hearing, Interval, Reason, Span, WindowTranscript, Word
from pipeline.records.scores import Basis
from tests.pipeline.detection.talked import RATE, said, spans_of

pytestmark = pytest.mark.unit

POLICY = Policy(name="test", version="1")
DIALOGUES = yaml.safe_load((Path(__file__).parent / "dialogues.yaml").read_text(encoding="utf-8"))
CHANNELS = {"A": 0, "C": 1, "M": 0}


class Call:
    """Words of a scripted call, with what has to be silent."""

    def __init__(self, script: str) -> None:
        self.words: list[Word] = []
        self.marks: list[str] = []
        self.channels = 1 if script.lstrip().startswith("M") else 2
        at = RATE
        for line in script.strip().splitlines():
            speaker, _, text = line.partition(": ")
            channel = CHANNELS[speaker.strip()]
            state = "-"
            spoken, marks = [], []
            for raw in text.split():
                if "<" in raw:
                    state = "s"
                elif "[" in raw:
                    state = "n"
                marks.append(state)
                spoken.append(re.sub(r"[<>\[\]]", "", raw))
                if ">" in raw or "]" in raw:
                    state = "-"
            words = words_from_text(" ".join(spoken), channel=channel, start=at, rate=RATE)
            self.words += words
            self.marks += marks
            at = words[-1].end + RATE // 2
        self.end = at

    def heard(self, channel: int, start: int = 0, end: int | None = None) -> WindowTranscript:
        stop = self.end if end is None else end
        words = tuple(w for w in self.words if w.channel == channel and start <= w.start < stop)
        return WindowTranscript("call", 0, channel, start, stop, words, heard_until=stop)

    def conversation(self) -> Conversation:
        conversation = Conversation(RATE, self.channels, POLICY)
        for channel in range(self.channels):
            conversation.take(self.heard(channel))
        return conversation


def muted(word: Word, spans: tuple[Span, ...]) -> bool:
    middle = (word.start + word.end) // 2
    return any(s.channel == word.channel and s.start <= middle < s.end for s in spans)


def otherwise(name: str) -> tuple[list[str], list[str]]:
    """Words of a dialogue that are audible and may not be, and that are silent and need not be."""
    call = Call(DIALOGUES[name])
    spans = call.conversation().spans(call.end)
    audible = [
        w.text
        for w, m in zip(call.words, call.marks, strict=True)
        if m == "s" and not muted(w, spans)
    ]
    silent = [
        w.text for w, m in zip(call.words, call.marks, strict=True) if m == "-" and muted(w, spans)
    ]
    return audible, silent


def test_dialogues() -> None:
    assert len(DIALOGUES) > 200
    found = {name: otherwise(name) for name in DIALOGUES}
    assert {name: words for name, words in found.items() if words != ([], [])} == {}


CARD = "A: The card number please?\nC: <four nine one six, three three oh eight, two two seven one>"


def entities(script: str) -> set[str]:
    call = Call(script)
    return {span.entity for span in call.conversation().spans(call.end)}


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("card_in_one_breath", Entity.CARD_NUMBER),
        ("card_volunteered_without_a_prompt", Entity.CARD_NUMBER),
        ("cvv_prompted", Entity.CARD_SECURITY_CODE),
        ("expiry_figures", Entity.CARD_EXPIRY),
        ("pin_code", Entity.PIN),
        ("ssn_whole", Entity.US_SSN),
        ("dob_words", Entity.DATE_OF_BIRTH),
        ("phone_prompted", Entity.PHONE_NUMBER),
        ("account_utility", Entity.ACCOUNT_NUMBER),
        ("member_id", Entity.MEMBER_ID),
        ("mrn", Entity.MEDICAL_RECORD_NUMBER),
        ("zip_code", Entity.ZIP_CODE),
        ("driver_license", Entity.DRIVER_LICENSE),
        ("passport", Entity.PASSPORT),
        ("long_number_unexplained", Entity.NUMBER_SEQUENCE),
    ],
)
def test_entity(name: str, entity: Entity) -> None:
    assert entities(DIALOGUES[name]) == {entity}


def test_the_listeners_okay_between_groups_stays_audible() -> None:
    call = Call(
        "A: Card number?\nC: <four nine one six>\nA: <four nine one six> okay.\n"
        "C: <three three oh eight>\nA: Got it, go ahead.\nC: <two two seven one>\n"
        "A: <two two seven one> yes.\nC: <nine four five zero>"
    )
    spans = call.conversation().spans(call.end)
    audible = {w.text for w in call.words if not muted(w, spans)}
    assert {"okay.", "Got", "it,", "go", "ahead.", "yes."} <= audible
    assert all(
        muted(w, spans) for w, mark in zip(call.words, call.marks, strict=True) if mark == "s"
    )


def test_unsure_words_between_groups_stay_silent() -> None:
    call = Call(
        "A: Card number?\nC: <four nine one six>\nA: <four nine one six> okay.\n"
        "C: <three three oh eight>\nA: <three three oh eight>"
    )
    doubted = [replace(w, probability=0.3) if w.text == "okay." else w for w in call.words]
    call.words = doubted
    spans = call.conversation().spans(call.end)
    assert [muted(w, spans) for w in doubted if w.text == "okay."] == [True]


def test_account_is_a_banks_where_the_talk_is_of_checks() -> None:
    found = entities(DIALOGUES["bank_account_and_routing"])
    assert found == {Entity.BANK_ROUTING, Entity.BANK_ACCOUNT}


def test_a_checksum_raises_the_score_and_clears_nothing() -> None:
    valid = Call("A: Card number?\nC: <4111 1111 1111 1111>").conversation().spans(10**9)
    broken = Call("A: Card number?\nC: <4111 1111 1111 1112>").conversation().spans(10**9)
    assert max(span.score for span in valid) > max(span.score for span in broken) >= 0.8


def test_a_card_without_any_context_is_silenced_though_luhn_fails() -> None:
    assert entities("C: So <4111 1111 1111 1112>") == {Entity.NUMBER_SEQUENCE}


def test_answers_are_the_same_however_often_they_are_asked_for() -> None:
    call = Call(DIALOGUES["card_over_turns"])
    conversation = call.conversation()
    first = conversation.spans(call.end)
    assert conversation.spans(call.end) == first
    half = conversation.spans(call.end // 2)
    assert half == tuple(span for span in first if span.start < call.end // 2)


def test_spans_do_not_depend_on_how_the_call_was_cut() -> None:
    assert [name for name in DIALOGUES if not same_in_pieces(name)] == []


def same_in_pieces(name: str) -> bool:
    call = Call(DIALOGUES[name])
    pieces = Conversation(RATE, call.channels, POLICY)
    step = 2 * RATE
    for start in range(0, call.end, step):
        for channel in range(call.channels):
            pieces.take(call.heard(channel, start, min(start + step, call.end)))
    return pieces.spans(call.end) == call.conversation().spans(call.end)


def test_what_was_released_below_the_watermark_never_changes() -> None:
    assert [name for name in DIALOGUES if not never_changes(name)] == []


def never_changes(name: str) -> bool:
    """Whether what is stated behind a watermark is all that is ever stated there."""
    call = Call(DIALOGUES[name])
    conversation = Conversation(RATE, call.channels, POLICY)
    watermark, stated = 0, set()
    step = 2 * RATE
    for start in range(0, call.end, step):
        stop = min(start + step, call.end)
        for channel in range(call.channels):
            conversation.take(call.heard(channel, start, stop))
        for span in conversation.spans(watermark):
            covered = [
                old
                for old in stated
                if old.channel == span.channel and old.start <= span.start < watermark
            ]
            if not any(min(span.end, watermark) <= old.end for old in covered):
                return False
        open_since = conversation.open_since()
        watermark = max(watermark, stop if open_since is None else min(stop, open_since))
        stated.update(conversation.spans(watermark))
    return True


def test_an_open_run_holds_the_watermark_until_it_is_over() -> None:
    call = Call("C: So it's four nine one six")
    conversation = call.conversation()
    first_digit = call.words[2].start
    assert conversation.open_since() == first_digit
    later = call.end + 20 * RATE
    for channel in (0, 1):
        conversation.take(WindowTranscript("call", 1, channel, call.end, later, heard_until=later))
    assert conversation.open_since() is None


def test_a_prompt_holds_the_watermark_while_its_answer_is_awaited() -> None:
    call = Call("A: What's your social security number?")
    assert call.conversation().open_since() is not None


def test_undecided_digits_are_silenced_when_they_are_forced() -> None:
    call = Call("C: So it's forty nine sixteen thirty")
    conversation = call.conversation()
    assert conversation.spans(call.end) == ()
    (span,) = conversation.spans(call.end, force_before=call.end)
    assert (span.entity, span.start) == (Entity.NUMBER_SEQUENCE, call.words[2].start)


def found(*words: list[Word], channels: int = 2) -> tuple[Span, ...]:
    return spans_of(Conversation(RATE, channels, POLICY), *words, channels=channels)


def test_a_group_that_is_read_back_amid_the_answer_is_silenced() -> None:
    routing = said("The routing number please", 1.0)
    answer = said("0 5 7 2 3", 4.0, 1) + said("0 5 4 4", 8.0, 1)
    echoed = said("three four", 6.4)
    spans = found(routing, answer, echoed)
    assert all(muted(word, spans) for word in echoed)


def test_a_number_begins_where_both_models_agree() -> None:
    def hearing(first: float, kind: Hearing) -> list[Word]:
        return said("my card number is", first - 1.6, hearing=kind) + said(
            "4 9 1 6 3 3 0 8 2 2 7 1", first, hearing=kind
        )

    early, late = hearing(4.0, Hearing.MAIN), hearing(4.4, Hearing.SECOND)
    (span,) = found(early, late, channels=1)
    assert early[4].start < span.start < late[4].start
    alone = found(early, channels=1)
    assert alone[0].start == early[4].start


def test_equal_digits_do_not_move_the_start() -> None:
    early = said("my card number is 5 5 1 6 3 3 0 8 2 2 7 1", 2.0)
    late = said("my card number is 5 5 1 6 3 3 0 8 2 2 7 1", 2.4, hearing=Hearing.SECOND)
    (span,) = found(early, late, channels=1)
    assert span.start == early[4].start


def test_words_that_one_model_is_sure_of_part_two_numbers() -> None:
    main = said("The account number is 6 5 6 5 7", 1.0) + said("0 2 0 2", 8.0)
    other = said("The account number is 6 5 6 5 7", 1.0, hearing=Hearing.SECOND)
    between = said("thank you for that then", 5.2, hearing=Hearing.SECOND)
    other += between + said("0 2 0 2", 8.0, hearing=Hearing.SECOND)
    spans = found(main, other, channels=1)
    assert not any(muted(word, spans) for word in between)
    assert muted(main[-1], spans)


def test_an_odd_word_of_which_both_models_are_sure_is_that_word() -> None:
    def hearing(kind: Hearing, probability: float) -> list[Word]:
        words = said("The card number is 4 9 1 6 3 3 0 8 Then how long", 1.0, hearing=kind)
        return [replace(w, probability=probability) if w.text == "Then" else w for w in words]

    unsure, sure = hearing(Hearing.MAIN, 0.3), hearing(Hearing.MAIN, 0.9)
    assert muted(unsure[12], found(unsure, channels=1))
    assert muted(unsure[12], found(unsure, hearing(Hearing.SECOND, 0.6), channels=1))
    assert not muted(sure[12], found(sure, hearing(Hearing.SECOND, 0.9), channels=1))


def test_a_dropped_word_makes_no_question_of_a_tracking_number() -> None:
    second = said("The tracking number is 8 5 1 4 4 3", 2.0, hearing=Hearing.SECOND)
    again = said("The", 2.0, hearing=Hearing.AGAIN) + said("number is", 2.8, hearing=Hearing.AGAIN)
    assert found(second, again) == ()


def test_unexplained_speech_beside_a_number_is_silenced() -> None:
    call = Call(CARD)
    conversation = call.conversation()
    gap = Interval(call.end - RATE // 4, call.end + RATE // 4)
    far = Interval(call.end + 30 * RATE, call.end + 31 * RATE)
    conversation.take(
        WindowTranscript("call", 9, 1, 0, far.end, unexplained=(gap, far), heard_until=far.end)
    )
    unexplained = [s for s in conversation.spans(10**9) if s.reason is Reason.UNEXPLAINED]
    assert [(s.channel, s.start, s.end) for s in unexplained] == [(1, gap.start, gap.end)]


def test_unexplained_speech_stays_where_the_policy_says_so() -> None:
    policy = Policy.model_validate(
        {"name": "t", "version": "1", "unexplained": {"mute": False, "within_ms": 0}}
    )
    conversation = Conversation(RATE, 1, policy)
    call = Call("M: The card number please? <4111 1111 1111>")
    heard = call.heard(0)
    gap = Interval(heard.end, heard.end + 1_000)
    conversation.take(
        WindowTranscript(
            "call", 0, 0, 0, gap.end, heard.words, unexplained=(gap,), heard_until=gap.end
        )
    )
    assert {span.reason for span in conversation.spans(10**9)} == {Reason.RECOGNISED}


def test_hearings_are_united() -> None:
    """The first hearing loses half of the card; the second one hears it."""
    call = Call("M: Card number? <four nine one six>")
    other = Call("M: Card number? four nine one six <three three oh eight>")
    second = tuple(
        Word(w.channel, w.start, w.end, w.text, 0.9, Hearing.SECOND) for w in other.words
    )
    conversation = call.conversation()
    alone = max(span.end for span in conversation.spans(10**9))
    conversation.take(WindowTranscript("call", 1, 0, 0, other.end, second, heard_until=other.end))
    assert max(span.end for span in conversation.spans(10**9)) >= other.words[-1].end > alone


def test_policy_decides_on_actions_and_thresholds() -> None:
    policy = Policy.model_validate(
        {
            "name": "t",
            "version": "1",
            "entities": {
                "CARD_NUMBER": {"action": "keep"},
                "CARD_SECURITY_CODE": {"threshold": 1.0},
            },
        }
    )
    call = Call(DIALOGUES["card_mono"])
    conversation = Conversation(RATE, 1, policy)
    conversation.take(call.heard(0))
    spans = conversation.spans(call.end)
    assert {s.action for s in spans if s.entity == "CARD_NUMBER"} == {Action.KEEP}
    assert not [s for s in spans if s.entity == "CARD_SECURITY_CODE"]


def test_a_forgotten_card_is_known_when_it_comes_again() -> None:
    call = Call(CARD)
    conversation = call.conversation()
    start = call.end + 300 * RATE
    conversation.forget(start)
    words = tuple(words_from_text("it ends three three oh eight okay", channel=0, start=start))
    end = words[-1].end + RATE
    for channel, spoken in ((0, words), (1, ())):
        conversation.take(WindowTranscript("call", 5, channel, start, end, spoken, heard_until=end))
    spans = conversation.spans(end)
    assert [w.text for w in words if muted(w, spans)] == ["three", "three", "oh", "eight"]


def test_memory_is_bounded() -> None:
    conversation = Conversation(RATE, 1, POLICY)
    for minute in range(30):
        start = minute * 60 * RATE
        words = tuple(words_from_text("four two seven and some words", start=start))
        end = start + 60 * RATE
        conversation.take(WindowTranscript("call", minute, 0, start, end, words, heard_until=end))
        conversation.forget(end)
    kept = sum(
        len(timeline) for timelines in conversation._timelines.values() for timeline in timelines
    )
    assert kept <= 3 * 6


def test_nothing_spoken_shows_in_a_repr() -> None:
    conversation = Call(CARD).conversation()
    assert "four" not in repr(conversation)
    assert "four" not in repr(conversation.spans(10**9))


TEXTS = [
    "four",
    "4111",
    "double",
    "oh",
    "to",
    "$5",
    "ZG19",
    "-",
    "",
    "card",
    "number",
    "is",
    "the",
    "May",
]
some_words = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 40 * RATE),
        st.integers(0, RATE),
        st.sampled_from(TEXTS),
        st.floats(0, 1),
        st.sampled_from(Hearing),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(some_words)
def test_no_words_whatever_break_it(
    drawn: list[tuple[int, int, int, str, float, Hearing]],
) -> None:
    conversation = Conversation(RATE, 2, POLICY)
    end = 60 * RATE
    for channel in (0, 1):
        words = tuple(
            Word(channel, start, start + length, text, probability, hearing)
            for where, start, length, text, probability, hearing in drawn
            if where == channel
        )
        conversation.take(
            WindowTranscript("call", channel, channel, 0, end, words, heard_until=end)
        )
    spans = conversation.spans(end, force_before=end)
    assert all(0 <= span.start <= span.end and span.channel in (0, 1) for span in spans)
    assert spans == conversation.spans(end, force_before=end)
    conversation.forget(end)
    assert conversation.open_since() is None or conversation.open_since() < end


@pytest.mark.parametrize(
    ("digits", "hearing", "silent"),
    [
        ("2 8 9 5 0", Hearing.MAIN, True),
        ("2 8 9 5 0", Hearing.SECOND, True),
        ("2 8 9 5 0", Hearing.AGAIN, False),
        ("28950.", Hearing.MAIN, True),
        ("28950.", Hearing.SECOND, False),
    ],
)
def test_digits_that_nobody_asked_for_count_by_who_heard_them(
    digits: str, hearing: Hearing, *, silent: bool
) -> None:
    assert bool(found(said(f"delivery is another {digits}", 1.0, hearing=hearing))) is silent


@pytest.mark.parametrize(
    ("digits", "card"), [("6 0 1 1 0 1 6 2 6 8 1 6 4 4 8", True), ("6 0 1 1", False)]
)
def test_a_card_in_one_hearing_is_one_from_its_first_digit_in_the_other(
    digits: str, *, card: bool
) -> None:
    """Which heard one more, and takes the whole for the number of an item."""
    readings = []
    for heard, kind in ((digits, Hearing.MAIN), (digits[2:], Hearing.SECOND)):
        at = 5.0 + 0.4 * (kind is Hearing.SECOND)
        (run,) = read(said(heard, at, 1, kind))
        readings.append(Reading([Verdict(run, None)]))
    readings[0].verdicts[0].explained = True
    readings[1].verdicts[0].take(Entity.CARD_NUMBER, Basis.BY_LENGTH)
    same_cards(readings)
    assert (readings[0].verdicts[0].entity is Entity.CARD_NUMBER) == card
