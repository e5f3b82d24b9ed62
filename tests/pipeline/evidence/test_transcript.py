"""The redacted transcript: what stays, what shows instead, and the stored shapes."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evidence.transcript import build_transcript, to_call_analytics, to_json, to_webvtt
from pipeline.records.model import CallInfo, Hearing, Interval, Mute, Reason, Role, Span, Word

pytestmark = pytest.mark.unit

RATE = 1_000
CALL = CallInfo("call-1", RATE, (Role.AGENT, Role.CUSTOMER))


PIECES = ((6_000, "CARD_NUMBER"), (9_500, "CARD_NUMBER"), (12_700, "PIN"))


def said(channel: int, at: int, text: str, gap: int = 300) -> list[Word]:
    return [
        Word(channel, at + index * gap, at + index * gap + 200, word, 0.9)
        for index, word in enumerate(text.split())
    ]


def mute(
    channel: int,
    start: int,
    end: int,
    entity: str = "CARD_NUMBER",
    reason: Reason = Reason.RECOGNISED,
) -> Mute:
    span = Span(entity, channel, start, end, 0.9, "test", reason=reason)
    return Mute(channel, start, end, (span,))


def test_turns_follow_the_speakers() -> None:
    words = [
        *said(0, 0, "How can I help?"),
        *said(1, 1_500, "My card is gone."),
        *said(0, 3_500, "I see."),
    ]
    transcript = build_transcript(CALL, 5_000, words, [])
    assert transcript.text == (
        "AGENT: How can I help?\nCUSTOMER: My card is gone.\nAGENT: I see.\n"
    )
    assert [(one.start, one.end) for one in transcript.turns] == [
        (0, 1_100), (1_500, 2_600), (3_500, 4_000),
    ]  # fmt: skip


def test_uh_huh_is_a_turn_and_parts_no_sentence() -> None:
    words = [
        *said(1, 0, "I was going to", gap=600),
        *said(0, 1_300, "Uh-huh."),
        *said(1, 2_600, "send it back."),
    ]
    assert build_transcript(CALL, 5_000, words, []).text == (
        "CUSTOMER: I was going to send it back.\nAGENT: Uh-huh.\n"
    )


def test_a_word_that_lasts_over_a_pause_holds_nobody_s_turn_up() -> None:
    """As recognisers place them: each ends where the next one begins."""
    words = [
        Word(0, 0, 300, "Four", 0.9),
        Word(0, 300, 4_000, "times.", 0.9),
        Word(0, 4_000, 4_300, "And", 0.9),
        Word(0, 4_300, 4_600, "now?", 0.9),
        Word(1, 300, 2_600, "Okay,", 0.9),
        Word(1, 2_600, 3_000, "done.", 0.9),
    ]
    sound = [
        [Interval(0, 700), Interval(4_000, 4_600)],
        [Interval(300, 310), Interval(2_300, 3_000)],
    ]
    transcript = build_transcript(CALL, 5_000, words, [], sound=sound)
    assert transcript.text == "AGENT: Four times.\nCUSTOMER: Okay, done.\nAGENT: And now?\n"
    assert [(one.start, one.end) for one in transcript.turns] == [
        (0, 700), (2_300, 3_000), (4_000, 4_600),
    ]  # fmt: skip
    without = build_transcript(CALL, 5_000, words, []).text
    assert without == "AGENT: Four times. And now?\nCUSTOMER: Okay, done.\n"


def test_the_tone_of_a_mute_is_no_sound_of_a_word() -> None:
    words = [Word(0, 0, 1_200, "Definitely", 0.9)]
    sound = [[Interval(100, 400), Interval(900, 6_000)], []]
    (turn,) = build_transcript(CALL, 9_000, words, [mute(0, 900, 6_000)], sound=sound).turns
    assert [(one.text, one.start, one.end) for one in turn.tokens] == [
        ("Definitely", 100, 400), ("[CARD_NUMBER]", 900, 6_000),
    ]  # fmt: skip


@st.composite
def _spoken(draw: st.DrawFn) -> tuple[list[Word], list[Interval]]:
    edges = sorted(draw(st.sets(st.integers(0, 90), min_size=2, max_size=20)))
    sound = [Interval(a * 100, b * 100) for a, b in pairwise(edges)][::2]
    starts = sorted(draw(st.lists(st.integers(0, 8_900), min_size=1, max_size=12)))
    lengths = draw(st.lists(st.integers(1, 4_000), min_size=len(starts), max_size=len(starts)))
    words = [
        Word(0, start, start + length, f"w{at}", 0.9)
        for at, (start, length) in enumerate(zip(starts, lengths, strict=True))
    ]
    return words, sound


@given(_spoken())
def test_words_stay_in_their_order_and_inside_their_samples(
    spoken: tuple[list[Word], list[Interval]],
) -> None:
    words, sound = spoken
    turns = build_transcript(CALL, 20_000, words, [], sound=[sound, []]).turns
    tokens = [token for turn in turns for token in turn.tokens]
    assert sorted(token.text for token in tokens) == sorted(word.text for word in words)
    by_text = {word.text: word for word in words}
    for token in tokens:
        word = by_text[token.text]
        assert word.start <= token.start < token.end <= word.end
        audible = any(one.start < word.end and word.start < one.end for one in sound)
        assert (token.start, token.end) == (word.start, word.end) or audible


@pytest.mark.parametrize("answer", ["42", "Yes.", "5 5 1", "no", "Okay"])
def test_an_answer_is_no_uh_huh(answer: str) -> None:
    asked = [*said(0, 0, "is it so?"), *said(1, 1_000, answer), *said(0, 1_500, "and the other")]
    turns = build_transcript(CALL, 9_000, asked, []).turns
    assert [turn.channel for turn in turns] == [0, 1, 0]


def test_people_who_share_a_channel_are_parted_by_shorter_pauses() -> None:
    call = CallInfo("call-1", RATE, (Role.MIXED,))
    words = [*said(0, 0, "who is it"), *said(0, 2_800, "only me")]
    assert len(build_transcript(call, 9_000, words, []).turns) == 2


def test_what_somebody_else_said_in_between_stands_there() -> None:
    words = [*said(1, 0, "Yes."), *said(0, 700, "And your zip?"), *said(1, 400, "Sure. right here")]
    mutes = [mute(1, 250, 390, "PIN")]
    assert build_transcript(CALL, 5_000, words, mutes).text == (
        "CUSTOMER: Yes. [PIN] Sure.\nAGENT: And your zip?\nCUSTOMER: right here\n"
    )


def test_a_longer_pause_begins_a_turn_but_within_a_value_told_in_pieces() -> None:
    words = [*said(1, 0, "Yes,"), *said(1, 2_800, "I will pay it."), *said(0, 5_000, "How?")]
    mutes = [mute(1, at, at + 500, name) for at, name in PIECES]
    assert build_transcript(CALL, 19_000, words, mutes).text == (
        "CUSTOMER: Yes,\nCUSTOMER: I will pay it.\nAGENT: How?\n"
        "CUSTOMER: [CARD_NUMBER]\nCUSTOMER: [PIN]\n"
    )


def test_a_pause_after_a_sentence_begins_a_turn_and_one_within_it_does_not() -> None:
    words = [*said(1, 0, "Hold on."), *said(1, 1_400, "It was the"), *said(1, 4_400, "blue one.")]
    assert build_transcript(CALL, 9_000, words, []).text == (
        "CUSTOMER: Hold on.\nCUSTOMER: It was the blue one.\n"
    )


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1), st.integers(0, 20_000), st.sampled_from(["yes", "so.", "a b", "-1"])
        ),
        max_size=40,
    )
)
def test_turns_hold_every_word_once_and_none_spans_a_long_pause(
    places: list[tuple[int, int, str]],
) -> None:
    words = [Word(channel, start, start + 200, text) for channel, start, text in places]
    turns = build_transcript(CALL, 21_000, words, []).turns
    shown = "".join(token.text for turn in turns for token in turn.tokens)
    assert sorted(shown.replace(" ", "")) == sorted(
        "".join(t for _, _, t in places).replace(" ", "")
    )
    for turn in turns:
        ends = [token.end for token in turn.tokens]
        assert all(b.start - a < 5_000 for a, b in zip(ends, turn.tokens[1:], strict=False))


def test_pieces_of_a_word_are_one_word() -> None:
    words = [
        *said(0, 0, "It is $17 .00 a co -pay."),
        Word(1, 3_000, 3_200, "one", 0.9),
        Word(1, 3_900, 4_000, "-two", 0.4),
    ]
    transcript = build_transcript(CALL, 5_000, words, [])
    assert transcript.text == "AGENT: It is $17.00 a co-pay.\nCUSTOMER: one -two\n"
    joined = transcript.turns[0].tokens[2]
    assert (joined.text, joined.start, joined.end) == ("$17.00", 600, 1_100)


def test_what_goes_on_with_a_muted_word_goes_with_it() -> None:
    words = [Word(0, 0, 300, "paid"), Word(0, 400, 600, "O"), Word(0, 620, 900, "'s")]
    words.append(Word(0, 1_200, 1_400, "now"))
    assert build_transcript(CALL, 2_000, words, [mute(0, 390, 610, "PERSON")]).text == (
        "AGENT: paid [PERSON] now\n"
    )


def test_words_that_only_begin_with_a_sign_stay_words() -> None:
    words = said(0, 0, "I did 'cause it was -5 and .5 or '90s", gap=210)
    assert build_transcript(CALL, 3_000, words, []).turns[0].text == " ".join(
        word.text for word in words
    )


@pytest.mark.parametrize("reason", [Reason.VERIFICATION, Reason.ECHO])
def test_what_was_silenced_without_its_words_takes_every_word_it_touches(reason: Reason) -> None:
    words = [Word(0, 640, 1_020, "Laura"), Word(0, 1_700, 1_900, "here")]
    text = build_transcript(CALL, 3_000, words, [mute(0, 850, 1_550, "PERSON", reason)]).text
    assert text == "AGENT: [PERSON] here\n"


@given(
    st.lists(
        st.tuples(st.integers(100, 6_000), st.sampled_from(["a", "yes.", "x" * 30, "words"])),
        min_size=1,
        max_size=40,
    )
)
def test_cues_can_be_read_hold_all_and_come_in_order(parts: list[tuple[int, str]]) -> None:
    words, at = [], 0
    for gap, text in parts:
        words.append(Word(0, at, at + 100, text))
        at += 100 + gap
    words.append(Word(1, at // 2, at // 2 + 50, "uh-huh"))
    vtt = to_webvtt(build_transcript(CALL, at + 1_000, words, [])).decode()
    cues = re.findall(r"(\S+) --> (\S+)\n<v \w+>(.*)</v>", vtt)
    assert sorted(" ".join(text for _, _, text in cues).split()) == sorted(w.text for w in words)
    starts = [start for start, _, _ in cues]
    assert starts == sorted(starts)
    for start, end, text in cues:
        first, last = (float(one[-6:]) + 60 * int(one[-9:-7]) for one in (start, end))
        assert len(text) <= 84
        assert last - first <= 7.0


def test_pauses_are_not_talked_through() -> None:
    words = [Word(0, at, at + 200, "then") for at in (0, 4_000, 8_000)]
    data = to_call_analytics(build_transcript(CALL, 9_000, words, []))
    assert data["ConversationCharacteristics"]["TalkTime"]["TotalTimeMillis"] == 600


def test_a_word_under_a_mute_gives_way_to_a_placeholder() -> None:
    words = said(1, 0, "it is four one one one thanks")
    transcript = build_transcript(CALL, 5_000, words, [mute(1, 590, 1_750)])
    assert transcript.text == "CUSTOMER: it is [CARD_NUMBER] thanks\n"


def test_a_number_is_told_only_where_no_sample_of_it_is_silent() -> None:
    words = [Word(1, 0, 200, "one"), Word(1, 300, 500, "two")]
    assert build_transcript(CALL, 900, words, [mute(1, 199, 250)]).text.endswith(
        "[CARD_NUMBER] two\n"
    )
    assert build_transcript(CALL, 900, words, [mute(1, 200, 300)]).text.endswith(
        "one [CARD_NUMBER] two\n"
    )


def test_words_beside_a_placeholder_that_can_be_heard_stay() -> None:
    words = [
        *(Word(0, at, at + 300, text) for at, text in ((0, "my"), (200, "name"), (400, "is"))),
        *(Word(0, at, at + 350, text) for at, text in ((650, "Alison,"), (1_000, "how"))),
        Word(0, 1_150, 1_400, "may"),
    ]
    span = Span("PERSON", 0, 650, 980, 0.9, "test")
    transcript = build_transcript(CALL, 2_000, words, [Mute(0, 570, 1_120, (span,))])
    assert transcript.text == "AGENT: my name is [PERSON] how may\n"


def test_the_other_channel_is_not_touched() -> None:
    words = [*said(0, 0, "okay"), *said(1, 0, "secret")]
    assert "okay" in build_transcript(CALL, 900, words, [mute(1, 0, 300)]).text
    assert "secret" not in build_transcript(CALL, 900, words, [mute(1, 0, 300)]).text


@pytest.mark.parametrize("reason", [Reason.ECHO, Reason.VERIFICATION, Reason.UNHEARD])
def test_mutes_of_every_reason_take_their_words(reason: Reason) -> None:
    words = said(0, 0, "so four one")
    text = build_transcript(CALL, 900, words, [mute(0, 290, 900, reason=reason)]).text
    assert text == "AGENT: so [CARD_NUMBER]\n"


def test_an_echo_without_words_and_a_gap_show_nothing() -> None:
    mutes = [mute(0, 0, 500, reason=Reason.ECHO), mute(0, 600, 900, reason=Reason.GAP)]
    assert build_transcript(CALL, 900, [], mutes).turns == ()


@pytest.mark.parametrize("recognizer", ["unexplained-speech", "sound beside a mute"])
@pytest.mark.parametrize(("ms", "told"), [(999, ""), (1_000, "CUSTOMER: [PIN]\n")])
def test_a_short_sound_without_words_shows_nothing(recognizer: str, ms: int, told: str) -> None:
    span = Span("PIN", 1, 0, ms, 0.5, recognizer, reason=Reason.UNEXPLAINED)
    assert build_transcript(CALL, 2_000, [], [Mute(1, 0, ms, (span,))]).text == told
    lost = build_transcript(CALL, 2_000, said(1, 300, "oh"), [Mute(1, 0, ms, (span,))]).text
    assert lost == "CUSTOMER: [PIN]\n"


def test_equal_placeholders_are_one_and_different_ones_stay() -> None:
    spans = tuple(
        Span(entity, 1, start, start + 100, 0.9, "test")
        for entity, start in (("CARD_NUMBER", 0), ("CARD_NUMBER", 200), ("PIN", 400))
    )
    mutes = [Mute(1, 0, 500, spans), mute(1, 700, 800, "PIN")]
    assert build_transcript(CALL, 900, [], mutes).text == "CUSTOMER: [CARD_NUMBER] [PIN]\n"


def test_an_answer_stands_behind_its_question_where_its_mute_begins_long_before() -> None:
    words = [*said(0, 1_000, "And your date of birth?"), *said(1, 0, "this is")]
    mutes = [mute(1, 550, 700, "PERSON"), mute(1, 900, 4_000, "DATE_OF_BIRTH")]
    transcript = build_transcript(CALL, 4_000, words, mutes)
    assert transcript.text == (
        "CUSTOMER: this is [PERSON]\nAGENT: And your date of birth?\nCUSTOMER: [DATE_OF_BIRTH]\n"
    )
    assert [turn.start for turn in transcript.turns] == [0, 1_000, 2_400]
    told = to_call_analytics(transcript)["Transcript"][2]
    assert told["BeginOffsetMillis"] == 2_400
    assert told["Redaction"]["RedactedTimestamps"] == [
        {"BeginOffsetMillis": 900, "EndOffsetMillis": 4_000}
    ]


def test_what_is_asked_back_within_a_value_moves_it_nowhere() -> None:
    words = [*said(0, 0, "Your card number please?"), *said(0, 4_000, "Was that double four?")]
    mutes = [mute(1, 1_500, 8_000)]
    assert build_transcript(CALL, 9_000, words, mutes).text == (
        "AGENT: Your card number please?\nCUSTOMER: [CARD_NUMBER]\nAGENT: Was that double four?\n"
    )


def test_a_value_that_follows_on_another_answers_the_first_question_in_it() -> None:
    words = [*said(0, 1_000, "And your birth date?"), *said(0, 5_000, "Is that in May?")]
    mutes = [mute(1, 0, 500, "PERSON"), mute(1, 500, 9_000, "DATE_OF_BIRTH")]
    assert build_transcript(CALL, 9_000, words, mutes).text == (
        "CUSTOMER: [PERSON]\nAGENT: And your birth date?\nCUSTOMER: [DATE_OF_BIRTH]\n"
        "AGENT: Is that in May?\n"
    )


def test_answers_of_one_type_to_two_questions_are_two() -> None:
    words = said(0, 1_400, "And the other one?")
    mutes = [mute(1, 0, 1_500, "MEMBER_ID"), mute(1, 2_000, 4_000, "MEMBER_ID")]
    assert build_transcript(CALL, 4_000, words, mutes).text == (
        "CUSTOMER: [MEMBER_ID]\nAGENT: And the other one?\nCUSTOMER: [MEMBER_ID]\n"
    )


@pytest.mark.parametrize("between", ["Right?", "Is it?", "Uh-huh.", "Go on, I have that.", "Is it"])
def test_what_is_said_within_a_value_parts_it_only_where_it_asks(between: str) -> None:
    mutes = [mute(1, 0, 1_500), mute(1, 2_000, 4_000)]
    text = build_transcript(CALL, 4_000, said(0, 1_400, between), mutes).text
    assert text.startswith("CUSTOMER: [CARD_NUMBER]\n")
    assert text.count("[CARD_NUMBER]") == 1


def test_only_main_words_are_shown() -> None:
    words = [
        Word(0, 0, 100, "shown"),
        Word(0, 200, 300, "again", hearing=Hearing.AGAIN),
        Word(0, 400, 500, "second", hearing=Hearing.SECOND),
    ]
    assert build_transcript(CALL, 900, words, []).text == "AGENT: shown\n"


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 990), st.integers(0, 60)), max_size=30),
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 990), st.integers(1, 200)), max_size=8),
)
def test_no_word_that_begins_in_a_finding_or_is_mostly_silent_is_ever_shown(
    places: list[tuple[int, int, int]], cuts: list[tuple[int, int, int]]
) -> None:
    words = [
        Word(channel, start, start + length, f"word{chr(97 + index)}x")
        for index, (channel, start, length) in enumerate(places)
    ]
    mutes = [mute(channel, start, start + length) for channel, start, length in cuts]
    shown = set(build_transcript(CALL, 1_300, words, mutes).text.split())
    for word in words:
        cut = {
            sample
            for one in mutes
            if one.channel == word.channel
            for sample in range(one.start, one.end)
        }
        samples = range(word.start, max(word.end, word.start + 1))
        hidden = sum(sample in cut for sample in samples)
        begun = any(  # the beginning of a finding may have been drawn in by 100 ms
            one.start - 100 <= word.start < one.end and cut & set(samples)
            for one in mutes
            if one.channel == word.channel and one.start < samples.stop
        )
        assert (word.text in shown) is (not begun and 2 * hidden < len(samples))


def test_call_analytics_shape() -> None:
    words = [*said(0, 0, "Your number, please?"), *said(1, 1_200, "four one thanks.")]
    transcript = build_transcript(CALL, 3_000, words, [mute(1, 1_150, 1_750)])
    data = to_call_analytics(transcript, entities=["CARD_NUMBER", "CARD_NUMBER"])
    assert data["JobStatus"] == "COMPLETED"
    assert data["LanguageCode"] == "en-US"
    assert data["Participants"] == [
        {"ParticipantId": "AGENT", "ParticipantRole": "AGENT"},
        {"ParticipantId": "CUSTOMER", "ParticipantRole": "CUSTOMER"},
    ]
    assert data["ContentMetadata"]["Output"] == "Redacted"
    assert data["ContentMetadata"]["RedactionTypes"] == ["PII"]
    agent, customer = data["Transcript"]
    assert agent["Content"] == "Your number, please?"
    assert agent["Items"][1:3] == [
        {
            "Type": "pronunciation",
            "Content": "number",
            "BeginOffsetMillis": 300,
            "EndOffsetMillis": 500,
            "Confidence": "0.9000",
        },
        {"Type": "punctuation", "Content": ",", "Confidence": "0.0"},
    ]
    assert customer["ParticipantRole"] == "CUSTOMER"
    assert customer["Content"] == "[CARD_NUMBER] thanks."
    assert customer["Redaction"] == {
        "RedactedTimestamps": [{"BeginOffsetMillis": 1_150, "EndOffsetMillis": 1_750}]
    }
    assert "Redaction" not in agent
    characteristics = data["ConversationCharacteristics"]
    assert characteristics["TotalConversationDurationMillis"] == 3_000
    assert json.loads(to_json(data)) == data


def test_two_channels_of_one_role_are_told_apart() -> None:
    call = CallInfo("call-1", RATE, (Role.CUSTOMER, Role.CUSTOMER))
    data = to_call_analytics(build_transcript(call, 100, said(1, 0, "hi"), []))
    assert data["Transcript"][0]["ParticipantId"] == "CUSTOMER_1"


def test_webvtt_is_escaped_and_has_voices() -> None:
    words = [Word(0, 3_599_000, 3_601_500, "R&D -->"), Word(1, 3_602_000, 3_603_000, "<b>no</b>")]
    text = to_webvtt(build_transcript(CALL, 3_700_000, words, [])).decode()
    assert text == (
        "WEBVTT\n\n"
        "1\n00:59:59.000 --> 01:00:01.500\n<v Agent>R&amp;D --&gt;</v>\n\n"
        "2\n01:00:02.000 --> 01:00:03.000\n<v Customer>&lt;b&gt;no&lt;/b&gt;</v>\n"
    )


def test_a_long_turn_is_several_cues_that_can_be_read() -> None:
    words = said(0, 0, "This is a long story. " + "and so on it goes " * 12 + "and ends.")
    text = to_webvtt(build_transcript(CALL, 60_000, words, [])).decode()
    cues = re.findall(r"--> .*\n<v Agent>(.*)</v>", text)
    assert cues[0] == "This is a long story."
    assert " ".join(cues) == " ".join(word.text for word in words)
    assert max(map(len, cues)) <= 84
    times = re.findall(r"(\d\d):(\d\d\.\d{3}) --> 00:(\d\d):(\d\d\.\d{3})", text)
    assert all(float(t[3]) - float(t[1]) <= 7.0 for t in times)


def test_a_line_break_in_a_word_cannot_end_a_cue() -> None:
    text = to_webvtt(build_transcript(CALL, 900, [Word(0, 0, 100, "a\n\nb")], [])).decode()
    assert "<v Agent>a b</v>" in text


def test_no_word_shows_in_a_repr() -> None:
    transcript = build_transcript(CALL, 900, said(1, 0, "confidential"), [])
    assert "confidential" not in repr(transcript)


def test_what_was_not_understood_is_told_once_and_a_mere_sound_not_at_all() -> None:
    def lost(start: int, recognizer: str) -> Span:
        return Span(
            "NOT_UNDERSTOOD", 0, start, start + 800, 1.0, recognizer, reason=Reason.NOT_UNDERSTOOD
        )

    speech = (lost(8_000, "speech-without-words"), lost(9_000, "speech-without-words"))
    music = (lost(30_000, "sound-without-words"),)
    mutes = [Mute(0, 8_000, 9_800, speech), Mute(0, 30_000, 30_800, music)]
    transcript = build_transcript(CALL, 40_000, [Word(0, 1_000, 2_000, "Hello")], mutes)
    assert transcript.text.count("[NOT_UNDERSTOOD]") == 1
    assert "REDACTED" not in transcript.text
