"""Logging, metrics, messages, topics and processes: what must not show, and what must end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agents.crypto.envelope import KeyEncryptionKey
from agents.kafka.producer import CallProducer
from agents.kafka.topics import Topics, create_topics
from agents.runtime import events
from agents.runtime.broker_port import Delivery
from agents.runtime.engine_pool import PoolWork, TranscriberPool
from agents.runtime.steps import EmitEvent
from agents.system import fatal_exit, logging
from agents.system.child_processes import bound_command
from agents.system.metrics import Metrics
from pipeline.errors import BrokerError, ModelError, RecordError
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Interval, Role, Window
from tests.broker import fakes
from tests.waiting import HANG_S, until

pytestmark = pytest.mark.unit


def test_only_allowed_fields_are_logged() -> None:
    entry = {"event": "heard", "call_id": "a", "text": "secret", "words": ["secret"]}
    assert logging.only_allowed(None, "info", entry) == {
        "event": "heard",
        "call_id": "a",
        "dropped_fields": 2,
    }


def test_logs_are_json_lines_without_content(capsys: pytest.CaptureFixture[str]) -> None:
    logging.configure_logging("info")
    logging.get_logger("mute").warning("dead letter", code="seal", value=b"secret")
    line = json.loads(capsys.readouterr().err)
    assert (line["stage"], line["code"], line["dropped_fields"]) == ("mute", "seal", 1)


def test_the_snapshot_sums_up() -> None:
    metrics = Metrics()
    metrics.calls.labels("mute").inc(2)
    metrics.spans.labels("CARD_NUMBER").inc()
    metrics.audio.inc(1.5)
    metrics.refused.labels("mute", "internal").inc()
    metrics.dead_letters.labels("mute", "seal").inc()
    metrics.dead_letters.labels("detect", "seal").inc()
    seen = metrics.snapshot()
    assert seen.calls == {"mute": 2}
    assert seen.spans == {"CARD_NUMBER": 1}
    assert seen.audio_seconds == 1.5
    assert (seen.refused, seen.dead_letters) == (1, {"seal": 2})


def test_no_metric_has_a_call_label() -> None:
    for family in Metrics().registry.collect():
        assert family.name.startswith(("hushwire_", "process_"))
        assert not [one for one in family.samples if "call_id" in one.labels]


def test_a_dead_letter_holds_no_content() -> None:
    delivery = Delivery("t", 1, 2, b"k", {"ce_id": b"secret"}, b"secret")
    letter = events.dead_letter("d", delivery, stage="mute", code="seal")
    assert (letter.key, letter.value) == (None, b"")
    assert b"secret" not in b"".join(letter.headers.values())
    assert "secret" not in repr(delivery)


def test_an_event_is_the_same_every_time() -> None:
    step = EmitEvent("t", "call-1", "hushwire.call.redacted.v1", {"state": "stored"})
    assert events.event(step) == events.event(step)
    assert events.event(step).headers["ce_id"] == b"call-1/hushwire.call.redacted.v1"
    third = EmitEvent(
        "t", "call-1", "k.v1", {"said": "aloud"}, part=3, classification="confidential"
    )
    headers = events.event(third).headers
    assert headers["ce_id"] == b"call-1/k.v1/3"
    assert headers["ce_dataclassification"] == b"confidential"
    assert "aloud" not in repr(third)


def test_topics_have_their_names() -> None:
    assert Topics.named("p").all() == (
        "p.audio.in",
        "p.audio.raw",
        "p.words",
        "p.spans",
        "p.audio.redacted",
        "p.audio.verified",
        "p.calls.redacted",
        "p.transcripts.redacted",
        "p.deadletter",
        "p.audit",
    )


def test_an_archive_has_topics_of_its_own() -> None:
    both = Topics.named("p", backfilled=True)
    archive = both.backfill()
    assert set(both.all()) - set(Topics.named("p").all()) == set(archive.transit()) - {"p.audio.in"}
    assert archive.transit() == (
        "p.audio.in",
        "p.backfill.audio.raw",
        "p.backfill.words",
        "p.backfill.spans",
        "p.backfill.audio.redacted",
        "p.backfill.audio.verified",
    )
    shared = {archive.calls_redacted, archive.deadletter, archive.audit}
    assert shared == {"p.calls.redacted", "p.deadletter", "p.audit"}
    assert set(both.transit()) == {*Topics.named("p").transit(), *archive.transit()}
    live = Topics.named("p")
    assert live.archive() == both.archive() == archive.transit()[1:]
    assert live.among({*live.all(), "q.backfill.words"}) == live
    assert live.among({"p.backfill.words"}) == both
    assert both.among(()) == both


def test_a_broker_that_is_away_is_an_error_in_time(tmp_path: Path) -> None:
    _, seal = KeyEncryptionKey.load_or_create(tmp_path / "kek.json").new_transit_key("a")
    with (
        pytest.raises(BrokerError, match="not acknowledged"),
        CallProducer("127.0.0.1:1", "t", delivery_s=1.0) as producer,
    ):
        producer.send(CallEnd("a", 0, 0), seal)
    with pytest.raises(BrokerError):
        create_topics("127.0.0.1:1", Topics.named(), timeout_s=1.0)


def test_a_recorder_that_is_too_fast_is_told_at_once(tmp_path: Path) -> None:
    fast = CallInfo("a", 48_000, (Role.MIXED,))
    _, seal = KeyEncryptionKey.load_or_create(tmp_path / "kek.json").new_transit_key("a")
    producer = CallProducer("127.0.0.1:1", "t", delivery_s=0.1)
    with pytest.raises(RecordError, match="48000 Hz; resample it to 16000 Hz"):
        producer.send(AudioChunk(fast, 0, 0, np.zeros((480, 1), np.int16)), seal)


def test_a_bound_program_ends_with_its_parent() -> None:
    code = (
        "import subprocess, sys, time\n"
        "from agents.system.child_processes import bound_command\n"
        "child = subprocess.Popen(bound_command('/bin/sleep', '3600'))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(3600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    until(lambda: "sleep" in _command(child))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: "sleep" not in _command(child))


def test_a_bound_program_does_not_outlive_a_parent_that_is_gone() -> None:
    command = bound_command("/bin/sleep", "3600")
    command[3] = "1"
    assert subprocess.run(command, check=False, timeout=HANG_S).returncode == 1


def _command(process: int) -> str:
    """What a process runs; empty once it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""


