"""Whole pipeline over Faust: careless recorders, poison, and nothing in clear on the broker."""

from __future__ import annotations

import io
import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
import soundfile

from agents.database.call_ledger import CallState
from agents.kafka.producer import sealed
from agents.runtime.events import DEADLETTER
from pipeline.errors import UnknownCallError
from pipeline.policy.loading import load_policy
from pipeline.records.cloudevents import Clear
from pipeline.records.model import AudioChunk, Pcm
from tests.broker import fakes
from tests.broker.harness import ALL, Installation, Script, script
from tests.waiting import until

pytestmark = [pytest.mark.broker, pytest.mark.slow]

GOOD = ("plain", "twice", "shuffled", "late", "after-poison")


def test_careless_recorders(installation: Installation) -> None:
    scripts = {name: script(name) for name in (*GOOD, "gap", "no-end", "killer")}
    worker = installation.start(idle_s=6.0)
    late = _beyond_the_end(installation, scripts["late"])
    _send_all(installation, scripts)
    states = installation.until_closed(scripts)
    installation.producer.send_message(late)
    installation.producer.flush()

    assert {states[name] for name in GOOD} == {CallState.STORED}
    assert states["no-end"] is CallState.STORED
    plain = _audio(installation, "plain")
    for name in GOOD:
        assert np.array_equal(_audio(installation, name), plain), name
    _assert_redacted(scripts["plain"].pcm, plain)
    assert _certificate(installation, "no-end")["ended_by"] == "idle"
    assert "gap" in _certificate(installation, "gap")["marks"]
    assert "unheard" in _certificate(installation, "killer")["marks"]
    with pytest.raises(UnknownCallError):
        installation.ledger.seal("plain")

    expected = {"record": 1, "seal": 2, "unknown_call": 1, "late": 1}
    assert _letters(installation, sum(expected.values())) == expected
    _assert_nothing_in_clear(installation, scripts["plain"].pcm)
    installation.stop(worker)
    _assert_all_committed(installation)


def _send_all(installation: Installation, scripts: dict[str, Script]) -> None:
    shuffled, gap, twice = scripts["shuffled"], scripts["gap"], scripts["twice"]
    installation.interleave([scripts[name] for name in ("plain", "late", "killer")])
    installation.send("twice", [*twice.chunks, *twice.chunks[:5], twice.end, twice.end])
    installation.send("shuffled", [shuffled.end, *shuffled.chunks[1::2], *shuffled.chunks[::2]])
    installation.send("gap", [*gap.chunks[:6], *gap.chunks[7:], gap.end])
    installation.send("no-end", scripts["no-end"].chunks)
    after = scripts["after-poison"]
    for spoilt in _poison(installation, after):
        installation.producer.send_message(spoilt)
    installation.send("after-poison", [*after.chunks, after.end])
    installation.producer.flush()


def _poison(installation: Installation, after: Script) -> list[Clear]:
    """No event at all, a broken seal, another record's number, and a call nobody opened."""
    topic = installation.topics.audio_raw
    seal = installation.ledger.open_call("after-poison").seal
    good = sealed(after.chunks[2], topic, seal)
    moved = {**good.headers, "ce_id": b"after-poison/AudioChunk/3"}
    changed = bytes([*good.value[:-1], good.value[-1] ^ 1])
    return [
        Clear("after-poison", {}, b"\x00\x01"),
        Clear("after-poison", good.headers, changed),
        Clear("after-poison", moved, good.value),
        sealed(script("stranger").chunks[0], topic, seal),
    ]


def _beyond_the_end(installation: Installation, late: Script) -> Clear:
    """A chunk after the call's last one, sealed while the key lives."""
    chunk = AudioChunk(late.info, len(late.chunks), len(late.pcm), late.chunks[0].pcm)
    seal = installation.ledger.open_call("late").seal
    return sealed(chunk, installation.topics.audio_raw, seal)


def _audio(installation: Installation, call_id: str) -> Pcm:
    data = installation.kept(call_id, f"{call_id}.flac")
    read = soundfile.read(io.BytesIO(data), dtype="int16", always_2d=True)
    pcm: Pcm = read[0]
    assert read[1] == fakes.RATE
    return pcm


def _certificate(installation: Installation, call_id: str) -> dict[str, Any]:
    found = list((installation.folder / "vault").rglob(f"{call_id}.certificate.json"))
    assert len(found) == 1
    certificate: dict[str, Any] = json.loads(found[0].read_text(encoding="utf-8"))
    return certificate


def _assert_redacted(raw: Pcm, redacted: Pcm) -> None:
    """Digits are zero; what is not muted is as it was; the length is the same."""
    assert redacted.shape == raw.shape
    level = np.abs(raw.astype(int))
    highest_digit = fakes.LOWEST + fakes.STEP * (len(fakes.DIGITS) - 1)
    digits = (level > 0) & (level <= highest_digit)
    assert digits.any()
    assert not redacted[digits].any()
    kept = (redacted == raw) & (raw != 0)
    assert kept.sum() > fakes.BURST
    changed = (redacted != raw).astype(int)
    ramp = fakes.RATE * load_policy("default").muting.ramp_ms // 1_000
    for channel in range(2):
        # What was changed is zero, but for a ramp on either side, which is only quieter.
        ramped = changed[:, channel] & (redacted[:, channel] != 0)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], ramped, [0]])))
        assert max(np.diff(edges)[::2], default=0) <= ramp
    assert (np.abs(redacted.astype(int)) <= level).all()


def _letters(installation: Installation, count: int) -> Counter[str]:
    """Codes of the dead letters; none of them holds a record that never opened."""
    letters = until(
        lambda: installation.read(installation.topics.deadletter),
        holds=lambda letters: len(letters) >= count,
    )
    codes = Counter[str]()
    for letter in letters:
        headers = dict(letter.headers())
        assert not letter.value()
        assert not [name for name in headers if "exception" in name or "message" in name]
        codes[headers[f"{DEADLETTER}code"].decode()] += 1
    return codes


def _assert_nothing_in_clear(installation: Installation, raw: Pcm) -> None:
    """No value on a sealed topic holds audio or words; the check finds what is planted."""
    step = fakes.BURST + fakes.GAP
    canaries = {raw[start : start + 16].tobytes() for start in range(0, len(raw), step)}
    # No shorter words: four bytes do stand in megabytes of ciphertext by chance.
    canaries = {one for one in canaries if any(one)} | {b"hello", b"please"}
    transit = set(installation.topics.transit()) - {installation.topics.audio_in}
    for topic, records in installation.read_every(transit).items():
        assert records, topic
        for record in records:
            headers = b"".join(value for _, value in record.headers() or ())
            assert not [one for one in canaries if one in headers + record.value()], topic
    assert len([one for one in canaries if one in raw.tobytes()]) >= len(fakes.WORDS)


def _assert_all_committed(installation: Installation) -> None:
    """Every stage has acknowledged every record that it reads."""
    reads = {
        "transcribe": ["audio_raw"],
        "detect": ["words"],
        "mute": ["audio_raw", "spans"],
        "verify": ["audio_redacted"],
        "vault": ["audio_verified", "spans"],
    }
    assert set(reads) == set(ALL.split(","))
    records = installation.read_every()
    for stage, names in reads.items():
        for name in names:
            topic = getattr(installation.topics, name)
            written = Counter(message.partition() for message in records[topic])
            assert installation.committed(stage, topic) == dict(written), (stage, name)
