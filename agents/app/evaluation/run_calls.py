"""Runs what is to be evaluated on recorded calls: a folder that was redacted, or the pipeline.

Raises ``HushwireError`` for recordings, manifests and models that can't be used.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import soundfile

from agents.app.evaluation.run_texts import spans_in
from agents.app.in_memory_pipeline import Line
from agents.app.recordings.recording_folder import read_drop
from agents.app.wiring import transcriber_settings
from agents.runtime.engine_pool import engine_pool
from agents.settings.detectors import detector_settings
from agents.settings.model import Settings
from agents.settings.policies import names_known, read_policy
from agents.system.engine_sizing import window_settings
from models.detection.detector import Detector
from models.speech.silero_vad import SileroVoice
from pipeline.audio.files import SUFFIXES, Recording, read_recording
from pipeline.audio.narrowing import analysed, kept_rate
from pipeline.errors import InputError
from pipeline.evaluation.corpora.call_manifest import TruthCall, parse_manifest
from pipeline.evaluation.figures.threshold_curves import HeardCall, heard_curve
from pipeline.evaluation.scoring.leak_causes import RunRecords, causes_of
from pipeline.evaluation.scoring.leak_scoring import (
    CallResult,
    LeakReport,
    evaluation_of,
    score_call,
)
from pipeline.evaluation.scoring.muted_frames import Samples
from pipeline.evaluation.scoring.results import Evaluation, FoundSpan, found_spans
from pipeline.evaluation.scoring.text_scoring import open_policy
from pipeline.evidence.certificate import Certificate, parse_certificate
from pipeline.evidence.layout import CERTIFICATE, SEALED
from pipeline.evidence.stored_call import StoredCall
from pipeline.policy.model import Policy
from pipeline.records.model import (
    FULL_SCALE,
    CallEnd,
    CallInfo,
    Findings,
    Mute,
    Record,
    Span,
    WindowTranscript,
    Word,
)
from pipeline.transcription.windows import WindowSettings


def read_manifest(path: Path, known: Collection[str] | None = None) -> tuple[TruthCall, ...]:
    """Read a truth manifest; its types are checked where ``known`` says which there are.

    Raises:
        InputError: it can't be read, or a line is not what it has to be.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({type(error).__name__})") from None
    return parse_manifest(text, origin=path.name, known=known)


def check(manifest: Path, redacted: Path) -> LeakReport:
    """Compare every call of a manifest with the redacted file of the same name under a folder.

    Raises:
        InputError: a file can't be read, or a redacted one has another rate, length or number of
            channels than its original.
    """
    calls = []
    for truth in read_manifest(manifest):
        path = _redacted_file(redacted, truth.call_id)
        if path is None and next(redacted.rglob(f"{truth.call_id}.flac{SEALED}"), None):
            raise InputError(
                f"{redacted}: is an encrypted vault: `hushwire export --all --vault {redacted} "
                "--to DIR`, then name that folder"
            )
        calls.append(_missing(truth) if path is None else _compared(truth, manifest.parent, path))
    return LeakReport(tuple(calls))


def evaluate_folder(
    manifest: Path, redacted: Path, known: Collection[str] | None = None
) -> Evaluation:
    """Evaluate a folder of redacted recordings; certificates beside them tell more on leaks.

    Args:
        manifest: the truth; the originals lie beside it.
        redacted: the folder.
        known: the entity types that are found here; None: any may be in the manifest.

    Raises:
        InputError: a file can't be read or compared, or no call is there at all.
        RecordError: a certificate does not follow its schema.
    """
    truths = read_manifest(manifest, known)
    report = check(manifest, redacted)
    if all(call.missing for call in report.calls):
        raise InputError(f"{redacted}: there is no redacted recording of any call of the manifest")
    causes: dict[str, str] = {}
    spans: tuple[FoundSpan, ...] | None = ()
    for call in report.calls:
        path = next(iter(sorted(redacted.rglob(f"{call.call_id}{CERTIFICATE}"))), None)
        if path is None:
            spans = None  # a comparison of some calls only would say too little
            continue
        records = _stated(path)
        causes |= causes_of(call, records)
        if spans is not None:
            spans += found_spans(call.call_id, records.spans, records.rate)
    return evaluation_of(redacted.name, truths, report, causes, spans)


