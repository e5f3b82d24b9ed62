"""A filter denies no pair that is there, rarely claims another, and tells nothing by itself."""

from __future__ import annotations

import pytest

from agents.vault.analytics.pair_filter import pair_filter, sift_of
from pipeline.analytics.terms import parse_query

pytestmark = pytest.mark.unit
KEY = b"k" * 32
PAIRS = [f"w{number} w{number + 1}" for number in range(500)]


def has(kept: bytes | None, words: str, *, call: str = "one", key: bytes = KEY) -> bool:
    sift = sift_of(key, parse_query(words))
    assert sift is not None
    return sift(call, kept)


def test_what_is_there_is_never_denied() -> None:
    for count in (1, 2, 7, 500):
        kept = pair_filter(KEY, "one", PAIRS[:count])
        assert all(has(kept, f'"{pair}"') for pair in PAIRS[:count])
        assert has(kept, '"w0 w1"')
    assert has(pair_filter(KEY, "one", PAIRS), '"w3 w4 w5 w6" w9')
    assert has(None, '"w9 w3"')


def test_what_is_not_there_is_rarely_claimed() -> None:
    kept = pair_filter(KEY, "one", PAIRS)
    wrong = sum(has(kept, f'"w{number} x"') for number in range(20_000))
    assert wrong < 40  # one in 2,000 is 10
    assert not has(kept, '"w3 w4 w6"')
    assert not has(pair_filter(KEY, "one", ()), '"w0 w1"')


def test_filters_of_calls_and_keys_have_nothing_in_common() -> None:
    one, other = pair_filter(KEY, "one", PAIRS), pair_filter(KEY, "two", PAIRS)
    same = sum((a & b).bit_count() for a, b in zip(one, other, strict=True))
    ones = [sum(byte.bit_count() for byte in made) for made in (one, other)]
    by_chance = ones[0] * ones[1] / (8 * len(one))
    assert abs(same - by_chance) < 5 * by_chance**0.5
    wrong = sum(has(one, f'"{pair}"', call="two") for pair in PAIRS)
    wrong += sum(has(one, f'"{pair}"', key=b"o" * 32) for pair in PAIRS)
    assert wrong < 5
    assert pair_filter(KEY, "one", reversed(PAIRS)) == one


def test_words_without_quotes_need_no_filter() -> None:
    assert sift_of(KEY, parse_query("refund order")) is None
