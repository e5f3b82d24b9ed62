"""What the vault stage asks of a call before it stores it: is it whole, and was it understood."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from pipeline.errors import RecordError
from pipeline.policy import MutingRule, Policy
from pipeline.records import (
    Action,
    CallEnd,
    Check,
    Findings,
    Reason,
    RedactedChunk,
    Span,
    Verdict,
    Watermark,
    Word,
)
from pipeline.vaulting import CallAssembly, StoredCall
from tests.unit.test_certificate import (
    CALL,
    CARD,
    END,
    POLICY,
    RATE,
    SECONDS,
    WORDS,
    audio,
    quarantined,
    store,
)

pytestmark = pytest.mark.unit


def noisy_call(policy: Policy, words: tuple[Word, ...]) -> StoredCall:
    """Half a minute on both channels, and these words."""
    seconds = 30
    call = replace(CALL, call_id="noisy")
    end = CallEnd(call.call_id, seconds, seconds * RATE)
    pcm = np.tile(audio(), (3, 1))[: seconds * RATE]
    chunks = [
        RedactedChunk(call, seq, seq * RATE, pcm[seq * RATE : (seq + 1) * RATE])
        for seq in range(seconds)
    ]
    found = Findings(call.call_id, 0, (), words, Watermark(seconds * RATE), end=end)
    return store(chunks, Verdict(call, passed=True, checks=(), end=end), [found], policy)


@pytest.mark.parametrize("style", ["silence", "tone", "noise"])
def test_a_channel_that_sounds_without_words_is_silenced_whole(style: str) -> None:
    policy = Policy(name="default", version="1", muting=MutingRule(style=style))
    talk = tuple(Word(0, at * RATE, at * RATE + 4_000, f"w{at}") for at in range(30))
    stored = noisy_call(policy, (*talk, Word(1, 2 * RATE, 2 * RATE + 2_000, "yes")))
    assert stored.passed
    assert "not_understood" in stored.certificate.marks
    assert [(one.channel, one.start, one.end) for one in stored.silenced] == [(1, 0, 30 * RATE)]
    after, _ = soundfile.read(io.BytesIO(stored.files["noisy.flac"]), dtype="int16")
    before = np.tile(audio(), (3, 1))[: 30 * RATE]
    assert (after[:, 0] == before[:, 0]).all()
    if style == "silence":
        assert not after[:, 1].any()
    else:
        assert abs(np.corrcoef(after[:, 1], before[:, 1])[0, 1]) < 0.05
    assert b"yes" not in stored.files["noisy.json"]
    assert stored.certificate.muted_ms_by_reason == {"not_understood": 30_000}


def test_where_every_channel_would_be_silent_nothing_is_stored() -> None:
    few = (Word(0, RATE, RATE + 2_000, "hm"), Word(1, 2 * RATE, 2 * RATE + 2_000, "yes"))
    stored = noisy_call(POLICY, few)
    assert list(stored.files) == ["noisy.certificate.json"]
    failed = [one.name for one in stored.certificate.checks if not one.passed]
    assert failed == ["every_channel_silent"]


def quiet(seconds: int = 12) -> list[RedactedChunk]:
    zeros = np.zeros((RATE, 2), np.int16)
    return [RedactedChunk(CALL, seq, seq * RATE, zeros) for seq in range(seconds)]


def judged(
    *spans: Span, words: tuple[Word, ...] = (), end: CallEnd | None = END
) -> dict[str, Check]:
    """The checks of a call of silence with these findings."""
    found = [Findings(CALL.call_id, 0, spans, words, Watermark(SECONDS * RATE), end=END)]
    stored = store(quiet(), Verdict(CALL, passed=True, checks=(), end=end), found)
    return {one.name: one for one in stored.certificate.checks}


def unheard(channel: int, start: float, end: float, reason: Reason = Reason.UNHEARD) -> Span:
    low, high = round(start * RATE), round(end * RATE)
    return Span(reason.upper(), channel, low, high, 1.0, "test", reason=reason)


@pytest.mark.parametrize("reason", [Reason.UNHEARD, Reason.GAP, Reason.NOT_UNDERSTOOD])
def test_five_seconds_that_nobody_heard_may_go_without_a_word_and_no_more(reason: Reason) -> None:
    for length, passed in ((5.0, True), (5.25, False)):
        check = judged(unheard(1, 2, 2 + length, reason))["seconds_without_any_word"]
        assert (check.passed, check.measured) == (passed, length)


def test_what_nobody_heard_counts_once_in_each_channel_and_within_the_call() -> None:
    twice = (unheard(0, 2, 4), unheard(0, 3, 5), unheard(1, 4, 5))
    assert judged(*twice)["seconds_without_any_word"].measured == 4.0
    beyond = (unheard(0, -3, 1), unheard(1, 11, 20), unheard(1, 14, 15))
    assert judged(*beyond)["seconds_without_any_word"].measured == 2.0
    kept = replace(unheard(0, 1, 11), action=Action.KEEP)
    assert judged(kept)["seconds_without_any_word"].measured == 0.0


def test_one_word_says_that_somebody_was_understood() -> None:
    check = judged(unheard(1, 1, 9), words=WORDS[:1])["seconds_without_any_word"]
    assert (check.passed, check.measured) == (True, 0.0)


def test_a_call_has_to_have_the_length_that_its_end_states() -> None:
    def failed_with(end: CallEnd | None) -> set[str]:
        return {name for name, one in judged(words=WORDS, end=end).items() if not one.passed}

    assert failed_with(END) == set()
    for more in (-1, 1):
        assert failed_with(replace(END, end=END.end + more)) == {"stored_samples_missing"}
        assert failed_with(replace(END, chunks=END.chunks + more)) == {"stored_chunks_missing"}
    assert failed_with(None) == {"stored_chunks_missing"}


def test_a_chunk_out_of_place_or_of_other_channels_is_refused() -> None:
    assembly = CallAssembly(POLICY)
    first, second, third = quiet(3)
    assembly.take_chunk(first)
    for wrong in (third, replace(second, start=RATE + 1), replace(second, start=RATE - 1)):
        with pytest.raises(RecordError, match="does not follow"):
            assembly.take_chunk(wrong)
    with pytest.raises(RecordError, match="channels"):
        assembly.take_chunk(replace(second, pcm=second.pcm[:, :1]))
    with pytest.raises(RecordError, match="another call"):
        assembly.take_chunk(replace(second, call=replace(CALL, call_id="call-2")))
    assert assembly.take_chunk(second) is None


def test_the_first_verdict_and_the_first_findings_of_a_number_count() -> None:
    assembly = CallAssembly(POLICY)
    for chunk in quiet():
        assembly.take_chunk(chunk)
    assembly.take_verdict(Verdict(CALL, passed=False, checks=(), end=END))
    assembly.take_verdict(Verdict(CALL, passed=True, checks=(), end=END))
    assembly.take_findings(Findings(CALL.call_id, 0, (CARD,), WORDS))
    assembly.take_findings(Findings(CALL.call_id, 0, (), WORDS))
    stored = assembly.take_findings(Findings(CALL.call_id, 1, end=END))
    assert stored is not None
    assert not stored.passed
    assert [one.entity for one in stored.certificate.spans] == ["CARD_NUMBER"]


def test_what_comes_behind_the_verdict_is_in_no_file() -> None:
    assembly = CallAssembly(POLICY)
    *chunks, last = quiet()
    for chunk in chunks:
        assembly.take_chunk(chunk)
    assembly.take_verdict(Verdict(CALL, passed=True, checks=(), end=END))
    assert assembly.take_chunk(last) is None
    stored = assembly.take_findings(Findings(CALL.call_id, 0, (), WORDS, end=END))
    assert stored is not None
    quarantined(stored, "stored_chunks_missing")
