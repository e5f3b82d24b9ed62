"""Which numbers the reader may take back, and which it never does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.detection.decision.conversation import Conversation
from pipeline.detection.decision.opinions import Opinion, Opinions
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy, ReaderRule
from pipeline.records.model import Hearing, Interval, Reason, WindowTranscript, Word
from tests.pipeline.detection.talked import RATE, said, spans_of

pytestmark = pytest.mark.unit

POLICY = Policy(
    name="test", version="1", reader=ReaderRule(explained_below=0.05, payment_below=0.002)
)
PHONE = said("and what is your phone number", 1)
ANSWER = said("5 5 5 0 1 9 9", 5, 1)
PIN = said("and the pin please", 1)
SHORT = said("4 4 7 1", 4, 1)
CARD = said("may i have the card number", 1)
LONG = said("4 0 1 2 8 8 8 8 8 8 8 8 1 8 8 2", 5, 1)
FOURS = ("4 0 1 2", "8 8 8 8", "8 8 8 8", "1 8 8 2")
WHOLE = said("4 0 1 2 8 8 8 8 8 8 8 8 1 8 8 1", 4, 1)
"""Its checksum holds."""


def held(words: Sequence[Word], secret: float, into: Opinions | None = None) -> Opinions:
    """The reader's opinion of every word."""
    opinions = into or Opinions(2)
    for word in words:
        opinion = Opinion(word.start, word.end, word.hearing, secret, {}, word.end)
        opinions.add(word.channel, opinion)
    return opinions


def found(opinions: Opinions, *said: list[Word], policy: Policy = POLICY) -> list[str]:
    """Types of what is silent, in the order of time."""
    conversation = Conversation(RATE, 2, policy, opinions=opinions)
    return [span.entity for span in spans_of(conversation, *said)]


def test_a_number_that_the_talk_explains_is_heard() -> None:
    assert found(held(ANSWER, 0.049), PHONE, ANSWER) == []


@pytest.mark.parametrize("secret", [0.05, 0.5])
def test_one_of_which_the_reader_is_less_sure_is_not(secret: float) -> None:
    assert found(held(ANSWER, secret), PHONE, ANSWER) == ["PHONE_NUMBER"]


def test_one_that_was_not_read_is_not() -> None:
    assert found(Opinions(2), PHONE, ANSWER) == ["PHONE_NUMBER"]


def test_nor_one_of_which_a_word_was_not_read() -> None:
    assert found(held(ANSWER[:-1], 0.0), PHONE, ANSWER) == ["PHONE_NUMBER"]


def test_one_word_that_may_be_sensitive_keeps_all_of_it_silent() -> None:
    opinions = held([ANSWER[3]], 0.06, held([*ANSWER[:3], *ANSWER[4:]], 0.0))
    assert found(opinions, PHONE, ANSWER) == ["PHONE_NUMBER"]


def test_a_word_that_was_stretched_over_a_pause_counts() -> None:
    last = replace(ANSWER[-1], end=ANSWER[-1].end + 6 * RATE)
    words = [*ANSWER[:-1], last]
    opinions = held([last], 0.9, held(words[:-1], 0.01))
    assert found(opinions, PHONE, words) == ["PHONE_NUMBER"]


def test_what_another_hearing_has_there_counts_too() -> None:
    other = [replace(word, hearing=Hearing.SECOND) for word in ANSWER]
    opinions = held(other, 0.06, held(ANSWER, 0.0))
    assert found(opinions, PHONE, ANSWER) == ["PHONE_NUMBER"]


def test_a_number_that_only_the_second_listening_heard_is_never_taken_back() -> None:
    """The reader has read what the first one wrote there: other words."""
    misheard = said("so for a tool night for one", 5, 1)
    again = [replace(word, hearing=Hearing.AGAIN) for word in ANSWER]
    assert "PHONE_NUMBER" in found(held(misheard, 0.0), PHONE, misheard, again)


