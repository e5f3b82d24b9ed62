"""What a folder or a repository has to hold to be a Whisper that CTranslate2 can run.

Outcomes: ``wanted`` says which of the names are a model's, ``examine`` what the files say of
themselves, ``tried`` what CTranslate2 says once it has loaded them; each raises ``ModelError`` for
what is not such a model. Nothing is unpickled and no code of a model is run: weights are in
CTranslate2's own binary form, everything else is JSON or text.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from pipeline.errors import ModelError

WEIGHTS: Final = "model.bin"
CONFIG: Final = "config.json"
TOKENIZER: Final = "tokenizer.json"
_VOCABULARIES: Final = ("vocabulary.json", "vocabulary.txt")
"""One of them; a model has the one or the other."""
_PREPROCESSOR: Final = "preprocessor_config.json"
_NOTES: Final = re.compile(
    r"(LICENSE|LICENCE|NOTICE|README)|\.git(attributes|ignore)|[\w-][\w.-]*\.(md|json|txt)",
    re.IGNORECASE,
)
"""Text that may lie beside a model. It is left where it is: nothing reads it."""
_SPEC: Final = b"WhisperSpec\0"
"""How CTranslate2 names what its binary file holds (docs of its converters; version 6)."""
_TOKENS: Final = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|transcribe|>",
    "<|startofprev|>",
    "<|notimestamps|>",
)
_MOST_TEXT: Final = 64 << 20
"""Bytes of a file that is no weights."""
_MOST_HEADS: Final = 1_024


@dataclass(frozen=True, slots=True)
class Told:
    """What a model says of itself once it is loaded."""

    multilingual: bool
    bands: int
    """Mel bands that it hears: 80, or 128 from large-v3 on."""


def wanted(names: Iterable[str], place: str) -> tuple[str, ...]:
    """Which files are the model's, in a fixed order.

    Args:
        names: of all files, relative to the folder.
        place: what messages call it.

    Raises:
        ModelError: a file is missing, or there are others than a model's and notes.
    """
    there = set(names)
    vocabulary = next((one for one in _VOCABULARIES if one in there), None)
    missing = [one for one in (WEIGHTS, CONFIG, TOKENIZER) if one not in there]
    missing += [] if vocabulary else ["vocabulary.json or vocabulary.txt"]
    others = sorted(
        one for one in there if one != WEIGHTS and ("/" in one or not _NOTES.fullmatch(one))
    )
    if others:
        raise ModelError(
            f"{place}: {_few(others)} is no part of a CTranslate2 Whisper, and weights in other "
            "forms (pickles, safetensors) are never taken. Leave only the converter's files there"
        )
    if missing or vocabulary is None:
        raise ModelError(
            f"{place}: {_few(missing)} is missing. It has to be a Whisper that was converted for "
            "CTranslate2: ct2-transformers-converter --model openai/whisper-small "
            "--copy_files tokenizer.json preprocessor_config.json --output_dir DIR"
        )
    more = [_PREPROCESSOR] if _PREPROCESSOR in there else []
    return (WEIGHTS, CONFIG, TOKENIZER, vocabulary, *more)


def examine(folder: Path, names: Iterable[str]) -> None:
    """Check a model's files by what is in them, without any library that runs it.

    Raises:
        ModelError: a file is not what its name says; the message names it.
    """
    for name in names:
        if name != WEIGHTS and (folder / name).stat().st_size > _MOST_TEXT:
            raise ModelError(
                f"{name}: is larger than {_MOST_TEXT >> 20} MB, which no text of a model is"
            )
    _check_header(folder / WEIGHTS)
    config = _json(folder / CONFIG)
    heads = config.get("alignment_heads") if isinstance(config, dict) else None
    if not _are_heads(heads):
        raise ModelError(
            f"{CONFIG}: names no alignment heads, so that the model could not say when a word was "
            "spoken; convert it anew from a checkpoint whose generation_config.json has them"
        )
    tokenizer = _json(folder / TOKENIZER)
    added = tokenizer.get("added_tokens") if isinstance(tokenizer, dict) else None
    tokens = {one.get("content") for one in added or () if isinstance(one, dict)}
    lacking = [one for one in _TOKENS if one not in tokens]
    if lacking:
        raise ModelError(f"{TOKENIZER}: is not a Whisper's: it has no {_few(lacking)}")


def tried(folder: Path) -> Told:
    """Load the model in a process of its own, and let it hear and time a word's worth of noise.

    Weights that crash the library end that process and not ours.

    Raises:
        ModelError: it can't be loaded, or fails.
    """
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    try:
        told = pool.submit(_try, folder).result()
    except BrokenProcessPool:
        raise ModelError(
            "CTranslate2 ends without a word when it loads this model: it is damaged, or the "
            "machine has too little memory for it"
        ) from None
    finally:
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
    except ImportError:
        return "the speech libraries are not installed here: pip install 'hushwire[speech]'"
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / TOKENIZER))
        model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8")
        told = Told(bool(model.is_multilingual), int(model.n_mels))
        noise = np.random.default_rng(0).normal(0, 0.1, (1, told.bands, 200)).astype(np.float32)
        heard = model.encode(ctranslate2.StorageView.from_array(noise), to_cpu=True)
        ids = [tokenizer.token_to_id(one) for one in ("<|startoftranscript|>", "<|notimestamps|>")]
        if None in ids:
            return f"{TOKENIZER}: lacks tokens of a Whisper"
        model.generate(heard, [ids], max_length=4)
        word = tokenizer.encode(" one two", add_special_tokens=False).ids
        (aligned,) = model.align(heard, ids[:1], [word], 100)
    except Exception as error:  # noqa: BLE001 - both libraries raise types of their own
        return (
            f"CTranslate2 cannot run it ({type(error).__name__}): weights, vocabulary and "
            "tokenizer have to be of one model, converted by a version that this one reads"
        )
    if not aligned.alignments:
        return "it states no times of words"
    return told


def _check_header(path: Path) -> None:
    """The beginning of CTranslate2's binary form: version, length of the name, name."""
    with path.open("rb") as file:
        head = file.read(6 + len(_SPEC))
    length = struct.unpack("<H", head[4:6])[0] if len(head) > 6 else 0  # noqa: PLR2004 - both numbers
    if length != len(_SPEC) or head[6:] != _SPEC:
        raise ModelError(
            f"{WEIGHTS}: does not begin as a CTranslate2 Whisper does. A checkpoint of PyTorch is "
            "none, whatever it is called: convert it with ct2-transformers-converter"
        )


def _are_heads(heads: object) -> bool:
    return (
        isinstance(heads, list)
        and 0 < len(heads) <= _MOST_HEADS
        and all(
            isinstance(one, list)
            and len(one) == 2  # noqa: PLR2004 - layer and head
            and all(type(part) is int and 0 <= part < _MOST_HEADS for part in one)
            for one in heads
        )
    )


def _json(path: Path) -> Any:  # noqa: ANN401 - a foreign file
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path.name}: is not JSON ({type(error).__name__})") from None


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - a few
    return ", ".join(names[:3]) + more
