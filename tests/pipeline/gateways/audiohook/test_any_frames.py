"""Whatever frames come in whatever order: typed answers, bounded time, numbers that count up."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.gateways.audiohook.connection import AudioHookConnection, State
from pipeline.gateways.audiohook.messages import LONGEST_S
from pipeline.gateways.events import Audio, Ended, GatewayError, Lost, Paused, Resumed, Started

pytestmark = pytest.mark.unit

SESSION = "e160e428-53e2-487c-977d-96989bf5c99d"
ORGANIZATION = "d7934305-0972-4844-938e-9060eef73d05"
MEDIA = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8_000}
OPEN = {
    "organizationId": ORGANIZATION,
    "conversationId": "090eaa2f-72fa-480a-83e0-8667ff89c0ec",
    "participant": {"id": SESSION},
    "media": [MEDIA],
}
DURATION = st.integers(0, 2 * LONGEST_S * 10).map(lambda tenths: f"PT{tenths / 10}S")
ORDERS = st.one_of(
    st.just(("ping", {})),
    st.just(("paused", {})),
    st.tuples(
        st.sampled_from(["resumed", "discarded"]),
        st.fixed_dictionaries({"start": DURATION, "discarded": DURATION}),
    ),
    st.tuples(st.just("update"), st.fixed_dictionaries({"language": st.text(max_size=8)})),
    st.tuples(st.just("dtmf"), st.fixed_dictionaries({"digit": st.text(max_size=2)})),
    st.tuples(st.just("close"), st.fixed_dictionaries({"reason": st.just("end")})),
    st.tuples(st.just("open"), st.just(OPEN)),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
FRAMES = st.one_of(
    st.integers(1, 3_200).map(lambda samples: b"\xff" * 2 * samples),
    st.binary(max_size=9),
    st.tuples(ORDERS, DURATION),
)


def _message(order: str, seq: int, position: str, parameters: object) -> str:
    return json.dumps(
        {
            "version": "2", "id": SESSION, "type": order, "seq": seq, "serverseq": 0,
            "position": position, "parameters": parameters,
        }
    )  # fmt: skip


@settings(max_examples=200)
@given(st.lists(FRAMES, max_size=30))
def test_time_only_goes_on_and_events_are_where_it_is(frames: list[object]) -> None:
    connection = AudioHookConnection(session_id=SESSION, organization_id=ORGANIZATION)
    connection.feed(_message("open", 1, "PT0S", OPEN))
    replies = connection.accept()
    seq, at, paused, ended = 1, 0, False, False
    for frame in frames:
        if isinstance(frame, bytes):
            data: str | bytes = frame
        else:
            (order, parameters), position = frame  # type: ignore[misc]
            seq += 1
            data = _message(order, seq, position, parameters)
        try:
            events, said = connection.feed(data)
        except GatewayError as error:
            replies += connection.refuse(error.reason)
            continue
        replies += said
        for event in events:
            assert not ended
            assert not isinstance(event, Started)
            if isinstance(event, Audio):
                assert event.start == at
                assert not paused
                at += len(event.payload) // 2
            elif isinstance(event, Lost):
                assert event.start == at
                assert event.samples > 0
                assert not paused
                at += event.samples
            elif isinstance(event, Paused):
                assert event.at == at
                assert not paused
                paused = True
            elif isinstance(event, Resumed):
                assert event.at >= at
                at, paused = event.at, False
            ended = isinstance(event, Ended)
        replies += connection.finish()
    assert at == connection.position <= (2 * LONGEST_S + 30) * 8_000
    assert [json.loads(one)["seq"] for one in replies] == list(range(1, len(replies) + 1))
    assert connection.state is not State.CLOSING


@given(JSON)
def test_whatever_parameters_say_the_answer_is_typed(parameters: object) -> None:
    for order in ("open", "close", "discarded", "resumed", "update", "dtmf", "error"):
        connection = AudioHookConnection(session_id=SESSION, organization_id=ORGANIZATION)
        try:
            connection.feed(_message(order, 1, "PT0S", parameters))
        except GatewayError as error:
            assert connection.refuse(error.reason)  # noqa: PT017 - it may be fine, too


@given(st.dictionaries(st.sampled_from(sorted(OPEN)), JSON, min_size=1), JSON, JSON)
def test_whatever_open_says_the_answer_is_typed(
    changed: dict[str, object], config: object, language: object
) -> None:
    connection = AudioHookConnection(session_id=SESSION, organization_id=ORGANIZATION)
    parameters = OPEN | {"customConfig": {"consent": config}, "language": language} | changed
    try:
        connection.feed(_message("open", 1, "PT0S", parameters))
    except GatewayError as error:
        assert connection.refuse(error.reason)  # noqa: PT017 - it may be fine, too


@given(st.text() | st.binary())
def test_whatever_a_frame_is_the_answer_is_typed(frame: str | bytes) -> None:
    connection = AudioHookConnection(session_id=SESSION, organization_id=ORGANIZATION)
    with pytest.raises(GatewayError):
        connection.feed(frame)
