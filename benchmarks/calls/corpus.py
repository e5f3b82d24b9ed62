"""Seeded generator of scripted two-channel calls with the exact truth beside the audio.

    python -m benchmarks.calls.corpus --count 40 --seed 7 --out DIR
    python -m benchmarks.calls.corpus --samples            # the eight calls in benchmarks/samples
    … --human-digits DIR    # customers' digits by the human speakers whose recordings lie there
    … --stress              # only voices of espeak-ng, of which Whisper misses two words of three

Every token of an entity is spoken by itself, so its first and last sample are known. The manifest
has one JSON object a line: ``file``, ``duration_ms``, ``channels``, ``scenario``, ``pii_free``,
``entities[]`` (with ``words[]``), ``turns[]``, ``speech{channel: [[start_ms, end_ms]…]}`` (speech
that is not sensitive).
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.calls import scripting
from benchmarks.calls.slots import Slots
from benchmarks.calls.stage import Stage, place
from benchmarks.speech.channel import Line, at_level, telephone
from benchmarks.speech.human_digits import PREFIX, HumanDigits, speakers
from benchmarks.speech.voices import SAMPLE_RATE, Voice, VoiceError, voice

SAMPLES = Path(__file__).parents[1] / "samples"
VOICES = (
    "piper:joe",
    "flite:rms",
    "flite:slt",
    "flite:awb",
    "festival:cmu_us_slt_arctic_hts",
    "piper:joe@1.08",
    "flite:rms@0.94",
    "festival:kal_diphone",
)
STRESS_VOICES = ("espeak:en-us", "espeak:en-gb", "espeak:en-us@1.1")
"""Never for figures: 67 % of their words are misheard."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides a call."""

    name: str
    script: str
    seed: int
    agent: str
    customer: str
    agent_line: Line
    customer_line: Line


SAMPLE_PLANS = (
    Plan("order", "order", 0, "flite:slt", "piper:joe", Line(-24, 30), Line(-25, 28)),
    Plan("card-replacement", "card_replacement", 0, "piper:joe", "flite:rms",
         Line(-25, 30), Line(-26, 26, "brown")),
    Plan("appointment", "appointment", 0, "flite:rms", "festival:cmu_us_slt_arctic_hts",
         Line(-24, 28), Line(-26, 28)),
    Plan("refill", "refill", 0, "flite:slt", "flite:rms@0.94", Line(-23, 32), Line(-27, 26)),
    Plan("claim", "claim", 0, "flite:awb", "piper:joe@1.08", Line(-26, 28), Line(-24, 28, "white")),
    Plan("bill", "bill", 0, "piper:joe", "flite:slt", Line(-25, 30), Line(-28, 26)),
    Plan("booking", "booking", 0, "festival:cmu_us_slt_arctic_hts", "flite:rms",
         Line(-24, 30), Line(-26, 26, echo_db=-40)),
    Plan("support", "support", 0, "flite:slt", "piper:joe", Line(-24, 28), Line(-27, 24, "brown")),
)  # fmt: skip
"""The shipped calls; the seeds were chosen so that each takes 30 to 70 s."""


def plan_at(
    index: int, seed: int, *, voices: Sequence[str] = VOICES, humans: Sequence[str] = ()
) -> Plan:
    """The call number ``index`` of a large set.

    Args:
        index: which call.
        seed: of the set.
        voices: to draw from.
        humans: speakers in turn of whom the customers have their digits; none: all is synthetic.
    """
    rng = random.Random(f"plan {seed} {index}")
    names = scripting.names()
    script = names[index % len(names)]
    agent, customer = rng.sample(voices, 2)
    if humans:
        customer = f"{PREFIX}{humans[index // len(names) % len(humans)]}+{customer}"
    return Plan(
        name=f"{script.replace('_', '-')}-{index:04d}",
        script=script,
        seed=seed * 100_003 + index,
        agent=agent,
        customer=customer,
        agent_line=_line(rng),
        customer_line=_line(rng),
    )


