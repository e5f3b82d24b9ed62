"""Detection, set up once for a process: models, recognisers, policy; a detector for each call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.detection.call_detector import CallDetector, unheard
from models.detection.residual_check import residual_findings
from models.detection.turn_reader import Analyses, Reads
from models.disclosure.masking import Anonymiser
from models.disclosure.transcript_values import Disclosures
from models.reader.encoder import MODEL, load_encoder
from models.registry.analyzer import Analyzer
from models.store.model_catalogue import PREFIX, entry
from models.store.software import digest_of, software
from pipeline.detection.decision.conversation import Conversation
from pipeline.detection.decision.opinions import Opinions
from pipeline.detection.language.vocabulary import DEFAULT, known
from pipeline.policy.model import Policy
from pipeline.records.model import CallInfo, Detection, Reason, Role, Span, WindowTranscript


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """What a detector is set up with."""

    registry: Path | None = None
    """Registry file of own recognisers, beside the shipped ones."""
    reader: Path | None = None
    """Folder of a reader in the place of the shipped one."""
    reader_digest: str = ""
    """What the folder's files have to be."""


class Detector:
    """Loads models, word lists and recognisers once per process.

    Not for several threads at a time: one worker thread calls it.

    Args:
        policy: thresholds, actions and holds.
        settings: recognisers and reader of the installation's own.
        analyses: takes the place of Presidio in tests.
        reads: takes the place of the encoder in tests.
        token_key: the installation's secret for keyed hashes in transcripts; needed where the
            policy asks for them.

    Raises:
        ModelError: the reader's weights are missing or altered, or not what their digest says.
        PolicyError: the registry of recognisers is refused.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        settings: DetectorSettings | None = None,
        analyses: Analyses | None = None,
        reads: Reads | None = None,
        token_key: bytes | None = None,
    ) -> None:
        self._policy = policy
        self._anonymiser = Anonymiser(token_key)
        self._settings = settings or DetectorSettings()
        self._analyses = analyses or Analyzer(self._settings.registry, policy)
        own = self._settings.reader
        self._reads = reads or load_encoder(own, self._settings.reader_digest)
        self._models = (
            f"{MODEL}@{self._settings.reader_digest[:PREFIX]}" if own else entry(MODEL).reference,
        )
        self._added = self._analyses.added if isinstance(self._analyses, Analyzer) else ""
        if own:
            self._added = digest_of(self._added, self._settings.reader_digest)

    def open(self, call: CallInfo, policy: Policy | None = None) -> CallDetector:
        """Begin a call; one in a language without data will be silenced whole.

        Args:
            call: the call.
            policy: the call's own, where that is another than the detector's.
        """
        policy = policy or self._policy
        rate, channels = call.sample_rate, call.channels
        customers = frozenset(
            channel for channel, role in enumerate(call.roles) if role is Role.CUSTOMER
        )
        opinions = Opinions(channels)
        return CallDetector(
            call.call_id,
            sample_rate=rate,
            channels=channels,
            policy=policy,
            analyses=self._analyses,
            reads=self._reads,
            roles=call.roles,
            conversation=Conversation(
                rate, channels, policy, known(call.language), customers, opinions
            ),
            opinions=opinions,
            disclosures=Disclosures(policy, self._anonymiser, rate),
            models=self._models,
            language=call.language,
            detection=Detection(policy.digest, "", self._added, software()),
        )

    def inspect(
        self,
        transcript: WindowTranscript,
        *,
        sample_rate: int,
        expected: frozenset[str],
        language: str = DEFAULT,
        policy: Policy | None = None,
    ) -> tuple[Span, ...]:
        """What is still sensitive in words heard in redacted audio.

        Args:
            transcript: one window, near muted spans.
            sample_rate: Hz of the window's samples.
            expected: entity types that were muted near it.
            language: of the call.
            policy: the call's own, where that is another than the detector's.

        Returns:
            Spans to be silenced; a window whose analysis fails counts whole.
        """
        try:
            return residual_findings(
                self._reads,
                policy or self._policy,
                transcript,
                sample_rate,
                expected,
                language=language,
            )
        except Exception:  # noqa: BLE001 - whatever fails on content must silence, not pass
            if not transcript.words:
                return ()
            return (
                unheard(transcript.channel, transcript.start, transcript.end, Reason.VERIFICATION),
            )
