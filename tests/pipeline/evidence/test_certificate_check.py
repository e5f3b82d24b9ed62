"""The offline check of a certificate: it finds what was changed, and measures it anew."""

from __future__ import annotations

import io
import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from pipeline.errors import RecordError
from pipeline.evidence.certificate_check import check_certificate, uncovered_spans
from pipeline.evidence.stored_call import StoredCall
from pipeline.policy.model import MutingRule, Policy
from pipeline.records.model import Action, Check, Mute, Pcm, RedactedChunk, Span, Verdict
from tests.pipeline.evidence.test_certificate import (
    CALL,
    CARD,
    END,
    POLICY,
    RATE,
    again,
    failed,
    findings,
    redact,
    store,
)

pytestmark = pytest.mark.unit

CERTIFICATE = "call-1.certificate.json"


MUTING = MutingRule(after_silence_ms=150)
WIDE = POLICY.model_copy(update={"muting": MUTING})


def call(policy: Policy = WIDE) -> StoredCall:
    """Muted from 31,360 to 42,400 of the customer's channel: in the seconds 3, 4 and 5."""
    found = findings()
    chunks = [one for one in redact(policy, found) if isinstance(one, RedactedChunk)]
    return store(chunks, Verdict(CALL, passed=True, checks=(), end=END), found, policy)


@pytest.fixture(scope="module")
def stored() -> StoredCall:
    return call()


@pytest.fixture(scope="module")
def toned() -> StoredCall:
    return call(POLICY.model_copy(update={"muting": MUTING.model_copy(update={"style": "tone"})}))


def samples(stored: StoredCall) -> Pcm:
    return np.asarray(soundfile.read(io.BytesIO(stored.files["call-1.flac"]), dtype="int16")[0])


def written(pcm: Pcm, container: str = "FLAC", subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm, RATE, format=container, subtype=subtype)
    return buffer.getvalue()


def stating(stored: StoredCall, **changed: object) -> dict[str, Check]:
    """The check of a certificate that states something else."""
    document = json.loads(stored.files[CERTIFICATE]) | changed
    return again(stored, certificate_json=json.dumps(document).encode())


def test_no_certificate_at_all_is_refused() -> None:
    with pytest.raises(RecordError):
        check_certificate(b"{", b"", {})


def test_what_is_asked_of_a_stored_call(stored: StoredCall) -> None:
    assert list(again(stored).values()) == [
        Check("passed", passed=True, measured=1.0, limit=1.0),
        Check("files_missing_or_altered", passed=True, measured=0.0, limit=0.0),
        Check("files_not_stated", passed=True, measured=0.0, limit=0.0),
        Check("spans_not_covered", passed=True, measured=0.0, limit=0.0),
        Check("samples_missing", passed=True, measured=0.0, limit=0.0),
        Check("energy_in_mutes_dbfs", passed=True, measured=-120.0, limit=-60.0),
    ]


def test_the_offline_check_finds_every_alteration(stored: StoredCall) -> None:
    pcm = samples(stored)
    assert failed(again(stored, json=b"{}")) == {
        "files_missing_or_altered", "files_not_stated",
    }  # fmt: skip
    assert "samples_missing" in failed(again(stored, flac=written(pcm[:-1])))
    loud = pcm.copy()
    loud[CARD.start + 100 : CARD.start + 300, 1] = 2_000
    assert "energy_in_mutes_dbfs" in failed(again(stored, flac=written(loud)))
    assert again(stored, flac=b"fLaC")["audio_unreadable"].measured == 1.0
    assert again(stored, flac=written(pcm[:, :1]))["channels_wrong"].measured == 1.0
    assert failed(stating(stored, mutes=[])) == {"spans_not_covered"}


def test_the_offline_check_counts_what_is_wrong(stored: StoredCall) -> None:
    checks = again(stored, json=b"{}", vtt=b"WEBVTT")
    assert checks["files_missing_or_altered"].measured == 2.0
    assert checks["files_not_stated"].measured == 2.0
    nothing = stating(stored, files={})
    assert nothing["files_not_stated"].measured == 4.0, "three files, and that none is stated"
    shorter = again(stored, flac=written(samples(stored)[:-3]))
    assert shorter["samples_missing"].measured == 3.0


def test_a_certificate_of_a_call_that_did_not_pass_does_not_pass(stored: StoredCall) -> None:
    assert failed(stating(stored, passed=False)) == {"passed"}


@pytest.mark.parametrize("rate", [0, 50, 16_000])
def test_the_audio_has_to_have_the_rate_that_is_stated(stored: StoredCall, rate: int) -> None:
    """At another rate other times are muted, and of a lossy file more is left out at the edges."""
    assert stating(stored, sample_rate=rate)["sample_rate_wrong"].measured == abs(rate - 8_000)


def test_a_mute_has_to_lie_in_a_channel_of_the_audio(stored: StoredCall) -> None:
    document = json.loads(stored.files[CERTIFICATE])
    beside = [{**document["mutes"][0], "channel": 2}]
    assert "channels_wrong" in failed(stating(stored, mutes=beside))


