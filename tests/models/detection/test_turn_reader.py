"""From what the reader holds of words to spans: thresholds, runs, and what is looked back on."""

from __future__ import annotations

import numpy as np
import pytest
from presidio_analyzer import AnalysisExplanation, RecognizerResult

from models.detection.turn_reader import (
    Analyses,
    Reads,
    ScriptedAnalyses,
    ScriptedReads,
    TurnReader,
)
from models.reader.encoder import Kept, Reading
from models.reader.inputs import LABELS, LOOKED_BACK
from models.text.turn import Turn
from models.text.turn_segmentation import Spoken, Stream
from pipeline.policy.loading import load_policy, parse_policy
from pipeline.policy.model import Policy
from pipeline.records.model import Action, Role, Word
from tests.pipeline.detection.talked import RATE, said

pytestmark = pytest.mark.unit

POLICY = parse_policy(
    "name: test\nversion: '1'\n"
    "recognizers:\n  reader: {threshold: 0.3, entities: {MEDICATION: 0.2}}\n"
    "entities:\n  URL: {action: count}\n"
)
NOTHING = ScriptedAnalyses([])
STEP, LONG = round(0.4 * RATE), round(0.3 * RATE)
"""From word to word, and of a word."""


def reader(
    reads: Reads, analyses: Analyses = NOTHING, policy: Policy = POLICY, language: str = "en"
) -> TurnReader:
    roles = (Role.AGENT, Role.CUSTOMER)
    return TurnReader(reads, analyses, policy, RATE, roles, language=language)


def turn(
    text: str, at: float = 0.0, channel: int = 0, stream: Stream = Stream.SHOWN, before: str = ""
) -> Spoken:
    context = said(before, at - 4, channel) if before else []
    return Spoken(channel, stream, tuple(context), tuple(said(text, at, channel)))


def found(text: str, words: dict[str, tuple[str, float]]) -> list[tuple[str, str]]:
    """Types, and the words that each span has whole."""
    spoken = turn(text)
    return [
        (
            span.entity,
            " ".join(
                word.text
                for word in spoken.words
                if span.start <= word.start and word.end <= span.end
            ),
        )
        for span in reader(ScriptedReads(words)).read(spoken)
    ]


class Rows:
    """Holds words for what is written down: of each word, the probabilities of its types."""

    def __init__(self, *rows: dict[str, float]) -> None:
        self._rows = rows

    def read(self, turn: Turn, role: Role, before: tuple[Kept, ...] = ()) -> Reading:
        held = np.zeros((len(turn.tokens), len(LABELS)), np.float32)
        for row, types in zip(held, self._rows, strict=True):
            for entity, probability in types.items():
                row[LABELS.index(entity)] = probability
            row[0] = 1 - sum(types.values())
        return Reading(held)


class Listens:
    """Tells what it was asked to read, and behind what."""

    def __init__(self, size: int = 1, failing: str = "") -> None:
        self.size, self.failing = size, failing
        self.asked: list[tuple[str, Role, list[str]]] = []
        self._names: dict[int, str] = {}
        self._kept: list[Kept] = []

    def read(self, turn: Turn, role: Role, before: tuple[Kept, ...] = ()) -> Reading:
        if turn.plain == self.failing:
            raise RuntimeError(turn.plain)
        self.asked.append((turn.plain, role, [self._names[id(one)] for one in before]))
        kept = Kept(*[np.zeros((1, 1, self.size, 1), np.float16)] * 2)
        self._names[id(kept)] = turn.plain
        self._kept.append(kept)
        return Reading(ScriptedReads().read(turn, role).probabilities, (kept,))

    def behind(self) -> list[str]:
        """Of the last turn."""
        return self.asked[-1][2]


# -- thresholds and runs -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity", "probability", "muted"),
    [
        ("PERSON", 0.31, True),
        ("PERSON", 0.29, False),
        ("MEDICATION", 0.21, True),
        ("MEDICATION", 0.19, False),
    ],
)
def test_each_type_has_the_policy_s_threshold(
    entity: str, probability: float, *, muted: bool
) -> None:
    spans = found("hello laura there", {"laura": (entity, probability)})
    assert spans == ([(entity, "laura")] if muted else [])


