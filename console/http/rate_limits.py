"""How often somebody may ask, and how often an address may show a token that is none.

Counts are in memory: one server process, and they begin anew with it. Times are moving windows.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

FAILURES: Final = 10
"""Wrong tokens from one address within ``FAILURE_MINUTES``, after which nobody there is heard."""
FAILURE_MINUTES: Final = 5
_SUBNET: Final = 64
"""Whoever has one IPv6 address has a whole network of this prefix."""


class Limiter:
    """The counts of one server.

    Args:
        per_minute: requests of one principal, and logins that one address begins, or comes back of.
        failures: wrong tokens from one address within ``FAILURE_MINUTES``.
    """

    def __init__(self, per_minute: int, *, failures: int = FAILURES) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._requests = RateLimitItemPerMinute(per_minute)
        self._failures = RateLimitItemPerMinute(failures, FAILURE_MINUTES)

    def may_ask(self, who: str) -> bool:
        """Count a request; whether it is within the rate."""
        return self._windows.hit(self._requests, "principal", who)

    def may_begin(self, address: str) -> bool:
        """Count a login at the issuer that an address begins; whether it is within the rate."""
        return self._windows.hit(self._requests, "login", _network(address))

    def may_return(self, address: str) -> bool:
        """Count somebody whom the issuer sent back to an address; whether it is within the rate.

        Apart from those that begin: anybody may come back without, and everybody has once who did.
        """
        return self._windows.hit(self._requests, "return", _network(address))

    def may_try(self, address: str) -> bool:
        """Whether an address may show another token."""
        return self._windows.test(self._failures, "address", _network(address))

    def failed(self, address: str) -> None:
        """Count a wrong token."""
        self._windows.hit(self._failures, "address", _network(address))


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, _SUBNET), strict=False))
    return str(parsed)
