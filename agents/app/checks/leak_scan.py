"""Searches every byte of files for canaries: any size, block by block.

Outcomes: ``Hit``s that say where and in which form, never what. A file that can't be read is told,
since nothing is known of it.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from agents.app.checks.canaries import Needle, Pattern
from pipeline.errors import InputError

BLOCK = 4 * 1024 * 1024
"""Bytes that are read at once."""
OVERLAP = 4096
"""Bytes of the block before that are searched again with the next: longer than any needle."""
_ANCHOR = 8
"""A needle is found by its first bytes, read as one number."""
_BITS = 22
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""Spreads numbers over the table: 2**64 divided by the golden ratio (Knuth, TAOCP 6.4)."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a canary was found."""

    canary: str
    form: str
    offset: int
    """Of the first find, in bytes."""
    count: int


@dataclass(slots=True)
class Scan:
    """What a scan found."""

    hits: list[tuple[Path, Hit]] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)
    files: int = 0
    bytes: int = 0


class Searcher:
    """Looks for all needles at once.

    Args:
        needles: exact bytes, each of at least 8.
        patterns: texts in several writings.
    """

    def __init__(self, needles: Sequence[Needle], patterns: Sequence[Pattern]) -> None:
        self._patterns = tuple(patterns)
        self._needles: dict[int, list[Needle]] = {}
        for one in dict.fromkeys(needles):
            if not _ANCHOR <= len(one.content) <= OVERLAP:
                raise ValueError(f"a needle has {_ANCHOR} to {OVERLAP} bytes")
            anchor = int.from_bytes(one.content[:_ANCHOR], "little")
            self._needles.setdefault(anchor, []).append(one)
        self._anchors = np.array(sorted(self._needles), np.uint64)
        self._table = np.zeros(1 << _BITS, np.bool_)
        self._table[_hashed(self._anchors)] = True

    def search(self, stream: BinaryIO, *, block_size: int = BLOCK) -> list[Hit]:
        """Search a stream to its end; a hit for each canary and form.

        Args:
            stream: of any length.
            block_size: bytes that are read at once.
        """
        found: dict[tuple[str, str], set[int]] = {}
        before, start = b"", 0
        while block := stream.read(block_size):
            content = before + block
            for canary, form, offset in self._in(content):
                found.setdefault((canary, form), set()).add(start + offset)
            before = content[-OVERLAP:]
            start += len(content) - len(before)
        return [Hit(*key, min(offsets), len(offsets)) for key, offsets in found.items()]

    def _in(self, content: bytes) -> Iterator[tuple[str, str, int]]:
        small = content.lower() if self._patterns else b""
        for pattern in self._patterns:
            for match in pattern.regex.finditer(small):
                yield pattern.canary, pattern.form, match.start()
        for shift in range(_ANCHOR):
            count = (len(content) - shift) // _ANCHOR
            if count < 1 or not len(self._anchors):
                continue
            numbers = np.frombuffer(content, "<u8", count, shift)
            places = np.flatnonzero(self._table[_hashed(numbers)])
            likely = numbers[places]
            nearest = np.searchsorted(self._anchors, likely).clip(max=len(self._anchors) - 1)
            for place in places[self._anchors[nearest] == likely]:
                offset = int(place) * _ANCHOR + shift
                for one in self._needles[int(numbers[place])]:
                    if content.startswith(one.content, offset):
                        yield one.canary, one.form, offset


def scan(paths: Iterable[Path], searcher: Searcher) -> Scan:
    """Search files, and folders with everything below them: contents and names.

    Links are not followed: what they lead to is not below the path, or is found there.

    Raises:
        InputError: a path is not there.
    """
    done = Scan()
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: there is no such file or folder")
        for file in _files(path, done):
            name = searcher.search(BytesIO(os.fsencode(file.name)))
            done.hits += [(file, Hit(one.canary, "file name", 0, 1)) for one in name]
            try:
                with file.open("rb") as stream:
                    done.hits += [(file, hit) for hit in searcher.search(stream)]
                    done.bytes += stream.tell()
            except OSError:
                done.unreadable.append(file)
            done.files += 1
    return done


def _files(path: Path, done: Scan) -> Iterator[Path]:
    """Regular files below a path, in order."""
    if path.is_file():
        yield path
        return

    def unreadable(error: OSError) -> None:
        done.unreadable.append(Path(str(error.filename)))

    for folder, folders, names in os.walk(path, onerror=unreadable):
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            try:
                regular = stat.S_ISREG(file.lstat().st_mode)
            except OSError:
                done.unreadable.append(file)
                continue
            if regular:
                yield file


def told(done: Scan) -> list[str]:
    """One line for each find, and one for each file that could not be read."""
    lines = [
        f"{path}: {hit.canary} as {hit.form}, byte {hit.offset}, {hit.count} times"
        for path, hit in done.hits
    ]
    return lines + [f"{path}: could not be read" for path in done.unreadable]


def forms(hits: Iterable[Hit]) -> Counter[tuple[str, str]]:
    """How often each canary was found in each form."""
    counts: Counter[tuple[str, str]] = Counter()
    for hit in hits:
        counts[hit.canary, hit.form] += hit.count
    return counts


def _hashed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
    return ((numbers * _FACTOR) >> np.uint64(64 - _BITS)).astype(np.intp)
