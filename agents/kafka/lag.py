"""How far consumer groups are behind, as the broker knows it; nothing is read or committed.

The embedded broker tells where a topic ends by the first record of its last batch, so there it may
be too little by the rest of one batch.

Outcomes: ``BrokerError`` where the broker is away, or has no answer within the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from agents.kafka.reaching import BrokerAdmin

ANSWER_S: Final = 4.0
"""How long the broker may take for each question, by default."""
_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class BrokerLag:
    """What a broker knows of an installation."""

    behind: Mapping[str, int]
    """By group: records of its topics that it has not acknowledged, of those that are there."""
    records: Mapping[str, int]
    """Records that the broker has of each topic; of one that is not there, none."""
    missing: tuple[str, ...] = ()
    """Topics that are not there."""


class LagReader:
    """Asks one broker again and again.

    Args:
        bootstrap: ``host:port[,…]``.
        client: further librdkafka settings, such as TLS ones.
        answer_s: how long each question may take.
    """

    def __init__(
        self, bootstrap: str, client: Mapping[str, str] | None = None, *, answer_s: float = ANSWER_S
    ) -> None:
        self._answer_s, self._lock = answer_s, Lock()
        self._client: dict[str, str | bool] = {
            **(client or {}),
            "bootstrap.servers": bootstrap,
            "log_level": "0",
        }
        self._admin = BrokerAdmin(bootstrap, client)
        self._members: dict[str, Consumer] = {}

    def read(self, groups: Mapping[str, tuple[str, ...]], topics: tuple[str, ...]) -> BrokerLag:
        """Ask for the lag of groups.

        Args:
            groups: the topics that each reads, by its name.
            topics: of which the records are counted beside those.
        """
        try:
            with self._lock:
                return self._read(groups, topics)
        except (KafkaException, TimeoutError) as error:
            raise self._admin.away(error) from error

    def _read(self, groups: Mapping[str, tuple[str, ...]], topics: tuple[str, ...]) -> BrokerLag:
        wanted = sorted({*topics, *(topic for read in groups.values() for topic in read)})
        known = self._admin.list_topics(timeout=self._answer_s).topics
        places = {
            topic: [TopicPartition(topic, number) for number in known[topic].partitions]
            for topic in wanted
            if topic in known
        }
        every = [place for found in places.values() for place in found]
        begins = self._offsets(every, _EARLIEST)
        ends = self._offsets(every, _LATEST)
        behind = {}
        for group, read in groups.items():
            mine = [place for topic in read for place in places.get(topic, ())]
            done = self._committed(group, mine) if mine else {}
            keys = [(place.topic, place.partition) for place in mine]
            behind[group] = sum(
                max(0, ends[key] - max(done.get(key, -1), begins[key])) for key in keys
            )
        records = dict.fromkeys(wanted, 0)
        for topic, partition in ends:
            records[topic] += ends[topic, partition] - begins[topic, partition]
        return BrokerLag(behind, records, tuple(one for one in wanted if one not in known))

    def _offsets(self, places: list[TopicPartition], spec: Any) -> dict[tuple[str, int], int]:  # noqa: ANN401 - the client's own
        if not places:
            return {}
        asked = self._admin.list_offsets(
            dict.fromkeys(places, spec), request_timeout=self._answer_s
        )
        return {
            (place.topic, place.partition): future.result(self._answer_s + 1).offset
            for place, future in asked.items()
        }

    def _committed(self, group: str, places: list[TopicPartition]) -> dict[tuple[str, int], int]:
        # Not by the administration's client: it has no group of its own, and the library crashes
        # where a broker answers that it is not the coordinator (a group that nobody knows yet).
        if group not in self._members:
            self._members[group] = Consumer(
                {**self._client, "group.id": group, "enable.auto.commit": False}
            )
        answer = self._members[group].committed(places, timeout=self._answer_s)
        return {(one.topic, one.partition): one.offset for one in answer}
