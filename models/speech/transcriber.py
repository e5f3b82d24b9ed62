"""Listens to one window with two models and says what no word explains.

Outcomes of ``Transcriber.transcribe``: always a ``WindowTranscript`` for the whole window.
``MAIN`` words are the first pass of the main model; everything else that was heard is evidence
(``AGAIN``, ``SECOND``). Whatever goes wrong makes the window ``unheard``: it is then silenced
whole, never passed on.

The same window gives bit-identical words in every process: one thread, no sampling, features and
resampling over the window alone. A window is heard in the language of its call, by the models that
know it; where the main model takes it for another, or nothing searches that language, all of it
is ``unheard`` too, with the doubt ``FOREIGN``; so is one that is too faint, with ``FAINT``.
Windows that are listened to together share decoder
batches, which changes no bit of them (``models.speech.batched_decoding``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from models.speech.batched_decoding import Decoding, Passage, Round, SpeechEngine, together
from models.speech.redecode_rules import asks_digits, doubtful
from models.speech.whisper import Decoded, Whisper
from models.speech.window_audio import (
    DecodedWord,
    Listening,
    drawn_in,
    in_call,
    listening_of,
    numeric,
    place,
)
from models.store.loader import catalogue_file, find
from models.store.model_catalogue import Entry, entry
from pipeline.detection.hypotheses.fusion import read
from pipeline.detection.language.vocabulary import DEFAULT, languages, vocabulary
from pipeline.errors import ModelError
from pipeline.records.intervals import merge_intervals, uncovered
from pipeline.records.model import Hearing, Interval, Window, WindowTranscript
from pipeline.transcription.hallucination import FOREIGN, Doubt, judge, telling
from pipeline.transcription.packing import Pack, pack
from pipeline.transcription.segmenter import silent, unheard
from pipeline.transcription.voice_activity import VOICE_RATE
from pipeline.transcription.word_timing import Timing, placed


@dataclass(frozen=True, slots=True)
class TranscriberSettings:
    """How to listen."""

    main: str = "whisper-base"
    second: str | None = "whisper-tiny.en"
    """The second opinion; None for none. A call in a language that it does not know has none."""
    check: str = "whisper-tiny.en"
    """What listens to redacted audio; the main model where it does not know the language."""
    second_where: Literal["everywhere", "numbers"] = "everywhere"
    """``numbers``: the second model hears only windows in which the main model wrote a number or
    left speech unexplained. A number that the main model wrote as other words is then missed."""
    threads: int = 1
    device: str = "cpu"
    compute_type: str = "int8"
    models: Path | None = None
    """Folder of local models; None for the user's cache."""
    catalogue: Path | None = None
    """The team's own catalogue of models; None for the one in the folder of models."""
    pinned: tuple[Entry, ...] = ()
    """What the catalogues said of the models, see ``pinned``; none: they are asked."""
    allow_hub: bool = False
    context_s: int = 12
    """What the decoder is given at least. At 10 s base made 33 errors in 314 ordinary words of
    human telephone clips instead of 9 (measured)."""
    batch: int = 4
    """Inputs that are decoded at once, out of all windows that are listened to together."""
    again: bool = True
    """Whether speech that no word explains is listened to again."""
    again_context_s: int = 6
    """What the decoder is given at least when it listens again."""
    again_ms: int = 300
    """The shortest unexplained speech that is listened to again."""
    unexplained_ms: int = 200
    """The shortest speech without a word that is stated as unexplained."""


def pinned(settings: TranscriberSettings) -> TranscriberSettings:
    """The same, with what the catalogues say now: whoever is told of it loads no other bytes.

    Raises:
        ModelError: as ``speech_models``.
    """
    return replace(settings, pinned=speech_models(settings))


def speech_models(settings: TranscriberSettings) -> tuple[Entry, ...]:
    """What the catalogues say, or said, of the models that are named, each once.

    Raises:
        ModelError: no catalogue knows one of them, or it is no speech model.
    """
    if settings.pinned:
        return settings.pinned
    own = catalogue_file(settings.models, settings.catalogue)
    named = dict.fromkeys((settings.main, settings.second, settings.check))
    found = tuple(entry(model_id, own) for model_id in named if model_id)
    for one in found:
        if one.kind != "whisper":
            raise ModelError(f"{one.id}: hears no speech; 'hushwire models list' shows what does")
    return found