def test_fatal_ends_the_process_with_its_code() -> None:
    code = (
        "from agents.system import fatal_exit as fatal\n"
        "fatal.exit_now(fatal.ExitCode.BROKER, 'the broker is away')"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == fatal_exit.ExitCode.BROKER
    assert done.stderr == "hushwire: the broker is away (exit 81)\n"


def _window(call_id: str, words: list[str | None]) -> Window:
    pcm = fakes.speak(words)
    whole = Interval(0, len(pcm))
    return Window(call_id, 0, 0, 0, len(pcm), fakes.RATE, pcm, (whole,), heard_until=len(pcm))


async def test_a_window_that_kills_its_process_is_unheard_and_others_are_not() -> None:
    pool = TranscriberPool(PoolWork(fakes.start, (), fakes.transcribe, fakes.transcribe), 1)
    try:
        await pool.start()
        good, bad = _window("plain", ["hello", "two"]), _window("killer", ["hello"])
        heard = await asyncio.gather(
            pool.transcribe(good), pool.transcribe(bad), pool.transcribe(good)
        )
        assert [word.text for word in heard[0].words] == ["hello", "two"]
        assert heard[2].words == heard[0].words
        assert heard[1].unheard == (Interval(0, len(bad.pcm)),)
    finally:
        pool.stop()


def _no_models() -> None:
    raise ModelError("whisper-base: not found; pull it")


def _ends() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("start", "message"), [(_no_models, "not found"), (_ends, "end while")])
async def test_a_pool_without_models_says_so(start: object, message: str) -> None:
    assert callable(start)
    pool = TranscriberPool(PoolWork(start, (), fakes.transcribe, fakes.transcribe), 1)
    try:
        with pytest.raises(ModelError, match=message):
            await pool.start()
    finally:
        pool.stop()


async def test_silence_needs_no_process() -> None:
    pool = TranscriberPool(PoolWork(_ends, (), fakes.transcribe, fakes.transcribe), 1)
    window = Window("a", 4, 1, 10, 20, 8_000, np.zeros(0, np.int16), heard_until=20)
    heard = await pool.transcribe(window)
    assert (heard.seq, heard.channel, heard.heard_until, heard.unheard) == (4, 1, 20, ())
    pool.stop()
