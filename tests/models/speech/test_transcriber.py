"""What the ear makes of what its models say; the models are fakes that speak scripted words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.speech import transcriber as speech
from models.speech.transcriber import Transcriber, TranscriberSettings
from models.speech.whisper import Decoded, Encoded, TimedWord
from pipeline.errors import ModelError
from pipeline.records.model import Hearing, Interval, Window, WindowTranscript
from tests.models.speech.whispers import StandIn

pytestmark = pytest.mark.unit

DIGIT_PROMPT = "My card number is 4 1 1 1, 2 0 3 9. The code is 7 5 8."

RATE = 16_000
LEAD = 4_800
"""The silence in front of every pack: 0.3 s."""


def decoded(
    *words: tuple[float, float, str], no_speech: float = 0.0, mean: float = -0.2
) -> Decoded:
    """Words by their seconds in the pack, the lead not counted."""
    return Decoded(
        words=tuple(
            TimedWord(LEAD + int(start * RATE), LEAD + int(end * RATE), text, 0.9)
            for start, end, text in words
        ),
        no_speech=no_speech,
        log_probability=mean,
        compression=1.0,
        full=False,
    )


def timed(start: float, end: float, text: str, probability: float) -> TimedWord:
    """A word by its seconds in the pack, the lead not counted."""
    return TimedWord(LEAD + int(start * RATE), LEAD + int(end * RATE), text, probability)


class FakeWhisper(StandIn):
    """Says what its script returns for (prompt, beam, samples)."""

    def __init__(
        self,
        script: Callable[[str, int, int], Decoded],
        knows: Sequence[str] = ("en",),
        likelihood: float = 1.0,
    ) -> None:
        super().__init__(knows, likelihood)
        self.script = script
        self.asked: list[tuple[str, int, int]] = []

    def answer(
        self, encoded: Sequence[Encoded], lengths: Sequence[int], prompt: str, beam: int
    ) -> list[Decoded]:
        self.asked += [(prompt, beam, length) for length in lengths]
        return [self.script(prompt, beam, length) for length in lengths]


def transcriber_of(
    monkeypatch: pytest.MonkeyPatch,
    settings: TranscriberSettings | None = None,
    /,
    **models: FakeWhisper,
) -> Transcriber:
    names = {"whisper-base": "main", "whisper-tiny.en": "second"}
    monkeypatch.setattr(Transcriber, "_load", lambda _, model: models[names[model.id]])
    return Transcriber(settings or TranscriberSettings())


def window(seconds: float = 4.0, owned: Interval | None = None, language: str = "en") -> Window:
    """All of it is speech."""
    samples = int(seconds * RATE)
    noise = np.random.default_rng(0).normal(0, 2_000, samples).astype(np.int16)
    return Window(
        call_id="c1",
        seq=5,
        channel=1,
        start=1_000,
        end=1_000 + samples,
        sample_rate=RATE,
        pcm=noise,
        speech=(Interval(1_000, 1_000 + samples),),
        heard_until=1_000 + samples,
        owned=owned,
        language=language,
    )


def texts(transcript: WindowTranscript, hearing: Hearing) -> list[str]:
    return [word.text for word in transcript.words if word.hearing is hearing]


def full(*extra: tuple[float, float, str]) -> Decoded:
    """Words that explain all of four seconds."""
    return decoded((0, 1, "11"), (1, 2, "22"), (2, 3, "33"), (3, 4, "44"), *extra)


NOTHING = decoded()


def test_the_main_models_first_pass_is_main_and_the_rest_is_evidence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main = FakeWhisper(lambda *_: full())
    second = FakeWhisper(
        lambda prompt, *_: decoded((0, 4, "999999")) if prompt else full((3, 4, "5"))
    )
    heard = transcriber_of(monkeypatch, main=main, second=second).transcribe(window())
    assert texts(heard, Hearing.MAIN) == ["11", "22", "33", "44"]
    assert texts(heard, Hearing.SECOND) == ["11", "22", "33", "44", "5"]
    assert texts(heard, Hearing.AGAIN) == ["999999"]
    assert heard.unexplained == ()
    assert heard.unheard == ()
    assert (heard.call_id, heard.seq, heard.channel) == ("c1", 5, 1)
    assert heard.models == ("whisper-base@753752d23a0c", "whisper-tiny.en@2a4410629ba3")
    assert main.asked == [("", 1, LEAD + 4 * RATE)]  # all was explained: no second pass


def test_a_word_says_how_nearly_it_was_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    nearly = replace(timed(0, 4, "full", 0.9), number_probability=0.3)
    model = FakeWhisper(lambda *_: replace(NOTHING, words=(nearly,)))
    heard = transcriber_of(monkeypatch, main=model, second=model).transcribe(window())
    assert {word.number_probability for word in heard.words if word.text == "full"} == {0.3}


def test_digits_that_both_models_heard_are_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    second = FakeWhisper(lambda *_: full())
    heard = transcriber_of(
        monkeypatch, main=FakeWhisper(lambda *_: full()), second=second
    ).transcribe(window())
    assert texts(heard, Hearing.AGAIN) == []
    assert second.asked == [("", 1, LEAD + 4 * RATE)]


def test_speech_without_words_is_listened_to_again_and_then_stated_as_unexplained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half = decoded((0, 1, "11"), (1, 2, "22"))
    main = FakeWhisper(lambda prompt, *_: NOTHING if prompt else half)
    second = FakeWhisper(lambda prompt, *_: NOTHING if prompt else half)
    heard = transcriber_of(monkeypatch, main=main, second=second).transcribe(window())
    assert [(prompt, beam) for prompt, beam, _ in main.asked] == [
        ("", 1),
        (DIGIT_PROMPT, 1),
        (DIGIT_PROMPT, 5),
    ]
    (part,) = heard.unexplained
    assert part.start == pytest.approx(1_000 + 2 * RATE, abs=0.3 * RATE)
    assert part.end == 1_000 + 4 * RATE


def test_what_the_second_hearing_brings_explains_the_speech(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again = decoded((0.0, 1.1, "33"), (1.1, 2.2, "44"))
    main = FakeWhisper(lambda prompt, *_: again if prompt else decoded((0, 2, "1122")))
    second = FakeWhisper(lambda prompt, *_: NOTHING if prompt else decoded((0, 2, "1122")))
    heard = transcriber_of(monkeypatch, main=main, second=second).transcribe(window())
    assert texts(heard, Hearing.AGAIN) == ["33", "44"]
    assert texts(heard, Hearing.MAIN) == ["1122"]
    assert heard.unexplained == ()


def test_a_word_that_detection_does_not_read_explains_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A digit heard again gives way to a likelier word at its end, and is no word any more."""
    first = decoded((0, 2, "1122"))
    words = (timed(0.2, 1.2, "8", 0.2), timed(0.8, 1.2, "hey", 0.6), timed(1.2, 2.2, "8", 0.9))
    again = replace(decoded(), words=words)
    main = FakeWhisper(lambda prompt, *_: again if prompt else first)
    second = FakeWhisper(lambda prompt, *_: NOTHING if prompt else first)
    heard = transcriber_of(monkeypatch, main=main, second=second).transcribe(window())
    assert texts(heard, Hearing.AGAIN) == ["8", "hey", "8"]
    (part,) = heard.unexplained
    assert (part.start - 1_000) / RATE == pytest.approx(2.0, abs=0.3)
    assert (part.end - 1_000) / RATE == pytest.approx(2.7, abs=0.3)


