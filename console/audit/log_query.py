"""What an address says of the audit log: filters, the same on the page and in the API.

A field that is empty says nothing, as browsers send forms. Outcomes: a ``LogQuery``, or
``FilterError`` that names the parameter; what has the wrong form is refused before (422).
"""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

from pydantic import Field

from agents.access.audit_events import KINDS
from agents.access.log_search import LogQuery
from agents.vault.analytics.call_filter import FilterError, moment
from console.auth.names import Names
from console.http.parameters import WHOLE_MOST, Parameters

ALL: Final = "all"
"""Kind of the page that leaves nothing out."""
LOOKED: Final = "looked"
_PLAIN = r"^[^\x00-\x1f\x7f]*$"
Time = Annotated[str, Field(max_length=40, pattern=_PLAIN)]


class AuditQuery(Parameters):
    """Filters."""

    since: Time = Field("", description="Written then or later: a day or a time, ISO 8601.")
    until: Time = Field("", description="Written before; a day is meant to its end.")
    zone: str = Field(
        "", max_length=64, pattern=r"^[A-Za-z0-9_+/-]*$", description="Of days and times (IANA)."
    )
    kind: str = Field("", max_length=40, description="Such as call-erased.")
    who: str = Field(
        "", max_length=160, pattern=_PLAIN, description="As the log has it, or a token's name."
    )
    call: str = Field("", max_length=128, pattern=r"^[A-Za-z0-9._-]*$", description="A call's id.")

    def wanted(self, names: Names) -> LogQuery:
        """Which entries are meant.

        Args:
            names: of tokens.

        Raises:
            FilterError: a time or a kind is none.
        """
        kind, but = self._kinds()
        if kind and kind not in KINDS:
            raise FilterError("kind", "there is no such kind of entry: `hushwire audit kinds`")
        return LogQuery(
            since=moment("since", self.since, self.zone) if self.since else None,
            until=moment("until", self.until, self.zone, end=True) if self.until else None,
            kind=kind,
            but=but,
            who=tuple(names.matching(self.who)) if self.who else (),
            call=self.call,
        )

    def _kinds(self) -> tuple[str, str]:
        """The kind that is meant, and the one that is not."""
        return self.kind, ""

    def address(self, **changed: object) -> str:
        """The query of an address that says the same, without the page."""
        said = self.model_dump(exclude={"before", "after", "limit"}, exclude_defaults=True)
        return urlencode({**said, **changed})


class PageAuditQuery(AuditQuery):
    """Filters, and a page; looks are left out unless somebody asks for them."""

    kind: str = Field(
        "", max_length=40, description="Such as call-erased; `all`: looks too; else all but looks."
    )
    before: int = Field(0, ge=0, le=WHOLE_MOST, description="Older than this entry; 0: the newest.")

    def _kinds(self) -> tuple[str, str]:
        if self.kind == ALL:
            return "", ""
        return self.kind, "" if self.kind else LOOKED

    def exported(self) -> str:
        """The query of the export's address: looks are in every export."""
        return self.model_copy(update={"kind": "" if self.kind == ALL else self.kind}).address()

    @property
    def filtered(self) -> bool:
        """Whether anything but looks is left out."""
        said = self.model_copy(update={"kind": "" if self.kind == ALL else self.kind, "zone": ""})
        return bool(said.address())
