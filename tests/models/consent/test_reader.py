"""The consent reader: its weights, plain sentences, and texts that nothing has learnt from."""

from __future__ import annotations

import logging
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from benchmarks.consent.__main__ import measured, plainly
from benchmarks.consent.texts import openings
from models.consent.reader import FILE, LEAST, MODEL, load_consent_reader, unpacked
from models.store import loader
from models.store.model_catalogue import entry
from pipeline.consent.spoken import Said, Utterance
from pipeline.errors import ModelError
from pipeline.records.model import Role

pytestmark = pytest.mark.unit

TOLD = "Thank you for calling. This call may be recorded for quality purposes."
ASKED = "We record our calls, is that okay with you?"
TOLD_ES = "Le informo que esta llamada será grabada por motivos de calidad."
ASKED_ES = "Esta llamada se graba, ¿está de acuerdo?"
AGENT, CUSTOMER = Role.AGENT, Role.CUSTOMER


def said(role: Role, text: str, before: str = "") -> set[Said]:
    other = CUSTOMER if role is AGENT else AGENT
    back = Utterance(other, 0, 1, before) if before else None
    return set(load_consent_reader()(Utterance(role, 2, 3, text), back, "en"))


def test_the_weights_are_those_that_are_pinned() -> None:
    path = loader.find(MODEL, allow_hub=False) / FILE
    assert path.stat().st_size == entry(MODEL).bytes <= 1_000_000


def test_altered_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (loader.find(MODEL, allow_hub=False) / FILE).read_bytes()
    folder = tmp_path / entry(MODEL).folder
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    monkeypatch.setattr(loader, "_PACKAGE", tmp_path)
    with pytest.raises(ModelError, match="pins"):
        load_consent_reader.__wrapped__()
    (folder / FILE).unlink()
    with pytest.raises(ModelError):
        load_consent_reader.__wrapped__()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x00" * 100])
def test_what_is_no_reader_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match="no consent reader"):
        unpacked(data)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "?!", "\u3053\u306e\u901a\u8a71\u306f", "\u0437\u0432\u043e\u043d"),
        *("\U0001f600" * 50, "la " * 20_000),
    ],
)
@pytest.mark.parametrize("role", list(Role))
def test_of_what_is_empty_long_or_foreign_nothing_is_found(text: str, role: Role) -> None:
    assert not load_consent_reader()(Utterance(role, 0, 1, text), None, "en")


@pytest.mark.parametrize(
    ("role", "text", "before", "expected"),
    [
        (AGENT, TOLD, "", {Said.NOTICE}),
        (AGENT, TOLD.lower().replace(".", ""), "", {Said.NOTICE}),
        (AGENT, ASKED, "", {Said.NOTICE, Said.ASK}),
        (CUSTOMER, "Yes, that's fine.", ASKED, {Said.YES}),
        (CUSTOMER, "No, I'd rather you didn't.", ASKED, {Said.NO}),
        (CUSTOMER, "Please stop recording this call.", "", {Said.WITHDRAW}),
        (AGENT, "I'm pausing the recording while you read me your card number.", "", {Said.PAUSE}),
        (AGENT, "Thank you, the recording is back on now.", "", {Said.RESUME}),
        (AGENT, TOLD_ES, "", {Said.NOTICE}),
        (AGENT, ASKED_ES, "", {Said.NOTICE, Said.ASK}),
        (CUSTOMER, "Sí, de acuerdo.", ASKED_ES, {Said.YES}),
        (CUSTOMER, "No, prefiero que no me graben.", ASKED_ES, {Said.NO}),
        (CUSTOMER, "Quiero que deje de grabar, por favor.", "", {Said.WITHDRAW}),
        (AGENT, "Voy a pausar la grabación mientras me da los datos.", "", {Said.PAUSE}),
        (AGENT, "Reanudo la grabación.", "", {Said.RESUME}),
        (AGENT, "I have sent your medical records to the clinic.", "", set()),
        (CUSTOMER, "I'd like to pause my subscription.", "", set()),
        (CUSTOMER, "Yes, ten is fine.", "Does ten o'clock on Friday suit you?", set()),
        (CUSTOMER, "Quiero pausar mi suscripción.", "", set()),
    ],
)
def test_plain_sentences(role: Role, text: str, before: str, expected: set[Said]) -> None:
    assert said(role, text, before) == expected


def test_only_what_fits_who_speaks_is_found() -> None:
    assert not said(CUSTOMER, TOLD)
    assert not said(AGENT, "Please stop recording this call.")


def test_the_same_text_gives_the_same_numbers() -> None:
    reader = load_consent_reader()
    one = Utterance(AGENT, 0, 1, TOLD)
    first = reader(one, None, "en")
    assert first == reader(one, None, "en") == load_consent_reader.__wrapped__()(one, None, "en")
    assert all(LEAST <= share <= 1 for share in first.values())


def test_what_a_pause_cuts_in_two_is_still_found() -> None:
    before = Utterance(CUSTOMER, 0, 1, "Could you please stop")
    after = Utterance(CUSTOMER, 2, 3, "recording this call")
    assert Said.WITHDRAW in load_consent_reader()(after, before, "en")


def test_nothing_said_is_in_repr_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reader = load_consent_reader()
    said(CUSTOMER, "Please stop recording, my name is Zebedee.")
    assert "Zebedee" not in repr(reader) + repr(vars(reader)) + caplog.text


@pytest.mark.parametrize(
    ("label", "found", "falsely"),
    [
        (Said.NOTICE, 0.76, 0.015),
        (Said.ASK, 0.86, 0.02),
        (Said.YES, 0.55, 0.01),
        (Said.NO, 0.65, 0.02),
        (Said.WITHDRAW, 0.88, 0.02),
        (Said.PAUSE, 0.85, 0.005),
        (Said.RESUME, 0.85, 0.006),
    ],
)
def test_what_nothing_has_learnt_from_is_read_as_well_as_measured(
    label: Said, found: float, falsely: float
) -> None:
    sums = measured_sums()
    right, missed, wrong, rest = (
        sum(n for (_, one, *is_), n in sums.items() if one == label and is_ == [told, hit])
        for told, hit in ((True, True), (True, False), (False, True), (False, False))
    )
    assert right >= found * (right + missed)
    assert wrong <= falsely * (wrong + rest)


@cache
def measured_sums() -> Counter[tuple[str, str, bool, bool]]:
    return measured(openings("held"), load_consent_reader(), plainly)
