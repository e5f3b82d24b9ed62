"""The routes of single stored calls, and of quarantined ones: transcripts, audio, certificates.

Each look is in the audit log before its bytes go out. Quarantined calls have routes of their own:
on the others they are not there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from agents.access.roles import Permission
from agents.vault.reader import PAGE, CallFilter, StoredCallFacts, VaultReader
from console.api.mutes import muted_spans
from console.api.schemas import Call, Calls, Muted
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http.errors import unknown_call
from console.http.metrics import ApiMetrics
from console.http.parameters import After, CallId, Limit
from console.http.ranges import byte_range
from pipeline.records.cloudevents import valid_call_id

FLAC: Final = "audio/flac"


def facts_of(reader: VaultReader, call_id: str, *, passed: bool) -> StoredCallFacts:
    """What is known of a call on one side: stored or quarantined; raises for all others alike."""
    if not valid_call_id(call_id):
        raise unknown_call()
    facts = reader.call(call_id)
    if facts.passed is not passed:
        raise unknown_call()
    return facts


class CallRoutes:
    """Answers what is asked about calls.

    Args:
        reader: the stored calls.
        looks: where looks are written.
        metrics: where they are counted.
    """

    def __init__(self, reader: VaultReader, looks: Looks, metrics: ApiMetrics) -> None:
        self._reader, self._looks, self._metrics = reader, looks, metrics

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        one = "/api/calls/{call_id}"
        may = Permission
        routes.add("GET", one, may.LIST_CALLS, self.call)
        routes.add("GET", f"{one}/transcript", may.READ_TRANSCRIPT, self.transcript)
        routes.add("GET", f"{one}/subtitles", may.READ_TRANSCRIPT, self.subtitles)
        routes.add("GET", f"{one}/muted", may.READ_TRANSCRIPT, self.muted)
        routes.add("GET", f"{one}/audio", may.READ_AUDIO, self.audio)
        routes.add("GET", f"{one}/peaks", may.READ_AUDIO, self.peaks)
        routes.add("GET", f"{one}/certificate", may.READ_CERTIFICATE, self.certificate)
        routes.add("GET", "/api/quarantine", may.READ_QUARANTINE, self.quarantine)
        routes.add(
            "GET",
            "/api/quarantine/{call_id}/certificate",
            may.READ_QUARANTINE,
            self.quarantined_certificate,
        )

    def quarantine(self, request: Request, limit: Limit = PAGE, after: After = None) -> Calls:
        """Quarantined calls, the newest first."""
        return self._listed(request, "list-quarantine", CallFilter(passed=False), limit, after)

    def call(self, request: Request, call_id: CallId) -> Call:
        """What the catalogue knows of a call; no content."""
        facts = self._passed(call_id)
        self._look(request, "facts", call_id)
        return Call.of(facts)

    def transcript(self, request: Request, call_id: CallId) -> Response:
        """The redacted transcript in the shape of Call Analytics."""
        self._passed(call_id)
        data = self._reader.transcript(call_id)
        self._look(request, "transcript", call_id)
        return Response(data, media_type="application/json")

    def subtitles(self, request: Request, call_id: CallId) -> Response:
        """The redacted transcript as WebVTT."""
        self._passed(call_id)
        data = self._reader.subtitles(call_id)
        self._look(request, "subtitles", call_id)
        return Response(data, media_type="text/vtt; charset=utf-8")

    def muted(self, request: Request, call_id: CallId) -> list[Muted]:
        """Where the call is silent, and why."""
        self._passed(call_id)
        spans = muted_spans(self._reader.certificate(call_id))
        self._look(request, "muted", call_id)
        return spans

    def audio(self, request: Request, call_id: CallId) -> Response:
        """The redacted audio (FLAC), whole or by a range of bytes."""
        self._passed(call_id)
        length = self._reader.audio_length(call_id)
        # There is no entity tag, so no range can be promised to be of the same bytes.
        wanted = None if "if-range" in request.headers else request.headers.get("range")
        part = byte_range(wanted, length)
        start, stop = part or (0, length)
        pieces = self._reader.audio(call_id, start, stop)
        first = next(pieces, b"")  # what does not open is told before the answer begins
        self._look(request, "audio", call_id, first=start, last=stop - 1)
        headers = {"Accept-Ranges": "bytes", "Content-Length": str(stop - start)}
        if part is not None:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{length}"
        body: Iterator[bytes] = itertools.chain((first,), pieces)
        return StreamingResponse(
            body, status_code=206 if part else 200, headers=headers, media_type=FLAC
        )

    def peaks(self, request: Request, call_id: CallId) -> Response:
        """The waveform of the redacted audio: lowest and highest sample of every 50 ms, as int8."""
        self._passed(call_id)
        data = self._reader.peaks(call_id)
        self._look(request, "peaks", call_id)
        return Response(data, media_type="application/octet-stream")

    def certificate(self, request: Request, call_id: CallId) -> Response:
        """The certificate of a stored call."""
        self._passed(call_id)
        return self._certificate(request, call_id, "certificate")

    def quarantined_certificate(self, request: Request, call_id: CallId) -> Response:
        """The certificate of a quarantined call: which checks failed."""
        facts_of(self._reader, call_id, passed=False)
        return self._certificate(request, call_id, "quarantine-certificate")

    def _certificate(self, request: Request, call_id: str, what: str) -> Response:
        data = self._reader.certificate(call_id)
        self._look(request, what, call_id)
        return Response(data, media_type="application/json")

    def _listed(
        self, request: Request, what: str, wanted: CallFilter, limit: int, after: str | None
    ) -> Calls:
        page = self._reader.list_calls(wanted, limit=limit, after=after)
        self._look(request, what, calls=len(page.calls))
        return Calls.of(page)

    def _passed(self, call_id: str) -> StoredCallFacts:
        return facts_of(self._reader, call_id, passed=True)

    def _look(self, request: Request, what: str, call_id: str = "", **facts: int) -> None:
        self._looks.write(request.state.principal, what, call_id, **facts)
        self._metrics.looks.labels(what).inc()
