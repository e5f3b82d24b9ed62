"""PERSON by spaCy's entity recogniser, kept only where a list of given names agrees.

The small English model finds 53 % of spoken names and takes companies and medicines for people,
so its word alone is not enough to silence speech.
"""

from __future__ import annotations

from typing import ClassVar, Final

from presidio_analyzer import AnalysisExplanation, LocalRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

from models.answers import LEAD_IN
from models.lexicon import given_names
from models.likelihood import DOUBTED, likely
from models.recognizers.given import given_names_in
from models.recognizers.naming import (
    has_capitals,
    in_address,
    in_codes,
    names_thing,
    well_known,
)
from models.recognizers.person import people_in
from models.spoken import Token, Turn, turn_in
from pipeline.entities import Entity

_SURE: Final = 0.6
"""Score of what spaCy finds: a rule that is as sure needs no second opinion."""


class NamedPersonRecognizer(LocalRecognizer):
    """People that the NLP engine found and whose name is a name."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.PERSON,)
    name: str

    def __init__(
        self,
        supported_language: str = "en",
        name: str | None = None,
        context: list[str] | None = None,
    ) -> None:
        """Take what a catalogue entry may say."""
        super().__init__(
            supported_entities=[str(Entity.PERSON)],
            supported_language=supported_language,
            name=name or type(self).__name__,
            context=context,
        )

    def _open(self, turn: Turn) -> bool:
        """Whether a name of the lists stands where the rules are not sure of one.

        Those that name the letters of a code are nobody's.
        """
        names = {index for index, token in enumerate(turn.tokens) if _is_given(token)}
        if has_capitals(turn):
            names = {index for index in names if turn.tokens[index].title}
        if names:  # spaCy is asked for no name that would be doubted anyway
            values = likely(turn).told(Entity.PERSON)
            names = {index for index in names if values[index] >= DOUBTED[Entity.PERSON]}
        for found, sure in ((given_names_in, 0.0), (people_in, _SURE)):
            if not names:
                return False
            for hit in found(turn):
                if hit.score >= sure:
                    names.difference_update(range(hit.first, hit.last))
        return bool(names) and not names <= in_codes(turn)

    def load(self) -> None:
        """The model belongs to the NLP engine."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """People among the artifacts' entities, in characters of ``text``."""
        results: list[RecognizerResult] = []
        if nlp_artifacts is None or (entities and Entity.PERSON not in entities):
            return results
        turn = turn_in(text, nlp_artifacts)
        if not self._open(turn):
            return results  # spaCy could name nobody that the lists would agree to and we have not
        known = well_known(turn)
        for entity in nlp_artifacts.entities:
            if entity.label_ != Entity.PERSON:
                continue
            inside = [
                (index, token)
                for index, token in enumerate(turn.tokens)
                if token.start < entity.end_char and entity.start_char < token.end
            ]
            if (
                not inside
                or in_address(turn, inside[-1][0] + 1)
                or names_thing(turn, inside[-1][0] + 1)
                or known.intersection(at for at, _ in inside)
            ):
                continue
            if len(inside) == 1 and turn.keys(inside[0][0] - 1, inside[0][0]) == ("the",):
                continue  # "the Madison model"
            if not any(_is_given(token) for _, token in inside):
                continue  # most of them are towns, shops and makes
            while len(inside) > 1 and (
                inside[0][1].key in LEAD_IN or inside[0][1].key in {"a", "an"}
            ):
                inside = inside[1:]
            results.append(
                RecognizerResult(
                    entity_type=str(Entity.PERSON),
                    start=inside[0][1].start,
                    end=entity.end_char,
                    score=0.6,
                    analysis_explanation=AnalysisExplanation(
                        recognizer=self.name, original_score=0.6, pattern_name="ner and name list"
                    ),
                    recognition_metadata={
                        RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
                        RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
                        RecognizerResult.IS_SCORE_ENHANCED_BY_CONTEXT_KEY: True,
                    },
                )
            )
        return results


def _is_given(token: Token) -> bool:
    return token.key in given_names()
