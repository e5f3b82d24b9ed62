"""What a policy says of calls with speech in another language: silence, or quarantine."""

from __future__ import annotations

import numpy as np
import pytest

from models.detection.call_detector import CallDetector
from models.detection.turn_reader import ScriptedAnalyses, ScriptedReads
from models.text.language_check import Fluency
from pipeline.detection.decision.conversation import Conversation
from pipeline.detection.numbers.runs import words_from_text
from pipeline.policy.model import LanguageRule, Policy
from pipeline.records.model import (
    CallEnd,
    CallInfo,
    Interval,
    RedactedChunk,
    Role,
    Verdict,
    WindowTranscript,
)
from pipeline.verification.verifier import OTHER_LANGUAGE, CallVerifier

pytestmark = pytest.mark.unit

RATE = 8_000
CALL = CallInfo("call-1", RATE, (Role.MIXED,), language="es")


@pytest.mark.parametrize(
    ("unknown", "marks", "passed"),
    [
        ("silence", (OTHER_LANGUAGE,), True),
        ("quarantine", (OTHER_LANGUAGE,), False),
        ("quarantine", ("gap",), True),
    ],
)
def test_the_policy_may_quarantine(unknown: str, marks: tuple[str, ...], *, passed: bool) -> None:
    policy = Policy.model_validate(
        {"name": "p", "version": "1", "language": LanguageRule(unknown=unknown)}
    )
    verifier = CallVerifier(policy)
    chunk = RedactedChunk(CALL, 0, 0, np.zeros((RATE, 1), np.int16))
    verdict = [*verifier.take(chunk), *verifier.take(CallEnd("call-1", 1, RATE, marks=marks))][-1]
    assert isinstance(verdict, Verdict)
    assert verdict.passed is passed
    checks = {check.name: check.passed for check in verdict.checks}
    assert checks.get("known_language", True) is passed
    assert ("known_language" in checks) is (unknown == "quarantine")


@pytest.mark.parametrize(
    ("language", "text", "fits"),
    [
        ("en", "I would like to pay the bill that came last week", True),
        ("en", "quería pagar el recibo que me llegó la semana pasada", False),
        ("en", "bonjour je voudrais payer ma facture avec cette carte", False),
        ("en", "ich möchte meine Rechnung bezahlen und dann kündigen", False),
        ("es", "quería pagar el recibo que me llegó la semana pasada", True),
        ("es", "I would like to pay the bill that came last week", False),
        ("en", "four one one one nine nine two two three three", True),
        ("en", "echo lima sierra whiskey oscar romeo tango hotel", True),
        ("en", "gracias señor", True),
        ("en", "Nine carat's fetching about 24 a gram today, eighteen's about 48.", True),
        ("en", "Orlaith. Orlaith Mac Giolla. Sixteenth of the eleventh, ninety three.", True),
        ("en", "plumber's merchant's closed, van's clamped, joist's rotten", True),
        ("en", "मैं आपसे अपने बिल के बारे में बात करना चाहता हूँ", False),
        ("en", "我想付我的电话费可以吗谢谢你们", False),
        ("en", "la factura del mes que no se paga con el banco de la ciudad", False),
    ],
)
def test_words_fit_their_language(language: str, text: str, *, fits: bool) -> None:
    assert Fluency(language, 1).fits(0, words_from_text(text)) is fits


def test_short_turns_count_together() -> None:
    fluency = Fluency("en", 2)
    turns = ["sí claro", "pues nada", "vale gracias", "muchas gracias"]
    assert [fluency.fits(0, words_from_text(turn)) for turn in turns][-1] is False
    assert fluency.fits(1, words_from_text("yes of course"))


def test_all_speech_of_an_unknown_language_is_silenced_until_the_end() -> None:
    policy = Policy(name="p", version="1")
    call = CallDetector(
        "call-1",
        sample_rate=RATE,
        channels=1,
        policy=policy,
        analyses=ScriptedAnalyses([]),
        reads=ScriptedReads(),
        roles=CALL.roles,
        conversation=Conversation(RATE, 1, policy),
        language="fr",
    )
    words = tuple(words_from_text("bonjour", start=RATE))
    speech = (Interval(RATE, 2 * RATE),)
    heard = [
        WindowTranscript("call-1", 0, 0, 0, 4 * RATE, words, speech, heard_until=4 * RATE),
        WindowTranscript("call-1", 1, 0, 4 * RATE, 8 * RATE, heard_until=8 * RATE),
    ]
    found = [one for each in heard for one in call.take(each)]
    found += call.finish(CallEnd("call-1", 1, 8 * RATE))
    spans = [(span.start, span.end, span.recognizer) for one in found for span in one.spans]
    assert spans == [(0, 4 * RATE, "language")]
    assert found[-1].end is not None
    assert found[-1].end.marks == (OTHER_LANGUAGE,)
    assert not any(one.words for one in found)
