"""A canary in every model seam shows in no repr, exception, log, dead letter or audit entry."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

from agents.access.audit_log import AuditLog
from agents.runtime.engine_pool import PoolWork, TranscriberPool
from agents.system.logging import configure_logging
from models.detection.call_detector import ANALYSIS_FAILED
from models.detection.detector import Detector
from models.detection.turn_reader import Analyses, Reads, ScriptedAnalyses, ScriptedReads
from models.disclosure.masking import Anonymiser, KeyedHash
from models.reader.encoder import Kept, Reading
from models.reader.inputs import LABELS, Piece
from models.speech.silero_vad import SileroVoice
from models.speech.whisper import Whisper
from models.text.turn import turn_of
from pipeline.errors import ModelError
from pipeline.policy.disclosure import Show
from pipeline.policy.loading import load_policy
from pipeline.records.model import (
    Action,
    CallEnd,
    CallInfo,
    Interval,
    Role,
    Window,
    WindowTranscript,
    Word,
)
from pipeline.transcription.voice_activity import FRAME
from tests.agents.runtime.test_stage_runtime import TOPICS, EchoCore, _rig, running
from tests.pipeline.records.wire_samples import SAMPLES

pytestmark = pytest.mark.unit

CANARY = "violet walrus 4000001234567899"
ROOT = Path(__file__).parents[2]
SPOKEN = frozenset(
    {
        "text", "texts", "value", "values", "content", "pcm", "samples", "audio", "digits",
        "letters", "said", "original", "heard", "number", "caller", "token", "secret", "password",
    }
)  # fmt: skip
"""What fields are called that hold what was spoken, or a secret."""
HELD = ("str", "bytes", "NDArray", "Pcm", "Samples", "ndarray")
HARMLESS = {
    ("pipeline/evidence/canonical_json.py", "Signature", "value"): "a signature is public",
    ("pipeline/detection/language/vocabulary.py", "Vocabulary", "digits"): "words of a language",
    ("agents/access/hash_chain.py", "Checkpoint", "value"): "a signature is public",
    ("pipeline/analytics/facts.py", "CallFacts", "caller"): "a pseudonym",
    ("pipeline/records/consent.py", "Business", "caller"): "a pseudonym",
    ("agents/vault/analytics/call_filter.py", "ListingFilter", "caller"): "a pseudonym",
    (
        "agents/vault/analytics/call_listing.py",
        "_Place",
        "value",
    ): "what lists are sorted by: a time, a length or a share",
    (
        "agents/app/checks/certificate_file.py",
        "Finding",
        "text",
    ): "what is wrong with a certificate",
    ("agents/reports/plots.py", "Whisker", "text"): "figures of an evaluation",
    (
        "pipeline/evaluation/change/policies.py",
        "PolicyChange",
        "text",
    ): "what changes of a policy, in words",
    (
        "pipeline/evaluation/change/rules.py",
        "RuleChange",
        "text",
    ): "what changes of a rule, in words",
}
"""Fields of those names that may show, and why."""


def _raises(*_: object, **__: object) -> Any:  # noqa: ANN401
    raise RuntimeError(f"can't do anything with {CANARY}")


def _told(error: BaseException) -> str:
    """All that a traceback of it prints."""
    return "".join(traceback.format_exception(error))


def test_records_do_not_show_what_they_hold() -> None:
    loud = np.full((4, 2), 12_345, np.int16)
    shown = [repr(dataclasses.replace(SAMPLES["AudioChunk"], pcm=loud))]
    shown += [repr(dataclasses.replace(SAMPLES["RedactedChunk"], pcm=loud))]
    word = Word(0, 0, 1, CANARY)
    shown += [repr(word), repr(WindowTranscript("a", 0, 0, 0, 1, words=(word,)))]
    shown += [repr(dataclasses.replace(SAMPLES["Findings"], words=(word,)))]
    shown += [repr(Window("a", 0, 0, 0, 4, 8_000, loud[:, 0], (), 4))]
    turn = turn_of(CANARY)
    shown += [repr(turn), repr(turn.tokens)]
    shown += [repr(Piece((12_345,), (0,))), repr(Reading(np.full((1, 1), 12_345, np.float32)))]
    shown += [repr(Kept(*[np.full((1, 1, 1, 1), 12_345, np.float16)] * 2))]
    for one in shown:
        assert "walrus" not in one
        assert "12345" not in one


def _dataclass_fields() -> list[tuple[str, str, ast.AnnAssign]]:
    found = []
    for package in ("pipeline", "models", "agents", "console"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and any(
                    "dataclass" in ast.unparse(one) for one in node.decorator_list
                ):
                    own = any(
                        isinstance(one, ast.FunctionDef) and one.name == "__repr__"
                        for one in node.body
                    )
                    place = path.relative_to(ROOT).as_posix()
                    found += [
                        (place, node.name, one)
                        for one in node.body
                        if isinstance(one, ast.AnnAssign) and not own
                    ]
    return found


def test_no_dataclass_shows_a_field_that_holds_speech() -> None:
    shown, hidden = [], 0
    for place, name, field in _dataclass_fields():
        target = ast.unparse(field.target)
        if target not in SPOKEN or not any(part in ast.unparse(field.annotation) for part in HELD):
            continue
        if field.value is not None and "repr=False" in ast.unparse(field.value):
            hidden += 1
        elif (place, name, target) not in HARMLESS:
            shown.append(f"{place}: {name}.{target}")
    assert shown == []
    assert hidden > 10


def _voice() -> None:
    voice = object.__new__(SileroVoice)
    voice._session = type("Session", (), {"run": _raises})()
    voice.probabilities(np.zeros(FRAME, np.float32), voice.start())


def _whisper(what: str) -> Callable[[], None]:
    def work() -> None:
        whisper = object.__new__(Whisper)
        whisper._model = type("Model", (), {what: _raises})()
        whisper._most_encoded, whisper._multilingual = 1, False
        tokens = type("Tokens", (), {"no_timestamps": 1, "eot": 2, "sot_sequence": []})()
        whisper._tokenizers = {"en": tokens}
        if what == "encode":
            whisper.encode([np.zeros((80, 100), np.float32)], [16_000])
        else:
            whisper.decode([np.zeros((1, 4, 4), np.float32)], [16_000])

    return work


def _anonymiser(show: Show) -> Callable[[], None]:
    def work() -> None:
        Anonymiser(b"k" * 32).shown("CARD_NUMBER", CANARY, show)

    return work


SEAMS: dict[str, Callable[[], None]] = {
    "voice": _voice,
    "whisper encode": _whisper("encode"),
    "whisper decode": _whisper("generate"),
    "anonymiser mask": _anonymiser(Show.MASK),
    "anonymiser token": _anonymiser(Show.TOKEN),
}


@pytest.mark.parametrize("seam", SEAMS)
def test_a_model_s_exception_goes_no_further(seam: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presidio_anonymizer.operators.mask.Mask.operate", _raises)
    monkeypatch.setattr(KeyedHash, "operate", _raises)
    with pytest.raises(ModelError) as caught:
        SEAMS[seam]()
    assert "walrus" not in _told(caught.value)
    assert "RuntimeError" in str(caught.value)


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """What reaches the process's own streams; logging is as it was afterwards."""
    yield capfd
    structlog.reset_defaults()


