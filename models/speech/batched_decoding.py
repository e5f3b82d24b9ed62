"""Several decodings in step: what they ask of a model at the same time is decoded together.

A decoding is a generator. It yields a ``Round``, what it wants decoded, and gets the list of
``Decoded`` back; what it returns is its result. The decoder reads all its weights for every token,
so a batch of sequences costs little more than one (measured: base a quarter less in batches of 2
to 8, tiny.en a third). The encoder is bound by its arithmetic: on one CPU thread a batch of it is
slower than one after another, because it leaves the cache.

Outcomes of ``together``: a result or an exception per decoding. A batch that fails is decoded
anew one by one, so that nobody fails for what another decoding brought.

Whether an input is decoded alone or in a batch changes no bit of its tokens, scores and no-speech
probability (``tests/models/loaded/test_rounds.py`` compares them on the machine that runs it). Word
times are not so lucky; ``Whisper.decode`` aligns one by one.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

from models.speech.whisper import Decoded, Encoded, Features, features
from pipeline.transcription.packing import Pack

T = TypeVar("T")


class SpeechEngine(Protocol):
    """The seam to a speech recogniser: encoder and decoder apart, both over several inputs.

    The language is each input's, because one process hears the calls of all languages.

    ``models.speech.whisper.Whisper`` is the one that ships; a fake that speaks scripted words
    stands in ``tests/models/speech/test_transcriber.py``. Another engine has to give for each input
    the words with their samples, and the same words for the same audio, whatever else is in the
    call.
    """

    @property
    def bands(self) -> int:
        """Mel bands of the features that it takes."""
        ...

    def encode(self, features: Sequence[Features], lengths: Sequence[int]) -> list[Encoded]:
        """What the decoder needs of each input; opaque to everybody else.

        Args:
            features: inputs of one shape.
            lengths: samples of each input's audio at ``VOICE_RATE``, without padding.

        Raises:
            ModelError: the engine failed.
        """
        ...

    def decode(
        self,
        encoded: Sequence[Encoded],
        lengths: Sequence[int],
        *,
        language: str,
        prompt: str = "",
        beam: int = 1,
    ) -> list[Decoded]:
        """Words of each input.

        Args:
            encoded: what ``encode`` returned.
            lengths: samples of each input's audio at ``VOICE_RATE``, without padding.
            language: ISO 639-1 code of what is spoken, one that the engine knows.
            prompt: text that is taken for what was said before; an engine may ignore it.
            beam: how many readings are followed at once; 1 is greedy.

        Raises:
            ModelError: the engine failed, or does not know the language.
        """
        ...

    def knows(self, language: str) -> bool:
        """Whether it can be told to hear a language."""
        ...

    def likelihood(self, encoded: Encoded, language: str) -> float:
        """Probability that an input is in a language; 1 where the engine cannot tell.

        Raises:
            ModelError: the engine failed.
        """
        ...


@dataclass(slots=True, eq=False)
class Passage:
    """A pack with its features, and what each model's encoder made of them, computed once."""

    pack: Pack
    feed_s: int
    """Seconds that the encoder is fed; inputs of as many fit one batch."""
    _features: dict[int, Features] = field(default_factory=dict, repr=False)
    _encoded: dict[int, Encoded] = field(default_factory=dict, repr=False)

    @property
    def length(self) -> int:
        """Samples of its audio at ``VOICE_RATE``."""
        return len(self.pack.audio)

    def features(self, model: SpeechEngine) -> Features:
        """As the model takes them; models with as many mel bands share them."""
        if model.bands not in self._features:
            self._features[model.bands] = features(self.pack.audio, self.feed_s, model.bands)
        return self._features[model.bands]

    def encoded(self, model: SpeechEngine) -> Encoded | None:
        """What the model's encoder made of it, if it was asked already."""
        return self._encoded.get(id(model))

    def keep(self, model: SpeechEngine, encoded: Encoded) -> None:
        """Keep it for the passes that follow."""
        self._encoded[id(model)] = encoded


@dataclass(frozen=True, slots=True)
class Round:
    """What one decoding wants decoded now."""

    model: SpeechEngine
    passages: Sequence[Passage]
    language: str = "en"
    prompt: str = ""
    beam: int = 1


Decoding: TypeAlias = Generator[Round, list[Decoded], T]


def together(decodings: Sequence[Decoding[T]], *, most: int) -> list[T | Exception]:
    """Run decodings to their end.

    Args:
        decodings: generators that were not started yet.
        most: how many inputs are decoded at once; 1 for one after another.

    Returns:
        Per decoding its result, or what it raised.
    """
    results: dict[int, T | Exception] = {}
    asked: dict[int, Round] = {}
    for number, decoding in enumerate(decodings):
        _advance(number, decoding, None, asked, results)
    while asked:
        now, asked = asked, {}
        answers = _answers(now, most)
        for number, answer in answers.items():
            _advance(number, decodings[number], answer, asked, results)
    return [results[number] for number in range(len(decodings))]


def _advance(
    number: int,
    decoding: Decoding[T],
    answer: list[Decoded] | Exception | None,
    asked: dict[int, Round],
    results: dict[int, T | Exception],
) -> None:
    """Hand a decoding its answer, and note what it asks next or how it ended."""
    try:
        if isinstance(answer, Exception):
            asked[number] = decoding.throw(answer)
        elif answer is None:
            asked[number] = next(decoding)
        else:
            asked[number] = decoding.send(answer)
    except StopIteration as stop:
        results[number] = stop.value
    except Exception as error:  # noqa: BLE001 - the caller says what becomes of it
        results[number] = error


def _answers(rounds: dict[int, Round], most: int) -> dict[int, list[Decoded] | Exception]:
    """Decode what all of them ask, inputs that fit one batch together."""
    found: dict[tuple[int, int], Decoded | Exception] = {}
    groups: dict[tuple[int, str, str, int, int], list[tuple[int, int]]] = {}
    for number, asked in rounds.items():
        for place, passage in enumerate(asked.passages):
            how = (asked.language, asked.prompt, asked.beam, passage.feed_s)
            key = (id(asked.model), *how)
            groups.setdefault(key, []).append((number, place))
    for places in groups.values():
        for first in range(0, len(places), max(1, most)):
            batch = places[first : first + max(1, most)]
            passages = [rounds[number].passages[at] for number, at in batch]
            decoded = _decoded(rounds[batch[0][0]], passages)
            found.update(zip(batch, decoded, strict=True))
    answers: dict[int, list[Decoded] | Exception] = {}
    for number, asked in rounds.items():
        mine = [found[number, place] for place in range(len(asked.passages))]
        failed = next((one for one in mine if isinstance(one, Exception)), None)
        answers[number] = failed or [one for one in mine if isinstance(one, Decoded)]
    return answers


def _decoded(asked: Round, passages: Sequence[Passage]) -> list[Decoded | Exception]:
    try:
        new = [one for one in dict.fromkeys(passages) if one.encoded(asked.model) is None]
        if new:
            made = [one.features(asked.model) for one in new]
            encoded = asked.model.encode(made, [one.length for one in new])
            for passage, result in zip(new, encoded, strict=True):
                passage.keep(asked.model, result)
        ready = [one for each in passages if (one := each.encoded(asked.model)) is not None]
        lengths = [one.length for one in passages]
        how = {"language": asked.language, "prompt": asked.prompt}
        return [*asked.model.decode(ready, lengths, beam=asked.beam, **how)]
    except Exception as error:  # noqa: BLE001 - the decoding it concerns gets it
        if len(passages) == 1:
            return [error]
        return [result for one in passages for result in _decoded(asked, [one])]
