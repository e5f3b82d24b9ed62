"""AudioHook by its frames, as its client writes them: literal text in, literal text out."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pipeline.gateways.audiohook.connection import AudioHookConnection, State
from pipeline.gateways.door.business import StatedBusiness
from pipeline.gateways.events import (
    Audio,
    Codec,
    Ended,
    Event,
    GatewayError,
    KeyPressed,
    Lost,
    Paused,
    Reason,
    Resumed,
    Started,
    Updated,
)
from pipeline.gateways.lone_keys import ConsentKeys
from pipeline.records.model import Role

pytestmark = pytest.mark.unit

SESSION = "e160e428-53e2-487c-977d-96989bf5c99d"
ORGANIZATION = "d7934305-0972-4844-938e-9060eef73d05"
CONVERSATION = "090eaa2f-72fa-480a-83e0-8667ff89c0ec"
OPEN = """{
  "version": "2", "type": "open", "seq": 1, "serverseq": 0,
  "id": "e160e428-53e2-487c-977d-96989bf5c99d", "position": "PT0S",
  "parameters": {
    "organizationId": "d7934305-0972-4844-938e-9060eef73d05",
    "conversationId": "090eaa2f-72fa-480a-83e0-8667ff89c0ec",
    "participant": {
      "id": "883efee8-3d6c-4537-b500-6d7ca4b92fa0",
      "ani": "+1-555-555-1234", "aniName": "John Doe", "dnis": "+1-800-555-6789"
    },
    "media": [
      {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000},
      {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000},
      {"type": "audio", "format": "PCMU", "channels": ["internal"], "rate": 8000}
    ],
    "language": "en-US"
  }
}"""
OPENED = (
    '{"version":"2","type":"opened","seq":1,"clientseq":1,'
    '"id":"e160e428-53e2-487c-977d-96989bf5c99d","parameters":{"media":[{"type":"audio",'
    '"format":"PCMU","channels":["external","internal"],"rate":8000}],"startPaused":false}}'
)
PING = (
    '{"version":"2","id":"e160e428-53e2-487c-977d-96989bf5c99d","type":"ping","seq":2,'
    '"serverseq":1,"position":"PT1.2S","parameters":{"rtt":"PT0.041S"}}'
)
PONG = (
    '{"version":"2","type":"pong","seq":2,"clientseq":2,'
    '"id":"e160e428-53e2-487c-977d-96989bf5c99d","parameters":{}}'
)
FIFTH = b"\xff\x7f" * 1_600
"""A fifth of a second of both channels."""


def _open(**changed: object) -> str:
    message = json.loads(OPEN)
    message["parameters"].update(changed)
    return json.dumps(message)


def _say(order: str, seq: int, position: str = "PT0S", **parameters: object) -> str:
    return json.dumps(
        {
            "version": "2", "id": SESSION, "type": order, "seq": seq, "serverseq": 1,
            "position": position, "parameters": parameters,
        }
    )  # fmt: skip


def _connection(**options: ConsentKeys) -> AudioHookConnection:
    return AudioHookConnection(session_id=SESSION, organization_id=ORGANIZATION, **options)


def _opened(text: str = OPEN, **options: ConsentKeys) -> AudioHookConnection:
    connection = _connection(**options)
    connection.feed(text)
    assert connection.accept()
    return connection


def _reason(feed: Callable[[], object]) -> Reason:
    with pytest.raises(GatewayError) as refused:
        feed()
    return refused.value.reason


def test_a_call_from_open_to_closed() -> None:
    connection = _connection()
    assert connection.feed(OPEN) == (
        [
            Started(
                CONVERSATION,
                Codec.PCMU,
                8_000,
                ("external", "internal"),
                (Role.CUSTOMER, Role.AGENT),
                ("+1-555-555-1234", "+1-800-555-6789"),
                language="en",
            )
        ],
        [],
    )
    assert connection.accept() == [OPENED]
    assert [connection.feed(FIFTH)[0] for _ in range(6)] == [
        [Audio(-1, 1_600 * number, FIFTH)] for number in range(6)
    ]
    assert connection.feed(PING) == ([], [PONG])
    close = _say("close", 3, "PT1.2S", reason="end")
    assert connection.feed(close) == ([Ended(complete=True)], [])
    closed = PONG.replace("pong", "closed").replace('seq":2', 'seq":3')
    assert connection.finish() == [closed]
    assert connection.state is State.CLOSED


def test_nothing_shows_a_number_or_an_id() -> None:
    events, _ = _connection().feed(OPEN)
    assert "555" not in repr(events)
    assert CONVERSATION not in repr(events)
    assert "Doe" not in repr(events)


def test_a_probe_is_answered_and_gives_no_event() -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    probe = _open(
        conversationId=nobody, participant={"id": nobody, "ani": "", "aniName": "", "dnis": ""}
    )
    connection = _connection()
    assert connection.feed(probe) == ([], [OPENED])
    assert connection.feed(FIFTH) == ([], [])
    assert connection.feed(_say("paused", 2)) == ([], [])
    assert connection.feed(_say("resumed", 3, start="PT0S", discarded="PT1S")) == ([], [])
    assert connection.feed(_say("discarded", 4, start="PT1S", discarded="PT1S")) == ([], [])
    assert connection.feed(_say("dtmf", 5, digit="7")) == ([], [])
    assert connection.feed(_say("update", 6, language="de-DE"))[0] == []
    events, replies = connection.feed(_say("close", 7, reason="end"))
    assert events == []
    assert json.loads(replies[0])["type"] == "closed"


@pytest.mark.parametrize(
    ("offers", "taken"),
    [
        ([("PCMU", "ei"), ("PCMU", "e")], ("PCMU", "ei")),
        ([("PCMU", "e"), ("PCMU", "ie")], ("PCMU", "ie")),
        ([("PCMU", "ei"), ("L16", "ei")], ("PCMU", "ei")),
        ([("L16", "ei"), ("PCMU", "ei")], ("L16", "ei")),
        ([("OPUS", "ei"), ("L16", "i")], ("L16", "i")),
        ([("PCMU", "i"), ("PCMU", "e")], ("PCMU", "i")),
        ([("PCMU", "ee"), ("PCMU", "e")], ("PCMU", "e")),
    ],
)
def test_both_parties_are_taken_where_they_are_offered(
    offers: list[tuple[str, str]], taken: tuple[str, str]
) -> None:
    def written(offer: tuple[str, str]) -> dict[str, object]:
        names = {"e": "external", "i": "internal"}
        channels = [names[one] for one in offer[1]]
        return {"type": "audio", "format": offer[0], "channels": channels, "rate": 8_000}

    connection = _connection()
    [started], _ = connection.feed(_open(media=[written(one) for one in offers]))
    [opened] = connection.accept()
    assert json.loads(opened)["parameters"]["media"] == [written(taken)]
    assert isinstance(started, Started)
    assert started.codec.value == taken[0]
    roles = {"e": Role.CUSTOMER, "i": Role.AGENT}
    assert started.roles == tuple(roles[one] for one in taken[1])


@pytest.mark.parametrize(
    "media",
    [
        [],
        [{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 16_000}],
        [{"type": "audio", "format": "OPUS", "channels": ["external"], "rate": 8_000}],
        [{"type": "video", "format": "PCMU", "channels": ["external"], "rate": 8_000}],
        [{"type": "audio", "format": "PCMU", "channels": [], "rate": 8_000}],
        [{"type": "audio", "format": "PCMU", "channels": ["whoever"], "rate": 8_000}],
    ],
)
def test_formats_that_are_not_spoken_are_refused(media: list[dict[str, object]]) -> None:
    connection = _connection()
    assert _reason(lambda: connection.feed(_open(media=media))) is Reason.UNSUPPORTED
    assert [json.loads(one) for one in connection.refuse(Reason.UNSUPPORTED)] == [
        {
            "version": "2", "type": "disconnect", "seq": 1, "clientseq": 1, "id": SESSION,
            "parameters": {"reason": "error", "info": "unsupported"},
        }
    ]  # fmt: skip


def test_linear_audio_has_two_bytes_a_sample() -> None:
    offer = {"type": "audio", "format": "L16", "channels": ["external", "internal"], "rate": 8_000}
    connection = _opened(_open(media=[offer]))
    assert connection.feed(bytes(16)) == ([Audio(-1, 0, bytes(16))], [])
    assert connection.position == 4
    assert _reason(lambda: connection.feed(bytes(18))) is Reason.BAD_AUDIO


def test_a_pause_is_kept_as_long_as_it_was() -> None:
    connection = _opened()
    connection.feed(FIFTH)
    assert connection.feed(_say("paused", 2, "PT0.2S")) == ([Paused(1_600)], [])
    assert connection.feed(_say("paused", 3, "PT5S")) == ([], [])
    assert connection.feed(_say("ping", 4, "PT8S"))[0] == []
    resumed = _say("resumed", 5, "PT10.2S", start="PT0.2S", discarded="PT10S")
    assert connection.feed(resumed) == ([Resumed(81_600)], [])
    assert connection.feed(FIFTH) == ([Audio(-1, 81_600, FIFTH)], [])
    assert connection.feed(_say("ping", 6, "PT10.4S"))[0] == []


def test_audio_in_a_pause_is_refused() -> None:
    connection = _opened()
    connection.feed(_say("paused", 2))
    assert _reason(lambda: connection.feed(FIFTH)) is Reason.BAD_FRAME


def test_a_session_may_begin_paused() -> None:
    connection = _opened()
    assert connection.feed(_say("paused", 2)) == ([Paused(0)], [])
    resumed = _say("resumed", 3, "PT3S", start="PT0S", discarded="PT3S")
    assert connection.feed(resumed) == ([Resumed(24_000)], [])


def test_what_the_client_discarded_is_lost_and_time_goes_on() -> None:
    connection = _opened()
    connection.feed(FIFTH)
    discarded = _say("discarded", 2, "PT0.7S", start="PT0.2S", discarded="PT0.5S")
    assert connection.feed(discarded) == ([Lost(1_600, 4_000)], [])
    assert connection.feed(FIFTH) == ([Audio(-1, 5_600, FIFTH)], [])


def test_what_was_never_sent_is_lost_too() -> None:
    connection = _opened()
    connection.feed(FIFTH)
    ahead = _say("discarded", 2, "PT0.2S", start="PT6.3S", discarded="PT0.3S")
    assert connection.feed(ahead) == ([Lost(1_600, 51_200)], [])
    behind = _say("discarded", 3, "PT6.6S", start="PT1S", discarded="PT1S")
    assert connection.feed(behind) == ([], [])


def test_resumed_without_a_pause_tells_of_a_loss() -> None:
    connection = _opened()
    assert connection.feed(_say("resumed", 2, start="PT0S", discarded="PT0S")) == ([], [])
    assert connection.feed(_say("resumed", 3, start="PT0S", discarded="PT1S")) == (
        [Lost(0, 8_000)],
        [],
    )


@pytest.mark.parametrize("position", ["PT2.5S", "PT0S"])
def test_a_small_difference_of_positions_is_none(position: str) -> None:
    connection = _opened()
    for _ in range(10):
        connection.feed(FIFTH)
    assert connection.feed(_say("ping", 2, position))[0] == []


@pytest.mark.parametrize(("frames", "position"), [(25, "PT2.5S"), (10, "PT4.5S")])
def test_audio_of_another_rate_than_agreed_is_refused(frames: int, position: str) -> None:
    connection = _opened()
    for _ in range(frames):
        connection.feed(FIFTH)
    assert _reason(lambda: connection.feed(_say("ping", 2, position))) is Reason.BAD_AUDIO


def test_a_key_is_no_digit() -> None:
    connection = _opened(keys=ConsentKeys(agrees="1", withdraws="9"))
    connection.feed(FIFTH)
    assert connection.feed(_say("dtmf", 2, digit="4")) == ([KeyPressed(0, 1_600)], [])
    assert _opened().feed(_say("dtmf", 2)) == ([KeyPressed(0, 0)], [])


@pytest.mark.parametrize(("digit", "meaning"), [("9", "withdraws"), ("1", "agrees")])
def test_a_key_that_means_something_is_told_at_once(digit: str, meaning: str) -> None:
    connection = _opened(keys=ConsentKeys(agrees="1", withdraws="9"))
    connection.feed(FIFTH)
    key = KeyPressed(0, 1_600, **{meaning: True})
    assert connection.feed(_say("dtmf", 2, digit=digit)) == ([key], [])


def test_a_call_that_closes_in_a_pause_says_where() -> None:
    connection = _opened()
    connection.feed(FIFTH)
    connection.feed(_say("paused", 2, "PT0.2S"))
    closed = connection.feed(_say("close", 3, "PT31S", reason="end"))
    assert closed == ([Ended(at=31 * 8_000)], [])
    counts_not = _opened()
    counts_not.feed(FIFTH)
    counts_not.feed(_say("paused", 2, "PT0.2S"))
    assert counts_not.feed(_say("close", 3, "PT0.2S", reason="end")) == ([Ended()], [])


@pytest.mark.parametrize(("position", "at"), [("PT2.1S", 0), ("PT4S", 32_000)])
def test_a_call_that_closes_behind_its_audio_has_lost_the_rest(position: str, at: int) -> None:
    connection = _opened()
    connection.feed(FIFTH)
    assert connection.feed(_say("close", 2, position, reason="end")) == ([Ended(at=at)], [])


def test_a_key_is_the_customers() -> None:
    channels = ["internal", "external"]
    offer = {"type": "audio", "format": "PCMU", "channels": channels, "rate": 8_000}
    assert _opened(_open(media=[offer])).feed(_say("dtmf", 2, digit="1"))[0] == [KeyPressed(1, 0)]


def test_another_language_is_told_and_answered() -> None:
    connection = _opened()
    events, [reply] = connection.feed(_say("update", 2, language="es-US"))
    assert events == [Updated(language="es")]
    assert json.loads(reply)["type"] == "updated"
    assert connection.feed(_say("update", 3, language="fil-PH"))[0] == []


def test_languages_are_told_to_who_asks() -> None:
    connection = AudioHookConnection(
        session_id=SESSION, organization_id=ORGANIZATION, languages=("en-US", "es-US")
    )
    connection.feed(_open(supportedLanguages=True))
    [opened] = connection.accept()
    assert json.loads(opened)["parameters"]["supportedLanguages"] == ["en-US", "es-US"]
    assert "supportedLanguages" not in OPENED


def test_consent_of_the_integrations_configuration_travels() -> None:
    consent = {"places": ["US-CA"], "evidence": [{"kind": "notice_played", "at_ms": -4_000}]}
    [started], _ = _connection().feed(_open(customConfig={"consent": consent, "else": 1}))
    assert isinstance(started, Started)
    assert json.loads(started.stated) == consent
    [without], _ = _connection().feed(_open(customConfig={"else": 1}))
    assert isinstance(without, Started)
    assert without.stated == b""


def test_wrong_consent_in_the_configuration_is_refused_and_not_quoted() -> None:
    wrong = {"consent": {"evidence": [{"kind": "+15555551234"}]}}
    with pytest.raises(GatewayError, match=r"customConfig\.consent\.evidence") as refused:
        _connection().feed(_open(customConfig=wrong))
    assert "5555" not in str(refused.value)


def test_how_a_call_came_about_stands_in_the_configuration() -> None:
    call = {"direction": "outbound", "campaign": "spring"}
    changed = {"participant": {"id": SESSION, "ani": "+15550100100", "dnis": "+15550100199"}}
    [started], _ = _connection().feed(_open(customConfig={"call": call}, **changed))
    assert isinstance(started, Started)
    ours = {"tracking_number": "+15550100100", "caller": "+15550100199"}
    assert started.business == StatedBusiness(**call, **ours)
    [without], _ = _connection().feed(_open(**changed))
    assert isinstance(without, Started)
    assert without.business == StatedBusiness()


@pytest.mark.parametrize(
    "call", [{"direction": "up"}, {"agent": "555 010 0199"}, {"campaign": 1}, [1], "inbound"]
)
def test_a_wrong_description_of_a_call_is_refused_and_not_quoted(call: object) -> None:
    with pytest.raises(GatewayError, match=r"customConfig\.call\.") as refused:
        _connection().feed(_open(customConfig={"call": call}))
    assert "555" not in str(refused.value)


def test_a_clients_error_ends_nothing() -> None:
    connection = _opened()
    assert connection.feed(_say("error", 2, code=400, message="tough stuff")) == ([], [])
    assert connection.feed(_say("playback_started", 3)) == ([], [])
    assert connection.state is State.ACTIVE


@pytest.mark.parametrize("reason", ["error", "disconnect", "reconnect"])
def test_a_call_that_breaks_off_is_not_complete(reason: str) -> None:
    assert _opened().feed(_say("close", 2, reason=reason))[0] == [Ended(complete=False)]


def test_a_session_that_never_opened_is_closed() -> None:
    connection = _connection()
    close = _say("close", 1, reason="error").replace('"serverseq": 1', '"serverseq": 0')
    events, [reply] = connection.feed(close)
    assert events == []
    assert json.loads(reply)["type"] == "closed"


def test_a_call_that_cannot_begin_is_refused_instead_of_opened() -> None:
    connection = _connection()
    connection.feed(OPEN)
    [disconnect] = connection.refuse(Reason.TOO_MANY)
    assert json.loads(disconnect)["seq"] == 1
    assert json.loads(disconnect)["parameters"] == {"reason": "error", "info": "too_many"}
    assert connection.accept() == []
    assert connection.feed(FIFTH) == ([], [])
    assert connection.feed("nonsense") == ([], [])
    assert connection.feed(_say("ping", 2)) == ([], [])
    events, [closed] = connection.feed(_say("close", 3, reason="disconnect"))
    assert events == []
    assert json.loads(closed) == {
        "version": "2", "type": "closed", "seq": 2, "clientseq": 3, "id": SESSION,
        "parameters": {},
    }  # fmt: skip


def test_who_may_not_connect_is_told_so() -> None:
    other = _open(organizationId="11111111-0972-4844-938e-9060eef73d05")
    connection = _connection()
    assert _reason(lambda: connection.feed(other)) is Reason.UNAUTHORISED
    [disconnect] = connection.refuse(Reason.UNAUTHORISED)
    assert json.loads(disconnect)["parameters"]["reason"] == "unauthorized"


def test_nothing_is_said_after_the_end() -> None:
    connection = _opened()
    connection.feed(_say("close", 2, reason="end"))
    assert connection.feed(_say("ping", 3)) == ([], [])
    assert connection.feed(FIFTH) == ([], [])
    assert connection.refuse(Reason.BROKER) == []
    assert connection.finish() == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "null",
        "[" * 60_000,
        OPEN.replace('"2"', '"1"'),
        OPEN.replace('"2"', "2"),
        OPEN.replace('"seq": 1', '"seq": 2'),
        OPEN.replace('"seq": 1', '"seq": "1"'),
        OPEN.replace('"seq": 1', '"seq": -1'),
        OPEN.replace('"seq": 1', '"seq": 1e400'),
        OPEN.replace('"serverseq": 0', '"serverseq": 1'),
        OPEN.replace("PT0S", "PT0M"),
        OPEN.replace("PT0S", "PT-1S"),
        OPEN.replace("PT0S", "PTS"),
        OPEN.replace("PT0S", "PT999999999S"),
        OPEN.replace("PT0S", "PT٣S"),
        OPEN.replace('"id": "e160', '"id": "f160'),
        OPEN.replace("090eaa2f-", "090eaa2f"),
        OPEN.replace("open", "opne"),
        OPEN.replace('"+1-555-555-1234"', "15555551234"),
        OPEN.replace('"en-US"', "7"),
        OPEN.replace("8000", '"8000"'),
        OPEN.replace("}\n}", "}\n"),
        OPEN.replace('"participant"', '"participants"'),
        _say("ping", 1),
        _say("update", 1, language="en-US"),
    ],
)
def test_what_is_no_message_is_refused_and_not_quoted(text: str) -> None:
    connection = _connection()
    with pytest.raises(GatewayError) as refused:
        connection.feed(text)
    assert refused.value.reason is Reason.BAD_FRAME
    assert "555" not in str(refused.value)
    assert "opne" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        OPEN.replace('"seq": 1', '"seq": 2'),
        _say("ping", 1),
        _say("ping", 3),
        _say("ping", 2).replace('"serverseq": 1', '"serverseq": 2'),
        _say("discarded", 2, start="PT0S"),
        _say("discarded", 2, start=0, discarded=1),
        _say("resumed", 2),
        _say("close", 2, reason="over"),
        _say("update", 2),
        _say("error", 2),
        _say("unheard_of", 2),
    ],
)
def test_wrong_messages_of_an_open_session_are_refused(text: str) -> None:
    connection = _opened()
    assert _reason(lambda: connection.feed(text)) is Reason.BAD_FRAME
    [disconnect] = connection.refuse(Reason.BAD_FRAME)
    assert json.loads(disconnect)["seq"] == 2


def test_sizes_are_bounded() -> None:
    connection = _opened()
    assert _reason(lambda: connection.feed(" " * 65_536)) is Reason.TOO_LARGE
    assert _reason(lambda: connection.feed(bytes(65_538))) is Reason.TOO_LARGE
    assert _reason(lambda: connection.feed(b"")) is Reason.BAD_AUDIO
    assert _reason(lambda: connection.feed(b"odd")) is Reason.BAD_AUDIO


@pytest.mark.parametrize("state", ["new", "opening"])
def test_audio_before_opened_is_refused(state: str) -> None:
    connection = _connection()
    if state == "opening":
        connection.feed(OPEN)
    assert connection.state.value == state
    assert _reason(lambda: connection.feed(FIFTH)) is Reason.BAD_FRAME


def test_fractions_of_a_second_are_samples() -> None:
    def until(written: str) -> list[Event]:
        return _opened().feed(_say("discarded", 2, start="PT0S", discarded=written))[0]

    assert until("PT.5S") == [Lost(0, 4_000)]
    assert until("PT0.000125S") == [Lost(0, 1)]
    assert until("PT0.20000000000000001S") == [Lost(0, 1_600)]
    assert until("PT0.00006S") == []
