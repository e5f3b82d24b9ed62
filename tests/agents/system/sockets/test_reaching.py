"""Causes in our own words, out of the texts that the clients have."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from agents.system.sockets.reaching import cannot_reach, cause

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'connection to server at "127.0.0.1", port 1 failed: Connection refused\n\tIs it up?',
            "connection refused",
        ),
        ("failed to resolve host 'nowhere.invalid': [Errno -2] Name or ser", "no such host name"),
        ("x:9092/bootstrap: Failed to resolve 'x:9092': Name or service not known (after 3ms)",
         "no such host name"),
        ("x:9092/bootstrap: Connect to ipv4#10.0.0.1:9092 failed: Connection refused (after 0ms)",
         "connection refused"),
        ('FATAL:  password authentication failed for user "jane"', "it refuses the login"),
        ("SASL authentication error: Authentication failed: for jane", "it refuses the login"),
        ('FATAL:  database "x" does not exist', "there is no such database"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.7", user "jane"',
         "it does not let this user or host in"),
        ("server closed the connection unexpectedly", "it cut the connection"),
        ('Os {\n code: 111,\n kind: ConnectionRefused,\n message: "x" }', "connection refused"),
        ("SSL handshake failed: certificate verify failed: unable to get local issuer",
         "its TLS certificate (authority, name, dates) is not trusted, or ours"),
        ("ssl://x: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?",
         "TLS is not spoken as the settings say"),
        ("Disconnected: verify that security.protocol is correctly configured",
         "it wants another kafka_security_protocol"),
        ("connection timeout expired", "no answer in time"),
        ("FATAL:  the database system is starting up", "it is starting or stopping"),
        ("GET http://h:9/b/certificate.json in 1s, retry_timeout: 3s - HTTP error: 500", ""),
        ("a wholly new message about jane", ""),
    ],
)  # fmt: skip
def test_a_text_is_told_in_our_own_words(text: str, told: str) -> None:
    assert cause(text) == told
    assert "jane" not in cause(text)


class PoolError(Exception):
    """As urllib3 has it: the cause is an attribute."""

    def __init__(self, reason: Exception) -> None:
        super().__init__("Max retries exceeded")
        self.reason = reason


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "connection refused"),
        (OSError(errno.EACCES, "x"), "permission denied"),
        (socket.gaierror(-2, "x"), "no such host name"),
        (TimeoutError(), "no answer in time"),
        (ssl.SSLError(1, "wrong version number"), "TLS is not spoken as the settings say"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed: certificate has expired"),
         "its TLS certificate has ended"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed: certificate is not yet valid"),
         "its TLS certificate begins later, by this host's clock"),
        (ssl.SSLError(1, "[SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] sslv3 alert certificate expired"),
         "our TLS certificate has ended"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"),
         "its TLS certificate (authority, name, dates) is not trusted, or ours"),
        (PoolError(PoolError(ConnectionRefusedError(errno.ECONNREFUSED, "x"))),
         "connection refused"),
        (RuntimeError("something"), ""),
    ],
)  # fmt: skip
def test_the_innermost_error_counts(error: Exception, told: str) -> None:
    assert cause(error) == told
    wrapped = RuntimeError("outside")
    wrapped.__cause__ = error
    assert cause(wrapped) == told
    error.__context__ = wrapped  # a circle
    assert cause(error) == told


def test_a_sentence_says_what_where_why_and_what_to_do() -> None:
    assert cannot_reach("PostgreSQL", "db:5432", "connection refused", "start it") == (
        "can't reach PostgreSQL at db:5432: connection refused; start it"
    )
    assert cannot_reach("a", "", "", "b") == "can't reach a: no answer; b"
