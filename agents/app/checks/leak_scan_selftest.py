"""The proof that a leak scan is no idle one: canaries are planted and have to be found.

The plants are made from the canaries as another program would write them, not from the needles.
They stay in memory.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from agents.app.checks.canaries import SHORTEST, Canary, digits_of, encodings, loud_streams, needles
from agents.app.checks.leak_scan import OVERLAP, Searcher

_BLOCK = 4 * OVERLAP
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, slots=True)
class Planted:
    """A canary in one form, and whether the scan saw it."""

    canary: str
    form: str
    found: bool


def sample_canaries() -> list[Canary]:
    """A made-up number, a phrase and a sound."""
    noise = np.random.default_rng(1).normal(0, 6_000, (8_000, 2)).clip(-32_768, 32_767)
    return [
        Canary("number", "4000 0012 3456 7899"),
        Canary("phrase", "violet walrus umbrella"),
        Canary("sound", samples=noise.astype(np.int16), rate=8_000),
    ]


def self_test(canaries: Iterable[Canary]) -> list[Planted]:
    """Plant every canary in every form, over the border of two blocks, and search.

    Returns:
        One for each form, and ``nothing`` for bytes that hold no canary.
    """
    known = list(canaries)
    searcher = Searcher(*needles(known))
    filler = np.random.default_rng(2).bytes(3 * _BLOCK)
    results = [Planted("nothing", "random bytes", not searcher.search(BytesIO(filler)))]
    for canary in known:
        for form, plant in _plants(canary):
            # The border of two blocks goes through a short plant; a long one holds several.
            start = _BLOCK - min(len(plant), _BLOCK) // 2
            content = filler[:start] + plant + filler[start:]
            hits = searcher.search(BytesIO(content), block_size=_BLOCK)
            found = any(hit.canary == canary.name for hit in hits)
            results.append(Planted(canary.name, form, found))
    return results


def missed(canaries: Iterable[Canary]) -> list[str]:
    """What ``self_test`` plants and does not find, as lines for people; none where it finds all."""
    return [
        f"the scan does not find {one.canary} as {one.form}"
        for one in self_test(canaries)
        if not one.found
    ]


def _plants(canary: Canary) -> Iterator[tuple[str, bytes]]:
    if canary.samples is not None:
        # A channel in which nobody speaks holds nothing to be found.
        for place, (whole, starts) in loud_streams(canary).items():
            stream = whole[starts[0] : starts[0] + canary.rate]
            for coding, content in encodings(stream).items():
                yield f"{coding}, {place}", content
                for before in range(3):
                    encoded = base64.b64encode(b"xyz"[:before] + content)
                    yield f"base64 of {coding}, {place}, {before} bytes before", encoded
        return
    text = canary.text
    yield "text", text.encode()
    yield "capitals", text.upper().encode()
    yield "UTF-16", text.encode("utf-16")
    yield "hex", text.encode().hex().encode()
    yield "words on lines", "\n".join(text.split()).encode()
    for before in range(3):
        encoded = base64.b64encode(b"xyz"[:before] + text.encode() + b"z")
        yield f"base64, {before} bytes before", encoded
    digits = digits_of(text)
    if len(digits) >= SHORTEST:
        yield "digits", digits.encode()
        yield "digits with dashes", "-".join(digits).encode()
        yield "digits with blanks", " ".join(digits).encode()
        yield "digits in a JSON list", str([int(digit) for digit in digits]).encode()
        yield "spoken", " ".join(_WORDS[int(digit)] for digit in digits).encode()
        yield "spoken, with commas", ", ".join(_WORDS[int(digit)] for digit in digits).encode()