class Broken:
    """A recogniser, and a reader, that quotes what it was given."""

    def analyze(self, *_: object) -> list[Any]:
        _raises()
        return []

    def read(self, *_: object) -> Reading:
        _raises()
        return Reading(np.zeros((0, len(LABELS)), np.float32))


@pytest.mark.parametrize(
    ("analyses", "reads"),
    [(Broken(), ScriptedReads()), (ScriptedAnalyses([]), Broken())],
    ids=["recogniser", "reader"],
)
def test_what_fails_silences_and_tells_nothing(
    logged: pytest.CaptureFixture[str], analyses: Analyses, reads: Reads
) -> None:
    configure_logging("debug")
    detector = Detector(load_policy("default"), analyses=analyses, reads=reads)
    call = detector.open(CallInfo("a", 8_000, (Role.MIXED,)))
    word = Word(0, 100, 7_000, CANARY)
    heard = WindowTranscript("a", 0, 0, 0, 8_000, words=(word,), heard_until=8_000)
    found = [*call.take(heard), *call.finish(CallEnd("a", 1, 8_000))]
    stated = [span for one in found for span in one.spans if span.action is Action.MUTE]
    assert any(span.start <= word.start and word.end <= span.end for span in stated)
    assert found[-1].end is not None
    assert ANALYSIS_FAILED in found[-1].end.marks
    assert [word for one in found for word in one.words] == []
    spans = detector.inspect(heard, sample_rate=8_000, expected=frozenset({"PERSON"}))
    assert min(one.start for one in spans) <= word.start
    assert max(one.end for one in spans) >= word.end
    told = logged.readouterr()
    assert "walrus" not in repr(found) + repr(call) + told.out + told.err


def _ear_raises(_: Window) -> WindowTranscript:
    raise RuntimeError(f"can't do anything with {CANARY}")


def _no_start() -> None:
    """Nothing to load."""


async def test_an_engine_that_raises_ends_the_call_without_its_text(
    capfd: pytest.CaptureFixture[str],
) -> None:
    pool = TranscriberPool(PoolWork(_no_start, (), _ear_raises, _ear_raises), 1)
    pcm = np.full(8_000, 9_000, np.int16)
    window = Window("a", 0, 0, 0, 8_000, 8_000, pcm, (Interval(0, 8_000),), 8_000)
    try:
        await pool.start()
        with pytest.raises(RuntimeError):
            await pool.transcribe(window)
    finally:
        pool.stop()
    assert "walrus" not in "".join(capfd.readouterr())


async def test_a_stage_that_breaks_tells_a_code_and_nothing_else(
    tmp_path: Path, logged: pytest.CaptureFixture[str]
) -> None:
    class BrokenError(RuntimeError):
        def __init__(self) -> None:
            super().__init__(f"can't do anything with {CANARY}")

    configure_logging("debug")
    async with running(_rig(tmp_path, lambda _: EchoCore(fail=BrokenError))) as rig:
        await rig.bring("a", 1, 13)
        await rig.bring_message({"ce_id": CANARY.encode()}, CANARY.encode(), "a")
        await rig.until(lambda: rig.acknowledged() == [0, 1, 2])
        log = AuditLog(rig.ledger.database)
        written = b"".join(log.export())
        assert b'"internal"' in written
        for topic, key, value, headers in rig.port.sent:
            written += (key or b"") + value + repr(headers).encode()
            assert topic in TOPICS.all()
        await asyncio.sleep(0)
    told = logged.readouterr()
    assert "call refused" in told.err
    assert "BrokenError" in told.err  # what broke, and not the group that its task ended with
    assert b"walrus" not in written
    assert "walrus" not in told.out + told.err
    assert b"walrus" not in _all_files(tmp_path)


def _all_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
