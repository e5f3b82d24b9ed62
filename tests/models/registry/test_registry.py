"""A registry of own recognisers: what is wrong is refused at load, with file, line and reason."""

from __future__ import annotations

import re
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
from presidio_analyzer.predefined_recognizers.ner import gliner_recognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

from models.recognizers.gliner import folder_digest
from models.registry.class_loading import known_classes
from models.registry.known_names import known_names
from models.registry.regex_guard import LONGEST_TURN, problem_of
from models.registry.registry import load_registry
from models.registry.schema import SHIPPED
from pipeline.errors import ModelError, PolicyError
from pipeline.policy.known_names import Known
from pipeline.policy.loading import parse_policy
from pipeline.records.entities import Entity

pytestmark = pytest.mark.unit

POLICY = parse_policy(
    "name: own\nversion: '1'\nentities:\n  LOYALTY_ID: {threshold: 0.5}\n",
    known=Known(entities=frozenset({"LOYALTY_ID"})),
)
PATTERN = """\
recognizers:
  - name: Loyalty card
    supported_entity: LOYALTY_ID
    patterns:
      - {name: L and digits, regex: '\\bL\\d{8}\\b', score: 0.6}
    context: [loyalty]
"""
CLASS = """
from models.recognizers.base import Hit, SpokenRecognizer


class ProjectNames(SpokenRecognizer):
    ENTITIES = ("LOYALTY_ID",)

    def __init__(self, word="walrus", **given):
        super().__init__(**given)
        self.word = word

    def find(self, turn):
        for at, token in enumerate(turn.tokens):
            if token.key == self.word:
                yield Hit("LOYALTY_ID", at, at + 1, 0.9, "project")


class NoRecognizer:
    pass
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        load_registry(write(folder, text), POLICY)
    return str(caught.value)


def test_the_shipped_file_is_what_presidio_makes_of_it() -> None:
    known_classes()  # imports ours, so that Presidio knows them by name
    theirs = RecognizerRegistryProvider(conf_file=SHIPPED).create_recognizer_registry()
    ours = [one for one in load_registry().registered if one.language == "en"]
    assert sorted((one.name, one.language, one.entities) for one in ours) == sorted(
        (one.name, one.supported_language, tuple(sorted(map(str, one.supported_entities))))
        for one in theirs.recognizers
    )


def test_own_recognisers_come_after_the_shipped_ones(tmp_path: Path) -> None:
    registry = load_registry(write(tmp_path, PATTERN), POLICY)
    own = registry.registered[-1]
    assert (own.name, own.language, own.entities) == ("Loyalty card", "en", ("LOYALTY_ID",))
    assert not own.shipped
    assert len(registry.registered) == len(load_registry().registered) + 1
    (found,) = own.recognizer.analyze("it is L12345678 then", ["LOYALTY_ID"], None)
    assert (found.start, found.end, found.score) == (6, 15, 0.6)


def test_a_class_comes_from_a_file_or_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_names.py").write_text(CLASS)
    monkeypatch.syspath_prepend(str(tmp_path))
    for place in ("own_names.py:ProjectNames", "own_names.ProjectNames"):
        text = f"recognizers:\n  - {{name: Projects, class_name: '{place}', word: heron}}\n"
        recognizer = load_registry(write(tmp_path, text), POLICY).registered[-1].recognizer
        (found,) = recognizer.analyze("the heron project", [], None)
        assert (found.start, found.end, found.entity_type) == (4, 9, "LOYALTY_ID")


def test_a_shipped_one_may_be_switched_off_but_not_for_payment_data(tmp_path: Path) -> None:
    text = "recognizers:\n  - {name: SpokenAgeRecognizer, type: predefined, enabled: false}\n"
    names = {one.name for one in load_registry(write(tmp_path, text)).registered}
    assert "SpokenAgeRecognizer" not in names
    text = text.replace("SpokenAge", "CreditCard")
    assert "line 2: recognizers.0.enabled: it finds payment data" in refused(tmp_path, text)
    text = text.replace("CreditCard", "NoSuch")
    assert "no recogniser NoSuchRecognizer is shipped" in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("context:", "contexts:", "line 6: recognizers.0.contexts: unknown key"),
        ("score: 0.6", "score: 1.6", "line 5: recognizers.0.patterns.0.score: Input should be"),
        (r"\bL\d{8}\b", "L[", "line 5: recognizers.0.patterns.0.regex: no regular expression"),
        (r"\bL\d{8}\b", "(L+)+x", "line 5: recognizers.0.patterns.0.regex: can take for ever"),
        (r"\bL\d{8}\b", "L*", "matches an empty text"),
        ("regex:", "regexp:", "line 5: recognizers.0.patterns.0.regexp: unknown key"),
        ("LOYALTY_ID", "LOYALTY", "line 3: recognizers.0.supported_entity: the policy knows no"),
        ("context:", "supported_language: xx\n    context:", "no data for language 'xx'"),
        ("recognizers:", "supported_languages: [en, xx]\nrecognizers:", "line 1: supported_lang"),
        ("Loyalty card", "SpokenAgeRecognizer", "line 2: recognizers.0.name: a recogniser Spoken"),
        ("recognizers:", "recognisers:", "line 1"),
        ("    context:", "    name: twice\n    context:", "line 6: name stands here a second time"),
    ],
)
def test_a_wrong_pattern_is_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    told = refused(tmp_path, PATTERN.replace(old, new))
    assert "own.yaml" in told
    assert reason in told


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("{name: X, class_name: 'gone.py:X'}", "gone.py: there is no such file"),
        ("{name: X, class_name: 'own.py:Gone'}", "there is no class Gone"),
        ("{name: X, class_name: 'own.py:NoRecognizer'}", "no subclass of Presidio's Entity"),
        ("{name: X, class_name: 'broken.py:X'}", "broken.py: cannot be imported (SyntaxError"),
        ("{name: X, class_name: no.such.package.X}", "cannot be imported (ModuleNotFoundError"),
        ("{name: NoSuchRecognizer, type: predefined}", "neither Hushwire nor Presidio has"),
        ("{name: X, class_name: 'open.py:X'}", "open.py: everybody may write it"),
        ("{name: X, class_name: CreditCardRecognizer, words: 1}", "words: unknown key"),
        ("{name: X, supported_entity: LOYALTY_ID}", "neither patterns nor a deny_list"),
        ("{name: X, supported_entity: LOYALTY_ID, deny_list: [' ']}", "deny_list.0: an empty"),
    ],
)
def test_a_wrong_class_is_refused(tmp_path: Path, entry: str, reason: str) -> None:
    (tmp_path / "own.py").write_text(CLASS)
    (tmp_path / "broken.py").write_text("class X(:")
    (tmp_path / "open.py").write_text(CLASS)
    (tmp_path / "open.py").chmod(0o666)
    told = refused(tmp_path, f"recognizers:\n  - {entry}\n")
    assert "own.yaml, line 2" in told
    assert reason in told


def test_a_registry_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, PATTERN)
    path.chmod(0o666)
    with pytest.raises(PolicyError, match="everybody may write it"):
        load_registry(path, POLICY)
    with pytest.raises(PolicyError, match=r"absent\.yaml: cannot be read"):
        load_registry(tmp_path / "absent.yaml")


def test_the_example_of_the_docs_can_be_used(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "detectors.md").read_text(encoding="utf-8")
    registry, policy, code, *_ = re.findall(r"(?ms)^```\w+\n(.*?)^```", page)
    (tmp_path / "projects.py").write_text(code)
    own = write(tmp_path, registry)
    loaded = load_registry(own, parse_policy(policy, known=known_names(own)))
    assert [one.name for one in loaded.registered if not one.shipped] == [
        "Loyalty card",
        "Secret sites",
        "Projects",
    ]


@pytest.mark.parametrize(
    "pattern", [r"\b[A-Z]{2}\d{6}\b", r"(?:\d[ -]*?){13,16}", r"acct[ :#]*\d{6,12}", r"\w+@\w+"]
)
def test_usual_patterns_are_accepted(pattern: str) -> None:
    assert problem_of(pattern, 26) == ""


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|a)*b", r"(\w+\s?)+:", r"(x+x+)+y"])
def test_patterns_that_never_end_are_not(pattern: str) -> None:
    assert "can take for ever" in problem_of(pattern, 26)


def test_a_pattern_that_takes_too_long_at_work_raises(tmp_path: Path) -> None:
    registered = load_registry(write(tmp_path, PATTERN), POLICY).registered[-1]
    recognizer: Any = registered.recognizer
    bounded = recognizer.patterns[0].compiled_regex
    bounded._compiled = __import__("regex").compile("(a+)+b")
    with pytest.raises(ModelError, match="Loyalty card took longer"):
        recognizer.analyze("a" * LONGEST_TURN + "b" + "a" * LONGEST_TURN + "c b", [], None)


class FakeGliner:
    """Stands in for the package: it finds a word wherever it is asked for people."""

    loaded: ClassVar[dict[str, object]] = {}

    @classmethod
    def from_pretrained(cls, place: str, **given: object) -> FakeGliner:
        cls.loaded = {"place": place, **given}
        return cls()

    def predict_entities(self, *, text: str, labels: list[str], **_: object) -> list[Any]:
        at = text.find("Zorblax")
        found = {"label": "person", "start": at, "end": at + 7, "score": 0.8, "text": "Zorblax"}
        return [found] if at >= 0 and "person" in labels else []


def test_a_stronger_model_is_loaded_from_pinned_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"weights")
    digest = folder_digest(weights)
    text = (
        "recognizers:\n  - name: GLiNER\n    class_name: GlinerRecognizer\n"
        f"    model: {weights}\n    sha256: {digest}\n"
    )
    assert "the package gliner is not installed" in refused(tmp_path, text)
    fake = ModuleType("gliner")
    fake.__spec__ = ModuleSpec("gliner", None)
    monkeypatch.setitem(sys.modules, "gliner", fake)
    monkeypatch.setattr(gliner_recognizer, "GLiNER", FakeGliner)
    recognizer = load_registry(write(tmp_path, text)).registered[-1].recognizer
    assert FakeGliner.loaded["place"] == str(weights)
    assert FakeGliner.loaded["local_files_only"] is True
    entities = [*map(str, Entity)]
    (found,) = recognizer.analyze("this is Zorblax speaking", entities, None)
    assert (found.entity_type, found.start, found.end) == ("PERSON", 8, 15)
    assert "Zorblax" not in str(vars(found.analysis_explanation))
    (weights / "model.safetensors").write_bytes(b"others")
    assert "not those that the registry pins" in refused(tmp_path, text)
    (weights / "model.safetensors").unlink()
    weights.rmdir()
    assert "there is no folder with weights" in refused(tmp_path, text)


def test_the_stronger_model_is_off_as_shipped() -> None:
    assert "GlinerRecognizer" not in {one.name for one in load_registry().registered}
    assert SimpleNamespace(**known_classes()).GlinerRecognizer
