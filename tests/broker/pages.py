"""Runs the commands of a page of the docs as a reader would: in one folder, one after another.

``hushwire`` is forked (``forked.py``), but where a block names it in ``.venv/bin``.

What a page's blocks ask for (``tests/repository/blocks.py``) is put there first:

``clone``       ``.venv`` and ``benchmarks``, as in a clone
``call.wav``    a made-up call
``recordings``  a folder with one, whose id is ``order``
``drafts``      policies ``old.yaml`` and ``new.yaml``, rules ``rules-2026/`` and ``rules-2027/``
``vault``       a vault that holds it, made by ``hushwire run``; its state folder is the settings'
``cluster``     a broker with the topics, in the place of ``kafka:9092``; the settings name it, too
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import soundfile

from agents.kafka.embedded_broker import EmbeddedBroker
from tests.broker.forked import hushwire
from tests.ports import free_port
from tests.repository.blocks import ROOT, Block
from tests.waiting import HANG_S

SAMPLES = ROOT / "benchmarks" / "samples"
SECONDS = 20
"""Of the made-up call: the card number is in it."""
_STAYS = re.compile(r"(?m)^((?:[A-Z_]+=\S+ )*)(hushwire (?:worker|serve|gateway|watch)\b)")
_CONSOLE = ":8440"

_HEAD = r"""
set -euo pipefail
stays() {  # in the background, from when it is ready
  local log="$PAGES/$RANDOM$RANDOM.log"
  env "$@" >"$log" 2>&1 &
  local pid=$!
  echo $pid >>"$PAGES/pids"
  for _ in $(seq 600); do
    if grep -qE '"(worker ready|serving)"' "$log"; then return 0; fi
    kill -0 $pid 2>/dev/null || break
    sleep 0.2
  done
  echo "not ready: $*" >&2
  cat "$log" >&2
  return 1
}
"""


def recording(folder: Path) -> None:
    """The made-up call ``order`` with what its recorder says of it."""
    folder.mkdir(parents=True, exist_ok=True)
    rate = soundfile.info(SAMPLES / "order.flac").samplerate
    audio, _ = soundfile.read(SAMPLES / "order.flac", frames=SECONDS * rate, dtype="int16")
    soundfile.write(folder / "order.flac", audio, rate)
    said = json.loads((SAMPLES / "order.json").read_text()) | {"campaign": "spring"}
    (folder / "order.json").write_text(json.dumps(said))


def run(blocks: Iterable[Block], folder: Path, vault: Path) -> None:
    """Run them.

    Args:
        blocks: of one page, in order.
        folder: where, empty.
        vault: a vault with a call, to be copied.

    Raises:
        AssertionError: a command ended otherwise than it should; with what it printed.
    """
    blocks = list(blocks)
    wanted = {word for one in blocks if one.mark == "run" for word in one.said.split()}
    unknown = {one for one in wanted if "=" not in one} - {*_PUT, "vault", "cluster", "nightly"}
    assert not unknown, unknown
    notes = folder.parent / "notes"
    notes.mkdir()
    command = notes / "hushwire"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(hushwire())} "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    port = free_port()
    environment = {
        "PATH": f"{notes}:{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(folder.parent),
        "PAGES": str(notes),
        "HUSHWIRE_API_PORT": str(port),
        "PYTHONPATH": str(ROOT),
    }
    for one in wanted & set(_PUT):
        _PUT[one](folder)
    with ExitStack() as stack:
        address = ""
        if "vault" in wanted:
            shutil.copytree(vault, folder / "vault")
            environment["HUSHWIRE_STATE_DIR"] = "vault/.hushwire"
        if "cluster" in wanted:
            address = stack.enter_context(EmbeddedBroker()).bootstrap
            environment["HUSHWIRE_BOOTSTRAP"] = address
        script = f"{_HEAD}\nhushwire topics create >/dev/null\n" if address else _HEAD
        for one in blocks:
            if one.mark == "file":
                (folder / one.said).write_text(one.text, encoding="utf-8")
            elif one.mark == "run":
                text = _script(one).replace("kafka:9092", address or "kafka:9092")
                script += text.replace(_CONSOLE, f":{port}")
        done = _ended(script, folder, environment, notes)
    assert done.returncode == 0, f"{done.stdout[-2_000:]}\n{done.stderr[-4_000:]}"


def _ended(
    script: str, folder: Path, environment: dict[str, str], notes: Path
) -> subprocess.CompletedProcess[str]:
    """What bash says; what it left running is ended, and has to end in order."""
    try:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANG_S,
            check=False,
        )
    finally:
        pids = notes / "pids"
        for pid in pids.read_text().split() if pids.exists() else ():
            try:
                os.kill(int(pid), signal.SIGTERM)
            except ProcessLookupError:
                continue
    return done


def _script(block: Block) -> str:
    """A block as a script: where lines begin with ``$``, these alone; servers beside the rest."""
    text = block.text
    if re.search(r"(?m)^\$ ", text):
        text = "".join(f"{line[2:]}\n" for line in text.splitlines() if line.startswith("$ "))
    text = _STAYS.sub(r"stays \1\2", text)
    code = re.search(r"code=([\d,]+)", block.said)
    if code is None:
        return text
    *others, last = text.rstrip("\n").split("\n")
    held = f'[[ ",{code[1]}," == *",$code,"* ]] || {{ echo "ended with $code" >&2; exit 9; }}'
    return "\n".join([*others, f"code=0; {last} || code=$?", held, ""])


def _clone(folder: Path) -> None:
    """What a clone has after ``make demo``; the environment may lie elsewhere."""
    (folder / ".venv").symlink_to(Path(sys.prefix))
    (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
    (folder / "policies").symlink_to(ROOT / "policies")


def _call(folder: Path) -> None:
    recording(folder / "aside")
    audio, rate = soundfile.read(folder / "aside" / "order.flac", dtype="int16")
    soundfile.write(folder / "call.wav", audio, rate)
    shutil.rmtree(folder / "aside")


def _drafts(folder: Path) -> None:
    """Two versions of a policy, and two of a place's rules."""
    for name, version, days in (("old", 1, 180), ("new", 2, 30)):
        text = f"name: acme\nversion: '{version}'\nextends: [pci]\nretention: {{default: {days}}}\n"
        (folder / f"{name}.yaml").write_text(text)
    for year in (2026, 2027):
        shutil.copytree(ROOT / "policies" / "jurisdictions", folder / f"rules-{year}")


_PUT = {
    "clone": _clone,
    "call.wav": _call,
    "drafts": _drafts,
    "recordings": lambda folder: recording(folder / "recordings"),
}
