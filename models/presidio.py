"""Presidio as the frame: registry, NLP engine and analyzer, set up so that nothing leaks.

Presidio as it comes prints words into its DEBUG log and, on an error, a text into its ERROR log;
fetches a suffix list at the first e-mail address; downloads a spaCy model that is missing; and
spaCy keeps every string it has seen. Each is closed here, with a test of its own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Final

import spacy
import tldextract
import wordfreq
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerResult
from presidio_analyzer.app_tracer import AppTracer
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
from presidio_analyzer.recognizer_registry import RecognizerRegistry
from spacy.strings import StringStore
from spacy.tokens import Doc

from models.lexicon import warm_up
from models.likelihood import DOUBTED, HEALTH, Most, likeliest, likely
from models.loader import find
from models.recognizers.around import UNREAD
from models.recognizers.base import SpokenRecognizer
from models.recognizers.ner import NamedPersonRecognizer
from models.registry import Registered, load_registry
from models.spoken import SpokenArtifacts, Turn
from pipeline.errors import ModelError
from pipeline.policy import Policy
from pipeline.vocabulary import languages

MODEL: Final = "spacy-en-core-web-sm"
"""spaCy's small English model, by its id in the catalogue."""
_LANGUAGE: Final = "en"
_OFF: Final = ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer")
"""Parts of the pipeline that no recogniser needs: the entity recogniser has vectors of its own."""
_SCORE: Final = 0.85
"""What Presidio takes where a model states no score."""


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
    """Lets no record pass: Presidio's and spaCy's messages may quote the text."""

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


class SpokenNlpEngine(SpacyNlpEngine):
    """spaCy's small model, tok2vec and entity recogniser only; its files are checked."""

    def __init__(self, model: str = MODEL) -> None:
        """Name the model; ``load`` reads it."""
        super().__init__(
            models=[{"lang_code": _LANGUAGE, "model_name": model}],
            ner_model_configuration=NerModelConfiguration(
                model_to_presidio_entity_mapping={"PERSON": "PERSON"},
                labels_to_ignore=[
                    "CARDINAL",
                    "DATE",
                    "EVENT",
                    "FAC",
                    "GPE",
                    "LANGUAGE",
                    "LAW",
                    "LOC",
                    "MONEY",
                    "NORP",
                    "ORDINAL",
                    "ORG",
                    "PERCENT",
                    "PRODUCT",
                    "QUANTITY",
                    "TIME",
                    "WORK_OF_ART",
                ],
            ),
        )
        self._model = model

    def load(self) -> None:
        """Load the model; never download one.

        Raises:
            ModelError: the model is not installed, altered, or does not load.
        """
        path = find(self._model, allow_hub=False)
        try:
            self._loaded = spacy.load(path, exclude=list(_OFF))
            self.nlp: Any = {_LANGUAGE: self._loaded}
        except (OSError, ValueError) as error:
            raise ModelError(f"spaCy model {self._model} does not load; reinstall it") from error

    @property
    def strings(self) -> StringStore:
        """Every string that spaCy keeps."""
        return self._loaded.vocab.strings

    def memory(self) -> AbstractContextManager[Any]:
        """Forget the strings of everything that is processed inside; not to be nested."""
        return self._loaded.memory_zone()

    def artifacts(
        self, turn: Turn, *, names: bool, zone: ExitStack | None = None
    ) -> SpokenArtifacts:
        """Presidio's artifacts for a turn.

        Args:
            turn: the turn.
            names: lets the entity recogniser be asked, too.
            zone: enters :meth:`memory` before spaCy is asked for the first time.
        """
        return _Lazy(turn, self, names=names, zone=zone)

    def document(self, text: str, *, names: bool) -> Doc:
        """SpaCy's own view of a text."""
        return self._loaded(text) if names else self._loaded.make_doc(text)


class _Lazy(SpokenArtifacts):
    """Artifacts that run spaCy when a recogniser asks for what only spaCy knows: most never do."""

    def __init__(
        self, turn: Turn, engine: SpokenNlpEngine, *, names: bool, zone: ExitStack | None
    ) -> None:
        # Presidio's own constructor would have everything worked out now.
        self.turn = turn
        self.nlp_engine = engine
        self._engine = engine
        self._names = names
        self._zone = zone

    def _document(self, *, names: bool) -> Doc:
        if self._zone is not None:
            self._zone.enter_context(self._engine.memory())
            self._zone = None
        return self._engine.document(self.turn.text, names=names)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever Presidio keeps there
        """Reached only for what is not there yet."""
        if name not in _LATER:
            raise AttributeError(name)
        value = _LATER[name](self)
        setattr(self, name, value)
        return value

    def people(self) -> list[Any]:
        """What the entity recogniser found."""
        self.tokens = self._document(names=self._names)
        return [one for one in self.tokens.ents if one.label_ == "PERSON"]

    def parted(self) -> Doc:
        """The text as spaCy parts it; what is named in it costs much more."""
        return self._document(names=False)


