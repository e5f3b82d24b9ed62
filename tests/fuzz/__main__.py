"""``make fuzz``: looks for inputs that break a reader, guided by coverage (atheris).

    python -m tests.fuzz record --seconds 60

One target in a process of its own, since the fuzzer ends it. Found inputs are written to the folder
``build/fuzz``; turn each into a seed or a test.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = (
    "record", "headers", "door", "sidecar", "audio", "name", "policy", "certificate", "audit",
    "note", "texts", "signed", "handshake", "audiohook", "streams",
)  # fmt: skip
FOUND = Path("build/fuzz")


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target in this process; does not return."""
    import atheris  # noqa: PLC0415 - a slow import that instruments what comes after it

    with atheris.instrument_imports(include=["pipeline", "agents"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415

    target = TARGETS[name]
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
        options = [
            sys.argv[0],
            corpus,
            f"-max_total_time={seconds}",
            "-max_len=65536",
            "-timeout=20",
            "-rss_limit_mb=2048",
            f"-artifact_prefix={FOUND}/{name}-",
            "-verbosity=0",
            "-print_final_stats=1",
        ]
        atheris.Setup(options, target.run)
        atheris.Fuzz()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", choices=NAMES, help="one of them; default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    options = parser.parse_args()
    if options.target:
        fuzz(options.target, options.seconds)
    broken = []
    for name in NAMES:
        command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(options.seconds)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        runs = re.search(r"number_of_executed_units:\s*(\d+)", done.stdout + done.stderr)
        found = "BROKEN, see below" if done.returncode else "nothing found"
        print(f"{name}: {runs.group(1) if runs else 'no'} inputs, {found}", flush=True)  # noqa: T201
        if done.returncode:
            print(done.stderr[-4_000:])  # noqa: T201
            broken.append(name)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