@pytest.mark.parametrize("again", ["5 5 5 0 1 9 9", "5 5 5 9 1 9", "5 5 5 0"])
def test_what_the_second_listening_heard_like_the_first_goes_with_it(again: str) -> None:
    rest = said(again, 5, 1, Hearing.AGAIN)
    assert found(held(ANSWER, 0.0), PHONE, ANSWER, rest) == []


@pytest.mark.parametrize("again", ["5 5 5 0 1 9 9 5", "4 4 7 1 3 8 2", "5 5 9 0 9 1"])
def test_what_it_heard_otherwise_or_more_of_stays_silent(again: str) -> None:
    rest = said(again, 5, 1, Hearing.AGAIN)
    assert "PHONE_NUMBER" in found(held(ANSWER, 0.0), PHONE, ANSWER, rest)


def test_no_piece_goes_without_the_others_that_it_heard() -> None:
    first, rest = said("5 5 5 0", 5, 1), said("so wanna aid", 7.5, 1)
    again = [*said("5 5 5 0", 5, 1, Hearing.AGAIN), *said("1 9 9 8", 7.5, 1, Hearing.AGAIN)]
    opinions = held([*first, *rest], 0.0)
    assert found(opinions, PHONE, first, rest) == []
    conversation = Conversation(RATE, 2, POLICY, opinions=opinions)
    spans = spans_of(conversation, PHONE, first, rest, again)
    assert all(
        any(span.start <= word.start and word.end <= span.end for span in spans) for word in again
    )


def test_letters_that_only_it_heard_stay_silent() -> None:
    asked = said("could you spell your last name for me", 1)
    misheard = said("as and same as in mice", 6, 1)
    again = said("S as in Sam M as in Mike I as in India", 6, 1, Hearing.AGAIN)
    assert "PERSON" in found(held(misheard, 0.0), asked, misheard, again)


OWN = said("my phone number is", 3, 1)
FEW = said("5 5 5 0", 5, 1)


@pytest.mark.parametrize("again", [[], said("5 5 5 0", 5, 1, Hearing.AGAIN)])
@pytest.mark.parametrize(
    ("asked", "secret", "channels", "silent"),
    [(OWN, 0.0, 2, 0), (OWN, 0.9, 2, 1), (PHONE, 0.0, 2, 1), (OWN, 0.0, 1, 1)],
)
def test_what_one_side_explains_itself_is_not_awaited(
    again: list[Word], asked: list[Word], secret: float, channels: int, silent: int
) -> None:
    """A sound beside it is the rest of nothing; who was asked, or who speaks, may have more."""
    words = [replace(one, channel=min(one.channel, channels - 1)) for one in (*asked, *FEW, *again)]
    sound = Interval(12 * RATE, 13 * RATE)
    opinions = held(words[: len(asked) + len(FEW)], secret, Opinions(channels))
    conversation = Conversation(RATE, channels, POLICY, opinions=opinions)
    conversation.take(
        WindowTranscript("call", 9, channels - 1, 0, 1, unexplained=(sound,), heard_until=sound.end)
    )
    spans = spans_of(conversation, words, channels=channels)
    assert sum(span.reason is Reason.UNEXPLAINED for span in spans) == silent


@pytest.mark.parametrize(("secret", "types"), [(0.0019, []), (0.002, ["PIN"])])
def test_payment_data_has_a_limit_of_its_own(secret: float, types: list[str]) -> None:
    assert found(held(SHORT, secret), PIN, SHORT) == types


def test_a_number_as_long_as_a_card_is_never_taken_back() -> None:
    assert found(held(LONG, 0.0), CARD, LONG) == ["CARD_NUMBER"]


