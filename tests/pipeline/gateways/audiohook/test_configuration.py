"""What an AudioHook integration is configured with: languages, consent, how the call came about."""

from __future__ import annotations

import json

import pytest

from pipeline.gateways.audiohook.connection import AudioHookConnection
from pipeline.gateways.business import StatedBusiness
from pipeline.gateways.events import (
    GatewayError,
    Started,
    Updated,
)
from tests.pipeline.gateways.audiohook.messages import (
    OPENED,
    ORGANIZATION,
    SESSION,
    message,
    new_connection,
    opened_connection,
    opening,
)

pytestmark = pytest.mark.unit


def test_another_language_is_told_and_answered() -> None:
    connection = opened_connection()
    events, [reply] = connection.feed(message("update", 2, language="es-US"))
    assert events == [Updated(language="es")]
    assert json.loads(reply)["type"] == "updated"
    assert connection.feed(message("update", 3, language="fil-PH"))[0] == []


def test_languages_are_told_to_who_asks() -> None:
    connection = AudioHookConnection(
        session_id=SESSION, organization_id=ORGANIZATION, languages=("en-US", "es-US")
    )
    connection.feed(opening(supportedLanguages=True))
    [opened] = connection.accept()
    assert json.loads(opened)["parameters"]["supportedLanguages"] == ["en-US", "es-US"]
    assert "supportedLanguages" not in OPENED


def test_consent_of_the_integrations_configuration_travels() -> None:
    consent = {"places": ["US-CA"], "evidence": [{"kind": "notice_played", "at_ms": -4_000}]}
    [started], _ = new_connection().feed(opening(customConfig={"consent": consent, "else": 1}))
    assert isinstance(started, Started)
    assert json.loads(started.stated) == consent
    [without], _ = new_connection().feed(opening(customConfig={"else": 1}))
    assert isinstance(without, Started)
    assert without.stated == b""


def test_wrong_consent_in_the_configuration_is_refused_and_not_quoted() -> None:
    wrong = {"consent": {"evidence": [{"kind": "+15555551234"}]}}
    with pytest.raises(GatewayError, match=r"customConfig\.consent\.evidence") as refused:
        new_connection().feed(opening(customConfig=wrong))
    assert "5555" not in str(refused.value)


def test_how_a_call_came_about_stands_in_the_configuration() -> None:
    call = {"direction": "outbound", "campaign": "spring"}
    changed = {"participant": {"id": SESSION, "ani": "+15550100100", "dnis": "+15550100199"}}
    [started], _ = new_connection().feed(opening(customConfig={"call": call}, **changed))
    assert isinstance(started, Started)
    ours = {"tracking_number": "+15550100100", "caller": "+15550100199"}
    assert started.business == StatedBusiness(**call, **ours)
    [without], _ = new_connection().feed(opening(**changed))
    assert isinstance(without, Started)
    assert without.business == StatedBusiness()


@pytest.mark.parametrize(
    "call", [{"direction": "up"}, {"agent": "555 010 0199"}, {"campaign": 1}, [1], "inbound"]
)
def test_a_wrong_description_of_a_call_is_refused_and_not_quoted(call: object) -> None:
    with pytest.raises(GatewayError, match=r"customConfig\.call\.") as refused:
        new_connection().feed(opening(customConfig={"call": call}))
    assert "555" not in str(refused.value)
