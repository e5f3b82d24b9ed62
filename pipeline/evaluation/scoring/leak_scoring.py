"""Scores redacted audio against the truth: what can still be heard, and what was muted for nothing.

Both recordings are cut into 10 ms frames, channel by channel; inside a sensitive word the frames
begin with the word, and ``frames.py`` says which of them are silenced. A word is audible when less
than 80 % of it is silenced. Harmless speech within 200 ms of an entity is not counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np

from pipeline.errors import InputError
from pipeline.evaluation.corpora.call_manifest import TruthCall, TruthEntity, TruthWord
from pipeline.evaluation.corpora.entity_aliases import entity_name
from pipeline.evaluation.scoring.muted_frames import Samples, silenced_frames
from pipeline.evaluation.scoring.results import CallScore, Evaluation, FoundSpan, Item

FRAME_MS = 10
COLLAR_MS = 200
SILENCED_SHARE = 0.8
DIGIT_KINDS = {"pan": "CARD", "cvv": "CVV", "ssn": "SSN", "ssn_last4": "SSN"}


@dataclass(frozen=True, slots=True)
class WordScore:
    """One word: what there is to hear in it, and how much of that is gone."""

    word: TruthWord = field(repr=False)
    audible_ms: float
    silenced_ms: float

    @property
    def leaked(self) -> bool:
        """Whether it can still be made out."""
        return self.audible_ms > 0 and self.silenced_ms / self.audible_ms < SILENCED_SHARE


@dataclass(frozen=True, slots=True)
class EntityScore:
    """One entity of a call."""

    truth: TruthEntity
    channel: int
    words: tuple[WordScore, ...]

    @property
    def audible_ms(self) -> float:
        """What there is to hear in the original."""
        return sum(each.audible_ms for each in self.words)

    @property
    def silenced_ms(self) -> float:
        """How much of that is gone."""
        return sum(each.silenced_ms for each in self.words)

    @property
    def digits(self) -> tuple[int, int]:
        """How many digits it has, and how many of them can be heard."""
        lengths = [(len(each.word.digits), each.leaked) for each in self.words]
        return sum(n for n, _ in lengths), sum(n for n, leaked in lengths if leaked)


@dataclass(frozen=True, slots=True)
class TypeResult:
    """One entity type, named as in the manifest."""

    type: str
    entities: int
    sensitive_ms: float
    silenced_ms: float


@dataclass(frozen=True, slots=True)
class DigitResult:
    """Digits of one kind: CARD, CVV, SSN."""

    kind: str
    digits: int
    audible: int


@dataclass(frozen=True, slots=True)
class CallResult:
    """One call; ``missing`` when there is no redacted file, so nothing of it can be heard."""

    file: str
    entities: tuple[EntityScore, ...] = ()
    harmless_ms: float = 0.0
    harmless_muted_ms: float = 0.0
    missing: bool = False

    @property
    def call_id(self) -> str:
        """The file's name without its ending."""
        return PurePosixPath(self.file).stem

    @property
    def types(self) -> tuple[TypeResult, ...]:
        """The types of the call, by name."""
        return _types([self])

    @property
    def digits(self) -> tuple[DigitResult, ...]:
        """The digits of the call, by kind."""
        return _digits([self])

    @property
    def audible_digits(self) -> int:
        """Card, CVV and SSN digits that can still be heard."""
        return sum(each.audible for each in self.digits)


@dataclass(frozen=True, slots=True)
class LeakReport:
    """All calls of a manifest."""

    calls: tuple[CallResult, ...]

    @property
    def passed(self) -> bool:
        """Every call is there and no digit can be heard."""
        return not any(call.missing or call.audible_digits for call in self.calls)

    def types(self) -> tuple[TypeResult, ...]:
        """The types over all calls, by name."""
        return _types(self.calls)

    def digits(self) -> tuple[DigitResult, ...]:
        """The digits over all calls, by kind."""
        return _digits(self.calls)

    @property
    def harmless_muted_share(self) -> float:
        """Share of the harmless speech that was muted, 0 to 1."""
        whole = sum(call.harmless_ms for call in self.calls)
        return sum(call.harmless_muted_ms for call in self.calls) / whole if whole else 0.0


def _types(calls: Sequence[CallResult]) -> tuple[TypeResult, ...]:
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for entity in (each for call in calls for each in call.entities):
        row = sums[entity.truth.type]
        row[0] += 1
        row[1] += entity.audible_ms
        row[2] += entity.silenced_ms
    return tuple(TypeResult(kind, int(n), ms, hit) for kind, (n, ms, hit) in sorted(sums.items()))


def _digits(calls: Sequence[CallResult]) -> tuple[DigitResult, ...]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for entity in (each for call in calls for each in call.entities):
        digits, audible = entity.digits
        if entity.truth.type in DIGIT_KINDS and digits:
            row = sums[DIGIT_KINDS[entity.truth.type]]
            row[0] += digits
            row[1] += audible
    return tuple(DigitResult(kind, n, audible) for kind, (n, audible) in sorted(sums.items()))


