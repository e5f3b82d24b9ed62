"""What is announced after its digits, in the words of each language."""

from __future__ import annotations

import pytest

from pipeline.detection.decision.conversation import Conversation
from pipeline.detection.numbers.runs import words_from_text
from pipeline.policy.loading import load_policy
from pipeline.records.model import WindowTranscript

pytestmark = pytest.mark.unit

RATE = 8_000
AFTER = [
    ("en", "four eight two is my security code", "CARD_SECURITY_CODE"),
    ("es", "cuatro ocho dos es mi código de seguridad", "CARD_SECURITY_CODE"),
    ("es", "Cuatro cinco tres nueve. Ese es mi número de tarjeta.", "CARD_NUMBER"),
]


@pytest.mark.parametrize(("language", "text", "entity"), AFTER)
def test_a_value_is_announced_after_its_digits(language: str, text: str, entity: str) -> None:
    words = tuple(words_from_text(text))
    end = words[-1].end
    call = Conversation(RATE, 1, load_policy("default"), language)
    call.take(WindowTranscript("c", 0, 0, 0, end, words=words, heard_until=end))
    found = [span for span in call.spans(end) if span.start <= words[0].start]
    assert [span.entity for span in found] == [entity]
