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
_PLAIN = r"^[^\x00-\x1f\x7f]*$"
Time = Annotated[str, Field(max_length=40, pattern=_PLAIN)]


class AuditQuery(Parameters):
    """Filters."""

    since: Time = Field("", description="Written then or later: a day or a time, ISO 8601.")
    until: Time = Field("", description="Written before; a day is meant to its end.")
    zone: str = Field(
        "",
        max_length=64,
        pattern=r"^[A-Za-z0-9_+/-]*$",
        description="Of days and times (IANA); without it, UTC.",
    )
    kind: str = Field("", max_length=40, description="Such as call-erased.")
    who: str = Field(
        "", max_length=160, pattern=_PLAIN, description="As the log has it, or by name."
    )
    call: str = Field("", max_length=128, pattern=r"^[A-Za-z0-9._-]*$", description="A call's id.")

    def wanted(self, names: Names) -> LogQuery:
        """Which entries are meant.

        Args:
            names: of tokens and people.

        Raises:
            FilterError: a time or a kind is none.
        """
        kind = self._kind()
        if kind and kind not in KINDS:
            raise FilterError("kind", "there is no such kind of entry: `hushwire audit kinds`")
        return LogQuery(
            since=moment("since", self.since, self.zone) if self.since else None,
            until=moment("until", self.until, self.zone, end=True) if self.until else None,
            kind=kind,
            looks=self._looks(),
            who=tuple(names.matching(self.who)) if self.who else (),
            call=self.call,
        )

    def _kind(self) -> str:
        """The kind that is meant; empty: any."""
        return self.kind

    def _looks(self) -> bool:
        """Whether looks at pages and calls are meant."""
        return True

    def address(self, **changed: object) -> str:
        """The query of an address that says the same, without the page."""
        said = self.model_dump(exclude={"before", "after", "limit"}, exclude_defaults=True)
        return urlencode({**said, **changed})


class PageAuditQuery(AuditQuery):
    """Filters, and a page; looks at pages and calls are left out unless somebody asks for them."""

    kind: str = Field(
        "",
        max_length=40,
        description="Such as call-erased; `all`: looks too; else all but looks at pages and calls.",
    )
    before: int = Field(0, ge=0, le=WHOLE_MOST, description="Older than this entry; 0: the newest.")

    def _kind(self) -> str:
        return "" if self.kind == ALL else self.kind

    def _looks(self) -> bool:
        return bool(self.kind)

    def exported(self) -> str:
        """The query of the export's address: looks are in every export."""
        return self.model_copy(update={"kind": self._kind()}).address()

    @property
    def filtered(self) -> bool:
        """Whether anything but looks is left out."""
        said = self.model_copy(update={"kind": self._kind(), "zone": ""})
        return bool(said.address())
