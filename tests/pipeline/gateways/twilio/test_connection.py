"""Twilio's and Telnyx's streams by their literal frames."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SettingsError
from pipeline.gateways.events import (
    Audio,
    Codec,
    Ended,
    KeyPressed,
    Reason,
    Started,
)
from pipeline.gateways.lone_keys import ConsentKeys
from pipeline.gateways.timeline import Timeline
from pipeline.gateways.twilio.connection import MOST_FRAME, WINDOW, TwilioConnection
from pipeline.gateways.twilio.frames import TELNYX
from pipeline.records.model import Role
from tests.pipeline.gateways.twilio.samples import (
    CALL,
    CONNECTED,
    FRAME,
    ROLES,
    SID,
    START,
    TELNYX_START,
    dtmf,
    edited,
    events_of,
    media,
    refused,
    started,
    starts,
    stop,
)

pytestmark = pytest.mark.unit


def test_a_call_from_its_first_frame_to_its_last() -> None:
    connection = TwilioConnection(roles=ROLES)
    assert connection.feed(CONNECTED) == ([], [])
    assert not connection.begun
    begun, replies = connection.feed(START.encode())
    assert replies == []
    assert begun == [
        Started(
            recorder_id=CALL,
            codec=Codec.PCMU,
            sample_rate=8000,
            tracks=("inbound", "outbound"),
            roles=(Role.CUSTOMER, Role.AGENT),
            numbers=("+15551230001", "+15551230002"),
            language="en",
            stated=b'{"places": ["US-CA"]}',
        )
    ]
    assert events_of(
        connection,
        [
            media(2, 88, b"a" * FRAME),
            media(3, 88, b"b" * FRAME, "outbound"),
            media(4, 108, b"c" * FRAME, chunk=2),
            '{"event": "mark", "sequenceNumber": "5", "mark": {"name": "x"}}',
            stop(6),
        ],
    ) == [
        Audio(0, 704, b"a" * FRAME),
        Audio(1, 704, b"b" * FRAME),
        Audio(0, 864, b"c" * FRAME),
        Ended(complete=True),
    ]
    assert connection.over
    assert (connection.ignored, connection.repeated) == (0, 0)


def test_telnyx_says_the_same_in_other_words() -> None:
    connection = TwilioConnection(TELNYX, roles=ROLES)
    connection.feed('{"event": "connected", "version": "1.0.0"}')
    (begun,), _ = connection.feed(TELNYX_START)
    assert begun == Started(
        recorder_id="v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ",
        codec=Codec.PCMU,
        sample_rate=8000,
        tracks=("inbound", "outbound"),
        roles=(Role.CUSTOMER, Role.AGENT),
        numbers=("+13122010094", "+13122123456"),
    )
    stream = '"stream_id": "32DE0DEA-53CB-4B21-89A4-9E1819C043BC"'
    audio = '{"track": "outbound", "chunk": "2", "timestamp": "5", "payload": "no+JhoaJjpw="}'
    frames = [
        f'{{"event": "media", "sequence_number": "4", {stream}, "media": {audio}}}',
        f'{{"event": "dtmf", "sequence_number": "5", {stream}, "dtmf": {{"digit": "1"}}}}',
        f'{{"event": "error", {stream}, "payload": {{"code": 100004, "title": "x"}}}}',
        f'{{"event": "stop", "sequence_number": "6", {stream}, "stop": {{"user_id": "x"}}}}',
    ]
    assert events_of(connection, frames) == [
        Audio(1, 40, base64.b64decode("no+JhoaJjpw=")),
        KeyPressed(0, 0),
        Ended(),
    ]
    assert connection.ignored == 1


def test_frames_that_come_twice_are_dropped_and_late_ones_have_their_place() -> None:
    connection = started()
    times = {number: 88 + 20 * (number - 2) for number in range(2, 9)}
    order = [2, 3, 6, 5, 5, 4, 3, 8, 7]
    assert starts(connection, [media(number, times[number]) for number in order]) == [
        704 + FRAME * (number - 2) for number in (2, 3, 6, 5, 4, 8, 7)
    ]
    assert connection.repeated == 2


def test_a_lost_frame_is_a_gap_of_its_length() -> None:
    connection = started()
    assert starts(connection, [media(2, 0), media(5, 60), media(6, 80)]) == [0, 480, 640]


def test_a_number_that_another_track_used_is_no_gap() -> None:
    connection = started()
    frames = [media(2, 0), media(4, 20), media(3, 0, track="outbound"), media(5, 40)]
    assert starts(connection, frames) == [0, 160, 0, 320]


def test_the_senders_jitter_leaves_no_hole_and_drops_nothing() -> None:
    connection = started()
    times = [0, 19, 43, 57, 85, 99, 121]
    frames = [media(number, ms) for number, ms in enumerate(times, 2)]
    assert starts(connection, frames) == [FRAME * n for n in range(len(times))]


def test_with_jitter_late_frames_fall_into_their_own_hole() -> None:
    connection = started()
    assert starts(connection, [media(2, 0), media(5, 62), media(4, 39), media(3, 22)]) == [
        0, 480, 320, 160,
    ]  # fmt: skip


def test_a_pause_of_the_sender_is_a_gap_though_no_number_is_missing() -> None:
    connection = started()
    assert starts(connection, [media(2, 0), media(3, 2020), media(4, 2040)]) == [0, 16160, 16320]


def test_a_clock_that_stands_still_loses_no_audio() -> None:
    connection = started()
    frames = [media(number, 5) for number in range(2, 40)]
    assert starts(connection, frames) == [40 + FRAME * n for n in range(38)]


@given(st.permutations(range(12)), st.integers(0, 2000), st.data())
def test_any_order_gives_the_same_audio(order: list[int], first: int, data: st.DataObject) -> None:
    """Also with a few of them twice; each frame knows its place by its time alone."""
    twice = data.draw(st.lists(st.sampled_from(order), max_size=4))
    connection = started()
    timeline = Timeline(Codec.PCMU, 1, 8000, chunk=8000, window=8000)
    cuts = []
    # The first one to come makes the track's beginning known.
    for number in [0, *order, *twice]:
        frame = media(number + 2, first + 20 * number, bytes([number + 1]) * FRAME)
        for event in connection.feed(frame)[0]:
            assert isinstance(event, Audio)
            cuts += timeline.add(event.channel, event.start, event.payload)
    cuts += timeline.flush()
    assert b"".join(cut.audio for cut in cuts).strip(b"\xff") == b"".join(
        bytes([number + 1]) * FRAME for number in range(12)
    )
    assert connection.repeated == 1 + len(twice)


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (media(2, 60_001 + 60), "time jumps"),
        (media(2, 2**60), "form"),
        (media(WINDOW + 2, 0), "jump by more"),
        (media(2, 0, track="third"), "did not name"),
        (media(2, 0).replace(SID, "MZother"), "another stream"),
        (media(2, 0).replace('"sequenceNumber": "2", ', ""), "sequenceNumber"),
        (media(2, 0).replace('"media": {', '"medium": {'), "without `media`"),
        (START, "second start"),
        ("{", "not JSON"),
        (b'{"event": "\xff"}', "not JSON"),
        ('{"x": ' + "[" * 50_000, "not JSON"),
        ("[]", "form"),
        ("null", "form"),
        ('{"event": 3}', "form"),
        ("{}", "form"),
        (media(2, 0).replace('"payload": "', '"payload": "*'), "form"),
        (media(2, 0).replace('"payload"', '"load"'), "form"),
        (media(2, 0).replace('"timestamp": "0"', '"timestamp": "soon"'), "form"),
        (media(2, 0).replace('"timestamp": "0"', '"timestamp": "-1"'), "form"),
        ('{"event": "dtmf", "sequenceNumber": "2"}', "without `dtmf`"),
    ],
)
def test_a_bad_frame_is_refused(frame: str | bytes, says: str) -> None:
    error = refused(started(), frame)
    assert error.reason is Reason.BAD_FRAME
    assert says in str(error)


def test_a_track_whose_time_runs_back_is_refused() -> None:
    connection = started()
    connection.feed(media(2, 30_000))
    assert "time jumps" in str(refused(connection, media(3, 19_000)))


@pytest.mark.parametrize("size", [MOST_FRAME - 40, MOST_FRAME + 1])
def test_a_huge_frame_is_refused_unread(size: int) -> None:
    frame = '{"event": "' + "x" * size + '"}'
    if len(frame) <= MOST_FRAME:
        started().feed(frame)
    else:
        assert refused(started(), frame).reason is Reason.TOO_LARGE


@pytest.mark.parametrize("frame", [media(2, 0), dtmf(2, "1"), stop(2)])
def test_nothing_comes_before_the_start(frame: str) -> None:
    error = refused(TwilioConnection(roles=ROLES), frame)
    assert error.reason is Reason.BAD_FRAME
    assert "before start" in str(error)


def test_unknown_events_are_ignored_and_counted() -> None:
    connection = TwilioConnection(roles=ROLES)
    connection.feed('{"event": "hello"}')
    connection.feed(START)
    assert connection.feed('{"event": "news", "sequenceNumber": "2"}') == ([], [])
    assert connection.feed(media(3, 0, b"")) == ([], [])
    assert connection.ignored == 3
    connection.feed(stop(4))
    assert connection.feed(media(5, 0)) == ([], [])
    assert connection.ignored == 4


def test_a_stream_that_does_not_prove_itself_never_begins() -> None:
    asked: list[tuple[str, str]] = []

    def no(token: str, call: str) -> bool:
        asked.append((token, call))
        return False

    connection = TwilioConnection(roles=ROLES, proven=no)
    error = refused(connection, START)
    assert error.reason is Reason.UNAUTHORISED
    assert asked == [("secret-of-this-test", CALL)]
    assert not connection.begun
    assert "before start" in str(refused(connection, media(2, 0)))


def test_nothing_of_a_call_shows_in_errors_or_in_what_is_printed() -> None:
    connection = TwilioConnection(roles=ROLES)
    (begun,), _ = connection.feed(START)
    for secret in ("secret-of-this-test", "+1555", CALL, "US-CA"):
        assert secret not in repr(begun)
    broken = [
        media(2, 0).replace('"payload": "', '"payload": "4111-1111'),
        media(2, 0).replace('"timestamp": "0"', '"timestamp": "4111"').replace("2", "4111x"),
        dtmf(2, "1").replace('"1"', "4111"),
        '{"event": "media", "4111": 4111, "media": "4111"}',
    ]
    for frame in broken:
        assert "4111" not in str(refused(connection, frame))


def test_a_key_never_leaves_the_parser() -> None:
    connection = started()
    connection.feed(media(2, 0))
    events = events_of(connection, [dtmf(n, digit) for n, digit in enumerate("4111", 3)])
    assert events == [KeyPressed(0, FRAME)] * 4
    assert connection.feed(dtmf(6, "1"))[0] == []  # it came already
    assert connection.repeated == 1


@pytest.mark.parametrize("key", ["9", "*"])
def test_a_key_that_means_something_is_told_at_once(key: str) -> None:
    connection = started(withdraws=key, agrees="1")
    connection.feed(media(2, 0))
    assert events_of(connection, [dtmf(3, key), dtmf(4, "1"), stop(5)]) == [
        KeyPressed(0, FRAME, withdraws=True), KeyPressed(0, FRAME, agrees=True), Ended(),
    ]  # fmt: skip
    assert connection.feed(b"")[0] == []


def test_a_call_of_which_frames_are_missing_when_it_stops_is_incomplete() -> None:
    both = [media(2, 0), media(3, 0, track="outbound")]
    lost = [*both, media(4, 20), media(6, 40), media(7, 40, track="outbound"), stop(8)]
    connection = started()
    assert events_of(connection, lost)[-1] == Ended(complete=False)
    assert connection.lost == 1
    came = [*lost[:-1], media(5, 20, track="outbound"), lost[-1]]
    assert events_of(started(), came)[-1] == Ended()
    assert events_of(started(), [*both, stop(5)])[-1] == Ended(complete=False)


def test_numbers_that_were_given_up_stay_lost() -> None:
    connection, number = started(), 2
    for number in range(2, 2 + 3 * WINDOW, 2):
        connection.feed(media(number, 20 * number))
    assert connection.feed(stop(number + 1))[0] == [Ended(complete=False)]
    assert connection.lost == 3 * WINDOW // 2 - 1


def test_numbers_that_are_left_out_before_any_audio_lose_nothing() -> None:
    assert events_of(started(), [media(4, 0), stop(5)])[-1] == Ended()
    first = started()
    assert events_of(first, [media(4, 20), media(3, 0), stop(5)])[-1] == Ended()


def test_more_audio_than_its_times_leave_room_for_is_of_another_rate() -> None:
    connection = started()
    twice = [media(number, 20 * (number - 2), b"a" * 2 * FRAME) for number in range(2, 154)]
    for frame in twice[:-1]:
        connection.feed(frame)
    assert refused(connection, twice[-1]).reason is Reason.BAD_AUDIO


def test_keys_of_a_track_that_is_not_streamed_are_ignored() -> None:
    connection = TwilioConnection(roles=ROLES)
    connection.feed(edited(tracks=["outbound"]))
    assert connection.feed(dtmf(2, "1")) == ([], [])
    assert connection.ignored == 1


@pytest.mark.parametrize(("agrees", "withdraws"), [("12", ""), ("1", "1"), ("", "x")])
def test_keys_that_are_none_are_refused(agrees: str, withdraws: str) -> None:
    with pytest.raises(SettingsError):
        TwilioConnection(roles=ROLES, keys=ConsentKeys(agrees, withdraws))


def test_a_connection_that_breaks_ends_its_call_as_incomplete() -> None:
    assert TwilioConnection(roles=ROLES).feed(b"")[0] == []
    connection = started()
    assert connection.feed("")[0] == [Ended(complete=False)]


def test_memory_stays_small_whatever_is_lost() -> None:
    connection = started()
    for number in range(2, 200_000, WINDOW // 2):
        connection.feed(media(number, number // 100))
    assert len(connection._missing) <= WINDOW + WINDOW // 2