def evaluation_of(
    name: str,
    truth: Sequence[TruthCall],
    report: LeakReport,
    causes: Mapping[str, str],
    spans: tuple[FoundSpan, ...] | None = None,
) -> Evaluation:
    """The report in the form that summaries, comparisons and gates share.

    Args:
        name: what was evaluated.
        truth: the manifest.
        report: the calls of the manifest, in its order.
        causes: where a leak came from, by item.
        spans: what detection silences in all of the calls, where that is known.
    """
    items = [
        Item(
            id=item,
            call=call.call_id,
            entity=entity_name(entity.truth.type),
            amount=entity.audible_ms,
            covered=entity.silenced_ms,
            leaked=any(word.leaked for word in entity.words),
            digits=entity.digits[0],
            digits_leaked=entity.digits[1],
            cause=causes.get(item, ""),
            tags=(entity.truth.type,),
        )
        for call in report.calls
        for item, entity in items_of(call)
    ]
    calls = [
        CallScore(
            id=call.call_id,
            harmless=call.harmless_ms,
            harmless_muted=call.harmless_muted_ms,
            negative=not any(not entity.optional for entity in line.entities),
            missing=call.missing,
        )
        for line, call in zip(truth, report.calls, strict=True)
    ]
    return Evaluation(name, "ms", tuple(items), tuple(calls), spans=spans)


def items_of(call: CallResult) -> Iterator[tuple[str, EntityScore]]:
    """The entities of a call with the names of their items."""
    for number, entity in enumerate(call.entities):
        yield f"{call.call_id}/{entity.truth.id or number}:{entity.truth.type}", entity


def score_call(truth: TruthCall, before: Samples, after: Samples, rate: int) -> CallResult:
    """Compare one call with its original.

    Args:
        truth: the manifest's line.
        before: the original, shape ``(samples, channels)``, in ``[-1, 1]``.
        after: the redacted recording, of the same shape.
        rate: samples per second of both.

    Raises:
        InputError: the shapes differ, or the truth names other channels.
    """
    if after.shape != before.shape:
        raise InputError(
            f"{truth.call_id}: the redacted recording is {after.shape}; "
            f"the original is {before.shape} samples and channels"
        )
    unknown = {entity.channel for entity in truth.entities} | set(truth.speech)
    unknown -= set(truth.channels)
    if unknown or len(truth.channels) != before.shape[1]:
        raise InputError(
            f"{truth.call_id}: the recording has {before.shape[1]} channels; the truth has "
            f"{len(truth.channels)}, and speaks of {', '.join(sorted(unknown)) or 'no others'}"
        )
    return _Scorer(truth, before, after, rate).result()


class _Scorer:
    """Counts one call."""

    def __init__(self, truth: TruthCall, before: Samples, after: Samples, rate: int) -> None:
        self._truth = truth
        self._before = before
        self._after = after
        self._rate = rate
        self._frame = rate * FRAME_MS // 1_000
        self._channels = {side: index for index, side in enumerate(truth.channels)}

    def result(self) -> CallResult:
        entities = tuple(
            self._entity(entity, self._channels[entity.channel])
            for entity in self._truth.entities
            if not entity.optional
        )
        harmless = [self._harmless(side) for side in self._channels]
        return CallResult(
            PurePosixPath(self._truth.file).name,
            entities,
            sum(whole for whole, _ in harmless),
            sum(muted for _, muted in harmless),
        )

    def _entity(self, entity: TruthEntity, channel: int) -> EntityScore:
        words = tuple(WordScore(word, *self._word(word, channel)) for word in entity.words)
        return EntityScore(entity, channel, words)

    def _word(self, word: TruthWord, channel: int) -> tuple[float, float]:
        """Milliseconds of a word that could be heard, and how many of them are silenced."""
        first, last = self._sample(word.start_ms), self._sample(word.end_ms)
        starts = np.arange(first, max(first + 1, last - self._frame + 1), self._frame)
        # The last frame ends with the word; each stands for the samples that only it covers.
        ends = np.minimum(starts + self._frame, last)
        if ends[-1] < last:
            starts = np.append(starts, last - self._frame)
            ends = np.append(ends, last)
        weight = np.diff(np.concatenate([[first], ends])) * 1_000 / self._rate
        starts = np.clip(starts, 0, len(self._before) - self._frame)
        silenced, audible = silenced_frames(
            self._before[:, channel], self._after[:, channel], starts, self._frame
        )
        return float(weight[audible].sum()), float(weight[audible & silenced].sum())

    def _harmless(self, side: str) -> tuple[float, float]:
        """Milliseconds of harmless speech away from entities, and how many are silenced."""
        frames = len(self._before) // self._frame
        speech = np.zeros(frames, dtype=np.bool_)
        for start, end in self._truth.speech.get(side, ()):
            speech[int(start // FRAME_MS) : int(end // FRAME_MS)] = True
        for start, end in self._near_entities(side):
            speech[max(0, int(start // FRAME_MS)) : int(end // FRAME_MS) + 1] = False
        starts = np.flatnonzero(speech) * self._frame
        channel = self._channels[side]
        silenced, audible = silenced_frames(
            self._before[:, channel], self._after[:, channel], starts, self._frame
        )
        return float(audible.sum() * FRAME_MS), float((audible & silenced).sum() * FRAME_MS)

    def _near_entities(self, side: str) -> Iterator[tuple[float, float]]:
        for entity in self._truth.entities:
            if entity.channel == side:
                for word in entity.words:
                    yield word.start_ms - COLLAR_MS, word.end_ms + COLLAR_MS

    def _sample(self, milliseconds: float) -> int:
        return round(milliseconds * self._rate / 1_000)
