"""The learnt tagger at work: it adds to what rules find, and doubts it, in the policy's terms."""

from __future__ import annotations

from pathlib import Path

import pytest

from models import presidio
from models.likelihood import LEARNT, Likely, likely
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


def believe(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    def same(turn: Turn) -> Likely:
        return Likely([value] * len(turn.tokens), [LEARNT[0]] * len(turn.tokens))

    for module in (presidio, learnt, ner):
        monkeypatch.setattr(module, "likely", same)


def test_a_rule_that_is_doubted_counts_half(
    analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = turn_of("tolpuddle", expects=(("PASSWORD", 0),))
    believe(monkeypatch, 0.03)
    assert scores(analyzer, asked)["SecretRecognizer: asked for"] == 0.65
    believe(monkeypatch, 0.029)
    assert scores(analyzer, asked)["SecretRecognizer: asked for"] == 0.325


def test_what_a_rule_is_sure_of_stays_silent_when_doubted(
    analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    believe(monkeypatch, 0.0)
    least = load_policy("default").threshold("PASSWORD", "SecretRecognizer")
    assert (
        scores(analyzer, turn_of("my password is tolpuddle"))["SecretRecognizer: stated"] >= least
    )


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


def test_nobody_doubts_what_a_rule_finds_of_health(
    analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    believe(monkeypatch, 0.0)
    found = scores(analyzer, turn_of("I can't do the stairs any more"))
    assert found["SymptomRecognizer: unable"] == 0.6


def test_a_turn_is_tagged_once() -> None:
    turn = turn_of("my knees are shot")
    assert likely(turn) is likely(turn)
    assert likely(turn_of("my knees are shot")) is not likely(turn)


def test_an_answer_is_read_with_what_the_other_side_said() -> None:
    seen: list[Turn] = []

    class Analyses:
        def analyze(self, turn: Turn, *, names: bool) -> list[object]:
            seen.append(turn)
            return []

    reader = TurnReader(Analyses(), load_policy("default"), 8_000, 2)  # type: ignore[arg-type]
    question = tuple(words_from_text("And your pet?", channel=0, start=8_000))
    answer = tuple(words_from_text("Rex.", channel=1, start=40_000))
    reader.read(Spoken(0, Stream.SHOWN, (), question))
    reader.read(Spoken(1, Stream.SHOWN, (), answer))
    assert seen[0].heard == ()
    assert seen[1].heard == ("and", "your", "pet")


def test_on_one_channel_the_turn_before_is_what_was_heard() -> None:
    seen: list[Turn] = []

    class Analyses:
        def analyze(self, turn: Turn, *, names: bool) -> list[object]:
            seen.append(turn)
            return []

    reader = TurnReader(Analyses(), load_policy("default"), 8_000, 1)  # type: ignore[arg-type]
    for start, text in ((8_000, "And your pet?"), (40_000, "Rex.")):
        reader.read(Spoken(0, Stream.SHOWN, (), tuple(words_from_text(text, start=start))))
    assert seen[1].heard == ("and", "your", "pet")
