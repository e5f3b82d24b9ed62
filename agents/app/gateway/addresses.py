"""Addresses of peers: whose one is, and whether it is among those that are configured.

Outcome of ``networks``: also ``SettingsError``.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from pipeline.errors import SettingsError

Networks: TypeAlias = tuple[IPv4Network | IPv6Network, ...]
_HOST_BITS: Final = 64
"""Of an IPv6 address: all of them are one host's to choose (RFC 4291, section 2.5.4)."""


def networks(text: str, name: str) -> Networks:
    """Addresses and networks, with commas.

    Args:
        text: such as ``10.1.2.3,10.2.0.0/16``.
        name: of the setting, for the message.

    Raises:
        SettingsError: one is neither.
    """
    try:
        return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())
    except ValueError:
        raise SettingsError(
            f"{name}: addresses or networks with commas are needed, such as 10.1.2.0/24"
        ) from None


def among(address: str, allowed: Networks) -> bool:
    """Whether an address is one of some networks; a text that is none isn't."""
    try:
        known = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(known, "ipv4_mapped", None)
    return any((mapped or known) in network for network in allowed)


def caller_of(address: str) -> str:
    """Whom an address belongs to: itself in IPv4, its network of 64 bits in IPv6."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return f"{int(known) >> _HOST_BITS:x}/64"
