"""Listens to one window with two models and says what no word explains.

Outcomes of ``Ear.hear``: always a ``Heard`` for the whole window. ``MAIN`` words are the first pass
of the main model; everything else that was heard is evidence (``AGAIN``, ``SECOND``). Whatever goes
wrong makes the window ``unheard``: it is then silenced whole, never passed on.

The same window gives bit-identical words in every process: one thread, one window at a time, no
sampling, features and resampling over the window alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr

from models.catalogue import entry
from models.loader import find
from models.whisper import Encoded, Features, Whisper, features
from pipeline.activity import VOICE_RATE, Samples
from pipeline.audit import Loudness, drawn_back, plausible, uncovered, without_loops
from pipeline.errors import ModelError
from pipeline.listening import silent, unheard
from pipeline.packs import Pack, pack
from pipeline.records import Heard, Hearing, Interval, Window, Word

DIGIT_PROMPT = "My card number is 4 1 1 1, 2 0 3 9. The code is 7 5 8."
"""Read as said before by the second pass: it halves the digits that are lost. Its text is not
believed (it invites digits), so it never makes a ``MAIN`` word."""


@dataclass(frozen=True, slots=True)
class EarSettings:
    """How to listen."""

    main: str = "whisper-base"
    second: str | None = "whisper-tiny.en"
    """The second opinion; None, or a language other than English, for no second model."""
    check: str = "whisper-tiny.en"
    """What listens to redacted audio."""
    language: str = "en"
    threads: int = 1
    device: str = "cpu"
    compute_type: str = "int8"
    models: Path | None = None
    """Folder of local models; None for the user's cache."""
    allow_hub: bool = False
    context_s: int = 12
    """What the encoder is fed at least. Word error is 19 % at 8 s and 11 % at 12 s (greedy)."""
    again: bool = True
    """Whether speech that no word explains is listened to again."""
    again_context_s: int = 6
    """What the encoder is fed at least when it listens again."""
    again_ms: int = 300
    """The shortest unexplained speech that is listened to again."""
    unexplained_ms: int = 200
    """The shortest speech without a word that is stated as unexplained."""


@dataclass(frozen=True, slots=True)
class _Listening:
    """One window's audio at ``VOICE_RATE``, in samples of its own."""

    audio: Samples = field(repr=False)
    speech: tuple[Interval, ...]
    loudness: Loudness


@dataclass(frozen=True, slots=True)
class _Word:
    spoken: Interval
    text: str = field(repr=False)
    probability: float
    hearing: Hearing
    believed: bool
    """Whether the guards let it pass; if not, it is evidence but explains no speech."""

    @property
    def numeric(self) -> bool:
        """Whether it is, or begins like, a number."""
        plain = "".join(letter for letter in self.text.lower() if letter.isalnum())
        return plain in _DIGIT_WORDS or any(letter.isdigit() for letter in plain)

    @property
    def cover(self) -> Interval:
        return plausible(self.text, self.spoken, VOICE_RATE)


