"""What a sidecar says of consent: taken, or refused with the field and the reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from agents.app.recordings.recording_folder import read_drop
from pipeline.consent.metadata import Stated
from pipeline.errors import InputError
from pipeline.records.consent import Answer, Consent, Evidence, Kind, Party

pytestmark = pytest.mark.unit

STARTED = datetime(2026, 11, 1, 10, tzinfo=UTC)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def consent(said: object, *numbers: str) -> Consent:
    return Stated.model_validate(said).consent(STARTED, NOW, numbers)


def test_what_is_said() -> None:
    said = {
        "places": ["US-CA", "DE"],
        "campaign": "spring-2026",
        "evidence": [
            {"kind": "notice_played", "at": "2026-11-01T09:59:55Z", "notice": "recorded@2"},
            {"kind": "key", "party": "customer", "answer": "yes", "at_ms": 2500},
        ],
    }
    assert consent(said) == Consent(
        ("DE", "US-CA"),
        "spring-2026",
        (
            Evidence(Kind.NOTICE_PLAYED, at_ms=-5_000, notice="recorded@2"),
            Evidence(Kind.KEY, Party.CUSTOMER, Answer.YES, 2_500),
        ),
    )


@pytest.mark.parametrize(
    ("places", "numbers", "expected"),
    [
        ([], [], ("*",)),
        ([], ["+14155550100"], ("*", "US-CA")),
        (["US-TX"], ["+14155550100"], ("US-CA", "US-TX")),
        (["US-TX"], ["+18005550100"], ("US-TX",)),
        (["US-TX"], ["+493012345678"], ("DE", "US-TX")),
        (["DE-BY"], ["+493012345678"], ("DE-BY",)),
        (["US-TX"], ["0301234", "sip:x@example.org"], ("US-TX",)),
    ],
)
def test_a_number_may_add_a_place_and_never_takes_one_away(
    places: list[str], numbers: list[str], expected: tuple[str, ...]
) -> None:
    assert consent({"places": places}, *numbers).places == expected


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"places": ["US-ZZ"]}, "consent.places.0: not a code of ISO 3166; write US-CA"),
        ({"campaign": "4155550100"}, "consent.campaign: may hold a telephone or card number"),
        ({"evidence": [{"kind": "key", "at_ms": 1}]}, "consent.evidence.0: key has an answer"),
        ({"evidence": [{"kind": "notice_spoken", "answer": "yes", "at_ms": 1}]},
         "consent.evidence.0: notice_spoken has no answer, it is a notice"),
        ({"evidence": [{"kind": "key", "answer": "yes", "at_ms": 1}]},
         "consent.evidence.0: key does not say whose answer it is (party)"),
        ({"evidence": [{"kind": "notice_played", "at_ms": 80_000_000}]},
         "consent.evidence.0: at_ms lies in the future"),
        ({"campaign": "jane@example.org"}, "campaign"),
        ({"evidence": [{"kind": "notice_played"}]},
         "consent.evidence.0: notice_played does not say when (at or at_ms)"),
        ({"evidence": [{"kind": "notice_played", "at": "2026-11-01T13:00:00Z"}]},
         "consent.evidence.0: at lies in the future"),
        ({"evidence": [{"kind": "notice_played", "at": "2026-11-01T00:00:00"}]},
         "consent.evidence.0: at has no offset from UTC"),
        ({"evidence": [{"kind": "written", "party": "agent", "answer": "yes",
                        "at_ms": 1, "reference": "4155550100"}]},
         "consent.evidence.0: a reference may hold a telephone or card number"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(said: object, told: str) -> None:
    with pytest.raises((InputError, ValidationError)) as refused:
        consent(said)
    assert told in str(refused.value)


def test_a_sidecar_is_refused_by_name_field_and_reason(tmp_path: Path) -> None:
    recording = tmp_path / "call-1.wav"
    recording.touch()
    sidecar = tmp_path / "call-1.json"
    sidecar.write_text(json.dumps({"consent": {"places": ["California"]}}))
    with pytest.raises(InputError, match=r"call-1\.json: consent\.places\.0: not a code"):
        read_drop(recording)
    sidecar.write_text(json.dumps({"consent": {"consents": []}}))
    with pytest.raises(InputError, match=r"call-1\.json: consent: a field that is not known$"):
        read_drop(recording)
    said = {"started_at": "2026-11-01T10:00:00Z", "consent": {"places": ["DE"]}}
    sidecar.write_text(json.dumps(said | {"caller": "+14155550100"}))
    assert read_drop(recording).info(8_000, 2).consent == Consent(("DE", "US-CA"))
    sidecar.write_text(json.dumps({"caller": "+14155550100"}))
    assert read_drop(recording).info(8_000, 2).consent == Consent(("*", "US-CA"))
    sidecar.write_text(json.dumps({"caller": "4155550100"}))
    assert read_drop(recording).info(8_000, 2).consent == Consent(("*",))
