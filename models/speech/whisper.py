"""One Whisper model through CTranslate2: features in, timed words out.

We call CTranslate2 ourselves instead of faster-whisper's ``transcribe`` for three reasons, all
measured: its 30 s encoder input costs three to four times what a window needs, its temperature
fallback makes the same audio cost two to four times as much on some runs (and draws random
numbers), and it drops the time of punctuation, which cuts off the ends of spoken digits.

Outcomes of ``Whisper.decode``: a ``Decoded`` per input (possibly without words), or ``ModelError``.
The same audio gives bit-identical words in every process: greedy or beam search without sampling on
one thread. Whether an input is decoded alone or in a batch changes nothing either, on the
processors on which that was measured; what changed with the batch, alignment, is never batched.

The libraries are loaded with the first model: workers of other stages do without them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.detection.language.vocabulary import known, vocabulary
from pipeline.detection.numbers.tokens import says_number
from pipeline.errors import ModelError, SettingsError
from pipeline.transcription.voice_activity import VOICE_RATE, Samples

if TYPE_CHECKING:
    import ctranslate2
    from faster_whisper.feature_extractor import FeatureExtractor
    from faster_whisper.tokenizer import Tokenizer

FRAMES_PER_SECOND = 100
"""Mel frames a second."""
_STRIDE = 2
"""Mel frames per encoder position."""
LONGEST_S = 30
"""The encoder's positions end here."""
_MOST_ENCODED = {"cpu": 1, "cuda": 16}
"""Inputs in one run of the encoder. On one CPU thread a batch of 4 costs 1.4 times as much per
input as one alone (base, 12 s of input, measured): its attention leaves the cache."""
_SILENT = -1.5
"""Every log-mel feature of digital silence."""
_SETTLE_S = 2
"""Silence that the encoder hears behind the audio; what it makes of more of it is always much the
same (measured: docs/measured.md)."""
_LEAST_S = 6
"""The encoder hears no less than this: short inputs become other words with less silence."""
MOST_TOKENS = 80
"""Token limit of one window; what it cuts off has no word and is listened to again."""
_TOKENS_A_SECOND, _TOKENS_MORE = 8, 16
"""Nobody says more tokens: digits with commas come to 8 a second. Whisper writes a second of noise
as dozens of digits when it was asked for some."""
MOST_PROMPT_TOKENS = 64
_GLANCE = 3
"""Every third position of an input tells its language nearly as well as all of them, at half the
cost: of 218 windows in 16 languages (espeak-ng and human digits) it was off by 0.20 at most."""
_CLEAR = 0.5
"""With less at a glance, all positions are looked at. Of 88 windows in which all of them gave the
call's language less than 0.15, a glance gave 0.24 at most."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with its samples at ``VOICE_RATE``, counted from the start of the audio."""

    start: int
    end: int
    """Where the next word begins, so that the time of punctuation belongs to the word before."""
    text: str = field(repr=False)
    probability: float
    number_probability: float = 0.0
    """What the decoder gave to all number words together where it wrote the beginning of this one;
    0 where it followed several readings at once or was led on by a prompt."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one decode brought."""

    words: tuple[TimedWord, ...]
    no_speech: float
    log_probability: float
    """Mean over the tokens; minus infinity where the limit cut it off."""
    compression: float
    full: bool
    """The token limit was reached: the end of the audio may be missing."""


Encoded: TypeAlias = npt.NDArray[np.float32]
"""What the encoder made of one input, shape ``(1, positions, width)``, in main memory."""

Features: TypeAlias = npt.NDArray[np.float32]
"""Log-mel features, shape ``(bands, frames)``."""


