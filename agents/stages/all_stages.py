"""The stages in the order in which a call passes them, and what each of them needs."""

from __future__ import annotations

from typing import Final, Protocol

from agents.stages import admit, detect, mute, transcribe, vault, verify
from agents.system.tracing import trace_context
from pipeline.policy.model import Policy
from pipeline.records.model import CallInfo

STAGES: Final = trace_context.STAGES
LISTENING: Final = frozenset({transcribe.NAME, verify.NAME})
"""Stages that need speech engines."""
LANGUAGE: Final = frozenset({detect.NAME, verify.NAME})
"""Stages with the detector."""
INPUTS: Final = {
    admit.NAME: admit.inputs,
    transcribe.NAME: transcribe.inputs,
    detect.NAME: detect.inputs,
    mute.NAME: mute.inputs,
    verify.NAME: verify.inputs,
    vault.NAME: vault.inputs,
}
"""Which topics each stage reads."""


class LanguageDetector(verify.Inspector, Protocol):
    """What detection and verification share, such as ``models.detection.detector.Detector``."""

    def open(self, call: CallInfo, policy: Policy) -> detect.DetectorCall:
        """Begin a call under its own policy."""
        ...