def test_one_word_over_everything_explains_only_what_it_can_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = FakeWhisper(lambda prompt, *_: NOTHING if prompt else decoded((0, 4, "is")))
    heard = transcriber_of(monkeypatch, main=model, second=model).transcribe(window())
    assert heard.unexplained[0].start < 1_000 + 0.6 * RATE


def test_what_is_taken_for_no_speech_makes_no_word_but_stays_unexplained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    invented = decoded((0, 4, "watching"), no_speech=0.9, mean=-1.5)
    main = FakeWhisper(lambda prompt, *_: NOTHING if prompt else invented)
    second = FakeWhisper(lambda prompt, *_: NOTHING if prompt else invented)
    heard = transcriber_of(monkeypatch, main=main, second=second).transcribe(window())
    assert texts(heard, Hearing.MAIN) == []
    assert texts(heard, Hearing.SECOND) == ["watching"]  # evidence, but it explains nothing
    assert heard.unexplained == heard.speech


def test_a_loop_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = decoded(*((at / 10, (at + 1) / 10, "pies") for at in range(40)))
    model = FakeWhisper(lambda prompt, *_: NOTHING if prompt else loop)
    heard = transcriber_of(monkeypatch, main=model, second=model).transcribe(window())
    assert texts(heard, Hearing.MAIN) == ["pies"] * 4
    assert heard.unexplained


