"""A look at words heard in redacted audio: is something sensitive left over?"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from models.detection.turn_reader import Reads, place
from models.reader.inputs import LABELS
from models.text.turn import turn_of
from models.text.turn_segmentation import streams_of
from pipeline.detection.dialogue.model import HARMLESS
from pipeline.detection.dialogue.timeline import ChannelTimeline
from pipeline.detection.hypotheses.fusion import ParsedChannel
from pipeline.detection.language.prompts import Prompt
from pipeline.detection.language.vocabulary import DEFAULT, PromptKind, vocabulary
from pipeline.detection.numbers.runs import NumberRun
from pipeline.detection.numbers.tokens import Flag, is_number
from pipeline.policy.model import Policy
from pipeline.records.entities import LEXICAL, SPOKEN_NUMBERS, Entity
from pipeline.records.intervals import shared
from pipeline.records.model import Interval, Reason, Role, Span, WindowTranscript, Word
from pipeline.records.scores import Recognizer
from pipeline.transcription.word_timing import plausible

_GAP_S: Final = 0.6
"""Words further apart are not read together: a mute may lie between them."""
_SURE: Final = 0.6
"""Only what is sure counts here: the context of a mute always looks like the mute's entity."""
_FEW: Final = 3
_MORE: Final = 4
_ALONE: Final = 6
"""Digits of a number that is telling where no number was muted near it."""
_BETWEEN: Final = 2
"""Other words that may stand inside such a number; with more it is talk with numbers in it."""
_TOLD: Final = 2
"""Digits that are telling behind words that announce such a number."""
_SHORT: Final = frozenset(
    {
        Entity.CARD_NUMBER,
        Entity.CARD_SECURITY_CODE,
        Entity.PIN,
        Entity.CARD_EXPIRY,
        Entity.US_SSN,
    }
)
"""Numbers of which three digits are already telling; a security code stands near its card."""
_LIKELY: Final = 0.3
"""Least probability of every word of a short run; below, the listener's prompt speaks."""
_CLEAR: Final = 0.5
"""Least probability of every word of a name or the like; what is misheard reads like a name."""
_OFTEN: Final = 0.2
"""Least mean probability of a longer run: the prompt alone invents digits of 0.00 to 0.05."""
_TELLING: Final = 0.8
"""Least probability of the words that explain a number for the other hearings too."""
_HARMLESS_KINDS: Final = frozenset({PromptKind.AMOUNT, PromptKind.PLACE, PromptKind.REFERENCE})
_ANNOUNCED_WORDS: Final = 3
_BREATH_S: Final = 0.3


def residual_findings(
    reads: Reads,
    policy: Policy,
    transcript: WindowTranscript,
    sample_rate: int,
    expected: frozenset[str],
    *,
    language: str = DEFAULT,
) -> tuple[Span, ...]:
    """Spans of the ``expected`` types that are still audible, in time order."""
    found: dict[Span, None] = {}
    told: list[NumberRun] = []
    # A word that was stretched over seconds does not hide what was heard there again.
    placed = [_placed(word, sample_rate) for word in transcript.words]
    timelines: list[tuple[list[Word], ParsedChannel]] = []
    for words in streams_of(placed).values():
        timeline = ChannelTimeline(transcript.channel, sample_rate, vocabulary(language))
        timeline.add(words)
        track = timeline.track()
        timelines.append((words, track))
        told += [run for run in track.runs if _surely_told(track, run)]
    for words, track in timelines:
        numbers = _digits(words, track, transcript.channel, sample_rate, expected)
        numbers = [span for span in numbers if not _explained(span, track, told)]
        for run in _runs(words, round(_GAP_S * sample_rate)):
            numbers += _entities(reads, policy, run, expected, language)
        found.update((_ruled(policy, span), None) for span in numbers)
        telling = tuple(found)
        for span in _edges(words, track, transcript.channel, sample_rate, expected):
            covered = any(one.start <= span.start and span.end <= one.end for one in telling)
            if not covered and not _explained(span, track, told):
                found[_ruled(policy, span)] = None
    return tuple(sorted(found, key=lambda s: (s.start, s.channel, s.end, s.entity, s.recognizer)))


def _placed(word: Word, sample_rate: int) -> Word:
    """A word that is no longer than it plausibly takes."""
    heard = Interval(word.start, max(word.end, word.start))
    return replace(word, end=plausible(word.text, heard, sample_rate).end)


def _ruled(policy: Policy, span: Span) -> Span:
    action = policy.rule(span.entity).action
    return replace(span, action=action, reason=Reason.VERIFICATION)


def _runs(words: list[Word], gap: int) -> list[list[Word]]:
    runs: list[list[Word]] = []
    for word in words:
        if runs and word.start - runs[-1][-1].end < gap:
            runs[-1].append(word)
        else:
            runs.append([word])
    return runs


def _numeric(text: str) -> bool:
    """Whether a word stands for digits."""
    return any(map(str.isdigit, text)) or is_number(text, vocabulary(DEFAULT))


