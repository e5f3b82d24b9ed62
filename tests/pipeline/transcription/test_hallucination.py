"""Guards against invented words, each with the values that strike it and the ones that don't."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pipeline.transcription.hallucination import Doubt, Judgement, drifted, judge

pytestmark = pytest.mark.unit

CARD = ("My", "card", "number", "is", "4", "1", "1", "1")


def judged(
    *texts: str,
    starts: Sequence[int] = (),
    no_speech: float = 0.1,
    log_probability: float = -0.3,
    compression: float = 1.1,
    full: bool = False,
    language: str = "en",
) -> Judgement:
    return judge(
        texts,
        starts=starts,
        no_speech=no_speech,
        log_probability=log_probability,
        compression=compression,
        full=full,
        language=language,
    )


def test_plain_speech_is_believed_whole() -> None:
    assert judged(*CARD) == Judgement(8, believed=True, doubts=())


@pytest.mark.parametrize(
    ("no_speech", "log_probability", "invented"),
    [(0.61, -1.01, True), (0.95, -0.4, False), (0.2, -1.6, False), (0.6, -1.0, False)],
)
def test_what_is_no_speech_and_unsure_is_invented(
    no_speech: float, log_probability: float, *, invented: bool
) -> None:
    said = judged("Thanks", "for", "watching", no_speech=no_speech, log_probability=log_probability)
    assert said.believed is not invented
    assert said.doubts == ((Doubt.INVENTED,) if invented else ())


@pytest.mark.parametrize(("compression", "repeated"), [(2.41, True), (2.4, False), (0.8, False)])
def test_a_text_that_shortens_too_much_repeats_itself(
    compression: float, *, repeated: bool
) -> None:
    said = judged(*CARD, compression=compression)
    assert said.believed is not repeated
    assert said.doubts == ((Doubt.REPEATED,) if repeated else ())


@pytest.mark.parametrize(("apart", "kept"), [(640, 2), (641, 8)])
def test_what_stands_before_a_rush_is_kept(apart: int, kept: int) -> None:
    starts = [0, 4000, *range(8000, 8000 + 6 * apart, apart)]
    doubts = (Doubt.RUSH,) if kept < len(starts) else ()
    assert judged(*CARD, starts=starts) == Judgement(kept, believed=True, doubts=doubts)


def test_what_stands_before_a_loop_is_kept() -> None:
    said = judged("the", "code", "is", *["seven", "two"] * 6)
    assert said == Judgement(11, believed=True, doubts=(Doubt.LOOP,))


def test_four_equal_digits_are_no_loop() -> None:
    assert judged("code", "0", "0", "0", "0") == Judgement(5, believed=True, doubts=())


def test_the_token_limit_is_a_doubt_about_the_end_only() -> None:
    assert judged(*CARD, full=True) == Judgement(8, believed=True, doubts=(Doubt.CUT_OFF,))


@pytest.mark.parametrize(
    ("texts", "language", "foreign"),
    [
        (("\u043d\u043e\u043c\u0435\u0440",), "en", True),
        (("\u756a\u53f7", "is"), "en", False),
        (("\u756a\u53f7\u756a\u53f7", "is"), "en", True),
        (("\u043d\u043e\u043c\u0435\u0440", "Visa"), "ru", False),
        (("M\u00fcller", "stra\u00dfe"), "de", False),
        (("4", "1", "1"), "en", False),
        ((), "en", False),
    ],
)
def test_letters_of_another_script_are_a_drift(
    texts: tuple[str, ...], language: str, *, foreign: bool
) -> None:
    assert drifted(texts, language) is foreign
    assert judged(*texts, language=language).believed is not foreign


def test_every_reason_is_counted() -> None:
    said = judged(
        *["\u0434\u0430"] * 9, no_speech=0.9, log_probability=-1.5, compression=4.0, full=True
    )
    assert said.doubts == (
        Doubt.INVENTED,
        Doubt.REPEATED,
        Doubt.LANGUAGE,
        Doubt.LOOP,
        Doubt.CUT_OFF,
    )
