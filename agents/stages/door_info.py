"""What admit makes of a call's header: pseudonyms instead of numbers, consent as it is understood.

Outcomes: ``call_info`` raises ``NotTakenError`` where not even the places can be understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from agents.crypto.party_pseudonyms import Pseudonyms
from pipeline.consent.hints import with_hints
from pipeline.consent.loading import is_place
from pipeline.consent.metadata import Stated
from pipeline.errors import InputError, RecordError
from pipeline.gateways.door.model import CallHeader
from pipeline.records.consent import MOST_PLACES, Consent
from pipeline.records.model import CallInfo

_NO_LINES: Final[Mapping[str, str]] = MappingProxyType({})


class NotTakenError(RecordError):
    """A record that is not taken; ``why`` is its code."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _Places(BaseModel):
    """Of what is stated, the places alone."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    places: tuple[str, ...] = ()


def call_info(
    header: CallHeader,
    named: Pseudonyms,
    language: str,
    now: datetime,
    lines: Mapping[str, str] = _NO_LINES,
) -> CallInfo:
    """What the stages are told of a call: no number, and nothing of the platform's own.

    Args:
        header: of its record.
        named: makes the pseudonyms.
        language: where the header names none.
        now: the time.
        lines: names of the company's own numbers, by number.

    Raises:
        RecordError: what is stated of its places can't be understood.
    """
    parties, consent = set(), _consent(header, now)
    for number in header.numbers:
        with suppress(InputError):  # no number, such as a word that stands for a withheld one
            parties.add(named(number))
    return CallInfo(
        header.call_id,
        header.sample_rate,
        header.roles,
        header.started_at,
        header.language or language,
        header.purpose,
        tuple(sorted(parties)),
        consent,
        header.business.known(
            named, lines, numbers=header.numbers, campaign=consent.campaign if consent else ""
        ),
    )


def _consent(header: CallHeader, now: datetime) -> Consent | None:
    """What the header says of places, notice and consent.

    Of evidence that can't be understood nothing counts, so that the rules of the places ask for all
    that they ask for.

    Raises:
        RecordError: not even the places can be understood.
    """
    if not header.stated and not header.numbers:
        return None
    try:
        stated = Stated.model_validate_json(header.stated or b"{}")
        started = datetime.fromisoformat(header.started_at) if header.started_at else None
        return stated.consent(started, now, header.numbers)
    except (ValidationError, InputError):
        pass
    try:
        places = _Places.model_validate_json(header.stated).places
    except ValidationError:
        raise NotTakenError("stated") from None
    if len(places) > MOST_PLACES or not all(map(is_place, places)):
        raise NotTakenError("stated")
    return Consent(with_hints(places, header.numbers))
