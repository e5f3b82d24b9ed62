"""What a recorder or gateway says of a call's consent, as JSON; refused with a reason.

``{"places": ["US-CA"], "campaign": "spring", "evidence": [{"kind": "notice_played", "at_ms": -4000,
"notice": "recorded@1"}, {"kind": "key", "party": "customer", "answer": "yes", "at_ms": 2500}]}``

Outcome of ``Stated.consent``: a ``Consent``, or ``InputError`` that names the field and what is
wrong; it quotes no value that might hold a number.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from pipeline.consent.hints import with_hints
from pipeline.consent.loading import is_place
from pipeline.errors import InputError
from pipeline.records.call_names import holds_digits, holds_number
from pipeline.records.consent import (
    MOST_EVIDENCE,
    MOST_PLACES,
    NAME,
    NOTICES,
    UNKNOWN,
    Answer,
    Consent,
    Evidence,
    Kind,
    Party,
)

_CLOCKS: Final = timedelta(minutes=5)
"""By how much a recorder's clock may be ahead."""
Name = Annotated[str, Field(pattern=f"^({NAME.pattern})?$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class StatedEvidence(_Model):
    """One piece; when it was is said by ``at`` or by ``at_ms``."""

    kind: Kind
    party: Party | None = None
    """Whose answer it is; of a notice, to whom it was given: to all."""
    answer: Answer | None = None
    at: datetime | None = None
    at_ms: Annotated[int, Field(ge=-(10**12), le=86_400_000)] | None = None
    notice: Name = ""
    certainty: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    reference: Name = ""

    def evidence(self, started: datetime | None, now: datetime) -> Evidence:
        """The piece.

        Raises:
            InputError: it says too little or too much, or lies in the future.
        """
        if (self.answer is None) is not (self.kind in NOTICES):
            wanted = "no answer, it is a notice" if self.kind in NOTICES else "an answer"
            raise InputError(f"{self.kind.value} has {wanted}")
        if self.answer is not None and self.party is None:
            raise InputError(f"{self.kind.value} does not say whose answer it is (party)")
        if self.at is None and self.at_ms is None:
            raise InputError(f"{self.kind.value} does not say when (at or at_ms)")
        if holds_number(self.reference) or holds_number(self.notice):
            raise InputError("a reference may hold a telephone or card number; name it by a word")
        return Evidence(
            self.kind,
            self.party or Party.ALL,
            self.answer,
            self._at_ms(started, now),
            self.notice,
            self.certainty,
            self.reference,
        )

    def _at_ms(self, started: datetime | None, now: datetime) -> int:
        at = self.at
        if at is None:
            after = timedelta(milliseconds=self.at_ms or 0)
            if started is not None and started.tzinfo and started + after > now + _CLOCKS:
                raise InputError("at_ms lies in the future")
            return self.at_ms or 0
        if at.tzinfo is None:
            raise InputError("at has no offset from UTC")
        if at > now + _CLOCKS:
            raise InputError("at lies in the future")
        if started is None or started.tzinfo is None:
            raise InputError("at needs the call's started_at, with its offset; or say at_ms")
        return round((at - started).total_seconds() * 1_000)


class Stated(_Model):
    """What is said of one call."""

    places: Annotated[tuple[str, ...], Field(max_length=MOST_PLACES)] = ()
    campaign: Name = ""
    evidence: Annotated[tuple[StatedEvidence, ...], Field(max_length=MOST_EVIDENCE)] = ()

    def consent(
        self, started: datetime | None, now: datetime, numbers: Iterable[str] = ()
    ) -> Consent:
        """The call's consent.

        Args:
            started: when the call began, as the recorder says.
            now: the time.
            numbers: of the parties; see ``pipeline.consent.hints``.

        Raises:
            InputError: see the module's text.
        """
        for index, place in enumerate(self.places):
            if not is_place(place):
                raise InputError(
                    f"consent.places.{index}: not a code of ISO 3166; write US-CA or DE, or "
                    f"{UNKNOWN} where nobody knows"
                )
        if holds_digits(self.campaign):
            raise InputError(
                "consent.campaign: may hold a telephone or card number; name it by a word"
            )
        evidence = []
        for index, one in enumerate(self.evidence):
            try:
                evidence.append(one.evidence(started, now))
            except InputError as error:
                raise InputError(f"consent.evidence.{index}: {error}") from None
        return Consent(with_hints(self.places, numbers), self.campaign, tuple(evidence))
