"""Measures what encryption costs of a whole run.

    python -m benchmarks.cost.encryption [--calls DIR] [--runs 3] [--repeats 5] [--out DIR]

The baseline is ``hushwire run`` on the calls, with every seal in it, on a broker that outlives it.
Then all that was sealed is sealed and opened once more, by length: every record that lies on the
broker, once for its writer and once for each stage that reads it; a transit key per call, wrapped
once and unwrapped by every stage; every file of the vault with a vault key. Both are processor
time of this session. AES-GCM takes as long for any content, so random bytes stand for it.

Reached is: encryption is less than 1 % of the run. Exit code 1 where it is not.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import tink
from tink import streaming_aead

from agents.crypto.envelope import KeyEncryptionKey
from agents.kafka.embedded_broker import EmbeddedBroker
from agents.kafka.topics import Topics
from benchmarks.calls.corpus import SAMPLES
from benchmarks.cost.reading import read_all
from benchmarks.results import finish, stamp

MOST: Final = 0.01
PARTITIONS: Final = 4
SEAL: Final = 33
"""Bytes that a seal adds: Tink's prefix, nonce and tag of AES-256-GCM."""
STAGES: Final = 5
_TOPICS: Final = Topics.named()
READERS: Final = {
    _TOPICS.audio_raw: 2,
    _TOPICS.words: 1,
    _TOPICS.spans: 2,
    _TOPICS.audio_redacted: 1,
    _TOPICS.audio_verified: 1,
}
"""Stages that open the records of a topic; a test compares them with the stages' own inputs."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a run sealed, by length in bytes."""

    records: dict[str, list[int]]
    """Of the clear values, by topic."""
    files: list[int]
    calls: int
    run_cpu_s: float


def run(calls: Path) -> Written:
    """Redact all calls and see what was sealed.

    Raises:
        subprocess.CalledProcessError: the run failed.
        TimeoutError: the broker does not give its records back.
    """
    with tempfile.TemporaryDirectory() as folder, EmbeddedBroker() as broker:
        vault = Path(folder) / "vault"
        command = [str(Path(sys.executable).with_name("hushwire")), "run"]
        command += ["--from", str(calls), "--to", str(vault), "--bootstrap", broker.bootstrap]
        environment = {**os.environ, "HUSHWIRE_PARTITIONS": str(PARTITIONS)}
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        return Written(
            {topic: _lengths(broker.bootstrap, topic) for topic in READERS},
            [file.stat().st_size for file in vault.rglob("*.sealed")],
            sum(1 for _ in (vault / "calls").iterdir()),
            used.ru_utime + used.ru_stime,
        )


def _lengths(bootstrap: str, topic: str) -> list[int]:
    """Clear length of every record of a topic."""
    found = read_all(bootstrap, topic, PARTITIONS)
    return [max(0, len(message.value() or b"") - SEAL) for message in found]


def encrypt_all(written: Written) -> dict[str, float]:
    """Seal and open what a run did; processor seconds by part."""
    with tempfile.TemporaryDirectory() as folder:
        kek = KeyEncryptionKey.load_or_create(Path(folder) / "kek.json")
        began = time.process_time()
        for number in range(written.calls):
            wrapped, seal = kek.new_transit_key(f"call-{number}")
            for _ in range(STAGES):
                kek.unwrap(wrapped, f"call-{number}")
        keys = time.process_time() - began
    values = {size: os.urandom(size) for sizes in written.records.values() for size in sizes}
    bound = bytes(200)
    began = time.process_time()
    for topic, sizes in written.records.items():
        for size in sizes:
            sealed = seal.seal(values[size], bound)
            for _ in range(READERS[topic]):
                seal.open(sealed, bound)
    records = time.process_time() - began
    contents = [os.urandom(size) for size in written.files]
    streaming_aead.register()
    template = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
    began = time.process_time()
    for content in contents:
        key = tink.new_keyset_handle(template).primitive(streaming_aead.StreamingAead)
        with key.new_encrypting_stream(BytesIO(), bound) as stream:
            stream.write(content)
    return {"keys": keys, "records": records, "vault": time.process_time() - began}


def measure(calls: Path, runs: int, repeats: int) -> dict[str, Any]:
    """So many runs, and the encryption of the median one so many times.

    Raises:
        subprocess.CalledProcessError: a run failed.
    """
    made = sorted((run(calls) for _ in range(runs)), key=lambda one: one.run_cpu_s)
    written = made[len(made) // 2]
    parts = [encrypt_all(written) for _ in range(repeats)]
    median = {name: statistics.median(one[name] for one in parts) for name in parts[0]}
    total = statistics.median(sum(one.values()) for one in parts)
    return {
        **stamp(),
        "calls": written.calls,
        "records": sum(map(len, written.records.values())),
        "megabytes": sum(map(sum, written.records.values())) / 1e6,
        "vault_megabytes": sum(written.files) / 1e6,
        "run_cpu_s": written.run_cpu_s,
        "runs": runs,
        "encryption_cpu_s": median,
        "repeats": repeats,
        "share": total / written.run_cpu_s,
        "reached": total / written.run_cpu_s < MOST,
    }


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    cost = result["encryption_cpu_s"]
    return (
        f"{result['calls']} calls, {result['records']} sealed records of "
        f"{result['megabytes']:.1f} MB, {result['vault_megabytes']:.1f} MB in the vault; "
        f"median of {result['runs']} runs, and of {result['repeats']} repeats of the seals. "
        f"{result['machine']}; {result['when']}.\n\n"
        "| | processor s | share of the run |\n|---|---|---|\n"
        f"| baseline: the whole run | {result['run_cpu_s']:.1f} | |\n"
        + "".join(
            f"| {name} | {seconds:.3f} | {seconds / result['run_cpu_s']:.3%} |\n"
            for name, seconds in cost.items()
        )
        + f"| encryption | {sum(cost.values()):.3f} | {result['share']:.3%} |\n"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure what encryption costs of a run.")
    parser.add_argument("--calls", type=Path, default=SAMPLES)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("build/bench-encryption"))
    options = parser.parse_args(arguments)
    result = measure(options.calls, options.runs, options.repeats)
    finish(options.out, "result", result, page(result))
    sys.exit(0 if result["reached"] else 1)


if __name__ == "__main__":
    main()
