"""Names of calls that hold a number: found here, and made pseudonyms of.

Recorders name files by the caller's number, and a call's id stands in clear in keys of the broker,
ledger, catalogue, audit log and certificate. ``holds_number`` says whether a name may hold a
number of a telephone, a card or a person. It fails closed: seven digits are a number, whatever
stands between them, unless they are a time or an identifier that machines draw. ``pseudonym_of``
makes an id without any digit; ``shown`` masks a name for people to read. ``same_call`` refuses
a record of another call.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from pipeline.errors import RecordError

CALL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""What a call id may look like: it becomes a Kafka key, a header and a file name."""
FEWEST: Final = 7
"""Digits of a number: a local telephone number without its area code has seven."""
PSEUDONYM: Final = re.compile(r"call-[a-p]{32}")
"""What a call's pseudonym looks like: 128 bits."""
_DOMAIN: Final = b"hushwire/call/1\x00"
"""Keeps these hashes apart from those of parties and of values in transcripts."""
_LETTERS: Final = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_DECODINGS: Final = 4
"""How often a name may be percent-encoded over and over; what is left then counts as a number."""

_TIME: Final = re.compile(
    r"""(?<!\d)
    20[1-3]\d (?P<dash>[-_.]?) (?:0[1-9]|1[0-2]) (?P=dash) (?:0[1-9]|[12]\d|3[01])
    (?:
        [-_.T ]{1,3} (?:[01]\d|2[0-3]) (?P<colon>[-_.:]?) [0-5]\d (?P=colon) [0-5]\d
        (?: [.,]\d{3}(?:\d{3})? (?![-_. ]?\d) )?
      | T (?:[01]\d|2[0-3]) [-_.:]? [0-5]\d (?![-_.: ]?\d)
      | (?:[01]\d|2[0-3]) [0-5]\d [0-5]\d (?:\d{3})?
    )?
    (?!\d)""",
    re.VERBOSE,
)
"""A day of 2010 to 2039, year first, with or without its time. Twelve digits are no time: they are
also Egyptian numbers (+20)."""
_DRAWN: Final = re.compile(
    r"""(?<![0-9a-z])
    (?: [0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}   # RFC 9562
      | (?:[a-z]{2})? (?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})
      | [0-7][0-9a-hjkmnp-tv-z]{25}                                               # ULID
    )(?![0-9a-z])""",
    re.VERBOSE | re.IGNORECASE,
)
_CHANNEL: Final = re.compile(r"(?<![\d])1[5-9]\d{8}\.\d{1,6}(?![\d.])")
"""``uniqueid`` of Asterisk: seconds since 1970, a dot and a counter."""
_SUFFIX: Final = re.compile(r"\.(?:mp3|mp4|m4a)\Z", re.IGNORECASE)
"""Of recordings, with a digit that is no number's."""
_LONGEST_DRAWN: Final = 11
"""Most digits in a row that chance leaves in a drawn identifier; a card has more."""
_FEWEST_LETTERS: Final = 4
_ACROSS: Final = re.compile(r"[^\W\d_]+")
"""Letters: they end a number. Everything else may stand between its digits."""


def valid_call_id(call_id: str) -> bool:
    """Whether a call id is safe as a key, a header and a file name (1 to 128 characters)."""
    return CALL_ID.fullmatch(call_id) is not None and ".." not in call_id


def holds_number(name: str) -> bool:
    """Whether a call's name may hold the number of a telephone, a card or a person.

    Digits count in every script, width and percent-encoding.
    """
    plain = _plain(name)
    if plain is None:
        return True
    left = _CHANNEL.sub("x", _TIME.sub("x", _DRAWN.sub(_drawn, plain)))
    if not _ACROSS.search(plain):
        # Nothing says that it is a day: eight digits are also a number.
        left = plain if _digits(plain) <= len("20260101") else left
    return any(_digits(run) >= FEWEST for run in _ACROSS.split(left))


def holds_digits(name: str) -> bool:
    """Whether a name has as many digits as a number, whatever else it has: letters, a day."""
    plain = _plain(name)
    return plain is None or _digits(plain) >= FEWEST


def pseudonym_of(name: str, key: bytes) -> str:
    """The keyed pseudonym of a name: HMAC-SHA256, cut to 128 bits, in letters alone.

    Args:
        name: as it was given; the same name gives the same pseudonym under the same key.
        key: the installation's token key.
    """
    digest = hmac.digest(key, _DOMAIN + name.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return f"call-{digest.hex()[:32].translate(_LETTERS)}"


def shown(name: str) -> str:
    """A name for messages, on one line: ``?`` for what can't be printed.

    Of one that may hold a number, ``#`` for every digit but those of a known suffix.
    """
    suffix = _SUFFIX.search(name)
    end = suffix.start() if suffix else len(name)
    hidden = holds_number(name)
    masked = ("#" if hidden and char.isnumeric() else char for char in name[:end])
    return "".join(char if char.isprintable() else "?" for char in (*masked, *name[end:]))


def _plain(name: str) -> str | None:
    """The name with every digit as ASCII; None where decoding finds no end."""
    text = name
    for _ in range(_DECODINGS):
        decoded = unquote(text)
        if decoded == text:
            break
        text = decoded
    else:
        return None
    text = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)


def _drawn(found: re.Match[str]) -> str:
    """Nothing of an identifier that looks drawn; all of one that a number may stand in."""
    text = found.group()
    longest = max(map(len, re.findall(r"\d+", text)), default=0)
    letters = len(set(re.findall(r"[a-z]", text.lower())))
    return "x" if longest <= _LONGEST_DRAWN and letters >= _FEWEST_LETTERS else text


def _digits(text: str) -> int:
    return sum(char.isdigit() for char in text)


def same_call(known: str | None, call_id: str) -> str:
    """The one call that records are of.

    Args:
        known: of those before; None: this is the first.
        call_id: of the record that comes.

    Raises:
        RecordError: it is of another call.
    """
    if known not in {None, call_id}:
        raise RecordError("a record of another call")
    return call_id
