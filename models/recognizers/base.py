"""What every recogniser for spoken text shares."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from presidio_analyzer import AnalysisExplanation, EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

from models.text.turn import Turn, turn_in


@dataclass(frozen=True, slots=True)
class Hit:
    """Tokens ``[first, last)`` of a turn that are an entity, and the pattern that says so."""

    entity: str
    first: int
    last: int
    score: float
    pattern: str


class SpokenRecognizer(EntityRecognizer):
    """A recogniser that works on the tokens of a turn.

    Subclasses name their ``ENTITIES`` and say in ``find`` what they found. Each result explains
    itself by recogniser and pattern, never by text.
    """

    ENTITIES: ClassVar[tuple[str, ...]] = ()
    name: str

    def __init__(
        self,
        supported_language: str = "en",
        name: str | None = None,
        context: list[str] | None = None,
        supported_entities: list[str] | None = None,
        **kwargs: Any,  # noqa: ANN401 - whatever a later Presidio passes on
    ) -> None:
        """Take what a catalogue entry may say; the entity types are the class's own."""
        super().__init__(
            supported_entities=supported_entities or [str(name) for name in self.ENTITIES],
            supported_language=supported_language,
            name=name or type(self).__name__,
            context=context,
            **kwargs,
        )

    def load(self) -> None:
        """Nothing to load."""

    @abstractmethod
    def find(self, turn: Turn) -> Iterable[Hit]:
        """Every entity in the turn; hits may overlap."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Presidio's entry: results in characters of ``text``."""
        turn = turn_in(text, nlp_artifacts)
        results = []
        for hit in self.find(turn):
            if entities and hit.entity not in entities:
                continue
            if hit.last <= hit.first:
                continue
            start, end = turn.tokens[hit.first].start, turn.tokens[hit.last - 1].end
            results.append(result_of(self, str(hit.entity), start, end, hit.score, hit.pattern))
        return results


class Named(Protocol):
    """What a result says of its recogniser."""

    name: str

    @property
    def id(self) -> str:
        """Tells two recognisers of one name apart."""
        ...


def result_of(
    recognizer: Named, entity: str, start: int, end: int, score: float, pattern: str
) -> RecognizerResult:
    """Presidio's result for characters ``[start, end)``; it explains itself, never by text."""
    return RecognizerResult(
        entity_type=entity,
        start=start,
        end=end,
        score=score,
        analysis_explanation=AnalysisExplanation(
            recognizer=recognizer.name, original_score=score, pattern_name=pattern
        ),
        recognition_metadata={
            RecognizerResult.RECOGNIZER_NAME_KEY: recognizer.name,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: recognizer.id,
            # Our scores already weigh the context; Presidio must not add to them.
            RecognizerResult.IS_SCORE_ENHANCED_BY_CONTEXT_KEY: True,
        },
    )
