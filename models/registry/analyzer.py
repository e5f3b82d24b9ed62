"""Presidio as the frame: registry and analyzer, set up so that nothing leaks.

Presidio as it comes prints words into its DEBUG log and, on an error, a text into its ERROR log;
fetches a suffix list at the first e-mail address; and would load a language model, which no
recogniser here needs. Each is closed here, with a test of its own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import tldextract
import wordfreq
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerResult
from presidio_analyzer.app_tracer import AppTracer
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from presidio_analyzer.recognizer_registry import RecognizerRegistry

from models.registry.registry import Registered, load_registry
from models.text.turn import SpokenArtifacts, Turn, turn_of
from pipeline.detection.language.vocabulary import languages
from pipeline.errors import ModelError
from pipeline.policy.model import Policy
from pipeline.records.scores import FoundBy

_LANGUAGE: Final = "en"


def _figures(least: int) -> Callable[[Turn], bool]:
    """Whether a turn has the figures of the shortest value."""
    return lambda turn: turn.figures >= least


_IBAN: Final = re.compile(r"[a-z]{2}\d\d", re.IGNORECASE)
_IP: Final = re.compile(r"\d\.\d|:.*:", re.DOTALL)
_GATES: Final[dict[str, Callable[[Turn], bool]]] = {
    "CreditCardRecognizer": _figures(13),
    "EmailRecognizer": lambda turn: "@" in turn.text,
    "EsNieRecognizer": _figures(7),
    "EsNifRecognizer": _figures(7),
    "FrenchNirRecognizer": _figures(12),
    "IbanRecognizer": lambda turn: _IBAN.search(turn.text) is not None,
    "IpRecognizer": lambda turn: _IP.search(turn.text) is not None,
    "ItFiscalCodeRecognizer": lambda turn: max(map(len, turn.all_keys), default=0) > 15,  # noqa: PLR2004
    "UkNinoRecognizer": _figures(6),
    "UsSsnRecognizer": _figures(9),
}
"""What a text has wherever a shipped recogniser of Presidio's finds something."""


class _Nothing(logging.Filter):
    """Lets no record pass: Presidio's messages may quote the text."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002
        """Drop everything."""
        return False


def close_leaks() -> None:
    """Silence loggers that quote text, and keep tldextract off the network and the disk.

    And wordfreq remembers one spoken word instead of a hundred thousand.
    """
    for name in ("presidio-analyzer", "decision_process", "spacy", "tldextract"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
        if not any(isinstance(entry, _Nothing) for entry in logger.filters):
            logger.addFilter(_Nothing())
    wordfreq.CACHE_SIZE = 1
    offline = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    setattr(tldextract, "extract", offline)  # noqa: B010 - a module's function is replaced
    tldextract.tldextract.TLD_EXTRACTOR = offline


class _SilentTracer(AppTracer):
    def trace(self, request_id: str, trace_data: str) -> None:
        """Presidio's tracer would log every token."""


class PlainNlpEngine(NlpEngine):
    """Parts a text into words and knows no more of it: what words mean the reader says."""

    def load(self) -> None:
        """Nothing to load."""

    def is_loaded(self) -> bool:
        """Always."""
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """The artifacts of a text."""
        return self.artifacts(turn_of(text, language=language))

    def process_batch(
        self,
        texts: Iterable[str],
        language: str,
        batch_size: int = 1,  # noqa: ARG002 - Presidio's signature
        n_process: int = 1,  # noqa: ARG002
        **rest: Any,  # noqa: ANN401, ARG002
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """The artifacts of each text."""
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word: str, language: str) -> bool:  # noqa: ARG002
        """None is known as one."""
        return False

    def is_punct(self, word: str, language: str) -> bool:  # noqa: ARG002
        """Tokens are words."""
        return False

    def get_supported_entities(self) -> list[str]:
        """Finds none itself."""
        return []

    def get_supported_languages(self) -> list[str]:
        """Those with number words."""
        return list(languages())

    def artifacts(self, turn: Turn) -> SpokenArtifacts:
        """Presidio's artifacts for a turn; a word in lower case is its own lemma."""
        return SpokenArtifacts(
            turn,
            entities=[],
            tokens=[turn.text[token.start : token.end] for token in turn.tokens],
            tokens_indices=[token.start for token in turn.tokens],
            lemmas=list(turn.all_keys),
            nlp_engine=self,
            language=turn.language,
        )


