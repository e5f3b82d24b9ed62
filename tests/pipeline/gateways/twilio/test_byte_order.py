"""Linear audio in either byte order."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.gateways.events import Audio, GatewayError, Reason
from pipeline.gateways.twilio.connection import TwilioConnection
from tests.pipeline.gateways.twilio.samples import ROLES, edited, events_of, media, refused

pytestmark = pytest.mark.unit


def speech(seconds: float, rate: int) -> np.ndarray:
    """Voiced: a falling row of overtones that comes and goes."""
    at = np.arange(round(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * 140 * k * at) / k for k in range(1, 8))
    return (tone * 4_000 * (1 + np.sin(2 * np.pi * 3 * at))).astype("<i2")


LINEAR = edited(mediaFormat={"encoding": "audio/x-l16", "sampleRate": "16000", "channels": 1})


def linear(said: np.ndarray, order: str) -> list[str]:
    pieces = said.astype(order).tobytes()
    return [
        media(2 + n, 20 * n, pieces[start : start + 640])
        for n, start in enumerate(range(0, len(pieces), 640))
    ]


@pytest.mark.parametrize(("big_endian", "order"), [(False, "<i2"), (True, ">i2")])
def test_linear_audio_comes_out_little_endian(*, big_endian: bool, order: str) -> None:
    said = speech(1.0, 16_000)
    connection = TwilioConnection(roles=ROLES, big_endian=big_endian)
    connection.feed(LINEAR)
    heard = events_of(connection, linear(said, order))
    assert b"".join(one.payload for one in heard if isinstance(one, Audio)) == said.tobytes()


@pytest.mark.parametrize(("big_endian", "order"), [(True, "<i2"), (False, ">i2")])
def test_linear_audio_in_the_other_order_is_refused(*, big_endian: bool, order: str) -> None:
    connection = TwilioConnection(roles=ROLES, big_endian=big_endian)
    connection.feed(LINEAR)
    with pytest.raises(GatewayError) as caught:
        events_of(connection, linear(speech(1.0, 16_000), order))
    assert caught.value.reason is Reason.BAD_AUDIO


def test_silence_and_noise_say_nothing_of_the_order() -> None:
    noise = np.random.default_rng(1).normal(0, 300, 32_000).astype("<i2")
    for said in (np.zeros(16_000, "<i2"), noise):
        connection = TwilioConnection(roles=ROLES, big_endian=True)
        connection.feed(LINEAR)
        assert len(events_of(connection, linear(said, ">i2"))) == len(said) // 320


def test_half_a_sample_is_refused() -> None:
    connection = TwilioConnection(roles=ROLES)
    connection.feed(LINEAR)
    assert refused(connection, media(2, 0, b"odd")).reason is Reason.BAD_AUDIO
