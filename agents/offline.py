"""Redacts one recording without a broker: the stages' own cores, connected in memory.

Outcomes of ``redact_file``: every file of the call written, or none. A call whose verification
fails leaves its certificate and no audio. Problems raise ``HushwireError``.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from agents.pool import engine_pool
from agents.recordings import SUFFIXES, read_drop
from agents.settings import Settings
from agents.stages.detect import detect_stage
from agents.stages.mute import mute_stage
from agents.stages.transcribe import Patience, transcribe_stage
from agents.stages.verify import verify_stage
from agents.start import ear_settings
from agents.steps import CallCore, Later, Listen, Send, Step
from agents.topics import Topics
from models.detector import Detector
from models.ear import check, hear
from models.voice import SileroVoice
from pipeline.audio import Recording, as_flac, read_recording, write_recording
from pipeline.certificate import check_certificate
from pipeline.errors import InputError, StoreError
from pipeline.policy import Policy, load_policy
from pipeline.records import (
    AudioChunk,
    CallEnd,
    CallInfo,
    Findings,
    Heard,
    Mute,
    Record,
    RedactedChunk,
    Verdict,
)
from pipeline.rendering import apply_mutes
from pipeline.vaulting import CallAssembly, StoredCall

CERTIFICATE = ".certificate.json"


@dataclass(frozen=True, slots=True)
class Redacted:
    """What ``redact_file`` left."""

    passed: bool
    written: tuple[Path, ...]


def redact_file(source: Path, target: Path, settings: Settings) -> Redacted:
    """Redact one recording.

    Args:
        source: WAV, FLAC or Ogg.
        target: the same kind, or ``.flac``; ``<stem>.json``, ``.vtt`` and ``.certificate.json``
            are laid beside it.
        settings: models and policy.

    Raises:
        HushwireError: the recording, the policy or a model is unusable, or a file can't be
            written; nothing is left half-written.
    """
    drop = read_drop(source)
    recording = read_recording(source)
    wanted = _in_kind(source, target, recording)
    call = drop.info(recording.sample_rate, recording.channels)
    policy = load_policy(settings.policy)
    detector = Detector(policy)
    with engine_pool(ear_settings(settings), settings.engine_processes) as pool:
        line = Line(call.call_id, policy, detector, pool)
        for record in _records(call, recording):
            line.put(line.topics.audio_raw, record)
        stored = line.finish()
    files = {
        target.with_name(target.stem + name.removeprefix(call.call_id)): content
        for name, content in stored.files.items()
        if not name.endswith(".flac")
    }
    if stored.passed:
        samples = apply_mutes(
            wanted.samples, line.mutes, call.sample_rate, policy.muting, key=call.call_id
        )
        files[target] = write_recording(Recording(wanted.info, samples))
    _write_all(files)
    return Redacted(stored.passed, tuple(sorted(files)))


def certificate_problems(file: Path) -> list[str]:
    """What is wrong with a certificate and the call's files beside it; empty when nothing is.

    Raises:
        InputError: a file can't be read.
        RecordError: the certificate does not follow its schema.
    """
    if not file.name.endswith(CERTIFICATE):
        raise InputError(f"{file.name}: a certificate's name ends with {CERTIFICATE}")
    stem = file.name.removesuffix(CERTIFICATE)
    audio = file.with_name(f"{stem}.flac")
    others = [file.with_name(stem + suffix) for suffix in (".json", ".vtt")]
    try:
        checks = check_certificate(
            file.read_bytes(),
            audio.read_bytes() if audio.exists() else b"",
            {path.name: path.read_bytes() for path in others if path.exists()},
        )
    except OSError as error:
        raise InputError(f"{file.name}: cannot be read ({error.strerror})") from error
    return [
        f"{check.name}: measured {check.measured:g}, allowed {check.limit:g}"
        for check in checks
        if not check.passed
    ]


class Line:
    """The stages of one call in a row; what one sends, the next takes at once.

    Args:
        call_id: of the call.
        policy: what is muted.
        detector: for detection and verification.
        pool: speech engines; several windows are listened to at once, results stay in order.
    """

    def __init__(
        self, call_id: str, policy: Policy, detector: Detector, pool: ProcessPoolExecutor
    ) -> None:
        self.topics = Topics.named()
        self._mutes: dict[Mute, None] = {}
        self._pool = pool
        patience = Patience()
        stages = (
            transcribe_stage(self.topics, SileroVoice(), patience),
            detect_stage(self.topics, detector.open),
            mute_stage(self.topics, policy, patience),
            verify_stage(self.topics, policy, detector),
        )
        self._readers: list[tuple[tuple[str, ...], CallCore, _Steps]] = [
            (stage.inputs, stage.open(call_id), deque()) for stage in stages
        ]
        self._assembly = CallAssembly(policy)
        self._stored: StoredCall | None = None

    @property
    def mutes(self) -> tuple[Mute, ...]:
        """Every mute of the verified audio."""
        return tuple(self._mutes)

    def put(self, topic: str, record: Record) -> None:
        """Hand a record to whoever reads the topic."""
        self._assemble(topic, record)
        for inputs, core, steps in self._readers:
            if topic in inputs:
                steps.extend(self._begin(step) for step in core.take(topic, record))

    def finish(self) -> StoredCall:
        """Carry out all steps and return the call.

        Raises:
            StoreError: the stages did not bring the call to its end.
        """
        while any(steps for _, _, steps in self._readers):
            for _, _, steps in self._readers:
                while steps:
                    self._carry_out(steps)
        if self._stored is None:
            raise StoreError("the call did not come to its end; nothing was written")
        return self._stored

    def _begin(self, step: Step) -> _Begun:
        if isinstance(step, Listen):
            job = check if step.check else hear
            return step, self._pool.submit(job, step.window)
        return step, None

    def _carry_out(self, steps: _Steps) -> None:
        step, result = steps.popleft()
        match step:
            case Send():
                self.put(step.topic, step.record)
            case Listen() if result is not None:
                more = [self._begin(one) for one in step.then(result.result())]
                # A core that does not ask for order states its next steps as of now.
                steps.extendleft(reversed(more)) if step.in_order else steps.extend(more)
            case Later():
                steps.extendleft(reversed([self._begin(one) for one in step.then()]))
            case _:
                raise StoreError(f"{type(step).__name__} has no place without a broker")

    def _assemble(self, topic: str, record: Record) -> None:
        match record:
            case Findings():
                stored = self._assembly.take_findings(record)
            case RedactedChunk() if topic == self.topics.audio_verified:
                self._mutes.update(dict.fromkeys(record.mutes))
                stored = self._assembly.take_chunk(record)
            case Verdict():
                stored = self._assembly.take_verdict(record)
            case _:
                return
        self._stored = self._stored or stored


_Begun = tuple[Step, Future[Heard] | None]
_Steps = deque[_Begun]


def _in_kind(source: Path, target: Path, recording: Recording) -> Recording:
    """The recording in the form that the target asks for."""
    if target.resolve() == source.resolve():
        raise InputError(f"{target.name}: OUT may not be IN; the original is never overwritten")
    kind = target.suffix.lower()
    if kind == ".flac":
        return as_flac(recording)
    if kind not in SUFFIXES or kind != source.suffix.lower():
        raise InputError(f"{target.name}: OUT has to be {source.suffix.lower()} like IN, or .flac")
    if not recording.info.exact:
        raise InputError(
            f"{target.name}: writing {recording.info.subtype} again would change every sample; "
            "let OUT end with .flac"
        )
    return recording


def _records(call: CallInfo, recording: Recording) -> Iterator[AudioChunk | CallEnd]:
    step, pcm = recording.sample_rate, recording.pcm
    starts = range(0, len(pcm), step)
    for seq, start in enumerate(starts):
        yield AudioChunk(call, seq, start, pcm[start : start + step])
    yield CallEnd(call.call_id, len(starts), len(pcm))


def _write_all(files: dict[Path, bytes]) -> None:
    """Write next to the final names first, then rename: no file is ever half there."""
    parts = {path: path.with_name(f".{path.name}.part") for path in files}
    try:
        for path, content in files.items():
            with parts[path].open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise StoreError(f"{error.filename}: cannot be written ({error.strerror})") from error
