"""Sockets and TLS of what we serve: the API and the gateway.

``SettingsError`` names settings by their common beginning: ``api``, ``gateway``.
"""

from __future__ import annotations

import socket
import ssl
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509

from agents.system.clock import system_clock
from pipeline.errors import SettingsError


def server_tls(prefix: str, certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """The context of a server, TLS 1.2 at least and HTTP/1.1; None where no certificate is set.

    Args:
        prefix: of the settings' names.
        certificate: chain in PEM.
        key: of it, in PEM and without a password.

    Raises:
        SettingsError: one without the other, others may read the key, or a file can't be used.
    """
    if (certificate is None) != (key is None):
        raise SettingsError(f"{prefix}_certificate and {prefix}_key belong together: set both")
    if certificate is None or key is None:
        return None
    if key.exists() and key.stat().st_mode & 0o007:  # as mounted secrets: for a group at most
        raise SettingsError(f"{prefix}_key: others may read {key}; set its mode to 0600 or 0440")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ssl.SSLError):
        raise SettingsError(
            f"{prefix}_certificate, {prefix}_key: {certificate} and {key} are not a certificate "
            "and its key in PEM without a password"
        ) from None
    refuse_ended(f"{prefix}_certificate", certificate)
    return context


def refuse_ended(name: str, path: Path, *, authorities: bool = False) -> None:
    """Refuse certificates that nobody would accept now.

    Args:
        name: the setting's.
        path: of a PEM file: a chain, its own certificate first.
        authorities: whether it holds authorities instead, of which one has to be valid.

    Raises:
        SettingsError: none of them is valid now; it says since or from when. A file that can't be
            read is not judged here.
    """
    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return
    now, first = system_clock(), chain[0]
    looked_at = chain if authorities else chain[:1]
    if any(one.not_valid_before_utc <= now < one.not_valid_after_utc for one in looked_at):
        return
    if first.not_valid_after_utc <= now:
        told, do = f"ended on {first.not_valid_after_utc:%Y-%m-%d}", "renew it"
    else:
        told, do = f"begins on {first.not_valid_before_utc:%Y-%m-%d}", "look at this host's clock"
    raise SettingsError(f"{name}: the certificate in {path} {told}: {do}, then start again")


def listening_socket(host: str, port: int, backlog: int) -> socket.socket:
    """A listening socket.

    Raises:
        OSError: the address is not to be had.
    """
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.create_server(address[:2], family=family, backlog=backlog)
    # Connections inherit it. Without it an answer waits 40 ms for the caller's delayed ACK: asyncio
    # sets it only where the socket was made with the protocol's number.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name or address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
