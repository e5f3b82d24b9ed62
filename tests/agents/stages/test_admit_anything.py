"""Whatever comes in by the door goes on, is dropped or is a dead letter."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.gateways.door.model import DoorChunk, DoorEnd, DoorRecord
from pipeline.gateways.door.wire import Message, encode
from tests.agents.stages.admitting import (
    TOPICS,
    Rig,
    carried_out,
    delivery,
    header,
    made,
    silence,
)

pytestmark = pytest.mark.unit

RIGS: dict[str, Rig] = {}


@pytest.fixture
def one_rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    if "rig" not in RIGS:
        RIGS["rig"] = made(tmp_path_factory.mktemp("admit"))
    return RIGS["rig"]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_record_goes_on_is_dropped_or_is_dead(data: st.DataObject, one_rig: Rig) -> None:
    rig = one_rig
    about = header(data.draw(st.sampled_from([b"a", b"b", b"c"])))
    records: list[DoorRecord] = [DoorChunk(about, 0, 0, silence(about)), DoorEnd(about, 1, 80)]
    record = data.draw(st.sampled_from(records))
    key = data.draw(st.sampled_from([rig.key(about), None]))
    message = encode(record, TOPICS.audio_in, key)
    headers = dict(message.headers)
    for name in data.draw(st.lists(st.sampled_from(sorted(headers)), max_size=3)):
        headers[name] = data.draw(st.none() | st.binary(max_size=40) | st.just(b"opus"))
    value = data.draw(st.just(message.value) | st.binary(max_size=100) | st.none())
    bad_key = data.draw(st.just(message.key) | st.binary(max_size=8) | st.none())
    clear = data.draw(st.booleans())
    rig.policy = rig.policy.model_copy(update={"clear_transit": clear})
    core = rig.core()
    for _ in range(2):
        done = carried_out(core.take(delivery(Message(bad_key, headers, value))))
        assert sum(map(bool, (done.send, done.dead, done.dropped))) == 1
        assert bool(done.refused) <= bool(done.dead)
        assert bool(done.send) == (done.seal is not None)
