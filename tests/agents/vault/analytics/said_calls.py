"""Calls of literal words, stored in a vault as the stages store them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from agents.database.call_ledger import CallState, Ledger
from agents.vault.analytics.fact_keeper import FactKeeper
from agents.vault.analytics.search_index import SearchIndex
from agents.vault.vault import Vault
from pipeline.analytics.topics import TopicList, parse_topics
from pipeline.evidence.stored_call import StoredCall
from pipeline.evidence.transcript import build_transcript, to_call_analytics, to_json
from pipeline.records.model import CallInfo, Mute, Role, Span, Word
from tests.agents.storing import stored_call

SECRET = b"s" * 32
TOPICS = parse_topics("topics:\n  refund: [refund, money back]\n", origin="topics.yaml")
CARD = Mute(1, 16_000, 24_000, (Span("CARD_NUMBER", 1, 16_000, 24_000, 1.0, "numbers"),))
SAID = ("I want a refund", "my card is 4111 1111", "ok thanks")
"""A sentence of customer, of which the second holds a card number, and one of the agent."""


def said_call(
    call_id: str,
    sentences: Sequence[str] = SAID,
    mutes: Iterable[Mute] = (CARD,),
    **changed: object,
) -> StoredCall:
    """A call of 10 s at 8 kHz: each sentence takes a second, every third is the agent's."""
    words = [
        Word(0 if number % 3 == 2 else 1, start, start + 1_000, text, 0.9)
        for number, sentence in enumerate(sentences)
        for place, text in enumerate(sentence.split())
        if (start := number * 12_000 + place * 1_500) is not None
    ]
    call = CallInfo(call_id, 8_000, (Role.AGENT, Role.CUSTOMER))
    transcript = build_transcript(call, 80_000, words, tuple(mutes))
    data = to_json(to_call_analytics(transcript, entities=["CARD_NUMBER"]))
    return replace(stored_call(call_id, json=data), **changed)  # type: ignore[arg-type]


def keep_call(vault: Vault, ledger: Ledger, call: StoredCall, *, days: int = 30) -> None:
    """Store a call, and close it."""
    ledger.open_call(call.call_id)
    vault.store(call, keep_days=days)
    ledger.close_call(call.call_id, CallState.STORED)


def keeper(vault: Vault, topics: TopicList = TOPICS, secret: bytes = SECRET) -> FactKeeper:
    return FactKeeper(vault, SearchIndex(secret), topics)
