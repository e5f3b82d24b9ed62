"""What a folder or a repository has to hold to be a Whisper that CTranslate2 can run.

Outcomes: ``wanted`` says which of the names are a model's, ``examine`` what the files say of
themselves; each raises ``ModelError`` for what is not such a model. Nothing is unpickled and no
code of a model is run: weights are in CTranslate2's own binary form, everything else is JSON or
text. ``models.store.trial`` loads them.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

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
_LAYER: Final = re.compile(r"decoder/layer_(\d{1,4})/")
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
    layers, heads = _decoder(folder / WEIGHTS)
    config = _object(folder / CONFIG)
    named = config.get("alignment_heads")
    if named is None or not _are_heads(named):
        raise ModelError(
            f"{CONFIG}: names no alignment heads, so that the model could not say when a word was "
            "spoken; convert it anew from a checkpoint whose generation_config.json has them"
        )
    beyond = [one for one in named if one[0] >= layers or one[1] >= heads]
    if beyond:
        raise ModelError(
            f"{CONFIG}: names the alignment head {beyond[0]}, counted from 0, of a decoder that "
            f"has {layers} layers of {heads} heads: it belongs to another model"
        )
    tokenizer = _object(folder / TOKENIZER)
    added: list[Any] = tokenizer.get("added_tokens") or []
    tokens = [one.get("content") for one in added if isinstance(one, dict)]
    lacking = [one for one in _TOKENS if one not in tokens]
    if lacking:
        raise ModelError(f"{TOKENIZER}: is not a Whisper's: it has no {_few(lacking)}")
    _check_suppressed(config, tokenizer)


def _check_suppressed(config: dict[str, Any], tokenizer: dict[str, Any]) -> None:
    """Refuse a configuration by which the model never writes some digit."""
    model = tokenizer.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict):
        raise ModelError(f"{TOKENIZER}: is not a Whisper's: it has no vocabulary")
    digits = {
        number
        for token, number in vocabulary.items()
        if type(number) is int and re.search(r"\d", token) and not token.startswith("<|")
    }
    for name in ("suppress_ids", "suppress_ids_begin"):
        numbers = config.get(name, [])
        if not isinstance(numbers, list) or not all(type(one) is int for one in numbers):
            raise ModelError(f"{CONFIG}: {name} is no list of tokens")
        if digits.intersection(numbers):
            raise ModelError(
                f"{CONFIG}: {name} forbids tokens of digits, so that numbers would not be heard; "
                "take them out, as Whisper's own configuration has none"
            )


def _decoder(path: Path) -> tuple[int, int]:
    """How many layers the decoder has, and how many heads each, by CTranslate2's binary form.

    It begins with a version, the name of what it holds, a revision, and how many variables follow:
    each a name, its dimensions, its type, its size in bytes, and so many bytes.

    Raises:
        ModelError: it is no Whisper in that form.
    """
    layers, heads = 0, 0
    with path.open("rb") as file:
        head = file.read(6 + len(_SPEC))
        length = struct.unpack("<H", head[4:6])[0] if len(head) > 6 else 0  # noqa: PLR2004 - both numbers
        if length != len(_SPEC) or head[6:] != _SPEC:
            raise ModelError(
                f"{WEIGHTS}: does not begin as a CTranslate2 Whisper does. A checkpoint of PyTorch "
                "is none, whatever it is called: convert it with ct2-transformers-converter"
            )
        try:
            _, variables = _read(file, "<II")
            for _ in range(variables):
                (length,) = _read(file, "<H")
                name = file.read(length).rstrip(b"\0").decode()
                (rank,) = _read(file, "<B")
                _read(file, f"<{rank}I")
                _, size = _read(file, "<BI")
                layer = _LAYER.match(name)
                layers = max(layers, int(layer[1]) + 1 if layer else 0)
                if name == "decoder/num_heads":
                    heads = int.from_bytes(file.read(size), "little")
                else:
                    file.seek(size, 1)
        except (struct.error, UnicodeDecodeError):
            raise ModelError(
                f"{WEIGHTS}: is cut off or damaged: CTranslate2 can't read it"
            ) from None
    if not layers or not heads:
        raise ModelError(f"{WEIGHTS}: is no Whisper: its decoder has no layers or heads")
    return layers, heads


def _read(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))


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


def _object(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where that is no object, and so lacks what it has to have."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path.name}: is not JSON ({type(error).__name__})") from None
    return found if isinstance(found, dict) else {}


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - a few
    return ", ".join(names[:3]) + more
