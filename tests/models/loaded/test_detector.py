from __future__ import annotations

import logging
import re
import socket
from pathlib import Path

import numpy as np
import pytest
import tldextract

from models.detection.detector import Detector
from models.encoder.shape import HEADS, WIDTH
from models.reader import encoder
from models.reader.encoder import GRAPH, MODEL, TOKENIZER, Encoder, load_encoder
from models.reader.inputs import LABELS
from models.reader.shape import LAYERS
from models.store import loader
from models.store.loader import find
from models.store.model_catalogue import entry
from models.text.turn import turn_of
from pipeline.errors import ModelError
from pipeline.policy.loading import load_policy
from pipeline.records.model import CallEnd, CallInfo, Findings, Role, WindowTranscript, Word

pytestmark = pytest.mark.models

RATE = 8_000


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(load_policy("default"))


def said(channel: int, start_s: float, text: str) -> tuple[Word, ...]:
    step = round(0.35 * RATE)
    begin = round(start_s * RATE)
    return tuple(
        Word(channel, begin + index * step, begin + index * step + step - 200, word)
        for index, word in enumerate(text.split())
    )


def listen(detector: Detector, turns: list[tuple[int, float, str]], end_s: float) -> list[Findings]:
    call = detector.open(CallInfo("call-1", RATE, (Role.AGENT, Role.CUSTOMER)))
    end = round(end_s * RATE)
    found: list[Findings] = []
    for channel in (0, 1):
        words = tuple(w for c, start, text in turns if c == channel for w in said(c, start, text))
        found += call.take(
            WindowTranscript("call-1", channel, channel, 0, end, words, heard_until=end)
        )
    return [*found, *call.finish(CallEnd("call-1", 1, end))]


def test_the_agents_question_tells_what_the_customers_answer_is(detector: Detector) -> None:
    found = listen(
        detector,
        [
            (0, 0.0, "Can I get your full name, please?"),
            (1, 3.5, "Glory Santana"),
            (0, 5.5, "Thanks, and the service address?"),
            (1, 8.5, "eighty two Lester Lane"),
            (0, 12.0, "Do you have other questions about the wool blankets?"),
            (1, 16.0, "no that is all"),
        ],
        20.0,
    )
    shown = " ".join(word.text for finding in found for word in finding.words)
    entities = {span.entity for finding in found for span in finding.spans}
    assert {"PERSON", "STREET_ADDRESS"} <= entities
    for gone in ("Glory", "Santana", "Lester", "Lane"):
        assert gone not in shown
    for kept in ("full name", "service address", "wool blankets", "that is all"):
        assert kept in shown


def test_what_failed_to_be_silenced_is_found_in_redacted_audio(detector: Detector) -> None:
    record = WindowTranscript("call-1", 0, 0, 0, 80_000, said(0, 1.0, "nine two four seven"))
    found = detector.inspect(record, sample_rate=RATE, expected=frozenset({"CARD_NUMBER"}))
    assert [(span.entity, span.start) for span in found] == [("CARD_NUMBER", 8_000)]
    assert detector.inspect(record, sample_rate=RATE, expected=frozenset({"PERSON"})) == ()
    harmless = WindowTranscript(
        "call-1", 0, 0, 0, 80_000, said(0, 1.0, "thank you and the expiry date")
    )
    expected = frozenset({"CARD_NUMBER", "PERSON"})
    assert detector.inspect(harmless, sample_rate=RATE, expected=expected) == ()


def test_no_word_reaches_a_log(caplog: pytest.LogCaptureFixture, detector: Detector) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("presidio-analyzer", "decision_process", "spacy"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    listen(detector, [(1, 0.0, "my email is zanzibar at gmail.com and IBAN GB29ZZZZ")], 9.0)
    assert "zanzibar" not in caplog.text.lower()
    assert "gb29" not in caplog.text.lower()


def test_a_plain_email_opens_no_connection(
    monkeypatch: pytest.MonkeyPatch, detector: Detector
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    found = listen(detector, [(1, 0.0, "it is john.smith@example.org thanks")], 6.0)
    assert "EMAIL_ADDRESS" in {span.entity for finding in found for span in finding.spans}
    assert tldextract.extract("a.example.co.uk").suffix == "co.uk"


def test_altered_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = entry(MODEL)
    other = whole.model_copy(update={"files": {**whole.files, whole.main: "0" * 64}})
    monkeypatch.setattr(loader, "entry", lambda *_: other)
    with pytest.raises(ModelError, match=f"{MODEL}: reader.onnx in .* is not the file"):
        load_encoder.__wrapped__()


@pytest.mark.parametrize("missing", [GRAPH, TOKENIZER])
def test_a_folder_without_a_reader_is_an_error(tmp_path: Path, missing: str) -> None:
    folder = find(MODEL, allow_hub=False)
    for name in {GRAPH, TOKENIZER} - {missing}:
        (tmp_path / name).symlink_to(folder / name)
    with pytest.raises(ModelError, match=f"has no {missing}"):
        Encoder(tmp_path)


def test_weights_of_other_labels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "LABELS", ("O", "PERSON"))
    with pytest.raises(ModelError, match="labels are not those of this version"):
        Encoder(find(MODEL, allow_hub=False))


def test_findings_name_the_models_with_their_hash(detector: Detector) -> None:
    found = listen(detector, [(0, 1.0, "hello there")], 8.0)
    assert {model for one in found for model in one.models} == {entry(MODEL).reference}
    assert re.fullmatch(r"reader@[0-9a-f]{12}", entry(MODEL).reference)


def test_a_turn_is_read_word_by_word_behind_what_was_read_before() -> None:
    reader = load_encoder()
    first = reader.read(turn_of("what is your name please"), Role.AGENT)
    assert first.probabilities.shape == (5, len(LABELS))
    assert np.allclose(first.probabilities.sum(axis=1), 1, atol=1e-4)
    (kept,) = first.kept
    assert kept.keys.shape == kept.values.shape == (LAYERS, HEADS, len(kept), WIDTH // HEADS)
    answer = turn_of("it is Laura")
    behind = reader.read(answer, Role.CUSTOMER, first.kept)
    assert behind.probabilities.shape == (3, len(LABELS))
    again = reader.read(answer, Role.CUSTOMER, first.kept)
    assert np.array_equal(behind.probabilities, again.probabilities)


def test_a_long_turn_is_read_in_parts_and_an_empty_one_is_not() -> None:
    reader = load_encoder()
    long = reader.read(turn_of("hello " * 250), Role.MIXED)
    assert np.allclose(long.probabilities.sum(axis=1), 1, atol=1e-4)
    assert len(long.kept) == 3
    empty = reader.read(turn_of("..."), Role.MIXED)
    assert (empty.probabilities.shape, empty.kept) == ((0, len(LABELS)), ())
