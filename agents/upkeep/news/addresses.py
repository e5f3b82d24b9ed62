"""To which addresses webhooks go: public ones, and private networks that the settings name.

Whoever can set a URL, or answer for its name in DNS, must not make a worker speak to the insides of
its network, such as the metadata service of a cloud. The address is judged that is connected to,
after the name was resolved, so that a name which changes its address between two looks gains
nothing.

Outcomes: ``Target.of`` raises ``SettingsError``; the resolver raises ``AddressError``.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, Self
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from agents.system.sockets.serving import is_loopback
from pipeline.errors import SettingsError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_OWN: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_MOST_URL: Final = 2_000


class AddressError(OSError):
    """A host none of whose addresses may be spoken to."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where webhooks go."""

    url: str
    host: str
    """Without brackets."""
    networks: tuple[Network, ...] = ()
    """Private ones that may be spoken to."""

    @classmethod
    def of(cls, url: str, networks: str = "") -> Self:
        """A target as the settings name it.

        Args:
            url: https, or http on the loopback; no user and no fragment.
            networks: with commas.

        Raises:
            SettingsError: it is none; the message does not quote the URL, which may hold a secret.
        """
        allowed = tuple(_network(one.strip()) for one in networks.split(",") if one.strip())
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", 0
            parts = urlsplit("")
        if parts.scheme not in {"https", "http"} or not host or port == 0:
            raise SettingsError("webhook_url: an https URL is needed, with its host")
        if parts.scheme == "http" and not is_loopback(host):
            raise SettingsError(
                "webhook_url: http is for the loopback alone (127.0.0.1, ::1, localhost): name an "
                "https URL"
            )
        if "@" in parts.netloc or "#" in url:
            raise SettingsError(
                "webhook_url: holds a user or a fragment; webhooks are known by their signature"
            )
        odd = any(one.isspace() or not one.isprintable() or one == "\\" for one in url)
        if odd or len(url) > _MOST_URL:
            raise SettingsError("webhook_url: holds a character that no URL has, or is too long")
        return cls(url, host, allowed)

    def permits(self, address: str) -> bool:
        """Whether an address of its host may be spoken to."""
        try:
            meant = _meant(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        if any(meant in network for network in self.networks):
            return True
        if meant.is_loopback:
            return is_loopback(self.host)
        return meant.is_global and not (
            meant.is_multicast or meant.is_reserved or meant.is_link_local or meant.is_private
        )

    @property
    def literal(self) -> str | None:
        """The host, where it is an address: then no name is resolved."""
        try:
            return str(ipaddress.ip_address(self.host.partition("%")[0]))
        except ValueError:
            return None


class GuardedResolver(AbstractResolver):
    """Resolves names to such addresses of a target's host that may be spoken to.

    Args:
        target: whose.
        inner: who is asked; the system without.
    """

    def __init__(self, target: Target, inner: AbstractResolver | None = None) -> None:
        self._target, self._inner = target, inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses; see ``AbstractResolver``.

        Raises:
            AddressError: there are some, and none may be spoken to.
            OSError: the name is not known.
        """
        found = await self._inner.resolve(host, port, family)
        allowed = [one for one in found if self._target.permits(one["host"])]
        if found and not allowed:
            raise AddressError("every address of the webhook's host is private")
        return allowed

    async def close(self) -> None:
        """See ``AbstractResolver``."""
        await self._inner.close()


def _meant(address: Address) -> Address:
    """The address that is reached: that inside of one which stands for it."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address.teredo is not None:
        inner = address.teredo[1]
    if inner is None and (address in _NAT64 or address in _NAT64_OWN):
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise SettingsError(
            "webhook_networks: networks such as 10.1.2.0/24 are needed, with commas"
        ) from None
