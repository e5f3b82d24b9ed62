"""Puts the stored files of one call together from what the earlier stages sent.

Outcomes of ``CallAssembly``: every method returns a ``StoredCall`` once everything of the call is
there, and None before that and after it.

- A call that passed: ``<id>.flac``, ``<id>.json``, ``<id>.vtt`` and ``<id>.certificate.json``. A
  channel on which sound is heard for long and hardly a word was understood is silent, all of it.
- A call that did not (verification failed, a chunk or finding is missing, a span to be muted is
  not silent, two detections or policies had a part in it, nobody or too little was understood
  although somebody speaks or may have spoken, the finished files fail their own certificate): only
  ``<id>.certificate.json``, with ``passed`` false.

The verdict comes after the call's chunks on the same topic, so a chunk that is missing then never
comes. The findings come over another topic and are waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, TypeAlias
from urllib.parse import quote

import numpy as np
import soxr

from pipeline.audio.files import FlacWriter, iter_chunks, read_parts
from pipeline.audio.levels import AudibleTrack
from pipeline.consent.gate import withheld_span
from pipeline.detection.decision.not_understood import (
    NOT_UNDERSTOOD,
    Understanding,
    not_understood,
    understanding,
)
from pipeline.errors import AudioError, RecordError
from pipeline.evidence.candidates import candidates_json, weighed
from pipeline.evidence.certificate import (
    Certificate,
    build_certificate,
    certificate_json,
)
from pipeline.evidence.certificate_check import check_certificate, uncovered_spans
from pipeline.evidence.transcript import (
    TellsSpeakers,
    build_transcript,
    to_call_analytics,
    to_json,
    to_webvtt,
)
from pipeline.evidence.turns import Token
from pipeline.muting.keys import is_key
from pipeline.muting.rendering import apply_mutes
from pipeline.policy.model import Policy
from pipeline.records.call_names import same_call
from pipeline.records.consent import Business, Decision, Outcome, Why
from pipeline.records.continuity import Account
from pipeline.records.intervals import merge_intervals
from pipeline.records.model import (
    FULL_SCALE,
    INCOMPLETE,
    Action,
    CallEnd,
    CallInfo,
    Check,
    Detection,
    Findings,
    Interval,
    Mute,
    Reason,
    RedactedChunk,
    Role,
    Shown,
    Span,
    Verdict,
    Word,
)
from pipeline.records.scores import Recognizer
from pipeline.transcription.voice_activity import VOICE_RATE, Samples

LEAST_SPEECH_S: Final = 5
"""A call with more sound than this, audible or silenced unheard, and not one word was not
understood."""
_NOT_HEARD: Final = frozenset({Reason.UNHEARD, Reason.GAP, Reason.NOT_UNDERSTOOD})


@dataclass(frozen=True, slots=True)
class StoredCall:
    """What goes into the vault for one call."""

    call_id: str
    passed: bool
    """False: quarantined, there is only a certificate."""
    certificate: Certificate = field(repr=False)
    files: dict[str, bytes] = field(repr=False)
    """By file name."""
    purpose: str = ""
    parties: tuple[str, ...] = ()
    """See ``CallInfo``."""
    silenced: tuple[Mute, ...] = ()
    """Channels that were silenced whole, after verification."""
    consent: Decision | None = None
    """Whether it may be kept, and how long."""
    candidates: bytes = field(default=b"", repr=False)
    """What thresholds decided on, see ``pipeline.evidence.candidates``; empty for a call that did
    not pass."""
    business: Business = field(default=Business(), repr=False)
    """How it came about, as its last chunk says."""

    @property
    def certificate_name(self) -> str:
        """Which of the files is the certificate."""
        return _name(self.call_id, "certificate.json")


Heard: TypeAlias = Callable[[Sequence[Interval]], Sequence[Samples]]
"""Stretches of a channel to their redacted audio at ``VOICE_RATE``."""


class Diarizes(Protocol):
    """Tells people on a shared channel apart, such as ``models.speakers.separation.Diarizer``."""

    def roles(self, tokens: Sequence[Token], rate: int, audio: Heard) -> Sequence[Role | None]:
        """The role of each token; None where nobody can tell.

        Args:
            tokens: of the channel, in order.
            rate: samples a second of their times.
            audio: gives the channel's audio.
        """
        ...


class CallAssembly:
    """Assembles one call; see the module's text for the outcomes.

    Args:
        policy: what the call was redacted by.
        speakers: tells apart who speaks on a shared channel; None: nobody does.
    """

    def __init__(self, policy: Policy, speakers: Diarizes | None = None) -> None:
        self._policy, self._speakers = policy, speakers
        self._call_id: str | None = None
        self._writer: FlacWriter | None = None
        self._tracks: list[AudibleTrack] = []
        self._sound: list[list[Interval]] = []
        """What can be heard of each channel."""
        self._chunks = 0
        self._position = 0
        self._mutes: set[Mute] = set()
        self._muted_by: set[str] = set()
        self._findings: dict[int, Findings] = {}
        self._verdict: Verdict | None = None
        self._business = Business()
        self._done = False

    def take_chunk(self, chunk: RedactedChunk) -> StoredCall | None:
        """Take a verified chunk; repeats are dropped.

        Raises:
            RecordError: a chunk of another call, or not the next one.
        """
        self._call_id = same_call(self._call_id, chunk.call.call_id)
        if self._done or self._verdict is not None or chunk.seq < self._chunks:
            return None
        if chunk.seq > self._chunks or chunk.start != self._position:
            raise RecordError(f"verified chunk {chunk.seq} does not follow {self._chunks - 1}")
        if self._writer is None:
            self._writer = FlacWriter(chunk.call.sample_rate, chunk.call.channels)
            self._tracks = [AudibleTrack(chunk.call.sample_rate) for _ in chunk.call.roles]
            self._sound = [[] for _ in chunk.call.roles]
        elif chunk.pcm.shape[1] != len(self._tracks):
            raise RecordError(f"verified chunk {chunk.seq} changes the call's channels")
        self._business = chunk.call.business
        self._writer.write(chunk.pcm)
        for channel, track in enumerate(self._tracks):
            track.take(chunk.pcm[:, channel], chunk.start)
            self._sound[channel] += track.within(chunk.start, chunk.end)
            track.forget(chunk.end)
        self._mutes.update(chunk.mutes)
        self._muted_by.add(chunk.policy)
        self._chunks += 1
        self._position = chunk.end
        return None

    def take_findings(self, findings: Findings) -> StoredCall | None:
        """Take what detection found; the first record of a number counts.

        Raises:
            RecordError: findings of another call.
        """
        self._call_id = same_call(self._call_id, findings.call_id)
        if not self._done:
            self._findings.setdefault(findings.seq, findings)
        return self._assemble()

    def take_verdict(self, verdict: Verdict) -> StoredCall | None:
        """Take verification's verdict, the last record of the call's chunks.

        Raises:
            RecordError: the verdict of another call.
        """
        self._call_id = same_call(self._call_id, verdict.call.call_id)
        if self._verdict is None:
            self._verdict = verdict
        return self._assemble()

    def _assemble(self) -> StoredCall | None:
        """Everything that is stored, once the verdict and the last findings are there."""
        verdict = self._verdict
        last = next((one for one in self._findings.values() if one.end is not None), None)
        if self._done or verdict is None or last is None:
            return None
        self._done = True
        in_order = [self._findings[seq] for seq in sorted(self._findings)]
        spans = [span for findings in in_order for span in findings.spans]
        words = [word for findings in in_order for word in findings.words]
        models = {model for findings in in_order for model in findings.models}
        account = Account(self._policy.digest)
        for findings in in_order:
            account.take(findings)
        heard = understanding(
            self._policy.understanding,
            verdict.call.sample_rate,
            [track.audible_samples for track in self._tracks],
            spans,
            words,
        )
        if heard.silent:
            marks = (verdict.end.marks if verdict.end else ()) + (NOT_UNDERSTOOD.lower(),)
            verdict = _marked(verdict, marks)
        length = Interval(0, self._position)
        silent = [
            not_understood(channel, length, Recognizer.WHOLE_CHANNEL) for channel in heard.silent
        ]
        told = [Mute(span.channel, span.start, span.end, (span,)) for span in silent]
        spans += silent
        # The transcript of a call whose audio may not be kept still tells what could be heard.
        heard_mutes = self._mutes | set(verdict.added) | set(told)
        unkept = self._unkept(verdict)
        whole = [*told, *(Mute(one.channel, one.start, one.end, (one,)) for one in unkept)]
        mutes = heard_mutes | set(whole)
        checks = [
            *self._checks(verdict, last.seq + 1 - len(in_order), spans, mutes, heard),
            Check.none_of("consent_not_shown", self._unshown(verdict)),
            Check.none_of("other_detections", account.mixed),
            Check.none_of(
                "other_policies", self._muted_by not in ({self._policy.digest}, {""}, set())
            ),
        ]
        if verdict.passed and all(check.passed for check in checks):
            shown = [one for findings in in_order for one in findings.shown]
            files = self._files(verdict, spans, words, heard_mutes, shown, whole)
            spans += unkept
            stored = self._stored(verdict, spans, mutes, models, files, checks, account.detection)
            again = check_certificate(
                stored.files[_name(verdict.call.call_id, "certificate.json")],
                files[_name(verdict.call.call_id, "flac")],
                {name: data for name, data in files.items() if not name.endswith(".flac")},
                limit_dbfs=self._policy.verification.max_span_dbfs,
            )
            failed = [
                replace(check, name=f"stored_{check.name}") for check in again if not check.passed
            ]
            if not failed:
                candidates = [one for findings in in_order for one in findings.candidates]
                weighed_spans = weighed(
                    (span for findings in in_order for span in findings.spans), candidates
                )
                told_rate, digest = verdict.call.sample_rate, self._policy.digest
                file = candidates_json(told_rate, digest, weighed_spans)
                return replace(stored, silenced=tuple(whole), candidates=file)
            checks = [*checks, *failed]
        elif self._writer is not None:
            self._writer.finish()
        return self._stored(verdict, spans, mutes, models, {}, checks, account.detection)

    def _unshown(self, verdict: Verdict) -> bool:
        """Whether the policy asks for consent, and nobody decided that the call may be kept."""
        decision = verdict.end.consent if verdict.end else None
        shown = decision and decision.keeps and decision.why is not Why.NOT_ENFORCED
        return self._policy.consent.enforced and not shown

    def _unkept(self, verdict: Verdict) -> list[Span]:
        """All of the audio, where only the transcript may be kept."""
        decision = verdict.end.consent if verdict.end else None
        if decision is None or decision.outcome is not Outcome.TRANSCRIPT_ONLY:
            return []
        return [withheld_span(channel, 0, self._position) for channel in range(len(self._tracks))]

    def _checks(
        self,
        verdict: Verdict,
        findings_missing: int,
        spans: list[Span],
        mutes: set[Mute],
        heard: Understanding,
    ) -> list[Check]:
        """What only the vault can ask, because it alone sees findings and audio together."""
        end = verdict.end or CallEnd(verdict.call.call_id, self._chunks + 1, self._position)
        rate = max(1, verdict.call.sample_rate)
        mute = [span for span in spans if span.action is Action.MUTE]
        understood = heard.understood > 0
        # What nobody could listen to was silenced: it may have been speech, all of it.
        unheard = sum(
            len(one)
            for channel in range(len(self._tracks))
            for one in merge_intervals(
                Interval(max(0, span.start), max(0, span.start, min(span.end, self._position)))
                for span in mute
                if span.channel == channel and span.reason in _NOT_HEARD
            )
        )
        heard_of = (  # a channel that is silenced whole is among what was not heard
            track.audible_samples
            for channel, track in enumerate(self._tracks)
            if channel not in heard.silent
        )
        lost = (sum(heard_of) + unheard) / rate
        everything = len(heard.silent) == len(self._tracks)
        return [
            Check.none_of("stored_chunks_missing", abs(end.chunks - self._chunks)),
            Check.none_of("stored_samples_missing", abs(end.end - self._position)),
            Check.none_of("findings_missing", findings_missing),
            Check.none_of("spans_not_covered", uncovered_spans(spans, mutes, self._position)),
            Check(
                "seconds_without_any_word",
                passed=understood or lost <= LEAST_SPEECH_S,
                measured=0.0 if understood else round(lost, 2),
                limit=float(LEAST_SPEECH_S),
            ),
            Check.none_of("every_channel_silent", int(bool(self._tracks) and everything)),
        ]

    def _files(
        self,
        verdict: Verdict,
        spans: list[Span],
        words: list[Word],
        mutes: set[Mute],
        shown: list[Shown],
        whole: list[Mute],
    ) -> dict[str, bytes]:
        call = verdict.call
        ordered = sorted(mutes, key=lambda one: (one.channel, one.start, one.end))
        broken_off = verdict.end is not None and INCOMPLETE in verdict.end.marks
        sound = [merge_intervals(each) for each in self._sound]
        if self._writer is None:
            raise AudioError("a call without audio cannot be stored")
        flac = self._silenced(self._writer.finish(), call, whole)
        transcript = build_transcript(
            call,
            self._position,
            words,
            ordered,
            shown,
            sound=sound,
            speakers=self._told_apart(flac, call.sample_rate),
            incomplete=broken_off,
        )
        entities = [span.entity for span in spans if span.action is Action.MUTE]
        # Muting hears keys by itself.
        keys = (span for mute in mutes for span in mute.spans if is_key(span))
        entities += [span.entity for span in keys]
        return {
            _name(call.call_id, "flac"): flac,
            _name(call.call_id, "json"): to_json(to_call_analytics(transcript, entities=entities)),
            _name(call.call_id, "vtt"): to_webvtt(transcript),
        }

    def _told_apart(self, flac: bytes, rate: int) -> TellsSpeakers | None:
        """What tells who speaks on a shared channel, by its audio as it is stored."""
        speakers = self._speakers
        if speakers is None:
            return None
        return lambda channel, tokens: speakers.roles(
            tokens, rate, lambda parts: heard_parts(flac, rate, channel, parts)
        )

    def _silenced(self, flac: bytes, call: CallInfo, whole: list[Mute]) -> bytes:
        """The recording without the channels that are to be silent."""
        if not whole:
            return flac
        writer, start, rate = FlacWriter(call.sample_rate, call.channels), 0, call.sample_rate
        for pcm in iter_chunks(flac):
            rule = self._policy.muting
            writer.write(apply_mutes(pcm, whole, rate, rule, start=start, key=call.call_id))
            start += len(pcm)
        return writer.finish()

    def _stored(
        self,
        verdict: Verdict,
        spans: list[Span],
        mutes: set[Mute],
        models: set[str],
        files: dict[str, bytes],
        checks: list[Check],
        detection: Detection | None,
    ) -> StoredCall:
        certificate = build_certificate(
            verdict,
            self._policy,
            detection=detection,
            spans=spans,
            mutes=mutes,
            models=models,
            length=self._position,
            files=files,
            checks=checks,
        )
        call_id = verdict.call.call_id
        name = _name(call_id, "certificate.json")
        return StoredCall(
            call_id=call_id,
            passed=certificate.passed,
            certificate=certificate,
            files={**files, name: certificate_json(certificate)},
            purpose=verdict.call.purpose,
            parties=verdict.call.parties,
            consent=certificate.consent,
            business=self._business,
        )


def heard_parts(flac: bytes, rate: int, channel: int, parts: Sequence[Interval]) -> list[Samples]:
    """Parts of a recording's channel at ``VOICE_RATE``."""
    own = (pcm[:, channel] / np.float32(FULL_SCALE) for pcm in read_parts(flac, parts))
    return [np.asarray(soxr.resample(one, rate, VOICE_RATE), np.float32) for one in own]


def _name(call_id: str, suffix: str) -> str:
    """A file name for any call id: no separator, no leading dot."""
    safe = quote(call_id, safe="")
    return f"{safe.replace('.', '%2E') if safe.startswith('.') else safe}.{suffix}"


def _marked(verdict: Verdict, marks: tuple[str, ...]) -> Verdict:
    end = verdict.end
    return replace(verdict, end=replace(end, marks=tuple(sorted(set(marks))))) if end else verdict
