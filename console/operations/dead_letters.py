"""What no stage could work on: the list, and sending it again after a question.

No record is opened here: this server asks for no transit key. One that no stage can open comes back
as another dead letter. Outcomes: a broker that is away, or that nobody named, is told on the page;
for programs it is ``BrokerError`` or ``SettingsError``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Self
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.access.roles import Permission
from agents.app.operations.overview import UNNAMED
from agents.app.operations.replaying import DeadLetters, Records
from agents.runtime.dead_letters import DeadLetter, Depth, Fate
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http.errors import CONFLICT, Refusal
from console.http.forms import SEE_OTHER, fields
from console.http.metrics import ApiMetrics
from console.pages.rendering import page
from pipeline.errors import BrokerError, InputError, SettingsError

NEWEST: Final = 200
"""Letters of each partition that are shown and replayed: the last ones."""
REPLAYED_MOST: Final = 500
"""Records that are asked for and sent again at once: those of the newest letters."""
WHY: Final = {
    "record": "no record that it knows: another version wrote it, or it is damaged",
    "seal": "its seal does not open: damaged, or of another key",
    "damaged_key": "its call's key in the database is damaged",
    "unknown_call": "nobody opened its call here",
    "late": "it came after the end of its call",
    "internal": "a fault of ours: its log line says where",
}
"""What a code means; another one stands for itself."""
_CALL: Final = r"^[A-Za-z0-9._-]{0,128}$"
_CODE: Final = r"^[a-z_]{0,40}$"
_Code = Annotated[str, Query(max_length=40, pattern=_CODE, description="Only with this code.")]
_Call = Annotated[str, Query(max_length=128, pattern=_CALL, description="Only of this call.")]


class LetterShown(BaseModel):
    """A dead letter; no content."""

    at: datetime
    call: str
    topic: str
    partition: int
    offset: int
    stage: str
    code: str
    attempts: int
    fate: Fate
    """What can be done; whether the broker has the record still shows when it is replayed."""
    replayed: datetime | None
    """When its record was sent again last; null: not since."""

    @classmethod
    def of(cls, letter: DeadLetter) -> Self:
        """From the broker."""
        return cls(
            at=letter.at,
            call=letter.call_id,
            topic=letter.topic,
            partition=letter.record_partition,
            offset=letter.record_offset,
            stage=letter.stage,
            code=letter.code,
            attempts=letter.attempts,
            fate=letter.fate,
            replayed=letter.replayed,
        )


class ReplayWanted(BaseModel):
    """Which records are to be sent again."""

    model_config = ConfigDict(extra="forbid")

    call: str = Field("", max_length=128, pattern=_CALL)
    code: str = Field("", max_length=40, pattern=_CODE)
    everything: bool = Field(default=False, description="All that can be replayed.")
    again: bool = Field(default=False, description="Those too that were replayed before.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not (self.call or self.code or self.everything):
            raise ValueError("name what to replay: call, code, or everything")
        return self


class Replayed(BaseModel):
    """What became of it."""

    sent: int
    """Records that the broker has again."""
    left: int
    """Records that were meant and were not sent; each counts once, however many letters it has."""
    before: int
    """Of these, those that were replayed before; with ``again`` they are once more."""


@dataclass(frozen=True, slots=True)
class DeadLetterRoutes:
    """Answers with dead letters, and replays them."""

    letters: DeadLetters
    looks: Looks
    metrics: ApiMetrics

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may, hidden = Permission, {"include_in_schema": False}
        routes.add("GET", "/api/dead-letters", may.READ_STATE, self.as_json)
        routes.add(
            "POST", "/api/dead-letters/replay", may.REPLAY_DEAD_LETTERS, self.replay_by_program
        )
        routes.add("GET", "/dead-letters", may.READ_STATE, self.as_page, **hidden)
        routes.add("GET", "/dead-letters/replay", may.REPLAY_DEAD_LETTERS, self.question, **hidden)
        routes.add_form("/dead-letters/replay", may.REPLAY_DEAD_LETTERS, self.replay)

    def as_json(self, request: Request, call: _Call = "", code: _Code = "") -> list[LetterShown]:
        """The newest dead letters, the newest first."""
        found = self._read(call, code)
        self._look(request, len(found))
        return [LetterShown.of(one) for one in found]

    def as_page(
        self, request: Request, call: _Call = "", code: _Code = "", sent: int | None = None
    ) -> Response:
        """The same as a page."""
        found, problem = self._tried(call, code)
        self._look(request, len(found))
        return self._page(request, "dead_letters", found, problem, call, code, sent=sent)

    def question(
        self,
        request: Request,
        call: _Call = "",
        code: _Code = "",
        again: bool = False,  # noqa: FBT001, FBT002 - a parameter of the address
    ) -> Response:
        """What would be sent again, and whether it shall be."""
        found, problem = self._tried(call, code, Depth.THERE, again=again)
        self._look(request, len(found))
        return self._page(request, "replay", found, problem, call, code, again=again)

    async def replay(self, request: Request) -> Response:
        """Send the records again that the form names."""
        said = fields(await request.body())
        try:
            wanted = ReplayWanted(
                call=said.get("call", ""),
                code=said.get("code", ""),
                everything="all" in said,
                again="again" in said,
            )
        except ValueError:
            raise InputError("name what to replay: a call, a code, or all") from None
        return await run_in_threadpool(self._replay_form, request, wanted)

    def replay_by_program(self, request: Request, wanted: ReplayWanted) -> Replayed:
        """Send records again to the topics that they came from; a repeat changes nothing.

        What was sent again before is left, unless ``again`` is true; where nothing else is meant,
        that is refused (409).
        """
        done, records = self._replay(request, wanted)
        if records.before and not done.sent:
            raise Refusal(CONFLICT, "replayed", records.told("again: true"))
        return done

    def _replay_form(self, request: Request, wanted: ReplayWanted) -> Response:
        call, code = wanted.call, wanted.code
        try:
            done, records = self._replay(request, wanted)
        except (BrokerError, SettingsError) as error:
            return self._page(request, "replay", [], str(error), call, code, status=503)
        if records.before and not done.sent:
            return self._page(
                request, "replay", [], records.told(), call, code, repeated=True, status=CONFLICT
            )
        asked = {"call": call, "code": code, "sent": str(done.sent)}
        named = urlencode({name: text for name, text in asked.items() if text})
        return RedirectResponse(f"/dead-letters?{named}", SEE_OTHER)

    def _replay(self, request: Request, wanted: ReplayWanted) -> tuple[Replayed, Records]:
        """What became of it, and what was meant."""
        me = request.state.principal
        self.looks.write(me, "replay-dead-letters", wanted.call, code=wanted.code or "all")
        found = self._read(wanted.call, wanted.code, Depth.THERE, again=wanted.again)
        ready = [one for one in found if one.sealed is not None]
        sent = sum(1 for _ in self.letters.replay(ready, by=me.who))
        records = Records.of(found)
        return Replayed(sent=sent, left=records.many - sent, before=records.before), records

    def _tried(
        self, call: str, code: str, depth: Depth = Depth.CALL, *, again: bool = False
    ) -> tuple[list[DeadLetter], str]:
        try:
            return self._read(call, code, depth, again=again), ""
        except (BrokerError, SettingsError) as error:
            return [], str(error)

    def _read(
        self, call: str, code: str, depth: Depth = Depth.CALL, *, again: bool = False
    ) -> list[DeadLetter]:
        try:
            found = self.letters.read(
                call=call or None,
                code=code or None,
                depth=depth,
                newest=NEWEST,
                most=REPLAYED_MOST,
                again=again,
            )
        except SettingsError:
            if self.letters.settings.bootstrap:
                raise
            raise SettingsError(UNNAMED.told) from None  # `serve` has no --bootstrap
        return found[::-1]

    def _page(
        self,
        request: Request,
        name: str,
        found: list[DeadLetter],
        problem: str,
        call: str,
        code: str,
        *,
        sent: int | None = None,
        again: bool = False,
        repeated: bool = False,
        status: int = 200,
    ) -> Response:
        me, records = request.state.principal, Records.of(found)
        by_stage = defaultdict(list)
        for one in found:
            if one.fate is Fate.REPLAYABLE:
                by_stage[one.stage].append(one)
        told: dict[str, Any] = {
            "me": me,
            "letters": [LetterShown.of(one) for one in found],
            "records": records.many,
            "ready": min(REPLAYED_MOST, records.ready),
            "stages": [
                (stage, Records.of(these).many, sorted({one.code for one in these}))
                for stage, these in sorted(by_stage.items())
            ],
            "codes": sorted(Counter(one.code for one in found if one.code).items()),
            "problem": problem,
            "named": bool(self.letters.settings.bootstrap),
            "call": call,
            "code": code,
            "query": urlencode({k: v for k, v in (("call", call), ("code", code)) if v}),
            "sent": sent,
            "again": again,
            "repeated": repeated,
            "before": records.before,
            "last": records.last,
            "most": NEWEST,
            "why": WHY,
            "replayable": Fate.REPLAYABLE,
            "replayed": Fate.REPLAYED,
            "may_replay": Permission.REPLAY_DEAD_LETTERS in me.permissions,
        }
        return page(f"operations/{name}.html", status, **told)

    def _look(self, request: Request, letters: int) -> None:
        self.looks.write(request.state.principal, "dead-letters", letters=letters)
        self.metrics.looks.labels("dead-letters").inc()