def _digits(
    words: list[Word],
    track: ParsedChannel,
    channel: int,
    sample_rate: int,
    expected: frozenset[str],
) -> list[Span]:
    """Numbers that are telling, unless something says that they are harmless.

    Long or announced ones are telling anywhere; a few digits only near a muted number, and that is
    for the asker to say.
    """
    numbers = sorted(expected & frozenset(map(str, SPOKEN_NUMBERS)))
    enough = _FEW if expected & frozenset(map(str, _SHORT)) else _MORE
    found: list[Span] = []
    for run in track.runs:
        spoken = run.last - run.first + 1 - len(run.parts)
        likely = sum(word.probability for word in run.words) >= _OFTEN * len(run.words)
        if spoken > _BETWEEN or not likely or not _suspicious(words, track, run, sample_rate):
            continue
        announced = len(run.digits) >= _TOLD and _asked_for(track, run)
        if not announced and len(run.digits) < (enough if numbers else _ALONE):
            continue
        telling = announced or len(run.digits) >= _ALONE
        by = Recognizer.LEFT_DIGITS if telling else Recognizer.FEW_DIGITS
        found.append(
            Span(
                entity=numbers[0] if numbers else Entity.NUMBER_SEQUENCE.value,
                channel=channel,
                start=run.start,
                end=run.end,
                score=_SURE,
                recognizer=by.value,
            )
        )
    return found


def _edges(
    words: list[Word],
    track: ParsedChannel,
    channel: int,
    sample_rate: int,
    expected: frozenset[str],
) -> list[Span]:
    """Digits too few to be telling alone, which may be the edge of a muted number.

    Whether such a number lies beside them is for the asker to say, who knows the mutes.
    """
    numbers = sorted(expected & frozenset(map(str, SPOKEN_NUMBERS)))
    if not numbers:
        return []
    return [
        Span(
            entity=numbers[0],
            channel=channel,
            start=run.start,
            end=run.end,
            score=_SURE,
            recognizer=Recognizer.EDGE_DIGITS.value,
        )
        for run in track.runs
        if min(word.probability for word in run.words) >= _LIKELY
        and _suspicious(words, track, run, sample_rate)
    ]


def _suspicious(words: list[Word], track: ParsedChannel, run: NumberRun, sample_rate: int) -> bool:
    """Whether nothing says that digits are a price, a date, an order number or the like."""
    return (
        not run.flags & (HARMLESS | {Flag.CARDINAL, Flag.DECIMAL})
        and not _announced(track, run)
        and not _noun(words, run, sample_rate)
    )


def _announced(track: ParsedChannel, run: NumberRun) -> bool:
    """Whether the words before a run say that it is a price, a place or an order number."""
    return any(prompt.kind in _HARMLESS_KINDS for prompt in _right_before(track, run))


def _surely_told(track: ParsedChannel, run: NumberRun) -> bool:
    """Whether clear words before a run say that it is an order number or the like."""
    return any(
        prompt.kind is PromptKind.REFERENCE
        and min(word.probability for word in track.words[prompt.first : prompt.last + 1])
        >= _TELLING
        for prompt in _right_before(track, run)
    )


def _explained(span: Span, track: ParsedChannel, told: list[NumberRun]) -> bool:
    """Whether another hearing of the same digits clearly says that they are an order number's.

    "Information number is" was "confirmation number is". Not where they are announced here.
    """
    run = next(run for run in track.runs if (run.start, run.end) == (span.start, span.end))
    return not _asked_for(track, run) and any(
        other.digits == run.digits and 2 * shared(other, run) > run.end - run.start
        for other in told
    )


def _asked_for(track: ParsedChannel, run: NumberRun) -> bool:
    """Whether the words before a run announce a sensitive number: "the code is …"."""
    return any(
        prompt.kind is PromptKind.ASK and prompt.entity in SPOKEN_NUMBERS
        for prompt in _right_before(track, run)
    )


def _right_before(track: ParsedChannel, run: NumberRun) -> list[Prompt]:
    """The phrases that end a few words before a run at most."""
    return [one for one in track.prompts if 0 < run.first - one.last <= _ANNOUNCED_WORDS]


def _noun(words: list[Word], run: NumberRun, sample_rate: int) -> bool:
    """Whether a lone "one" goes with the word right before it: "a long one"."""
    if run.digits != "1" or run.first == 0:
        return False
    before = words[run.first - 1]
    return run.start - before.end < _BREATH_S * sample_rate and not _numeric(before.text)


def _entities(
    reads: Reads,
    policy: Policy,
    run: list[Word],
    expected: frozenset[str],
    language: str,
) -> list[Span]:
    """Words of the expected types, as the reader holds them where nothing was said before."""
    wanted = [at for at, label in enumerate(LABELS) if label in expected and label in LEXICAL]
    if not wanted:
        return []
    placed = place((), run, 0)
    turn = turn_of(placed.text, language=language)
    found: list[Span] = []
    last = -1
    probabilities = reads.read(turn, Role.MIXED).probabilities if turn.tokens else ()
    for at, (token, row) in enumerate(zip(turn.tokens, probabilities, strict=True)):
        entity = LABELS[wanted[int(np.argmax(row[wanted]))]]
        sure = float(row[wanted].sum())
        words = placed.between(token.start, token.end)
        unclear = min(word.probability for word in words) < _CLEAR
        if sure < max(_SURE, policy.threshold(entity, Recognizer.READER)) or unclear:
            continue
        end = max(max(word.end, word.start + 1) for word in words)
        if found and last == at - 1 and found[-1].entity == entity:
            found[-1] = replace(found[-1], end=max(found[-1].end, end))
        else:
            start = words[0].start
            found.append(
                Span(entity, run[0].channel, start, end, round(sure, 3), Recognizer.READER.value)
            )
        last = at
    return found
