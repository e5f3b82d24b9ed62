"""Topics of calls: how often the phrases of a list were said, by the redacted transcript.

A list is YAML: ``topics:`` with a name each (``[a-z0-9-]``) and its phrases. Phrases are compared
word by word, without case and punctuation, within one turn and never across a placeholder. A phrase
with a digit or a placeholder's name is refused: topics are to say what calls are about, not whose
they are or what was redacted.

Outcomes: ``load_topics`` and ``parse_topics`` give a ``TopicList`` or raise ``PolicyError`` with
a line for each mistake; ``counted`` does not fail.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final

from pipeline.analytics.stored import StoredTranscript
from pipeline.errors import PolicyError
from pipeline.evidence.redacted_transcript import Word
from pipeline.policy.yaml_document import Document, read_document, refusal_of, text_of

TOPICS_MOST: Final = 200
PHRASES_MOST: Final = 500
"""Of one topic."""
WORDS_KNOWN: Final = 1 << 16
"""Whose normal form is in memory: a page of found calls has as many words, mostly the same."""
WORDS_MOST: Final = 8
"""Of one phrase."""
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_PLACEHOLDER: Final = re.compile(r"[\[\]]|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")
_WORDS: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_WHAT: Final = "a list of topics is a mapping with topics: a name each, and its phrases"
_APOSTROPHES: Final = str.maketrans({"\u2019": "'", "\u02bc": "'"})


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and what is said where it comes up."""

    name: str
    phrases: tuple[tuple[str, ...], ...]
    """Normalised words of each, the longest first."""


@dataclass(frozen=True, slots=True)
class TopicList:
    """The topics of an installation."""

    topics: tuple[Topic, ...]

    @property
    def digest(self) -> str:
        """sha256 over all of them: counts of two lists can't be compared."""
        plain = [[topic.name, topic.phrases] for topic in self.topics]
        return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


def shipped_topics() -> TopicList:
    """The list that comes with Hushwire."""
    return load_topics(Path(str(resources.files("policies"))) / "topics.yaml")


def load_topics(path: Path) -> TopicList:
    """A list from its file.

    Raises:
        PolicyError: it can't be read, or is refused.
    """
    return parse_topics(text_of(path, "topics"), origin=path.name)


def parse_topics(text: str, *, origin: str) -> TopicList:
    """A list from YAML.

    Args:
        text: YAML.
        origin: what the file is called in messages.

    Raises:
        PolicyError: see the module's text.
    """
    document = read_document(text, origin=origin, what=_WHAT)
    given = document.data.get("topics")
    extra = [str(name) for name in document.data if name != "topics"]
    if extra or not isinstance(given, dict):
        raise document.refused(tuple(extra[:1]), _WHAT)
    problems: list[str] = []
    if len(given) > TOPICS_MOST:
        problems.append(document.told(("topics",), f"more than {TOPICS_MOST} topics"))
    topics = []
    for name, phrases in given.items():
        try:
            topics.append(_topic(document, name, phrases))
        except PolicyError as error:
            problems += str(error).splitlines()
    if problems:
        raise refusal_of(problems)
    return TopicList(tuple(sorted(topics, key=lambda one: one.name)))


def counted(stored: StoredTranscript, topics: TopicList) -> Mapping[str, int]:
    """How often each topic came up in a call; topics that did not are left out.

    Phrases of one topic do not overlap: "cancel my order" counts once, though "cancel" is a phrase
    as well.
    """
    runs = [run for turn in stored.told.turns for run in _runs(turn.words)]
    found = {topic.name: sum(_matches(run, topic) for run in runs) for topic in topics.topics}
    return {name: count for name, count in found.items() if count}


@lru_cache(maxsize=WORDS_KNOWN)
def normal_words(text: str) -> tuple[str, ...]:
    """The words of a text as they are compared: NFKC, folded case, no punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_APOSTROPHES)
    return tuple(_WORDS.findall(folded))


def _runs(words: Sequence[Word]) -> Iterator[list[str]]:
    """Normalised words between placeholders."""
    run: list[str] = []
    for word in words:
        if word.entity:
            yield run
            run = []
        else:
            run += normal_words(word.text)
    yield run


def _matches(run: Sequence[str], topic: Topic) -> int:
    count = place = 0
    while place < len(run):
        length = next(
            (
                len(phrase)
                for phrase in topic.phrases
                if phrase[0] == run[place] and tuple(run[place : place + len(phrase)]) == phrase
            ),
            0,
        )
        count += length > 0
        place += max(1, length)
    return count


def _topic(document: Document, name: object, phrases: object) -> Topic:
    place = ("topics", str(name))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise document.refused(place, "a name has small letters, digits and dashes, at most 40")
    if not isinstance(phrases, list) or not 0 < len(phrases) <= PHRASES_MOST:
        raise document.refused(place, f"a topic has a list of 1 to {PHRASES_MOST} phrases")
    problems, read = [], set()
    for index, phrase in enumerate(phrases):
        try:
            words = _phrase(phrase)
        except ValueError as error:
            problems.append(document.told((*place, index), str(error)))
            continue
        if words in read:
            problems.append(document.told((*place, index), "this phrase stands here twice"))
        read.add(words)
    if problems:
        raise refusal_of(problems)
    return Topic(name, tuple(sorted(read, key=lambda one: (-len(one), one))))


def _phrase(phrase: object) -> tuple[str, ...]:
    if not isinstance(phrase, str):
        raise ValueError("a phrase is a text: put it in quotes")  # noqa: TRY004 - told with its line
    if any(char.isnumeric() for char in phrase):
        raise ValueError("no number may stand in a phrase: topics say what calls are about")
    if _PLACEHOLDER.search(phrase):
        raise ValueError("no placeholder may stand in a phrase: redactions are counted by type")
    words = normal_words(phrase)
    if not 0 < len(words) <= WORDS_MOST:
        raise ValueError(f"a phrase has 1 to {WORDS_MOST} words")
    return words
