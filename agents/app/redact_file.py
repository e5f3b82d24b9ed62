"""Redacts one recording without a broker.

Outcomes of ``redact_file``: every file of the call written, or none. A call whose verification
fails leaves its certificate and no audio. Problems raise ``HushwireError``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from agents.app.checks.redaction_job import Job, job_of
from agents.app.checks.wanted import Wanted
from agents.app.in_memory_pipeline import Line, Told
from agents.app.wiring import transcribed_by, transcriber_settings
from agents.crypto.ed25519 import SigningKey
from agents.database.open_ledger import signing_key_beside, token_key_beside
from agents.reports.call_files import read_call
from agents.reports.call_report import report_page
from agents.runtime.engine_pool import engine_pool
from agents.settings.consent_rules import consent_rules
from agents.settings.detectors import detector_settings
from agents.settings.model import STATE, Settings
from agents.stages.detect import Open
from agents.stages.speakers import diarizer_of
from agents.stages.verify import Inspector
from agents.system.atomic_files import placement
from agents.system.engine_sizing import window_settings
from agents.system.private_files import there
from agents.upkeep.quarantine import why_failed
from models.detection.detector import Detector
from models.speech.silero_vad import SileroVoice
from models.speech.transcriber import check, pinned, transcribe
from pipeline.consent.gate import ConsentRules
from pipeline.evidence.certificate import certificate_json, parse_certificate, restated
from pipeline.evidence.certificate_check import check_certificate
from pipeline.evidence.stored_call import Diarizes, StoredCall
from pipeline.muting.output_format import in_form, write_in, written_checks
from pipeline.muting.rendering import apply_mutes
from pipeline.records.model import Mute, Role, Window, WindowTranscript
from pipeline.transcription.segmenter import VoiceDetector, WindowSettings

NARROWED = "narrowed"
"""Mark of a call of which more was in IN than what was analysed and is in OUT."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """What ``redact_file`` left."""

    passed: bool
    written: tuple[Path, ...]
    narrowed: bool = False
    """Whether IN held more than was analysed, and OUT holds: 16 bits a sample, at most 16 kHz."""
    pseudonym: str = ""
    """The call's id, where IN's name can be none."""
    failed: tuple[str, ...] = ()
    """Names of the checks that failed, where it did not pass."""


@dataclass(frozen=True, slots=True)
class Engines:
    """What hears and detects: the real ones, or scripted ones in tests."""

    open_detector: Open
    inspector: Inspector
    voice: VoiceDetector
    pool: Executor
    transcribe: Callable[[Window], WindowTranscript] = transcribe
    check: Callable[[Window], WindowTranscript] = check
    listening: WindowSettings | None = None
    """How speech is packed into windows."""
    transcribed_by: str = ""
    """Digest of all that decides what is heard, see ``WindowTranscript.listening``."""
    consent: ConsentRules | None = None
    """What the call is judged by; a policy that enforces consent needs it."""
    speakers: Diarizes | None = None
    """Tells apart who speaks on a shared channel; None: nobody does."""


def redact_file(wanted: Wanted, settings: Settings, *, told: Told | None = None) -> Redacted:
    """Redact one recording; transcript, subtitles and certificate are laid beside it.

    Args:
        wanted: what is to be made of which recording.
        settings: models and policy.
        told: progress.

    Raises:
        HushwireError: the recording, the policy or a model is unusable, a file is there already
            or can't be written; nothing is left then.
    """
    return redact_job(job_of(wanted, settings), settings, told=told)


def redact_job(job: Job, settings: Settings, *, told: Told | None = None) -> Redacted:
    """The same of a recording that was read, see ``job_of``.

    Raises:
        HushwireError: a model is unusable, or a file can't be written; nothing is left then.
    """
    state = settings.state_folder(STATE)
    key, secret = signing_key_beside(settings, state), None
    if job.policy.needs_token_key or there(settings.token_key_file(state)):
        secret = token_key_beside(settings, state)
    asked = job.policy.consent.enforced or job.call.consent is not None
    hearing = pinned(transcriber_settings(settings))
    with engine_pool(hearing, settings.engine_processes) as pool:
        own = detector_settings(settings)
        detector = Detector(job.policy, settings=own, token_key=secret)
        engines = Engines(
            detector.open,
            detector,
            SileroVoice(),
            pool,
            listening=window_settings(settings.pace),
            transcribed_by=transcribed_by(settings, hearing),
            consent=consent_rules(settings) if asked else None,
            speakers=diarizer_of(settings) if Role.MIXED in job.call.roles else None,
        )
        return redact(job, engines, key=key, told=told)


def redact(job: Job, engines: Engines, *, key: SigningKey, told: Told | None = None) -> Redacted:
    """Carry out a job; see ``redact_file``. ``key`` signs the certificate."""
    call, pcm = job.call, job.recording.pcm
    line = Line(
        call.call_id,
        job.policy,
        engines.open_detector,
        engines.inspector,
        voice=engines.voice,
        pool=engines.pool,
        listening=engines.listening,
        transcribed_by=engines.transcribed_by,
        consent=engines.consent,
        speakers=engines.speakers,
        transcribe=engines.transcribe,
        check=engines.check,
        told=told or (lambda again, done, known: None),  # noqa: ARG005 - nobody asked
    )
    line.send(call, pcm, (NARROWED,) if job.narrowed else ())
    stored = line.finish()
    files = _files(job, stored, line.mutes) if stored.passed else {}
    return _place(job, files, stored, key)


def _files(job: Job, stored: StoredCall, mutes: Sequence[Mute]) -> dict[Path, bytes]:
    """OUT and what lies beside it; only the certificate where OUT is not what it has to be.

    The line has verified the same 16-bit audio. OUT is coded in the recording's own width, so it
    is checked anew: as it was coded, not as it was meant.
    """
    wanted, rule, call_id = job.wanted, job.policy.muting, job.call.call_id
    pcm = job.recording.pcm
    rendered = apply_mutes(pcm, mutes, job.call.sample_rate, rule, key=call_id)
    original, muted = in_form(pcm, job.form), in_form(rendered, job.form)
    audio = write_in(muted)
    transcript, subtitles, certificate = wanted.beside
    texts = {
        path: next(data for name, data in stored.files.items() if name.endswith(ending))
        for path, ending in ((transcript, f"{call_id}.json"), (subtitles, ".vtt"))
    }
    stated = restated(
        stored.certificate,
        written_checks(original, muted, audio, mutes, rule, key=call_id),
        {path.name: data for path, data in {**texts, wanted.target: audio}.items()},
    )
    again = check_certificate(
        certificate_json(stated),
        audio,
        {path.name: data for path, data in texts.items()},
        limit_dbfs=job.policy.verification.max_span_dbfs,
    )
    stated = restated(stated, [one for one in again if not one.passed], None)
    files = {certificate: certificate_json(stated)}
    return {**files, **texts, wanted.target: audio} if stated.passed else files


def _place(job: Job, files: dict[Path, bytes], stored: StoredCall, key: SigningKey) -> Redacted:
    """Put everything in its place at once; of a quarantined call only its certificate."""
    wanted = job.wanted
    transcript, subtitles, certificate = wanted.beside
    passed = wanted.target in files
    files = files or {certificate: certificate_json(stored.certificate)}
    failed = () if passed else why_failed(parse_certificate(files[certificate]))
    files[certificate] = key.certify_file(files[certificate])
    with placement(wanted.target.parent, force=wanted.force) as out, ExitStack() as stack:
        for path, content in files.items():
            out.write(path.name, content)
        report = wanted.report
        placed: tuple[Path, ...] = ()
        if report is not None:
            page = stack.enter_context(placement(report.parent, force=wanted.force))
            call = read_call(out.folder / certificate.name)
            page.write(report.name, report_page(report, [call], title=call.call_id).encode())
            placed = page.commit()
        if wanted.force and not passed:
            # What was to be replaced is not what the certificate speaks of.
            for path in (wanted.target, transcript, subtitles):
                out.set_aside(path)
        placed += out.commit()
    pseudonym = job.call.call_id if job.renamed else ""
    return Redacted(passed, tuple(sorted(placed)), job.narrowed, pseudonym, failed)
