"""A call of the vault is read by parts, and nothing else of it is handed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from agents.database.call_ledger import Ledger
from agents.vault.reader import VaultReader
from agents.vault.vault import SEALED, Vault
from pipeline.analytics.peaks import peaks
from pipeline.audio.files import FlacWriter
from pipeline.errors import (
    InputError,
    SealError,
    UnknownCallError,
)
from tests.agents.storing import AUDIO, FILES, stored_call
from tests.agents.vault.raw import Raw

pytestmark = pytest.mark.unit

CALL = "call-1"
FLAC, CERTIFICATE = "call-1.flac", "call-1.certificate.json"


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    """With two open calls."""
    ledger.open_call(CALL)
    ledger.open_call("call-2")
    return ledger


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 10), (0, len(AUDIO)), (1_048_500, 1_048_700), (2_400_000, 2_400_001)]
)
def test_a_range_is_the_same_bytes(vault: Vault, start: int, stop: int) -> None:
    vault.store(stored_call(CALL), keep_days=30)
    reader = VaultReader(vault)
    assert reader.audio_length(CALL) == len(AUDIO)
    pieces = list(reader.audio(CALL, start, stop))
    assert b"".join(pieces) == AUDIO[start:stop]
    assert max(map(len, pieces)) <= 1 << 20


def test_the_end_is_read_without_what_lies_before(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.store(stored_call(CALL), keep_days=30)
    read, parts = list[int](), vault.place.parts

    def counted(area: str, call_id: str, name: str) -> Callable[[int, int], bytes]:
        part = parts(area, call_id, name)

        def counting(place: int, count: int) -> bytes:
            read.append(len(data := part(place, count)))
            return data

        return counting

    monkeypatch.setattr(vault.place, "parts", counted)
    got = b"".join(VaultReader(vault).audio(CALL, len(AUDIO) - 100))
    assert got == AUDIO[-100:]
    assert len(AUDIO) > 2 << 20
    assert sum(read) < 1 << 20  # the head and the last segment


@pytest.mark.parametrize("kept", [True, False])
def test_the_waveform_is_the_one_that_is_kept_or_made_from_the_audio(
    vault: Vault, *, kept: bool
) -> None:
    pcm = np.random.default_rng(2).integers(-9_000, 9_000, (900_000, 2)).astype(np.int16)
    writer = FlacWriter(8_000, 2)
    writer.write(pcm)
    more = {"peaks": b"as it was kept"} if kept else {}
    call = stored_call(CALL, flac=writer.finish(), **more)
    vault.store(call, keep_days=30)
    found = VaultReader(vault).peaks(CALL)
    assert found == (b"as it was kept" if kept else peaks(pcm, 8_000))


def test_no_waveform_is_made_of_audio_that_was_changed(vault: Vault) -> None:
    pcm = np.random.default_rng(2).integers(-9_000, 9_000, (900_000, 2)).astype(np.int16)
    writer = FlacWriter(8_000, 2)
    writer.write(pcm)
    vault.store(stored_call(CALL, flac=writer.finish()), keep_days=30)
    raw = Raw(vault)
    sealed = bytearray(raw.read(CALL, FLAC + SEALED))
    sealed[-9] ^= 1
    raw.write(CALL, FLAC + SEALED, bytes(sealed))
    with pytest.raises(SealError):
        VaultReader(vault).peaks(CALL)


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 4), (0, len(AUDIO) + 1)])
def test_a_range_outside_the_audio_is_refused(vault: Vault, start: int, stop: int) -> None:
    vault.store(stored_call(CALL), keep_days=30)
    for read in (VaultReader(vault).audio, partial(VaultReader(vault).file, name=FLAC)):
        with pytest.raises(InputError):
            read(CALL, start=start, stop=stop)


def test_the_shelf_reads_all_of_a_call(vault: Vault) -> None:
    vault.store(stored_call(CALL), keep_days=30)
    reader = VaultReader(vault)
    assert reader.transcript(CALL) == FILES["json"]
    assert reader.subtitles(CALL) == FILES["vtt"]
    assert reader.certificate(CALL) == stored_call(CALL).files[CERTIFICATE]
    assert b"".join(reader.audio(CALL)) == AUDIO
    assert b"".join(reader.file(CALL, f"{CALL}.vtt")) == FILES["vtt"]
    assert list(reader.audio(CALL, 7, 7)) == []
    with pytest.raises(UnknownCallError):
        reader.transcript("call-2")


@pytest.mark.parametrize("name", [CERTIFICATE, FLAC + SEALED, "call-2.flac", "../call-1.flac", ""])
def test_the_shelf_hands_out_files_by_their_names_alone(vault: Vault, name: str) -> None:
    """And the certificate only as ``certificate`` does, which asks whether it is the stored one."""
    vault.store(stored_call(CALL), keep_days=30)
    for stop in (None, 10):
        with pytest.raises(UnknownCallError):
            list(VaultReader(vault).file(CALL, name, 0, stop))


def test_nothing_but_the_certificate_is_read_of_a_call_that_did_not_pass(vault: Vault) -> None:
    """Whatever the catalogue names, and though its files should lie there."""
    facts = vault.store(stored_call(CALL), keep_days=30)
    other = {name.replace(CALL, "call-2"): length for name, length in facts.files.items()}
    vault.catalogue.enter(replace(facts, call_id="call-2", passed=False, files=other))
    reader = VaultReader(vault)
    for read in (reader.transcript, reader.subtitles, reader.audio_length, reader.audio):
        with pytest.raises(UnknownCallError, match="quarantined"):
            read("call-2")
