"""A model of a team's own: a small real ONNX token classifier behind Presidio's contract."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from models.recognizers.gliner import folder_digest
from models.recognizers.token_classifier import TokenClassifierRecognizer
from pipeline.errors import ModelError

WORDS = ("[UNK]", "call", "heron", "project", "now")
LABELS = {"0": "O", "1": "B-PROJECT", "2": "I-PROJECT"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A classifier that holds "heron" for a project, by a table of logits."""
    logits = np.array([[5, 0, 0]] * len(WORDS), np.float32)
    logits[WORDS.index("heron")] = [0, 3, 3]
    table = numpy_helper.from_array(logits, "table")
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "pieces"])
    out = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "pieces", 3])
    node = helper.make_node("Gather", ["table", "input_ids"], ["logits"])
    graph = helper.make_graph([node], "classifier", [ids], [out], [table])
    opset = [helper.make_opsetid("", 20)]
    onnx.save_model(
        helper.make_model(graph, opset_imports=opset, ir_version=10), tmp_path / "model.onnx"
    )
    tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text(json.dumps({"id2label": LABELS}))
    return tmp_path


def recognizer(folder: Path, **more: object) -> TokenClassifierRecognizer:
    given = {"model": str(folder), "sha256": folder_digest(folder), "labels": {"PROJECT": "SITE"}}
    return TokenClassifierRecognizer(**{**given, **more})  # type: ignore[arg-type]


def found(folder: Path, text: str, **more: object) -> list[tuple[str, str]]:
    results = recognizer(folder, **more).analyze(text, ["SITE"])
    return [(one.entity_type, text[one.start : one.end]) for one in results]


def test_what_the_model_finds_is_of_the_named_type(folder: Path) -> None:
    assert found(folder, "call project heron now") == [("SITE", "heron")]


def test_both_labels_of_a_type_count_together(folder: Path) -> None:
    (result,) = recognizer(folder).analyze("heron", ["SITE"])
    assert result.score == pytest.approx(1.0, abs=0.03)


def test_a_text_longer_than_the_model_takes_is_read_to_its_end(folder: Path) -> None:
    assert ("SITE", "heron") in found(folder, "call now " * 40 + "heron", longest=16)


def test_a_type_that_is_not_asked_for_is_not_told(folder: Path) -> None:
    assert recognizer(folder).analyze("heron", ["PERSON"]) == []


def test_other_files_than_those_pinned_are_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="pins by sha256"):
        recognizer(folder, sha256="0" * 64)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        TokenClassifierRecognizer(model=str(tmp_path / "no"), sha256="", labels={})


def test_a_label_that_the_model_does_not_have_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="no label 'PLACE'"):
        recognizer(folder, labels={"PLACE": "SITE"})


def test_what_is_no_model_is_refused(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"none")
    with pytest.raises(ModelError, match="holds no token classifier"):
        recognizer(folder)
