"""The ways by which the demo's call comes in: what each carries, and the truth about that.

One sample call goes by every way. What is carried differs: G.711-coded, later by a moment, with a
pause, both parties on one channel, through MP3. The truth is the sample's, brought to that.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from benchmarks.gateways import twilio_client
from pipeline.audio.files import read_recording
from pipeline.errors import InputError
from pipeline.evaluation.corpora.call_manifest import TruthCall, parse_manifest
from pipeline.gateways import g711
from pipeline.gateways.events import Codec
from pipeline.records.model import Pcm

RATE: Final = 8_000
"""Hz of the sample, and of what platforms send."""
LONGEST_S: Final = 60.0
PAUSE_S: Final = 3.0
STEP_S: Final = 0.2
"""Edges of cuts and pauses lie on this grid."""
CLEAR_S: Final = 1.0
"""How far a cut or a pause stays away from whatever is sensitive."""
MIXED: Final = "mixed"
FROM: Final = ("+15555550171", "+15555550172")
"""Numbers in the names of the dropped recordings; made up."""
PARTIES: Final = ("+15555550181", "+15555550182", "+15555550183", "+15555550184")
"""Numbers that Twilio, the sidecars and the own producer tell; made up."""
TOLD: Final = ("+13125550100", "+13125550199", "+15555550100", "+18005550199")
"""Those that the clients of Telnyx and AudioHook tell."""
PCM_16: Final = "PCM_16"


class Kind(StrEnum):
    """What speaks to Hushwire."""

    TWILIO = "Twilio, both tracks"
    TELNYX = "Telnyx, both tracks"
    AUDIOHOOK = "Genesys AudioHook"
    PAUSED = "Genesys AudioHook, paused"
    AUDIOSOCKET = "Asterisk AudioSocket, one channel"
    WAV = "drop folder, WAV"
    MP3 = "drop folder, MP3"
    PRODUCER = "own producer (CallSender)"


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample call."""

    pcm: Pcm
    """Shape (samples, channels)."""
    truth: TruthCall
    texts: tuple[str, ...] = field(repr=False)
    """Card numbers and SSNs that are said in it."""


@dataclass(slots=True)
class Way:
    """One of the ways."""

    kind: Kind
    sent: Pcm = field(repr=False)
    """What the client is given, shape (samples, channels)."""
    carried: Pcm = field(repr=False)
    """What arrives of it, as Hushwire reads it; of the same shape, or longer."""
    truth: TruthCall = field(repr=False)
    """Of what arrives."""
    recorder_id: str = field(default="", repr=False)
    """The platform's id of the call; AudioHook's client draws it as it connects."""
    pause: tuple[int, int] | None = None
    """Samples that the recorder leaves out on purpose."""
    file: Path | None = None
    """The recording, where it is one."""

    @property
    def name(self) -> str:
        """Of files that the demo writes of it."""
        return self.kind.name.lower()

    @property
    def marks(self) -> frozenset[str]:
        """That its call may bear."""
        return frozenset({"paused"} if self.pause else ())

    @property
    def sidecar(self) -> dict[str, object]:
        """What `redact` is told of it, and `watch`."""
        return {
            "channels": [
                {"index": index, "role": role} for index, role in enumerate(self.truth.channels)
            ],
            "language": "en",
        }


def read_sample(folder: Path, name: str, longest_s: float = LONGEST_S) -> Sample:
    """A call of a folder of samples, cut at a harmless place where it is too long.

    Raises:
        InputError: there is none of this name at 8 kHz, or no digit of a card is said in it.
    """
    manifest = folder / "manifest.jsonl"
    text = manifest.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip()]
    calls = parse_manifest("\n".join(lines), origin=str(manifest))
    found = [pair for pair in zip(calls, lines, strict=True) if pair[0].call_id == name]
    if not found:
        raise InputError(f"{manifest}: there is no call {name}")
    truth, line = found[0]
    pcm, rate = soundfile.read(folder / truth.file, dtype="int16", always_2d=True)
    if rate != RATE:
        raise InputError(f"{name}: {rate} Hz; the demo takes a call of {RATE}")
    if len(pcm) > longest_s * RATE:
        end_s = _cut(truth, longest_s)
        pcm, truth = pcm[: round(end_s * RATE)], until(truth, end_s * 1_000)
    kept = {one.id for one in truth.entities}
    texts = {
        str(one["full_value"])
        for one in json.loads(line)["entities"]
        if one["id"] in kept and one["type"] in {"pan", "ssn"}
    }
    if not any(one.type == "pan" for one in truth.entities):
        raise InputError(f"{name}: no card number is said in it")
    return Sample(pcm, truth, tuple(sorted(texts)))


