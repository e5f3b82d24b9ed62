"""What each stage needs, in the order in which a call passes them (``pipeline.records.stages``)."""

from __future__ import annotations

from typing import Final, Protocol

from agents.stages import admit, detect, mute, transcribe, vault, verify
from pipeline.policy.model import Policy
from pipeline.records.model import CallInfo

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
