"""Each of Presidio's own leaks: it is there without our setup, and gone with it."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import spacy
import tldextract
import wordfreq
from presidio_analyzer.app_tracer import AppTracer
from presidio_analyzer.predefined_recognizers import IbanRecognizer

from models.registry.analyzer import Analyzer, close_leaks
from models.text.turn import turn_of

pytestmark = pytest.mark.models

CARD = "zanzibar card 4111 1111 1111 1111"


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer()


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage().lower())


@contextmanager
def kept(name: str) -> Iterator[list[str]]:
    """What a logger lets out, asked for everything, under the filters it has."""
    logger, handler, level = logging.getLogger(name), _Kept(), logging.getLogger(name).level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def opened(name: str) -> Iterator[None]:
    """The logger as the library has it."""
    logger = logging.getLogger(name)
    filters, logger.filters = logger.filters, []
    try:
        yield
    finally:
        logger.filters = filters


def _analyze(analyzer: Analyzer) -> None:
    assert analyzer.analyze(turn_of(CARD))


def _decide(_: Analyzer) -> None:
    AppTracer().trace("1", "zanzibar")


def _fail_on_iban(_: Analyzer) -> None:
    IbanRecognizer().validate_result("zanzibar!")


@pytest.mark.parametrize(
    ("name", "act"),
    [
        ("presidio-analyzer", _analyze),
        ("presidio-analyzer", _fail_on_iban),
        ("decision_process", _decide),
    ],
    ids=["context words", "iban error", "decisions"],
)
def test_a_logger_that_quotes_words_is_closed(
    analyzer: Analyzer, name: str, act: Callable[[Analyzer], None]
) -> None:
    with kept(name) as lines:
        with opened(name):
            act(analyzer)
        assert any("zanzibar" in line for line in lines), "the library no longer leaks here"
        lines.clear()
        act(analyzer)
    assert lines == []


def test_our_analyzer_logs_no_decision_whatever_the_logger(analyzer: Analyzer) -> None:
    with opened("decision_process"), kept("decision_process") as lines:
        _analyze(analyzer)
    assert lines == []


def test_a_suffix_list_is_never_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        asked.append(arguments)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with kept("tldextract"):
        tldextract.TLDExtract(cache_dir=None)("john.smith@example.org")
    assert asked, "the library no longer asks the network"
    asked.clear()
    close_leaks()
    assert tldextract.extract("a.example.co.uk").suffix == "co.uk"
    assert asked == []


def test_wordfreq_keeps_no_spoken_words(analyzer: Analyzer) -> None:
    for number in range(50):
        wordfreq.zipf_frequency(f"zanzibar{number}", "en")
    assert len(wordfreq._wf_cache) <= 1  # what it keeps by itself: up to 100,000 words


def test_no_language_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(spacy, "load", refuse)
    monkeypatch.setattr(spacy, "blank", refuse)
    _analyze(Analyzer())