def ways(sample: Sample, folder: Path) -> list[Way]:
    """All of them; recordings are written into a folder.

    Args:
        sample: agent and customer on a channel each, in any order.
        folder: of the recordings; is there.

    Raises:
        InputError: the sample's channels are others.
    """
    if set(sample.truth.channels) != {"agent", "customer"}:
        raise InputError("the demo takes a call with agent and customer on a channel each")
    # Platforms send the customer first: `inbound`, `external`.
    order = [sample.truth.channels.index(one) for one in ("customer", "agent")]
    sent = np.ascontiguousarray(sample.pcm[:, order])
    truth = sample.truth.model_copy(update={"channels": ("customer", "agent")})
    coded = g711.decode(Codec.PCMU, g711.encode(Codec.PCMU, sent), 2)
    moment = twilio_client.FIRST_MS
    late = np.concatenate([np.zeros((moment * RATE // 1_000, 2), np.int16), coded])
    pause = harmless(truth, len(sent), PAUSE_S)
    paused = coded.copy()
    paused[pause[0] : pause[1]] = 0
    one = one_channel(sample.pcm)
    wav, mp3 = folder / f"call {FROM[0]}.wav", folder / f"call {FROM[1]}.mp3"
    soundfile.write(wav, sample.pcm, RATE, subtype=PCM_16)
    soundfile.write(mp3, sample.pcm, RATE, format="MP3")
    return [
        Way(Kind.TWILIO, sent, late, later(truth, moment), f"CA{secrets.token_hex(16)}"),
        # Telnyx's client says its id as `v3:` and what it is given.
        Way(Kind.TELNYX, sent, late, later(truth, moment), f"v3:{secrets.token_urlsafe(32)}"),
        Way(Kind.AUDIOHOOK, sent, coded, truth),
        Way(Kind.PAUSED, sent, paused, truth, pause=pause),
        Way(Kind.AUDIOSOCKET, one, one, on_one_channel(truth), str(uuid.uuid4())),
        Way(Kind.WAV, sample.pcm, sample.pcm, sample.truth, wav.stem, file=wav),
        Way(Kind.MP3, sample.pcm, read_recording(mp3).pcm, sample.truth, mp3.stem, file=mp3),
        Way(Kind.PRODUCER, sample.pcm, sample.pcm, sample.truth, f"PBX/{secrets.token_hex(8)} 17"),
    ]


def later(truth: TruthCall, by_ms: float) -> TruthCall:
    """The truth of a call that begins later."""
    entities = tuple(
        entity.model_copy(
            update={
                "words": tuple(
                    word.model_copy(
                        update={"start_ms": word.start_ms + by_ms, "end_ms": word.end_ms + by_ms}
                    )
                    for word in entity.words
                )
            }
        )
        for entity in truth.entities
    )
    speech = {
        side: tuple((start + by_ms, end + by_ms) for start, end in parts)
        for side, parts in truth.speech.items()
    }
    return truth.model_copy(update={"entities": entities, "speech": speech})


def until(truth: TruthCall, end_ms: float) -> TruthCall:
    """The truth of the beginning of a call."""
    entities = tuple(
        one for one in truth.entities if all(word.end_ms <= end_ms for word in one.words)
    )
    speech = {
        side: tuple((start, min(end, end_ms)) for start, end in parts if start < end_ms)
        for side, parts in truth.speech.items()
    }
    return truth.model_copy(update={"entities": entities, "speech": speech})


def on_one_channel(truth: TruthCall) -> TruthCall:
    """The truth where both parties are on one channel."""
    entities = tuple(one.model_copy(update={"channel": MIXED}) for one in truth.entities)
    speech = tuple(sorted(part for parts in truth.speech.values() for part in parts))
    return truth.model_copy(
        update={"channels": (MIXED,), "entities": entities, "speech": {MIXED: speech}}
    )


def one_channel(pcm: Pcm) -> Pcm:
    """All channels added to one, as a bridge does it; shape (samples, 1)."""
    bounds = np.iinfo(np.int16)
    added = pcm.astype(np.int32).sum(axis=1, keepdims=True)
    mixed: Pcm = added.clip(bounds.min, bounds.max).astype(np.int16)
    return mixed


def harmless(truth: TruthCall, samples: int, length_s: float) -> tuple[int, int]:
    """The middle of the longest stretch in which nothing sensitive is said.

    Args:
        truth: of the call.
        samples: its length.
        length_s: of what is looked for.

    Returns:
        Its first sample, and the first one behind it.

    Raises:
        InputError: there is no such stretch.
    """
    start, end = max(_free(truth, samples / RATE), key=lambda one: one[1] - one[0])
    if end - start < length_s:
        raise InputError(f"no {length_s} s of the call are harmless")
    first = round((start + end - length_s) / 2 / STEP_S) * STEP_S
    return round(first * RATE), round((first + length_s) * RATE)


def _cut(truth: TruthCall, longest_s: float) -> float:
    """The last harmless second of a call, at the most so far in."""
    inside = [(start, min(end, longest_s)) for start, end in _free(truth, longest_s + CLEAR_S)]
    ends = [end for start, end in inside if start < end]
    if not ends:
        raise InputError(f"no place in {longest_s} s of the call is harmless")
    return int(max(ends) / STEP_S) * STEP_S


def _free(truth: TruthCall, length_s: float) -> Iterator[tuple[float, float]]:
    """Stretches in seconds, away from what is sensitive on any channel."""
    words = sorted(
        (word.start_ms / 1_000 - CLEAR_S, word.end_ms / 1_000 + CLEAR_S)
        for entity in truth.entities
        for word in entity.words
    )
    at = 0.0
    for start, end in [*words, (length_s, length_s)]:
        if start > at:
            yield at, min(start, length_s)
        at = max(at, end)


def numbers() -> Sequence[str]:
    """Every number that stands for somebody."""
    return (*FROM, *PARTIES, *TOLD)
