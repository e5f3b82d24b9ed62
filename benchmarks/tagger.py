"""Learns the weights of the tagger (``models/tagging.py``) from the labelled texts to tune on.

    python -m benchmarks.tagger [--check]

The turns are what the recognisers get when the detector runs over the texts, so that nothing is
learnt that a call would not show. ``--check`` leaves every other file of the lines out and says how
much of their sensitive words the tagger alone finds, at several shares of harmless words.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pycrfsuite
from presidio_analyzer import RecognizerResult

from agents.evaluating import spans_of
from benchmarks.labelled import LINES, TALK, cases, talk
from models.attributes import attributes
from models.detector import Detector
from models.likelihood import LEARNT, MODEL
from models.presidio import Analyzer, explained
from models.recognizers.learnt import LearntRecognizer
from models.spoken import PAUSE, Turn
from models.tagging import NOTHING, Tagger, Weights
from pipeline.entities import Entity
from pipeline.evaluation.labelled import LabelledCase
from pipeline.evaluation.names import entity_name
from pipeline.evaluation.texts import Case, Placed, lay_out
from pipeline.policy import load_policy

_FILE: Final = Path("models/tagger/en.npz")
_CATALOGUE: Final = Path("models/catalogue.yaml")
NUMBERS: Final = "NUMBERS"
"""Label of what the number engine finds; the tagger tells it from the rest only."""
_OWN: Final = {str(entity): str(entity) for entity in LEARNT} | {
    str(Entity.ZIP_CODE): str(Entity.STREET_ADDRESS),
    str(Entity.URL): str(Entity.EMAIL_ADDRESS),
}
"""Labels of what is told in words; what stands in one place is one to the tagger."""
_TRAINING: Final = {
    "c1": 1.0,
    "c2": 0.02,
    "max_iterations": 100,
    "feature.minfreq": 2,
    "feature.possible_transitions": True,
}


@dataclass(frozen=True, slots=True)
class Example:
    """A turn with the label of each token."""

    turn: Turn = field(repr=False)
    labels: tuple[str, ...]
    optional: tuple[bool, ...]


class _Recorder:
    """Runs the recognisers, except the learnt one, and keeps the turns that they were given."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self.turns: list[Turn] = []

    def analyze(self, turn: Turn, *, names: bool) -> list[RecognizerResult]:
        """Every other result."""
        self.turns.append(turn)
        found = self._analyzer.analyze(turn, names=names)
        return [one for one in found if not explained(one).startswith(LearntRecognizer.__name__)]


def examples(texts: Sequence[Case]) -> Iterator[list[Example]]:
    """The turns of each case, as the recognisers get them."""
    policy = load_policy("default")
    recorder = _Recorder(Analyzer(policy=policy))
    detector = Detector(policy, analyses=recorder)
    for case in texts:
        recorder.turns.clear()
        spans_of(detector, case)
        yield list(_labelled(case, recorder.turns))


def _labelled(case: Case, turns: Sequence[Turn]) -> Iterator[Example]:
    """Turns with labels; one that is not found again among the words of a case is left out."""
    said: dict[int, list[Placed]] = {}
    for placed in (placed for words in case.words for placed in words):
        said.setdefault(placed.word.channel, []).append(placed)
    until = 0
    for turn in turns:
        pieces = [one for one in re.finditer(r"\S+", turn.text) if one.group() != PAUSE]
        words = _next_said(said.values(), [one.group() for one in pieces], until)
        if not words:
            continue
        until = words[-1].word.end
        found = [
            next(
                word
                for piece, word in zip(pieces, words, strict=True)
                if token.start < piece.end() and piece.start() < token.end
            )
            for token in turn.tokens
        ]
        labels = [one.label for one in found]
        yield Example(
            turn,
            tuple(_name(label.entity) if label else NOTHING for label in labels),
            tuple(label is not None and label.optional for label in labels),
        )


def _next_said(
    channels: Iterable[Sequence[Placed]], texts: Sequence[str], until: int
) -> Sequence[Placed]:
    """The first words of a channel that read so and end at a sample or later; none otherwise."""
    found = [
        words[end - len(texts) : end]
        for words in channels
        for end in range(len(texts), len(words) + 1)
        if words[end - 1].word.end >= until
        and [one.word.text for one in words[end - len(texts) : end]] == texts
    ]
    return min(found, key=lambda each: each[-1].word.end, default=())


