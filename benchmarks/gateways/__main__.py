"""Measures the gateway: 200 streams of Twilio and 200 of AudioHook at real-time pace.

    python -m benchmarks.gateways [--streams 200] [--seconds 30] [--chunk 0.06] [--loop uvloop]

Client, gateway and broker are processes of their own. What the broker holds is read back, opened by
the private key and compared with what was sent. The same streams to a bare echo by the same library
give the cost of a WebSocket alone; only their ratio survives a change of machine.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from agents.crypto.transit_hybrid import TransitPrivate
from agents.kafka.embedded_broker import EmbeddedBroker
from agents.kafka.topics import PARTITIONS, Topics, create_topics
from benchmarks.gateways import paced
from benchmarks.gateways.judged import Judged, judge
from benchmarks.results import finish, stamp

START_S: Final = 60.0
LOOK_S: Final = 0.5
WARM: Final = 1_000_000
"""Number of the streams that warm up."""
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
GOALS: Final = {"p99_ms": 100.0, "kilobytes": 300.0}
"""Of frames with their wait for the chunk; where a chunk alone is as long as that, of those frames
that complete one."""


@dataclass(frozen=True)
class Load:
    """What the streams cost one process."""

    cpu_s: float
    """Processor time from the first stream to the last."""
    kilobytes: float
    """Memory per stream at its most, beyond what the process had without any."""
    late_ms: float
    """By how much the client's frames were late, p99."""
    client_cpu_s: float
    """Processor time of the client."""


class Process:
    """A process and what it takes."""

    def __init__(self, pid: int) -> None:
        self._stat, self._statm = Path(f"/proc/{pid}/stat"), Path(f"/proc/{pid}/statm")

    def cpu_s(self) -> float:
        """Of the process so far, in user and kernel."""
        user, kernel = self._stat.read_text().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(kernel)) / _TICKS

    def rss(self) -> int:
        """Bytes."""
        return int(self._statm.read_text().split()[1]) * _PAGE


def measure(streams: int, seconds: int, loop: str, chunk_s: float) -> dict[str, Any]:
    """Run gateway and echo one after the other.

    Args:
        streams: of Twilio, and as many of AudioHook.
        seconds: that each lasts.
        loop: module of the event loop.
        chunk_s: length of the chunks that the gateway sends.
    """
    with tempfile.TemporaryDirectory() as name, EmbeddedBroker() as broker:
        folder = Path(name)
        private = TransitPrivate.load_or_create(folder / "transit-private.json")
        (folder / "transit-public.json").write_bytes(private.public.content())
        create_topics(broker.bootstrap, Topics.named(), partitions=PARTITIONS)
        settings = _settings(folder, broker.bootstrap, streams, chunk_s)
        pid = broker.pid
        before = Process(pid).cpu_s() if pid else 0.0
        with _served("gateway", folder, loop, settings) as (process, port):
            load, sent = _load(process, port, streams, seconds, folder, echo=False)
        used = Process(pid).cpu_s() - before if pid else 0.0
        judged = judge(
            broker.bootstrap,
            Topics.named().audio_in,
            PARTITIONS,
            private,
            sent,
            folder / "acknowledged.json",
        )
        with _served("echo", folder, loop, settings) as (process, port):
            bare, _ = _load(process, port, streams, seconds, folder, echo=True)
    return (
        stamp()
        | _result(streams, seconds, loop, load, bare, judged)
        | {"broker_cpu_s": round(used, 2), "chunk_s": chunk_s}
    )


def _result(
    streams: int, seconds: int, loop: str, load: Load, bare: Load, judged: Judged
) -> dict[str, Any]:
    whole = 2 * streams * seconds
    return {
        "streams": {"twilio": streams, "audiohook": streams},
        "seconds": seconds,
        "loop": loop,
        "gateway": asdict(load),
        "echo": asdict(bare),
        "cpu_ms_per_stream_second": round(load.cpu_s * 1_000 / whole, 3),
        "ratio_to_echo": round(load.cpu_s / bare.cpu_s, 2) if bare.cpu_s else None,
        "cores_of_gateway": round(load.cpu_s / seconds, 2),
        **asdict(judged),
    }


def _settings(folder: Path, bootstrap: str, streams: int, chunk_s: float) -> dict[str, str]:
    twilio, audiohook = folder / "twilio", folder / "audiohook"
    secret = base64.b64encode(paced.SECRET).decode()
    for path, text in (
        (twilio, f"token {paced.TOKEN}\n"),
        (audiohook, f"{paced.KEY} {secret}\n"),
    ):
        path.write_text(text)
        path.chmod(0o600)
    return {
        "HUSHWIRE_BOOTSTRAP": bootstrap,
        "HUSHWIRE_STATE_DIR": str(folder),
        "HUSHWIRE_LOG_LEVEL": "warning",
        "HUSHWIRE_GATEWAY_CHUNK_SECONDS": str(chunk_s),
        "HUSHWIRE_GATEWAY_PORT": "0",
        "HUSHWIRE_GATEWAY_HEALTH_PORT": "0",
        "HUSHWIRE_GATEWAY_TWILIO_SECRETS": str(twilio),
        "HUSHWIRE_GATEWAY_AUDIOHOOK_SECRETS": str(audiohook),
        "HUSHWIRE_GATEWAY_CONNECTIONS": str(4 * streams + 16),
        "HUSHWIRE_GATEWAY_CONNECTIONS_PER_MINUTE": "100000",
        "HUSHWIRE_GATEWAY_UNPROVEN_PER_ADDRESS": str(4 * streams + 16),
        "HUSHWIRE_GATEWAY_UNPROVEN": str(4 * streams + 16),
    }


