"""Names that nobody knows, everywhere in a policy; all mistakes at once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from typer.testing import CliRunner

import pipeline
from agents.app.wiring import worker_config
from agents.cli.main import app
from agents.settings.model import load_settings
from agents.settings.policies import read_policy
from models.registry.known_names import known_names
from models.registry.registry import load_registry
from pipeline.errors import PolicyError, likely
from pipeline.policy.known_names import BUILT_IN, Known
from pipeline.policy.loading import load_policy, parse_policy
from pipeline.records.entities import PAYMENT, Entity
from pipeline.records.scores import NUMBER_RECOGNIZERS

pytestmark = pytest.mark.unit

HEAD = "name: own\nversion: '1'\n"
OWN = """\
recognizers:
  - name: Loyalty card
    supported_entity: LOYALTY_ID
    patterns: [{name: L, regex: 'L[0-9]{8}', score: 0.6}]
  - name: Projects
    class_name: projects.py:Projects
  - {name: SpokenAgeRecognizer, type: predefined, enabled: false}
"""
CLASS = """
from models.recognizers.base import SpokenRecognizer


class Projects(SpokenRecognizer):
    ENTITIES = ("SITE",)

    def find(self, turn):
        return ()
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of own recognisers, in the folder that is worked in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "projects.py").write_text(CLASS)
    (tmp_path / "own.yaml").write_text(OWN)
    return tmp_path / "own.yaml"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "default: {action: keep}\nentities:\n  CARD_NUMBR: {action: mute}\n",
            "line 5: entities.CARD_NUMBR: no type .*; did you mean CARD_NUMBER?",
        ),
        ("entities:\n  Card_number: {}\n", "line 4: .*; did you mean CARD_NUMBER?"),
        ("entities:\n  CARD-NUMBER: {}\n", "line 4: .*; did you mean CARD_NUMBER?"),
        ("entities: {CVV2_OF_CARDS: {}}\n", "line 3: .*finds$"),
        ("entities: {LOYALTY_ID: {}}\n", "no type that Hushwire or the recogniser file in use"),
        (
            "recognizers:\n  spoken-card-numbr: {threshold: 0.2}\n",
            "line 4: recognizers.spoken-card-numbr: no recogniser .* spoken-card-number?",
        ),
        ("recognizers:\n  AgeRecogniser: {threshold: 0.2}\n", "no recogniser has this name"),
        (
            "recognizers:\n  spoken-answer:\n    entities: {PINS: 0.2}\n",
            "line 5: recognizers.spoken-answer.entities.PINS: .* did you mean PIN?",
        ),
        ("retention: {defualt: 30}\n", "line 3: retention.defualt: no purpose .* default?"),
        ("retention: {nosuch: 30}\n", "no purpose of this installation"),
        ("allow:\n  PERSONS: [Dana Reyes]\n", "line 4: allow.PERSONS: .* did you mean PERSON?"),
        ("allow:\n  PERSONS: []\n", "line 4: allow.PERSONS"),
        ('entities: {"A\\nB": {}}\n', r"entities.'A\\nB': no type"),
    ],
)
def test_a_name_that_nobody_knows_is_refused(text: str, told: str) -> None:
    with pytest.raises(PolicyError, match=told.replace("?", r"\?")) as caught:
        parse_policy(HEAD + text)
    assert len(str(caught.value).splitlines()) == 1


def test_a_name_that_is_known_here_is_taken(own: Path) -> None:
    known = known_names(own, ["training"])
    policy = parse_policy(
        HEAD + "entities: {LOYALTY_ID: {}, SITE: {}}\nretention: {default: 9, training: 3}\n"
        "recognizers:\n  Loyalty card: {threshold: 0.2}\n  spoken-answer: {threshold: 0.6}\n"
        "  reader: {entities: {PERSON: 0.6}}\n  CreditCardRecognizer: {threshold: 0.3}\n",
        known=known,
    )
    assert load_registry(own, policy).entities
    with pytest.raises(PolicyError, match="SpokenAgeRecognizer: no recogniser has this name"):
        parse_policy(HEAD + "recognizers: {SpokenAgeRecognizer: {threshold: 0.9}}\n", known=known)
    assert parse_policy(
        HEAD + "recognizers: {SpokenAgeRecognizer: {threshold: 0.9}}\n", known=known_names()
    )


