"""What the muting benchmark counts, on a literal call."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality import muting as bench
from benchmarks.quality.muting import Case, measure, page, reached
from pipeline.muting.rendering import apply_mutes
from pipeline.policy.loading import load_policy
from pipeline.records.model import CallEnd, CallInfo, Findings, Role, Span, Watermark

pytestmark = pytest.mark.unit

RATE = 8_000
CALL = CallInfo("call-1", RATE, (Role.AGENT, Role.CUSTOMER))
PCM = np.random.default_rng(1).integers(1_000, 9_000, (20 * RATE, 2)).astype(np.int16)
SPAN = Span("CARD_NUMBER", 1, 5 * RATE, 6 * RATE, 0.9, "test")
CASE = Case(
    CALL,
    PCM,
    (
        Findings(
            "call-1",
            0,
            (SPAN,),
            watermark=Watermark(len(PCM) + 1),
            end=CallEnd("call-1", 20, len(PCM)),
        ),
    ),
    # one that the span covers but for 50 ms, and one that no span touches
    sensitive=((1, 5 * RATE, 6 * RATE + 400), (0, 12 * RATE, 13 * RATE)),
    harmless=((1, 10 * RATE, 12 * RATE), (1, 6 * RATE - 800, 6 * RATE)),
)


def test_a_good_muter_reaches_what_is_asked() -> None:
    result = measure([CASE], load_policy("default"), 1)
    ours, peer = result["hushwire"], result["baseline"]
    assert (ours["sensitive"], ours["silenced"], ours["changed_outside"]) == (8_400, 8_400, 0)
    assert (ours["harmless"], ours["harmless_silenced"]) == (16_800, 800)
    assert (peer["silenced"], peer["harmless_silenced"]) == (8_400, 800)
    assert "| samples changed outside mutes and ramps | 0 | none stated |" in page(result)
    assert "times real time" in page(result)


def test_one_sample_too_many_or_too_few_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(samples: np.ndarray, *rest: object, **more: object) -> np.ndarray:
        out = apply_mutes(samples, *rest, **more)  # type: ignore[arg-type]
        out[0, 0] += 1
        return out

    monkeypatch.setattr("pipeline.muting.muter.apply_mutes", careless)
    result = measure([CASE], load_policy("default"), 1)
    assert result["hushwire"]["changed_outside"] == 20
    assert not reached(result)


def test_what_stays_audible_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "mute", lambda case, policy: (case.pcm, []))
    assert not reached(measure([CASE], load_policy("default"), 1))