class Whisper:
    """A loaded model.

    Args:
        path: folder with the model's verified files.
        device: ``cpu`` or ``cuda``.
        compute_type: as CTranslate2 names it, such as ``int8``.
        threads: CPU threads; results are bit-identical only for the same number.

    Raises:
        SettingsError: this machine has no such device or arithmetic.
        ModelError: the files cannot be loaded.
    """

    def __init__(
        self,
        path: Path,
        *,
        device: str = "cpu",
        compute_type: str = "int8",
        threads: int = 1,
    ) -> None:
        import tokenizers  # noqa: PLC0415 - see the module

        try:
            self._model = _library().models.Whisper(
                str(path),
                device=device,
                compute_type=compute_type,
                intra_threads=threads,
                inter_threads=1,
            )
            self._raw = tokenizers.Tokenizer.from_file(str(path / "tokenizer.json"))
        except Exception as error:  # both libraries raise types of their own
            if problem := unusable(device, compute_type):
                raise SettingsError(
                    f"device {device}, compute_type {compute_type}: {problem}; set "
                    "HUSHWIRE_DEVICE and HUSHWIRE_COMPUTE_TYPE"
                ) from None
            raise ModelError(f"{path.name}: cannot be loaded ({type(error).__name__})") from error
        self._multilingual = bool(self._model.is_multilingual)
        self.bands = int(self._model.n_mels)
        """Mel bands that it hears: 80, or 128 from large-v3 on."""
        self._tokenizers: dict[str, Tokenizer] = {}
        """Per language that was asked for."""
        self._number_tokens: dict[str, npt.NDArray[np.intp]] = {}
        """Tokens that say a number by themselves, per language."""
        self._most_encoded = _MOST_ENCODED[device]
        self._silence: dict[int, Encoded] = {}
        """What the encoder makes of silence, by how much of it there is."""

    def encode(self, features: Sequence[Features], lengths: Sequence[int]) -> list[Encoded]:
        """Run the encoder.

        Where inputs go through it one by one, it hears each with a little silence behind it and no
        more: the rest of what it makes of silence is always the same, and is put behind.

        Args:
            features: inputs of one shape.
            lengths: samples of each input's audio at ``VOICE_RATE``, without the padding.

        Raises:
            ModelError: the model failed.
        """
        try:
            if self._most_encoded == 1:
                return [
                    self._completed(one, length)
                    for one, length in zip(features, lengths, strict=True)
                ]
            encoded: list[Encoded] = []
            for first in range(0, len(features), self._most_encoded):
                encoded += self._run(features[first : first + self._most_encoded])
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"encoding failed ({type(error).__name__})") from None
        return encoded

    def _completed(self, features: Features, length: int) -> Encoded:
        """Encode the audio, and have the silence behind it from the store."""
        whole = features.shape[1]
        audible = length * FRAMES_PER_SECOND // VOICE_RATE
        heard = max(audible + _SETTLE_S * FRAMES_PER_SECOND, _LEAST_S * FRAMES_PER_SECOND)
        heard = -(-heard // _STRIDE) * _STRIDE
        if heard >= whole:
            return self._run([features])[0]
        if whole not in self._silence:
            self._silence[whole] = self._run([np.full_like(features, _SILENT)])[0]
        (encoded,) = self._run([features[:, :heard]])
        return np.concatenate([encoded, self._silence[whole][:, heard // _STRIDE :]], axis=1)

    def _run(self, features: Sequence[Features]) -> list[Encoded]:
        batch = _library().StorageView.from_array(np.stack(features))
        return np.split(np.asarray(self._model.encode(batch, to_cpu=True)), len(features))

    def decode(
        self,
        encoded: Sequence[Encoded],
        lengths: Sequence[int],
        *,
        language: str = "en",
        prompt: str = "",
        beam: int = 1,
    ) -> list[Decoded]:
        """Decode encoded inputs, all at once, and align the words of each.

        Args:
            encoded: what ``encode`` returned, of one shape.
            lengths: samples of each input's audio at ``VOICE_RATE``, without the padding.
            language: ISO 639-1 code of the speech; English-only models take ``en`` alone.
            prompt: text that the decoder takes for what was said before.
            beam: beam size; 1 is greedy.

        Raises:
            ModelError: the model failed, or does not know the language.
        """
        tokens = self._tokens(language)
        start = [*tokens.sot_sequence, tokens.no_timestamps]
        if prompt:
            before = tokens.encode(" " + prompt.strip())[-MOST_PROMPT_TOKENS:]
            start = [tokens.sot_prev, *before, *start]
        limits = [_limit(length) if beam == 1 else MOST_TOKENS for length in lengths]
        try:
            results = self._model.generate(
                _view(encoded),
                [start] * len(encoded),
                beam_size=beam,
                max_length=len(start) + max(limits),
                return_scores=True,
                return_no_speech_prob=True,
                return_logits_vocab=beam == 1 and not prompt,
                suppress_blank=True,
            )
            return [
                self._read(tokens, language, result, one, length, limit)
                for result, one, length, limit in zip(
                    results, encoded, lengths, limits, strict=True
                )
            ]
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"decoding failed ({type(error).__name__})") from None

    def knows(self, language: str) -> bool:
        """Whether the model can be told to hear a language."""
        if not self._multilingual:
            return language == "en"
        return self._raw.token_to_id(f"<|{language}|>") is not None

    def likelihood(self, encoded: Encoded, language: str) -> float:
        """Probability that an input is in a language: one step of the decoder, two in doubt.

        Returns:
            1 for a model that hears English only, which cannot tell.

        Raises:
            ModelError: the model failed.
        """
        if not self._multilingual:
            return 1.0
        glance = self._guess(encoded[:, ::_GLANCE], language)
        return glance if glance >= _CLEAR else self._guess(encoded, language)

    def _guess(self, encoded: Encoded, language: str) -> float:
        try:
            guesses = self._model.detect_language(_view([encoded]))[0]
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"telling the language failed ({type(error).__name__})") from None
        return float(dict(guesses).get(f"<|{language}|>", 0.0))

    def _tokens(self, language: str) -> Tokenizer:
        """Raises ``ModelError`` for a language that the model does not know."""
        if not self.knows(language):
            raise ModelError("the model does not know the language of a call")
        if language not in self._tokenizers:
            from faster_whisper.tokenizer import Tokenizer  # noqa: PLC0415 - see the module

            self._tokenizers[language] = Tokenizer(
                self._raw, self._multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]

    def _read(
        self,
        tokenizer: Tokenizer,
        language: str,
        result: ctranslate2.models.WhisperGenerationResult,
        encoded: Encoded,
        length: int,
        limit: int,
    ) -> Decoded:
        # The same whatever the limits of others in the batch are.
        tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot][: limit - 1]
        full = len(tokens) == limit - 1
        text = tokenizer.decode(tokens).strip().encode()
        return Decoded(
            words=self._align(
                tokenizer, encoded, tokens, length, self._numbers(tokenizer, language, result)
            ),
            no_speech=float(result.no_speech_prob),
            log_probability=-math.inf if full else float(result.scores[0]),
            compression=len(text) / len(zlib.compress(text)) if text else 0.0,
            full=full,
        )

    def _numbers(
        self,
        tokenizer: Tokenizer,
        language: str,
        result: ctranslate2.models.WhisperGenerationResult,
    ) -> list[float]:
        """How probable a number was at each token that was written; nothing where none was asked.

        Counted are tokens that say a number by themselves: figures, "four", " siete"; not the first
        half of " ocho", which two tokens say. Two models that learnt alike write the same wrong
        word for a digit, and often sure of it; where they do, the digit was still a hundred times
        likelier than beside any other word.
        """
        if not result.logits:
            return []
        if language not in self._number_tokens:
            voc = vocabulary(known(language))
            texts = [tokenizer.decode([token]).strip() for token in range(tokenizer.eot)]
            meant = {text: says_number(text, voc) for text in {*texts}}
            self._number_tokens[language] = np.flatnonzero([meant[text] for text in texts])
        found: list[float] = []
        for step in result.logits[0]:
            logits = _in_memory(step)
            shares = np.exp(logits - logits.max())
            share = float(shares[self._number_tokens[language]].sum() / shares.sum())
            found.append(share if math.isfinite(share) else 1.0)
        return found

    def _align(
        self,
        tokenizer: Tokenizer,
        encoded: Encoded,
        tokens: list[int],
        length: int,
        numbers: Sequence[float],
    ) -> tuple[TimedWord, ...]:
        """Word times by cross-attention."""
        if not tokens:
            return ()
        positions = max(1, -(-length * FRAMES_PER_SECOND // VOICE_RATE))
        start = list(tokenizer.sot_sequence)
        # The silence behind the audio holds no word, and every position costs.
        heard = encoded[:, : -(-positions // _STRIDE)]
        aligned = self._model.align(_view([heard]), start, [tokens], positions)[0]
        texts, groups = tokenizer.split_to_word_tokens([*tokens, tokenizer.eot])
        pairs = np.asarray(aligned.alignments, np.int64).reshape(-1, 2)
        if not len(pairs) or len(groups) < 2:  # noqa: PLR2004 - a word and the end
            return ()
        first = np.diff(pairs[:, 0], prepend=-1) > 0
        per_position = VOICE_RATE * _STRIDE // FRAMES_PER_SECOND
        token_starts = pairs[first, 1] * per_position
        bounds = np.cumsum([0, *(len(group) for group in groups[:-1])])
        bounds = np.minimum(bounds, len(token_starts) - 1)
        starts = token_starts[bounds]
        probabilities = np.asarray(aligned.text_token_probs, np.float64)
        words: list[TimedWord] = []
        for index, text in enumerate(texts[:-1]):
            begin, end = int(starts[index]), int(starts[index + 1])
            part = probabilities[bounds[index] : max(bounds[index] + 1, bounds[index + 1])]
            plain = text.strip()
            if not any(letter.isalnum() for letter in plain):
                if words:  # punctuation: its time belongs to the word before
                    before = words.pop()
                    words.append(replace(before, end=end, text=before.text + plain))
                continue
            probability = float(part.mean()) if len(part) else 0.0
            spoken = (any(map(str.isalnum, tokenizer.decode([one]))) for one in groups[index])
            first_spoken = bounds[index] + next((at for at, one in enumerate(spoken) if one), 0)
            number = numbers[first_spoken] if first_spoken < len(numbers) else 0.0
            words.append(TimedWord(begin, end, plain, probability, number))
        return tuple(words)


@cache
def _library() -> Any:  # noqa: ANN401 - a module
    import ctranslate2  # noqa: PLC0415 - see the module

    return ctranslate2


def unusable(device: str, compute_type: str) -> str | None:
    """Why this machine cannot run models in this way; None where it can."""
    if device == "cuda" and not _library().get_cuda_device_count():
        return "no CUDA device can be seen"
    if compute_type not in _library().get_supported_compute_types(device):
        return f"{compute_type} is not an arithmetic of this {device} device"
    return None


def _limit(length: int) -> int:
    """Tokens that so many samples of audio can hold."""
    return min(MOST_TOKENS, _TOKENS_MORE + _TOKENS_A_SECOND * -(-length // VOICE_RATE))


def _in_memory(step: ctranslate2.StorageView) -> npt.NDArray[np.float32]:
    """What a step of the decoder gave each token, from whatever device and in whatever width."""
    library = _library()
    here = step.to_device(library.Device.cpu).to(library.DataType.float32)
    return np.asarray(here, np.float32)


def _view(encoded: Sequence[Encoded]) -> ctranslate2.StorageView:
    return _library().StorageView.from_array(np.ascontiguousarray(np.concatenate(encoded)))


@cache
def _extractor(bands: int) -> FeatureExtractor:
    from faster_whisper.feature_extractor import FeatureExtractor  # noqa: PLC0415 - see the module

    return FeatureExtractor(feature_size=bands)


def features(audio: Samples, feed_s: int, bands: int = 80) -> Features:
    """Log-mel features of the audio, padded with silence to ``feed_s`` seconds.

    Args:
        audio: mono at ``VOICE_RATE``, at most ``feed_s`` seconds.
        feed_s: what the encoder is fed, at most 30 s.
        bands: mel bands that the model hears.

    Raises:
        ValueError: the audio is longer than the feed, or the feed than the encoder.
    """
    samples = feed_s * VOICE_RATE
    if len(audio) > samples or feed_s > LONGEST_S:
        raise ValueError(f"{len(audio)} samples do not fit {feed_s} s of at most {LONGEST_S} s")
    padded = np.zeros(samples, np.float32)
    padded[: len(audio)] = audio
    mel = _extractor(bands)(padded)[:, : feed_s * FRAMES_PER_SECOND]
    return np.asarray(mel, np.float32)
