"""How a Kafka cluster is spoken to: TLS, client certificates, SASL; the same for both clients.

The stages speak through aiokafka (under Faust), ingest and administration through librdkafka
(confluent-kafka), which name the same things differently. Outcomes: ``SettingsError`` where
settings do not fit together or a file can't be used. Passwords come from files only, are read when
a client is made and stand in no ``repr``.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import faust

from agents.settings.model import Settings
from agents.system.private_files import secret_line
from agents.system.sockets.serving import refuse_ended
from pipeline.errors import SettingsError

Protocol: TypeAlias = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
IN_CLEAR: Final = {
    name: field.default
    for name, field in Settings.model_fields.items()
    if name.startswith("kafka_")
}
"""The settings under which the embedded broker is spoken to."""
_SERVER: Final = r"\s*(?:[\w.-]+|\[[0-9A-Fa-f:.%]+\])(?::\d{1,5})?\s*"
_SERVERS: Final = re.compile(f"{_SERVER}(?:,{_SERVER})*")


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """What both clients are told; the default speaks in clear, as the embedded broker does."""

    protocol: Protocol = "PLAINTEXT"
    ca: Path | None = None
    """PEM file of the authorities that sign the brokers' certificates; None: the system's."""
    certificate: Path | None = None
    """PEM file of the client's certificate chain, for mutual TLS."""
    key: Path | None = None
    key_password_file: Path | None = None
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password_file: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> KafkaSecurity:
        """What the settings say.

        Raises:
            SettingsError: they do not fit together.
        """
        return cls(
            protocol=settings.kafka_security_protocol,
            ca=settings.kafka_ca,
            certificate=settings.kafka_certificate,
            key=settings.kafka_key,
            key_password_file=settings.kafka_key_password_file,
            mechanism=settings.kafka_sasl_mechanism,
            username=settings.kafka_username,
            password_file=settings.kafka_password_file,
        )

    def __post_init__(self) -> None:
        """Refuse what would be ignored, or what would send a password in clear."""
        tls_files = (self.ca, self.certificate, self.key, self.key_password_file)
        if not self.tls and any(tls_files):
            raise SettingsError(
                "kafka_ca, kafka_certificate and kafka_key need kafka_security_protocol SSL or "
                "SASL_SSL"
            )
        if (self.certificate is None) != (self.key is None):
            raise SettingsError("kafka_certificate and kafka_key belong together: set both")
        if self.sasl and not (self.username and self.password_file):
            raise SettingsError(f"{self.protocol} needs kafka_username and kafka_password_file")
        if not self.sasl and (self.username or self.password_file):
            raise SettingsError(
                "kafka_username and kafka_password_file need kafka_security_protocol SASL_SSL"
            )
        if self.protocol == "SASL_PLAINTEXT" and self.mechanism == "PLAIN":
            raise SettingsError(
                "SASL_PLAINTEXT with PLAIN would send the password in clear: use SASL_SSL, or a "
                "SCRAM mechanism"
            )

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol in {"SSL", "SASL_SSL"}

    @property
    def sasl(self) -> bool:
        """Whether the client names itself with a password."""
        return self.protocol in {"SASL_PLAINTEXT", "SASL_SSL"}

    def librdkafka(self) -> dict[str, str]:
        """What confluent-kafka's clients are told; host names are always checked.

        Raises:
            SettingsError: a file can't be used.
        """
        if self.protocol == "PLAINTEXT":
            return {}
        told: dict[str, str] = {"security.protocol": self.protocol}
        if self.tls:
            self._context()  # says what is wrong with a file before librdkafka would, and better
            told["ssl.endpoint.identification.algorithm"] = "https"
            files = {
                "ssl.ca.location": self.ca,
                "ssl.certificate.location": self.certificate,
                "ssl.key.location": self.key,
            }
            told |= {name: str(path) for name, path in files.items() if path is not None}
            if self.key_password_file is not None:
                told["ssl.key.password"] = secret_line(
                    "kafka_key_password_file", self.key_password_file
                )
        if self.sasl:
            told |= {"sasl.mechanism": self.mechanism, "sasl.username": self.username or ""}
            told["sasl.password"] = self._password()
        return told

    def credentials(self) -> faust.SASLCredentials | faust.SSLCredentials | None:
        """What Faust's clients are told; None for a connection in clear.

        Raises:
            SettingsError: a file can't be used.
        """
        context = self._context() if self.tls else None
        if self.sasl:
            return faust.SASLCredentials(
                username=self.username,
                password=self._password(),
                ssl_context=context,
                mechanism=self.mechanism,
            )
        return faust.SSLCredentials(context) if context is not None else None

    def _password(self) -> str:
        return secret_line("kafka_password_file", self.password_file or Path())

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError):
            raise SettingsError(f"kafka_ca: {self.ca} holds no certificate in PEM") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ca is not None:
            refuse_ended("kafka_ca", self.ca, authorities=True)
        if self.certificate is not None:
            refuse_ended("kafka_certificate", self.certificate)
        if self.certificate is not None and self.key is not None:
            file = self.key_password_file
            password = secret_line("kafka_key_password_file", file) if file is not None else ""
            try:
                # Without a password that is a text, OpenSSL would ask on the terminal.
                context.load_cert_chain(self.certificate, self.key, password=lambda: password)
            except (OSError, ssl.SSLError):
                raise SettingsError(
                    f"kafka_certificate, kafka_key: {self.certificate} and {self.key} are not a "
                    "certificate and its key in PEM, or the key's password is another"
                ) from None
        return context


def named_broker(settings: Settings) -> str:
    """The broker's address.

    Raises:
        SettingsError: none is named, or it is no ``host:port[,…]``.
    """
    if settings.bootstrap and not _SERVERS.fullmatch(settings.bootstrap):
        raise SettingsError(  # which is not shown: whoever writes a URL may write a password
            "bootstrap: host:port is needed, several divided by commas; no scheme, user or path"
        )
    if not settings.bootstrap:
        raise SettingsError(
            "no broker: name one with --bootstrap host:port or HUSHWIRE_BOOTSTRAP; "
            "`hushwire run` brings its own"
        )
    return settings.bootstrap
