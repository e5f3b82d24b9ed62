"""The calls of the consent demo: made with the voices of the sample calls, read by the demo.

    python -m benchmarks.consent.calls        # recordings, sidecars and truth in samples/

``samples/calls.yaml`` holds what is said, what the recorder knows and what has to become of
each call. The recordings and ``manifest.jsonl``, their truth in the form of the sample calls, lie
beside it, so that the demo needs no voice.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import soundfile
import yaml
from pydantic import BaseModel, ConfigDict, Field

from benchmarks.calls.scripting import Side, Turn
from benchmarks.calls.slots import Entity, Piece
from benchmarks.calls.stage import SIDES, Stage, place
from benchmarks.labels.spanish import ONES
from benchmarks.speech.channel import Line, at_level, telephone
from benchmarks.speech.spoken import DIGITS, Token
from benchmarks.speech.voices import SAMPLE_RATE, voice
from pipeline.records.consent import Kind, Outcome, Why

CALLS: Final = Path(__file__).parent / "samples"
STARTED: Final = "2026-11-05T09:{:02d}:00+00:00"
EDGE_S: Final = 0.5
"""How far the time of a heard word may lie from that of the spoken one."""
_LINE: Final = Line(-26, 60)
"""Quiet, so that the recordings are small."""
_NUMBER: Final = re.compile(r"\[([0-9 ]+)\]")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Said(_Model):
    """One line of a call, or a pause."""

    agent: str = ""
    customer: str = ""
    rest: float = 0.0
    """Seconds."""

    @property
    def side(self) -> Side:
        """Who speaks."""
        return "agent" if self.agent else "customer"


class Silent(_Model):
    """What has to be silent of a call that is kept, and may not stand in its transcript."""

    after: str = ""
    """From the end of this line on,"""
    until: str = ""
    """to the beginning of this one, or to the end."""
    of: Side | None = None
    """Of a side; None: of both."""
    words: tuple[str, ...]
    """None of which may be in the transcript."""


class Shown(_Model):
    """One call and what has to become of it."""

    name: str
    shows: str
    recording: str = ""
    """The call whose recording it has."""
    policy: str = "policy.yaml"
    language: str = "en"
    purpose: str
    voices: dict[Side, str] = {}
    consent: dict[str, Any] | None = None
    lines: tuple[Said, ...] = ()
    outcome: Outcome
    why: Why
    evidence: tuple[Kind, ...] = ()
    stage: Annotated[str, Field(pattern="^(ingest|transcribe|)$")] = ""
    """That refuses it."""
    card: Literal["muted", ""] = ""
    silent: Silent | None = None

    @property
    def audio(self) -> Path:
        """Its recording."""
        return CALLS / f"{self.recording or self.name}.flac"

    @property
    def sidecar(self) -> Path:
        """What its recorder says of it."""
        return CALLS / f"{self.name}.json"


def shown_calls() -> tuple[Shown, ...]:
    """All calls of the demo, in its order."""
    plain = yaml.safe_load((CALLS / "calls.yaml").read_text(encoding="utf-8"))
    return tuple(Shown.model_validate(one) for one in plain["calls"])


def truth_of(call: Shown) -> dict[str, Any]:
    """What is said in a call and when, as the manifest has it, under the call's own name."""
    wanted = call.audio.name
    lines = (CALLS / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    truth = next(one for one in map(json.loads, lines) if one["file"] == wanted)
    return {**truth, "file": f"{call.name}.flac"}


def silent_part(call: Shown, silent: Silent) -> tuple[float, float, list[int]]:
    """Which part of a call has to be silent: seconds, and channels.

    What begins and ends it is heard, so it is known less well than the truth knows it.
    """
    truth = truth_of(call)
    start, end = 0.0, truth["duration_ms"] / 1_000
    for turn in truth["turns"]:
        if turn["text"] == silent.after:
            start = turn["end_ms"] / 1_000 + EDGE_S
        if turn["text"] == silent.until:
            end = turn["start_ms"] / 1_000 - EDGE_S
    return start, end, [SIDES.index(one) for one in SIDES if silent.of in {None, one}]


def _pieces(text: str, language: str) -> tuple[Piece, ...]:
    names = ONES if language == "es" else DIGITS
    pieces = []
    parts = _NUMBER.split(text)
    for index, part in enumerate(parts):
        if index % 2 == 0:
            pieces += [Piece.plain(part.strip())] if any(map(str.isalnum, part)) else []
            continue
        whole = part.replace(" ", "")
        for group in part.split():
            tokens = tuple(Token(names[int(digit)], digit) for digit in group)
            pieces.append(Piece(tokens, Entity("pan", "pan", group, whole)))
    return tuple(pieces)


def _spoken(call: Shown, seed: int) -> tuple[Stage, dict[str, Any]]:
    """The call as its recorder has it, and its truth."""
    rng = random.Random(f"consent {call.name}")
    turns: list[Turn] = []
    rests: dict[int, float] = {}
    for line in call.lines:
        if line.rest:
            rests[len(turns)] = line.rest
        else:
            text = line.agent or line.customer
            turns.append(Turn(line.side, _pieces(text, call.language)))
    stage = _with_rests(turns, rests, call, rng)
    noise = np.random.default_rng(seed)
    clean = {side: at_level(stage.speech[side], _LINE.level_dbfs) for side in SIDES}
    agent, customer = (clean[side] for side in SIDES)
    stage.pcm = np.stack(
        [telephone(agent, customer, _LINE, noise), telephone(customer, agent, _LINE, noise)], axis=1
    )
    return stage, {
        "file": f"{call.name}.flac",
        "duration_ms": len(stage.pcm) * 1_000 / SAMPLE_RATE,
        "samples": len(stage.pcm),
        "sample_rate": SAMPLE_RATE,
        "channels": list(SIDES),
        "scenario": f"consent {call.name}",
        "pii_free": not stage.entities,
        "seed": seed,
        "voices": dict(call.voices),
        "entities": stage.entities,
        "turns": stage.turns,
        "speech": stage.plain,
    }


def _with_rests(
    turns: list[Turn], rests: dict[int, float], call: Shown, rng: random.Random
) -> Stage:
    """Place the turns; those after a pause of the script come later by its length."""
    stage = place(turns, {side: voice(name) for side, name in call.voices.items()}, rng)
    for index in sorted(rests, reverse=True):
        _later(stage, stage.turns[index]["start_ms"], rests[index])
    return stage


def _later(stage: Stage, from_ms: float, seconds: float) -> None:
    """Put silence before all that begins at a time or after it."""
    cut, gap = round(from_ms * SAMPLE_RATE / 1_000), round(seconds * SAMPLE_RATE)
    for side in SIDES:
        before, after = np.split(stage.speech[side], [cut])
        stage.speech[side] = np.concatenate([before, np.zeros(gap), after])
    added = gap * 1_000 / SAMPLE_RATE
    words = [word for entity in stage.entities for word in entity["words"]]
    for one in (*stage.turns, *stage.entities, *words):
        if one["start_ms"] >= from_ms:
            one["start_ms"] += added
            one["end_ms"] += added
    for parts in stage.plain.values():
        for part in parts:
            if part[0] >= from_ms:
                part[:] = [part[0] + added, part[1] + added]


def sidecar_of(call: Shown, minute: int) -> dict[str, Any]:
    """What the recorder lays beside a call's recording."""
    plain = {
        "call_id": call.name,
        "started_at": STARTED.format(minute),
        "channels": [{"index": index, "role": role} for index, role in enumerate(SIDES)],
        "language": call.language,
        "purpose": call.purpose,
    }
    return plain | ({"consent": call.consent} if call.consent else {})


def main() -> None:
    """Make all of them anew."""
    truth = []
    for number, call in enumerate(shown_calls()):
        sidecar = json.dumps(sidecar_of(call, number), indent=2) + "\n"
        call.sidecar.write_text(sidecar, encoding="utf-8")
        if call.recording:
            continue
        stage, entry = _spoken(call, number)
        soundfile.write(call.audio, stage.pcm, SAMPLE_RATE, "PCM_16", format="FLAC")
        truth.append(json.dumps(entry, ensure_ascii=False))
        size = call.audio.stat().st_size
        print(f"{call.name}: {entry['duration_ms'] / 1_000:.1f} s, {size / 1_000:.0f} kB")
    (CALLS / "manifest.jsonl").write_text("\n".join(truth) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
