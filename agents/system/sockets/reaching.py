"""Why a broker, a database, a store or a key service can't be reached, in words of our own.

What clients say goes no further: it may name users and hold whole requests. It is only looked
through for what is known, in the errors that caused it, too.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final

_CAUSES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), told)
    for pattern, told in (
        (r"connection ?refused", "connection refused"),
        (r"no ?route to ?host|host ?unreachable", "no route to the host"),
        (r"network (is )?unreachable", "the network is unreachable"),
        (
            (
                r"name or service not known|failed to resolve|could not translate host|dns error"
                r"|failed to lookup|name resolution|no address associated|getaddrinfo"
            ),
            "no such host name",
        ),
        (r"no space left|disk ?full", "its disk is full"),
        (r"no such file or directory", "nothing is there"),
        (r"alert certificate[ _]expired", "our TLS certificate has ended"),
        (r"certificate has expired", "its TLS certificate has ended"),
        (r"certificate is not yet valid", "its TLS certificate begins later, by this host's clock"),
        # librdkafka and libpq don't say why.
        (r"certificate", "its TLS certificate (authority, name, dates) is not trusted, or ours"),
        (r"handshake|plaintext broker", "TLS is not spoken as the settings say"),
        (r"security\.protocol is correctly", "it wants another kafka_security_protocol"),
        (
            (
                r"password authentication failed|sasl auth|authentication fail"
                r"|invalid credentials|no password supplied"
            ),
            "it refuses the login",
        ),
        (r"pg_hba|role .* does not exist", "it does not let this user or host in"),
        (r"database .* does not exist", "there is no such database"),
        (r"connection slots|too many (clients|connections)", "it has no connection left"),
        (r"is (starting up|shutting down)|in recovery", "it is starting or stopping"),
        (r"\btime(d|-)? ?out|deadline", "no answer in time"),
        (
            (
                r"connection reset|broken pipe|closed the connection|terminating connection"
                r"|connection closed|disconnected|incompletemessage"
            ),
            "it cut the connection",
        ),
        (r"\bssl\b|\btls\b", "TLS is not spoken as the settings say"),
    )
)
"""What the texts of libpq, psycopg, librdkafka, botocore, requests and obstore have in common."""
_ADDRESS: Final = re.compile(r"\w+://\S+")
"""Names of objects and hosts say nothing of a cause."""


def cause(error: BaseException | str) -> str:
    """What an error, or the text of one, says of a connection; empty where it says nothing known.

    Args:
        error: of any client; errors behind it are looked at, too.
    """
    if isinstance(error, str):
        said = _ADDRESS.sub("", error)
        return next((told for pattern, told in _CAUSES if pattern.search(said)), "")
    return next((told for one in _behind(error) if (told := _of(one))), "")


def cannot_reach(what: str, where: str, why: str, advice: str) -> str:
    """One sentence for people.

    Args:
        what: such as ``PostgreSQL``.
        where: ``host:port``; empty where it is not known.
        why: as ``cause`` gives it; may be empty.
        advice: what to do.
    """
    at = f" at {where}" if where else ""
    return f"can't reach {what}{at}: {why or 'no answer'}; {advice}"


def _behind(error: BaseException) -> Iterator[BaseException]:
    """The innermost errors first: they say most."""
    found, waiting = list[BaseException](), [error]
    while waiting and len(found) < 20:  # noqa: PLR2004 - no chain of a client is as long
        one = waiting.pop(0)
        if any(one is seen for seen in found):
            continue
        found.append(one)
        inner = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        waiting += [each for each in inner if isinstance(each, BaseException)]
    return reversed(found)


def _of(error: BaseException) -> str:
    match error:
        case socket.gaierror():
            return "no such host name"
        case ssl.SSLError():
            return cause(str(error)) or "TLS is not spoken as the settings say"
        case TimeoutError():
            return "no answer in time"
        case OSError(errno=number) if number is not None:
            return cause(os.strerror(number)) or os.strerror(number).lower()
        case _:
            return cause(str(error))
