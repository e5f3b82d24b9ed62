"""What an address says of the audit log: filters, the same on the page and in the API.

A field that is empty says nothing, as browsers send forms. Outcomes: a ``LogQuery``, or
``FilterError`` that names the parameter; what has the wrong form is refused before (422).
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from agents.access.audit_events import KINDS
from agents.access.log_search import LogQuery
from agents.vault.analytics.call_filter import FilterError, moment
from console.auth.names import Names
from console.http.parameters import WHOLE_MOST, Parameters

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
        if self.kind and self.kind not in KINDS:
            raise FilterError("kind", "there is no such kind of entry: `hushwire audit kinds`")
        return LogQuery(
            since=moment("since", self.since, self.zone) if self.since else None,
            until=moment("until", self.until, self.zone, end=True) if self.until else None,
            kind=self.kind,
            who=tuple(names.matching(self.who)) if self.who else (),
            call=self.call,
        )

    def address(self, **changed: object) -> str:
        """The query of an address that says the same, without the page."""
        said = self.model_dump(exclude={"before", "after", "limit"}, exclude_defaults=True)
        return urlencode({**said, **changed})

    @property
    def filtered(self) -> bool:
        """Whether anything is left out."""
        return bool(self.address().replace(f"zone={self.zone}", "").strip("&"))


class PageAuditQuery(AuditQuery):
    """Filters, and a page."""

    before: int = Field(0, ge=0, le=WHOLE_MOST, description="Older than this entry; 0: the newest.")
