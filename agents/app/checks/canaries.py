"""Canaries: known made-up values and speech that must not be found in anything that was written.

A text canary is looked for as it stands, in any case, with other marks between its words, and in
UTF-16; one of digits also with separators and as spoken digits. An audio canary is looked for as
PCM16, mu-law, A-law and float32, every channel alone and interleaved. All of them also in base64,
whatever stands before them, and text in hex. What is compressed or encrypted is not opened.

Outcomes: ``InputError`` for a canary that can't be used, such as one so short that chance finds it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from pipeline.errors import InputError
from pipeline.records.model import FULL_SCALE

SHORTEST, LONGEST = 7, 200
"""Characters of a text canary; three digits would be found in any file by chance."""
SUFFIXES = frozenset({".wav", ".flac", ".ogg"})
PIECE = 32
"""Samples of audio that are looked for at once."""
STEP_S = 0.05
"""A leak of loud audio that is a piece longer than this can't be missed."""
LOUD = 500
"""Least peak of a piece: silence and hum are found everywhere."""
_BETWEEN = rb"[^0-9a-z]{0,4}"
_SPOKEN = ("zero|oh|o", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGITS = {word: str(digit) for digit, words in enumerate(_SPOKEN) for word in words.split("|")}

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Canary:
    """A value or a sound; what it holds is not shown."""

    name: str
    text: str = field(default="", repr=False)
    samples: Samples | None = field(default=None, repr=False, compare=False)
    """(frames, channels)."""
    rate: int = 0
    """Hz."""


@dataclass(frozen=True, slots=True)
class Needle:
    """Bytes that are looked for as they are."""

    canary: str
    form: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pattern:
    """What is looked for in several writings, in bytes whose ASCII letters are small."""

    canary: str
    form: str
    regex: re.Pattern[bytes] = field(repr=False)


def read_canaries(files: Iterable[Path]) -> list[Canary]:
    """Read canaries: audio files, and text files with one canary a line (``#`` begins a remark).

    Raises:
        InputError: a file can't be read, or a canary is too short, too long or too quiet.
    """
    found: list[Canary] = []
    for file in files:
        try:
            if file.suffix.lower() in SUFFIXES:
                samples, rate = soundfile.read(file, dtype="int16", always_2d=True)
                found.append(Canary(file.name, samples=samples, rate=rate))
            else:
                lines = file.read_text(encoding="utf-8").splitlines()
                found += [
                    Canary(f"{file.name} line {number}", line.strip())
                    for number, line in enumerate(lines, 1)
                    if line.strip() and not line.startswith("#")
                ]
        except (OSError, UnicodeDecodeError, soundfile.LibsndfileError):
            raise InputError(f"{file}: cannot be read as canaries") from None
    if not found:
        raise InputError("no canary is given")
    return found


def needles(canaries: Iterable[Canary]) -> tuple[list[Needle], list[Pattern]]:
    """Everything that is looked for.

    Raises:
        InputError: see ``read_canaries``.
    """
    exact: list[Needle] = []
    patterns: list[Pattern] = []
    for one in canaries:
        if one.samples is None:
            exact += _text_needles(one)
            patterns += _text_patterns(one)
        else:
            pieces = list(_audio_needles(one))
            if not pieces:
                raise InputError(f"{one.name}: nothing in it is loud enough to be looked for")
            exact += pieces
    return exact, patterns


def digits_of(text: str) -> str:
    """The digits of a text that holds nothing else but marks and spoken digits, else nothing."""
    parts = re.findall(r"[0-9]|[A-Za-z]+", text)
    digits = [_DIGITS.get(part.lower(), part) for part in parts]
    return "".join(digits) if all(one.isdigit() for one in digits) else ""


def encodings(samples: Samples) -> dict[str, bytes]:
    """Audio in every form in which it is looked for.

    Args:
        samples: (frames,) of one channel, or interleaved ones.
    """
    return {
        "PCM16": samples.astype("<i2").tobytes(),
        "mu-law": _companded(samples, "ULAW"),
        "A-law": _companded(samples, "ALAW"),
        "float32": (samples.astype("<f4") / FULL_SCALE).tobytes(),
    }


def _text_needles(one: Canary) -> Iterator[Needle]:
    if not SHORTEST <= len(one.text) <= LONGEST:
        raise InputError(f"{one.name}: a text canary has {SHORTEST} to {LONGEST} characters")
    digits = digits_of(one.text)
    for text in dict.fromkeys((one.text, digits if len(digits) >= SHORTEST else one.text)):
        plain = text.encode()
        for coding in ("utf-16-le", "utf-16-be"):
            yield Needle(one.name, coding, text.encode(coding))
        yield Needle(one.name, "hex", plain.hex().encode())
        yield Needle(one.name, "hex", plain.hex().upper().encode())
        yield from _in_base64(one.name, "text", plain)


def _text_patterns(one: Canary) -> Iterator[Pattern]:
    words = [re.escape(word.encode().lower()) for word in re.findall(r"\w+", one.text)]
    if sum(map(len, words)) < SHORTEST:
        raise InputError(f"{one.name}: a text canary has at least {SHORTEST} letters or digits")
    yield Pattern(one.name, "text", re.compile(_BETWEEN.join(words)))
    digits = digits_of(one.text)
    if len(digits) >= SHORTEST:
        each = [f"(?:{digit}|{_SPOKEN[int(digit)]})".encode() for digit in digits]
        yield Pattern(one.name, "digits", re.compile(_BETWEEN.join(each)))


def loud_streams(one: Canary) -> dict[str, tuple[Samples, list[int]]]:
    """Channels, and all of them interleaved, with the starts of pieces that are loud enough."""
    if one.samples is None:
        return {}
    streams = {f"channel {at}": one.samples[:, at] for at in range(one.samples.shape[1])}
    if one.samples.shape[1] > 1:
        streams["interleaved"] = one.samples.reshape(-1)
    step = max(PIECE, int(STEP_S * one.rate))
    found = {}
    for place, stream in streams.items():
        starts = [
            start
            for start in range(0, len(stream) - PIECE + 1, step)
            if np.abs(stream[start : start + PIECE].astype(np.int32)).max() >= LOUD
        ]
        if starts:
            found[place] = (stream, starts)
    return found


def _audio_needles(one: Canary) -> Iterator[Needle]:
    for place, (stream, starts) in loud_streams(one).items():
        # Companding goes sample by sample, so that a piece of the whole is the whole of a piece.
        for coding, content in encodings(stream).items():
            size = len(content) // len(stream)
            for start in starts:
                piece = content[start * size : (start + PIECE) * size]
                yield Needle(one.name, f"{coding} {place}", piece)
                yield from _in_base64(one.name, f"{coding} {place}", piece)


def _in_base64(name: str, form: str, content: bytes) -> Iterator[Needle]:
    """The characters that do not depend on what stands before and behind."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + content)
        whole = encoded[(8 * before + 5) // 6 : 8 * (before + len(content)) // 6]
        yield Needle(name, f"base64 of {form}", whole)
        if whole != (safe := whole.translate(bytes.maketrans(b"+/", b"-_"))):
            yield Needle(name, f"base64 of {form}", safe)


def _companded(samples: Samples, subtype: str) -> bytes:
    buffer = BytesIO()
    soundfile.write(buffer, samples, 8_000, format="RAW", subtype=subtype)
    return buffer.getvalue()