def test_main_words_beyond_a_hard_cut_are_the_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = FakeWhisper(lambda *_: full())
    owned = Interval(1_000 + int(1.2 * RATE), 1_000 + 3 * RATE)
    heard = transcriber_of(monkeypatch, main=model, second=model).transcribe(window(owned=owned))
    assert texts(heard, Hearing.MAIN) == ["22", "33"]
    assert {"11", "44"} <= set(texts(heard, Hearing.AGAIN))  # nothing is lost as evidence


@pytest.mark.parametrize("broken", ["main", "second"])
@pytest.mark.parametrize("error", [ModelError("x"), RuntimeError("x"), MemoryError()])
def test_whatever_fails_the_window_is_unheard(
    monkeypatch: pytest.MonkeyPatch, broken: str, error: Exception
) -> None:
    def fail(*_: object) -> Decoded:
        raise error

    models = {"main": FakeWhisper(lambda *_: full()), "second": FakeWhisper(lambda *_: full())}
    models[broken] = FakeWhisper(fail)
    heard = transcriber_of(monkeypatch, **models).transcribe(window())
    assert heard.unheard == (Interval(1_000, 1_000 + 4 * RATE),)
    assert heard.words == ()


def test_audio_of_another_length_than_stated_is_unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeWhisper(lambda *_: full())
    one = window()
    short = Window(
        one.call_id, one.seq, one.channel, one.start, one.end, RATE, one.pcm[:-1], one.speech
    )
    assert transcriber_of(monkeypatch, main=model, second=model).transcribe(short).unheard


def test_a_silent_window_is_heard_without_asking_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeWhisper(lambda *_: full())
    silent = Window("c1", 0, 0, 0, 80_000, RATE, np.zeros(0, np.int16), (), heard_until=80_000)
    heard = transcriber_of(monkeypatch, main=model, second=model).transcribe(silent)
    assert (heard.words, heard.unheard, heard.heard_until) == ((), (), 80_000)
    assert model.asked == []


def test_checking_is_one_prompted_pass_of_the_small_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main, second = FakeWhisper(lambda *_: full()), FakeWhisper(lambda *_: full())
    heard = transcriber_of(monkeypatch, main=main, second=second).check(window())
    assert main.asked == []
    assert [(prompt, beam) for prompt, beam, _ in second.asked] == [(DIGIT_PROMPT, 1)]
    assert texts(heard, Hearing.MAIN) == ["11", "22", "33", "44"]
    assert heard.models == ("whisper-tiny.en@2a4410629ba3",)


def test_a_process_without_models_hears_nothing_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(speech, "_of_process", {})
    assert speech.transcribe(window()).unheard
    assert speech.check(window()).unheard


LONG = (0.0, 1.2, "understandable")


@pytest.mark.parametrize(
    ("main_says", "asked"),
    [
        (decoded(LONG, (1.2, 2.4, "understandable"), (2.4, 3.5, "circumstances")), False),
        (decoded(LONG, (1.2, 2.4, "understandable"), (2.4, 3.5, "twenty4")), True),
        (decoded(LONG, (1.2, 2.4, "understandable")), True),
    ],
    ids=["explained", "a number", "unexplained"],
)
def test_the_second_model_can_be_kept_to_windows_that_may_hold_numbers(
    monkeypatch: pytest.MonkeyPatch,
    main_says: Decoded,
    asked: bool,  # noqa: FBT001 - a table
) -> None:
    main = FakeWhisper(lambda prompt, *_: NOTHING if prompt else main_says)
    second = FakeWhisper(lambda *_: NOTHING)
    chosen = TranscriberSettings(second_where="numbers", again=False)
    transcriber_of(monkeypatch, chosen, main=main, second=second).transcribe(window(3.5))
    assert bool(second.asked) is asked


def test_windows_heard_together_share_batches_and_keep_their_own_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches: list[int] = []

    class Batched(FakeWhisper):
        def answer(
            self, encoded: Sequence[Encoded], lengths: Sequence[int], prompt: str, beam: int
        ) -> list[Decoded]:
            batches.append(len(encoded))
            return super().answer(encoded, lengths, prompt, beam)

    main = Batched(lambda _, __, samples: decoded((0, 4, str(samples))))
    chosen = TranscriberSettings(second=None, again=False, batch=2)
    windows = [window(seconds) for seconds in (2.0, 3.0, 4.0)]
    heard = transcriber_of(monkeypatch, chosen, main=main, second=main).transcribe_all(windows)
    assert batches == [2, 1]
    assert [texts(one, Hearing.MAIN) for one in heard] == [
        [str(LEAD + int(seconds * RATE))] for seconds in (2.0, 3.0, 4.0)
    ]


