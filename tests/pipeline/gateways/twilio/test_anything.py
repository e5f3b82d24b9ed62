"""Nothing that a peer sends breaks the parser in another way than by its typed error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.gateways.events import GatewayError
from pipeline.gateways.lone_keys import ConsentKeys
from pipeline.gateways.twilio.connection import TwilioConnection
from pipeline.gateways.twilio.frames import TELNYX
from tests.pipeline.gateways.twilio.samples import (
    CONNECTED,
    ROLES,
    START,
    dtmf,
    media,
    started,
    stop,
)

pytestmark = pytest.mark.unit

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(
    frames=st.lists(st.binary(max_size=60) | st.text(max_size=60), max_size=4), begun=st.booleans()
)
def test_any_bytes_are_taken_or_refused(frames: list[bytes | str], *, begun: bool) -> None:
    connection = started() if begun else TwilioConnection(TELNYX, roles=ROLES)
    for frame in frames:
        try:
            connection.feed(frame)
        except GatewayError:
            break


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_field_may_hold_anything(data: st.DataObject) -> None:
    connection = TwilioConnection(roles=ROLES, keys=ConsentKeys(agrees="1", withdraws="9"))
    texts = [CONNECTED, START, media(2, 0), dtmf(3, "1"), stop(4)]
    for text in texts:
        said = json.loads(text)
        place = said
        for _ in range(data.draw(st.integers(0, 2))):
            inner = [value for value in place.values() if isinstance(value, dict)]
            place = data.draw(st.sampled_from(inner)) if inner else place
        if data.draw(st.booleans()):
            name = data.draw(st.sampled_from(sorted(place)))
            place[name] = data.draw(json_values)
        try:
            connection.feed(json.dumps(said))
        except GatewayError:
            break
