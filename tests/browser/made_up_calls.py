"""Made-up calls in a console's vault, stored and counted as the pipeline's own are.

Nothing of them was ever said: turns are put together from a list, the audio is noise shaped like
syllables. Seeded, so that two runs give the same pages but for the time.
"""

from __future__ import annotations

import hashlib
import io
import re
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import soundfile

from agents.database.call_ledger import CallState
from agents.system.clock import stamp
from agents.vault.analytics.fact_keeper import FactKeeper
from agents.vault.analytics.search_index import SearchIndex
from pipeline.analytics.peaks import peaks_of_flac
from pipeline.analytics.topics import shipped_topics
from pipeline.evidence.certificate import build_certificate, certificate_json
from pipeline.evidence.layout import PEAKS
from pipeline.evidence.stored_call import StoredCall
from pipeline.evidence.transcript import (
    build_transcript,
    to_call_analytics,
    to_json,
    to_webvtt,
)
from pipeline.policy.loading import load_policy
from pipeline.records.consent import Business
from pipeline.records.model import CallEnd, CallInfo, Check, Mute, Role, Span, Verdict, Word
from tests.console.serving import SECRET, Console

RATE: Final = 8_000
WORD: Final = RATE * 33 // 100
"""Samples of a word."""
ROLES: Final = (Role.AGENT, Role.CUSTOMER)
_HIDDEN: Final = re.compile(r"\[([A-Z_]+)\]")
OPENING: Final = (
    (0, "Thank you for calling Northfield Home Services, this call is recorded. How can I help?"),
    (1, "Hi, my name is [PERSON] and I saw your offer about the new boiler."),
    (0, "Glad to hear it. May I have your postcode and the best number to reach you?"),
    (1, "Sure, it is [ZIP_CODE] and my number is [PHONE_NUMBER]"),
)
MIDDLE: Final = (
    (0, "We have an engineer on Tuesday morning, would between nine and eleven suit you?"),
    (1, "Tuesday is fine, but please not before half past nine."),
    (0, "And the address where the boiler is, please?"),
    (1, "That is [STREET_ADDRESS] the bell says [PERSON]"),
    (1, "What does the yearly service plan cost, and can I cancel it?"),
    (0, "It is fourteen pounds a month, and you can cancel at the end of every month."),
    (1, "I would like an appointment before the weekend if that is possible."),
    (0, "Let me check the calendar, one moment please."),
    (1, "My old invoice was wrong, I want to complain about that first."),
    (0, "I am sorry about that, I will send a corrected invoice to [EMAIL_ADDRESS] today."),
    (1, "My date of birth is [DATE_OF_BIRTH] if you need it for the contract."),
    (1, "The last one took two weeks, that is far too long."),
)
PAYMENT: Final = (
    (0, "To book it I need a card, please read me the long number."),
    (1, "It is [CARD_NUMBER]"),
    (0, "Thank you, the expiry date and the three digits on the back?"),
    (1, "It runs until [CARD_EXPIRY] and the code is [CARD_SECURITY_CODE]"),
)
CLOSING: Final = (
    (0, "All done, you will have a confirmation in a minute. Anything else?"),
    (1, "No, that was all. Thank you very much, bye."),
)
CAMPAIGNS: Final = ("boiler-spring", "heat-pump", "service-plan", "brand-search")
LINES: Final = ("website", "billboard", "leaflet", "partner")
CALLERS: Final = tuple(f"pn-{hashlib.md5(bytes([n])).hexdigest()}" for n in range(60))  # noqa: S324 - no secret
AGENTS: Final = ("Alex", "Jordan", "Robin", "Sam", "Kim")