def test_a_window_that_fails_leaves_its_neighbours_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(prompt: str, beam: int, samples: int) -> Decoded:
        if samples == LEAD + 3 * RATE:
            raise ModelError("bad")
        return decoded((0, 2, "fine"))

    main = FakeWhisper(script)
    chosen = TranscriberSettings(second=None, again=False)
    windows = [window(2.0), window(3.0), window(4.0)]
    heard = transcriber_of(monkeypatch, chosen, main=main, second=main).transcribe_all(windows)
    assert [bool(one.unheard) for one in heard] == [False, True, False]


def known(likelihood: float = 1.0, language: str = "es") -> tuple[FakeWhisper, FakeWhisper]:
    """A main model for English and another language, and a second one for English alone."""
    main = FakeWhisper(lambda *_: full(), ("en", language), likelihood)
    return main, FakeWhisper(lambda *_: full())


def test_a_call_is_heard_in_its_language_by_the_models_that_know_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main, second = known()
    transcriber = transcriber_of(monkeypatch, main=main, second=second)
    spanish, english = transcriber.transcribe_all([window(language="es"), window()])
    assert sorted(main.languages) == ["en", "es", "es"]
    assert set(second.languages) == {"en"}
    assert spanish.models == ("whisper-base@753752d23a0c",)
    assert english.models == ("whisper-base@753752d23a0c", "whisper-tiny.en@2a4410629ba3")
    prompt = "Mi número de tarjeta es 4 1 1 1, 2 0 3 9. El código es 7 5 8."
    assert [asked for asked, _, _ in main.asked if asked] == [prompt]
    assert not spanish.doubts


def test_a_spanish_call_is_checked_by_the_main_model_in_spanish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main, second = known()
    heard = transcriber_of(monkeypatch, main=main, second=second).check(window(language="es"))
    assert (main.languages, second.languages) == (["es"], [])
    assert heard.models == ("whisper-base@753752d23a0c",)


@pytest.mark.parametrize(
    ("language", "of_main"), [("fr", "fr"), ("es", "de")], ids=["no data", "no model"]
)
def test_a_language_that_cannot_be_searched_or_heard_is_silenced_whole(
    monkeypatch: pytest.MonkeyPatch, language: str, of_main: str
) -> None:
    main, second = known(language=of_main)
    transcriber = transcriber_of(monkeypatch, main=main, second=second)
    one = window(language=language)
    heard = transcriber.transcribe(one)
    assert heard.unheard == (Interval(one.start, one.end),)
    assert (heard.words, heard.doubts) == ((), ("foreign",))
    assert main.asked == []
    assert transcriber.check(one).words  # what is left of it is listened to in the default language
    assert second.languages == ["en"]


@pytest.mark.parametrize(
    ("likelihood", "no_speech", "seconds", "foreign"),
    [
        (0.11, 0.0, 4.0, True),
        (0.13, 0.0, 4.0, False),
        (0.11, 0.7, 4.0, False),
        (0.11, 0.0, 2.0, False),
    ],
    ids=["another language", "likely enough", "no speech", "too short to tell"],
)
def test_what_the_model_takes_for_another_language_is_silenced_whole(
    monkeypatch: pytest.MonkeyPatch,
    likelihood: float,
    no_speech: float,
    seconds: float,
    foreign: bool,  # noqa: FBT001 - a table
) -> None:
    def script(*_: object) -> Decoded:
        return decoded((0, 1, "11"), (1, 2, "22"), no_speech=no_speech)

    main = FakeWhisper(script, likelihood=likelihood)
    second = FakeWhisper(script)
    one = window(seconds)
    heard = transcriber_of(monkeypatch, main=main, second=second).transcribe(one)
    assert ("foreign" in heard.doubts) is foreign
    assert heard.unheard == ((Interval(one.start, one.end),) if foreign else ())
    assert bool(heard.words) is not foreign
    assert bool(second.asked) is not foreign
    assert main.guessed == ([] if no_speech > 0.6 or seconds < 3 else ["en"])
