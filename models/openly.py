"""What a company says in public: its web site, its mailboxes, the version of a program.

Outcome of :func:`is_public`: True where a finding is no personal data; such a value is neither
muted nor remembered. :func:`version_asked` tells the reader that a version is asked for.
"""

from __future__ import annotations

from typing import Final

from models.lexicon import listed
from models.spoken import Turn
from pipeline.entities import Entity

VERSION: Final = "VERSION"
"""Stands among what is expected of a turn; no entity."""
_VERSIONS: Final = listed("version_words")
_NETWORKS: Final = frozenset(
    ["ip", "ipv4", "ipv6", "address", "subnet", "gateway", "dns", "ping", "pinging", "wan", "lan",
     "network", "host", "server"]
)  # fmt: skip
_BOXES: Final = listed("role_mailboxes")
_UNANSWERED: Final = frozenset(
    ["noreply", "no reply", "donotreply", "do not reply", "dont reply", "mailer daemon",
     "notifications", "notification", "alerts"]
)  # fmt: skip
"""Mailboxes from which machines write; nobody reads them."""
_PERSONAL: Final = listed("email_providers") - {"mail", "me", "live", "mac"}
_OURS: Final = frozenset({"our", "ours", "visit", "companys", "head"})
_US: Final = _OURS | {"us", "we", "weve"}
_ON_FILE: Final = frozenset(
    ["my", "mine", "your", "yours", "his", "her", "their", "have", "file", "got", "account",
     "still", "registered", "under", "see", "confirm", "right", "correct"]
)  # fmt: skip
"""Words beside an address that somebody has with the company."""
_MINE: Final = frozenset(
    ["my", "mine", "your", "yours", "his", "her", "their", "personal", "ive", "im", "own", "blog",
     "portfolio", "profile"]
)  # fmt: skip
_SITES: Final = frozenset(
    ["website", "websites", "site", "sites", "web", "webpage", "homepage", "page", "pages",
     "portal", "online", "app", "store", "visit", "head", "log", "login", "form", "faq", "www"]
)  # fmt: skip
_GO: Final = frozenset({"go", "head", "log", "visit", "open"})
_DO: Final = frozenset({"click", "select", "tap", "press", "choose", "scroll", "youll"})
"""What a company tells people to do on its site ("go to …, and click on …")."""
_AT: Final = frozenset({"at", "add"})
_PATHS: Final = frozenset({"slash", "stroke"})
_LONGEST_BOX: Final = 3
_NEAR: Final = 12


def version_asked(turn: Turn) -> int | None:
    """Token after the last word for a version of a program; None where there is none."""
    if _VERSIONS.isdisjoint(turn.all_keys):
        return None
    return max(at + 1 for at, key in enumerate(turn.all_keys) if key in _VERSIONS)


def is_public(turn: Turn, entity: str, start: int, end: int) -> bool:
    """Whether a finding in characters ``[start, end)`` of the turn's text is no personal data."""
    if entity not in {Entity.EMAIL_ADDRESS, Entity.URL, Entity.IP_ADDRESS}:
        return False
    first = sum(token.end <= start for token in turn.tokens)
    last = sum(token.start < end for token in turn.tokens)
    if entity == Entity.IP_ADDRESS:
        named = not _NETWORKS.isdisjoint(turn.all_keys) or turn.expected(entity) is not None
        return not named and (_is_version(turn, first) or _is_digit_by_digit(turn, first, last))
    if entity == Entity.EMAIL_ADDRESS:
        return _is_role(turn, first, last)
    return _is_site(turn, first, last)


def _is_version(turn: Turn, first: int) -> bool:
    """Whether four figures with dots are a version ("firmware 3.2.0.14")."""
    near = turn.keys(max(0, first - _NEAR), first)
    return turn.expected(VERSION) is not None or not _VERSIONS.isdisjoint(near)


def _is_digit_by_digit(turn: Turn, first: int, last: int) -> bool:
    """Whether it is a number as a recogniser writes digits one by one ("1.1.8.0.7")."""
    return all(key.isdigit() and len(key) == 1 for key in turn.keys(first, last))


def _is_role(turn: Turn, first: int, last: int) -> bool:
    """Whether an e-mail address is a company's mailbox ("support at …") and not asked for."""
    keys = turn.keys(first, last)
    sign = next(
        (
            at
            for at in range(first, last)
            if (turn.all_keys[at] in _AT and at > first and turn.all_keys[at - 1] not in _US)
            or (at > first and "@" in turn.tokens[at - 1].after)
        ),
        None,
    )
    if sign is None or not _PERSONAL.isdisjoint(keys):
        return False
    local = turn.keys(max(first, sign - _LONGEST_BOX), sign)
    if any(" ".join(local[at:]) in _UNANSWERED for at in range(len(local))):
        return True
    asked = turn.expected(Entity.EMAIL_ADDRESS) is not None
    held = not turn.said.get(Entity.EMAIL_ADDRESS, frozenset()).isdisjoint(keys)
    near = turn.keys(max(0, first - _NEAR), sign)
    ours = not _US.isdisjoint(near) and _ON_FILE.isdisjoint(near)
    if not ours and (asked or held or not _ON_FILE.isdisjoint(turn.all_keys)):
        return False
    return any(" ".join(local[at:]) in _BOXES for at in range(len(local))) and all(
        len(key) > 1 and not key[:1].isdigit() for key in local
    )


def _is_site(turn: Turn, first: int, last: int) -> bool:
    """Whether a web address is that of a company ("our website is …"), without a page of its own.

    One that was asked for is not.
    """
    if turn.expected(Entity.URL) is not None or not _PATHS.isdisjoint(turn.keys(first, last)):
        return False
    if "/" in turn.text[turn.tokens[first].start : turn.tokens[last - 1].end]:
        return False
    begin = max(0, first - _NEAR)
    before = turn.keys(begin, first + 1)
    if not _GO.isdisjoint(before) and _MINE.isdisjoint((*before, *turn.keys(last, last + _NEAR))):
        return not _DO.isdisjoint(turn.keys(last, last + _NEAR))
    return (
        not _OURS.isdisjoint(before) and not _SITES.isdisjoint(before) and _MINE.isdisjoint(before)
    )
