"""What a start says of its call, and what it may not say."""

from __future__ import annotations

import pytest

from pipeline.gateways.business import StatedBusiness
from pipeline.gateways.events import Codec, GatewayError, Reason, Started
from pipeline.gateways.twilio.connection import TwilioConnection
from pipeline.gateways.twilio.frames import TELNYX
from pipeline.records.model import Role
from tests.pipeline.gateways.twilio.samples import (
    CONNECTED,
    ROLES,
    START,
    TELNYX_START,
    edited,
    refused,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("encoding", "rate", "codec"),
    [
        ("PCMA", 8000, Codec.PCMA),
        ("L16", 16000, Codec.L16),
        ("audio/x-l16", 8000, Codec.L16),
        ("audio/x-l16", "24000", Codec.L16),
        ("audio/x-alaw", 8000, Codec.PCMA),
    ],
)
def test_other_codecs(encoding: str, rate: object, codec: Codec) -> None:
    connection = TwilioConnection(roles=ROLES)
    form = {"encoding": encoding, "sampleRate": rate, "channels": 1}
    (begun,), _ = connection.feed(edited(mediaFormat=form))
    assert isinstance(begun, Started)
    assert (begun.codec, begun.sample_rate) == (codec, int(str(rate)))


def test_roles_by_configuration_and_by_the_streams_parameters() -> None:
    other_way = TwilioConnection(roles={"inbound": Role.AGENT, "outbound": Role.CUSTOMER})
    (begun,), _ = other_way.feed(START)
    assert isinstance(begun, Started)
    assert begun.roles == (Role.AGENT, Role.CUSTOMER)
    connection = TwilioConnection(roles=ROLES)
    (begun,), _ = connection.feed(
        edited(customParameters={"inbound": "agent"}, tracks=["inbound_track"])
    )
    assert isinstance(begun, Started)
    assert (begun.tracks, begun.roles) == (("inbound",), (Role.AGENT,))


def test_how_a_call_came_about_stands_in_its_parameters() -> None:
    said = {"direction": "inbound", "campaign": "spring", "agent": "Ann", "outcome": "answered"}
    numbers = {"from": "+15550100199", "to": "+15550100100"}
    (begun,), _ = TwilioConnection(roles=ROLES).feed(edited(customParameters=said | numbers))
    assert isinstance(begun, Started)
    ours = {"tracking_number": "+15550100100", "caller": "+15550100199"}
    assert begun.business == StatedBusiness(**said, **ours)
    (plain,), _ = TwilioConnection(roles=ROLES).feed(START)
    assert isinstance(plain, Started)
    assert plain.business == StatedBusiness()


def test_an_agents_name_with_a_number_is_refused_and_not_quoted() -> None:
    with pytest.raises(GatewayError, match="parameter `agent: a name") as caught:
        TwilioConnection(roles=ROLES).feed(edited(customParameters={"agent": "Ann 555 010 0199"}))
    assert "555" not in str(caught.value)


def test_a_track_of_which_nobody_says_anything_is_of_all() -> None:
    (begun,), _ = TwilioConnection(roles={}).feed(edited(tracks=["somebody"]))
    assert isinstance(begun, Started)
    assert begun.roles == (Role.MIXED,)


def test_parameters_may_come_as_a_list() -> None:
    connection = TwilioConnection(TELNYX, roles=ROLES)
    said = edited(TELNYX_START, custom_parameters=[{"name": "language", "value": "de"}])
    (begun,), _ = connection.feed(said)
    assert isinstance(begun, Started)
    assert begun.language == "de"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"callSid": ""}, Reason.BAD_FRAME),
        ({"callSid": "x" * 513}, Reason.BAD_FRAME),
        ({"callSid": 12}, Reason.BAD_FRAME),
        ({"tracks": ["inbound", "inbound_track"]}, Reason.BAD_FRAME),
        ({"tracks": ["a", "b", "c"]}, Reason.BAD_FRAME),
        ({"mediaFormat": {"encoding": "OPUS", "sampleRate": 8000}}, Reason.UNSUPPORTED),
        ({"mediaFormat": {"encoding": "PCMU", "sampleRate": 16000}}, Reason.UNSUPPORTED),
        ({"mediaFormat": {"encoding": "L16", "sampleRate": 9000}}, Reason.UNSUPPORTED),
        (
            {"mediaFormat": {"encoding": "PCMU", "sampleRate": 8000, "channels": 2}},
            Reason.UNSUPPORTED,
        ),
        ({"mediaFormat": None}, Reason.BAD_FRAME),
        ({"customParameters": {"language": "english"}}, Reason.BAD_FRAME),
        ({"customParameters": {"consent": "[1]"}}, Reason.BAD_FRAME),
        ({"customParameters": {"from": 1555}}, Reason.BAD_FRAME),
        ({"customParameters": {"from": "1" * 257}}, Reason.BAD_FRAME),
        ({"customParameters": {"inbound": "caller"}}, Reason.BAD_FRAME),
    ],
)
def test_a_start_that_can_not_be_taken(changes: dict[str, object], reason: Reason) -> None:
    connection = TwilioConnection(roles=ROLES)
    assert refused(connection, edited(**changes)).reason is reason
    assert not connection.begun


def test_a_start_without_its_body_and_a_version_of_tomorrow() -> None:
    connection = TwilioConnection(roles=ROLES)
    assert refused(connection, '{"event": "start"}').reason is Reason.BAD_FRAME
    error = refused(connection, CONNECTED.replace("1.0.0", "2.0.0"))
    assert error.reason is Reason.UNSUPPORTED
