"""The installation of the gateways' demo: each host's process, with a folder and a log of its own.

Redacting side: broker, ``hushwire worker``, private key, ledger and vault. Gateway's and recorder's
hosts: ``hushwire gateway`` and ``hushwire watch`` with the public key alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from agents.kafka.topics import Topics, reach_broker
from agents.system.child_processes import bound_command
from benchmarks import demo
from pipeline.errors import BrokerError, InputError

HOST: Final = "127.0.0.1"
READY_S: Final = 300.0
"""How long a process may take to be ready; models are loaded meanwhile."""
STOP_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the demo puts what it makes."""

    folder: Path

    @property
    def vault(self) -> Path:
        """Stored calls."""
        return self.folder / "vault"

    @property
    def calls(self) -> Path:
        """Exported, in clear."""
        return self.folder / "calls"

    @property
    def redacted(self) -> Path:
        """What `redact` makes of the same audio, with the audio, in clear."""
        return self.folder / "redacted"

    @property
    def platform(self) -> Path:
        """What platforms and recorders have: recordings, and secrets of the endpoints."""
        return self.folder / "platform"

    @property
    def drop(self) -> Path:
        """The folder that is watched."""
        return self.platform / "drop"

    @property
    def worker(self) -> Path:
        """State of the redacting side: ledger and keys."""
        return self.folder / "worker"

    @property
    def gateway(self) -> Path:
        """State of the gateway's host."""
        return self.folder / "gateway"

    @property
    def recorder(self) -> Path:
        """State of the recorder's host."""
        return self.folder / "recorder"

    @property
    def logs(self) -> Path:
        """Of all processes."""
        return self.folder / "logs"

    @property
    def public_key(self) -> Path:
        """As it was handed out."""
        return self.gateway / "transit-public.json"

    @property
    def made(self) -> tuple[Path, ...]:
        """All folders."""
        return (
            self.vault, self.calls, self.redacted, self.platform, self.drop, self.worker,
            self.gateway, self.recorder, self.logs,
        )  # fmt: skip

    @property
    def held(self) -> tuple[Path, ...]:
        """Where nothing may stand in clear."""
        return self.vault, self.worker, self.gateway, self.recorder, self.logs


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the gateway listens, and by what it knows its peers."""

    port: int
    audiosocket: int
    health: int
    call_secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    token: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    api_key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    client_secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def token_of(self, call: str) -> str:
        """The token of one call of Twilio's."""
        return hmac.new(self.call_secret.encode(), call.encode(), hashlib.sha256).hexdigest()

    def settings(self, folder: Path) -> dict[str, str]:
        """Write the files of secrets; the settings that name them."""
        client_secret = base64.b64encode(self.client_secret).decode()
        told = {
            "twilio": f"call-token {self.call_secret}\n",
            "telnyx": f"token {self.token}\n",
            "audiohook": f"{self.api_key} {client_secret}\n",
        }
        for name, text in told.items():
            file = folder / f"{name}.secrets"
            file.touch(mode=0o600)
            file.write_text(text)
        return {
            "HUSHWIRE_GATEWAY_PORT": str(self.port),
            "HUSHWIRE_GATEWAY_HEALTH_PORT": str(self.health),
            "HUSHWIRE_GATEWAY_AUDIOSOCKET_PORT": str(self.audiosocket),
            **{
                f"HUSHWIRE_GATEWAY_{name.upper()}_SECRETS": str(folder / f"{name}.secrets")
                for name in told
            },
        }


def free_endpoints() -> Endpoints:
    """Ports that nobody listens on now."""
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        ports = []
        for each in (one, two, three):
            each.bind((HOST, 0))
            ports.append(each.getsockname()[1])
    return Endpoints(*ports)


class Running:
    """One process of ours; a context manager that ends it.

    Args:
        place: whose logs it writes to.
        name: of its log.
        words: the command, such as ``gateway``.
        settings: further environment.
    """

    def __init__(self, place: Place, name: str, *words: str, **settings: str) -> None:
        self.name, self.log = name, place.logs / f"{name}.log"
        self._words, self._settings = words, settings
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it, from the main thread: it ends with that."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                bound_command(sys.executable, "-m", "agents", *self._words),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=_environment(**self._settings),
            )  # fmt: skip
        return self

    def __exit__(self, *_error: object) -> None:
        """Kill it where it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def until(self, ready: Callable[[], bool]) -> None:
        """Wait until it is ready.

        Raises:
            InputError: it ended, or took too long; the message names its log.
        """
        deadline = time.monotonic() + READY_S
        while not ready():
            self.require_running()
            if time.monotonic() > deadline:
                raise InputError(f"{self.name}: not ready in time; see {self.log}")
            time.sleep(0.5)

    def require_running(self) -> None:
        """Raise an error where it ended.

        Raises:
            InputError: it did.
        """
        if self._process is None or self._process.poll() is not None:
            raise InputError(f"{self.name}: it ended; see {self.log}")

    def stop(self) -> int:
        """Stop it by SIGTERM; its exit code, negative where it had to be killed."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(STOP_S)
        self._process.kill()
        return self._process.wait()


def worker(place: Place, bootstrap: str) -> Running:
    """All stages, with the secrets."""
    return Running(
        place, "worker", "worker", "all", "--to", str(place.vault),
        "--state-dir", str(place.worker), "--bootstrap", bootstrap,
    )  # fmt: skip


def gateway(place: Place, bootstrap: str, endpoints: Endpoints) -> Running:
    """On the loopback, without TLS, with the public key alone."""
    return Running(
        place, "gateway", "gateway", "--bootstrap", bootstrap, "--host", HOST,
        "--state-dir", str(place.gateway),
        **endpoints.settings(place.platform),
    )  # fmt: skip


def watch(place: Place, bootstrap: str) -> Running:
    """On the recorder's host, with the public key alone."""
    return Running(
        place, "watch", "watch", str(place.drop), "--bootstrap", bootstrap,
        "--state-dir", str(place.recorder), "--public-key", str(place.public_key),
    )  # fmt: skip


def has_topics(bootstrap: str, topics: Topics) -> bool:
    """Whether the workers made the topic of the door."""
    try:
        return topics.audio_in in reach_broker(bootstrap)
    except BrokerError:
        return False


def answers(port: int) -> bool:
    """Whether the gateway says that it is ready."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def hushwire(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return demo.hushwire(*words, environment=_environment())


def _environment(**settings: str) -> dict[str, str]:
    """Ours, but that nothing in it says where state is, or who is connected to."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HUSHWIRE_GATEWAY_", "HUSHWIRE_TRANSIT_"))
        and name not in {"HUSHWIRE_STATE_DIR", "HUSHWIRE_LEDGER", "HUSHWIRE_BOOTSTRAP"}
    }
    return {**ours, **settings}
