"""A redacted transcript in the shape of Deepgram's answer for a recording.

As that service answers with ``multichannel``, ``punctuate``, ``paragraphs`` and ``utterances``: a
channel each, words with times in seconds, paragraphs (ours are turns) of sentences, utterances of
all channels in the order of the talk. A placeholder is one word; a note, such as that the recording
was paused, is none and stands nowhere. Speakers are channel numbers.
Fields that need models which never ran here (sentiment, topics, intents, summary) are left out.

``deepgram`` is a pure function of what is stored: a repeat gives the same document.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from statistics import fmean
from typing import Any, Final

from pipeline.evidence.redacted_transcript import ReadTranscript, ReadTurn, Word
from pipeline.evidence.turns import ENDS

_MARKS: Final = ".,?!;:"
_PLACES: Final = 3
MODEL: Final = "hushwire"
_NAMES: Final = uuid.UUID("7c1c8a30-6d4b-5a0e-9a53-0c5f6a5b1d52")
"""Name space of the ids that are made here."""


def deepgram(
    told: ReadTranscript, *, audio_sha256: str, created: datetime, software: str
) -> dict[str, Any]:
    """The document.

    Args:
        told: what is stored.
        audio_sha256: of the redacted audio (FLAC), in hex; empty where none was kept.
        created: when the call was stored; aware.
        software: version of Hushwire, as the certificate states it.
    """
    model = str(uuid.uuid5(_NAMES, software))
    channels = range(len(told.roles))
    return {
        "metadata": {
            "transaction_key": "deprecated",
            "request_id": str(uuid.uuid5(_NAMES, f"call/{told.call_id}")),
            "sha256": audio_sha256,
            "created": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "duration": _seconds(told.duration_ms),
            "channels": len(told.roles),
            "models": [model],
            "model_info": {model: {"name": MODEL, "version": software, "arch": MODEL}},
            "extra": {
                "call_id": told.call_id,
                "roles": ",".join(told.roles),
                **({"incomplete": "true"} if told.incomplete else {}),
            },
        },
        "results": {
            "channels": [_channel(told, channel) for channel in channels],
            "utterances": [
                _utterance(told.call_id, number, turn, _speaker(told, turn))
                for number, turn in enumerate(told.turns)
                if turn.words or not turn.noted
            ],
        },
    }


def _channel(told: ReadTranscript, channel: int) -> dict[str, Any]:
    turns = [turn for turn in told.turns if turn.channel == channel]
    words = [word for turn in turns for word in turn.words]
    texts = [text for turn in turns if (text := _said(turn))]
    return {
        "alternatives": [
            {
                "transcript": " ".join(texts),
                "confidence": _confidence(words),
                "words": [
                    _word(word, speaker)
                    for word, speaker in sorted(
                        ((word, _speaker(told, turn)) for turn in turns for word in turn.words),
                        key=lambda one: one[0].start_ms,
                    )
                ],
                "paragraphs": {
                    "transcript": "".join(f"\n{text}\n" for text in texts),
                    "paragraphs": [
                        _paragraph(turn, _speaker(told, turn)) for turn in turns if turn.words
                    ],
                },
            }
        ],
        "detected_language": told.language,
    }


def _speaker(told: ReadTranscript, turn: ReadTurn) -> int:
    """The channel's number, and for a customer on a shared one the number of channels more."""
    shared = told.roles[turn.channel] == "mixed" and turn.role == "customer"
    return turn.channel + len(told.roles) * shared


def _utterance(call_id: str, number: int, turn: ReadTurn, speaker: int) -> dict[str, Any]:
    return {
        "start": _seconds(turn.start_ms),
        "end": _seconds(turn.end_ms),
        "confidence": _confidence(turn.words),
        "channel": turn.channel,
        "transcript": _said(turn),
        "words": [_word(word, speaker) for word in turn.words],
        "speaker": speaker,
        "id": str(uuid.uuid5(_NAMES, f"call/{call_id}/{number}")),
    }


def _said(turn: ReadTurn) -> str:
    """A turn's text without notes."""
    return " ".join(word.text for word in turn.words) if turn.noted else turn.text


def _paragraph(turn: ReadTurn, speaker: int) -> dict[str, Any]:
    return {
        "sentences": [
            {
                "text": " ".join(word.text for word in part),
                "start": _seconds(part[0].start_ms),
                "end": _seconds(max(word.end_ms for word in part)),
            }
            for part in _sentences(turn.words)
        ],
        "speaker": speaker,
        "num_words": len(turn.words),
        "start": _seconds(turn.start_ms),
        "end": _seconds(turn.end_ms),
    }


def _sentences(words: Sequence[Word]) -> Iterator[list[Word]]:
    part: list[Word] = []
    for word in words:
        part.append(word)
        if word.text[-1:] in ENDS:
            yield part
            part = []
    if part:
        yield part


def _word(word: Word, speaker: int) -> dict[str, Any]:
    """A word: bare in small letters as that service writes it, and as it is to be read."""
    bare = word.text if word.entity else word.text.rstrip(_MARKS).lower()
    return {
        "word": bare,
        "start": _seconds(word.start_ms),
        "end": _seconds(word.end_ms),
        "confidence": round(word.confidence, _PLACES + 1),
        "punctuated_word": word.text,
        "speaker": speaker,
    }


def _confidence(words: Sequence[Word]) -> float:
    return round(fmean(word.confidence for word in words), _PLACES + 1) if words else 0.0


def _seconds(milliseconds: int) -> float:
    """Whole milliseconds as that service's seconds."""
    return milliseconds / 1_000