_TIMINGS = {
    "whisper-base": Timing(back=0.1, ahead=0.4),
    "whisper-tiny.en": Timing(back=0.3, ahead=0.05),
}
"""Base places a word after a pause 0.2 to 0.4 s early, tiny.en a little late (medians on human
telephone digits: ``benchmarks.quality.word_times``)."""
_MOST = 28 * VOICE_RATE
_LEAD = int(0.3 * VOICE_RATE)
_MARGIN = int(0.2 * VOICE_RATE)
_OVERLAP = VOICE_RATE // 2


class Transcriber:
    """The models of one process.

    Args:
        settings: which models, how.

    Raises:
        ModelError: a model is missing, altered or cannot be loaded.
    """

    def __init__(self, settings: TranscriberSettings | None = None) -> None:
        self._settings = settings or TranscriberSettings()
        chosen = self._settings
        wanted = speech_models(chosen)
        self._references = {one.id: one.reference for one in wanted}
        self._loaded = {one.id: self._load(one) for one in wanted}
        self._main = self._loaded[chosen.main]
        self._check = self._loaded[chosen.check]

    @property
    def models(self) -> tuple[str, ...]:
        """``id@sha256`` prefix of the models that ``transcribe`` uses for English."""
        used = [self._main, self._second(DEFAULT)]
        return tuple(self._reference(model) for model in used if model)

    def transcribe(self, window: Window) -> WindowTranscript:
        """Listen to a window; never raises for what is in it or what a model does with it."""
        return self.transcribe_all([window])[0]

    def transcribe_all(self, windows: Sequence[Window]) -> list[WindowTranscript]:
        """Listen to several windows, of any calls, for less than to one after another.

        Each window's result is the same as alone, bit by bit; none is unheard because of another.
        """
        return self._together(windows, self._transcribe)

    def check(self, window: Window) -> WindowTranscript:
        """Listen to redacted audio another way: the small model, asked for digits.

        What is left of a call in an unknown language is listened to in the default one.

        One pass, and another one over what it left unexplained: a long window of many pieces
        often ends for the model before its audio does.
        """
        return self.check_all([window])[0]

    def check_all(self, windows: Sequence[Window]) -> list[WindowTranscript]:
        """``check`` for several windows, as ``transcribe_all``."""
        return self._together(windows, self._check_once)

    def _together(
        self, windows: Sequence[Window], listen: Callable[[Window], Decoding[WindowTranscript]]
    ) -> list[WindowTranscript]:
        """Fail closed: whatever goes wrong with a window, it is to be silenced whole."""
        heard = together(
            [listen(one) for one in windows if len(one.pcm)], most=self._settings.batch
        )
        results = iter(heard)
        found = [next(results) if len(one.pcm) else silent(one) for one in windows]
        return [
            unheard(window) if isinstance(one, Exception) else one
            for window, one in zip(windows, found, strict=True)
        ]

    def _transcribe(self, window: Window) -> Decoding[WindowTranscript]:
        if not self._knows(window.language):
            return _silenced(window, [Doubt.FOREIGN])
        listening = listening_of(window, window.language)
        if Doubt.FAINT in listening.doubts:
            return _silenced(window, listening.doubts)
        passages = self._packs(listening)
        main = yield from self._pass(self._main, passages, listening, Hearing.MAIN, tell=True)
        if Doubt.FOREIGN in listening.doubts:
            return _silenced(window, listening.doubts)
        other = self._second(window.language)
        words, second = main, list[DecodedWord]()
        if other is not None and self._asks_second(main, listening):
            second = yield from self._pass(other, passages, listening, Hearing.SECOND)
            words = main + second
        if self._settings.again:
            doubted = bool(listening.doubts)
            if asks_digits(main, second, listening.language, doubted=doubted):
                words += yield from self._pass(
                    other or self._main, passages, listening, Hearing.AGAIN, prompt=True
                )
            words += yield from self._again(self._main, main, listening)
            if second:
                words += yield from self._again(
                    other or self._main, second, listening, numbers=[*main, *second]
                )
            words += yield from self._again(self._main, words, listening, beam=5)
        return self._heard(window, listening, words, [self._main, *([other] if other else [])])

    def _knows(self, language: str) -> bool:
        """Whether it can be heard, and what was heard be searched."""
        return language in languages() and self._main.knows(language)

    def _second(self, language: str) -> SpeechEngine | None:
        """The second opinion on a language, where there is one."""
        model = self._loaded.get(self._settings.second or "")
        return model if model is not self._main and model and model.knows(language) else None

    def _asks_second(self, main: list[DecodedWord], listening: Listening) -> bool:
        """Whether the second model hears this window too."""
        if self._settings.second_where == "everywhere" or any(word.numeric for word in main):
            return True
        return bool(self._left(main, listening, self._settings.unexplained_ms))

    def _check_once(self, window: Window) -> Decoding[WindowTranscript]:
        language = window.language if self._knows(window.language) else DEFAULT
        listening = listening_of(window, language, level=False)
        passages = self._packs(listening)
        model = self._check if self._check.knows(language) else self._main
        words = yield from self._pass(model, passages, listening, Hearing.MAIN, prompt=True)
        words += yield from self._again(model, words, listening, apart=False)
        return self._heard(window, listening, words, [model])

    def _packs(self, listening: Listening) -> list[Passage]:
        packs = pack(
            listening.audio,
            listening.speech,
            most=_MOST,
            margin=_MARGIN,
            lead=_LEAD,
            overlap=_OVERLAP,
        )
        return [_passage(one, self._settings.context_s) for one in packs]

    def _pass(
        self,
        model: SpeechEngine,
        passages: list[Passage],
        listening: Listening,
        hearing: Hearing,
        *,
        prompt: bool = False,
        beam: int = 1,
        tell: bool = False,
    ) -> Decoding[list[DecodedWord]]:
        """One pass; ``prompt``: asked for digits; ``tell``: the language is guessed as well."""
        words: list[DecodedWord] = []
        voc = vocabulary(listening.language)
        asked = voc.digit_prompt if prompt else ""
        answers = yield Round(model, passages, listening.language, prompt=asked, beam=beam)
        for passage, decoded in zip(passages, answers, strict=True):
            if tell and _elsewhere(model, passage, decoded, listening.language):
                listening.doubts.append(Doubt.FOREIGN)
            judged = judge(
                [word.text for word in decoded.words],
                no_speech=decoded.no_speech,
                log_probability=decoded.log_probability,
                compression=decoded.compression,
                full=decoded.full,
                language=listening.language,
                # Of the others no word is dropped on such a ground: digits may be misplaced, too.
                starts=[one.start for one in decoded.words if hearing is Hearing.SECOND],
            )
            listening.doubts.extend(judged.doubts)
            if not judged.believed and hearing is Hearing.MAIN:
                continue
            whole = decoded.words[: judged.words]
            texts = [word.text for word in whole]
            spoken = placed(
                texts,
                [passage.pack.place(word.start, word.end) for word in whole],
                listening.loudness,
                listening.speech,
                self._timing(model),
                VOICE_RATE,
            )
            words += [
                DecodedWord(
                    where,
                    word.text,
                    word.probability,
                    hearing,
                    judged.believed,
                    numeric(word.text, listening.language),
                    word.number_probability,
                )
                for where, word in zip(spoken, whole, strict=True)
            ]
        return words

    def _again(
        self,
        model: SpeechEngine,
        words: list[DecodedWord],
        listening: Listening,
        *,
        beam: int = 1,
        apart: bool = True,
        numbers: list[DecodedWord] | None = None,
    ) -> Decoding[list[DecodedWord]]:
        """Listen again to the speech that the words do not explain, each stretch by itself.

        Given ``numbers``, words of both models, only to what is doubtful beside them.
        """
        left = self._left(words, listening, self._settings.again_ms)
        if numbers is not None:
            left = doubtful(left, numbers, listening.loudness, VOICE_RATE)
        packs = pack(
            listening.audio,
            left,
            most=_MOST,
            margin=_MARGIN,
            lead=_LEAD,
            overlap=_OVERLAP,
            apart=apart,
        )
        passages = [_passage(one, self._settings.again_context_s) for one in packs]
        return (
            yield from self._pass(model, passages, listening, Hearing.AGAIN, prompt=True, beam=beam)
        )

    def _left(
        self, words: list[DecodedWord], listening: Listening, least_ms: int
    ) -> list[Interval]:
        """Speech that no believed word explains."""
        covers = [word.cover for word in words if word.believed]
        return uncovered(listening.speech, covers, at_least=least_ms * VOICE_RATE // 1_000)

    def _heard(
        self,
        window: Window,
        listening: Listening,
        words: list[DecodedWord],
        models: list[SpeechEngine],
    ) -> WindowTranscript:
        found = [in_call(word, window) for word in drawn_in(words, listening)]
        # What detection doesn't read explains nothing, though nobody listens a third time.
        counts = read(found, vocabulary(listening.language), window.sample_rate)
        explaining = [word for word, counted in zip(words, counts, strict=True) if counted]
        left = self._left(explaining, listening, self._settings.unexplained_ms)
        sounds = uncovered(
            window.sounds,
            [place(word.cover, window) for word in explaining if word.believed],
            at_least=self._settings.unexplained_ms * window.sample_rate // 1_000,
        )
        return WindowTranscript(
            call_id=window.call_id,
            seq=window.seq,
            channel=window.channel,
            start=window.start,
            end=window.end,
            words=tuple(sorted(found, key=lambda word: word.start)),
            speech=window.speech,
            unexplained=tuple(merge_intervals([*(place(part, window) for part in left), *sounds])),
            heard_until=window.heard_until,
            models=tuple(self._reference(model) for model in models),
            doubts=(*listening.doubts, *[Doubt.WORDLESS] * len(left)),
        )

    def _timing(self, model: SpeechEngine) -> Timing:
        """How a model errs; nothing is known of one that was not measured."""
        return _TIMINGS.get(self._id(model), Timing())

    def _id(self, model: SpeechEngine) -> str:
        return next(model_id for model_id, one in self._loaded.items() if one is model)

    def _reference(self, model: SpeechEngine) -> str:
        return self._references[self._id(model)]

    def _load(self, model: Entry) -> SpeechEngine:
        chosen = self._settings
        return Whisper(
            find(
                model,
                folder=chosen.models,
                allow_hub=chosen.allow_hub,
                catalogue=chosen.catalogue,
            ),
            device=chosen.device,
            compute_type=chosen.compute_type,
            threads=chosen.threads,
        )


def _passage(one: Pack, context_s: int) -> Passage:
    """In whole seconds, so that inputs often fit one batch."""
    return Passage(one, max(context_s, -(-len(one.audio) // VOICE_RATE)))


def _elsewhere(model: SpeechEngine, passage: Passage, decoded: Decoded, language: str) -> bool:
    """Whether the model takes what it heard for another language."""
    encoded = passage.encoded(model)
    if encoded is None or not telling(decoded.no_speech, len(passage.pack.audio) / VOICE_RATE):
        return False
    return model.likelihood(encoded, language) < FOREIGN


def _silenced(window: Window, doubts: list[Doubt]) -> WindowTranscript:
    """Silenced whole: what is said in it cannot be heard or searched."""
    return replace(unheard(window), doubts=tuple(doubts))


_of_process: dict[str, Transcriber] = {}
"""The transcriber of a pool process, under ``transcriber``."""


def start_transcriber(settings: TranscriberSettings) -> None:
    """Initialiser of a pool process: load the models once.

    Raises:
        ModelError: a model is missing, altered or cannot be loaded.
    """
    _of_process["transcriber"] = Transcriber(settings)


def transcribe(window: Window) -> WindowTranscript:
    """``Transcriber.transcribe`` with the models of this process; unheard without them."""
    return transcribe_all([window])[0]


def check(window: Window) -> WindowTranscript:
    """``Transcriber.check`` with the models of this process; unheard without them."""
    return check_all([window])[0]


def transcribe_all(windows: Sequence[Window]) -> list[WindowTranscript]:
    """``Transcriber.transcribe_all`` with the models of this process, as ``transcribe``."""
    transcriber = _of_process.get("transcriber")
    return (
        [unheard(one) for one in windows]
        if transcriber is None
        else transcriber.transcribe_all(windows)
    )


def check_all(windows: Sequence[Window]) -> list[WindowTranscript]:
    """``Transcriber.check_all`` with the models of this process, as ``check``."""
    transcriber = _of_process.get("transcriber")
    return (
        [unheard(one) for one in windows] if transcriber is None else transcriber.check_all(windows)
    )
