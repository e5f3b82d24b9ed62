"""A scripted call through ``hushwire redact``'s own core, for the tests of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agents.app.checks.certificate_file import check_file
from agents.app.checks.redaction_job import prepare
from agents.app.checks.wanted import Wanted
from agents.app.redact_file import Engines, Redacted, redact
from agents.crypto.ed25519 import SigningKey
from pipeline.policy.loading import load_policy
from pipeline.policy.model import EchoRule, MutingRule, Policy
from pipeline.transcription.segmenter import LoudnessVoice
from tests.broker.fakes import ScriptedDetector, speak, transcribe

RATE = 8_000
REST = [None] * 4
"""Longer than anything beside a mute may belong to it."""
SAID = ["hello", "please", *REST, "one", "two", "three", *REST, "thanks", "good"]
AGENT = [None, "hello", "yes", *REST, *REST, None, None, "good", None]
KEY = SigningKey(Ed25519PrivateKey.generate())
BESIDE = ["call.certificate.json", "call.json", "call.vtt"]


def audio(repeats: int = 1) -> np.ndarray:
    """Two channels of int16; the customer says three digits, samples 14,400 to 20,800."""
    return np.stack([speak(AGENT * repeats), speak(SAID * repeats)], axis=1)


@contextmanager
def scripted() -> Iterator[Engines]:
    """Engines that hear and detect exactly."""
    detector = ScriptedDetector()
    with ThreadPoolExecutor(1) as pool:
        yield Engines(detector.open, detector, LoudnessVoice(), pool, transcribe, transcribe)


def styled(style: str) -> Policy:
    """The default policy in a style; square waves of both channels would count as echo."""
    policy = load_policy("default")
    rule = MutingRule.model_validate({**policy.muting.model_dump(), "style": style})
    return policy.model_copy(update={"muting": rule, "echo": EchoRule(mode="never")})


def run(wanted: Wanted, engines: Engines, style: str = "silence") -> Redacted:
    """Redact."""
    return redact(prepare(wanted, styled(style)), engines, key=KEY)


def problems(out: Path) -> list[str]:
    """What the check of OUT's certificate finds."""
    file = out.with_name(f"{out.stem}.certificate.json")
    return [one.text for one in check_file(file, {KEY.public.key_id: KEY.public})]


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())
