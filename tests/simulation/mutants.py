"""Protections taken out, one each: the simulation has to notice all of them."""

# ruff: noqa: ANN401 - what is replaced has many types

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from agents.access.audit_log import AuditLog
from agents.database.policies.pins import Pins
from agents.runtime.offsets import Prefix
from agents.runtime.outbox import Outbox
from agents.runtime.stage_runtime import StageRuntime
from agents.stages.transcribe import TranscribeCall
from agents.stages.vault import VaultCall
from agents.stages.verify import VerifyCall
from pipeline.muting.muter import LATE_SPAN, _Call
from pipeline.records import cloudevents
from pipeline.records.model import Findings, Watermark, Window, WindowTranscript

EARLY = 8 * 8_000
"""Samples by which muting releases too early."""


@dataclass(frozen=True)
class Mutant:
    """The code without a protection."""

    patched: Callable[[], AbstractContextManager[Any]]
    kinds: tuple[str, ...] = ()
    """Faults that the protection is for; none where it shows without any."""


def _nobody_waits_for_the_broker() -> AbstractContextManager[Any]:
    async def post(self: Outbox, message: Any) -> Awaitable[object]:
        await self._port.send(message.topic, message.key, message.value, message.headers)
        return asyncio.sleep(0)

    return mock.patch.object(Outbox, "_post", post)


def _acknowledged_on_arrival() -> AbstractContextManager[Any]:
    original = StageRuntime._route

    async def route(self: StageRuntime, delivery: Any) -> None:
        await original(self, delivery)
        self._done([(delivery.topic, delivery.partition, delivery.offset)])

    return mock.patch.object(StageRuntime, "_route", route)


def _acknowledged_out_of_order() -> AbstractContextManager[Any]:
    return mock.patch.object(Prefix, "done", lambda _, offset: [offset])


def _an_error_ends_the_call() -> AbstractContextManager[Any]:
    async def retry(_: Outbox, work: Callable[[], Any]) -> Any:
        return await asyncio.to_thread(work)

    return mock.patch.object(Outbox, "retry", retry)


def _released_past_the_watermark() -> AbstractContextManager[Any]:
    original = _Call.take

    def take(self: Any, findings: Findings) -> None:
        original(self, replace(findings, watermark=Watermark(findings.watermark.sample + EARLY)))
        self.marks.discard(LATE_SPAN)

    return mock.patch.object(_Call, "take", take)


def _what_nobody_heard_passes() -> AbstractContextManager[Any]:
    original = TranscribeCall._transcribed

    def transcribed(self: TranscribeCall, window: Window, result: WindowTranscript) -> Any:
        return original(self, window, replace(result, unheard=()))

    return _all(
        mock.patch.object(TranscribeCall, "_transcribed", transcribed),
        _verification_finds_nothing(),
    )


def _verification_finds_nothing() -> AbstractContextManager[Any]:
    def unmoved(self: VerifyCall, _: Window, transcript: WindowTranscript) -> Any:
        return self._steps(self._verifier.take_transcript(transcript, ()))

    return mock.patch.object(VerifyCall, "_answer", unmoved)


def _every_worker_has_its_own_policy() -> AbstractContextManager[Any]:
    return mock.patch.object(Pins, "policy", lambda self, *_: self._new())


def _keys_stay() -> AbstractContextManager[Any]:
    return mock.patch("agents.database.call_ledger.destroy_keys", return_value=0)


def _keys_stay_in_the_database_s_log() -> AbstractContextManager[Any]:
    return mock.patch("agents.database.engine.Database.scrub")


def _nothing_is_audited() -> AbstractContextManager[Any]:
    return mock.patch.object(AuditLog, "append", return_value=True)


def _repeats_are_audited_as_news() -> AbstractContextManager[Any]:
    fresh = property(lambda self: f"{id(self)} {self.facts}")
    return mock.patch("agents.access.audit_log.Event.fingerprint", fresh)


def _sent_in_clear() -> AbstractContextManager[Any]:
    return mock.patch("agents.runtime.outbox.sealed", lambda record, *_: cloudevents.encode(record))


def _closed_before_it_is_stored() -> AbstractContextManager[Any]:
    store = VaultCall._store

    def stored(self: VaultCall, call: Any) -> Any:
        steps = store(self, call)
        return [*steps[2:], *steps[:2]]

    return mock.patch.object(VaultCall, "_store", stored)


def _all(*patches: AbstractContextManager[Any]) -> AbstractContextManager[Any]:
    class All(ExitStack):
        def __enter__(self) -> Any:
            for patch in patches:
                self.enter_context(patch)
            return self

    return All()


MUTANTS = {
    "nobody waits for the broker": Mutant(_nobody_waits_for_the_broker, ("send", "crash")),
    "acknowledged on arrival": Mutant(_acknowledged_on_arrival, ("crash", "stop")),
    "acknowledged out of order": Mutant(_acknowledged_out_of_order),
    "an error ends the call": Mutant(_an_error_ends_the_call, ("ledger", "every ledger")),
    "released past the watermark": Mutant(_released_past_the_watermark),
    "what nobody heard passes": Mutant(_what_nobody_heard_passes, ("deaf",)),
    "every worker has its own policy": Mutant(_every_worker_has_its_own_policy, ("policy",)),
    "keys stay": Mutant(_keys_stay),
    "keys stay in the database's log": Mutant(_keys_stay_in_the_database_s_log),
    "nothing is audited": Mutant(_nothing_is_audited),
    "repeats are audited as news": Mutant(_repeats_are_audited_as_news, ("crash",)),
    "sent in clear": Mutant(_sent_in_clear),
    "closed before it is stored": Mutant(_closed_before_it_is_stored, ("crash",)),
}
"""What is taken out, by what then is wrong."""
