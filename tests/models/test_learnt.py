"""The learnt tagger at work: it adds to what rules find, and doubts it, in the policy's terms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models import likelihood, presidio, recognizers
from models.likelihood import DOUBTED, LEARNT, LEAST, Likely, likeliest, likely
from models.presidio import Analyzer, explained
from models.reading import TurnReader
from models.recognizers import learnt, ner
from models.spoken import Turn, turn_of
from models.turns import Spoken, Stream
from pipeline.numbers import words_from_text
from pipeline.policy import load_policy

pytestmark = pytest.mark.models

OWN = """\
recognizers:
  - {name: Sites, supported_entity: PERSON, deny_list: [moonbase]}
"""


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> Analyzer:
    registry: Path = tmp_path_factory.mktemp("own") / "own.yaml"
    registry.write_text(OWN)
    return Analyzer(registry, load_policy("default"))


def scores(analyzer: Analyzer, turn: Turn) -> dict[str, float]:
    return {explained(one): one.score for one in analyzer.analyze(turn, names=True)}


def replace_likely(monkeypatch: pytest.MonkeyPatch, function: Callable[[Turn], Likely]) -> None:
    for module in (presidio, learnt, likelihood, ner):
        monkeypatch.setattr(module, "likely", function)


def believe(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    def same(turn: Turn) -> Likely:
        each = [value] * len(turn.tokens)
        return Likely(each, [LEARNT[0]] * len(each), each, each)

    replace_likely(monkeypatch, same)


def believe_each(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    found = Likely(values, [LEARNT[0]] * len(values), values, values)
    replace_likely(monkeypatch, lambda _: found)


@pytest.mark.parametrize(
    ("text", "pattern", "least", "less"),
    [
        ("it's tolpuddle", "asked for", 0.05, 0.049),
        ("the old oak", "all of an answer", 0.01, 0.009),
    ],
)
def test_a_rule_that_is_doubted_does_not_count(
    analyzer: Analyzer,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    pattern: str,
    least: float,
    less: float,
) -> None:
    believe(monkeypatch, least)
    asked = turn_of(text, expects=(("PASSWORD", 0),))
    assert scores(analyzer, asked)[f"SecretRecognizer: {pattern}"] == 0.65
    believe(monkeypatch, less)
    asked = turn_of(text, expects=(("PASSWORD", 0),))
    assert f"SecretRecognizer: {pattern}" not in scores(analyzer, asked)


def test_a_rule_that_is_mostly_right_is_doubted_later(
    analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    believe(monkeypatch, 0.01)
    stated = turn_of("I take bisoprolol")
    assert "MedicationRecognizer: lexicon" in scores(analyzer, stated)
    believe(monkeypatch, 0.009)
    stated = turn_of("I take bisoprolol")
    assert "MedicationRecognizer: lexicon" not in scores(analyzer, stated)


@pytest.mark.parametrize("rule", sorted(LEAST))
def test_rules_that_are_seldom_right_are_there(rule: str) -> None:
    name, pattern = rule.split(": ")
    folder = Path(recognizers.__file__).parent.parent
    files = [file for file in folder.rglob("*.py") if file.name != "likelihood.py"]
    sources = "".join(file.read_text("utf-8") for file in files)
    assert f"class {name}(" in sources
    assert f'"{pattern}"' in sources


def test_a_finding_is_doubted_by_its_own_words(
    analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = turn_of("it's tolpuddle. Is the engine blocked?", expects=(("PASSWORD", 0),))
    believe_each(monkeypatch, [*[0.0] * (len(asked.tokens) - 1), 0.3])
    assert "SecretRecognizer: asked for" not in scores(analyzer, asked)


@pytest.mark.parametrize(
    "text",
    [
        "my password is tolpuddle",
        "the wifi password is bluebird forty two",
        "my name is Gwynedd Parry",
        "it's 14 Tolpuddle Lane",
        "I live at the Old Forge, Nether Wallop",
        "that's j dot parry at gmail dot com",
        "I take bisoprolol",
    ],
)
def test_what_is_plainly_stated_is_never_harmless(text: str) -> None:
    assert max(likeliest(turn_of(text))) > 10 * max(DOUBTED.values())


@pytest.mark.parametrize(
    ("health", "others", "found"),
    [(0.1, 0.1, ["MEDICATION", "PERSON"]), (0.1, 0.0, ["MEDICATION"]), (0.0, 0.1, ["PERSON"])],
)
def test_what_is_no_illness_may_be_a_name(
    analyzer: Analyzer,
    monkeypatch: pytest.MonkeyPatch,
    health: float,
    others: float,
    found: list[str],
) -> None:
    turn = turn_of("my name is Ibrahim Osei and I take bisoprolol")
    each = [max(health, others)] * len(turn.tokens)
    said = Likely(each, [LEARNT[0]] * len(each), [health] * len(each), [others] * len(each))
    replace_likely(monkeypatch, lambda _: said)
    rules = [one for one in analyzer.analyze(turn, names=False) if "Learnt" not in explained(one)]
    assert sorted({one.entity_type for one in rules}) == found


def test_nobody_doubts_a_teams_own_recogniser_nor_a_number(
    analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = turn_of("moonbase, and the address is 192.168.0.1")
    believe(monkeypatch, 0.1)
    sure = scores(analyzer, turn)
    believe(monkeypatch, 0.0)
    doubted = scores(analyzer, turn)
    for name in ("Sites", "IpRecognizer: IPv4"):
        assert any(one.startswith(name.split(":")[0]) for one in sure), sure
    same = {
        one: score for one, score in sure.items() if one.startswith(("Sites", "Ip", "SpokenWeb"))
    }
    assert same == {one: doubted[one] for one in same}


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ([0.0, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2], "can't do the stairs"),
        ([0.0, 0.0, 0.003, 0.0, 0.3, 0.002, 0.0], "do the stairs"),
        ([0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], None),
    ],
)
def test_harmless_words_at_the_ends_of_a_finding_are_left_out(
    values: list[float], left: str | None, analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = turn_of("I can't do the stairs any more")
    believe_each(monkeypatch, values)
    found = {
        turn.text[one.start : one.end]
        for one in analyzer.analyze(turn, names=True)
        if explained(one).startswith("SymptomRecognizer")
    }
    assert found == ({left} if left else set())


def test_a_name_ends_with_its_sentence(analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = turn_of("my name is Brittany. What can I do?")
    believe_each(monkeypatch, [0.0, 0.0, 0.0, 0.9, 0.4, 0.4, 0.0, 0.0])
    learnt = [
        turn.text[one.start : one.end]
        for one in analyzer.analyze(turn, names=True)
        if explained(one).startswith("LearntRecognizer")
    ]
    assert learnt == ["Brittany"]


def test_of_a_password_all_words_count_or_none(
    analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = turn_of("the slow boat to Juneau", expects=(("PASSWORD", 0),))
    believe_each(monkeypatch, [0.0, 0.0, 0.2, 0.0, 0.0])
    said = [one for one in analyzer.analyze(turn, names=True) if one.entity_type == "PASSWORD"]
    assert turn.text[min(one.start for one in said) :] == "the slow boat to Juneau"


def test_a_misheard_answer_is_not_doubted(
    analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = turn_of("It's Ryan, last name is W. Oh, I. Z. Hey.")
    believe_each(monkeypatch, [0.0, 0.3, *[0.0] * (len(turn.tokens) - 2)])
    assert "SpokenPersonRecognizer: broken spelling" in scores(analyzer, turn)


def test_nobody_doubts_an_age(analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    believe(monkeypatch, 0.0)
    assert "SpokenAgeRecognizer" in str(scores(analyzer, turn_of("she's ninety three years old")))


def test_a_turn_is_tagged_once() -> None:
    turn = turn_of("my knees are shot")
    assert likely(turn) is likely(turn)
    assert likely(turn_of("my knees are shot")) is not likely(turn)


def turns_read(*said: str, channels: int = 2) -> list[Turn]:
    """The turns that recognisers get; the sides take turns, two seconds apart."""
    seen: list[Turn] = []

    class Analyses:
        def analyze(self, turn: Turn, *, names: bool) -> list[object]:
            seen.append(turn)
            return []

    policy = load_policy("default")
    reader = TurnReader(Analyses(), policy, 8_000, channels)  # type: ignore[arg-type]
    start = 8_000
    for number, text in enumerate(said):
        channel = number % channels
        words = tuple(words_from_text(text, channel=channel, start=start))
        reader.read(Spoken(channel, Stream.SHOWN, (), words))
        start = words[-1].end + 16_000
    return seen


def test_an_answer_is_read_with_what_the_other_side_said() -> None:
    question, answer = turns_read("And your pet?", "Rex.")
    assert question.heard == ()
    assert answer.heard == ("and", "your", "pet")


def test_on_one_channel_the_turn_before_is_what_was_heard() -> None:
    _, answer = turns_read("And your pet?", "Rex.", channels=1)
    assert answer.heard == ("and", "your", "pet")


def test_talk_of_a_secret_is_remembered_for_a_while() -> None:
    said = ("Did you set up a voice password?", "I don't talk to machines.", "With me, I mean.")
    turns = turns_read(*said, "The Gutter Gang.", *["All right then, let me have a look."] * 14)
    assert [turn.secret for turn in turns[:4]] == [True] * 4
    assert not turns[-1].secret


def test_what_was_asked_for_is_remembered_when_the_question_is_closed() -> None:
    said = ("What's your date of birth?", "Mine or hers?", "I'm looking at the form, so yours.")
    turns = turns_read(*said, "Right.", *["All right then, let me have a look."] * 14)
    assert "DATE_OF_BIRTH" in turns[3].lately
    assert turns[2].lately == frozenset()  # who asks may offer a date
    assert turns[0].lately == frozenset()  # it is told what it asks for by the question itself
    assert "DATE_OF_BIRTH" not in turns[-1].lately
