"""A stage that is broken on purpose never leads to a stored call, in any style."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from agents.app import redact_file
from agents.app.checks.wanted import Wanted
from agents.app.redact_file import Engines
from pipeline.errors import StoreError
from pipeline.muting import muter
from pipeline.muting.rendering import apply_mutes
from pipeline.policy.model import MutingRule, Policy
from pipeline.records.model import CallEnd, CallInfo, Findings, Mute, Span, Window, WindowTranscript
from tests.agents.app.redacting import RATE, audio, names, run, scripted
from tests.broker.fakes import ScriptedCall, ScriptedDetector, transcribe

pytestmark = pytest.mark.unit

WORDS = "one two three"
"""What no error may show."""


def hears_nothing(window: Window) -> WindowTranscript:
    return replace(transcribe(window), words=())


def raises(window: Window) -> WindowTranscript:
    raise RuntimeError(WORDS)


class Broken(ScriptedDetector):
    """A detector that fails where ``where`` says."""

    def __init__(self, where: str) -> None:
        self.where = where

    def open(self, call: CallInfo, policy: Policy | None = None) -> ScriptedCall:
        return BrokenCall(call.call_id, call.channels, self.where)

    def inspect(
        self,
        transcript: WindowTranscript,
        *,
        sample_rate: int,
        expected: frozenset[str],
        language: str = "en",
        policy: Policy | None = None,
    ) -> tuple[Span, ...]:
        raise RuntimeError(WORDS)


class BrokenCall(ScriptedCall):
    def __init__(self, call_id: str, channels: int, where: str) -> None:
        super().__init__(call_id, channels)
        self.where = where

    def take(self, transcript: WindowTranscript) -> list[Findings]:
        if self.where == "everything" or (self.where == "content" and transcript.words):
            raise RuntimeError(WORDS)
        return super().take(transcript)

    def finish(self, end: CallEnd) -> list[Findings]:
        return [] if self.where == "end" else super().finish(end)


def skipped(samples: np.ndarray, *_: object, **__: object) -> np.ndarray:
    return samples.copy()


def on_the_wrong_channel(
    samples: np.ndarray, mutes: Sequence[Mute], rate: int, rule: MutingRule, *,
    start: int = 0, key: str = "",
) -> np.ndarray:  # fmt: skip
    swapped = [replace(mute, channel=1 - mute.channel) for mute in mutes]
    return apply_mutes(samples, swapped, rate, rule, start=start, key=key)


def take_swapped(self: muter._Call, findings: Findings) -> None:
    spans = tuple(replace(span, channel=1 - span.channel) for span in findings.spans)
    _TAKE(self, replace(findings, spans=spans))


_TAKE = muter._Call.take

ENGINES: dict[str, Callable[[Engines], Engines]] = {
    "the recogniser hears nothing": lambda e: replace(
        e, transcribe=hears_nothing, check=hears_nothing
    ),
    "the detector raises on content": lambda e: replace(e, open_detector=Broken("content").open),
    "verification can not inspect": lambda e: replace(e, inspector=Broken("")),
}
PATCHES: dict[str, tuple[object, str, object]] = {
    "muting is skipped in the line": (muter, "apply_mutes", skipped),
    "muting is skipped in the file": (redact_file, "apply_mutes", skipped),
    "the line mutes the wrong channel": (muter, "apply_mutes", on_the_wrong_channel),
    "the file is muted on the wrong channel": (redact_file, "apply_mutes", on_the_wrong_channel),
    "spans are taken for the wrong channel": (muter._Call, "take", take_swapped),
}
ERRORS: dict[str, Callable[[Engines], Engines]] = {
    "the recogniser raises": lambda e: replace(e, transcribe=raises),
    "the detector raises on everything": lambda e: replace(
        e, open_detector=Broken("everything").open
    ),
    "the detector never ends": lambda e: replace(e, open_detector=Broken("end").open),
    "verification raises": lambda e: replace(e, check=raises),
}


@pytest.fixture
def engines() -> Iterator[Engines]:
    with scripted() as ready:
        yield ready


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    """A call to redact over the files of an earlier run."""
    source, out = tmp_path / "in.wav", tmp_path / "out" / "call.wav"
    out.parent.mkdir()
    soundfile.write(source, audio(repeats=5), RATE, subtype="PCM_16")
    return Wanted(source, out, force=True)


@pytest.mark.parametrize("style", ["silence", "tone", "noise"])
@pytest.mark.parametrize("name", [*ENGINES, *PATCHES])
def test_the_call_is_quarantined(
    name: str, style: str, wanted: Wanted, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name in PATCHES:
        place, attribute, instead = PATCHES[name]
        monkeypatch.setattr(place, attribute, instead)
        # Otherwise the second look may find what was missed, and put it right.
        engines = replace(engines, check=hears_nothing)
    else:
        engines = ENGINES[name](engines)
    folder = wanted.target.parent
    for old in ("call.wav", "call.json", "call.vtt"):
        (folder / old).write_text("of an earlier run")
    assert not run(wanted, engines, style).passed
    assert names(folder) == ["call.certificate.json"]
    stated = json.loads((folder / "call.certificate.json").read_bytes())
    assert stated["passed"] is False
    assert stated["files"] == {}
    assert not all(check["passed"] for check in stated["checks"])


@pytest.mark.parametrize("name", ERRORS)
def test_the_call_ends_in_an_error(name: str, wanted: Wanted, engines: Engines) -> None:
    with pytest.raises((RuntimeError, StoreError)):
        run(wanted, ERRORS[name](engines))
    assert names(wanted.target.parent) == []


@pytest.mark.parametrize("style", ["silence", "tone", "noise"])
def test_unbroken_the_same_call_is_stored(style: str, wanted: Wanted, engines: Engines) -> None:
    assert run(wanted, engines, style).passed
