"""Ids of calls that come in by the door: ``call-`` and 26 letters and digits, as a ULID has them.

They are made of drawn bytes, or of a recording's digest. What a platform calls a call is never part
of one, so that no number gets into keys and file names.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from pipeline.records.call_names import holds_number

DOOR_CALL_ID: Final = re.compile(r"call-[0-7][0-9a-hjkmnp-tv-z]{25}")
"""What such an id looks like: 128 bits."""
DRAWN: Final = re.compile(
    r"((call-)?("
    r"[0-7]([0-9a-hjkmnp-tv-z]{25}|[0-9A-HJKMNP-TV-Z]{25})"  # a ULID
    r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # a UUID
    r"|[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"
    r")|call-[a-p]{32})"  # 16 drawn bytes, a letter for each half
)
"""What the door takes as an id."""
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32, as in ULIDs."""
_DOMAIN: Final = b"hushwire/call-id/1\x00"
_LENGTH: Final = 26
_BITS: Final = 128


def is_drawn(call_id: str) -> bool:
    """Whether an id looks drawn: ours, a ULID or UUID, or 32 letters of a to p; no name does."""
    return DRAWN.fullmatch(call_id) is not None


def recording_call_id(digest: str, recorder_id: str = "") -> str:
    """The id of a recording's call: of two calls with the same bytes, each has its own.

    Args:
        digest: sha256 of the recording's file, in hex.
        recorder_id: the recorder's own id of the call, where it has one.
    """
    seed = bytes.fromhex(digest)
    if recorder_id:
        seed = hashlib.sha256(seed + recorder_id.encode("utf-8", "surrogatepass")).digest()
    return call_id_of(seed)


def call_id_of(seed: bytes) -> str:
    """The id that belongs to some bytes; equal bytes give equal ids.

    Args:
        seed: 32 drawn bytes for a call that is running, the sha256 of a recording's file.
    """
    turn = 0
    while True:
        digest = hashlib.sha256(_DOMAIN + turn.to_bytes(4, "big") + seed).digest()
        number = int.from_bytes(digest[: _BITS // 8], "big")
        text = "".join(_ALPHABET[number >> 5 * place & 31] for place in range(_LENGTH - 1, -1, -1))
        call_id = f"call-{text}"
        # Chance may leave many digits in a row, which would then count as a number.
        if not holds_number(call_id):
            return call_id
        turn += 1