_LATER: Final[dict[str, Callable[[_Lazy], Any]]] = {
    "entities": _Lazy.people,
    "tokens": _Lazy.parted,
    "tokens_indices": lambda one: [token.idx for token in one.tokens],
    # Without a lemmatiser the lower-case word is the lemma that contexts are compared to.
    "lemmas": lambda one: [token.lower_ for token in one.tokens],
    "keywords": lambda one: one.set_keywords(one.nlp_engine, one.lemmas, _LANGUAGE),
    "scores": lambda one: [_SCORE] * len(one.entities),
}
"""What spaCy has to be asked for, each by itself."""


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

    Raises:
        ModelError: the language model or a word list is missing.
        PolicyError: the registry is refused.
    """

    def __init__(self, registry: Path | None = None, policy: Policy | None = None) -> None:
        """Load models and recognisers; takes a second or two.

        Args:
            registry: own recognisers, beside the shipped ones.
            policy: what its types and its thresholds name is checked against them.
        """
        close_leaks()
        self.engine = SpokenNlpEngine()
        self.engine.load()
        found = load_registry(registry, policy)
        warm_up()
        self._doubted = {
            one.name: min(DOUBTED[entity] for entity in one.entities)
            for one in found.registered
            if one.shipped
            and one.language == _LANGUAGE
            and isinstance(one.recognizer, SpokenRecognizer | NamedPersonRecognizer)
            and set(one.entities) <= DOUBTED.keys()
        }
        """Rules that the learnt tagger may doubt, and the likelihood below which it does."""
        self._recognizers = {
            code: [
                (
                    one.recognizer,
                    gate_of(one),
                    self._doubted.get(one.name, 0.0),
                    set(one.entities) <= HEALTH,
                )
                for one in found.registered
                if one.language == code
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
            nlp_engine=self.engine,
            app_tracer=_SilentTracer(),
            log_decision_process=False,
            supported_languages=[_LANGUAGE],
            context_aware_enhancer=LemmaContextAwareEnhancer(),
        )

    def analyze(self, turn: Turn, *, names: bool) -> list[RecognizerResult]:
        """Every result for a turn, in a fixed order; policy thresholds are the caller's."""
        most = likeliest(turn) if turn.language == _LANGUAGE else Most()
        chosen = [
            one
            for one, may_find, least, health in self._recognizers[turn.language]
            if (most.health if health else most.others) >= least and may_find(turn)
        ]
        if not chosen:
            return []
        names = names and turn.language == _LANGUAGE
        with ExitStack() as zone:
            results = self._frame.analyze(
                text=turn.text,
                language=_LANGUAGE,
                entities=self._entities,
                nlp_artifacts=self.engine.artifacts(turn, names=names, zone=zone),
                return_decision_process=True,
                ad_hoc_recognizers=chosen,
            )
        if any(not 0 <= one.start < one.end <= len(turn.text) for one in results):
            # A recogniser of somebody's own: what it meant to silence is not known.
            raise ModelError("a recogniser's result lies outside the text")
        return sorted((one for one in results if self._believe(turn, one)), key=_order)

    def _believe(self, turn: Turn, result: RecognizerResult) -> bool:
        """Take off a rule's finding what the learnt tagger holds for harmless at its ends.

        Returns:
            Whether anything is left.
        """
        name = (result.recognition_metadata or {}).get(RecognizerResult.RECOGNIZER_NAME_KEY)
        pattern = getattr(result.analysis_explanation, "pattern_name", None)
        # What a misheard answer reads like says nothing of what was answered.
        if name not in self._doubted or pattern in UNREAD:
            return True
        inside = [
            index
            for index, token in enumerate(turn.tokens)
            if result.start < token.end and token.start < result.end
        ]
        if not inside:
            return True
        first, last = likely(turn).believed(
            explained(result), result.entity_type, inside[0], inside[-1] + 1
        )
        if first == last:
            return False
        if first > inside[0]:
            result.start = turn.tokens[first].start
        if last <= inside[-1]:
            result.end = turn.tokens[last - 1].end
        return True


def gate_of(one: Registered) -> Callable[[Turn], bool]:
    """What tells cheaply whether a recogniser may find something in a turn; own ones always may."""
    if one.shipped and isinstance(one.recognizer, SpokenRecognizer):
        return one.recognizer.may_find
    if one.shipped and one.name in _GATES:
        return _GATES[one.name]
    return lambda _: True


def explained(result: RecognizerResult) -> str:
    """Recogniser and pattern behind a result; never the text."""
    metadata: dict[str, Any] = result.recognition_metadata or {}
    name = str(metadata.get(RecognizerResult.RECOGNIZER_NAME_KEY, "unknown"))
    pattern = getattr(result.analysis_explanation, "pattern_name", None)
    return f"{name}: {pattern}" if pattern else name


def _order(result: RecognizerResult) -> tuple[int, int, str, float, str]:
    return (result.start, result.end, result.entity_type, -result.score, explained(result))
