"""Apache Kafka itself as a child process: one KRaft node on free loopback ports.

The broker's files come from Maven (``make kafka`` puts them into ``lib/`` beside this file).
``available()`` says why it can't be started, or ``None``. The process dies with the test run, also
after a kill, and never listens on anything but the loopback interface.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.waiting import HANG_S

LIB = Path(__file__).parent / "lib"
STOP_SECONDS = 20.0
_PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>
_LIBC = ctypes.CDLL(None)

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},FAR://127.0.0.1:{far},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},FAR://127.0.0.1:{proxy}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
log.index.size.max.bytes=65536
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# One that was killed is waited for before it may begin again; nine seconds if nothing is said.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""


def available() -> str | None:
    """Why Apache Kafka can't be started here, or ``None`` when it can."""
    if shutil.which("java") is None:
        return "no java on the path (a JDK 17 or newer is needed)"
    if not any(LIB.glob("kafka_2.13-*.jar")):
        return "its files are not there (run `make kafka`; it needs mvn and its registry)"
    return None


class ApacheKafka:
    """One broker with its data in ``folder``; ``stop`` and ``start`` keep data and port."""

    def __init__(self, folder: Path, *, properties: str = "", scram: tuple[str, ...] = ()) -> None:
        """``properties`` go behind ``PROPERTIES``; ``scram`` are users, as Kafka writes them."""
        folder.mkdir(parents=True, exist_ok=True)
        self._scram = tuple(part for user in scram for part in ("--add-scram", user))
        self.data = folder / "data"
        self.log = folder / "broker.log"
        self._config = folder / "server.properties"
        # Clients of ``far`` are told to come over ``proxy``, where a test may put one.
        port, controller, self.far, self.proxy = _free_ports(4)
        self.bootstrap = f"127.0.0.1:{port}"
        self._config.write_text(
            # Where a property stands twice, Java takes the last one.
            (PROPERTIES + properties).format(
                port=port,
                controller=controller,
                far=self.far,
                proxy=self.proxy,
                data=self.data,
            ),
            encoding="utf-8",
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        if self._process is None:
            raise RuntimeError("the broker is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the broker and wait until it answers.

        Raises:
            RuntimeError: it ended, or did not answer within ``HANG_S``.
        """
        if self._process is not None:
            raise RuntimeError("the broker is running already")
        if not self.data.exists():
            # An id that begins with a dash would be read as an option.
            cluster = "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
            self._java(
                "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._config),
                *self._scram,
            )  # fmt: skip
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_java_command(), "kafka.Kafka", str(self._config)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - no threads touch the child
            )
        self._wait_until_up()

    def stop(self) -> None:
        """End the broker in order; data stays."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the broker at once, as a crash would; data stays."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + HANG_S
        # The client must not be asked before the port is open: it backs off and logs noise.
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                self._process = None
                raise RuntimeError(f"Apache Kafka ended while starting; see {self.log}")
            if _answers(self.bootstrap):
                return
            time.sleep(0.2)
        self.kill()
        raise RuntimeError(f"Apache Kafka did not answer in {HANG_S} s; see {self.log}")

    def _java(self, *arguments: str) -> None:
        subprocess.run(
            [*_java_command(), *arguments], check=True, capture_output=True, timeout=HANG_S
        )


@contextlib.contextmanager
def apache_kafka(folder: Path) -> Iterator[ApacheKafka]:
    """A running broker with its data under ``folder``; ended when the block is left."""
    broker = ApacheKafka(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


def _java_command() -> list[str]:
    java = shutil.which("java")
    if java is None:
        raise RuntimeError("no java on the path")
    quick = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # it lives for a minute
    return [java, "-Xms256m", "-Xmx512m", *quick, "-cp", f"{LIB}/*"]


def _answers(bootstrap: str) -> bool:
    host, port = bootstrap.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1.0).close()
    except OSError:
        return False
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        return bool(client.list_topics(timeout=2.0).brokers)
    except KafkaException:
        return False


def _free_ports(count: int) -> list[int]:
    """Distinct free loopback ports: all are held until each has been read."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
