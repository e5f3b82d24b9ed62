"""Redacts one recording without a broker, with the same cores in the same order as the stages.

Outcomes of ``redact_file``: every file of the call written, or none. A call whose verification
fails leaves its certificate and no audio. Problems raise ``HushwireError``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from agents.pool import engine_pool
from agents.recordings import SUFFIXES, Drop, read_drop
from agents.settings import Settings
from agents.start import ear_settings
from models.detector import Detector
from models.ear import check, hear
from models.voice import SileroVoice
from pipeline.audio import Recording, as_flac, read_recording, write_recording
from pipeline.certificate import check as check_files
from pipeline.errors import InputError, StoreError
from pipeline.listening import Listener
from pipeline.muting import CallMuter
from pipeline.policy import Policy, load_policy
from pipeline.records import (
    AudioChunk,
    CallEnd,
    CallInfo,
    Findings,
    Heard,
    Mute,
    RedactedChunk,
    Verdict,
    Window,
)
from pipeline.rendering import apply_mutes
from pipeline.vaulting import CallAssembly, StoredCall
from pipeline.verification import CallVerifier


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
    to_flac = _goes_to_flac(source, target, recording)
    policy = load_policy(settings.policy)
    call = drop.info(recording.sample_rate, recording.channels)
    detector = Detector(policy)
    with engine_pool(ear_settings(settings), settings.engine_processes) as pool:
        stored, mutes = _redact(call, recording, policy, detector, pool)
    files = _beside(stored, target, drop)
    if stored.passed:
        muted = Recording(recording.info, apply_mutes(recording.samples, mutes, policy, call))
        files[target] = write_recording(as_flac(muted) if to_flac else muted)
    _write_all(files)
    return Redacted(stored.passed, tuple(files))


def check_certificate(file: Path) -> list[str]:
    """What is wrong with a certificate and the call's files beside it; empty when nothing is.

    Raises:
        InputError: the certificate can't be read.
    """
    suffix = ".certificate.json"
    if not file.name.endswith(suffix):
        raise InputError(f"{file.name}: a certificate's name ends with {suffix}")
    stem = file.with_name(file.name.removesuffix(suffix))
    try:
        certificate = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file.name}: cannot be read ({error.strerror})") from error
    beside = {
        path.name: path.read_bytes()
        for path in sorted(stem.parent.glob(f"{stem.name}.*"))
        if path != file
    }
    return check_files(certificate, beside)


def _goes_to_flac(source: Path, target: Path, recording: Recording) -> bool:
    if target.resolve() == source.resolve():
        raise InputError(f"{target.name}: OUT may not be IN; the original is never overwritten")
    kind = target.suffix.lower()
    if kind == ".flac":
        return source.suffix.lower() != ".flac"
    if kind not in SUFFIXES or kind != source.suffix.lower():
        raise InputError(f"{target.name}: OUT has to be {source.suffix.lower()} like IN, or .flac")
    if not recording.info.exact:
        raise InputError(
            f"{target.name}: writing {recording.info.subtype} again would change every sample; "
            "let OUT end with .flac"
        )
    return False


def _redact(
    call: CallInfo,
    recording: Recording,
    policy: Policy,
    detector: Detector,
    pool: ProcessPoolExecutor,
) -> tuple[StoredCall, list[Mute]]:
    """Send a call through the cores, in the order of the stages."""
    chunks = list(_chunks(call, recording))
    end = CallEnd(call.call_id, len(chunks), len(recording.samples))
    listener = Listener(call, SileroVoice())
    windows = [window for chunk in chunks for window in listener.take(chunk)]
    windows += listener.finish(end)
    findings = list(_detect(call, pool.map(hear, windows), end, detector))

    muter, redacted = CallMuter(policy), list[RedactedChunk | CallEnd]()
    for finding in findings:
        redacted += muter.take_findings(finding)
    for chunk in chunks:
        redacted += muter.take_audio(chunk)
    redacted += muter.take_end(end)

    assembly, mutes = CallAssembly(policy), dict[Mute, None]()
    stored = [assembly.take_findings(finding) for finding in findings]
    for item in _verify(redacted, policy, detector, call, pool):
        if isinstance(item, Verdict):
            stored.append(assembly.take_verdict(item))
        else:
            mutes.update(dict.fromkeys(item.mutes))
            stored.append(assembly.take_chunk(item))
    done = next((one for one in stored if one is not None), None)
    if done is None:
        raise StoreError(f"{call.call_id}: the call did not come to its end; nothing was written")
    return done, list(mutes)


def _chunks(call: CallInfo, recording: Recording) -> Iterator[AudioChunk]:
    step = recording.sample_rate
    for seq, start in enumerate(range(0, len(recording.samples), step)):
        yield AudioChunk(call, seq, start, recording.pcm[start : start + step])


def _detect(
    call: CallInfo, heards: Iterable[Heard], end: CallEnd, detector: Detector
) -> Iterator[Findings]:
    open_call = detector.open(call.call_id, call.sample_rate, call.channels)
    for heard in heards:
        yield from open_call.take(heard)
    yield from open_call.finish(end)


def _verify(
    redacted: Iterable[RedactedChunk | CallEnd],
    policy: Policy,
    detector: Detector,
    call: CallInfo,
    pool: ProcessPoolExecutor,
) -> Iterator[RedactedChunk | Verdict]:
    verifier = CallVerifier(policy)
    for record in redacted:
        waiting = verifier.take(record)
        while waiting:
            item = waiting.pop(0)
            if not isinstance(item, Window):
                yield item
                continue
            heard = pool.submit(check, item).result()
            spans = detector.inspect(
                heard, sample_rate=call.sample_rate, expected=verifier.expected_at(item)
            )
            waiting += verifier.take_heard(heard, spans)


def _beside(stored: StoredCall, target: Path, drop: Drop) -> dict[Path, bytes]:
    """The stored files but the audio, named after the target."""
    return {
        target.with_name(target.stem + name.removeprefix(drop.call_id)): content
        for name, content in stored.files.items()
        if not name.endswith(".flac")
    }


def _write_all(files: dict[Path, bytes]) -> None:
    """Write next to the final names first, then rename: no file is ever half there."""
    try:
        for path, content in files.items():
            part = path.with_name(f".{path.name}.part")
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path in files:
            path.with_name(f".{path.name}.part").replace(path)
    except OSError as error:
        for path in files:
            path.with_name(f".{path.name}.part").unlink(missing_ok=True)
        raise StoreError(f"{error.filename}: cannot be written ({error.strerror})") from error
