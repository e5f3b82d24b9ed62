"""Turns are parted and ordered by where words are spoken, not by how wide they are recorded."""

from __future__ import annotations

import pytest

from models.text.turn_segmentation import CallTurns, Spoken, Stream
from pipeline.records.model import Hearing, Interval, WindowTranscript, Word

pytestmark = pytest.mark.unit

RATE = 1_000


def heard(
    channel: int, words: list[tuple[int, int, str]], *speech: tuple[int, int]
) -> WindowTranscript:
    """What one window of a channel brought, in milliseconds."""
    return WindowTranscript(
        "call", channel, channel, 0, 60_000,
        tuple(Word(channel, start, end, text) for start, end, text in words),
        tuple(Interval(*part) for part in speech),
    )  # fmt: skip


def turns_of(*windows: WindowTranscript) -> list[Spoken]:
    """All turns, in the order in which they are read."""
    turns = CallTurns(RATE, 2)
    for window in windows:
        turns.take(window)
    return turns.ready(60_000, final=True)


def said(turn: Spoken) -> str:
    return " ".join(word.text for word in turn.words)


STRETCHED = heard(
    0,
    [(1_000, 1_300, "for"), (1_300, 6_000, "you?"), (6_000, 6_700, "Thanks.")],
    (900, 1_700),
    (5_950, 6_800),
)


def test_a_word_that_lasts_over_a_pause_holds_no_turn_together() -> None:
    assert [said(turn) for turn in turns_of(STRETCHED)] == ["for you?", "Thanks."]


def test_what_is_silenced_still_goes_by_all_of_it() -> None:
    first, _ = turns_of(STRETCHED)
    assert (first.start, first.end, first.begins, first.ends) == (1_000, 6_000, 1_000, 1_700)


@pytest.mark.parametrize("text", ["Great", "3,"])
def test_a_first_word_that_begins_in_the_pause_before_it_stands_behind_the_question(
    text: str,
) -> None:
    asked = heard(0, [(3_000, 3_400, "anything"), (3_400, 3_800, "else?")], (2_900, 3_900))
    answer = heard(1, [(500, 6_400, text), (6_400, 6_800, "bye.")], (200, 560), (6_000, 6_900))
    assert [turn.channel for turn in turns_of(asked, answer)] == [0, 1]


def test_what_was_said_before_a_sample() -> None:
    (turn,) = turns_of(
        heard(1, [(500, 6_400, "Great"), (6_400, 6_800, "bye.")], (6_000, 6_300), (6_400, 6_900))
    )
    assert [word.text for word in turn.until(6_400)] == ["Great"]
    assert turn.until(6_000) == ()


def test_words_stay_in_their_order() -> None:
    (turn,) = turns_of(
        heard(0, [(200, 1_600, "four"), (1_100, 1_700, "oh")], (1_050, 1_150), (1_300, 1_700))
    )
    starts = [place.start for place in turn.places]
    assert (said(turn), starts) == ("four oh", sorted(starts))


def test_without_speech_words_lie_where_they_are_recorded() -> None:
    first, second = turns_of(heard(0, [(1_000, 1_300, "for"), (2_400, 2_600, "you")]))
    assert [(turn.begins, turn.ends) for turn in (first, second)] == [
        (1_000, 1_300),
        (2_400, 2_600),
    ]


def test_a_window_that_comes_late_is_put_in_its_place() -> None:
    early = heard(0, [(1_000, 1_300, "for")], (900, 1_400))
    late = heard(0, [(1_300, 1_600, "you")], (1_300, 1_700))
    assert [said(turn) for turn in turns_of(late, early)] == ["for you"]


MAIL = [(1_000, 1_500, "john"), (1_500, 1_900, "dot"), (1_900, 2_500, "smith")]


