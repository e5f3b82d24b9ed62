"""The HTML report: self-contained, escaped, and fed from the vault's own files."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

from agents.reports.call_files import consent_told, read_calls
from agents.reports.call_report import (
    ReportCall,
    ReportCheck,
    ReportLeak,
    ReportMute,
    ReportTurn,
    write_report,
)
from agents.reports.entity_groups import KINDS, kind_of, label_of
from agents.reports.waveform_svg import envelope
from pipeline.errors import RecordError, StoreError
from pipeline.evidence.stored_call import CallAssembly
from pipeline.policy.loading import load_policy
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
from pipeline.records.entities import Entity
from pipeline.records.model import (
    CallEnd,
    CallInfo,
    Check,
    Findings,
    Mute,
    RedactedChunk,
    Role,
    Span,
    Verdict,
    Watermark,
    Word,
)

pytestmark = pytest.mark.unit

RATE = 8_000


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    path = tmp_path / "vault" / "a.flac"
    path.parent.mkdir()
    tone = 0.4 * np.sin(np.arange(4 * RATE) * 0.3)
    soundfile.write(path, np.stack([tone, np.zeros_like(tone)], axis=1), RATE)
    return path


@pytest.fixture
def call(audio: Path) -> ReportCall:
    return ReportCall(
        call_id="a",
        roles=("agent", "customer"),
        duration_ms=4_000,
        turns=(
            ReportTurn(0, "agent", 0, 900, "Your <b>card</b>?"),
            ReportTurn(1, "customer", 1_000, 2_000, "It's [CARD_NUMBER] & done"),
        ),
        mutes=(
            ReportMute(1, 1_200, 1_900, "CARD_NUMBER", 0.97, "spoken-numbers", also=("US_SSN",)),
        ),
        verified=True,
        checks=(ReportCheck("energy_in_mutes", passed=True, measured=-96.0, limit=-60.0),),
        audio=audio,
        facts=(("Policy", "default 1"),),
        leak=ReportLeak(0, 16, 1.0, 0.031),
    )


class _Seen(HTMLParser):
    """Collects attributes and checks that elements close in order."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})
    SVG = frozenset({"rect", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID | self.SVG:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.SVG:
            assert self.open.pop() == tag


def _page(tmp_path: Path, *calls: ReportCall, embed: bool = True) -> str:
    path = write_report(tmp_path / "out" / "report.html", calls, title="T", embed_audio=embed)
    return path.read_text(encoding="utf-8")


def test_well_formed_and_self_contained(tmp_path: Path, call: ReportCall) -> None:
    page = _page(tmp_path, call)
    seen = _Seen()
    seen.feed(page)
    assert seen.open == []
    for tag, name, value in seen.attributes:
        if name in {"src", "href", "action", "srcset"}:
            assert value.startswith(("data:", "#")), (tag, name, value[:40])
    assert not re.search(r"https?://|@import|url\(", page)


def test_text_is_escaped(tmp_path: Path, call: ReportCall) -> None:
    page = _page(tmp_path, replace(call, call_id='<img src=x onerror="x">'))
    assert "&lt;b&gt;card&lt;/b&gt;" in page
    assert "<b>card</b>" not in page
    assert "<img" not in page


def test_placeholders_become_labels(tmp_path: Path, call: ReportCall) -> None:
    page = _page(tmp_path, call)
    assert '<span class="chip pay">Card number</span>' in page
    assert "[CARD_NUMBER]" not in page


def test_what_a_policy_lets_be_shown_stands_in_the_label(tmp_path: Path, call: ReportCall) -> None:
    turn = ReportTurn(
        1, "customer", 1_000, 2_000, "It's [CARD_NUMBER 411111******1111], [PERSON #9f3a<b>]"
    )
    page = _page(tmp_path, replace(call, turns=(turn,)))
    assert '<span class="chip pay">Card number <code>411111******1111</code></span>' in page
    assert '<span class="chip person">Person <code>#9f3a&lt;b&gt;</code></span>' in page


def test_muted_interval_names_type_times_score_and_recogniser(
    tmp_path: Path, call: ReportCall
) -> None:
    page = _page(tmp_path, call)
    assert 'style="left:30.000%;width:17.500%"' in page
    assert (
        "Card number&#10;1.2 \u2013 1.9 s · score 0.97&#10;spoken-numbers&#10;also US SSN" in page
    )


def test_the_original_is_drawn_only_when_it_is_handed_over(
    tmp_path: Path, call: ReportCall, audio: Path
) -> None:
    assert 'class="wave before"' not in _page(tmp_path, call)
    assert _page(tmp_path, replace(call, original=audio)).count('class="wave before"') == 2


def test_audio_can_be_linked(tmp_path: Path, call: ReportCall) -> None:
    assert 'src="../vault/a.flac"' in _page(tmp_path, call, embed=False)


def test_a_quarantined_call_has_no_player(tmp_path: Path, call: ReportCall) -> None:
    page = _page(tmp_path, replace(call, verified=False, audio=None, turns=(), leak=None))
    assert "<audio" not in page
    assert "quarantined" in page
    assert "No recording was released" in page


@pytest.mark.parametrize(
    ("leak", "says"),
    [
        (ReportLeak(0, 16, 1.0, 0.0), "all 16 digits silent"),
        (ReportLeak(3, 16, 0.8, 0.0), "3 of 16 digits audible"),
        (ReportLeak(0, 0, 1.0, 0.0), "no card or SSN digits spoken"),
    ],
)
def test_leak_check(tmp_path: Path, call: ReportCall, leak: ReportLeak, says: str) -> None:
    assert says in _page(tmp_path, replace(call, leak=leak))


def test_a_missing_recording_is_a_store_error(tmp_path: Path, call: ReportCall) -> None:
    with pytest.raises(StoreError):
        _page(tmp_path, replace(call, audio=tmp_path / "gone.flac"))


def test_what_was_said_is_in_no_repr(call: ReportCall) -> None:
    assert "done" not in repr(call)


@pytest.mark.parametrize("entity", list(Entity))
def test_every_entity_has_a_kind_and_a_label(entity: Entity) -> None:
    assert kind_of(entity) in KINDS[:-1]
    assert label_of(entity)[0].isupper()


def test_labels() -> None:
    assert label_of("CARD_NUMBER") == "Card number"
    assert label_of("US_SSN") == "US SSN"
    assert label_of("MEMBER_ID") == "Member ID"


@pytest.mark.parametrize("samples", [0, 1, 7, 5_000])
def test_envelope_of_any_length(tmp_path: Path, samples: int) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, np.full((samples, 1), 0.5), RATE)
    (drawn,) = envelope(path, 1, 100)
    assert len(drawn.low) == len(drawn.high) == 100
    assert np.allclose(drawn.high, 1.0 if samples else 0.0, atol=1e-3)


def test_the_vaults_files_make_a_report(tmp_path: Path) -> None:
    """What the vault stage itself stores, read back."""
    vault = tmp_path / "vault"
    vault.mkdir()
    _store(vault, "good", passed=True)
    _store(vault, "bad", passed=False)
    bad, good = read_calls(vault, leaks={"good": ReportLeak(0, 2, 1.0, 0.0)})
    assert (bad.call_id, bad.verified, bad.audio, bad.turns) == ("bad", False, None, ())
    assert good.verified
    assert good.audio == vault / "good.flac"
    assert good.duration_ms == 2_000
    assert good.roles == ("agent", "customer")
    assert good.leak == ReportLeak(0, 2, 1.0, 0.0)
    (mute,) = good.mutes
    assert (mute.channel, mute.start_ms, mute.end_ms) == (1, 1_000, 1_500)
    assert (mute.entity, mute.score, mute.recognizer) == ("CARD_NUMBER", 0.9, "numbers")
    assert mute.also == ("US_SSN",)
    assert [(turn.channel, turn.text) for turn in good.turns] == [
        (0, "number please"),
        (1, "sure [CARD_NUMBER] [US_SSN]"),
    ]
    assert write_report(tmp_path / "report.html", [bad, good]).stat().st_size > 10_000


def test_a_broken_transcript_is_refused_without_its_text(tmp_path: Path) -> None:
    _store(tmp_path, "good", passed=True)
    (tmp_path / "good.json").write_text('{"Transcript": [{"Content": "secret"}]}', "utf-8")
    with pytest.raises(RecordError) as refused:
        read_calls(tmp_path)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def _store(vault: Path, call_id: str, *, passed: bool) -> None:
    call = CallInfo(call_id, RATE, (Role.AGENT, Role.CUSTOMER))
    spans = (
        Span("CARD_NUMBER", 1, 8_400, 10_000, 0.9, "numbers"),
        Span("US_SSN", 1, 10_200, 11_600, 0.6, "numbers"),
    )
    mute = Mute(1, 8_000, 12_000, spans)
    pcm = (np.random.default_rng(2).standard_normal((2 * RATE, 2)) * 1_000).astype(np.int16)
    pcm[mute.start : mute.end, 1] = 0
    end = CallEnd(call_id, 1, len(pcm))
    words = (
        Word(0, 800, 3_000, "number"),
        Word(0, 3_100, 5_000, "please"),
        Word(1, 6_000, 7_900, "sure"),
    )
    assembly = CallAssembly(load_policy("default"))
    assembly.take_chunk(RedactedChunk(call, 0, 0, pcm, (mute,)))
    assembly.take_findings(
        Findings(call_id, 0, spans, words, Watermark(len(pcm)), ("model@00",), end)
    )
    check = Check("second_look", passed=passed, measured=0.0, limit=0.0)
    stored = assembly.take_verdict(Verdict(call, passed, (check,), end=end))
    assert stored is not None
    assert stored.passed is passed
    for name, data in stored.files.items():
        (vault / name).write_bytes(data)


def test_the_decision_on_consent_is_told_with_its_evidence() -> None:
    told = consent_told(
        Decision(
            Outcome.KEPT,
            Why.SATISFIED,
            (RuleStated("us-ca", 1, "US-CA"),),
            evidence=(
                Evidence(Kind.NOTICE_SPOKEN, at_ms=900),
                Evidence(Kind.KEY, Party.CUSTOMER, Answer.YES, 2_500),
            ),
        )
    )
    assert told == (
        "kept: satisfied; by us-ca version 1 (US-CA); notice_spoken at 0.9 s, key yes at 2.5 s"
    )


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "ULAW"])
def test_a_wav_is_embedded_as_small_as_its_samples_allow(
    call: ReportCall, tmp_path: Path, subtype: str
) -> None:
    path = tmp_path / "a.wav"
    pcm = np.zeros((600 * RATE, 1))
    pcm[:RATE, 0] = 0.4 * np.sin(np.arange(RATE) * 0.3)
    soundfile.write(path, pcm, RATE, subtype=subtype)
    page = write_report(tmp_path / "report.html", [replace(call, audio=path)])
    assert path.stat().st_size > 4_000_000
    assert page.stat().st_size < 300_000
    found = re.search(r'src="data:audio/flac;base64,([^"]+)"', page.read_text())
    assert found
    flac, _ = soundfile.read(io.BytesIO(base64.b64decode(found[1])), dtype="int32")
    was, _ = soundfile.read(path, dtype="int32")
    np.testing.assert_array_equal(flac, was)


def test_a_long_recording_is_drawn_a_column_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    pcm = np.random.default_rng(1).normal(0, 0.05, (100_003, 2))
    pcm[50_000] = (0.9, -0.7)
    soundfile.write(path, pcm, RATE)
    heard, _ = soundfile.read(path, always_2d=True)
    drawn = envelope(path, 2, 900)
    edges = np.ceil(np.linspace(0, len(heard), 901)).astype(int)
    for channel, one in enumerate(drawn):
        scale = np.abs(heard[:, channel]).max()
        for column in range(900):
            part = heard[edges[column] : edges[column + 1], channel] / scale
            assert one.low[column] == pytest.approx(min(0, part.min()))
            assert one.high[column] == pytest.approx(max(0, part.max()))
