"""What sounds and is not understood: from when on a stretch, a channel and a call are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detection.decision.not_understood import (
    NOT_UNDERSTOOD,
    Comprehension,
    understanding,
)
from pipeline.policy.model import UnderstandingRule
from pipeline.records.model import Action, Hearing, Interval, Reason, Span, WindowTranscript, Word
from pipeline.records.scores import Recognizer

pytestmark = pytest.mark.unit

RATE = 8_000
RULE = UnderstandingRule()


def seconds(start: float, end: float) -> Interval:
    return Interval(round(start * RATE), round(end * RATE))


def heard(
    until: float,
    *,
    lost: tuple[Interval, ...] = (),
    speech: tuple[Interval, ...] = (),
    words: tuple[Word, ...] = (),
    channel: int = 0,
) -> WindowTranscript:
    end = round(until * RATE)
    return WindowTranscript(
        "c", 0, channel, 0, end, words, speech=speech, unexplained=lost, heard_until=end
    )


def word(start: float, text: str = "well", probability: float = 0.9, **more: Hearing) -> Word:
    place = seconds(start, start + 0.4)
    return Word(0, place.start, place.end, text, probability, **more)


def told(spans: list[Span]) -> list[tuple[float, float, str]]:
    return [(one.start / RATE, one.end / RATE, one.recognizer) for one in spans]


def test_three_seconds_of_sound_without_a_word_are_silenced_from_its_beginning() -> None:
    call = Comprehension(RATE, 1, RULE)
    assert call.take(heard(6, lost=(seconds(1, 3),))) == []
    (first, second) = call.take(heard(12, lost=(seconds(8, 10),), speech=(seconds(8, 10),)))
    assert told([first, second]) == [
        (1, 3, Recognizer.SOUND_WITHOUT_WORDS),
        (8, 10, Recognizer.SPEECH_WITHOUT_WORDS),
    ]
    assert (first.entity, first.reason) == (NOT_UNDERSTOOD, Reason.NOT_UNDERSTOOD)
    # What goes on so is silent at once.
    assert told(call.take(heard(14, lost=(seconds(12, 13),)))) == [
        (12, 13, Recognizer.SOUND_WITHOUT_WORDS)
    ]


def test_amid_understood_talk_a_cough_stays() -> None:
    call = Comprehension(RATE, 1, RULE)
    talk = tuple(word(at / 2) for at in range(20))
    assert call.take(heard(12, lost=(seconds(10.5, 11.5),), words=talk)) == []
    assert call.take(heard(18, lost=(seconds(12, 13.5),))) == []


def test_words_that_nobody_believes_explain_nothing() -> None:
    call = Comprehension(RATE, 1, RULE)
    doubtful = tuple(word(at / 2, probability=0.2) for at in range(20))
    assert call.take(heard(15, lost=(seconds(10.5, 14),), words=doubtful))


def test_a_doubtful_word_that_both_models_heard_is_believed() -> None:
    call = Comprehension(RATE, 1, RULE)
    main = tuple(word(at, f"w{at}", 0.2) for at in range(40))
    second = tuple(word(at + 0.3, f"W{at}.", 0.2, hearing=Hearing.SECOND) for at in range(40))
    call.take(heard(40, words=main + second))
    assert not call.hardly
    other = Comprehension(RATE, 1, RULE)
    other.take(heard(40, words=main))
    assert other.hardly


def test_sound_that_is_too_old_does_not_add_up() -> None:
    call = Comprehension(RATE, 1, RULE)
    assert not call.take(heard(30, lost=(seconds(1, 3),)))
    assert not call.take(heard(60, lost=(seconds(31, 33),)))


def test_a_sound_that_ended_twenty_seconds_ago_does_not_add_up() -> None:
    for end, spans in ((22.99, [(1, 3), (21, 22.99)]), (23, [])):
        call = Comprehension(RATE, 1, RULE)
        found = call.take(heard(24, lost=(seconds(1, 3), seconds(21, end))))
        assert [(one.start / RATE, one.end / RATE) for one in found] == spans


def test_less_than_a_fifth_of_a_second_between_words_is_no_loss() -> None:
    rule = UnderstandingRule(sound_ms=500)
    for first, count in ((Interval(0, 1_600), 2), (Interval(0, 1_599), 0)):
        lost = (first, Interval(8_000, 12_000 - len(first)))
        assert len(Comprehension(RATE, 1, rule).take(heard(3, lost=lost))) == count


def test_release_waits_until_four_of_twenty_seconds_are_understood() -> None:
    for words, since in ((10, 0), (11, None)):
        call = Comprehension(RATE, 1, RULE)
        talk = tuple(word(2 + at / 2) for at in range(words))
        assert call.take(heard(10, lost=(seconds(0, 1),), words=talk)) == []
        assert call.open_since() == since


def test_release_waits_for_what_may_still_count_and_no_longer() -> None:
    call = Comprehension(RATE, 2, RULE)
    call.take(heard(3, lost=(seconds(1, 1.5),)))
    assert call.open_since() is None  # a cough
    call.take(heard(5, lost=(seconds(3, 4),)))
    assert call.open_since() == RATE
    call.take(heard(40))
    assert call.open_since() is None
    assert call.take(heard(46, lost=(seconds(42, 45),)))
    assert call.open_since() is None  # silenced already


def test_a_call_is_hardly_understood_by_one_channel_or_by_all() -> None:
    good = tuple(word(at / 2, f"w{at}") for at in range(100))
    bad = tuple(word(at / 2, f"w{at}", 0.1) for at in range(100))
    call = Comprehension(RATE, 2, RULE)
    call.take(heard(60, words=good))
    assert not call.hardly
    call.take(heard(60, words=bad, channel=1))
    assert call.hardly


def test_a_short_call_is_not_judged() -> None:
    call = Comprehension(RATE, 1, RULE)
    call.take(heard(9, words=tuple(word(at / 2, f"w{at}", 0.1) for at in range(18))))
    assert not call.hardly


def lost_span(start: float, end: float, recognizer: str = Recognizer.SPEECH_WITHOUT_WORDS) -> Span:
    place = seconds(start, end)
    return Span(
        NOT_UNDERSTOOD, 0, place.start, place.end, 1.0, recognizer, reason=Reason.NOT_UNDERSTOOD
    )


def test_a_channel_of_whose_speech_hardly_a_word_was_understood_is_silent() -> None:
    one = [word(1)]
    assert understanding(RULE, RATE, [0], [lost_span(10, 25)], one).silent == (0,)
    assert understanding(RULE, RATE, [0], [lost_span(10, 19)], one).silent == ()
    some = [word(at / 2) for at in range(10)]
    assert understanding(RULE, RATE, [0], [lost_span(60, 75)], some).silent == ()


def test_music_before_a_call_leaves_the_call_audible() -> None:
    music = lost_span(0, 60, Recognizer.SOUND_WITHOUT_WORDS)
    talk = [word(60), word(61)]
    assert understanding(RULE, RATE, [2 * RATE], [music], talk).silent == ()
    # Nor are voices in it that nobody understood, where the rest was understood.
    voices = lost_span(0, 60)
    assert (
        understanding(RULE, RATE, [0], [voices], [word(60 + at / 2) for at in range(40)]).silent
        == ()
    )


def test_a_channel_that_sounds_on_and_on_without_words_is_silent() -> None:
    assert understanding(RULE, RATE, [30 * RATE, 5 * RATE], [], [word(1)]).silent == (0,)
    talk = [word(at / 2) for at in range(60)]
    assert understanding(RULE, RATE, [30 * RATE], [], talk).silent == ()


def test_hardly_a_word_is_less_than_a_twentieth_of_ten_seconds_or_more() -> None:
    for audible, silent in ((10 * RATE, (0,)), (10 * RATE - 1, ())):
        assert understanding(RULE, RATE, [audible], [], []).silent == silent
    two_seconds = [word(at) for at in range(5)]
    for audible, silent in ((40 * RATE, ()), (40 * RATE + 1, (0,))):
        assert understanding(RULE, RATE, [audible], [], two_seconds).silent == silent


def test_words_and_recognised_values_are_understood_each_sample_once() -> None:
    value = replace(lost_span(1.2, 3), entity="PIN", reason=Reason.RECOGNISED)
    other = replace(value, channel=1)
    assert understanding(RULE, RATE, [0], [value], [word(1)]).understood == 2 * RATE
    assert understanding(RULE, RATE, [0, 0], [value, other], [word(1)]).understood == 30_400
    assert understanding(RULE, RATE, [0, 0], [lost_span(0, 9)], []).understood == 0


def test_a_garbled_card_after_good_talk_is_silenced() -> None:
    """Words that nobody believes explain nothing, however well the rest was understood."""
    call = Comprehension(RATE, 1, RULE)
    call.take(heard(60, words=tuple(word(at / 2, f"w{at}") for at in range(120))))
    garbled = tuple(word(60 + at / 2, f"w{at}", 0.05) for at in range(20))
    spans = call.take(heard(72, speech=(seconds(60, 70),), words=garbled))
    assert sum(one.end - one.start for one in spans) >= 8 * RATE
    other = Comprehension(RATE, 1, RULE)
    other.take(heard(60, words=tuple(word(at / 2, f"w{at}") for at in range(120))))
    second = tuple(word(60 + at / 2, f"w{at}", 0.3, hearing=Hearing.SECOND) for at in range(20))
    assert other.take(heard(72, speech=(seconds(60, 70),), words=second))


def test_speech_of_which_most_has_no_word_is_hardly_understood() -> None:
    call = Comprehension(RATE, 1, RULE)
    starts = [1.3 * at for at in range(60)]
    said = tuple(word(at, f"w{at}") for at in starts)
    lost = tuple(seconds(at + 0.4, at + 1.3) for at in starts)
    speech = (seconds(0, 78),)
    assert call.take(heard(80, speech=speech, lost=lost, words=said)) == []
    call.take(heard(110))
    assert call.hardly
    # Noise between the words says nothing of them, nor speech where a doubtful word was heard.
    doubtful = tuple(word(at + 0.5, "well", 0.1) for at in starts[:20])
    for noise, talk, words in ((lost, (), said), ((), (seconds(0, 26),), said + doubtful)):
        call = Comprehension(RATE, 1, RULE)
        assert call.take(heard(80, speech=talk, lost=noise, words=words)) == []
        call.take(heard(110))
        assert not call.hardly


def test_a_word_that_was_stretched_over_speech_does_not_explain_it() -> None:
    call = Comprehension(RATE, 1, RULE)
    long = seconds(0, 12)
    stretched = Word(0, long.start, long.end, "yes", 0.9)
    assert call.take(heard(14, speech=(long,), words=(stretched,)))


def test_punctuation_is_no_word_that_both_heard() -> None:
    call = Comprehension(RATE, 1, RULE)
    dots = tuple(word(at, "...", 0.05) for at in range(40))
    dashes = tuple(word(at, "-", 0.05, hearing=Hearing.SECOND) for at in range(40))
    call.take(heard(40, words=dots + dashes))
    assert call.hardly


@pytest.mark.parametrize("within_ms", [5_000, 10_000])
def test_a_longer_while_silences_whatever_a_shorter_one_does(within_ms: int) -> None:
    talk = tuple(word(at / 2, f"w{at}") for at in range(20))
    record = heard(16, speech=(seconds(0, 15),), lost=(seconds(10.2, 15),), words=talk)
    short = Comprehension(RATE, 1, UnderstandingRule(within_ms=within_ms)).take(record)
    long = Comprehension(RATE, 1, RULE).take(record)
    assert short
    assert sum(one.end - one.start for one in long) >= sum(one.end - one.start for one in short)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 40), st.booleans(), st.booleans()),
        min_size=1,
        max_size=30,
    )
)
def test_nothing_is_silenced_that_was_let_go_and_nothing_but_lost_sound(
    steps: list[tuple[int, int, bool, bool]],
) -> None:
    """Of what is silenced, less than what makes release wait had been let go before."""
    call = Comprehension(RATE, 1, RULE)
    at, released, lost = 0, 0, list[Interval]()
    for pause, length, spoken, believable in steps:
        start = at + pause * RATE // 4
        at = start + length * RATE // 10
        place = Interval(start, at)
        said = (Word(0, start, at, "well", 0.9 if believable else 0.1),) if spoken else ()
        if not spoken:
            lost.append(place)
        record = WindowTranscript(
            "c", 0, 0, start, at, said, unexplained=() if spoken else (place,), heard_until=at
        )
        least = RULE.sound_ms * RATE // 4_000
        spans = call.take(record)
        gone = sum(max(0, min(span.end, released) - span.start) for span in spans)
        assert gone <= least
        for span in spans:
            assert any(one.start <= span.start and span.end <= one.end for one in lost)
        open_since = call.open_since()
        released = max(released, at if open_since is None else open_since)


def test_three_seconds_are_three_seconds() -> None:
    exact, short = Comprehension(RATE, 1, RULE), Comprehension(RATE, 1, RULE)
    assert told(exact.take(heard(6, lost=(seconds(1, 4),)))) == [
        (1, 4, Recognizer.SOUND_WITHOUT_WORDS)
    ]
    assert short.take(heard(6, lost=(Interval(RATE + 1, 4 * RATE),))) == []


def test_talk_behind_a_stretch_says_nothing_about_it() -> None:
    call = Comprehension(RATE, 1, RULE)
    talk = tuple(word(5 + at / 2) for at in range(20))
    assert told(call.take(heard(16, lost=(seconds(1, 4),), words=talk))) == [
        (1, 4, Recognizer.SOUND_WITHOUT_WORDS)
    ]


def test_the_same_word_elsewhere_confirms_nothing() -> None:
    call = Comprehension(RATE, 1, RULE)
    main = tuple(word(at, f"w{at}", 0.2) for at in range(0, 80, 2))
    second = tuple(word(at + 0.6, f"w{at}", 0.2, hearing=Hearing.SECOND) for at in range(0, 80, 2))
    call.take(heard(80, words=main + second))
    assert call.hardly


def test_another_word_at_the_same_place_confirms_nothing() -> None:
    call = Comprehension(RATE, 1, RULE)
    main = tuple(word(at, "thirteen", 0.2) for at in range(40))
    second = tuple(word(at, "thirty", 0.2, hearing=Hearing.SECOND) for at in range(40))
    call.take(heard(40, words=main + second))
    assert call.hardly


def test_only_what_is_silenced_in_a_channel_says_that_it_was_not_understood() -> None:
    few = [word(1)]
    lost = lost_span(10, 25)
    assert understanding(RULE, RATE, [0], [lost], few).silent == (0,)
    for harmless in (replace(lost, channel=1), replace(lost, action=Action.KEEP)):
        assert understanding(RULE, RATE, [0], [harmless], few).silent == ()


def test_four_fifths_of_the_sound_are_hardly_a_word() -> None:
    talk = (word(2, text="one"), word(2.5, text="two"))  # 0.8 of 4 seconds
    for end, counts in ((4.2, True), (4.19, False)):
        call = Comprehension(RATE, 1, RULE)
        lost = (seconds(0, 2), seconds(3, end))
        assert bool(call.take(heard(6, lost=lost, words=talk))) is counts


def test_a_stretch_is_certain_and_speech_from_half_of_it_on() -> None:
    call = Comprehension(RATE, 1, RULE)
    (one,) = call.take(heard(6, lost=(seconds(1, 5),), speech=(seconds(2, 4),)))
    assert (one.score, one.recognizer) == (1.0, Recognizer.SPEECH_WITHOUT_WORDS)
    call = Comprehension(RATE, 1, RULE)
    (one,) = call.take(heard(6, lost=(seconds(1, 5),), speech=(seconds(2, 3.99),)))
    assert one.recognizer == Recognizer.SOUND_WITHOUT_WORDS


def test_half_of_the_talk_is_enough_where_half_is_asked_for() -> None:
    rule = UnderstandingRule(channel_share=0.5, call_share=0.5)
    sure = tuple(word(at, f"w{at}") for at in range(20))
    vague = tuple(word(20 + at, f"v{at}", 0.1) for at in range(20))
    longer = replace(vague[-1], end=vague[-1].end + 2)
    for doubtful, hardly in ((vague, False), ((*vague[:-1], longer), True)):
        call = Comprehension(RATE, 1, rule)
        call.take(heard(50, words=sure + doubtful))
        assert call.hardly is hardly


def test_what_was_silenced_is_speech_too_where_two_seconds_stayed_audible() -> None:
    for doubtful, begin, hardly in ((5, 4, True), (4, 3.6, False), (5, 4.1, False)):
        call = Comprehension(RATE, 1, RULE)
        words = tuple(word(at / 2, f"w{at}", 0.1) for at in range(doubtful))
        assert call.take(heard(12, speech=(seconds(begin, 12),), words=words))
        assert call.hardly is hardly
