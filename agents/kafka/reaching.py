"""Why a broker does not answer: librdkafka tells it beside its errors, not in them.

Outcomes: a ``BrokerError`` that names cause and address, and what to do; no credentials in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from agents.system.sockets.reaching import cannot_reach, cause
from pipeline.errors import BrokerError

ADVICE: Final = (
    "check the address, the kafka_* settings and that it runs, then start again: nothing was lost"
)
TELLS_S: Final = 0.1
"""How long a client may take to tell what it knows."""
_AWAY: Final = frozenset(
    {
        KafkaError._TRANSPORT,  # noqa: SLF001 - librdkafka's own codes are named so
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._MSG_TIMED_OUT,  # noqa: SLF001
        KafkaError._RESOLVE,  # noqa: SLF001
        KafkaError._AUTHENTICATION,  # noqa: SLF001
        KafkaError._SSL,  # noqa: SLF001
    }
)


class Told:
    """What a client said last of its connections; its ``error_cb``."""

    def __init__(self) -> None:
        self.why = ""

    def __call__(self, error: KafkaError) -> None:
        """Note a cause that is known."""
        self.why = cause(error.str()) or self.why


class BrokerAdmin(AdminClient):
    """An administration client that knows why nobody answers.

    Args:
        bootstrap: ``host:port[,…]``.
        client: further librdkafka settings, such as TLS ones.
    """

    def __init__(self, bootstrap: str, client: Mapping[str, Any] | None = None) -> None:
        self._bootstrap, self._told = bootstrap, Told()
        ours: Any = {"bootstrap.servers": bootstrap, "log_level": "0", "error_cb": self._told}
        super().__init__({**(client or {}), **ours})

    def list_topics(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the library has it
        """As the library has it; what was told before is heard, or it would pile up."""
        self.poll(0)
        return super().list_topics(*args, **kwargs)

    def away(self, error: KafkaException | TimeoutError) -> BrokerError:
        """What is to be raised for an error of this client."""
        self.poll(TELLS_S)  # what it was told meanwhile comes only now
        return away(self._bootstrap, error, self._told.why)


def away(bootstrap: str, error: Exception | KafkaError, why: str = "") -> BrokerError:
    """What is to be raised for an error of any client.

    Args:
        bootstrap: ``host:port[,…]``.
        error: ``KafkaException``, what is in it, or a time-out.
        why: cause, where it is known.
    """
    inner = error.args[0] if isinstance(error, KafkaException) else error
    if isinstance(inner, KafkaError) and inner.code() not in _AWAY:
        return BrokerError(
            f"Kafka at {bootstrap} refuses: {words(inner)}; see docs/deploy/kafka.md"
        )
    return BrokerError(cannot_reach("Kafka", bootstrap, why, ADVICE))


def words(error: KafkaError) -> str:
    """The name of an error, such as ``topic authorization failed``."""
    return error.name().strip("_").lower().replace("_", " ")
