"""The generator of scripted calls: valid values, exact truth, the same call from the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.calls import corpus, scripting
from benchmarks.calls.people import card_number, luhn_digit, routing_number
from benchmarks.calls.slots import Slots
from benchmarks.speech.channel import Line, band_pass, mu_law_round_trip
from benchmarks.speech.spoken import Token, cardinal, ordinal, speak, split, year
from benchmarks.speech.voices import SAMPLE_RATE, Audio, VoiceError, trimmed, voice

pytestmark = pytest.mark.unit

SAMPLES = corpus.SAMPLES
ENTRIES: list[dict[str, Any]] = [
    json.loads(line)
    for line in (SAMPLES / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
]


class ToneVoice:
    """Speaks a tone of 40 ms a letter: deterministic, and as long as its text."""

    name = "tone"

    def say(self, texts: Sequence[str]) -> list[Audio]:
        return [
            0.3 * np.sin(2 * np.pi * 700 * np.arange(320 * len(text)) / SAMPLE_RATE)
            for text in texts
        ]


def _plan(script: str, seed: int = 3) -> corpus.Plan:
    return corpus.Plan("call", script, seed, "a", "b", Line(-24, 30), Line(-26, 26))


def _make(script: str, seed: int = 3) -> tuple[Any, dict[str, Any]]:
    return corpus.make(_plan(script, seed), voices=lambda _: ToneVoice())


@pytest.mark.parametrize(
    ("body", "check"), [("7992739871", "3"), ("411111111111111", "1"), ("37828224631000", "5")]
)
def test_luhn_digit(body: str, check: str) -> None:
    assert luhn_digit(body) == check


@given(st.integers())
def test_card_and_routing_numbers_pass_their_checks(seed: int) -> None:
    rng = random.Random(seed)
    card, routing = card_number(rng), routing_number(rng)
    assert luhn_digit(card[:-1]) == card[-1]
    assert len(card) in {15, 16}
    weighted = sum(int(d) * w for d, w in zip(routing, (3, 7, 1) * 3, strict=True))
    assert weighted % 10 == 0


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (cardinal(0), "zero"),
        (cardinal(14), "fourteen"),
        (cardinal(80), "eighty"),
        (cardinal(275), "two hundred seventy five"),
        (cardinal(12_003), "twelve thousand three"),
        (ordinal(1), "first"),
        (ordinal(20), "twentieth"),
        (ordinal(30), "thirtieth"),
        (ordinal(28), "twenty eighth"),
        (year(1905), "nineteen oh five"),
        (year(1900), "nineteen hundred"),
        (year(2003), "two thousand three"),
        (year(2030), "twenty thirty"),
    ],
)
def test_numbers_in_words(said: str, expected: str) -> None:
    assert said == expected


def test_repeated_digits_are_doubled_and_tripled() -> None:
    assert speak("44777712", random.Random(1), "doubles") == (
        Token("double four", "44"),
        Token("triple seven", "777"),
        Token("seven", "7"),
        Token("one", "1"),
        Token("two", "2"),
    )


@given(
    st.text("0123456789", min_size=1, max_size=20),
    st.integers(),
    st.sampled_from(["digits", "pairs", "doubles"]),
)
def test_every_style_keeps_every_digit(digits: str, seed: int, style: str) -> None:
    tokens = speak(digits, random.Random(seed), style)
    assert "".join(token.digits for token in tokens) == digits


@given(st.text("0123456789", min_size=1, max_size=20), st.lists(st.integers(1, 6), min_size=1))
def test_groups_keep_every_digit(digits: str, sizes: list[int]) -> None:
    assert "".join(split(digits, sizes)) == digits


@pytest.mark.parametrize("script", scripting.names())
def test_the_same_seed_gives_the_same_call(script: str) -> None:
    first, truth = _make(script)
    second, again = _make(script)
    assert truth == again
    assert np.array_equal(first.pcm, second.pcm)
    assert _make(script, 4)[1] != truth


@pytest.mark.parametrize("script", scripting.names())
def test_truth_is_exact_to_the_sample(script: str) -> None:
    stage, truth = _make(script)
    for entity in truth["entities"]:
        speech = stage.speech[entity["channel"]]
        for word in entity["words"]:
            first, last = int(word["start_ms"] * 8), int(word["end_ms"] * 8)
            assert last - first == 320 * len(word["text"])
            # Silent just outside, a tone inside: no other speech of this side touches the word.
            assert not speech[first - 80 : first].any()
            assert not speech[last : last + 80].any()
            assert np.count_nonzero(speech[first:last]) > 0.9 * (last - first)


@pytest.mark.parametrize("seed", range(12))
def test_dictated_digits_add_up(seed: int) -> None:
    _, truth = _make("order", seed)
    said = [
        entity
        for entity in truth["entities"]
        if entity["type"] == "pan" and entity["channel"] == "customer" and not entity["correction"]
    ]
    assert "".join(entity["value"] for entity in said) == said[0]["full_value"]
    assert luhn_digit(said[0]["full_value"][:-1]) == said[0]["full_value"][-1]


def test_harmless_speech_and_words_do_not_overlap() -> None:
    _, truth = _make("card_replacement")
    for entity in truth["entities"]:
        for start, end in truth["speech"][entity["channel"]]:
            assert end <= entity["start_ms"] or start >= entity["end_ms"]


@pytest.mark.parametrize("script", ["support", "delivery"])
def test_calls_without_personal_data_have_no_entities(script: str) -> None:
    _, truth = _make(script)
    assert truth["pii_free"] is True
    assert truth["entities"] == []


def test_a_turn_that_is_of_no_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="one of agent, customer"):
        scripting.Line.model_validate({"chance": 0.5})


def test_an_unknown_slot_is_refused() -> None:
    script = scripting.Script.model_validate(
        {"scenario": "x", "companies": ["Y"], "turns": [{"agent": "Your {shoe_size}?"}]}
    )
    rng = random.Random(1)
    with pytest.raises(KeyError, match="shoe_size"):
        scripting.perform(script, Slots(rng, script.companies), rng)


def test_an_unknown_voice_is_refused() -> None:
    with pytest.raises(VoiceError, match="no voice engine 'gramophone'"):
        voice("gramophone:his-masters")


def test_trimming_keeps_the_quiet_end_of_a_word() -> None:
    loud = 0.5 * np.ones(800)
    quiet = 0.005 * np.ones(400)  # 40 dB below
    heard = trimmed(np.concatenate([np.zeros(4_000), loud, quiet, np.zeros(4_000)]))
    assert 1_200 <= len(heard) <= 1_200 + 2 * 160


def test_mu_law_keeps_levels_to_g711_accuracy() -> None:
    pcm = np.arange(-32_000, 32_000, 7) / 32_768
    error = np.abs(mu_law_round_trip(pcm) / 32_768 - pcm)
    # Half a step: 1/32 of the magnitude at most, and 4 units near zero.
    assert np.all(error <= np.abs(pcm) / 30 + 5 / 32_768)
    once = mu_law_round_trip(pcm)
    assert np.array_equal(mu_law_round_trip(once / 32_768), once)


def test_the_band_has_no_delay_and_cuts_what_telephones_cut() -> None:
    at = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    inside = np.sin(2 * np.pi * 1_000 * at)
    assert np.max(np.abs(band_pass(inside) - inside)) < 1e-6
    for hertz in (100, 3_700):
        assert np.max(np.abs(band_pass(np.sin(2 * np.pi * hertz * at)))) < 1e-3


def test_eight_calls_ship() -> None:
    assert [entry["file"] for entry in ENTRIES] == [
        f"{plan.name}.flac" for plan in corpus.SAMPLE_PLANS
    ]
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < 5_000_000


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_shipped_audio_holds_what_its_truth_says(entry: dict[str, Any]) -> None:
    audio, rate = soundfile.read(SAMPLES / entry["file"], dtype="float64", always_2d=True)
    assert rate == SAMPLE_RATE
    assert len(audio) == entry["samples"]
    assert 30_000 <= entry["duration_ms"] <= 70_000
    sidecar = json.loads((SAMPLES / entry["file"]).with_suffix(".json").read_text("utf-8"))
    assert [each["role"] for each in sidecar["channels"]] == entry["channels"]
    for entity in entry["entities"]:
        channel = audio[:, entry["channels"].index(entity["channel"])]
        noise = np.sqrt(np.mean(channel[:4_000] ** 2))  # no call begins before 600 ms
        for word in entity["words"]:
            heard = channel[int(word["start_ms"] * 8) : int(word["end_ms"] * 8)]
            assert np.sqrt(np.mean(heard**2)) > 2.5 * noise


def test_shipped_truth_follows_from_the_seeds() -> None:
    """All but the times, which are the voices' own, follows from scripts and seeds alone."""
    for plan, entry in zip(corpus.SAMPLE_PLANS, ENTRIES, strict=True):
        _, made = corpus.make(plan, voices=lambda _: ToneVoice())
        assert [turn["text"] for turn in made["turns"]] == [t["text"] for t in entry["turns"]]
        assert sorted(_facts(e) for e in made["entities"]) == sorted(
            _facts(e) for e in entry["entities"]
        )


def _facts(entity: dict[str, Any]) -> tuple[str, ...]:
    return entity["type"], entity["channel"], entity["text"], entity["full_value"]


def test_a_large_set_is_planned_from_its_seed() -> None:
    plans = [corpus.plan_at(index, 5) for index in range(16)]
    assert plans == [corpus.plan_at(index, 5) for index in range(16)]
    assert {plan.script for plan in plans} == set(scripting.names())
    assert all(plan.agent != plan.customer for plan in plans)


def test_writing_lays_the_sidecar_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = corpus.make(_plan("bill"), voices=lambda _: ToneVoice())
    monkeypatch.setattr(corpus, "make", lambda plan, voices: made)
    corpus.write([_plan("bill")], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "call.flac",
        "call.json",
        "manifest.jsonl",
    }
    audio, rate = soundfile.read(tmp_path / "call.flac", dtype="int16")
    assert rate == SAMPLE_RATE
    assert np.array_equal(audio, made[0].pcm)
