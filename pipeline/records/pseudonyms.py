"""Who takes part in a call, without saying who: numbers become keyed pseudonyms.

The same number gives the same pseudonym under the same key, so that repeat callers can be counted
and a caller's own calls be found by the number. Without the key nobody can tell whose it is; with
it, anybody can try all numbers, so the key is as secret as the numbers.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from typing import Final

from pipeline.errors import InputError

PURPOSE: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
"""What a purpose's name looks like."""
PSEUDONYM: Final = re.compile(r"pn-[0-9a-f]{32}")
"""What a pseudonym looks like: 128 bits."""
LEAST_KEY: Final = 32
"""Bytes of a token key: as many as SHA-256 gives (RFC 2104, section 3)."""
_SCHEME: Final = re.compile(r"^(?:tel|sips?):", re.IGNORECASE)
_FILLING: Final = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]")
_DOMAIN: Final = b"hushwire/party/1\x00"
"""Keeps these hashes apart from those of values in transcripts, which have the same key."""
_RECORDER: Final = b"hushwire/recorder/1\x00"
_HEADER: Final = b"hushwire/door-header/1\x00"
_CHECK: Final = b"hushwire/token-key-check/1\x00"
_LONGEST: Final = 256


def pseudonym(number: str, key: bytes) -> str:
    """The keyed pseudonym of a number: HMAC-SHA256 of its plain form, cut to 128 bits.

    Args:
        number: a telephone number as people or machines write it, or a SIP address.
        key: the installation's token key.

    Raises:
        InputError: nothing is left of it, or it is too long for a number.
    """
    plain = plain_number(number)
    return f"pn-{hmac.digest(key, _DOMAIN + plain.encode(), hashlib.sha256).hex()[:32]}"


def recorder_index(recorder_id: str, key: bytes) -> str:
    """The keyed hash by which calls of a recorder's own id are found: HMAC-SHA256 in hex.

    Args:
        recorder_id: whatever the recorder or platform calls the call; blanks around it don't count,
            nor does how its accents are encoded.
        key: the installation's token key.
    """
    plain = unicodedata.normalize("NFC", recorder_id.strip())
    return _keyed(_RECORDER, plain.encode("utf-8", "surrogatepass"), key)


def header_hash(header: bytes, key: bytes) -> str:
    """The keyed hash of what a call's records have to agree on: HMAC-SHA256 in hex."""
    return _keyed(_HEADER, header, key)


def key_check(key: bytes) -> str:
    """By what a token key is known again: HMAC-SHA256 of a constant, in hex.

    It is no hash of a number, so that it helps nobody to try numbers; to find the key by it is to
    try all of its 256 bits.
    """
    return _keyed(_CHECK, b"", key)


def _keyed(domain: bytes, content: bytes, key: bytes) -> str:
    return hmac.digest(key, domain + content, hashlib.sha256).hex()


def plain_number(number: str) -> str:
    """A number without what people write between its digits; ``00`` in front is ``+``.

    National and international forms of one number stay different: which country was meant is not
    known here. A SIP address keeps its user part where that is a number, all of it otherwise.

    Raises:
        InputError: see ``pseudonym``; the message does not quote it.
    """
    bare = _SCHEME.sub("", number.strip()).partition(";")[0]
    user = _FILLING.sub("", bare.partition("@")[0])
    plain = user if re.fullmatch(r"\+?[0-9]+", user) else _FILLING.sub("", bare).lower()
    plain = re.sub(r"^00", "+", plain)
    if not plain or len(number) > _LONGEST:
        raise InputError("a party's number is empty or longer than 256 characters")
    return plain
