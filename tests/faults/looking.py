"""What is seen of a worker and its broker at one moment, again and again."""

from __future__ import annotations

import contextlib
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    OffsetSpec,
)

from agents.kafka.topics import Topics
from agents.stages.all_stages import INPUTS
from benchmarks.cost.processes import resident_mb, tree

ANSWER_S = 5.0


@dataclass(frozen=True)
class Look:
    """What was seen at one moment."""

    at_s: float
    memory_mb: float
    """Resident memory of the worker without its engines."""
    engines_mb: float
    handles: int
    threads: int
    temporary: int
    """Files in the temporary folder and half-written calls."""
    waiting: int
    """Records taken and not acknowledged yet, all stages."""
    lag: int
    """Records on the broker behind what was committed, all groups."""
    held_mb: float
    assignments: int
    """Times that a group gave the worker partitions; once more than before is an eviction."""
    open_calls: int


class Watcher:
    """Looks at a worker.

    Args:
        pid: of the worker.
        bootstrap: its broker.
        topics: what it reads.
        port: of its metrics page.
        prefix: of its consumer groups.
    """

    def __init__(
        self, pid: int, bootstrap: str, topics: Topics, port: int, *, prefix: str = "hushwire"
    ) -> None:
        self._pid, self._port = pid, port
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": "0"})
        self._groups = {f"{prefix}-{name}": inputs(topics) for name, inputs in INPUTS.items()}

    def looks(
        self,
        over: threading.Event,
        *,
        every_s: float,
        folders: Sequence[Path],
        open_calls: Callable[[], int],
    ) -> Iterator[Look]:
        """Look until it is over; a look in which something is away is left out."""
        began = time.monotonic()
        while not over.wait(every_s):
            with contextlib.suppress(OSError, KafkaException):
                page = self._page()
                yield Look(
                    at_s=time.monotonic() - began,
                    memory_mb=resident_mb(self._pid),
                    engines_mb=sum(map(resident_mb, tree(self._pid)[1:])),
                    handles=sum(1 for _ in Path(f"/proc/{self._pid}/fd").iterdir()),
                    threads=sum(1 for _ in Path(f"/proc/{self._pid}/task").iterdir()),
                    temporary=sum(map(_files, folders)),
                    waiting=round(page.get("hushwire_records_unacknowledged", 0)),
                    lag=self.lag(),
                    held_mb=page.get("hushwire_held_bytes", 0) / 1e6,
                    assignments=round(page.get("hushwire_assignments_total", 0)),
                    open_calls=open_calls(),
                )

    def lag(self) -> int:
        """Records behind what the groups have committed.

        The embedded broker's end of a partition is that of its last batch's first record: up to a
        batch is not counted there.
        """
        known = self._admin.list_topics(timeout=ANSWER_S).topics
        wanted = {name for inputs in self._groups.values() for name in inputs}
        places = [
            (name, number) for name in wanted if name in known for number in known[name].partitions
        ]
        first, last = (
            {
                (place.topic, place.partition): future.result(ANSWER_S).offset
                for place, future in self._admin.list_offsets(
                    {TopicPartition(*one): spec for one in places}, request_timeout=ANSWER_S
                ).items()
            }
            for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
        )
        behind = 0
        for group, inputs in self._groups.items():
            asked = [TopicPartition(*one) for one in places if one[0] in inputs]
            answer = self._admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group, asked)], request_timeout=ANSWER_S
            )
            for one in answer[group].result(ANSWER_S).topic_partitions:
                place = one.topic, one.partition
                behind += max(0, last[place] - max(one.offset, first[place]))
        return behind

    def _page(self) -> dict[str, float]:
        """Sums over the labels of every metric."""
        address = f"http://127.0.0.1:{self._port}/metrics"
        with urllib.request.urlopen(address, timeout=ANSWER_S) as answer:
            text = answer.read().decode()
        sums: dict[str, float] = {}
        for name, value in re.findall(r"^(hushwire_\w+)(?:\{.*\})? (\S+)$", text, re.MULTILINE):
            sums[name] = sums.get(name, 0.0) + float(value)
        return sums


def _files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*")) if folder.exists() else 0