def _name(entity: str) -> str:
    """The tagger's label of a type."""
    return _OWN.get(entity_name(entity), NUMBERS)


def learn(texts: Sequence[Sequence[Example]]) -> Weights:
    """Weights from examples; the same each time."""
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    trainer.set_params(_TRAINING)
    for one in (one for case in texts for one in case):
        trainer.append(attributes(one.turn), one.labels)
    with tempfile.NamedTemporaryFile(suffix=".crfsuite") as file:
        trainer.train(file.name)
        tagger = pycrfsuite.Tagger()
        tagger.open(file.name)
        learnt = tagger.info()
        tagger.close()
    labels = (NOTHING, *sorted(set(learnt.labels) - {NOTHING}))
    at = {label: index for index, label in enumerate(labels)}
    told = {
        name: row for row, name in enumerate(sorted({name for name, _ in learnt.state_features}))
    }
    state = np.zeros((len(told), len(labels)), np.float32)
    for (name, label), weight in learnt.state_features.items():
        state[told[name], at[label]] = weight
    transitions = np.zeros((len(labels), len(labels)), np.float32)
    for (before, after), weight in learnt.transitions.items():
        transitions[at[before], at[after]] = weight
    return Weights(labels, tuple(told), state.astype(np.float16).astype(np.float32), transitions)


def ship(weights: Weights) -> str:
    """Write the weights into the package, and their size and sha256 into the catalogue.

    Returns:
        The sha256.
    """
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    weights.save(_FILE)
    digest = hashlib.sha256(_FILE.read_bytes()).hexdigest()
    before, mark, entry = _CATALOGUE.read_text("utf-8").partition(f"  - id: {MODEL}\n")
    entry = re.sub(r"bytes: \d+", f"bytes: {_FILE.stat().st_size}", entry, count=1)
    entry = re.sub(rf"{_FILE.name}: [0-9a-f]{{64}}", f"{_FILE.name}: {digest}", entry, count=1)
    _CATALOGUE.write_text(before + mark + entry, "utf-8")
    return digest


def check(texts: Sequence[Sequence[Example]], weights: Weights) -> str:
    """How much of the sensitive words the tagger alone finds, as a table."""
    tagger = Tagger(weights)
    own = [index for index, label in enumerate(weights.labels) if label in LEARNT]
    right: dict[str, list[float]] = {}
    harmless: list[float] = []
    for one in (one for case in texts for one in case):
        likely = tagger.probabilities(one.turn)[:, own].sum(axis=1)
        for label, optional, value in zip(one.labels, one.optional, likely, strict=True):
            if label == NOTHING:
                harmless.append(float(value))
            elif label != NUMBERS and not optional:
                right.setdefault(label, []).append(float(value))
    harmless.sort(reverse=True)
    lines = [
        f"{'harmless':>10s} {'from':>6s} " + " ".join(f"{name[:12]:>12s}" for name in sorted(right))
    ]
    for share in (0.005, 0.01, 0.02, 0.03):
        least = harmless[int(share * len(harmless))]
        found = [sum(v > least for v in right[name]) / len(right[name]) for name in sorted(right)]
        lines.append(f"{share:10.1%} {least:6.2f} " + " ".join(f"{one:12.1%}" for one in found))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Learn the weights of the tagger.")
    parser.add_argument("--check", action="store_true", help="learn from half, try on the other")
    options = parser.parse_args(arguments)
    others = [
        *cases("tune"),
        *(case for name in TALK if name.endswith("tune") for case in talk(name)),
    ]
    lines = talk(LINES[0])
    if options.check:
        files = sorted({_file(case) for case in lines})
        tried = [case for case in lines if _file(case) in files[1::2]]
        learnt = learn(_examples([*others, *(case for case in lines if _file(case) in files[::2])]))
        print(check(_examples(tried), learnt))
        return
    digest = ship(learn(_examples([*others, *lines])))
    print(f"{_FILE}: {_FILE.stat().st_size} bytes, sha256 {digest}")


def _file(case: LabelledCase) -> str:
    return case.id.partition(":")[0]


def _examples(texts: Sequence[LabelledCase]) -> list[list[Example]]:
    return list(examples([lay_out(case) for case in texts]))


if __name__ == "__main__":
    main()
