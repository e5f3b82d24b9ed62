"""Whole pipeline over Faust: careless recorders, poison, and nothing in clear on the broker."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from agents.ledger import CallState
from agents.messages import DEADLETTER
from pipeline.errors import UnknownCallError
from pipeline.records import Pcm
from pipeline.wire import Clear
from tests.broker import fakes
from tests.broker.harness import Installation, Script, script

pytestmark = [pytest.mark.broker, pytest.mark.slow]

GOOD = ("plain", "twice", "shuffled", "late", "after-poison")


def test_careless_recorders(installation: Installation) -> None:
    scripts = {name: script(name, first=3) for name in (*GOOD, "gap", "no-end", "killer")}
    worker = installation.start(idle_s=6.0)
    _send_all(installation, scripts)
    states = installation.until_closed(scripts)
    _send_late(installation, scripts["late"])

    assert {states[name] for name in GOOD} == {CallState.STORED}
    assert states["no-end"] is CallState.STORED
    plain = _audio(installation, "plain")
    assert all(np.array_equal(_audio(installation, name), plain) for name in GOOD)
    _assert_redacted(scripts["plain"].pcm, plain)
    assert _certificate(installation, "no-end")["ended_by"] == "idle"
    assert "gap" in _certificate(installation, "gap")["marks"]
    assert "unheard" in _certificate(installation, "killer")["marks"]
    with pytest.raises(UnknownCallError):
        installation.ledger.seal("plain")

    letters = Counter(_code(message) for message in _letters(installation, 5))
    assert letters == {"record": 1, "seal": 2, "unknown_call": 1, "late": 1}
    _assert_nothing_in_clear(installation, scripts)
    assert installation.stop(worker) < 8.0
    _assert_all_committed(installation)


def _send_all(installation: Installation, scripts: dict[str, Script]) -> None:
    plain, shuffled, gap = scripts["plain"], scripts["shuffled"], scripts["gap"]
    installation.interleave([plain, scripts["late"], scripts["killer"]])
    twice = scripts["twice"]
    installation.send("twice", [*twice.chunks, *twice.chunks[:5], twice.end, twice.end])
    order = [*shuffled.chunks[::2], *shuffled.chunks[1::2]]
    installation.send("shuffled", [shuffled.end, *order])
    installation.send("gap", [*gap.chunks[:6], *gap.chunks[7:], gap.end])
    installation.send("no-end", scripts["no-end"].chunks)
    after = scripts["after-poison"]
    for spoilt in _poison(installation, after):
        installation.producer.send_message(spoilt)
    installation.send("after-poison", [*after.chunks, after.end])
    installation.producer.flush()


def _poison(installation: Installation, after: Script) -> list[Clear]:
    """No event at all, a broken seal, another call's number, and a call nobody opened."""
    good: Clear = installation.raw(after.chunks[2])
    moved = {**good.headers, "ce_id": b"after-poison/AudioChunk/3"}
    stranger = script("stranger").chunks[0]
    unknown: Clear = installation.raw(stranger)
    installation.ledger.reset_calls_of_test("stranger")
    return [
        Clear("after-poison", {}, b"\x00\x01"),
        Clear("after-poison", good.headers, good.value[:-1] + b"\x00"),
        Clear("after-poison", moved, good.value),
        unknown,
    ]


def _send_late(installation: Installation, late: Script) -> None:
    """A chunk beyond the end, sealed before the key died."""
