"""Measures what a machine can carry with a speech model.

A model is measured as the transcribe stage would use it: as the main model with the second one and
the passes that the settings ask for, in as many processes at once as the machine is to run; and
once alone, heard once. Outcomes of ``bench_model``: a ``Measured``, or ``ModelError``; ``advised``
says which model to take.
"""

from __future__ import annotations

import json
import platform
import resource
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Final

from agents.runtime.engine_pool import engine_pool
from agents.system.clock import system_clock
from agents.system.engine_sizing import Device, Pace, cores, memory_bytes, window_settings
from models.speech.silero_vad import SileroVoice
from models.speech.transcriber import TranscriberSettings, speech_models, transcribe_all
from models.speech.whisper import unusable
from models.speech.window_audio import numeric
from pipeline.audio.files import read_recording
from pipeline.audio.narrowing import analysed
from pipeline.errors import InputError, ModelError, SettingsError
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Hearing, Role, Window
from pipeline.transcription.segmenter import Segmenter

USED: Final = 0.7
"""Of an engine's time; the rest is for calls that do not come evenly."""
_MEMORY: Final = 0.8
"""Of the machine's memory that engines may take."""
_FULL: Final = 8
"""So often a GPU gets the same windows, so that its batches are full."""
_AS_GOOD: Final = 1.0
"""Points of word error within which the cheaper model is taken."""
_NUMBER: Final = "#"


@dataclass(frozen=True, slots=True)
class Spoken:
    """Audio to measure with."""

    seconds: float
    windows: tuple[Window, ...] = field(repr=False)
    said: dict[tuple[str, int], str] = field(default_factory=dict, repr=False)
    """What is said in each channel of a call, where that is known."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One model on one device; docs/models.md explains each field."""

    model: str
    device: Device
    compute_type: str
    second_model: str | None
    seconds_per_audio_second: float
    memory_mb: int
    alone_seconds_per_audio_second: float
    alone_memory_mb: int
    load_seconds: float
    engines: int
    calls: int
    word_error: float | None
    audio_seconds: float
    machine: str
    date: str


def spoken_of(folder: Path | None, pace: Pace, language: str) -> Spoken:
    """Recordings, cut into windows as the transcribe stage cuts them.

    Args:
        folder: of recordings, with a ``manifest.jsonl`` of the truth where there is one; None for
            the sample call that ships.
        pace: how windows are cut.
        language: of calls.

    Raises:
        InputError: there is no recording, or one can't be read.
        ModelError: what finds speech is missing.
    """
    if folder is None:
        with resources.as_file(resources.files("models.speech") / "sample_call.ogg") as sample:
            return _spoken([sample], _said([sample.with_suffix(".json")]), pace, "en")
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    ends = {".wav", ".flac", ".ogg", ".mp3", ".m4a", ".mp4", ".webm"}
    files = sorted(one for one in folder.iterdir() if one.suffix.lower() in ends)
    if not files:
        raise InputError(f"{folder}: there is no recording ({', '.join(sorted(ends))})")
    manifest = folder / "manifest.jsonl"
    return _spoken(files, _said([manifest] if manifest.is_file() else []), pace, language)


def bench_model(settings: TranscriberSettings, spoken: Spoken, engines: int) -> Measured:
    """Measure ``settings.main``.

    Args:
        settings: model, second opinion, device and arithmetic.
        spoken: what to listen to.
        engines: processes that are to run; fewer do where the memory ends.

    Raises:
        SettingsError: the machine has no such device or arithmetic.
        ModelError: a model is missing, or the machine can't run it this way.
    """
    problem = unusable(settings.device, settings.compute_type)
    if problem:
        raise SettingsError(f"device {settings.device}, {settings.compute_type}: {problem}")
    speech_models(settings)
    device: Device = "cuda" if settings.device == "cuda" else "cpu"
    alone = replace(settings, second=None, check=settings.main, again=False)
    began = time.perf_counter()
    with engine_pool(alone, 1) as pool:
        loaded = time.perf_counter() - began
        once = pool.submit(_listen, spoken.windows, alone.batch, device).result()
    with engine_pool(settings, 1) as pool:
        whole = pool.submit(_listen, spoken.windows, settings.batch, device).result()
    fitting = max(1, min(engines, int(_MEMORY * memory_bytes() / 1e6 / whole.memory_mb)))
    if fitting > 1:
        with engine_pool(settings, fitting) as pool:
            work = [
                pool.submit(_listen, spoken.windows, settings.batch, device) for _ in range(fitting)
            ]
            costs = [one.result().seconds for one in work]
        whole = replace(whole, seconds=sum(costs) / fitting)
    cost = whole.seconds / spoken.seconds
    return Measured(
        model=settings.main,
        device=device,
        compute_type=settings.compute_type,
        second_model=settings.second if settings.second != settings.main else None,
        seconds_per_audio_second=round(cost, 5),
        memory_mb=whole.memory_mb,
        alone_seconds_per_audio_second=round(once.seconds / spoken.seconds, 5),
        alone_memory_mb=once.memory_mb,
        load_seconds=round(loaded, 2),
        engines=fitting,
        calls=carried(cost, fitting),
        word_error=_word_error(spoken, whole.texts),
        audio_seconds=round(spoken.seconds, 1),
        machine=machine(),
        date=system_clock().date().isoformat(),
    )


def carried(cost: float, engines: int) -> int:
    """Live calls that so many engines keep up with; 0 where one can't follow a single call."""
    return int(engines * USED / cost + 1e-9) if cost <= USED else 0