def test_a_mute_that_never_ends_is_looked_into_as_far_as_there_is_audio(
    stored: StoredCall,
) -> None:
    document = json.loads(stored.files[CERTIFICATE])
    endless = [{**document["mutes"][0], "end": 10**10}]
    tracemalloc.start()
    checks = stating(stored, mutes=endless)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert failed(checks) == {"energy_in_mutes_dbfs"}
    assert peak < 50_000_000


@pytest.mark.parametrize(
    ("level", "measured"), [(20, -64.29), (33, -59.94), (50, -56.33), (2_000, -24.29)]
)
@pytest.mark.parametrize("start", [31_360, CARD.start, 42_320])
def test_a_mute_is_silent_below_minus_60_dbfs(
    stored: StoredCall, level: int, measured: float, start: int
) -> None:
    """At its first 10 ms, in its middle and at its last ones."""
    pcm = samples(stored)
    pcm[start : start + 80, 1] = level
    assert again(stored, flac=written(pcm))["energy_in_mutes_dbfs"] == Check(
        "energy_in_mutes_dbfs", measured <= -60.0, measured, -60.0
    )


def test_of_digital_silence_nothing_louder_has_to_be_allowed(stored: StoredCall) -> None:
    files = dict(stored.files)
    certificate, recording = files.pop(CERTIFICATE), files.pop("call-1.flac")
    checks = check_certificate(certificate, recording, files, limit_dbfs=-120.0)
    assert all(one.passed for one in checks)


@pytest.mark.parametrize("place", [31_360, CARD.start, 42_399])
def test_a_mute_holds_its_tone_and_nothing_else(toned: StoredCall, place: int) -> None:
    pcm = samples(toned)
    pcm[place, 1] += 1
    checks = again(toned, flac=written(pcm))
    assert failed(checks) >= {"wrong_fill_samples"}
    assert checks["wrong_fill_samples"].measured == 1.0
    assert again(toned)["wrong_fill_samples"].measured == 0.0


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_60_ms_at_the_edges_of_a_mute_may_be_smeared_by_a_lossy_format(
    stored: StoredCall, subtype: str
) -> None:
    name, pcm = "energy_in_mutes_dbfs", samples(stored)
    pcm[42_400:43_200, 1] = pcm[24_000:24_800, 1]  # as at its beginning, somebody speaks there
    assert again(stored, flac=written(pcm, "OGG", subtype))[name].passed
    loud = pcm.copy()
    loud[CARD.start : CARD.end, 1] = pcm[: CARD.end - CARD.start, 1]
    assert not again(stored, flac=written(loud, "OGG", subtype))[name].passed


def test_what_never_came_is_silent_under_a_tone(toned: StoredCall) -> None:
    document = json.loads(toned.files[CERTIFICATE])
    gap = [*document["mutes"], {"channel": 0, "start": 8_000, "end": 8_100, "gap": True}]
    pcm = samples(toned)
    pcm[8_000:8_100, 0] = 0
    files = {"certificate_json": json.dumps(document | {"mutes": gap}).encode()}
    assert again(toned, flac=written(pcm), **files)["wrong_fill_samples"].measured == 0.0
    pcm[8_050, 0] = 1
    assert again(toned, flac=written(pcm), **files)["wrong_fill_samples"].measured == 1.0


SPAN = Span("CARD_NUMBER", 1, 400, 600, 0.9, "numbers")


@pytest.mark.parametrize(
    ("mutes", "uncovered"),
    [
        ([], 1),
        ([(1, 400, 600)], 0),
        ([(1, 399, 601)], 0),
        ([(1, 401, 600)], 1),
        ([(1, 400, 599)], 1),
        ([(0, 400, 600)], 1),
        ([(1, 500, 600), (1, 400, 500)], 0),
        ([(1, 400, 500), (1, 501, 600)], 1),
        ([(1, 0, 300), (1, 400, 600), (1, 700, 900)], 0),
        ([(1, 0, 300), (1, 700, 900)], 1),
        ([(1, 700, 900)], 1),
        ([(1, 0, 300)], 1),
    ],
)
def test_a_span_is_covered_where_every_sample_of_it_is_muted(
    mutes: list[tuple[int, int, int]], uncovered: int
) -> None:
    assert uncovered_spans([SPAN], [Mute(*one) for one in mutes], 1_000) == uncovered


def test_what_lies_behind_the_end_needs_no_mute() -> None:
    mute = Mute(1, 400, 500)
    assert uncovered_spans([SPAN], [mute], 500) == 0
    assert uncovered_spans([SPAN], [mute], 501) == 1
    assert uncovered_spans([SPAN], [], 400) == 0


def test_every_span_to_be_muted_and_none_else_is_counted() -> None:
    spans = [SPAN, replace(SPAN, channel=0), replace(SPAN, action=Action.KEEP), SPAN]
    assert uncovered_spans(spans, [], 1_000) == 3
