"""AudioHook by its frames, as its client writes them: literal text in, literal text out."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pipeline.gateways.audiohook.connection import State
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
)
from pipeline.gateways.lone_keys import ConsentKeys
from pipeline.records.model import Role
from tests.pipeline.gateways.audiohook.messages import (
    CONVERSATION,
    FIFTH,
    OPEN,
    OPENED,
    PING,
    PONG,
    SESSION,
    message,
    new_connection,
    opened_connection,
    opening,
)

pytestmark = pytest.mark.unit


def _reason(feed: Callable[[], object]) -> Reason:
    with pytest.raises(GatewayError) as refused:
        feed()
    return refused.value.reason


def test_a_call_from_open_to_closed() -> None:
    connection = new_connection()
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
    close = message("close", 3, "PT1.2S", reason="end")
    assert connection.feed(close) == ([Ended(complete=True)], [])
    closed = PONG.replace("pong", "closed").replace('seq":2', 'seq":3')
    assert connection.finish() == [closed]
    assert connection.state is State.CLOSED


def test_nothing_shows_a_number_or_an_id() -> None:
    events, _ = new_connection().feed(OPEN)
    assert "555" not in repr(events)
    assert CONVERSATION not in repr(events)
    assert "Doe" not in repr(events)


def test_a_probe_is_answered_and_gives_no_event() -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    probe = opening(
        conversationId=nobody, participant={"id": nobody, "ani": "", "aniName": "", "dnis": ""}
    )
    connection = new_connection()
    assert connection.feed(probe) == ([], [OPENED])
    assert connection.feed(FIFTH) == ([], [])
    assert connection.feed(message("paused", 2)) == ([], [])
    assert connection.feed(message("resumed", 3, start="PT0S", discarded="PT1S")) == ([], [])
    assert connection.feed(message("discarded", 4, start="PT1S", discarded="PT1S")) == ([], [])
    assert connection.feed(message("dtmf", 5, digit="7")) == ([], [])
    assert connection.feed(message("update", 6, language="de-DE"))[0] == []
    events, replies = connection.feed(message("close", 7, reason="end"))
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

    connection = new_connection()
    [started], _ = connection.feed(opening(media=[written(one) for one in offers]))
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
    connection = new_connection()
    assert _reason(lambda: connection.feed(opening(media=media))) is Reason.UNSUPPORTED
    assert [json.loads(one) for one in connection.refuse(Reason.UNSUPPORTED)] == [
        {
            "version": "2", "type": "disconnect", "seq": 1, "clientseq": 1, "id": SESSION,
            "parameters": {"reason": "error", "info": "unsupported"},
        }
    ]  # fmt: skip


def test_linear_audio_has_two_bytes_a_sample() -> None:
    offer = {"type": "audio", "format": "L16", "channels": ["external", "internal"], "rate": 8_000}
    connection = opened_connection(opening(media=[offer]))
    assert connection.feed(bytes(16)) == ([Audio(-1, 0, bytes(16))], [])
    assert connection.position == 4
    assert _reason(lambda: connection.feed(bytes(18))) is Reason.BAD_AUDIO


def test_a_pause_is_kept_as_long_as_it_was() -> None:
    connection = opened_connection()
    connection.feed(FIFTH)
    assert connection.feed(message("paused", 2, "PT0.2S")) == ([Paused(1_600)], [])
    assert connection.feed(message("paused", 3, "PT5S")) == ([], [])
    assert connection.feed(message("ping", 4, "PT8S"))[0] == []
    resumed = message("resumed", 5, "PT10.2S", start="PT0.2S", discarded="PT10S")
    assert connection.feed(resumed) == ([Resumed(81_600)], [])
    assert connection.feed(FIFTH) == ([Audio(-1, 81_600, FIFTH)], [])
    assert connection.feed(message("ping", 6, "PT10.4S"))[0] == []


def test_audio_in_a_pause_is_refused() -> None:
    connection = opened_connection()
    connection.feed(message("paused", 2))
    assert _reason(lambda: connection.feed(FIFTH)) is Reason.BAD_FRAME


def test_a_session_may_begin_paused() -> None:
    connection = opened_connection()
    assert connection.feed(message("paused", 2)) == ([Paused(0)], [])
    resumed = message("resumed", 3, "PT3S", start="PT0S", discarded="PT3S")
    assert connection.feed(resumed) == ([Resumed(24_000)], [])


def test_what_the_client_discarded_is_lost_and_time_goes_on() -> None:
    connection = opened_connection()
    connection.feed(FIFTH)
    discarded = message("discarded", 2, "PT0.7S", start="PT0.2S", discarded="PT0.5S")
    assert connection.feed(discarded) == ([Lost(1_600, 4_000)], [])
    assert connection.feed(FIFTH) == ([Audio(-1, 5_600, FIFTH)], [])


def test_what_was_never_sent_is_lost_too() -> None:
    connection = opened_connection()
    connection.feed(FIFTH)
    ahead = message("discarded", 2, "PT0.2S", start="PT6.3S", discarded="PT0.3S")
    assert connection.feed(ahead) == ([Lost(1_600, 51_200)], [])
    behind = message("discarded", 3, "PT6.6S", start="PT1S", discarded="PT1S")
    assert connection.feed(behind) == ([], [])


def test_resumed_without_a_pause_tells_of_a_loss() -> None:
    connection = opened_connection()
    assert connection.feed(message("resumed", 2, start="PT0S", discarded="PT0S")) == ([], [])
    assert connection.feed(message("resumed", 3, start="PT0S", discarded="PT1S")) == (
        [Lost(0, 8_000)],
        [],
    )


@pytest.mark.parametrize("position", ["PT2.5S", "PT0S"])
def test_a_small_difference_of_positions_is_none(position: str) -> None:
    connection = opened_connection()
    for _ in range(10):
        connection.feed(FIFTH)
    assert connection.feed(message("ping", 2, position))[0] == []


@pytest.mark.parametrize(("frames", "position"), [(25, "PT2.5S"), (10, "PT4.5S")])
def test_audio_of_another_rate_than_agreed_is_refused(frames: int, position: str) -> None:
    connection = opened_connection()
    for _ in range(frames):
        connection.feed(FIFTH)
    assert _reason(lambda: connection.feed(message("ping", 2, position))) is Reason.BAD_AUDIO


def test_a_key_is_no_digit() -> None:
    connection = opened_connection(keys=ConsentKeys(agrees="1", withdraws="9"))
    connection.feed(FIFTH)
    assert connection.feed(message("dtmf", 2, digit="4")) == ([KeyPressed(0, 1_600)], [])
    assert opened_connection().feed(message("dtmf", 2)) == ([KeyPressed(0, 0)], [])


@pytest.mark.parametrize(("digit", "meaning"), [("9", "withdraws"), ("1", "agrees")])
def test_a_key_that_means_something_is_told_at_once(digit: str, meaning: str) -> None:
    connection = opened_connection(keys=ConsentKeys(agrees="1", withdraws="9"))
    connection.feed(FIFTH)
    key = KeyPressed(0, 1_600, **{meaning: True})
    assert connection.feed(message("dtmf", 2, digit=digit)) == ([key], [])


def test_a_call_that_closes_in_a_pause_says_where() -> None:
    connection = opened_connection()
    connection.feed(FIFTH)
    connection.feed(message("paused", 2, "PT0.2S"))
    closed = connection.feed(message("close", 3, "PT31S", reason="end"))
    assert closed == ([Ended(at=31 * 8_000)], [])
    counts_not = opened_connection()
    counts_not.feed(FIFTH)
    counts_not.feed(message("paused", 2, "PT0.2S"))
    assert counts_not.feed(message("close", 3, "PT0.2S", reason="end")) == ([Ended()], [])


@pytest.mark.parametrize(("position", "at"), [("PT2.1S", 0), ("PT4S", 32_000)])
def test_a_call_that_closes_behind_its_audio_has_lost_the_rest(position: str, at: int) -> None:
    connection = opened_connection()
    connection.feed(FIFTH)
    assert connection.feed(message("close", 2, position, reason="end")) == ([Ended(at=at)], [])


def test_a_key_is_the_customers() -> None:
    channels = ["internal", "external"]
    offer = {"type": "audio", "format": "PCMU", "channels": channels, "rate": 8_000}
    assert opened_connection(opening(media=[offer])).feed(message("dtmf", 2, digit="1"))[0] == [
        KeyPressed(1, 0)
    ]


def test_a_clients_error_ends_nothing() -> None:
    connection = opened_connection()
    assert connection.feed(message("error", 2, code=400, message="tough stuff")) == ([], [])
    assert connection.feed(message("playback_started", 3)) == ([], [])
    assert connection.state is State.ACTIVE


@pytest.mark.parametrize("reason", ["error", "disconnect", "reconnect"])
def test_a_call_that_breaks_off_is_not_complete(reason: str) -> None:
    assert opened_connection().feed(message("close", 2, reason=reason))[0] == [
        Ended(complete=False)
    ]


def test_a_session_that_never_opened_is_closed() -> None:
    connection = new_connection()
    close = message("close", 1, reason="error").replace('"serverseq": 1', '"serverseq": 0')
    events, [reply] = connection.feed(close)
    assert events == []
    assert json.loads(reply)["type"] == "closed"


def test_a_call_that_cannot_begin_is_refused_instead_of_opened() -> None:
    connection = new_connection()
    connection.feed(OPEN)
    [disconnect] = connection.refuse(Reason.TOO_MANY)
    assert json.loads(disconnect)["seq"] == 1
    assert json.loads(disconnect)["parameters"] == {"reason": "error", "info": "too_many"}
    assert connection.accept() == []
    assert connection.feed(FIFTH) == ([], [])
    assert connection.feed("nonsense") == ([], [])
    assert connection.feed(message("ping", 2)) == ([], [])
    events, [closed] = connection.feed(message("close", 3, reason="disconnect"))
    assert events == []
    assert json.loads(closed) == {
        "version": "2", "type": "closed", "seq": 2, "clientseq": 3, "id": SESSION,
        "parameters": {},
    }  # fmt: skip


def test_who_may_not_connect_is_told_so() -> None:
    other = opening(organizationId="11111111-0972-4844-938e-9060eef73d05")
    connection = new_connection()
    assert _reason(lambda: connection.feed(other)) is Reason.UNAUTHORISED
    [disconnect] = connection.refuse(Reason.UNAUTHORISED)
    assert json.loads(disconnect)["parameters"]["reason"] == "unauthorized"


def test_nothing_is_said_after_the_end() -> None:
    connection = opened_connection()
    connection.feed(message("close", 2, reason="end"))
    assert connection.feed(message("ping", 3)) == ([], [])
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
        message("ping", 1),
        message("update", 1, language="en-US"),
    ],
)
def test_what_is_no_message_is_refused_and_not_quoted(text: str) -> None:
    connection = new_connection()
    with pytest.raises(GatewayError) as refused:
        connection.feed(text)
    assert refused.value.reason is Reason.BAD_FRAME
    assert "555" not in str(refused.value)
    assert "opne" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        OPEN.replace('"seq": 1', '"seq": 2'),
        message("ping", 1),
        message("ping", 3),
        message("ping", 2).replace('"serverseq": 1', '"serverseq": 2'),
        message("discarded", 2, start="PT0S"),
        message("discarded", 2, start=0, discarded=1),
        message("resumed", 2),
        message("close", 2, reason="over"),
        message("update", 2),
        message("error", 2),
        message("unheard_of", 2),
    ],
)
def test_wrong_messages_of_an_open_session_are_refused(text: str) -> None:
    connection = opened_connection()
    assert _reason(lambda: connection.feed(text)) is Reason.BAD_FRAME
    [disconnect] = connection.refuse(Reason.BAD_FRAME)
    assert json.loads(disconnect)["seq"] == 2


def test_sizes_are_bounded() -> None:
    connection = opened_connection()
    assert _reason(lambda: connection.feed(" " * 65_536)) is Reason.TOO_LARGE
    assert _reason(lambda: connection.feed(bytes(65_538))) is Reason.TOO_LARGE
    assert _reason(lambda: connection.feed(b"")) is Reason.BAD_AUDIO
    assert _reason(lambda: connection.feed(b"odd")) is Reason.BAD_AUDIO


@pytest.mark.parametrize("state", ["new", "opening"])
def test_audio_before_opened_is_refused(state: str) -> None:
    connection = new_connection()
    if state == "opening":
        connection.feed(OPEN)
    assert connection.state.value == state
    assert _reason(lambda: connection.feed(FIFTH)) is Reason.BAD_FRAME


def test_fractions_of_a_second_are_samples() -> None:
    def until(written: str) -> list[Event]:
        return opened_connection().feed(message("discarded", 2, start="PT0S", discarded=written))[0]

    assert until("PT.5S") == [Lost(0, 4_000)]
    assert until("PT0.000125S") == [Lost(0, 1)]
    assert until("PT0.20000000000000001S") == [Lost(0, 1_600)]
    assert until("PT0.00006S") == []
