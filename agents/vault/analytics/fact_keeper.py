"""Makes a call's facts of what the vault holds, and keeps them: once it is stored, and anew.

``keep`` is for the vault stage, ``rebuild`` for calls that older versions stored, and for another
list of topics. Both read the redacted transcript and the certificate as they lie in the vault, so
that a repeat changes nothing.

Outcomes: ``RecordError`` for files that are no transcript and certificate of one call, or that do
not open; ``UnknownCallError`` for a call that is not there (any more), or did not pass;
``StoreError`` where vault or database are away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from agents.vault.analytics.fact_store import FactStore
from agents.vault.analytics.search_index import IndexedWords, SearchIndex
from agents.vault.call_catalogue import StoredCallFacts
from agents.vault.vault import Vault
from pipeline.analytics.facts import VERSION, CallFacts, facts_of
from pipeline.analytics.stored import StoredTranscript
from pipeline.analytics.terms import pairs_of, terms_of
from pipeline.analytics.topics import TopicList
from pipeline.errors import RecordError, StoreError, UnknownCallError

BATCH: Final = 50
"""Calls that a rebuild enters at once."""


class FactKeeper:
    """Keeps the facts of one installation's calls.

    Args:
        vault: where they lie.
        index: hashes their words.
        topics: what is counted.
    """

    def __init__(self, vault: Vault, index: SearchIndex, topics: TopicList) -> None:
        self._vault, self._index, self._topics = vault, index, topics
        self.store = FactStore(vault.keys.database)
        by = f"{VERSION}/{topics.digest}/{sorted(index.hashed(['key']))}"
        self.made = hashlib.sha256(by.encode()).hexdigest()
        """Digest of by what facts are made: another version, list or secret gives another one."""

    def keep(self, call_id: str, said: Mapping[str, str]) -> None:
        """Make and enter the facts of a call that was just stored.

        Args:
            call_id: which.
            said: what its recorder said of it (``pipeline.analytics.facts.SAID``).
        """
        facts, words = self._of(self._vault.catalogue.get(call_id), said)
        self.store.enter(facts, words, made=self.made)

    def rebuild(self, report: Callable[[str, RecordError | None], None]) -> None:
        """Make facts for every stored call that has none, or none made by what counts today.

        What the recorder said stays as it was entered. Stopped and started again, it goes on.

        Args:
            report: is told of every call, and why it was left out.
        """
        after = ""
        while ids := self.store.outdated(self.made, after=after, limit=BATCH):
            after, made = ids[-1], []
            for call_id in ids:
                problem: RecordError | None = None
                try:
                    stored = self._vault.catalogue.get(call_id)
                    made.append(self._of(stored, _taken_part(stored)))
                except UnknownCallError:
                    continue  # erased meanwhile
                except StoreError:
                    raise
                except Exception as error:  # noqa: BLE001 - one call keeps no other from being counted
                    problem = _told(error)
                report(call_id, problem)
            self.store.enter_all(made, made=self.made, counted=True)

    def _of(
        self, stored: StoredCallFacts, said: Mapping[str, str]
    ) -> tuple[CallFacts, IndexedWords]:
        if not stored.passed:
            raise UnknownCallError("the call is quarantined: nothing of it is counted")
        transcript = self._vault.read(stored.call_id, f"{stored.call_id}.json")
        read = StoredTranscript.of(transcript, self._vault.certificate(stored))
        facts = facts_of(read, self._topics, kept=stored.stored, said=said)
        words = self._index.of_call(stored.call_id, terms_of(read), pairs_of(read))
        return facts, words


def _taken_part(stored: StoredCallFacts) -> Mapping[str, str]:
    """What is said of calls from before there were facts: who took part, if it is one."""
    return {"caller": stored.parties[0]} if len(stored.parties) == 1 else {}


def _told(error: Exception) -> RecordError:
    """Why a call was not counted; of what nobody foresaw only the kind, without content."""
    if isinstance(error, RecordError):
        return error
    return RecordError(f"its facts can't be counted ({type(error).__name__})")
