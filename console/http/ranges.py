"""Byte ranges of HTTP (RFC 9110, section 14), as players ask for them."""

from __future__ import annotations

import re
from typing import Final

from console.http.errors import Refusal

_ONE: Final = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")


def byte_range(header: str | None, length: int) -> tuple[int, int] | None:
    """What is asked for as ``[start, stop)``; None: all of it.

    Several ranges at once, other units and what is malformed are answered with the whole, as the
    RFC allows.

    Args:
        header: ``Range``, or None.
        length: of the whole, in bytes.

    Raises:
        Refusal: 416, the range begins behind the end.
    """
    found = _ONE.fullmatch(header or "")
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first:
        start, stop = int(first), min(int(last) + 1, length) if last else length
        if last and int(last) < start:
            return None
    else:
        start, stop = max(0, length - int(last)), length
    if start >= length or start >= stop:
        raise Refusal(
            416,
            "range",
            f"the audio has {length} bytes: ask for a range within",
            {"Content-Range": f"bytes */{length}"},
        )
    return start, stop
