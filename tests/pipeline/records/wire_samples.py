"""One record of every type with every field set, for the tests of the wire."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.records.consent import (
    Answer,
    Business,
    Consent,
    Decision,
    Evidence,
    Kind,
    Outcome,
    Party,
    RuleStated,
    Why,
)
from pipeline.records.model import (
    Action,
    Agreed,
    AudioChunk,
    CallEnd,
    CallInfo,
    Check,
    Detection,
    EndedBy,
    Findings,
    Hearing,
    Interval,
    Mute,
    Reason,
    Record,
    RedactedChunk,
    Role,
    Shown,
    Span,
    Verdict,
    Watermark,
    WindowTranscript,
    Word,
)

PRESSED = Evidence(Kind.KEY, Party.CUSTOMER, Answer.YES, 2_500, "recorded@2", 0.75, "ivr-event")
CONSENT = Consent(("US-CA", "*"), "spring", (Evidence(Kind.NOTICE_PLAYED, at_ms=-4_000), PRESSED))
DECISION = Decision(
    Outcome.TRANSCRIPT_ONLY,
    Why.NO_CONSENT,
    (RuleStated("us-ca", 2, "US-CA"),),
    "ab" * 32,
    (PRESSED,),
    "consent",
    90,
    60_000,
    "spring",
    sides=True,
)
CALL = CallInfo(
    "call-1",
    8_000,
    (Role.AGENT, Role.CUSTOMER),
    "2026-03-01T10:00:00+00:00",
    "en",
    purpose="quality",
    parties=("pn-00112233445566778899aabbccddeeff",),
    consent=CONSENT,
    business=Business(
        "inbound", "spring", "summer-sale", "A. Example", "answered", "pn-" + "01234567" * 4
    ),
)
PCM = np.array([[0, 1], [-32_768, 32_767], [258, -2]], np.int16)
END = CallEnd("call-1", 7, 56_000, EndedBy.IDLE, ("gap", "unheard"), DECISION)
WORD = Word(1, 100, 200, "placeholder", 0.25, Hearing.SECOND)
SPAN = Span("CARD_NUMBER", 1, 100, 200, 0.75, "numbers", Action.COUNT, Reason.ECHO)
SHOWN = Shown("CARD_NUMBER", 1, 100, 200, "************1111")
AGREED = Agreed(1, 320, 480)
MUTE = Mute(0, 90, 210, (SPAN,))

DETECTION = Detection("ab" * 32, "00112233445566ff", "8899", "hushwire 1.2 (cdef)")

SAMPLES: dict[str, Record] = {
    "AudioChunk": AudioChunk(CALL, 3, 24_000, PCM, paused=True, blank=True),
    "CallEnd": END,
    "Heard": WindowTranscript(
        "call-1",
        5,
        1,
        100,
        900,
        words=(replace(WORD, number_probability=0.0625),),
        speech=(Interval(100, 300),),
        unexplained=(Interval(200, 300),),
        unheard=(Interval(300, 400),),
        heard_until=800,
        models=("main@0123abcd",),
        call=CALL,
        listening="00112233445566ff",
        withheld=(Interval(400, 500),),
    ),
    "Findings": Findings(
        "call-1",
        2,
        (SPAN,),
        (WORD,),
        Watermark(800),
        ("language@1",),
        END,
        (SHOWN,),
        since=640,
        detection=DETECTION,
        candidates=(SPAN,),
        agreed=(AGREED,),
    ),
    "RedactedChunk": RedactedChunk(
        CALL, 4, 32_000, PCM, (MUTE,), policy="ab" * 32, agreed=(AGREED,)
    ),
    "Verdict": Verdict(
        CALL,
        passed=False,
        checks=(Check("energy", passed=True, measured=-90.5, limit=-60.0),),
        added=(MUTE,),
        listened=1_600,
        models=("check@2",),
        end=END,
    ),
}
