"""Speaks a prompt with a voice program that is installed: 8 kHz, mono, 16 bit, as telephones have.

Outcome of ``speak``: the file is there whole, or ``InputError`` says why not. Prompts hold nothing
of any call, so the program may write them to a file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from pipeline.errors import InputError

RATE: Final = 8_000
"""Hz."""
LONGEST_S: Final = 60
"""How long a program may take."""
_LOUDEST: Final = 0.98


@dataclass(frozen=True, slots=True)
class _Program:
    name: str
    languages: frozenset[str] | None
    """None: it is asked for any."""
    command: Callable[[str, str, str, Path], list[str]]
    """Of its path, the language, the text and the file to write."""


_PROGRAMS: Final = (
    _Program(
        "flite",
        frozenset({"en"}),
        lambda path, _, text, file: [path, "-o", str(file), "-t", text],
    ),
    _Program(
        "espeak-ng",
        None,
        lambda path, language, text, file: [path, "-v", language, "-w", str(file), "--", text],
    ),
)


def speak(text: str, language: str, file: Path) -> str:
    """Write a text as speech; what was in the file before is replaced.

    Args:
        text: to be spoken.
        language: ISO 639-1.
        file: whose name ends with ``.wav``.

    Returns:
        The name of the program that spoke.

    Raises:
        InputError: no program speaks the language or all fail, or the file can't be written.
    """
    if file.suffix.lower() != ".wav":
        raise InputError(f"{file}: the name of a sound file ends with .wav")
    failed = []
    for program in _PROGRAMS:
        if program.languages is not None and language not in program.languages:
            continue
        path = shutil.which(program.name)
        if path is None:
            continue
        audio = _spoken(program, path, text, language)
        if audio is not None:
            _write(audio, file)
            return program.name
        failed.append(program.name)
    if failed:
        raise InputError(f"{' and '.join(failed)} could not speak {language}; record it instead")
    names = [one.name for one in _PROGRAMS if one.languages is None or language in one.languages]
    raise InputError(
        f"no program that speaks {language} is installed; install {' or '.join(names)}, or have "
        "the text of `hushwire notice` recorded"
    )


def _spoken(
    program: _Program, path: str, text: str, language: str
) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    """What a program says, at ``RATE``; None where it fails or brings no sound."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "prompt.wav"
        try:
            done = subprocess.run(  # noqa: S603 - no shell; the text is one argument
                program.command(path, language, text, raw),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=LONGEST_S,
                check=False,
                env={"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
            )
            if done.returncode != 0:
                return None
            audio, rate = soundfile.read(raw, dtype="float64", always_2d=True)
        except (OSError, subprocess.TimeoutExpired, soundfile.LibsndfileError):
            return None
    mono = soxr.resample(audio.mean(axis=1), rate, RATE)
    peak = float(np.max(np.abs(mono), initial=0.0))
    if peak == 0.0:
        return None
    return np.asarray(mono * min(1.0, _LOUDEST / peak), dtype=np.float64)


def _write(audio: np.ndarray[tuple[int], np.dtype[np.float64]], file: Path) -> None:
    """Beside the file first, so that a player never meets half a prompt."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        soundfile.write(part, audio, RATE, subtype="PCM_16", format="WAV")
        part.replace(file)
    except (OSError, soundfile.LibsndfileError) as error:
        part.unlink(missing_ok=True)
        problem = getattr(error, "strerror", None) or "not writable"
        raise InputError(f"{file}: cannot be written ({problem})") from None
