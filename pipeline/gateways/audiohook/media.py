"""Which of the formats that a client offers is taken: both parties on their own channel if it can.

The protocol knows mu-law and linear samples at 8 kHz, ``external`` (the customer) and ``internal``
(the agent), one of them or both, interleaved in the order in which they are named. Of equal offers
the client's first one is taken, exactly as it was offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.gateways.audiohook.messages import Offer
from pipeline.gateways.events import Codec, GatewayError, Reason
from pipeline.records.model import Role

RATE: Final = 8_000
"""Hz: the only one of the protocol."""
WIDTH: Final = {Codec.PCMU: 1, Codec.L16: 2}
"""Bytes of a sample."""
ROLES: Final = {"external": Role.CUSTOMER, "internal": Role.AGENT}


@dataclass(frozen=True, slots=True)
class Media:
    """The format that was taken."""

    codec: Codec
    channels: tuple[str, ...]
    """In channel order."""

    @property
    def frame(self) -> int:
        """Bytes of one sample of all channels."""
        return WIDTH[self.codec] * len(self.channels)

    @property
    def roles(self) -> tuple[Role, ...]:
        """By channel."""
        return tuple(ROLES[one] for one in self.channels)

    @property
    def external(self) -> int:
        """The customer's channel; where only the agent is heard, that one."""
        return self.channels.index("external") if "external" in self.channels else 0

    def offered(self) -> dict[str, object]:
        """As the protocol writes it."""
        channels = list(self.channels)
        return {"type": "audio", "format": self.codec.value, "channels": channels, "rate": RATE}


def chosen(offers: Sequence[Offer]) -> Media:
    """The best of what is offered.

    Raises:
        GatewayError: nothing that is spoken here.
    """
    spoken = [media for offer in offers if (media := _media(offer)) is not None]
    if not spoken:
        raise GatewayError(
            Reason.UNSUPPORTED,
            f"PCMU or L16 at {RATE} Hz of external, internal or both is spoken here; "
            "none of it was offered",
        )
    return max(spoken, key=lambda media: len(media.channels))


def _media(offer: Offer) -> Media | None:
    codec = next((one for one in WIDTH if one.value == offer.format), None)
    distinct = set(offer.channels)
    if (
        codec is None
        or offer.type != "audio"
        or offer.rate != RATE
        or not distinct
        or len(distinct) < len(offer.channels)
        or not distinct <= ROLES.keys()
    ):
        return None
    return Media(codec, tuple(offer.channels))