_DIGIT_WORDS = frozenset(
    ("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
)
_FULL_SCALE = 32_768.0
_MOST = 28 * VOICE_RATE
_LEAD = int(0.3 * VOICE_RATE)
_MARGIN = int(0.2 * VOICE_RATE)
_OVERLAP = VOICE_RATE // 2
_NUMBER_CONTEXT = 3
"""So many numeric words of either model, and the window is listened to again for digits."""


class Ear:
    """The models of one process.

    Args:
        settings: which models, how.

    Raises:
        ModelError: a model is missing, altered or cannot be loaded.
    """

    def __init__(self, settings: EarSettings | None = None) -> None:
        self._settings = settings or EarSettings()
        chosen = self._settings
        english = chosen.language == "en"
        self._main = self._load(chosen.main)
        self._second_id = chosen.second if english and chosen.second != chosen.main else None
        self._second = self._load(self._second_id) if self._second_id else None
        self._check_id = chosen.check if english else chosen.main
        loaded = {chosen.main: self._main, self._second_id: self._second}
        self._check = loaded.get(self._check_id) or self._load(self._check_id)

    @property
    def models(self) -> tuple[str, ...]:
        """``id@sha256`` prefix of the models that ``hear`` uses."""
        used = [self._settings.main, *([self._second_id] if self._second_id else [])]
        return tuple(entry(model_id).reference for model_id in used)

    def hear(self, window: Window) -> Heard:
        """Listen to a window; never raises for what is in it or what a model does with it."""
        return _guarded(window, self._hear)

    def check(self, window: Window) -> Heard:
        """Listen to redacted audio another way: the small model, asked for digits.

        One pass, and another one over what it left unexplained: a long window of many pieces
        often ends for the model before its audio does.
        """
        return _guarded(window, self._check_once)

    def _hear(self, window: Window) -> Heard:
        listening = _listening(window)
        packs = self._packs(listening)
        mels = [self._features(one, self._settings.context_s) for one in packs]
        inputs = [(one, self._main.encode(mel)) for one, mel in zip(packs, mels, strict=True)]
        main = self._pass(self._main, inputs, listening, Hearing.MAIN)
        words, second = main, list[_Word]()
        if self._second is not None:
            inputs = [(one, self._second.encode(mel)) for one, mel in zip(packs, mels, strict=True)]
            second = self._pass(self._second, inputs, listening, Hearing.SECOND)
            words = main + second
        if self._settings.again:
            if sum(word.numeric for word in words) >= _NUMBER_CONTEXT:
                model = self._second or self._main
                words += self._pass(model, inputs, listening, Hearing.AGAIN, prompt=DIGIT_PROMPT)
            words += self._again(self._main, main, listening)
            if self._second is not None:
                words += self._again(self._second, second, listening)
            words += self._again(self._main, words, listening, beam=5)
        return self._heard(window, listening, words, self.models)

    def _check_once(self, window: Window) -> Heard:
        listening = _listening(window)
        inputs = [
            (one, self._check.encode(self._features(one, self._settings.context_s)))
            for one in self._packs(listening)
        ]
        words = self._pass(self._check, inputs, listening, Hearing.MAIN, prompt=DIGIT_PROMPT)
        words += self._again(self._check, words, listening, apart=False)
        return self._heard(window, listening, words, (entry(self._check_id).reference,))

    def _packs(self, listening: _Listening) -> list[Pack]:
        return pack(
            listening.audio,
            listening.speech,
            most=_MOST,
            margin=_MARGIN,
            lead=_LEAD,
            overlap=_OVERLAP,
        )

    def _features(self, one: Pack, context_s: int) -> Features:
        """Fed for two seconds more at a time, so that few sizes occur."""
        needed = -(-len(one.audio) // VOICE_RATE)
        return features(one.audio, max(context_s, needed + needed % 2))

    def _pass(
        self,
        model: Whisper,
        inputs: list[tuple[Pack, Encoded]],
        listening: _Listening,
        hearing: Hearing,
        *,
        prompt: str = "",
        beam: int = 1,
    ) -> list[_Word]:
        words: list[_Word] = []
        for one, encoded in inputs:
            decoded = model.decode(encoded, len(one.audio), prompt=prompt, beam=beam)
            if not decoded.believable and hearing is Hearing.MAIN:
                continue
            whole = decoded.words[: without_loops([word.text for word in decoded.words])]
            spoken = [one.place(word.start, word.end) for word in whole]
            snapped = listening.loudness.snap_all(spoken, VOICE_RATE)
            words += [
                _Word(
                    drawn_back(word.text, where, listening.speech, VOICE_RATE),
                    word.text,
                    word.probability,
                    hearing,
                    decoded.believable,
                )
                for where, word in zip(snapped, whole, strict=True)
            ]
        return words

    def _again(
        self,
        model: Whisper,
        words: list[_Word],
        listening: _Listening,
        *,
        beam: int = 1,
        apart: bool = True,
    ) -> list[_Word]:
        """Listen again to the speech that the words do not explain, each stretch by itself."""
        left = uncovered(
            listening.speech,
            [word.cover for word in words if word.believed],
            at_least=self._settings.again_ms * VOICE_RATE // 1_000,
        )
        packs = pack(
            listening.audio,
            left,
            most=_MOST,
            margin=_MARGIN,
            lead=_LEAD,
            overlap=_OVERLAP,
            apart=apart,
        )
        inputs = [
            (one, model.encode(self._features(one, self._settings.again_context_s)))
            for one in packs
        ]
        return self._pass(model, inputs, listening, Hearing.AGAIN, prompt=DIGIT_PROMPT, beam=beam)

    def _heard(
        self, window: Window, listening: _Listening, words: list[_Word], models: tuple[str, ...]
    ) -> Heard:
        left = uncovered(
            listening.speech,
            [word.cover for word in words if word.believed],
            at_least=self._settings.unexplained_ms * VOICE_RATE // 1_000,
        )
        return Heard(
            call_id=window.call_id,
            seq=window.seq,
            channel=window.channel,
            start=window.start,
            end=window.end,
            words=tuple(sorted((_in_call(word, window) for word in words), key=_start)),
            speech=window.speech,
            unexplained=tuple(_place(part, window) for part in left),
            heard_until=window.heard_until,
            models=models,
        )

    def _load(self, model_id: str) -> Whisper:
        chosen = self._settings
        return Whisper(
            find(model_id, folder=chosen.models, allow_hub=chosen.allow_hub),
            language=chosen.language,
            device=chosen.device,
            compute_type=chosen.compute_type,
            threads=chosen.threads,
        )


def _guarded(window: Window, listen: Callable[[Window], Heard]) -> Heard:
    """Fail closed: whatever goes wrong, the window is to be silenced whole."""
    if not len(window.pcm):
        return silent(window)
    try:
        return listen(window)
    except Exception:  # noqa: BLE001 - a window must never get through because of an unknown error
        return unheard(window)


def _listening(window: Window) -> _Listening:
    """The window's audio at ``VOICE_RATE``.

    Raises:
        ModelError: the window's audio has another length than it says.
    """
    if window.pcm.shape != (window.end - window.start,):
        raise ModelError("a window's audio is not as long as the window")
    audio = window.pcm.astype(np.float32) / np.float32(_FULL_SCALE)
    if window.sample_rate != VOICE_RATE:
        audio = soxr.resample(audio, window.sample_rate, VOICE_RATE)
    speech = [
        Interval(
            max(0, part.start - window.start) * VOICE_RATE // window.sample_rate,
            min(max(0, part.end - window.start) * VOICE_RATE // window.sample_rate, len(audio)),
        )
        for part in window.speech
    ]
    if speech and window.owned is not None:
        # Context beyond a hard cut is heard as well: the words at the border need it.
        if window.start < window.owned.start:
            speech[0] = Interval(0, speech[0].end)
        if window.end > window.owned.end:
            speech[-1] = Interval(speech[-1].start, len(audio))
    return _Listening(audio, tuple(speech), Loudness.of(audio, VOICE_RATE))


def _place(part: Interval, window: Window) -> Interval:
    """An interval at ``VOICE_RATE`` in samples of the call, rounded outward."""
    start = window.start + part.start * window.sample_rate // VOICE_RATE
    end = window.start - (-part.end * window.sample_rate // VOICE_RATE)
    return Interval(start, max(start, min(end, window.end)))


def _in_call(word: _Word, window: Window) -> Word:
    placed = _place(word.spoken, window)
    hearing = word.hearing
    owned = window.owned
    middle = (placed.start + placed.end) // 2
    if hearing is Hearing.MAIN and owned and not owned.start <= middle < max(owned.end, 1):
        hearing = Hearing.AGAIN  # the neighbouring window states it; as evidence it stays
    return Word(
        channel=window.channel,
        start=placed.start,
        end=placed.end,
        text=word.text,
        probability=word.probability,
        hearing=hearing,
    )


def _start(word: Word) -> int:
    return word.start


_of_process: dict[str, Ear] = {}
"""The ear of a pool process, under ``ear``."""


def start_ear(settings: EarSettings) -> None:
    """Initialiser of a pool process: load the models once.

    Raises:
        ModelError: a model is missing, altered or cannot be loaded.
    """
    _of_process["ear"] = Ear(settings)


def hear(window: Window) -> Heard:
    """``Ear.hear`` with the models of this process; without models, the window is unheard."""
    ear = _of_process.get("ear")
    return unheard(window) if ear is None else ear.hear(window)


def check(window: Window) -> Heard:
    """``Ear.check`` with the models of this process; without models, the window is unheard."""
    ear = _of_process.get("ear")
    return unheard(window) if ear is None else ear.check(window)
