"""What was read between two silences stays read while words go before it and come behind it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detection.dialogue.timeline import ChannelTimeline
from pipeline.detection.language.vocabulary import vocabulary
from pipeline.detection.numbers.runs import words_from_text
from pipeline.records.model import Word

pytestmark = pytest.mark.unit

RATE = 8_000
SAID = (
    "what's the long number on the card", "four one one one, two two", "double three",
    "your order number is 4 4 2", "the expiry date", "oh nine twenty seven", "B as in boy, six",
    "that's forty five pounds", "okay, uh-huh",
)  # fmt: skip


def timeline() -> ChannelTimeline:
    return ChannelTimeline(0, RATE, vocabulary())


steps = st.lists(
    st.tuples(
        st.sampled_from(SAID),
        st.sampled_from([0.2, 1.0, 5.0]),  # seconds of silence before it; 4 part pieces
        st.sampled_from([None, None, 3.0, 12.0]),  # seconds after which words are forgotten
        st.booleans(),  # whether it comes too late, before the last word
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None)
@given(steps)
def test_words_that_come_and_go_are_read_as_if_they_were_all_there_is(
    said: list[tuple[str, float, float | None, bool]],
) -> None:
    grown, kept, at = timeline(), list[Word](), 0
    for text, silence, keep, late in said:
        words = words_from_text(text, start=at + round(silence * RATE), rate=RATE)
        if late and kept:
            first = words[0]
            moved = replace(first, start=kept[-1].start - 1, end=kept[-1].start)
            words = [moved, *words[1:]]
        grown.add(words)
        kept = sorted([*kept, *words], key=lambda word: word.start)
        at = kept[-1].end
        grown.track()
        if keep is not None:
            before = at - round(keep * RATE)
            grown.forget(before)
            while kept and kept[0].end < before:
                kept.pop(0)
        whole = timeline()
        whole.add(kept)
        track, again = grown.track(), whole.track()
        assert track.words == tuple(kept)
        # Phrases compare without their indexes.
        assert [(prompt, prompt.first, prompt.last) for prompt in track.prompts] == [
            (prompt, prompt.first, prompt.last) for prompt in again.prompts
        ]
        assert track.runs == again.runs


def test_a_piece_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    one = timeline()
    inner = one._read_piece

    def noted(words: list[Word]) -> object:
        read.append(" ".join(word.text for word in words))
        return inner(words)

    monkeypatch.setattr(one, "_read_piece", noted)
    at = 0
    for text in ("four one one one", "two two", "the expiry date"):
        words = words_from_text(text, start=at, rate=RATE)
        one.add(words)
        one.track()
        one.forget(at - 10 * RATE)
        at = words[-1].end + 5 * RATE
    assert one.track().words[0].text == "two"
    assert read == ["four one one one", "two two", "the expiry date"]


def test_what_was_nearly_a_number_is_held_like_one_until_more_is_heard() -> None:
    said = words_from_text("it's hi hi uh hi", rate=RATE)
    first = [replace(said[1], number_probability=0.3)]
    line = timeline()
    line.add([said[0], *first, *said[2:]])
    assert line.unfinished(said[-1].end, 0) == [said[1].start]
    plain = timeline()
    plain.add(said)
    assert plain.unfinished(said[-1].end, 0) == []
