"""What is said in the simulated calls, the ears that hear it, and what must never be heard again.

A word is 0.2 s of noise that no other word has. The scripted ear knows who says what and when; it
hears a word where enough of its sound is left. So everything that is cut, silenced or released
comes from the code under test, and the judge can look for each sensitive word by its samples.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np

from models.detection.detector import Detector
from models.detection.turn_reader import ScriptedAnalyses, ScriptedReads
from pipeline.policy.loading import load_policy
from pipeline.policy.model import EntityRule, Policy
from pipeline.records.entities import Entity
from pipeline.records.model import (
    Action,
    AudioChunk,
    CallEnd,
    CallInfo,
    Pcm,
    Role,
    Window,
    WindowTranscript,
    Word,
)

RATE = 8_000
WORD, GAP = 1_600, 800
"""Samples of a word and of the rest after it."""
CHUNK = RATE
LEAST_RMS = 500.0
"""Loudness from which the ear hears something, in units of 16 bit."""
AGENT, CUSTOMER = 0, 1
DIGITS = frozenset(["zero", "one", "two", "three", "four", "five", "seven", "nine"])


@dataclass(frozen=True)
class Said:
    """One word of a script."""

    channel: int
    start: int
    text: str
    entity: str = ""
    """What it belongs to, where it is sensitive."""

    @property
    def end(self) -> int:
        return self.start + WORD


@dataclass(frozen=True)
class Script:
    """A call that is to be sent."""

    info: CallInfo
    said: tuple[Said, ...]
    pcm: Pcm

    @property
    def call_id(self) -> str:
        return self.info.call_id

    @property
    def records(self) -> list[AudioChunk | CallEnd]:
        """What a recorder sends of it."""
        starts = range(0, len(self.pcm), CHUNK)
        chunks = [
            AudioChunk(self.info, number, start, self.pcm[start : start + CHUNK])
            for number, start in enumerate(starts)
        ]
        return [*chunks, CallEnd(self.call_id, len(chunks), len(self.pcm))]

    def sound(self, word: Said) -> Pcm:
        """The samples of a word, all channels."""
        return self.pcm[word.start : word.end]


LINES: dict[str, tuple[tuple[float, int, str, str], ...]] = {
    # seconds, channel, words, entity
    "card": (
        (0.2, AGENT, "what is your card number", ""),
        (2.4, CUSTOMER, "four one one one", Entity.CARD_NUMBER),
        (4.6, CUSTOMER, "one one one one", Entity.CARD_NUMBER),
        (6.8, CUSTOMER, "one one one one", Entity.CARD_NUMBER),
        (9.0, CUSTOMER, "one one one one", Entity.CARD_NUMBER),
        (11.0, AGENT, "thank you the weather is lovely", ""),
    ),
    "pin": (
        (0.2, AGENT, "please tell me your pin", ""),
        (2.6, CUSTOMER, "seven", Entity.PIN),
        (5.4, CUSTOMER, "three", Entity.PIN),
        (8.2, CUSTOMER, "nine", Entity.PIN),
        (11.0, CUSTOMER, "two", Entity.PIN),
        (13.0, AGENT, "thank you good bye", ""),
    ),
    "phone": (
        (0.2, AGENT, "what is your phone number", ""),
        (2.4, CUSTOMER, "two one two", Entity.PHONE_NUMBER),
        (4.2, CUSTOMER, "five five five", Entity.PHONE_NUMBER),
        (6.0, CUSTOMER, "zero one four seven", Entity.PHONE_NUMBER),
        (8.4, AGENT, "wonderful thank you", ""),
        (10.2, CUSTOMER, "good bye", ""),
    ),
    "talk": (
        (0.2, AGENT, "good morning how are you", ""),
        (2.6, CUSTOMER, "the weather is lovely today", ""),
        (5.0, AGENT, "wonderful good bye", ""),
    ),
}


@cache
def script(name: str) -> Script:
    """One of the calls of ``LINES``."""
    said: list[Said] = []
    for seconds, channel, words, entity in LINES[name]:
        for place, text in enumerate(words.split()):
            start = round(seconds * RATE) + place * (WORD + GAP)
            said.append(Said(channel, start, text, entity))
    length = -(-(max(one.end for one in said) + RATE) // CHUNK) * CHUNK
    pcm = np.zeros((length, 2), np.int16)
    for one in said:
        dice = np.random.default_rng([zlib.crc32(name.encode()), one.channel, one.start])
        pcm[one.start : one.end, one.channel] = dice.integers(-8_000, 8_000, WORD, np.int16)
    info = CallInfo(name, RATE, (Role.AGENT, Role.CUSTOMER), "2026-03-01T10:00:00+00:00")
    return Script(info, tuple(said), pcm)


def transcribe(window: Window) -> WindowTranscript:
    """What the scripted ear hears in a window, whichever pass it is."""
    words = []
    for one in script(window.call_id).said:
        first, last = max(one.start, window.start), min(one.end, window.end)
        owned = window.owned is None or window.owned.start <= one.start < window.owned.end
        if one.channel != window.channel or not owned or last - first < WORD // 2:
            continue
        sound = window.pcm[first - window.start : last - window.start].astype(float)
        if len(sound) and np.sqrt(np.mean(sound * sound)) >= LEAST_RMS:
            words.append(Word(one.channel, one.start, one.end, one.text, 0.95))
    return WindowTranscript(
        window.call_id,
        window.seq,
        window.channel,
        window.start,
        window.end,
        words=tuple(words),
        speech=window.speech,
        heard_until=window.heard_until,
        models=("scripted@0",),
    )


# Policies and versions that a worker may be started with


@cache
def policies() -> tuple[Policy, ...]:
    """The policy of the calls, and others that a worker may be started with in their middle."""
    usual = load_policy("default")
    hold = usual.hold.model_copy(update={"max_seconds": 5.0})
    counted = {**usual.entities, Entity.PHONE_NUMBER: EntityRule(action=Action.COUNT)}
    return (
        usual,
        usual.model_copy(update={"version": "2", "hold": hold}),
        usual.model_copy(update={"name": "counting", "entities": counted}),
    )


VERSIONS: tuple[dict[str, dict[str, object]], ...] = (
    {},
    {
        "models.detection.call_detector": {"LOOK_BACK_S": 6.0},
        "models.detection.detector": {"software": lambda: "another version"},
    },
    {
        "pipeline.detection.decision.conversation": {"OPEN_S": 4.0},
        "models.detection.detector": {"software": lambda: "a third version"},
    },
)
"""What another version of the software has instead, by module; the first is the one at hand."""


def detector(policy: Policy) -> Detector:
    """The real detector, its reader in doubt about all digits: what is known of numbers decides."""
    reads = ScriptedReads(dict.fromkeys(DIGITS, (Entity.PHONE_NUMBER, 0.1)))
    return Detector(policy, analyses=ScriptedAnalyses([]), reads=reads)


def sensitive(said: Said, policy: Policy) -> bool:
    """Whether a word has to be silent under a policy."""
    return bool(said.entity) and policy.rule(said.entity).action is Action.MUTE
