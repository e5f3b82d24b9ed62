"""The consent reader: its weights, plain sentences, and texts that nothing has learnt from."""

from __future__ import annotations

import logging
import shutil
from functools import cache
from pathlib import Path

import pytest

from benchmarks.consent.figures import Sums, measured, plainly
from benchmarks.consent.texts import half, openings
from models.consent.inputs import BACK, LONGEST, PLACES, Pieces
from models.consent.reader import (
    GRAPH,
    LEAST,
    MODEL,
    TOKENIZER,
    ConsentReader,
    load_consent_reader,
)
from models.store import loader
from models.store.model_catalogue import entry
from pipeline.consent.spoken import LOOKED_BACK, Said, Utterance
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
    back = (Utterance(other, 0, 1, before),) if before else ()
    return set(load_consent_reader()(Utterance(role, 2, 3, text), back, "en"))


def test_the_weights_are_those_that_are_pinned() -> None:
    folder = loader.find(MODEL, allow_hub=False)
    sizes = [(folder / name).stat().st_size for name in (GRAPH, TOKENIZER)]
    assert sum(sizes) == entry(MODEL).bytes <= 15_000_000


@pytest.mark.parametrize("name", [GRAPH, TOKENIZER])
def test_altered_weights_are_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / entry(MODEL).folder
    shutil.copytree(loader.find(MODEL, allow_hub=False), folder)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    monkeypatch.setattr(loader, "_PACKAGE", tmp_path)
    with pytest.raises(ModelError, match="pins"):
        load_consent_reader.__wrapped__()
    (folder / name).unlink()
    with pytest.raises(ModelError):
        load_consent_reader.__wrapped__()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x00" * 100])
def test_what_is_no_reader_is_refused(data: bytes) -> None:
    folder = loader.find(MODEL, allow_hub=False)
    files = [(folder / name).read_bytes() for name in (GRAPH, TOKENIZER)]
    for one in ([data, files[1]], [files[0], data]):
        with pytest.raises(ModelError, match="no consent reader"):
            ConsentReader(*one)


def test_of_a_long_text_no_more_is_read_than_there_is_room_for() -> None:
    pieces = Pieces((loader.find(MODEL, allow_hub=False) / TOKENIZER).read_bytes())
    before = [(AGENT, "la " * 900)] * 4
    read = pieces.read((CUSTOMER, "le " * 900), before)
    assert read is not None
    assert len(read.ids) == len(read.kinds) == 2 + LONGEST + LOOKED_BACK * (BACK + 1) <= PLACES


def test_every_number_is_the_same_number() -> None:
    pieces = Pieces((loader.find(MODEL, allow_hub=False) / TOKENIZER).read_bytes())
    one, other = (pieces.read((CUSTOMER, f"it is {n}, B{n}"), ()) for n in ("4417", "90"))
    assert one == other is not None


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "?!", "\u3053\u306e\u901a\u8a71\u306f", "\u0437\u0432\u043e\u043d"),
        *("\U0001f600" * 50, "we went to the harbour and had fish with rice " * 3_000),
    ],
)
@pytest.mark.parametrize("role", list(Role))
def test_of_what_is_empty_long_or_foreign_nothing_is_found(text: str, role: Role) -> None:
    assert not load_consent_reader()(Utterance(role, 0, 1, text), (), "en")


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


def test_who_may_be_either_is_read_as_both() -> None:
    assert said(Role.MIXED, TOLD) == {Said.NOTICE}
    assert said(Role.MIXED, "Please stop recording this call.") == {Said.WITHDRAW}


def test_the_same_text_gives_the_same_numbers() -> None:
    reader = load_consent_reader()
    one = Utterance(AGENT, 0, 1, TOLD)
    first = reader(one, (), "en")
    assert first == reader(one, (), "en") == load_consent_reader.__wrapped__()(one, (), "en")
    assert all(LEAST <= share <= 1 for share in first.values())


def test_what_a_pause_cuts_in_two_is_still_found() -> None:
    before = Utterance(CUSTOMER, 0, 1, "Could you please stop")
    after = Utterance(CUSTOMER, 2, 3, "recording this call")
    assert Said.WITHDRAW in load_consent_reader()(after, (before,), "en")


def test_nothing_said_is_in_repr_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reader = load_consent_reader()
    said(CUSTOMER, "Please stop recording, my name is Zebedee.")
    assert "Zebedee" not in repr(reader) + repr(vars(reader)) + caplog.text


@pytest.mark.parametrize(
    ("label", "found", "falsely"),
    [
        (Said.NOTICE, 0.8, 0.07),
        (Said.ASK, 0.86, 0.015),
        (Said.YES, 0.47, 0.02),
        (Said.NO, 0.57, 0.015),
        (Said.WITHDRAW, 0.7, 0.02),
        (Said.PAUSE, 0.56, 0.005),
        (Said.RESUME, 0.9, 0.015),
    ],
)
def test_what_nothing_has_learnt_from_is_read_as_well_as_measured(
    label: Said, found: float, falsely: float
) -> None:
    assert_found(measured_sums(), label, found, falsely)


def test_disclosures_in_ordinary_openings_are_found_as_well_as_measured() -> None:
    texts = half(openings("ordinary"), seen=False)
    assert_found(measured(texts, load_consent_reader(), plainly), Said.NOTICE, 0.98, 0.005)


def test_withdrawals_in_mid_call_are_found_as_well_as_measured() -> None:
    texts = [
        one for part in ("ordinary", "withdrawals") for one in half(openings(part), seen=False)
    ]
    assert_found(measured(texts, load_consent_reader(), plainly), Said.WITHDRAW, 0.95, 0.02)


def assert_found(sums: Sums, label: Said, found: float, falsely: float) -> None:
    right, missed, wrong, rest = (
        sum(n for (_, one, *is_), n in sums.items() if one == label and is_ == [told, hit])
        for told, hit in ((True, True), (True, False), (False, True), (False, False))
    )
    assert right >= found * (right + missed)
    assert wrong <= falsely * (wrong + rest)


@cache
def measured_sums() -> Sums:
    return measured(openings("held"), load_consent_reader(), plainly)
