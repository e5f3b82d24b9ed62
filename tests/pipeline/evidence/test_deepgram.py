"""Deepgram's shape; that its own package reads it is in ``tests/agents/vault``."""

from __future__ import annotations

import json

import pytest

from pipeline.evidence.deepgram import deepgram
from pipeline.evidence.redacted_transcript import read_transcript
from tests.pipeline.evidence.told import CREATED, DIGEST, STORED

pytestmark = pytest.mark.unit


def test_channels_words_paragraphs_and_utterances() -> None:
    document = deepgram(
        read_transcript(STORED), audio_sha256=DIGEST, created=CREATED, software="0.1.0 abc"
    )
    metadata, results = document["metadata"], document["results"]
    assert metadata["sha256"] == DIGEST
    assert metadata["created"] == "2026-03-01T10:15:00.000Z"
    assert (metadata["duration"], metadata["channels"]) == (9.0, 2)
    assert metadata["extra"] == {"call_id": "call-1", "roles": "agent,customer"}
    assert metadata["model_info"][metadata["models"][0]]["version"] == "0.1.0 abc"

    agent, customer = (one["alternatives"][0] for one in results["channels"])
    assert agent["transcript"] == "What's your number?"
    assert [one["word"] for one in agent["words"]] == ["what's", "your", "number"]
    assert agent["words"][2]["punctuated_word"] == "number?"
    assert customer["transcript"] == "It is [CARD_NUMBER] thanks."
    assert customer["words"][2] == {
        "word": "[CARD_NUMBER]",
        "start": 2.6,
        "end": 3.4,
        "confidence": 1.0,
        "punctuated_word": "[CARD_NUMBER]",
        "speaker": 1,
    }
    (paragraph,) = customer["paragraphs"]["paragraphs"]
    assert (paragraph["num_words"], paragraph["start"]) == (4, 2.0)
    assert [one["text"] for one in paragraph["sentences"]] == ["It is [CARD_NUMBER] thanks."]

    assert [(one["channel"], one["transcript"]) for one in results["utterances"]] == [
        (0, "What's your number?"),
        (1, "It is [CARD_NUMBER] thanks."),
    ]
    assert len({one["id"] for one in results["utterances"]}) == 2


def test_a_repeat_is_the_same_and_a_silent_channel_is_there() -> None:
    told = read_transcript(STORED)
    made = [
        json.dumps(deepgram(told, audio_sha256="", created=CREATED, software="1")) for _ in "ab"
    ]
    assert made[0] == made[1]
    quiet = told.model_copy(update={"turns": told.turns[:1], "incomplete": True})
    document = deepgram(quiet, audio_sha256="", created=CREATED, software="1")
    (empty,) = document["results"]["channels"][1]["alternatives"]
    assert (empty["transcript"], empty["words"], empty["confidence"]) == ("", [], 0.0)
    assert document["metadata"]["extra"]["incomplete"] == "true"
