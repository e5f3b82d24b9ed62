"""Writes a real CTranslate2 Whisper of a few kilobytes; its weights are drawn, so it hears nothing.

CTranslate2's own converter writes it: what is loaded, encoded, decoded and aligned is the library's
work, as with any other Whisper.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tokenizers
from ctranslate2.specs import whisper_spec
from tokenizers import decoders, models, pre_tokenizers

SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
WIDTH, POSITIONS, TEXT = 16, 1_500, 448


def write_whisper(
    folder: Path,
    *,
    bands: int = 80,
    seed: int = 0,
    tokenizer: Path | None = None,
    heads: Sequence[tuple[int, int]] = ((0, 0),),
) -> Path:
    """One layer each, one head.

    Args:
        folder: made for it.
        bands: mel bands.
        seed: of the weights.
        tokenizer: of another Whisper, whose tokens it then has; without it letters and signs.
        heads: for the times of words.
    """
    folder.mkdir(parents=True)
    if tokenizer is None:
        vocabulary = _letters(folder / "tokenizer.json")
    else:
        (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
        known = tokenizers.Tokenizer.from_file(str(tokenizer)).get_vocab(with_added_tokens=True)
        vocabulary = sorted(known, key=known.__getitem__)
        vocabulary += [f"<|{at * 0.02:.2f}|>" for at in range(51_864 - len(vocabulary))]
    spec = whisper_spec.WhisperSpec(1, 1, 1, 1)
    draw = np.random.default_rng(seed)

    def some(*shape: int) -> npt.NDArray[np.float32]:
        return draw.normal(0, 0.3, shape).astype(np.float32)

    spec.encoder.conv1.weight, spec.encoder.conv1.bias = some(WIDTH, bands, 3), some(WIDTH)
    spec.encoder.conv2.weight, spec.encoder.conv2.bias = some(WIDTH, WIDTH, 3), some(WIDTH)
    spec.encoder.position_encodings.encodings = some(POSITIONS, WIDTH)
    spec.decoder.position_encodings.encodings = some(TEXT, WIDTH)
    spec.decoder.embeddings.weight = some(len(vocabulary), WIDTH)
    spec.decoder.projection.weight = some(len(vocabulary), WIDTH)
    layers = [*spec.encoder.layer, *spec.decoder.layer]
    for norm in (spec.encoder.layer_norm, spec.decoder.layer_norm):
        norm.gamma, norm.beta = some(WIDTH), some(WIDTH)
    for layer in layers:
        for attention in (layer.self_attention, getattr(layer, "attention", None)):
            if attention is None:
                continue
            attention.layer_norm.gamma, attention.layer_norm.beta = some(WIDTH), some(WIDTH)
            crossing = attention is not layer.self_attention
            sizes = [WIDTH, 2 * WIDTH, WIDTH] if crossing else [3 * WIDTH, WIDTH]
            for linear, size in zip(attention.linear, sizes, strict=True):
                linear.weight, linear.bias = some(size, WIDTH), some(size)
        norm = layer.ffn.layer_norm
        norm.gamma, norm.beta = some(WIDTH), some(WIDTH)
        layer.ffn.linear_0.weight, layer.ffn.linear_0.bias = some(2 * WIDTH, WIDTH), some(2 * WIDTH)
        layer.ffn.linear_1.weight, layer.ffn.linear_1.bias = some(WIDTH, 2 * WIDTH), some(WIDTH)
    spec.config.alignment_heads = [list(one) for one in heads]
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids = [vocabulary.index("<|en|>")]
    spec.register_vocabulary(vocabulary)
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    return folder


def _letters(path: Path) -> list[str]:
    """Writes a tokenizer of single bytes; returns its tokens in order."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = [*letters, *SPECIAL]
    numbers = {token: number for number, token in enumerate(letters)}
    made = tokenizers.Tokenizer(models.BPE(vocab=numbers, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(list(SPECIAL))
    made.save(str(path))
    return vocabulary
