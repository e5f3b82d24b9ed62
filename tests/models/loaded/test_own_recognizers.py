"""Own recognisers, allow lists and languages, through the detector, aligned to words."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.detection.call_detector import UNHEARD
from models.detection.detector import Detector, DetectorSettings
from models.detection.turn_reader import ScriptedReads
from models.registry.known_names import known_names
from pipeline.detection.numbers.runs import words_from_text
from pipeline.policy.loading import load_policy, parse_policy
from pipeline.policy.model import Policy
from pipeline.records.model import (
    Action,
    CallEnd,
    CallInfo,
    Findings,
    Interval,
    Role,
    Span,
    WindowTranscript,
    Word,
)

pytestmark = pytest.mark.models

RATE = 8_000
OWN = """\
recognizers:
  - name: Loyalty card
    supported_entity: LOYALTY_ID
    patterns: [{name: L and digits, regex: '\\bL\\d{8}\\b', score: 0.6}]
  - {name: Projects, class_name: 'projects.py:Projects'}
  - {name: Sites, supported_entity: LOYALTY_ID, deny_list: [moonbase]}
"""
CLASS = """
from models.recognizers.base import Hit, SpokenRecognizer


class Projects(SpokenRecognizer):
    ENTITIES = ("LOYALTY_ID",)

    def find(self, turn):
        for at, token in enumerate(turn.tokens):
            if token.key == "heron":
                yield Hit("LOYALTY_ID", at, at + 1, 0.9, "project")
"""
READS = ScriptedReads(
    dict.fromkeys(("dana", "reyes", "murphy"), ("PERSON", 0.9))
    | dict.fromkeys(
        [
            "1",
            "800",
            "555",
            "0198",
            "0199",
            "one",
            "eight",
            "five",
            "oh",
            "nine",
            "cuatro",
            "uno",
            "treinta",
            "cinco",
            "veintidós",
            "doble",
            "cero",
            "siete",
        ],
        ("PHONE_NUMBER", 0.1),
    )
)
"""Knows the names; whether a number is sensitive, others have to say."""
POLICY = """\
name: own
version: "1"
extends: default
entities: {LOYALTY_ID: {threshold: 0.5}}
allow:
  PHONE_NUMBER: ["1-800-555-0199"]
  PERSON: [Dana Reyes]
"""


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    folder: Path = tmp_path_factory.mktemp("own")
    (folder / "projects.py").write_text(CLASS)
    (folder / "own.yaml").write_text(OWN)
    policy: Policy = parse_policy(POLICY, known=known_names(folder / "own.yaml"))
    return Detector(policy, settings=DetectorSettings(registry=folder / "own.yaml"), reads=READS)


def run(
    detector: Detector, text: str, language: str = "en"
) -> tuple[tuple[Word, ...], list[Span], list[Findings]]:
    words = tuple(words_from_text(text, start=RATE))
    end = words[-1].end + RATE
    speech = (Interval(words[0].start, words[-1].end),)
    heard = WindowTranscript("call-1", 0, 0, 0, end, words, speech, heard_until=end)
    call = detector.open(CallInfo("call-1", RATE, (Role.MIXED,), language=language))
    found = [*call.take(heard), *call.finish(CallEnd("call-1", 1, end))]
    return words, [span for one in found for span in one.spans], found


def silenced(detector: Detector, text: str, language: str = "en") -> list[str]:
    words, spans, _ = run(detector, text, language)
    muted = [span for span in spans if span.action is Action.MUTE]
    return [
        word.text
        for word in words
        if any(span.start <= (word.start + word.end) // 2 < span.end for span in muted)
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("the card says L12345678 I think", ["L12345678"]),
        ("we talked about heron last week", ["heron"]),
        ("it is stored at moonbase since then", ["moonbase"]),
        ("we talked about herons last week", []),
    ],
)
def test_own_recognisers_silence_exactly_their_words(
    detector: Detector, text: str, value: list[str]
) -> None:
    assert silenced(detector, text) == value


def test_a_span_names_the_own_recogniser(detector: Detector) -> None:
    _, spans, _ = run(detector, "we talked about heron last week")
    assert [(span.entity, span.recognizer) for span in spans] == [
        ("LOYALTY_ID", "Projects: project")
    ]


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("you can reach me at 1 800 555 0199", []),
        ("you can reach me at one eight hundred five five five oh one nine nine", []),
        ("you can reach me at 1 800 555 0198", ["1", "800", "555", "0198"]),
        ("you can reach me at 800 555 0199", ["800", "555", "0199"]),
        ("hello my name is Dana Reyes", []),
        ("hello my name is Dana Murphy", ["Dana", "Murphy"]),
    ],
)
def test_only_a_whole_value_of_the_list_stays_audible(
    detector: Detector, text: str, heard: list[str]
) -> None:
    assert silenced(detector, text) == heard


def test_a_spanish_call_is_searched_in_spanish(detector: Detector) -> None:
    text = "mi número de tarjeta es cuatro uno uno uno treinta y cinco veintidós doble cero siete"
    assert silenced(detector, text, "es") == text.split()[5:]
    _, _, found = run(detector, text, "es")
    assert found[-1].end is not None
    assert found[-1].end.marks == ()


def test_a_spanish_call_that_says_english_is_silenced_and_marked(detector: Detector) -> None:
    text = "buenos días llamo porque no me llega el pedido y quería saber qué ha pasado"
    words, spans, found = run(detector, text)
    assert silenced(detector, text) == text.split()
    assert {(span.entity, span.recognizer) for span in spans} >= {(UNHEARD, "language")}
    assert found[-1].end is not None
    assert found[-1].end.marks == ("language",)
    assert [word for one in found for word in one.words] == []
    assert len(words) == len(text.split())


def test_a_call_in_a_language_without_data_is_silenced_whole(detector: Detector) -> None:
    text = "guten Tag ich möchte meine Rechnung bezahlen"
    assert silenced(detector, text, "de") == text.split()
    _, _, found = run(detector, text, "de")
    assert found[-1].end is not None
    assert found[-1].end.marks == ("language",)


def test_english_talk_is_never_taken_for_another_language() -> None:
    detector = Detector(load_policy("default"), reads=READS)
    for text in (
        "good morning I am calling about the bill that came in the mail last week",
        "alpha bravo charlie delta echo foxtrot golf hotel india juliet",
        "one two three four five six seven eight nine",
        "uh yeah so um okay right",
    ):
        _, _, found = run(detector, text)
        assert found[-1].end is not None
        assert found[-1].end.marks == (), text