def advised(measured: Iterable[Measured], calls: int) -> Measured | None:
    """Which to take: of those that carry so many live calls the one that errs least.

    Of those that err as little (within a point), the cheapest. Where the truth is not known it is
    the one that costs most: of Whispers the larger hears better, and size is all that is known.
    """
    able = [one for one in measured if one.calls >= calls]
    judged = [one for one in able if one.word_error is not None]
    if judged:
        best = min(one.word_error or 0.0 for one in judged)
        good = [one for one in judged if (one.word_error or 0.0) <= best + _AS_GOOD]
        return min(good, key=lambda one: one.seconds_per_audio_second)
    return max(able, key=lambda one: one.alone_seconds_per_audio_second, default=None)


def machine() -> str:
    """This machine in words: cores, processor, system."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        named = next((one for one in lines if one.startswith("model name")), "")
        processor = named.partition(":")[2].strip() or processor
    except (OSError, UnicodeDecodeError):
        pass
    return f"{cores()} cores, {processor}, {platform.platform()}"


@dataclass(frozen=True, slots=True)
class _Listened:
    """What one process brought."""

    seconds: float
    """CPU time; on a GPU the time that passed, for as much audio."""
    memory_mb: int
    texts: dict[tuple[str, int], str] = field(repr=False)


def _listen(windows: Sequence[Window], most: int, device: Device) -> _Listened:
    """In a process of the pool: listen to everything once, and again for the clock."""
    transcribe_all(windows[:1])  # what is made at the first use does not count
    copies = _FULL if device == "cuda" else 1
    many = [one for one in windows for _ in range(copies)]
    clock = time.perf_counter if device == "cuda" else time.process_time
    began = clock()
    heard = [
        one
        for first in range(0, len(many), most)
        for one in transcribe_all(many[first : first + most])
    ]
    seconds = (clock() - began) / copies
    if any(one.unheard for one in heard):
        raise ModelError("the model fails on the audio; 'hushwire models verify' checks its files")
    texts: dict[tuple[str, int], list[str]] = {}
    for one in heard[::copies]:
        said = texts.setdefault((one.call_id, one.channel), [])
        said += [word.text for word in one.words if word.hearing is Hearing.MAIN]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux
    return _Listened(seconds, peak // 1_000, {at: " ".join(text) for at, text in texts.items()})


def _spoken(
    files: Sequence[Path], said: dict[tuple[str, int], str], pace: Pace, language: str
) -> Spoken:
    voice = SileroVoice()
    windows: list[Window] = []
    seconds = 0.0
    for path in files:
        recording = analysed(read_recording(path))
        rate, pcm = recording.sample_rate, recording.pcm
        roles = (Role.AGENT, Role.CUSTOMER) if recording.channels > 1 else (Role.MIXED,)
        call = CallInfo(path.stem, rate, roles[: recording.channels], language=language)
        segmenter = Segmenter(call, voice, window_settings(pace))
        starts = range(0, len(pcm), rate)
        for seq, start in enumerate(starts):
            windows += segmenter.take(AudioChunk(call, seq, start, pcm[start : start + rate]))
        windows += segmenter.finish(CallEnd(path.stem, len(starts), len(pcm)))
        seconds += len(pcm) / rate
    windows = [one for one in windows if len(one.pcm)]
    if not windows:
        raise InputError("nobody speaks in these recordings, so that nothing can be measured")
    return Spoken(seconds, tuple(windows), said)


def _said(manifests: Sequence[Path]) -> dict[tuple[str, int], str]:
    """What is said in each channel, of manifests such as ``benchmarks/samples`` has one."""
    said: dict[tuple[str, int], str] = {}
    for path in manifests:
        try:
            for line in path.read_text(encoding="utf-8").splitlines():
                call = json.loads(line)
                for channel, role in enumerate(call["channels"]):
                    turns = [one["text"] for one in call["turns"] if one["channel"] == role]
                    said[Path(call["file"]).stem, channel] = " ".join(turns)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}: is no manifest of what is said ({type(error).__name__}); take it away, "
                "or write it as docs/evaluation.md says"
            ) from None
    return said


def _word_error(spoken: Spoken, texts: dict[tuple[str, int], str]) -> float | None:
    """Per cent of the words that are said; None where nobody knows which those are."""
    wrong = total = 0
    language = spoken.windows[0].language
    for at, said in spoken.said.items():
        truth = plain_words(said, language)
        wrong += distance(truth, plain_words(texts.get(at, ""), language))
        total += len(truth)
    return round(100 * wrong / total, 1) if total else None


def plain_words(text: str, language: str) -> list[str]:
    """Small letters without signs; numbers, which are written in many ways, as one sign a run."""
    words: list[str] = []
    for word in text.replace("-", " ").split():
        plain = "".join(letter for letter in word.lower() if letter.isalnum())
        plain = _NUMBER if plain and numeric(plain, language) else plain
        if plain and not (plain == _NUMBER and words and words[-1] == _NUMBER):
            words.append(plain)
    return words


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Words to replace, leave out or put in, to make the one of the other (Levenshtein)."""
    row = list(range(len(other) + 1))
    for number, word in enumerate(one, 1):
        before, row[0] = row[0], number
        for at, another in enumerate(other, 1):
            kept = before + (word != another)
            before = row[at]
            row[at] = min(kept, row[at] + 1, row[at - 1] + 1)
    return row[-1]


def as_data(measured: Sequence[Measured], taken: Measured | None, calls: int) -> dict[str, Any]:
    """For ``--json`` and ``--to``: docs/models.md."""
    return {
        "measured": [
            {name: getattr(one, name) for name in Measured.__dataclass_fields__} for one in measured
        ],
        "calls_wanted": calls,
        "advised": taken.model if taken else None,
        "advised_device": taken.device if taken else None,
    }
