"""Vault: verified audio, findings and the verdict in, a stored or quarantined call out.

Where the settings say so, the redacted transcript of a stored call is told in clear, on a topic of
its own: as it lies in the vault, once it is there, before the call is closed. It comes at least
once, with the same id and bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from agents.access.audit_log import AuditLog
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import CallState, Ledger
from agents.kafka.topics import Topics
from agents.runtime.events import audit
from agents.runtime.steps import Act, EmitEvent, Late, Later, Stage, Step
from agents.stages.timeouts import Timeouts
from agents.system.logging import get_logger
from agents.vault.analytics.fact_keeper import FactKeeper
from agents.vault.vault import Vault
from pipeline.analytics.peaks import peaks_of_flac
from pipeline.errors import (
    AudioError,
    HushwireError,
    RecordError,
    StoreError,
    UnknownCallError,
)
from pipeline.evidence.certificate import LogStated
from pipeline.evidence.layout import CANDIDATES, PEAKS
from pipeline.evidence.redacted_transcript import events, read_transcript
from pipeline.evidence.stored_call import CallAssembly, Diarizes, StoredCall
from pipeline.policy.model import Policy
from pipeline.records.model import Findings, Record, RedactedChunk, Verdict
from pipeline.records.stages import VAULT

NAME = VAULT
REDACTED = "hushwire.call.redacted.v1"
TRANSCRIPT = "hushwire.transcript.redacted.v1"


def inputs(topics: Topics) -> tuple[str, ...]:
    """The topics that the stage reads."""
    return (topics.audio_verified, topics.spans)


def vault_stage(
    topics: Topics,
    vault: Vault,
    ledger: Ledger,
    timeouts: Timeouts,
    *,
    key: SigningKey,
    log: AuditLog,
    facts: FactKeeper | None = None,
    uncounted: Callable[[str], None] = lambda _: None,
    transcripts: bool = False,
    speakers: Diarizes | None = None,
) -> Stage:
    """The stage.

    Args:
        topics: where its records come from, and where news of calls go.
        vault: where calls are stored.
        ledger: keys and states.
        timeouts: how long is waited for what is missing.
        key: signs the certificates.
        log: they state where it ends.
        facts: keeps what is counted of calls; None: nothing is.
        uncounted: is told the code of why a call was stored without its facts.
        transcripts: whether redacted transcripts are told in clear.
        speakers: tells apart who speaks on a shared channel; None: nobody does.
    """
    return Stage(
        NAME,
        inputs(topics),
        lambda call_id, policy: VaultCall(
            call_id,
            topics,
            policy,
            vault,
            ledger,
            timeouts,
            key=key,
            log=log,
            facts=facts,
            uncounted=uncounted,
            transcripts=transcripts,
            speakers=speakers,
        ),
        judges=(topics.audio_verified,),
    )


def keep_days(policy: Policy, call: StoredCall) -> int:
    """How many days a call is kept: as the policy says, or less where a rule of its places does."""
    limits = [policy.keep_days(call.purpose), call.consent.keep_days if call.consent else 0]
    return min(days for days in limits if days)


class VaultCall:
    """One call; see ``agents.runtime.steps.CallCore``."""

    def __init__(
        self,
        call_id: str,
        topics: Topics,
        policy: Policy,
        vault: Vault,
        ledger: Ledger,
        timeouts: Timeouts,
        *,
        key: SigningKey,
        log: AuditLog,
        facts: FactKeeper | None = None,
        uncounted: Callable[[str], None] = lambda _: None,
        transcripts: bool = False,
        speakers: Diarizes | None = None,
    ) -> None:
        self._call_id, self._topics, self._vault, self._ledger = call_id, topics, vault, ledger
        self._timeouts, self._key, self._log = timeouts, key, log
        self._certificate = ""
        self._whole, self._marks = False, tuple[str, ...]()
        self._transcripts, self._facts, self._uncounted = transcripts, facts, uncounted
        self._transcript: Sequence[dict[str, Any]] = ()
        self._policy = policy
        self._assembly = CallAssembly(policy, speakers)
        self._judged = self._done = False

    @property
    def done(self) -> bool:
        """See ``CallCore``."""
        return self._done

    @property
    def held(self) -> int:
        """See ``CallCore``: the audio is held as FLAC."""
        return 0

    @property
    def wait_s(self) -> float | None:
        """See ``CallCore``: the findings were on the broker long before the verdict."""
        return self._timeouts.idle_s if self._judged and not self._done else None

    def take(self, topic: str, record: Record) -> list[Step]:
        """See ``CallCore``."""
        del topic
        match record:
            case RedactedChunk():
                return self._store(self._assembly.take_chunk(record))
            case Findings():
                return self._store(self._assembly.take_findings(record))
            case Verdict():
                self._judged = True
                return self._store(self._assembly.take_verdict(record))
            case _:
                raise RecordError("not a record of the verified or the spans topic")

    def quiet(self) -> list[Step]:
        """See ``CallCore``.

        Raises:
            RecordError: the call's last findings never came; the call is refused.
        """
        raise RecordError("the last findings of the call never came")

    @property
    def late(self) -> Late:
        """See ``CallCore``: whatever comes after the end is a repeat."""
        return Late()

    def _store(self, stored: StoredCall | None) -> list[Step]:
        """First the files, then the news of them, last the end of the key."""
        if stored is None:
            return []
        self._done = True
        state = CallState.STORED if stored.passed else CallState.QUARANTINED
        facts = {"call_id": self._call_id, "state": state.value, "files": len(stored.files)}
        decided = stored.consent.facts if stored.consent else {}
        return [
            Act(partial(self._keep, stored)),
            Later(lambda: self._tell(facts, decided)),
            Act(partial(self._close, state)),
        ]

    def _keep(self, call: StoredCall) -> None:
        """Sign and store the call, and note the certificate that is there then.

        A call that is there already stays as it is: its certificate may be another, made before
        an upgrade, or when the audit log was shorter. What is told and audited is the one in the
        vault.
        """
        days = keep_days(self._policy, call)
        head = self._log.head()
        signed = self._key.certify(call, log=LogStated(head.seq, head.hash))
        facts = self._vault.store(_with_candidates(_with_peaks(signed)), keep_days=days)
        self._certificate = facts.certificate
        self._whole, self._marks = facts.whole, facts.marks
        if facts.passed:
            self._count(call)
            self._transcript = self._told() if self._transcripts else ()
        # Before the call is closed: its transit key goes then, and opens the id until that.
        with suppress(UnknownCallError):
            self._vault.recorder_ids.keep(self._call_id, self._ledger.seal(self._call_id))

    def _count(self, call: StoredCall) -> None:
        """Keep the facts of a call; whatever can't be counted is stored without any.

        A rebuild counts it. Only where vault or database are away it is tried again.
        """
        if self._facts is None:
            return
        try:
            self._facts.keep(self._call_id, asdict(call.business))
        except StoreError:
            raise
        except UnknownCallError:
            pass  # erased meanwhile
        except Exception as error:  # noqa: BLE001 - counting must not refuse a call
            code = error.code if isinstance(error, HushwireError) else "unexpected"
            get_logger(NAME).error("call not counted", call_id=self._call_id, code=code)
            self._uncounted(code)

    def _told(self) -> list[dict[str, Any]]:
        """The transcript as it lies in the vault, whoever stored it; none where it can't be read.

        It is stored all the same, and a call is not to wait for good because of a damaged file.
        """
        try:
            stored = self._vault.read(self._call_id, f"{self._call_id}.json", passed=True)
            return list(events(read_transcript(stored), self._certificate))
        except UnknownCallError:
            return []  # erased meanwhile
        except RecordError as error:
            get_logger(NAME).error("transcript not told", call_id=self._call_id, code=error.code)
            return []

    def _tell(self, facts: Mapping[str, object], decided: Mapping[str, str]) -> list[Step]:
        audited = {"state": facts["state"], "certificate": self._certificate, **decided}
        stored = {"whole": self._whole, "marks": list(self._marks)}
        told = {**facts, "certificate": self._certificate, **stored}
        transcript = [
            EmitEvent(
                self._topics.transcripts_redacted,
                self._call_id,
                TRANSCRIPT,
                part,
                part=number,
                classification="confidential",
            )
            for number, part in enumerate(self._transcript, start=1)
        ]
        return [
            *transcript,
            EmitEvent(self._topics.calls_redacted, self._call_id, REDACTED, told),
            audit(
                self._topics.audit,
                self._call_id,
                "call-closed",
                audited,
                at=self._ledger.database.stamp(),
            ),
        ]

    def _close(self, state: CallState) -> None:
        self._ledger.close_call(self._call_id, state)


def _with_peaks(call: StoredCall) -> StoredCall:
    """With the waveform among its files: made of the audio, so the certificate needs not state it.

    A reader makes it where it is missing.
    """
    flac = call.files.get(f"{call.call_id}.flac")
    if flac is None:
        return call
    try:
        waveform = peaks_of_flac(io.BytesIO(flac))
    except AudioError as error:
        get_logger(NAME).error("no waveform", call_id=call.call_id, code=error.code)
        return call
    return replace(call, files={**call.files, call.call_id + PEAKS: waveform})


def _with_candidates(call: StoredCall) -> StoredCall:
    """With what thresholds decided on among its files; no certificate states it."""
    if not call.candidates:
        return call
    return replace(call, files={**call.files, call.call_id + CANDIDATES: call.candidates})
