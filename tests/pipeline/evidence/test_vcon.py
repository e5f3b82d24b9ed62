"""A stored call as a vCon: its shape, its lawful basis, and audio that streams through."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.consent.lawful import Asserted, attachment
from pipeline.errors import RecordError
from pipeline.evidence import vcon
from pipeline.records.consent import (
    Answer,
    Decision,
    Evidence,
    Kind,
    Outcome,
    Party,
    RuleStated,
    Why,
)

pytestmark = pytest.mark.unit

CALLER = "pn-" + "5" * 32
KEY_ID = "ab" * 32
PROMPT = Evidence(Kind.NOTICE_PLAYED, at_ms=-3_000, notice="us-ca-es@3")
YES = Evidence(Kind.SPOKEN, Party.CUSTOMER, Answer.YES, 83_200, certainty=0.93)
NO = Evidence(Kind.SPOKEN, Party.CUSTOMER, Answer.NO, 90_000)
KEPT = Decision(
    Outcome.KEPT,
    Why.SATISFIED,
    (RuleStated("us-ca", 2, "US-CA"),),
    "d" * 64,
    (PROMPT, YES),
    "consent",
    campaign="spring",
    sides=True,
)
FACTS = vcon.StoredFacts(
    call_id="order",
    stored=datetime(2026, 11, 29, 9, 30, 0, 250_000, tzinfo=UTC),
    started="2026-11-29T10:15:00+01:00",
    duration_ms=95_500,
    roles=("agent", "customer"),
    parties=(CALLER,),
    purpose="quality",
    retain_until=datetime(2027, 2, 27, 9, 30, tzinfo=UTC),
    consent=KEPT,
    certificate="c0ffee" + "0" * 58,
    key_id=KEY_ID,
)
AUDIO = vcon.Recording("order.flac")


def built(
    facts: vcon.StoredFacts = FACTS,
    recording: vcon.Recording | None = AUDIO,
    audio: bytes = b"fLaC?>",
) -> dict[str, Any]:
    one = vcon.build(facts, b'{"Transcript":[]}', b'{"passed":true}', recording)
    document: dict[str, Any] = json.loads(b"".join(one.pieces([audio])))
    return document


def test_a_call_as_a_literal_vcon() -> None:
    assert built() == {
        "vcon": "0.4.0",
        "uuid": "01a226a3-d2ba-8c0f-b71f-3f03c3aab4ed",
        "extensions": ["CC", "lawful_basis"],
        "created_at": "2026-11-29T09:30:00.250+00:00",
        "redacted": {"type": "pii"},
        "parties": [
            {"name": "anonymous", "role": "agent"},
            {"name": "anonymous", "role": "customer"},
            {"name": CALLER},
        ],
        "dialog": [
            {
                "type": "recording",
                "start": "2026-11-29T10:15:00.000+01:00",
                "duration": 95.5,
                "parties": [0, 1],
                "mediatype": "audio/flac",
                "campaign": "spring",
                "filename": "order.flac",
                "encoding": "base64url",
                "body": "ZkxhQz8-",
                "content_hash": "sha512-"
                + base64.urlsafe_b64encode(hashlib.sha512(b"fLaC?>").digest()).decode().strip("="),
            }
        ],
        "analysis": [
            {
                "type": "transcript",
                "dialog": 0,
                "mediatype": "application/json",
                "filename": "order.json",
                "vendor": "hushwire",
                "product": "hushwire",
                "schema": "hushwire.call-analytics.v1",
                "encoding": "json",
                "body": {"Transcript": []},
            },
            {
                "type": "report",
                "dialog": 0,
                "mediatype": "application/json",
                "filename": "order.certificate.json",
                "vendor": "hushwire",
                "product": "hushwire",
                "schema": "hushwire.certificate.v1",
                "encoding": "json",
                "body": {"passed": True},
            },
        ],
        "attachments": [
            {
                "purpose": "lawful_basis",
                "start": "2026-11-29T10:16:23.200+01:00",
                "party": 1,
                "dialog": 0,
                "mediatype": "application/json",
                "encoding": "json",
                "body": {
                    "lawful_basis": "consent",
                    "expiration": "2027-02-27T09:30:00.000+00:00",
                    "purpose_grants": [
                        {
                            "purpose": name,
                            "granted": True,
                            "granted_at": "2026-11-29T10:16:23.200+01:00",
                        }
                        for name in ("recording", "transcription", "quality")
                    ],
                    "proof_mechanisms": [
                        {
                            "proof_type": "verbal_confirmation",
                            "timestamp": "2026-11-29T10:16:23.200+01:00",
                            "proof_data": {
                                "kind": "spoken",
                                "party": "customer",
                                "at_ms": 83_200,
                                "certainty": 0.93,
                                "answer": "yes",
                                "dialog_reference": 0,
                                "time_offset": "00:01:23",
                            },
                        }
                    ],
                    "metadata": {
                        "vendor": "hushwire",
                        "certificate_sha256": FACTS.certificate,
                        "outcome": "kept",
                        "why": "satisfied",
                        "rules": [{"id": "us-ca", "version": 2, "place": "US-CA"}],
                        "ruleset": "d" * 64,
                        "notices": [
                            {
                                "kind": "notice_played",
                                "party": "all",
                                "at": "2026-11-29T10:14:57.000+01:00",
                                "at_ms": -3_000,
                                "certainty": 1.0,
                                "notice": {"id": "us-ca-es", "version": "3"},
                            }
                        ],
                        "answers": [
                            {
                                "kind": "spoken",
                                "party": "customer",
                                "at": "2026-11-29T10:16:23.200+01:00",
                                "at_ms": 83_200,
                                "certainty": 0.93,
                                "answer": "yes",
                            }
                        ],
                        "times_from": "call",
                    },
                },
            }
        ],
    }


def test_the_uuid_is_of_version_8_and_made_of_what_is_stored() -> None:
    one = uuid.UUID(vcon.uuid_of(FACTS))
    assert (one.version, one.variant) == (8, uuid.RFC_4122)
    assert one.int >> 80 == int(FACTS.stored.timestamp() * 1_000)
    again = replace(FACTS, parties=(), consent=None, purpose="", started="")
    assert vcon.uuid_of(again) == str(one)
    others = (replace(FACTS, call_id="order2"), replace(FACTS, key_id="cd" * 32))
    assert len({vcon.uuid_of(each) for each in (FACTS, *others)}) == 3


def test_audio_by_reference_is_named_with_its_hash_and_not_read() -> None:
    def never() -> Iterator[bytes]:
        raise AssertionError
        yield b""

    there = vcon.Recording("order.flac", "https://example.com/order/order.flac", "sha512-x")
    one = vcon.build(FACTS, b"{}", b"{}", there)
    (dialog,) = json.loads(b"".join(one.pieces(never())))["dialog"]
    assert dialog["url"] == there.url
    assert dialog["content_hash"] == there.content_hash
    assert not {"body", "encoding"} & set(dialog)


def test_where_no_audio_is_kept_the_dialog_has_no_content() -> None:
    (dialog,) = built(recording=None)["dialog"]
    assert not {"body", "encoding", "url", "content_hash", "filename"} & set(dialog)


@pytest.mark.parametrize("started", ["", "2026-11-29T10:15:00", "yesterday"])
def test_a_beginning_that_nobody_knows_is_not_made_up(started: str) -> None:
    document = built(replace(FACTS, started=started))
    assert "start" not in document["dialog"][0]
    (lawful,) = document["attachments"]
    assert lawful["start"] == document["created_at"]
    assert lawful["body"]["metadata"]["times_from"] == "stored"
    assert lawful["body"]["proof_mechanisms"][0]["proof_data"]["at_ms"] == 83_200


@pytest.mark.parametrize(
    ("roles", "speakers", "channels"),
    [
        (("mixed",), ["agent", "customer"], [0, 1]),
        (("agent",), ["agent"], [0]),
        (("customer", "agent"), ["customer", "agent"], [0, 1]),
        (("agent", "mixed"), ["agent", "agent", "customer"], [0, [1, 2]]),
    ],
)
def test_who_speaks_on_which_channel(
    roles: tuple[str, ...], speakers: list[str], channels: list[Any]
) -> None:
    document = built(replace(FACTS, roles=roles, parties=()))
    assert [one["role"] for one in document["parties"]] == speakers
    assert document["dialog"][0]["parties"] == channels


def test_a_transcript_that_is_no_json_is_refused_without_quoting_it() -> None:
    with pytest.raises(RecordError, match="the transcript of the call is no JSON") as told:
        vcon.build(FACTS, b"secret", b"{}", AUDIO)
    assert "secret" not in str(told.value)


@given(st.lists(st.binary(max_size=50)))
def test_audio_in_pieces_of_any_length_stays_byte_for_byte(pieces: list[bytes]) -> None:
    one = vcon.build(FACTS, b"{}", b"{}", AUDIO)
    (dialog,) = json.loads(b"".join(one.pieces(pieces)))["dialog"]
    audio = b"".join(pieces)
    assert "=" not in dialog["body"]
    assert base64.urlsafe_b64decode(dialog["body"] + "=" * (-len(dialog["body"]) % 4)) == audio
    assert dialog["content_hash"] == vcon.content_hash(hashlib.sha512(audio).digest())


# -- the lawful basis


def lawful(decision: Decision | None) -> dict[str, Any] | None:
    return attachment(
        Asserted(decision, "quality", None, FACTS.stored, FACTS.retain_until, FACTS.certificate),
        customer=1,
        agent=0,
    )


@pytest.mark.parametrize(
    "decision",
    [
        None,
        replace(KEPT, why=Why.NOT_ENFORCED),
        replace(KEPT, outcome=Outcome.REFUSED, why=Why.NO_CONSENT),
        replace(KEPT, outcome=Outcome.PENDING, why=Why.NO_CONSENT),
    ],
)
def test_nothing_is_claimed_where_nobody_asked(decision: Decision | None) -> None:
    assert lawful(decision) is None
    assert built(replace(FACTS, consent=None))["extensions"] == ["CC"]


@pytest.mark.parametrize(
    ("basis", "evidence", "claimed"),
    [
        ("consent", (PROMPT, YES), "consent"),
        ("", (PROMPT, YES), "consent"),
        ("consent", (PROMPT,), ""),
        ("", (PROMPT,), ""),  # who was told and stayed did not say yes
        ("consent", (YES, NO), ""),
        ("", (replace(YES, party=Party.AGENT),), ""),
        ("legitimate_interests", (PROMPT,), "legitimate_interests"),
        ("contract", (YES,), "contract"),
        ("", (YES, replace(NO, answer=Answer.WITHDRAWN)), "consent"),
    ],
)
def test_consent_is_claimed_by_a_yes_alone(
    basis: str, evidence: tuple[Evidence, ...], claimed: str
) -> None:
    found = lawful(replace(KEPT, basis=basis, evidence=evidence))
    assert found is not None
    if claimed:
        assert found["purpose"] == "lawful_basis"
        assert found["body"]["lawful_basis"] == claimed
    else:
        assert found["purpose"] == "hushwire_consent_decision"
        assert not {"lawful_basis", "purpose_grants"} & set(found["body"])
        assert found["body"]["rules"] == [{"id": "us-ca", "version": 2, "place": "US-CA"}]


@pytest.mark.parametrize(
    ("kind", "proof"),
    [
        (Kind.SPOKEN, "verbal_confirmation"),
        (Kind.KEY, "external_system"),
        (Kind.API, "external_system"),
        (Kind.WRITTEN, "signed_document"),
    ],
)
def test_a_yes_is_a_proof_of_its_kind(kind: Kind, proof: str) -> None:
    yes = replace(YES, kind=kind, notice="de@4", reference="form-7")
    found = lawful(replace(KEPT, evidence=(yes,)))
    assert found is not None
    (one,) = found["body"]["proof_mechanisms"]
    assert one["proof_type"] == proof
    assert one["proof_data"]["notice"] == {"id": "de", "version": "4"}
    assert one["proof_data"]["reference"] == "form-7"
    assert ("time_offset" in one["proof_data"]) is (kind is Kind.SPOKEN)


def test_what_is_not_kept_is_not_granted() -> None:
    silent = replace(KEPT, outcome=Outcome.TRANSCRIPT_ONLY, why=Why.NO_NOTICE, basis="contract")
    found = lawful(silent)
    assert found is not None
    granted = {one["purpose"]: one["granted"] for one in found["body"]["purpose_grants"]}
    assert granted == {"recording": False, "transcription": True, "quality": True}
    ours = lawful(replace(silent, outcome=Outcome.AGENT_SIDE_ONLY))
    assert ours is not None
    assert ours["party"] == 0
    assert {one["conditions"][0] for one in ours["body"]["purpose_grants"]} == {"agent_side_only"}
    gone = lawful(replace(KEPT, withdrawn_at_ms=90_000, keep_days=30))
    assert gone is not None
    conditions = [one["conditions"] for one in gone["body"]["purpose_grants"]]
    assert conditions == [["withdrawn_at_ms=90000"]] * 3
    assert gone["body"]["metadata"]["keep_days"] == 30
