"""One webhook over HTTP: to the address that was judged, once, and as little as can be is read.

No proxy, no redirect, no cookie, no compression. Of the answer its status and ``Retry-After``
count; its body is not read at all, and the connection is closed.

Outcomes: ``post`` returns when the receiver answered 2xx, and raises ``NotTakenError`` otherwise.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import aiohttp

from agents.upkeep.news.addresses import AddressError, GuardedResolver, Target
from pipeline.errors import HushwireError, SettingsError

USER_AGENT: Final = "hushwire"
CONNECT_S: Final = 5.0
_GOOD: Final = range(200, 300)
_MOST_RETRY_S: Final = 86_400


class NotTakenError(HushwireError):
    """A webhook that the receiver did not take.

    Args:
        problem: why, in a fixed word, or ``http_`` and the status.
        retry_s: how long the receiver asks to be left alone.
    """

    code = "webhook"
    retryable = True

    def __init__(self, problem: str, retry_s: int = 0) -> None:
        super().__init__(f"the webhook was not taken ({problem})")
        self.problem, self.retry_s = problem, retry_s


class Posts(Protocol):
    """Whatever sends a webhook."""

    async def post(self, headers: Mapping[str, str], body: bytes) -> None:
        """Send it; see ``Poster``."""
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


class Poster:
    """Sends to one target.

    Args:
        target: where to.
        timeout_s: from the name's look-up to the answer's head.
        ca: PEM file of the authorities; None: the system's.
        resolver: of names; for tests.

    Raises:
        SettingsError: the file of authorities can't be used. Those that have ended are told by
            ``hushwire doctor``, and let no receiver in: a vault worker starts, and tries again.
    """

    def __init__(
        self,
        target: Target,
        *,
        timeout_s: float,
        ca: Path | None = None,
        resolver: GuardedResolver | None = None,
    ) -> None:
        self._target, self._timeout_s, self._resolver = target, timeout_s, resolver
        try:
            self._tls = ssl.create_default_context(cafile=str(ca) if ca else None)
        except (OSError, ssl.SSLError):
            raise SettingsError(f"webhook_ca: {ca} can't be read, or holds no PEM") from None
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._session: aiohttp.ClientSession | None = None

    async def post(self, headers: Mapping[str, str], body: bytes) -> None:
        """Send a webhook.

        Raises:
            NotTakenError: it was not taken.
        """
        literal = self._target.literal
        if literal is not None and not self._target.permits(literal):
            raise NotTakenError("address")
        try:
            await self._post(headers, body)
        except aiohttp.ClientConnectorCertificateError:
            raise NotTakenError("certificate") from None
        except aiohttp.ClientConnectorDNSError as error:
            refused = isinstance(error.os_error, AddressError)
            raise NotTakenError("address" if refused else "name") from None
        except TimeoutError:
            raise NotTakenError("timeout") from None
        except aiohttp.ClientSSLError:
            raise NotTakenError("tls") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise NotTakenError("connection") from None

    async def _post(self, headers: Mapping[str, str], body: bytes) -> None:
        async with self._opened().post(
            self._target.url,
            data=body,
            headers={**headers, "content-type": "application/json"},
            allow_redirects=False,
        ) as response:
            status, retry = response.status, response.headers.get("retry-after", "")
            response.close()  # whatever it goes on to say
        if status not in _GOOD:
            seconds = int(retry) if retry.isascii() and retry.isdecimal() and len(retry) < 9 else 0  # noqa: PLR2004 - digits
            raise NotTakenError(f"http_{status}", min(seconds, _MOST_RETRY_S))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._resolver or GuardedResolver(self._target),
                use_dns_cache=False,
                force_close=True,
                ssl=self._tls,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=CONNECT_S),
                headers={"user-agent": USER_AGENT, "accept-encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                read_bufsize=1_024,
            )
        return self._session

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)
            self._session = None