def test_nor_is_one_in_groups() -> None:
    groups = [said(four, 5 + 8 * at, 1) for at, four in enumerate(FOURS)]
    okays = [said("okay", 8 + 8 * at) for at in range(3)]
    opinions = held([word for group in groups for word in group], 0.0)
    types = found(opinions, CARD, *groups, *okays)
    assert types
    assert set(types) == {"CARD_NUMBER"}
    conversation = Conversation(RATE, 2, POLICY, opinions=opinions)
    spans = spans_of(conversation, CARD, *groups, *okays)
    for word in (word for group in groups for word in group):
        assert any(span.start <= word.start and word.end <= span.end for span in spans)


def test_what_the_other_side_reads_back_counts_once() -> None:
    back = said("so that is 5 5 5 0 1 9 9", 14)
    assert found(held([*ANSWER, *back], 0.0), PHONE, ANSWER, back) == []


ACCOUNT = said("and your account number please", 1)


@pytest.mark.parametrize(
    ("asked", "told", "stated", "secret", "heard"),
    [
        (ACCOUNT, "5 5 5 0 1 9 9", "so 8 4 2 7", 0.0, True),
        (ACCOUNT, "5 5 5 0 1 9 9", "so 8 4 2 7", 0.06, False),
        (ACCOUNT, "5 5 5 0 1 9 9", "so 8 0 1 7", 0.0, False),
        (ACCOUNT, "5 5 5 okay thanks lovely 0 1 9 9", "so 8 5 0 7", 0.0, False),
        (CARD, "4 0 1 2 7 3 6 5", "so 9 1 4", 0.0, True),
        (CARD, "4 0 1 2 7 3 6 5", "so 9 1 4 8", 0.0, False),
    ],
    ids=["sure", "unsure", "repeats a pair", "over two pieces", "short of a card", "a card's"],
)
def test_who_asked_may_state_a_number_of_his_own(
    asked: list[Word], told: str, stated: str, secret: float, *, heard: bool
) -> None:
    """The answer is no less secret for it; what may repeat the answer goes with it."""
    answer, own = said(told, 5, 1), said(stated, 14)
    opinions = held(own, secret, held(answer, 0.9))
    spans = spans_of(Conversation(RATE, 2, POLICY, opinions=opinions), asked, answer, own)
    assert {span.channel for span in spans} == ({1} if heard else {0, 1})


def test_a_lone_digit_of_who_asked_goes_with_the_answer() -> None:
    first, own = said("5 5 5 0", 5, 1), said("9", 7)
    opinions = held(own, 0.0, held(first, 0.9))
    asked = said("and your member id please", 1)
    spans = spans_of(Conversation(RATE, 2, POLICY, opinions=opinions), asked, first, own)
    assert {span.channel for span in spans} == {0, 1}


@pytest.mark.parametrize("piece", ["5 5 5 0 1 9 9", "4 0 1 2 8 8"])
def test_what_one_side_tells_again_counts_again(piece: str) -> None:
    """It may be the next piece of a card."""
    first, again = said(piece, 5, 1), said(f"or {piece}", 12, 1)
    assert found(held([*first, *again], 0.0), PHONE, first, again)


@pytest.mark.parametrize(
    "question", ["the card number and the security code", "your account number"]
)
def test_a_card_in_pieces_stays_silent_whatever_was_asked_last(question: str) -> None:
    asked = said(f"may i have {question}", 1)
    pieces = [said(four, 6 + 8 * at, 1) for at, four in enumerate(FOURS)]
    back = [said(four, 9 + 8 * at) for at, four in enumerate(FOURS)]
    opinions = held([word for each in (*pieces, *back) for word in each], 0.0)
    conversation = Conversation(RATE, 2, POLICY, opinions=opinions)
    spans = spans_of(conversation, asked, *pieces, *back)
    for word in (word for piece in pieces for word in piece):
        assert any(span.start <= word.start and word.end <= span.end for span in spans)


