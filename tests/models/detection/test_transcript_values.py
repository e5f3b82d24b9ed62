"""What a transcript may show of a muted value: only what the policy asks for, never the value."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace
from pathlib import Path

import pytest

from agents.crypto.pseudonym_secret import read_key, read_or_make_key
from models.detection.call_detector import CallDetector
from models.detection.turn_reader import ScriptedAnalyses, ScriptedReads
from models.disclosure.masking import Anonymiser
from models.disclosure.transcript_values import Disclosures
from pipeline.detection.decision.conversation import Conversation
from pipeline.detection.numbers.runs import words_from_text
from pipeline.errors import KeyFileError, ModelError, PolicyError, StoreError
from pipeline.evidence.transcript import build_transcript
from pipeline.policy.disclosure import Show, complete, refusal
from pipeline.policy.loading import parse_policy
from pipeline.policy.model import EntityRule, Policy
from pipeline.records.entities import Entity
from pipeline.records.model import (
    Action,
    CallEnd,
    CallInfo,
    Hearing,
    Mute,
    Role,
    Shown,
    Span,
    WindowTranscript,
    Word,
)

pytestmark = pytest.mark.unit

RATE = 8_000
KEY = bytes(range(32))
CARD = "4111111111111111"
SPOKEN = "four one one one one one one one one one one one one one one one"


def policy(show: Show, entity: str = "CARD_NUMBER") -> Policy:
    return Policy(name="x", version="1", entities={entity: EntityRule(transcript=show)})


def said(text: str, start: int = 0, *, second: str | None = None) -> list[Word]:
    """Words of the main model, and the same of the second one unless it heard others."""
    words = words_from_text(text, start=start, rate=RATE)
    last = words[-1].end
    other = text if second is None else second
    return words + words_from_text(
        other, start=start, rate=RATE, hearing=Hearing.SECOND, end=last + 300
    )


def span(words: list[Word], entity: str = "CARD_NUMBER") -> Span:
    main = [word for word in words if word.hearing is Hearing.MAIN]
    return Span(entity, 0, main[0].start, main[-1].end, 0.9, "test")


def shown(show: Show, words: list[Word], entity: str = "CARD_NUMBER") -> list[str]:
    disclosures = Disclosures(policy(show, entity), Anonymiser(KEY), RATE)
    return [one.text for one in disclosures.take([span(words, entity)], words)]


@pytest.mark.parametrize(
    ("show", "text"),
    [
        (Show.PLACEHOLDER, []),
        (Show.MASK, ["*" * 16]),
        (Show.LAST_FOUR, ["************1111"]),
        (Show.BIN, ["411111**********"]),
        (Show.BIN_LAST_FOUR, ["411111******1111"]),
    ],
)
def test_a_card_number_as_the_policy_wants_it(show: Show, text: list[str]) -> None:
    assert shown(show, said(SPOKEN)) == text


def test_a_token_is_a_keyed_hash_of_type_and_value() -> None:
    (token,) = shown(Show.TOKEN, said(SPOKEN))
    digest = hmac.new(KEY, f"CARD_NUMBER\0{CARD}".encode(), hashlib.sha256).hexdigest()
    assert token == f"#{digest[:16]}"
    assert shown(Show.TOKEN, said("4111 1111 1111 1111")) == [token]
    other = Anonymiser(bytes(32)).shown("CARD_NUMBER", CARD, Show.TOKEN)
    assert re.fullmatch(r"#[0-9a-f]{16}", other)
    assert other != token
    assert Anonymiser(KEY).shown("US_SSN", CARD, Show.TOKEN) != token


def test_without_a_key_there_is_no_token() -> None:
    for key in (None, b"", b"short"):
        with pytest.raises(ModelError, match="secret key") as refused:
            Anonymiser(key).shown("CARD_NUMBER", CARD, Show.TOKEN)
        assert CARD not in str(refused.value)


@pytest.mark.parametrize("show", [Show.LAST_FOUR, Show.BIN, Show.BIN_LAST_FOUR, Show.TOKEN])
@pytest.mark.parametrize(
    "text",
    [
        SPOKEN.rsplit(" ", 1)[0],  # a digit is missing
        SPOKEN.replace("four", "five", 1),  # the checksum fails
        "one two three four",
        "hello there",
    ],
)
def test_what_is_not_the_whole_number_stays_a_placeholder(show: Show, text: str) -> None:
    assert shown(show, said(text)) == []


def test_a_number_without_a_checksum_needs_both_models() -> None:
    spoken = "five one two four four one nine eight one"
    assert shown(Show.LAST_FOUR, said(spoken), "US_SSN") == ["*****1981"]
    misheard = said(spoken, second="five one two four four one nine nine one")
    assert shown(Show.LAST_FOUR, misheard, "US_SSN") == []
    alone = [word for word in said(spoken) if word.hearing is Hearing.MAIN]
    assert shown(Show.LAST_FOUR, alone, "US_SSN") == []


def test_a_checksum_tells_which_model_heard_a_number_well() -> None:
    misheard = SPOKEN.rsplit(" ", 1)[0]
    assert shown(Show.LAST_FOUR, said(misheard, second=SPOKEN)) == ["************1111"]
    assert shown(Show.LAST_FOUR, said(misheard, second=misheard)) == []


def test_a_number_in_pieces_is_shown_at_its_last_one() -> None:
    disclosures = Disclosures(policy(Show.LAST_FOUR), Anonymiser(KEY), RATE)
    out = []
    for turn in range(4):
        words = said("four one one one" if turn == 0 else "one one one one", turn * 6 * RATE)
        out.append(disclosures.take([span(words)], words))
    assert [len(each) for each in out] == [0, 0, 0, 1]
    assert out[3][0].text == "************1111"
    assert out[3][0].start == 18 * RATE
    words = said(SPOKEN, 40 * RATE)
    assert [one.text for one in disclosures.take([span(words)], words)] == ["************1111"]


def test_pieces_that_lie_far_apart_are_no_number() -> None:
    disclosures = Disclosures(policy(Show.LAST_FOUR), Anonymiser(KEY), RATE)
    for start, text in ((0, "four one one one one one one one"), (80, "one one one one " * 2)):
        words = said(text, start * RATE)
        assert disclosures.take([span(words)], words) == ()


def test_a_span_that_goes_on_counts_no_word_twice() -> None:
    disclosures = Disclosures(policy(Show.BIN), Anonymiser(KEY), RATE)
    words = said(SPOKEN)
    main = [word for word in words if word.hearing is Hearing.MAIN]
    first = replace(span(words), end=main[7].end)
    rest = replace(span(words), start=main[6].start)
    assert disclosures.take([first], words) == ()
    assert [one.text for one in disclosures.take([rest], words)] == ["411111**********"]


def test_names_are_masked_and_hashed_as_they_sound() -> None:
    assert shown(Show.MASK, said("Jane Doe."), "PERSON") == ["********"]
    tokens = [shown(Show.TOKEN, said(text), "PERSON") for text in ("Jane Doe.", "jane doe", "Joan")]
    assert tokens[0] == tokens[1] != tokens[2]


def test_what_is_only_counted_is_not_shown() -> None:
    words = said(SPOKEN)
    counted = replace(span(words), action=Action.COUNT)
    assert Disclosures(policy(Show.MASK), Anonymiser(KEY), RATE).take([counted], words) == ()


def test_a_policy_that_was_not_read_from_a_file_can_show_no_secret_either() -> None:
    words = said("one two three")
    rule = policy(Show.MASK, "CARD_SECURITY_CODE")
    spans = [span(words, "CARD_SECURITY_CODE")]
    assert Disclosures(rule, Anonymiser(KEY), RATE).take(spans, words) == ()


@pytest.mark.parametrize(
    ("entity", "show", "allowed"),
    [
        ("CARD_NUMBER", "bin_last_four", True),
        ("PHONE_NUMBER", "last_four", True),
        ("PERSON", "token", True),
        ("NUMBER_SEQUENCE", "mask", True),
        ("US_SSN", "bin", False),
        ("PERSON", "last_four", False),
        ("CARD_SECURITY_CODE", "token", False),
        ("CARD_SECURITY_CODE", "mask", False),
        ("PIN", "last_four", False),
        ("PASSWORD", "token", False),
        ("CARD_NUMBER", "raw", False),
    ],
)
def test_what_a_policy_may_ask_for(*, entity: str, show: str, allowed: bool) -> None:
    text = f"name: x\nversion: '1'\nentities:\n  {entity}: {{action: mute, transcript: {show}}}\n"
    if allowed:
        assert parse_policy(text).rule(entity).transcript == show
    else:
        with pytest.raises(PolicyError, match=rf"line 4: entities\.{entity}\.transcript"):
            parse_policy(text)


def test_the_default_rule_may_ask_for_no_digits() -> None:
    with pytest.raises(PolicyError, match=r"line 3: default\.transcript"):
        parse_policy("name: x\nversion: '1'\ndefault: {transcript: last_four}\n")


@pytest.mark.parametrize("entity", list(Entity))
def test_a_placeholder_is_always_allowed(entity: Entity) -> None:
    assert refusal(entity, Show.PLACEHOLDER) == ""


@pytest.mark.parametrize(
    ("entity", "value", "second", "whole"),
    [
        ("CARD_NUMBER", CARD, "", True),
        ("CARD_NUMBER", CARD[:-1] + "2", CARD[:-1] + "2", False),
        ("CARD_NUMBER", "378282246310005", "", True),
        ("US_SSN", "512441981", "512441981", True),
        ("US_SSN", "000441981", "000441981", False),
        ("PHONE_NUMBER", "5125550143", "5125550143", True),
        ("PHONE_NUMBER", "5550143", "5550143", False),
        ("BANK_ROUTING", "021000021", "", True),
        ("ACCOUNT_NUMBER", "88213", "88213", True),
        ("ACCOUNT_NUMBER", "88213", "88218", False),
        ("ACCOUNT_NUMBER", "", "", False),
    ],
)
def test_complete(*, entity: str, value: str, second: str, whole: bool) -> None:
    assert complete(entity, value, second) is whole


def test_no_value_shows_in_a_repr() -> None:
    text = repr(Shown("CARD_NUMBER", 0, 0, 1, "411111******1111"))
    assert "1111" not in text
    assert str(KEY) not in repr(Anonymiser(KEY))


def test_detection_hands_over_only_what_was_masked() -> None:
    rules = policy(Show.LAST_FOUR)
    call = CallDetector(
        "call-1",
        sample_rate=RATE,
        channels=1,
        policy=rules,
        analyses=ScriptedAnalyses([]),
        reads=ScriptedReads(),
        roles=(Role.MIXED,),
        conversation=Conversation(RATE, 1, rules),
        disclosures=Disclosures(rules, Anonymiser(), RATE),
    )
    words = said(f"my card number is {SPOKEN}")
    end = max(word.end for word in words) + RATE
    found = call.take(WindowTranscript("call-1", 0, 0, 0, end, tuple(words), heard_until=end))
    found += call.finish(CallEnd("call-1", 1, end))
    texts = [one.text for each in found for one in each.shown]
    assert texts == ["************1111"]
    spans = [one for each in found for one in each.spans]
    assert {one.entity for one in spans} == {"CARD_NUMBER"}
    kept = {word.text for each in found for word in each.words}
    assert not kept & {"four", "one"}


def test_a_disclosure_that_fails_leaves_placeholders() -> None:
    rules = policy(Show.TOKEN)
    call = CallDetector(
        "call-1",
        sample_rate=RATE,
        channels=1,
        policy=rules,
        analyses=ScriptedAnalyses([]),
        reads=ScriptedReads(),
        roles=(Role.MIXED,),
        conversation=Conversation(RATE, 1, rules),
        disclosures=Disclosures(rules, Anonymiser(None), RATE),
    )
    words = said(f"my card number is {SPOKEN}")
    end = max(word.end for word in words) + RATE
    found = call.take(WindowTranscript("call-1", 0, 0, 0, end, tuple(words), heard_until=end))
    found += call.finish(CallEnd("call-1", 1, end))
    assert [one for each in found for one in each.shown] == []
    assert any(one.entity == "CARD_NUMBER" for each in found for one in each.spans)
    assert call.failures


# -- the transcript ------------------------------------------------------------------------------

CALL = CallInfo("call-1", RATE, (Role.AGENT, Role.CUSTOMER))


def transcript(*values: Shown, spans: tuple[Span, ...]) -> str:
    words = [Word(1, 0, 4_000, "it's"), Word(1, 30_000, 34_000, "thanks")]
    mute = Mute(1, 7_000, 29_000, spans)
    return build_transcript(CALL, 40_000, words, [mute], values).text


def one(start: int, end: int, entity: str = "CARD_NUMBER") -> Span:
    return Span(entity, 1, start, end, 0.9, "test")


def value(start: int, end: int, text: str, entity: str = "CARD_NUMBER", channel: int = 1) -> Shown:
    return Shown(entity, channel, start, end, text)


LAST = "************1111"


@pytest.mark.parametrize(
    ("values", "spans", "text"),
    [
        ((), (one(8_000, 20_000),), "[CARD_NUMBER]"),
        ((value(8_000, 20_000, LAST),), (one(8_000, 20_000),), f"[CARD_NUMBER {LAST}]"),
        # pieces of one number, of which the last one knows the digits
        (
            (value(18_000, 28_000, LAST),),
            (one(8_000, 12_000), one(18_000, 28_000)),
            f"[CARD_NUMBER {LAST}]",
        ),
        # of another type, channel or place
        ((value(8_000, 20_000, "#1", "PERSON"),), (one(8_000, 20_000),), "[CARD_NUMBER]"),
        ((value(8_000, 20_000, "#1", channel=0),), (one(8_000, 20_000),), "[CARD_NUMBER]"),
        ((value(30_000, 31_000, "#1"),), (one(8_000, 20_000),), "[CARD_NUMBER]"),
        # two names
        (
            (value(8_000, 9_000, "#1", "PERSON"), value(20_000, 21_000, "#2", "PERSON")),
            (one(8_000, 9_000, "PERSON"), one(20_000, 21_000, "PERSON")),
            "[PERSON #1] [PERSON #2]",
        ),
    ],
)
def test_placeholders_say_what_they_may(
    values: tuple[Shown, ...], spans: tuple[Span, ...], text: str
) -> None:
    assert transcript(*values, spans=spans) == f"CUSTOMER: it's {text} thanks\n"


# -- the key -------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "tokens.key"
    with pytest.raises(KeyFileError, match="is missing"):
        read_key(path)
    assert not path.exists()
    key = read_or_make_key(path)
    assert read_or_make_key(path) == key
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key(path) == key
    path.chmod(0o640)
    with pytest.raises(StoreError, match="others may read it"):
        read_key(path)


@pytest.mark.parametrize(("text", "told"), [("zz", "hexadecimal"), ("00" * 31, "shorter")])
def test_a_bad_key_is_refused_without_showing_it(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "tokens.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(StoreError, match=told):
        read_key(path)