def voice_in(folder: Path | None, seed: int) -> Callable[[str], Voice]:
    """Voices by name, ``human:SPEAKER+carrier`` with the recordings of a folder among them.

    Raises:
        VoiceError: a human voice is asked for, and there is no folder.
    """

    def named(name: str) -> Voice:
        if not name.startswith(PREFIX):
            return voice(name)
        if folder is None:
            raise VoiceError(f"{name}: name the folder with the digits: --human-digits DIR")
        speaker, _, carrier = name.removeprefix(PREFIX).partition("+")
        return HumanDigits(folder, speaker, voice(carrier), seed)

    return named


def make(plan: Plan, voices: Callable[[str], Voice] = voice) -> tuple[Stage, dict[str, Any]]:
    """Speak one call.

    Returns:
        What was placed (audio of both sides on ``.pcm``), and its manifest entry.

    Raises:
        VoiceError: a voice of the plan is not installed.
    """
    rng = random.Random(f"call {plan.seed} {plan.script}")
    script = scripting.load(plan.script)
    turns = scripting.perform(script, Slots(rng, script.companies), rng)
    stage = place(turns, {"agent": voices(plan.agent), "customer": voices(plan.customer)}, rng)
    noise = np.random.default_rng(plan.seed)
    lines = {"agent": plan.agent_line, "customer": plan.customer_line}
    clean = {side: at_level(stage.speech[side], lines[side].level_dbfs) for side in lines}
    stage.pcm = np.stack(
        [
            telephone(clean["agent"], clean["customer"], plan.agent_line, noise),
            telephone(clean["customer"], clean["agent"], plan.customer_line, noise),
        ],
        axis=1,
    )
    entry = {
        "file": f"{plan.name}.flac",
        "duration_ms": len(stage.pcm) * 1_000 / SAMPLE_RATE,
        "samples": len(stage.pcm),
        "sample_rate": SAMPLE_RATE,
        "channels": ["agent", "customer"],
        "scenario": script.scenario,
        "pii_free": script.pii_free,
        "seed": plan.seed,
        "voices": {"agent": plan.agent, "customer": plan.customer},
        "entities": stage.entities,
        "turns": stage.turns,
        "speech": stage.plain,
    }
    return stage, entry


def write(plans: Sequence[Plan], folder: Path, humans: Path | None = None) -> None:
    """Write the calls, a recorder's sidecar for each, and ``manifest.jsonl``.

    Args:
        plans: which calls.
        folder: made when missing.
        humans: folder with recordings of digits, for plans with human voices.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for plan in plans:
        stage, entry = make(plan, voice_in(humans, plan.seed))
        soundfile.write(folder / entry["file"], stage.pcm, SAMPLE_RATE, "PCM_16", format="FLAC")
        sidecar = {
            "call_id": plan.name,
            "started_at": f"2026-01-05T09:{plan.seed % 60:02d}:00+00:00",
            "channels": [
                {"index": index, "role": role} for index, role in enumerate(entry["channels"])
            ],
            "language": "en",
        }
        text = json.dumps(sidecar, indent=2) + "\n"
        (folder / f"{plan.name}.json").write_text(text, encoding="utf-8")
        lines.append(json.dumps(entry, ensure_ascii=False))
        print(f"{plan.name}: {entry['duration_ms'] / 1_000:.1f} s, {len(stage.entities)} entities")
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _line(rng: random.Random) -> Line:
    return Line(
        level_dbfs=rng.uniform(-31, -21),
        snr_db=rng.uniform(18, 32),
        noise=rng.choice(("white", "pink", "brown")),
        echo_db=rng.uniform(-45, -32) if rng.random() < 0.2 else None,
        echo_ms=rng.randint(30, 180),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Make scripted calls with their truth.")
    parser.add_argument("--samples", action="store_true", help="the eight calls that ship")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--human-digits", type=Path, metavar="DIR", help="DIGIT_SPEAKER_NUMBER.wav")
    parser.add_argument("--stress", action="store_true", help="espeak-ng alone; not for figures")
    options = parser.parse_args(arguments)
    if options.samples:
        write(SAMPLE_PLANS, options.out or SAMPLES)
    elif options.out:
        humans = speakers(options.human_digits) if options.human_digits else ()
        voices = STRESS_VOICES if options.stress else VOICES
        plans = [
            plan_at(index, options.seed, voices=voices, humans=humans)
            for index in range(options.count)
        ]
        write(plans, options.out, options.human_digits)
    else:
        parser.error("name a folder: --out DIR")


if __name__ == "__main__":
    main()