def test_of_the_pieces_of_an_answer_all_go_or_none() -> None:
    pieces = [said("5 5 5", 5, 1), said("0 1 9 9", 9, 1)]
    opinions = held(pieces[1], 0.5, held(pieces[0], 0.0))
    spans = spans_of(
        Conversation(RATE, 2, POLICY, opinions=opinions), PHONE, *pieces, said("okay", 7)
    )
    assert min(span.start for span in spans) <= pieces[0][0].start


@pytest.mark.parametrize("digits", [12, 16])
def test_a_long_number_that_nothing_explains_but_the_reader_stays_silent(digits: int) -> None:
    number = said(" ".join("4111222334567890"[:digits]), 4, 1)
    assert found(held(number, 0.0), said("hello there", 1), number) == ["NUMBER_SEQUENCE"]


def test_a_number_that_nothing_names_has_the_limit_of_payment_data() -> None:
    assert found(held(SHORT, 0.01), said("hello there my dear", 1), SHORT) == ["NUMBER_SEQUENCE"]


def test_nor_is_one_whose_checksum_holds() -> None:
    assert found(held(WHOLE, 0.0), said("the order is", 1), WHOLE) == ["CARD_NUMBER"]


def test_what_repeats_a_known_number_is_not_taken_back() -> None:
    back = said("so the one that ends in 1 8 8 1", 14)
    types = found(held([*WHOLE, *back], 0.0), CARD, WHOLE, back)
    assert types == ["CARD_NUMBER", "CARD_NUMBER"]


def test_nor_one_that_may_answer_a_question_that_nobody_heard() -> None:
    conversation = Conversation(RATE, 2, POLICY, opinions=held(SHORT, 0.0))
    conversation.lose(0, 0, 3 * RATE)
    (span,) = spans_of(conversation, SHORT)
    assert (span.start, span.end >= SHORT[-1].end) == (SHORT[0].start, True)


@pytest.mark.parametrize("name", ["pci", "pci+hipaa"])
def test_a_policy_for_payment_data_believes_no_reader(name: str) -> None:
    assert found(held(SHORT, 0.0), PIN, SHORT, policy=load_policy(name)) == ["PIN"]


def test_a_policy_that_says_nothing_believes_none() -> None:
    assert found(held(ANSWER, 0.0), PHONE, ANSWER, policy=Policy(name="x", version="1"))


def test_what_was_read_later_counts_once_it_is_told() -> None:
    opinions = Opinions(2)
    conversation = Conversation(RATE, 2, POLICY, opinions=opinions)
    assert spans_of(conversation, PHONE, ANSWER)
    held(ANSWER, 0.0, opinions)
    conversation.reconsider()
    assert conversation.spans(60 * RATE) == ()


def test_what_repeats_a_number_that_is_not_read_yet_waits_for_it() -> None:
    first, again = said("shelf 5 9 9 5", 1), said("5 9 9 5", 5, 1)
    opinions = held(first, 0.0)
    conversation = Conversation(RATE, 2, POLICY, opinions=opinions)
    for channel, words in enumerate((first, again)):
        heard = WindowTranscript(
            "call", channel, channel, 0, 8 * RATE, tuple(words), heard_until=8 * RATE
        )
        conversation.take(heard)
    waits = conversation.open_since(again[0].start)
    assert waits is not None
    assert waits <= first[1].start
    held(again, 0.0, opinions)
    conversation.reconsider()
    assert conversation.spans(8 * RATE) == ()


def test_a_piece_is_not_told_before_the_reader_has_read_the_rest_of_the_answer() -> None:
    piece, rest = said("5 5 5", 5, 1), said("0 1 9 9", 19, 1)
    opinions = held(piece, 0.0)
    conversation = Conversation(RATE, 2, POLICY, opinions=opinions)
    talk = said("go on whenever you are ready", 9)
    spans_of(conversation, PHONE, piece, talk, rest)
    assert conversation.open_since(60 * RATE) is None
    assert conversation.open_since(rest[0].start) == piece[0].start
    held(rest, 0.0, opinions)
    conversation.reconsider()
    assert conversation.spans(60 * RATE) == ()
