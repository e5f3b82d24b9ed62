from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pipeline.conversation import Conversation
from pipeline.entities import Entity
from pipeline.numbers import words_from_text
from pipeline.policy import Policy
from pipeline.records import Action, Heard, Hearing, Interval, Reason, Span, Word

pytestmark = pytest.mark.unit

RATE = 8_000
POLICY = Policy(name="test", version="1")
DIALOGUES = yaml.safe_load((Path(__file__).parent / "dialogues.yaml").read_text(encoding="utf-8"))
CHANNELS = {"A": 0, "C": 1, "M": 0}


class Call:
    """Words of a scripted call, with what has to be silent."""

    def __init__(self, script: str) -> None:
        self.words: list[Word] = []
        self.marks: list[str] = []
        self.channels = 1 if script.lstrip().startswith("M") else 2
        at = RATE
        for line in script.strip().splitlines():
            speaker, _, text = line.partition(": ")
            channel = CHANNELS[speaker.strip()]
            state = "-"
            spoken, marks = [], []
            for raw in text.split():
                if "<" in raw:
                    state = "s"
                elif "[" in raw:
                    state = "n"
                marks.append(state)
                spoken.append(re.sub(r"[<>\[\]]", "", raw))
                if ">" in raw or "]" in raw:
                    state = "-"
            words = words_from_text(" ".join(spoken), channel=channel, start=at, rate=RATE)
            self.words += words
            self.marks += marks
            at = words[-1].end + RATE // 2
        self.end = at

    def heard(self, channel: int, start: int = 0, end: int | None = None) -> Heard:
        stop = self.end if end is None else end
        words = tuple(w for w in self.words if w.channel == channel and start <= w.start < stop)
        return Heard("call", 0, channel, start, stop, words, heard_until=stop)

    def conversation(self) -> Conversation:
        conversation = Conversation(RATE, self.channels, POLICY)
        for channel in range(self.channels):
            conversation.take(self.heard(channel))
        return conversation


def muted(word: Word, spans: tuple[Span, ...]) -> bool:
    middle = (word.start + word.end) // 2
    return any(s.channel == word.channel and s.start <= middle < s.end for s in spans)


@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogue(name: str) -> None:
    call = Call(DIALOGUES[name])
    spans = call.conversation().spans(call.end)
    audible = [
        w.text for w, m in zip(call.words, call.marks, strict=True) if m == "s" and not muted(w, spans)
    ]
    silent = [
        w.text for w, m in zip(call.words, call.marks, strict=True) if m == "-" and muted(w, spans)
    ]
    assert (audible, silent) == ([], [])