def test_a_span_says_what_was_held_by_whom_and_what_the_policy_does() -> None:
    reads = ScriptedReads({"laura": ("PERSON", 0.8124), "site": ("URL", 0.9)})
    first, second = reader(reads).read(turn("hello laura my site", 1.0, channel=1))
    begin = RATE + STEP
    assert (first.entity, first.channel, first.score) == ("PERSON", 1, 0.812)
    assert (first.start, first.end) == (begin, begin + LONG)
    assert (first.recognizer, first.action) == ("reader", Action.MUTE)
    assert (second.entity, second.action) == ("URL", Action.COUNT)


NAME = dict.fromkeys(("laura", "barrera"), ("PERSON", 0.9))


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("hello laura barrera there", [("PERSON", "laura barrera")]),
        ("laura, barrera", [("PERSON", "laura, barrera")]),
        ("laura. barrera", [("PERSON", "laura."), ("PERSON", "barrera")]),
        ("laura? barrera", [("PERSON", "laura?"), ("PERSON", "barrera")]),
        ("laura and barrera", [("PERSON", "laura"), ("PERSON", "barrera")]),
        ("hello there", []),
    ],
)
def test_a_run_ends_where_a_sentence_does(text: str, spans: list[tuple[str, str]]) -> None:
    assert found(text, NAME) == spans


def test_a_run_has_one_type_and_the_score_of_its_surest_word() -> None:
    words = {"laura": ("PERSON", 0.5), "barrera": ("PERSON", 0.9), "aspirin": ("MEDICATION", 0.7)}
    spans = reader(ScriptedReads(words)).read(turn("laura barrera aspirin"))
    assert [(span.entity, span.score) for span in spans] == [("PERSON", 0.9), ("MEDICATION", 0.7)]


@pytest.mark.parametrize(
    ("second", "entities"),
    [
        ({"PERSON": 0.3, "MEDICATION": 0.6}, ["PERSON"]),
        ({"PERSON": 0.2, "MEDICATION": 0.7}, ["PERSON", "MEDICATION"]),
        ({"PERSON": 0.02, "MEDICATION": 0.3}, ["PERSON", "MEDICATION"]),
    ],
)
def test_a_word_goes_on_with_the_type_before_it_for_a_quarter_of_what_it_may_be(
    second: dict[str, float], entities: list[str]
) -> None:
    spans = reader(Rows({"PERSON": 0.9}, second)).read(turn("laura patch"))
    assert [span.entity for span in spans] == entities
    assert spans[-1].end == STEP + LONG


@pytest.mark.parametrize(
    ("policy", "row"),
    [
        ("pci", {"PERSON": 0.25, "PASSWORD": 0.7}),
        ("pci", {"PERSON": 0.45, "PASSWORD": 0.4}),
        ("hipaa", {"PERSON": 0.07, "MEDICATION": 0.18}),
    ],
    ids=["goes on with a name", "is likelier a name", "lower threshold"],
)
def test_a_word_is_silent_where_anything_that_it_may_be_would_be(
    policy: str, row: dict[str, float]
) -> None:
    rules = load_policy(policy)
    spans = reader(Rows({"PERSON": 0.9}, row), policy=rules).read(turn("laura swordfish"))
    muted = [span for span in spans if span.action is Action.MUTE]
    assert any(span.start <= STEP and span.end >= STEP + LONG for span in muted)


def test_what_several_types_share_counts_together() -> None:
    row = {"PERSON": 0.11, "STREET_ADDRESS": 0.12, "URL": 0.1}
    (span,) = reader(Rows({}, row)).read(turn("hello laura"))
    assert (span.entity, span.score) == ("STREET_ADDRESS", 0.33)