def fill(console: Console, count: int, *, seed: int = 7) -> list[str]:
    """Store calls of the last weeks, every eleventh of them quarantined.

    Args:
        console: whose vault it is.
        count: how many.
        seed: of what is drawn.

    Returns:
        Ids of those that were stored, the oldest first.
    """
    draw = np.random.default_rng(seed)
    keeper = FactKeeper(console.vault, SearchIndex(SECRET), shipped_topics())
    now, stored = console.ledger.database.now(), []
    for number in range(count):
        began = now - timedelta(hours=float(draw.uniform(0.2, 1.4)) + (count - number) * 5.3)
        call = _call(
            draw, "call-" + "".join(draw.choice(list("abcdefghijklmnop"), 32)), began, number
        )
        console.ledger.open_call(call.call_id)
        console.vault.store(call, keep_days=90)
        state = CallState.STORED if call.passed else CallState.QUARANTINED
        console.ledger.close_call(call.call_id, state)
        if call.passed:
            business = call.business
            keeper.keep(
                call.call_id,
                {name: getattr(business, name) for name in Business.__dataclass_fields__},
            )
            stored.append(call.call_id)
    return stored


def _call(draw: np.random.Generator, call_id: str, began: datetime, number: int) -> StoredCall:
    turns = list(OPENING)
    chosen = sorted(draw.choice(len(MIDDLE), draw.integers(2, 9), replace=False))
    turns += [MIDDLE[one] for one in chosen]
    turns += [*(PAYMENT if draw.random() < 0.6 else ()), *CLOSING]
    business = Business(
        direction="inbound" if draw.random() < 0.8 else "outbound",
        campaign=str(draw.choice(CAMPAIGNS)),
        line=str(draw.choice(LINES)),
        agent=str(draw.choice(AGENTS)),
        outcome=str(draw.choice(["answered"] * 8 + ["missed", "voicemail"])),
        caller=CALLERS[int(draw.integers(len(CALLERS)))],
    )
    info = CallInfo(call_id, RATE, ROLES, stamp(began), business=business)
    words, mutes = _said(draw, turns)
    length = words[-1].end + RATE
    passed = number % 11 != 4
    files: dict[str, bytes] = {}
    if passed:
        told = build_transcript(info, length, words, mutes)
        types = [span.entity for mute in mutes for span in mute.spans]
        files = {
            f"{call_id}.flac": _audio(draw, words, mutes, length),
            f"{call_id}.json": to_json(to_call_analytics(told, entities=types)),
            f"{call_id}.vtt": to_webvtt(told),
        }
    checks = (Check("leaks", passed=passed, measured=0.0 if passed else 2.0, limit=0.0),)
    certificate = build_certificate(
        Verdict(info, passed=passed, checks=checks, end=CallEnd(call_id, 1, length)),
        load_policy("default"),
        spans=[span for mute in mutes for span in mute.spans],
        mutes=mutes,
        models=set(),
        length=length,
        files=files,
    )
    files[f"{call_id}.certificate.json"] = certificate_json(certificate)
    if passed:
        files[call_id + PEAKS] = peaks_of_flac(io.BytesIO(files[f"{call_id}.flac"]))
    return StoredCall(call_id, passed, certificate, files, business=business)


def _said(draw: np.random.Generator, turns: list[tuple[int, str]]) -> tuple[list[Word], list[Mute]]:
    """Words with their places, and where a value is muted; it takes as long as five words."""
    at, words, mutes = RATE // 2, list[Word](), list[Mute]()
    for channel, text in turns:
        for word in text.split():
            hidden = _HIDDEN.fullmatch(word)
            end = at + WORD * (5 if hidden else 1)
            if hidden:
                score = float(draw.uniform(0.82, 1.0))
                span = Span(hidden[1], channel, at, end, score, "made-up")
                mutes.append(Mute(channel, at, end, (span,)))
            words.append(Word(channel, at, end - WORD // 10, word))
            at = end
        at += int(draw.uniform(-0.15, 1.4) * RATE)
    return words, mutes


def _audio(draw: np.random.Generator, words: list[Word], mutes: list[Mute], length: int) -> bytes:
    """Noise in the places of words, silence where a value was."""
    pcm = np.zeros((length, len(ROLES)), np.float32)
    for word in words:
        count = word.end - word.start
        shape = np.sin(np.linspace(0, np.pi, count)) * draw.uniform(0.1, 0.45)
        pcm[word.start : word.end, word.channel] = shape * draw.uniform(-1, 1, count)
    for mute in mutes:
        pcm[mute.start : mute.end, mute.channel] = 0
    flac = io.BytesIO()
    soundfile.write(flac, pcm, RATE, format="FLAC")
    return flac.getvalue()
