"""``hushwire tune``: thresholds that keep a target, chosen on literal scores."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.app.evaluation.tune_policy import Tuned, notes, table, with_thresholds, write_policy
from agents.cli import main
from pipeline.errors import InputError
from pipeline.evaluation.corpora.labelled_texts import Label, LabelledCase, LabelledTurn
from pipeline.evaluation.figures.threshold_choice import Proposal, Scored, Verdict, propose, scored
from pipeline.evaluation.scoring.results import Evaluation
from pipeline.evaluation.scoring.text_scoring import Detected, lay_out
from pipeline.policy.loading import load_policy
from pipeline.policy.model import EntityRule, Policy, RecognizerRule
from pipeline.records.model import Action, Reason, Role, Span

pytestmark = pytest.mark.unit

POLICY = Policy(
    name="test", version="1", default=EntityRule(threshold=0.4),
    entities={"US_SSN": EntityRule(action=Action.KEEP)},
)  # fmt: skip
NEVER = -1.0


def words(
    rows: Sequence[tuple[str, dict[str, float]]], *, folds: int = 5, entities: int = 100
) -> Scored:
    """A table of words, each a case of its own: its label (or none) and its scores."""
    types = sorted({name for label, best in rows for name in (label, *best)} - {""})
    scores = np.array([[best.get(name, NEVER) for name in types] for _, best in rows])
    return Scored(
        types=tuple(types),
        scores=scores,
        labels=np.array([types.index(label) if label else -1 for label, _ in rows], np.int64),
        cases=np.arange(len(rows)),
        folds=np.arange(len(rows)) % folds,
        entities={label: entities for label, _ in rows if label},
    )


def only(proposal: Proposal, entity: str = "A") -> tuple[float, Verdict]:
    (one,) = (one for one in proposal.entities if one.entity == entity)
    return one.then.threshold, one.verdict


def test_a_threshold_rises_to_where_false_alarms_end_and_recall_still_holds() -> None:
    rows = [("A", {"A": 0.9})] * 95 + [("A", {"A": 0.5})] * 5 + [("", {"A": 0.6})] * 20
    proposal = propose(words(rows), POLICY, 0.9)
    assert only(proposal) == (0.61, Verdict.MET)
    (one,) = proposal.entities
    assert (one.now.alarms, one.then.alarms) == (20, 0)
    assert (one.now.recall, one.then.recall) == (1.0, 0.95)
    assert (proposal.muted_now, proposal.muted_then, proposal.harmless) == (20, 0, 20)
    # Where no word of it may be lost, it stays, and so does the price.
    assert only(propose(words(rows), POLICY, 0.98)) == (0.4, Verdict.MET)


def test_a_threshold_falls_to_reach_the_target_and_the_price_is_told() -> None:
    rows = [("A", {"A": 0.9})] * 80 + [("A", {"A": 0.3})] * 20 + [("", {"A": 0.3})] * 7
    (one,) = propose(words(rows), POLICY, 0.98).entities
    assert (one.then.threshold, one.now.recall, one.then.recall) == (0.3, 0.8, 1.0)
    assert (one.now.alarms, one.then.alarms) == (0, 7)
    assert one.held_out.value == 1.0


def test_what_is_found_at_no_score_is_out_of_reach() -> None:
    rows = [("A", {"A": 0.9})] * 80 + [("A", {"A": 0.2})] * 10 + [("A", {})] * 10
    (one,) = propose(words(rows), POLICY, 0.98).entities
    assert (one.verdict, one.then.threshold, one.then.recall) == (Verdict.SHORT, 0.2, 0.9)


def test_with_nothing_to_gain_a_threshold_stays() -> None:
    rows = [("A", {"A": 0.9})] * 100 + [("", {"B": 0.9})] * 5
    assert propose(words(rows), POLICY, 0.98).thresholds == {}


def test_too_few_are_left_as_they_are() -> None:
    rows = [("A", {"A": 0.3})] * 40 + [("", {"A": 0.2})] * 5
    proposal = propose(words(rows, entities=49), POLICY, 0.98)
    assert (proposal.least, only(proposal)) == (50, (0.4, Verdict.FEW))
    assert only(propose(words(rows, entities=50), POLICY, 0.98)) == (0.3, Verdict.MET)


def test_what_was_chosen_by_one_fold_is_doubted() -> None:
    # The low scores are all in fold 0: chosen without it, the threshold loses them.
    rows = [("A", {"A": 0.5 if at % 5 == 0 else 0.9}) for at in range(100)]
    rows += [("", {"A": 0.6})] * 5
    proposal = propose(words(rows), POLICY, 0.95)
    (one,) = proposal.entities
    assert one.verdict is Verdict.DOUBTFUL
    assert one.held_out.value == 0.8
    assert one.then.threshold == 0.4  # the lowest of all choices
    assert proposal.held_out_muted.value == pytest.approx(0.8)


def test_no_type_is_tuned_at_the_cost_of_another() -> None:
    # Words of B are silenced by spans of A only; raising A would bare them.
    rows = [("A", {"A": 0.9})] * 100 + [("B", {"A": 0.5})] * 100 + [("", {"A": 0.45})] * 9
    proposal = propose(words(rows), POLICY, 0.98)
    assert only(proposal) == (0.46, Verdict.MET)
    assert {one.entity: one.then.recall for one in proposal.entities} == {"A": 1.0, "B": 1.0}
    assert only(propose(words(rows), POLICY, 0.98, only=frozenset({"A"}))) == (0.46, Verdict.MET)


def test_marks_of_wrong_mutes_are_a_price_too() -> None:
    rows = [("A", {"A": 0.9})] * 100
    proposal = propose(words(rows), POLICY, 0.98, marks={"A": (0.5, 0.95)})
    (one,) = proposal.entities
    assert (one.then.threshold, one.now.marks, one.then.marks) == (0.51, 2, 1)


@pytest.mark.parametrize("target", [0.0, 1.0, 1.5, -1.0])
def test_a_target_is_a_share(target: float) -> None:
    with pytest.raises(InputError, match="above 0 and below 1"):
        propose(words([("A", {})] * 9), POLICY, target)


def test_a_type_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="no IBAN"):
        propose(words([("A", {})] * 9), POLICY, 0.9, only=frozenset({"IBAN"}))


_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", ""]),
        st.dictionaries(st.sampled_from(["A", "B"]), st.integers(0, 20).map(lambda n: n / 20)),
    ),
    min_size=10, max_size=40,
)  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(_ROWS, st.sampled_from([0.5, 0.8, 0.98]))
def test_a_proposal_keeps_its_promise(
    rows: list[tuple[str, dict[str, float]]], target: float
) -> None:
    table = words([*rows, ("A", {"A": 1.0}), ("B", {"B": 1.0})])
    proposal = propose(table, POLICY, target)
    then = {one.entity: one.then.threshold for one in proposal.entities}
    limits = np.array([then[name] for name in table.types])
    covered = np.asarray((table.scores >= limits).any(axis=1), np.bool_)
    for one in proposal.entities:
        own = covered[table.labels == table.types.index(one.entity)]
        assert one.then.recall == pytest.approx(own.mean())
        if one.verdict is not Verdict.SHORT:
            assert own.mean() >= target - 1e-9
    assert proposal.muted_then == covered[table.labels < 0].sum()
    assert propose(table, POLICY, target) == proposal


# -- from spans to scores ------------------------------------------------------------------------


def case(name: str) -> Detected:
    turn = LabelledTurn(
        role=Role.MIXED, text="this is Ann Lee of Rome okay",
        labels=(Label(entity="name", start=8, end=15), Label(entity="US_SSN", start=19, end=23),
                Label(entity="ZIP_CODE", start=24, end=28, optional=True)),
    )  # fmt: skip
    placed = lay_out(LabelledCase(id=name, turns=(turn,)))
    spoken = [each.word for each in placed.words[0]]
    spans = (
        Span("PERSON", 0, spoken[2].start, spoken[3].end, 0.35, "names: list"),
        Span("PERSON", 0, spoken[2].start, spoken[2].end, 0.25, "names: list"),
        Span("URL", 0, spoken[1].start, spoken[1].end, 0.2, "own: dot"),
        Span("US_SSN", 0, spoken[0].start, spoken[0].end, 0.9, "x", Action.KEEP),
        Span("NUMBER_SEQUENCE", 0, spoken[0].start, spoken[0].end, 0.1, "x",
             reason=Reason.UNEXPLAINED),
    )  # fmt: skip
    return Detected(placed, spans)


def test_words_are_scored_by_the_spans_that_mute_them() -> None:
    policy = POLICY.model_copy(update={"recognizers": {"own": RecognizerRule(threshold=0.1)}})
    table = scored([case(str(at)) for at in range(3)], policy, folds=2)
    assert table.types == ("NUMBER_SEQUENCE", "PERSON", "URL")
    assert table.entities == {"PERSON": 3}
    assert table.labels[:5].tolist() == [-1, -1, 1, 1, -1]  # kept and optional words do not count
    # What no threshold of a type judges counts always.
    assert table.scores[:4].tolist() == [
        [2.0, -1.0, -1.0], [-1.0, -1.0, 2.0], [-1.0, 0.35, -1.0], [-1.0, 0.35, -1.0],
    ]  # fmt: skip
    with pytest.raises(InputError, match="too few for 5 folds"):
        scored([case("a")], policy)


# -- what is printed and written -----------------------------------------------------------------


def tuned(base: str) -> Tuned:
    rows = [("PERSON", {"PERSON": 0.9})] * 95 + [("", {"PERSON": 0.6})] * 20
    proposal = propose(words(rows), load_policy(base), 0.9, marks={"PERSON": (0.5,)})
    policy = with_thresholds(load_policy(base), proposal)
    return Tuned(base, proposal, policy, Evaluation("x", "words", (), ()), {"CARD_NUMBER": 2})


@pytest.mark.parametrize("base", ["default", "pci+gdpr"])
def test_the_policy_that_is_written_is_the_one_that_was_tried(base: str, tmp_path: Path) -> None:
    proposed = tuned(base)
    write_policy(tmp_path / "deep" / "tuned.yaml", proposed)
    read = load_policy(tmp_path / "deep" / "tuned.yaml")
    assert read == proposed.policy
    assert read.rule("PERSON").threshold == 0.61
    assert len(table(proposed).rows) == 1
    told = "\n".join(notes(proposed))
    assert "marked as wrongly muted, PERSON: 1 now, 0 then" in told
    assert "marked as missed, CARD_NUMBER: 2" in told


def test_a_base_in_a_file_is_found_from_where_the_proposal_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text("name: own\nversion: '7'\nextends: pci\n", encoding="utf-8")
    proposed = replace(tuned("default"), base="own.yaml", policy=load_policy("own.yaml"))
    write_policy(Path("out/tuned.yaml"), proposed)
    assert load_policy("out/tuned.yaml").version == "7"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--texts", "nowhere.jsonl"], "cannot be read"),
        (["--texts", "cases.jsonl", "--marks", "nowhere.jsonl"], "cannot be read"),
        (["--texts", "cases.jsonl", "--marks", "cases.jsonl"], "line 1"),
        (["--texts", "cases.jsonl", "--policy", "nowhere"], "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    line = case("a").case.labelled.as_line()
    Path("cases.jsonl").write_text(line, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["hushwire", "tune", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