def test_what_a_policy_extends_is_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(HEAD + "entities: {IBANN: {}}\n")
    (tmp_path / "next.yaml").write_text(HEAD + "extends: [pci, base.yaml]\nmuting: {style: no}\n")
    last = tmp_path / "last.yaml"
    last.write_text(HEAD + "extends: next.yaml\nretention: {x: 3}\n")
    good = tmp_path / "good.yaml"
    good.write_text(HEAD)
    for source in (str(last), f"{good}+{last}", f"{last}+pci"):
        with pytest.raises(PolicyError) as caught:
            load_policy(source)
        base, style, purpose = str(caught.value).splitlines()
        assert base.startswith("base.yaml, line 3: entities.IBANN: ")
        assert style.startswith("next.yaml, line 4: muting.style: ")
        assert purpose.startswith(f"{last}, line 4: retention.x: ")


def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines() -> None:
    text = """\
name: own
version: 7
entities:
  CARD_NUMBR: {action: silence}
  PIN: {threshold: 2, transcript: mask}
allow:
  CARD_NUMBER: ["4111 1111 1111 1111"]
  NAME: [Dana Reyes]
echos: {}
"""
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    told = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in told] == [
        f"policy, line {number}" for number in (2, 4, 4, 5, 8, 9)
    ]
    # What only a policy of the right form can be asked is told as soon as the form is right.
    with pytest.raises(PolicyError, match=r"allow\.CARD_NUMBER\.0: .*never left audible"):
        parse_policy(text.replace("7", "'7'").replace("silence", "mute").replace("2,", "0.2,")
                     .replace("echos: {}\n", ""))  # fmt: skip


def test_thousands_of_mistakes_are_counted() -> None:
    with pytest.raises(PolicyError, match="and 450 more mistakes") as caught:
        parse_policy(HEAD + "entities:\n" + "".join(f"  E{n}: {{}}\n" for n in range(500)))
    assert len(str(caught.value).splitlines()) == 51


@pytest.mark.parametrize("command", ["worker", "shadow"])
def test_nothing_starts_with_a_name_that_nobody_knows(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = tmp_path / "typo.yaml"
    wrong.write_text(HEAD + "recognizers: {spoken-pinn: {threshold: 0.1}}\n")
    setting = {"worker": "HUSHWIRE_POLICY", "shadow": "HUSHWIRE_SHADOW_POLICY"}[command]
    monkeypatch.setenv(setting, str(wrong))
    with pytest.raises(PolicyError, match="did you mean spoken-pin"):
        worker_config(["mute"], None, load_settings(bootstrap="127.0.0.1:9"))


def test_settings_say_what_is_known(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = own.with_name("mine.yaml")
    mine.write_text(HEAD + "entities: {LOYALTY_ID: {}}\nretention: {default: 9, training: 3}\n")
    with pytest.raises(PolicyError, match="LOYALTY_ID"):
        read_policy(load_settings(policy=str(mine)))
    monkeypatch.setenv("HUSHWIRE_RECOGNIZERS", str(own))
    monkeypatch.setenv("HUSHWIRE_PURPOSES", "legal, training")
    settings = load_settings(policy=str(mine))
    assert settings.purposes == ("legal", "training")
    assert read_policy(settings).name == "own"
    (own.parent / "hushwire.toml").write_text('purposes = ["training"]\n')
    monkeypatch.delenv("HUSHWIRE_PURPOSES")
    assert read_policy(load_settings(policy=str(mine))).keep_days("training") == 3


def test_the_check_of_the_command_line(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUSHWIRE_RECOGNIZERS", str(own))
    mine = own.with_name("mine.yaml")
    mine.write_text(
        HEAD + "default: {action: keep}\nentities:\n  LOYALTY_ID: {}\n"
        "  CARD_NUMBER: {action: mute, threshold: 1.0}\n  PIN: {action: count}\n"
        + "".join(
            f"  {one}: {{action: mute}}\n"
            for one in sorted(PAYMENT - {Entity.CARD_NUMBER, Entity.PIN, Entity.IBAN})
        )
    )
    result = CliRunner().invoke(app, ["policy", "check", str(mine)])
    assert result.exit_code == 0
    assert result.stdout.startswith("own version 1 sha256 ")
    assert [line.split(":")[1].strip() for line in result.stderr.splitlines() if ":" in line] == [
        "CARD_NUMBER",
        "IBAN",
        "NUMBER_SEQUENCE",
        "PASSWORD",
        "PIN",
    ]


def test_every_recogniser_of_numbers_is_known() -> None:
    """Literals of the engine, so that none is added without its name."""
    named = set()
    for file in Path(pipeline.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named |= {node.value} if node.value.startswith("spoken-") else set()
    # Undecided numbers are muted whatever they score: no threshold applies.
    assert named - {"spoken-", "spoken-undecided-number"} <= NUMBER_RECOGNIZERS


def test_what_is_not_like_any_name_is_not_guessed() -> None:
    assert likely("XYZ", BUILT_IN.entities) == ""
    assert likely("a" * 100_000, BUILT_IN.entities) == ""
    assert Known().purposes == {"default"}
