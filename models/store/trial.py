"""Hears the sample call with a Whisper that is to be added, in a process of its own.

Outcomes of ``tried``: what the model is, or ``ModelError`` for one that can't be loaded, fails,
hangs, or places words where they were not said: digits would be silenced at other places then. What
was said is given to it, so that the language it was trained for does not matter.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import resources
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.store.whisper_files import CONFIG, TOKENIZER, WEIGHTS, Told
from pipeline.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LONGEST_S, _MORE_S = 60.0, 60.0
"""How long it may take, and more for each GB of weights."""
_FAR_S: Final = 0.5
"""Between where a digit is said and where it is placed. Base and tiny.en come to 0.3 s; with one
other head for the alignment, base comes to 0.6 to 18 s, but for two heads that place as well."""
_RATE: Final = 16_000
_FED_S: Final = 20
_PER_SECOND: Final = 100
"""Mel frames."""
_POSITION_S: Final = 0.02
"""Of the encoder."""


def tried(folder: Path) -> Told:
    """Load the model in a process of its own, and let it place the digits of the sample call.

    Weights that crash or stall the library end that process and not ours.

    Raises:
        ModelError: it can't be loaded, fails, takes too long, or places them elsewhere.
    """
    longest_s = _LONGEST_S + _MORE_S * (folder / WEIGHTS).stat().st_size / 1e9
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    try:
        told = pool.submit(_try, folder).result(longest_s)
    except BrokenProcessPool:
        raise ModelError(
            "CTranslate2 ends without a word when it loads this model: it is damaged, or the "
            "machine has too little memory for it"
        ) from None
    except TimeoutError:
        raise ModelError(
            f"hearing 20 seconds with it takes longer than {longest_s:.0f} s here: it is damaged, "
            "or this machine can't carry it"
        ) from None
    finally:
        for child in tuple((getattr(pool, "_processes", None) or {}).values()):
            child.kill()  # what hangs would never be joined
        pool.shutdown(cancel_futures=True)
    if isinstance(told, str):
        raise ModelError(told)
    return told


def _try(folder: Path) -> Told | str:
    """What the model tells, or what is wrong with it."""
    try:
        # Only here: the catalogue is read by commands that need no speech library.
        import ctranslate2  # noqa: PLC0415
        import numpy as np  # noqa: PLC0415
        import tokenizers  # noqa: PLC0415
        from faster_whisper.feature_extractor import FeatureExtractor  # noqa: PLC0415

        audio, words = _sample()
    except ImportError:
        return (
            "the speech libraries are not installed here: pip install 'hushwire[speech]', or "
            "pinned and offline by requirements-image.txt (docs/deploy/install.md)"
        )
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / TOKENIZER))
        model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8")
        told = Told(bool(model.is_multilingual), int(model.n_mels))
        named = ["<|startoftranscript|>", *(["<|en|>", "<|transcribe|>"] * told.multilingual)]
        start = [tokenizer.token_to_id(one) for one in (*named, "<|notimestamps|>")]
        if None in start:
            return f"{TOKENIZER}: lacks tokens of a Whisper"
        padded = np.pad(audio, (0, _FED_S * _RATE - len(audio)))
        mel = FeatureExtractor(feature_size=told.bands)(padded)[None, :, : _FED_S * _PER_SECOND]
        features = ctranslate2.StorageView.from_array(np.ascontiguousarray(mel, np.float32))
        heard = model.encode(features, to_cpu=True)
        model.generate(heard, [start], max_length=len(start) + 4)
        texts = [tokenizer.encode(f" {word}", add_special_tokens=False).ids for _, word in words]
        frames = len(audio) * _PER_SECOND // _RATE
        tokens = [token for text in texts for token in text]
        (aligned,) = model.align(heard, start[:-1], [tokens], frames)
    except Exception as error:  # noqa: BLE001 - these libraries raise types of their own
        return (
            f"CTranslate2 cannot run it ({type(error).__name__}): weights, vocabulary and "
            "tokenizer have to be of one model, converted by a version that this one reads"
        )
    places: dict[int, int] = {}
    for token, position in aligned.alignments:
        places.setdefault(token, position)
    first = np.cumsum([0, *map(len, texts)])
    off = [
        abs(places.get(int(at), -frames) * _POSITION_S - said)
        for at, (said, word) in zip(first, words, strict=False)
        if word.isdigit()
    ]
    if max(off) > _FAR_S:
        return (
            f"{CONFIG}: with its alignment heads, digits of a sample call are placed up to "
            f"{max(off):.1f} s from where they are said, so that other words would be "
            "silenced; it has to name those of the checkpoint (its generation_config.json has them)"
        )
    return told


def _sample() -> tuple[npt.NDArray[np.float32], list[tuple[float, str]]]:
    """Audio at 16 kHz, and its words with the seconds at which each begins in it."""
    import numpy as np  # noqa: PLC0415 - as above
    import soundfile  # noqa: PLC0415
    import soxr  # noqa: PLC0415

    place = resources.files("models.speech")
    about: Any = json.loads((place / "sample_call.json").read_text(encoding="utf-8"))["placed"]
    with resources.as_file(place / "sample_call.ogg") as path:
        pcm, rate = soundfile.read(path, dtype="float32", always_2d=True)
    part = slice(*(round(one * rate) for one in about["seconds"]))
    audio = soxr.resample(pcm[part, about["channel"]], rate, _RATE)
    begin = about["seconds"][0]
    return np.asarray(audio, np.float32), [(at - begin, word) for at, word in about["words"]]