def test_a_long_pause_inside_an_entity_stays_audible() -> None:
    words = (
        Word(0, 0, RATE // 2, "laura"),
        Word(0, 3 * RATE, 3 * RATE + LONG, "barrera"),
    )
    spans = reader(ScriptedReads(NAME)).read(Spoken(0, Stream.SHOWN, (), words))
    assert [(span.start, span.end) for span in spans] == [
        (0, RATE // 2),
        (3 * RATE, 3 * RATE + LONG),
    ]


def test_a_short_one_does_not() -> None:
    words = (
        Word(0, 0, RATE // 2, "laura"),
        Word(0, 2 * RATE, 2 * RATE + LONG, "barrera"),
    )
    spans = reader(ScriptedReads(NAME)).read(Spoken(0, Stream.SHOWN, (), words))
    assert [(span.start, span.end) for span in spans] == [(0, 2 * RATE + LONG)]


def test_the_last_letter_of_something_spelled_is_drawn_out_up_to_the_next_word() -> None:
    reads = ScriptedReads(dict.fromkeys(("j", "o", "e"), ("PERSON", 0.9)))
    (span,) = reader(reads).read(turn("j o e"))
    assert (span.start, span.end) == (0, 2 * STEP + LONG + round(1.2 * RATE))
    (span,) = reader(reads).read(turn("j o e thanks"))
    assert (span.start, span.end) == (0, 3 * STEP)


def test_a_last_digit_is_not_drawn_out() -> None:
    reads = ScriptedReads(dict.fromkeys(("4", "1"), ("CARD_NUMBER", 0.9)))
    (span,) = reader(reads).read(turn("4 1"))
    assert (span.start, span.end) == (0, STEP + LONG)


@pytest.mark.parametrize("text", ["...", "? !"])
def test_of_a_turn_without_words_nothing_is_read(text: str) -> None:
    reads = Listens()
    assert reader(reads).read(turn(text)) == []
    assert reads.asked == []


# -- opinions ------------------------------------------------------------------------------------


def test_what_is_held_of_every_word_is_told_harmless_ones_too() -> None:
    own = reader(Rows({}, {"PERSON": 0.6, "URL": 0.1, "PIN": 0.01}))
    own.read(turn("hello laura", channel=1))
    first, second = own.opinions.within(1, 0, RATE)
    assert list(own.opinions.within(0, 0, RATE)) == []
    assert (first.start, first.end, first.secret, first.types) == (0, LONG, 0.0, {})
    assert (second.start, second.end) == (STEP, STEP + LONG)
    assert second.secret == pytest.approx(0.71)
    assert second.types == {"PERSON": pytest.approx(0.6), "URL": pytest.approx(0.1)}


# -- what is looked back on ----------------------------------------------------------------------


def test_the_role_is_that_of_who_speaks() -> None:
    reads = Listens()
    own = reader(reads)
    own.read(turn("your name", 0.0, channel=0))
    own.read(turn("laura", 2.0, channel=1))
    assert reads.asked == [
        ("your name", Role.AGENT, []),
        ("laura", Role.CUSTOMER, ["your name"]),
    ]


def test_turns_are_looked_back_on_in_the_order_in_which_they_began() -> None:
    reads = Listens()
    own = reader(reads)
    for text, at, channel in (("three", 20.0, 0), ("one", 2.0, 0), ("two", 10.0, 1)):
        own.read(turn(text, at, channel))
    own.read(turn("four", 30.0, 1))
    assert reads.behind() == ["one", "two", "three"]
    own.read(turn("between", 5.0, 1))
    assert reads.behind() == ["one"]  # nothing that comes later


def test_a_second_hearing_does_not_look_back_on_its_own_turn_and_is_not_looked_back_on() -> None:
    reads = Listens()
    own = reader(reads)
    own.read(turn("what is it", 0.0, channel=0))
    own.read(turn("laura", 10.0, channel=1))
    own.read(turn("lora", 10.1, channel=1, stream=Stream.EVIDENCE))
    assert reads.behind() == ["what is it"]
    own.read(turn("thanks", 20.0, channel=0))
    assert reads.behind() == ["what is it", "laura"]


def test_what_the_other_side_has_said_so_far_is_read_first() -> None:
    reads = Listens()
    own = reader(reads)
    own.read(turn("hello", 0.0, channel=0))
    going_on = tuple(said("and your name", 1.0, channel=0))
    own.read(turn("laura", 2.0, channel=1), [going_on, ()])
    assert reads.asked[1:] == [
        ("and your name", Role.AGENT, ["hello"]),
        ("laura", Role.CUSTOMER, ["hello", "and your name"]),
    ]
    own.read(turn("thanks", 9.0, channel=0))
    assert reads.behind() == ["hello", "laura"]  # a turn that is not over is read again later


def test_two_minutes_are_looked_back_on() -> None:
    reads = Listens()
    own = reader(reads)
    for text, at in (("one", 0.0), ("two", 100.0), ("three", 200.0)):
        own.read(turn(text, at))
    own.forget(round(221 * RATE))
    own.read(turn("four", 230.0))
    assert reads.behind() == ["three"]
    assert [one.start for one in own.opinions.within(0, 0, 300 * RATE)] == [230 * RATE]


def test_no_more_is_kept_than_there_is_room_for() -> None:
    reads = Listens(size=40)
    own = reader(reads)
    for number in range(50):
        own.read(turn(f"turn {number}", 2.0 * number))
        assert 40 * (len(reads.behind()) - 1) < 2 * LOOKED_BACK + 40
    assert reads.behind()[-1] == "turn 48"


def test_a_language_is_passed_on() -> None:
    languages: list[str] = []

    class Asks(ScriptedReads):
        def read(self, turn: Turn, role: Role, before: tuple[Kept, ...] = ()) -> Reading:
            languages.append(turn.language)
            return super().read(turn, role, before)

    reader(Asks(), language="es").read(turn("hola"), [tuple(said("buenas", 0.0, 1))])
    assert languages == ["es", "es"]


# -- failing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", ["my name", "and then"], ids=["own", "other side"])
def test_a_reader_that_fails_raises_so_that_the_turn_is_silenced(failing: str) -> None:
    own = reader(Listens(failing=failing))
    with pytest.raises(RuntimeError):
        own.read(turn("my name", channel=1), [tuple(said("and then", 0.0, channel=0))])


def test_recognisers_that_fail_raise_likewise() -> None:
    with pytest.raises(RuntimeError):
        reader(ScriptedReads(), ScriptedAnalyses(RuntimeError())).read(turn("my name"))


# -- forms ---------------------------------------------------------------------------------------


def result(start: int, end: int, score: float = 0.8, entity: str = "IBAN") -> RecognizerResult:
    return RecognizerResult(
        entity,
        start,
        end,
        score,
        AnalysisExplanation("forms", score, pattern_name="scripted"),
        {RecognizerResult.RECOGNIZER_NAME_KEY: "forms"},
    )


def formed(one: RecognizerResult, text: str, before: str = "") -> list[tuple[str, int, int, str]]:
    spans = reader(ScriptedReads(), ScriptedAnalyses([one])).read(turn(text, 10.0, before=before))
    return [(span.entity, span.start, span.end, span.recognizer) for span in spans]


def test_what_a_form_tells_is_a_span_of_its_words() -> None:
    begin = 10 * RATE
    assert formed(result(3, 8), "it GB 29 now") == [
        ("IBAN", begin + STEP, begin + 2 * STEP + LONG, "forms: scripted")
    ]
    assert formed(result(3, 4), "it GB 29 now") == [
        ("IBAN", begin + STEP, begin + STEP + LONG, "forms: scripted")
    ]
    assert formed(result(3, 8, score=0.1), "it GB 29 now") == []


def test_a_form_may_begin_in_what_was_said_before_and_is_not_stated_twice() -> None:
    assert formed(result(0, 2), "29 now", before="GB") == []
    # There is a long pause between the two: "GB / 29 now".
    assert formed(result(0, 7), "29 now", before="GB") == [
        ("IBAN", 6 * RATE, 10 * RATE + LONG, "forms: scripted")
    ]


@pytest.mark.parametrize(
    ("entity", "figures", "secret", "policy", "stays"),
    [
        ("IP_ADDRESS", "67.28.73.76", 0.014, "default", False),
        ("IP_ADDRESS", "67.28.73.76", 0.016, "default", True),
        ("IP_ADDRESS", "67.28.73.76", 0.0, "pci", True),
        ("IP_ADDRESS", "192.168.100.200", 0.0, "default", True),  # as long as a card
        ("IBAN", "67.28.73.76", 0.0, "default", True),
    ],
)
def test_four_numbers_with_dots_between_are_heard_where_the_talk_explains_them(
    entity: str, figures: str, secret: float, policy: str, *, stays: bool
) -> None:
    form = result(0, len(figures), entity=entity)
    held = ScriptedReads({"73": ("IP_ADDRESS", secret)})
    reading = reader(held, ScriptedAnalyses([form]), load_policy(policy))
    assert bool(reading.read(turn(figures, 1.0))) is stays


def test_a_form_of_no_words_raises() -> None:
    with pytest.raises(ValueError, match="empty"):
        formed(result(60, 70), "it is here")


def test_what_is_held_for_a_medicine_says_nothing_of_the_language() -> None:
    reading = reader(ScriptedReads({"ramipril": ("MEDICATION", 0.9), "laura": ("PERSON", 0.9)}))
    spoken = turn("laura takes ramipril")
    reading.read(spoken)
    assert [word.text for word in reading.ordinary(spoken)] == ["laura", "takes"]