def evaluate_run(
    manifest: Path,
    settings: Settings,
    *,
    curves: bool = False,
    told: Callable[[str], None] = lambda name: None,  # noqa: ARG005 - nobody asked
) -> Evaluation:
    """Redact every call of a manifest in memory and evaluate what comes out.

    Args:
        manifest: the truth; the recordings lie beside it.
        settings: models and policy.
        curves: also detect with thresholds at zero in what was heard, for precision and recall per
            threshold.
        told: is told the name of each call that begins.
    """
    truths = read_manifest(manifest, names_known(settings).entities)
    policy = read_policy(settings)
    calls: list[CallResult] = []
    causes: dict[str, str] = {}
    spans: tuple[FoundSpan, ...] = ()
    heard: list[HeardCall] = []
    own = detector_settings(settings)
    opened = Detector(open_policy(policy), settings=own) if curves else None
    with engine_pool(transcriber_settings(settings), settings.engine_processes) as pool:
        detector = Detector(policy, settings=own)
        for truth in truths:
            told(truth.call_id)
            engines = Engines(policy, detector, pool, window_settings(settings.pace))
            call, records, line = _run(truth, manifest.parent, engines)
            calls.append(call)
            causes |= causes_of(call, records)
            spans += found_spans(truth.call_id, records.spans, records.rate)
            if opened is not None and line.info is not None and line.end is not None:
                found = spans_in(opened, line.info, line.windows, line.end)
                heard.append(HeardCall(truth, found, records.rate))
    report = LeakReport(tuple(calls))
    result = evaluation_of(policy.name, truths, report, causes, spans)
    return replace(result, curve=heard_curve(heard))


@dataclass(frozen=True, slots=True)
class Engines:
    """What recordings are run with in memory."""

    policy: Policy
    detector: Detector
    pool: Executor
    listening: WindowSettings


class Watched(Line):
    """A line that keeps what was heard and found."""

    windows: tuple[WindowTranscript, ...] = ()
    end: CallEnd | None = None
    spans: tuple[Span, ...] = ()

    @property
    def heard(self) -> tuple[Word, ...]:
        """The words of all windows."""
        return tuple(word for heard in self.windows for word in heard.words)

    @property
    def info(self) -> CallInfo | None:
        """What the first window says of the call."""
        return self.windows[0].call if self.windows else None

    def put(self, topic: str, record: Record) -> None:
        """See ``Line``."""
        match record:
            case WindowTranscript() if topic == self.topics.words:
                self.windows += (record,)
            case CallEnd() if topic == self.topics.words:
                self.end = record
            case Findings():
                self.spans += record.spans
        super().put(topic, record)


def _run(
    truth: TruthCall, folder: Path, engines: Engines
) -> tuple[CallResult, RunRecords, Watched]:
    line, recording, stored = run_recording(folder / truth.file, engines)
    audio = next((data for name, data in stored.files.items() if name.endswith(".flac")), None)
    spans = _spans(stored.certificate)  # verification's, too
    records = RunRecords(recording.sample_rate, spans, line.mutes, line.heard)
    if audio is None:
        return _missing(truth), records, line
    after, _ = _decoded(io.BytesIO(audio), truth.call_id)
    before = recording.pcm / FULL_SCALE
    return score_call(truth, before, after, recording.sample_rate), records, line


def run_recording(path: Path, engines: Engines) -> tuple[Watched, Recording, StoredCall]:
    """Redact one recording in memory.

    Args:
        path: the recording.
        engines: what hears and detects.

    Returns:
        What was heard and found on the way, what the stages saw, and what would be stored.
    """
    drop = read_drop(path)
    recording = analysed(read_recording(drop.path))
    call = drop.info(recording.sample_rate, recording.channels)
    line = Watched(
        call.call_id,
        engines.policy,
        engines.detector.open,
        engines.detector,
        voice=SileroVoice(),
        pool=engines.pool,
        listening=engines.listening,
    )
    line.send(call, recording.pcm)
    return line, recording, line.finish()


def _stated(path: Path) -> RunRecords:
    """What a certificate says of a call."""
    stated = parse_certificate(path.read_bytes())
    return RunRecords(
        stated.sample_rate,
        _spans(stated),
        tuple(Mute(m.channel, m.start, m.end) for m in stated.mutes),
    )


def _spans(stated: Certificate) -> tuple[Span, ...]:
    return tuple(
        Span(s.entity, s.channel, s.start, s.end, s.score, s.recognizer, s.action, s.reason)
        for s in stated.spans
    )


def _compared(truth: TruthCall, folder: Path, path: Path) -> CallResult:
    before, rate = _decoded(folder / truth.file, truth.call_id)
    after, rate_after = _decoded(path, truth.call_id)
    if rate_after == kept_rate(rate) != rate:
        recording = analysed(read_recording(folder / truth.file))
        before, rate = recording.pcm / FULL_SCALE, recording.sample_rate
    if rate_after != rate:
        raise InputError(
            f"{truth.call_id}: the redacted recording has {rate_after} Hz; the original is {rate}"
        )
    return score_call(truth, before, after, rate)


def _decoded(source: Path | io.BytesIO, name: str) -> tuple[Samples, int]:
    try:
        audio, rate = soundfile.read(source, dtype="float64", always_2d=True)
    except (OSError, soundfile.LibsndfileError):
        raise InputError(f"{name}: a recording of it cannot be read") from None
    return audio, int(rate)


def _missing(truth: TruthCall) -> CallResult:
    return CallResult(Path(truth.file).name, missing=True)


def _redacted_file(folder: Path, stem: str) -> Path | None:
    hits = (path for suffix in sorted(SUFFIXES) for path in folder.rglob(f"{stem}{suffix}"))
    return next(iter(sorted(hits)), None)
