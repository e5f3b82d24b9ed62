"""Policies that take out the net under the recognisers: what is told of them, and what is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.detection.decision.conversation import Conversation
from pipeline.policy.loading import load_policy, parse_policy
from pipeline.policy.model import Policy
from pipeline.policy.warnings import warnings
from pipeline.records.entities import NEVER_ALLOWED, Entity
from pipeline.records.scores import NUMBER_RECOGNIZERS, least
from tests.pipeline.detection.decision.test_after_unheard import found, said
from tests.pipeline.detection.decision.test_conversation import DIALOGUES, Call

pytestmark = pytest.mark.unit

HEAD = "name: own\nversion: '1'\n"


def told(text: str) -> list[str]:
    return list(warnings(parse_policy(HEAD + text)))


@pytest.mark.parametrize("name", ["default", "pci", "hipaa", "gdpr", "pci+hipaa"])
def test_shipped_policies_need_no_warning(name: str) -> None:
    assert list(warnings(load_policy(name))) == []


@pytest.mark.parametrize(
    ("section", "field", "weak", "held", "until"),
    [
        ("unexplained", "mute", "false", "true", "with true"),
        ("unexplained", "within_ms", 2_999, 3_000, "from 3000 on"),
        ("unexplained", "unsure_below", 0.39, 0.4, "from 0.4 on"),
        ("understanding", "believed_from", 0.49, 0.5, "from 0.5 on"),
        ("understanding", "within_ms", 19_999, 20_000, "from 20000 on"),
        ("understanding", "sound_ms", 3_001, 3_000, "up to 3000"),
        ("understanding", "share", 0.81, 0.8, "up to 0.8"),
        ("understanding", "channel_share", 0.49, 0.5, "from 0.5 on"),
        ("understanding", "call_share", 0.64, 0.65, "from 0.65 on"),
        ("understanding", "least_ms", 10_001, 10_000, "up to 10000"),
        ("verification", "max_span_dbfs", -59.9, -60, "up to -60.0"),
        ("verification", "neighbourhood_ms", 7_999, 8_000, "from 8000 on"),
        ("verification", "max_rounds", 2, 3, "from 3 on"),
        ("verification", "max_cost", 0.14, 0.15, "from 0.15 on"),
        ("verification", "sample_share", 0.04, 0.05, "from 0.05 on"),
        ("echo", "mode", "never", "auto", 'with "auto"'),
        ("echo", "mode", "never", "always", 'with "auto"'),
        ("echo", "threshold", 0.16, 0.15, "up to 0.15"),
        ("muting", "merge_ms", 299, 300, "from 300 on"),
        ("muting", "snap_ms", 119, 120, "from 120 on"),
    ],
)
def test_a_net_that_is_taken_out_is_told_with_the_value_that_holds(
    section: str, field: str, weak: object, held: object, until: str
) -> None:
    (line,) = told(f"{section}: {{{field}: {weak}}}\n")
    assert line.startswith(f"{section}.{field} ")
    assert line.endswith(f"; the net holds {until}")
    assert told(f"{section}: {{{field}: {held}}}\n") == []


def test_calls_in_clear_on_the_way_are_told() -> None:
    (line,) = told("clear_transit: true\n")
    assert line == (
        "clear_transit true: calls that producers send in clear can be heard on the broker's disk; "
        "the net holds with false"
    )
    assert told("clear_transit: false\n") == []


def test_each_net_of_several_is_told() -> None:
    text = "understanding: {share: 1, channel_share: 0, call_share: 0, least_ms: 600000}\n"
    assert [one.split()[0] for one in told(text)] == [
        "understanding.share",
        "understanding.channel_share",
        "understanding.call_share",
        "understanding.least_ms",
    ]
    text = "verification: {neighbourhood_ms: 0, max_cost: 0, sample_share: 0}\n"
    near, cost, share = told(text)
    assert near == (
        "verification.neighbourhood_ms 0: what is further from a muted number is not listened to "
        "again; the net holds from 8000 on"
    )
    assert cost.startswith("verification.max_cost 0.0: ")
    assert share.startswith("verification.sample_share 0.0: ")


@pytest.mark.parametrize("field", ["pad_before_ms", "pad_after_ms"])
def test_mutes_that_end_too_near_to_the_words_are_told_with_their_types(field: str) -> None:
    assert told(f"entities: {{PIN: {{{field}: 150}}}}\n") == []
    assert told(f"entities: {{PIN: {{{field}: 149, action: count}}, PERSON: {{}}}}\n") == [
        "PIN: payment data stays audible (action: count)"
    ]
    rules = f"PIN: {{{field}: 149}}, IBAN: {{{field}: 0}}, PERSON: {{{field}: 9}}"
    (line,) = told(f"entities: {{{rules}}}\n")
    assert line.startswith(f"{field} 0 of PIN, IBAN, PERSON: ")
    (line,) = told(f"default: {{{field}: 0}}\nentities: {{PIN: {{}}}}\n")
    assert line.startswith(f"{field} 0 of default, CARD_NUMBER, CARD_SECURITY_CODE and 29 more: ")
    assert line.endswith("; the net holds from 150 on")


@pytest.mark.parametrize("entity", sorted(NEVER_ALLOWED - {Entity.DTMF}))
def test_what_may_never_be_allowed_and_is_not_muted_is_told(entity: Entity) -> None:
    for action in ("keep", "count"):
        (line,) = told(f"entities: {{{entity}: {{action: {action}}}}}\n")
        assert line.startswith(f"{entity}: ")
        assert line.endswith(f" audible (action: {action})")
    (line,) = told(f"entities: {{{entity}: {{threshold: 1.0}}}}\n")
    assert line.startswith(f"{entity}: ")
    assert told(f"entities: {{{entity}: {{threshold: 0.5}}}}\n") == []


@pytest.mark.parametrize(
    ("recognizer", "held", "entities"),
    [
        ("spoken-after-card", 0.5, ["CARD_EXPIRY", "CARD_SECURITY_CODE"]),
        ("spoken-answer", 0.5, ["NUMBER_SEQUENCE"]),
        ("spoken-long-number", 0.7, ["NUMBER_SEQUENCE"]),
        ("spoken-own-code", 0.5, ["NUMBER_SEQUENCE"]),
        ("spoken-spelled-code", 0.6, ["NUMBER_SEQUENCE"]),
        ("spoken-number-sequence", 0.6, ["NUMBER_SEQUENCE"]),
        ("spoken-known-fragment", 0.8, ["CARD_NUMBER"]),
        ("spoken-card-number", 0.75, ["CARD_NUMBER"]),
        ("spoken-pin", 0.8, ["PIN"]),
        ("spoken-iban", 0.6, ["IBAN"]),
        ("spoken-bank-routing", 0.6, ["BANK_ROUTING"]),
        ("spoken-spelled-letters", 0.6, ["PASSWORD"]),
    ],
)
def test_a_recogniser_that_is_not_believed_is_told(
    recognizer: str, held: float, entities: list[str]
) -> None:
    lines = told(f"recognizers: {{{recognizer}: {{threshold: {held + 0.01}}}}}\n")
    assert [one.split(":")[0] for one in lines] == entities
    for line in lines:
        assert line.endswith(f": {recognizer} {held + 0.01:g} (up to {held:g} it holds)")
    assert told(f"recognizers: {{{recognizer}: {{threshold: {held}}}}}\n") == []


def test_a_card_with_a_misheard_digit_is_told_of_with_all_that_miss_it() -> None:
    (line,) = told("entities: {CARD_NUMBER: {threshold: 0.9}}\n")
    assert line == (
        "CARD_NUMBER: payment data stays audible below the threshold: spoken-card-number 0.9 "
        "(up to 0.75 it holds), spoken-known-fragment 0.9 (up to 0.8 it holds)"
    )
    (line,) = told("entities: {CARD_SECURITY_CODE: {threshold: 0.6}}\n")
    assert line == (
        "CARD_SECURITY_CODE: payment data stays audible below the threshold: spoken-after-card 0.6 "
        "(up to 0.5 it holds)"
    )


MORE = (
    "A: Your routing number?\nC: <021000021>\nA: Thanks.",
    "A: Hello.\nC: <four eight two one> is my PIN. Thanks.",
    "A: And your password?\nC: <M as in Mike O as in Oscar N as in November>.\nA: Thanks.",
)


def _numbers() -> Iterator[tuple[str, str, float]]:
    for script in (*DIALOGUES.values(), *MORE):
        call = Call(script)
        talk = Conversation(8_000, call.channels, Policy(name="all", version="1"))
        for channel in range(call.channels):
            talk.take(call.heard(channel))
        for span in talk.spans(call.end):
            if span.reason.value != "unexplained" and span.entity in NEVER_ALLOWED:
                yield span.entity, span.recognizer, span.score


def test_no_spoken_number_scores_less_than_is_said() -> None:
    """What ``policy check`` warns by is what the engine does."""
    lowest: dict[tuple[str, str], float] = {}
    for entity, recognizer, score in _numbers():
        lowest[entity, recognizer] = min(score, lowest.get((entity, recognizer), 1.0))
    for (entity, recognizer), score in lowest.items():
        assert recognizer in NUMBER_RECOGNIZERS
        assert score >= least(Entity(entity))[recognizer], (entity, recognizer)
    assert {one: score for one, score in lowest.items() if score < 0.85} == {
        ("CARD_NUMBER", "spoken-card-number"): 0.75,
        ("CARD_NUMBER", "spoken-known-fragment"): 0.8,
        ("CARD_SECURITY_CODE", "spoken-after-card"): 0.5,
        ("CARD_EXPIRY", "spoken-after-card"): 0.5,
        ("PIN", "spoken-pin"): 0.8,
        ("PASSWORD", "spoken-spelled-letters"): 0.6,
        ("NUMBER_SEQUENCE", "spoken-answer"): 0.5,
        ("NUMBER_SEQUENCE", "spoken-long-number"): 0.7,
        ("NUMBER_SEQUENCE", "spoken-number-sequence"): 0.6,
        ("NUMBER_SEQUENCE", "spoken-spelled-code"): 0.6,
    }


def test_no_threshold_judges_a_number_after_an_unheard_question() -> None:
    policy = parse_policy(HEAD + "recognizers: {spoken-after-unheard: {threshold: 1}}\n")
    assert list(warnings(policy)) == []
    (span,) = found(said("seven", 3), policy=policy)
    assert (span.recognizer, span.action, span.score) == ("spoken-after-unheard", "mute", 0.5)