@contextmanager
def _served(
    what: str, folder: Path, loop: str, settings: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The service under test while it listens; it is stopped in order."""
    ports = folder / "ports.json"
    ports.unlink(missing_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUSHWIRE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gateways.served", what, str(folder), loop],
        env=clean | settings,
    )
    try:
        deadline = time.monotonic() + START_S
        while not ports.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{what} did not start")
            time.sleep(0.05)
        yield process, json.loads(ports.read_text())["port"]
        process.send_signal(signal.SIGTERM)
        if process.wait(START_S) != 0:
            raise SystemExit(f"{what} ended with code {process.returncode}")
    finally:
        process.kill()
        process.wait()


def _load(
    process: subprocess.Popen[bytes],
    port: int,
    streams: int,
    seconds: int,
    folder: Path,
    *,
    echo: bool,
) -> tuple[Load, dict[str, list[float]]]:
    """Stream all calls, and look at the process meanwhile."""
    looked, out = Process(process.pid), folder / "sent.json"
    # A call of each kind first, so that what is loaded once is not counted for streams.
    warm = folder / "warm.json"
    subprocess.run(_client(port, WARM, 1, 2, warm, echo=echo), check=True)
    cpu, idle = looked.cpu_s(), looked.rss()
    client = subprocess.Popen(_client(port, 0, streams, seconds, out, echo=echo))
    most = idle
    try:
        while client.poll() is None:
            most = max(most, looked.rss())
            time.sleep(LOOK_S)
    finally:
        client.kill()
    if client.wait() != 0:
        raise SystemExit(f"the client ended with code {client.returncode}")
    told = json.loads(out.read_text())
    sent = json.loads(warm.read_text())["sent"] | told["sent"]
    load = Load(
        round(looked.cpu_s() - cpu, 2),
        round((most - idle) / 1_000 / (2 * streams), 1),
        told["late_p99_ms"],
        told["cpu_s"],
    )
    return load, sent


def _client(
    port: int, first: int, streams: int, seconds: int, out: Path, *, echo: bool
) -> list[str]:
    return [
        sys.executable, "-m", "benchmarks.gateways.paced", "127.0.0.1", str(port), str(first),
        str(streams), str(seconds), "echo" if echo else "gateway", str(out),
    ]  # fmt: skip


def page(result: dict[str, Any]) -> str:
    """The result for people."""
    gateway, echo = result["gateway"], result["echo"]
    complete, waiting = result["completing_ms"], result["waiting_ms"]
    total = sum(result["streams"].values())
    lines = [
        f"# The gateway under {total} streams",
        "",
        (
            f"{result['when']}, {result['machine']}, {result['seconds']} s of each stream, half of "
            f"them Twilio's with two tracks, half AudioHook's; event loop: {result['loop']}."
        ),
        "",
        "| | gateway | bare echo |",
        "|---|---|---|",
        (
            f"| processor time | {gateway['cpu_s']} s ({result['cores_of_gateway']} cores) | "
            f"{echo['cpu_s']} s |"
        ),
        f"| the client's | {gateway['client_cpu_s']} s | {echo['client_cpu_s']} s |",
        f"| memory per stream | {gateway['kilobytes']} kB | {echo['kilobytes']} kB |",
        f"| frames late at the client, p99 | {gateway['late_ms']} ms | {echo['late_ms']} ms |",
        "",
        (
            f"Cost per stream: {result['cpu_ms_per_stream_second']} ms of processor time a second, "
            f"{result['ratio_to_echo']} times the echo's."
        ),
        "",
        f"{result['frames']} frames in {result['chunks']} chunks of {result['chunk_s']} s "
        f"({result['broker_cpu_s']} s of the broker's processor time); "
        + ("each in order on the broker." if not result["problems"] else "PROBLEMS:"),
        *(f"- {one}" for one in result["problems"]),
        "",
        "| from sending to the broker's acknowledgement, ms | p50 | p99 | max |",
        "|---|---|---|---|",
        f"| frames that complete a chunk | {_row(complete)} |",
        f"| of these, from the gateway's queue on | {_row(result['broker_ms'])} |",
        f"| all frames, with their wait for the chunk | {_row(waiting)} |",
        "",
    ]
    return "\n".join(lines)


def _row(figures: dict[str, float]) -> str:
    return " | ".join(str(figures.get(name, "-")) for name in ("p50", "p99", "max"))


def missed(result: dict[str, Any]) -> list[str]:
    """The goals that a result misses."""
    waits = result["chunk_s"] * 1_000 < GOALS["p99_ms"]
    delay = result["waiting_ms" if waits else "completing_ms"]
    return [
        *(["frames are missing or not in order"] if result["problems"] else []),
        *(["p99"] if delay.get("p99", 1e9) >= GOALS["p99_ms"] else []),
        *(["memory"] if result["gateway"]["kilobytes"] >= GOALS["kilobytes"] else []),
    ]


def main() -> int:
    """Parse options, measure, write; 1: a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200, help="of each kind")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--chunk", type=float, default=0.06, help="seconds of a chunk")
    parser.add_argument("--loop", default="asyncio", choices=("asyncio", "uvloop"))
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    told = parser.parse_args()
    result = measure(told.streams, told.seconds, told.loop, told.chunk)
    finish(told.out, "gateway", result, page(result))
    short = missed(result)
    if short:
        print(f"missed: {', '.join(short)}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