def test_a_turn_is_not_over_before_its_words_are() -> None:
    """The end of a wide word may hold what goes on with them."""
    turns = CallTurns(RATE, 1)
    turns.take(heard(0, [*MAIL, (2_500, 7_000, "at")], (900, 3_100), (6_600, 7_000)))
    assert turns.ready(7_200, final=False) == []
    assert turns.open_since() == 1_000
    turns.take(heard(0, [(7_400, 7_800, "gmail"), (7_800, 8_700, "com")], (7_300, 8_800)))
    first, second = turns.ready(14_000, final=False)
    assert said(first) == "john dot smith at"
    assert [word.text for word in second.before] == ["john", "dot", "smith", "at"]


@pytest.mark.parametrize("wide", ["john", "at"])
def test_words_that_adjoin_as_they_are_recorded_are_carried_over(wide: str) -> None:
    """However long the last of them lasts."""
    words = [*MAIL, (2_500, 2_700, "at")]
    words = [(start, 9_000 if text == wide else end, text) for start, end, text in words]
    words += [(9_400, 9_800, "gmail"), (9_800, 10_700, "com")]
    _, second = turns_of(heard(0, words, (900, 2_900), (9_300, 10_800)))
    assert [word.text for word in second.before] == ["john", "dot", "smith", "at"]


def test_nothing_is_parted_where_somebody_speaks_on() -> None:
    words = [(1_000, 1_500, "password"), (1_500, 5_000, "is"), (5_000, 6_000, "tulip")]
    speech = [(900, 2_600), (2_900, 3_700), (4_000, 4_900), (4_980, 6_100)]
    assert [said(turn) for turn in turns_of(heard(0, words, *speech))] == ["password is tulip"]


def again(start: int, end: int, text: str, probability: float) -> Word:
    return Word(0, start, end, text, probability, Hearing.AGAIN)


@pytest.mark.parametrize(
    ("heap", "read"),
    [
        pytest.param(
            [again(0, 400, "4", 0.3), again(20, 400, "four", 0.9), again(50, 390, "5", 0.2)],
            "four",
            id="the likeliest of a sound",
        ),
        pytest.param(
            [again(0, 400, "is", 0.9), again(50, 390, "4", 0.2), again(60, 390, "or", 0.8)],
            "is 4 or",
            id="a number yields to no other word, and no other word to anything",
        ),
        pytest.param(
            [again(0, 330, "4", 0.9), again(0, 400, "7", 0.8), again(400, 800, "8", 0.1)],
            "4 7 8",
            id="a sixth of it is nobody else's",
        ),
        pytest.param(
            [again(0, 200, "4", 0.9), again(200, 400, "5", 0.8), again(0, 400, "45", 0.7)],
            "4 5",
            id="two have its place together",
        ),
        pytest.param(
            [
                again(0, 4_000, "2", 0.9),
                again(2_000, 2_400, "2", 0.4),
                again(2_100, 2_400, "7", 0.3),
            ],
            "2 2",
            id="one that is stretched has no more than it takes",
        ),
        pytest.param(
            [again(0, 400, "cuatro", 0.5), again(0, 400, "pues", 0.6)],
            "cuatro pues",
            id="a word of another language stays",
        ),
    ],
)
def test_of_what_was_heard_again_the_likeliest_is_read(heap: list[Word], read: str) -> None:
    turns = CallTurns(RATE, 1)
    turns.take(WindowTranscript("call", 0, 0, 0, 60_000, tuple(heap)))
    assert [said(turn) for turn in turns.ready(60_000, final=True)] == [read]


def test_what_a_model_wrote_is_read_whatever_was_heard_again() -> None:
    wrote = [
        Word(0, 0, 400, "4", 0.01),
        Word(0, 400, 900, "is", 0.01, Hearing.SECOND),
        again(0, 400, "5", 0.99),
        again(400, 900, "it", 0.99),
    ]
    turns = CallTurns(RATE, 1)
    turns.take(WindowTranscript("call", 0, 0, 0, 60_000, tuple(wrote)))
    found = {turn.stream: said(turn) for turn in turns.ready(60_000, final=True)}
    assert found == {Stream.SHOWN: "4 it", Stream.EVIDENCE: "5 is"}