class _Frame(AnalyzerEngine):
    """Presidio's, kept from looking for context that is to change nothing."""

    def _enhance_using_context(
        self,
        text: str,
        raw_results: list[RecognizerResult],
        *rest: Any,  # noqa: ANN401 - as it comes
    ) -> list[RecognizerResult]:
        done = RecognizerResult.IS_SCORE_ENHANCED_BY_CONTEXT_KEY
        if all((result.recognition_metadata or {}).get(done) for result in raw_results):
            return raw_results
        return list(super()._enhance_using_context(text, raw_results, *rest))


class _Chosen(RecognizerRegistry):
    """Leaves it to the request which recognisers run: Presidio would pick them by type only."""

    def get_recognizers(
        self,
        language: str,  # noqa: ARG002
        entities: list[str] | None = None,  # noqa: ARG002
        all_fields: bool = False,  # noqa: ARG002, FBT001, FBT002 - Presidio's signature
        ad_hoc_recognizers: list[EntityRecognizer] | None = None,
    ) -> list[EntityRecognizer]:
        """Those of the request."""
        return ad_hoc_recognizers or []


class Analyzer:
    """Presidio's analyzer over turns, with every known leak closed.

    Args:
        registry: own recognisers, beside the shipped ones.
        policy: what its types and its thresholds name is checked against them.

    Raises:
        PolicyError: the registry is refused.
    """

    def __init__(self, registry: Path | None = None, policy: Policy | None = None) -> None:
        close_leaks()
        found = load_registry(registry, policy)
        self._engine = PlainNlpEngine()
        self._recognizers = {
            code: [
                (one.recognizer, gate_of(one)) for one in found.registered if one.language == code
            ]
            for code in languages()
        }
        self._entities = found.entities
        self.added = found.added
        """Digest of the recognisers that the installation added."""
        self._frame = _Frame(
            # Without any, Presidio would load its own ones.
            registry=_Chosen(
                [one.recognizer for one in found.registered], supported_languages=[_LANGUAGE]
            ),
            nlp_engine=self._engine,
            app_tracer=_SilentTracer(),
            log_decision_process=False,
            supported_languages=[_LANGUAGE],
            context_aware_enhancer=LemmaContextAwareEnhancer(),
        )

    def analyze(self, turn: Turn) -> list[RecognizerResult]:
        """Every result for a turn, in a fixed order; policy thresholds are the caller's.

        Raises:
            ModelError: a recogniser's result lies outside the text.
        """
        chosen = [one for one, may_find in self._recognizers[turn.language] if may_find(turn)]
        if not chosen:
            return []
        results = self._frame.analyze(
            text=turn.text,
            language=_LANGUAGE,
            entities=self._entities,
            nlp_artifacts=self._engine.artifacts(turn),
            return_decision_process=True,
            ad_hoc_recognizers=chosen,
        )
        if any(not 0 <= one.start < one.end <= len(turn.text) for one in results):
            # A recogniser of somebody's own: what it meant to silence is not known.
            raise ModelError("a recogniser's result lies outside the text")
        return sorted(results, key=_order)


def gate_of(one: Registered) -> Callable[[Turn], bool]:
    """What tells cheaply whether a recogniser may find something in a turn; own ones always may."""
    if one.shipped and one.name in _GATES:
        return _GATES[one.name]
    return lambda _: True


def found_by(result: RecognizerResult) -> FoundBy:
    """Recogniser and pattern behind a result; never the text."""
    metadata: dict[str, Any] = result.recognition_metadata or {}
    name = str(metadata.get(RecognizerResult.RECOGNIZER_NAME_KEY, "unknown"))
    pattern = getattr(result.analysis_explanation, "pattern_name", None)
    return FoundBy(name, str(pattern or ""))


def _order(result: RecognizerResult) -> tuple[int, int, str, float, str]:
    return (result.start, result.end, result.entity_type, -result.score, str(found_by(result)))
