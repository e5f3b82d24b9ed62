"""The brokers on which the same test bodies run, and which of them when.

Every test here runs on the embedded broker and on Apache Kafka. In ``make test`` it runs on both
where the broker's own behaviour decides: what becomes of partitions that are added
(``test_partitions``), fetching that pauses (``test_pressure``), what topics keep (``test_topics``),
and what a broker writes to its own disk (``test_leak_scan_faults``); ``tests/kafka`` has what
Apache Kafka alone does: its own restart and crash, topics that show late or are made anew, TLS and
SCRAM. Elsewhere what is tested is ours, and the broker only carries it: consent, dead letters,
shadow figures, keys, clocks, buckets. There the repetition on Apache Kafka belongs to ``make
nightly``. Where workers are killed, join and take over from one another (``test_crash``,
``tests/faults/test_rolling.py``), that on the embedded broker does: nobody runs several there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from agents.kafka.embedded_broker import EmbeddedBroker
from tests.kafka.broker import ApacheKafka, apache_kafka, available

BOTH = ("embedded", "apache")
CARRIED = ("embedded", pytest.param("apache", marks=pytest.mark.nightly))
"""For tests of what the broker only carries."""
on_both = pytest.mark.parametrize("bootstrap", BOTH, indirect=True, scope="session")
"""For tests of what the broker decides: Apache Kafka in ``make test``, too."""
on_several_workers = pytest.mark.parametrize(
    "bootstrap",
    [
        pytest.param("embedded", marks=[] if available() else pytest.mark.nightly),
        "apache",
    ],
    indirect=True,
    scope="session",
)
"""For tests of workers beside one another; on the embedded broker where Apache Kafka can't be
started, and each night."""
Broker: TypeAlias = ApacheKafka | EmbeddedBroker


@contextmanager
def running(name: str, folder: Path) -> Iterator[Broker]:
    """A running broker; a test on Apache Kafka is skipped, and says so, where it can't be started.

    Args:
        name: one of ``BOTH``.
        folder: for the data of Apache Kafka.
    """
    if name == "embedded":
        with EmbeddedBroker() as embedded:
            yield embedded
        return
    problem = available()
    if problem is not None:
        pytest.skip(f"NOT TESTED ON APACHE KAFKA: {problem}")
    with apache_kafka(folder) as kafka:
        yield kafka
