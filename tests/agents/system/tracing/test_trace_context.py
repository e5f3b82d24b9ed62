"""Ids of a call's trace follow from the call; a header of anybody else says nothing."""

from __future__ import annotations

import pytest

from agents.system.tracing.trace_context import (
    HEADER,
    STAGES,
    Context,
    context_of,
    is_of,
    parent_of,
    read,
    span_of,
    trace_of,
    written,
)

pytestmark = pytest.mark.unit

T, S = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{T}-{S}-01"


def test_what_is_written_is_read() -> None:
    for sampled in (True, False):
        one = context_of("call-1", "admit", sampled=sampled)
        assert read({HEADER: written(one)}) == one
        assert len(written(one)) == 55


def test_ids_are_a_call_s_own_and_the_same_in_every_process() -> None:
    calls = [f"call-{number}" for number in range(100)]
    assert len({trace_of(one) for one in calls}) == 100
    assert len({span_of(one, stage) for one in calls for stage in STAGES}) == 600
    # Of another process, and of the next version: whoever takes a call up goes on in its trace.
    assert f"{trace_of('call-1'):032x}" == "82eb68cdd2e71881059c818c0607d89f"
    assert f"{span_of('call-1', 'mute'):016x}" == "2a301d0067a951e5"


@pytest.mark.parametrize(
    "told",
    [
        GOOD,
        f"00-{T}-{S}-03",
        f"cc-{T}-{S}-01",
        f"cc-{T}-{S}-01-what the future brings",
    ],
)
def test_what_is_well_formed_is_read(told: str) -> None:
    assert read({HEADER: told.encode()}) == Context(int(T, 16), int(S, 16), sampled=True)


@pytest.mark.parametrize(
    "told",
    [
        "",
        "00",
        GOOD.upper(),
        f" {GOOD}",
        f"{GOOD} ",
        f"{GOOD}\n",
        f"{GOOD}-more",
        f"{GOOD}00",
        f"ff-{T}-{S}-01",
        f"00-{'0' * 32}-{S}-01",
        f"00-{T}-{'0' * 16}-01",
        f"00-{T[1:]}-{S}-01",
        f"00-{T}-{S}-0g",
        f"00-{T}-{S}",
        f"cc-{T}-{S}-01-{'x' * 600}",
        "\u0660\u0660" + GOOD[2:],
        "\x00" * 55,
    ],
)
def test_what_is_not_is_ignored(told: str) -> None:
    assert read({HEADER: told.encode()}) is None


def test_nothing_is_read_where_nothing_is_said() -> None:
    assert read({}) is None
    assert read({HEADER: None}) is None


def test_the_parent_is_who_had_the_call_last_in_whatever_order_records_come() -> None:
    admit, detect = (context_of("c", one, sampled=True) for one in ("admit", "detect"))
    for came in ([admit, detect], [detect, admit]):
        assert parent_of("c", "mute", came) == detect
    assert parent_of("c", "mute", [admit]) == admit
    assert parent_of("c", "mute", []) is None
    gateway = context_of("c", "gateway", sampled=False)
    assert parent_of("c", "admit", [gateway]) == gateway


def test_no_header_puts_a_stage_below_itself_a_later_one_or_another_call_s() -> None:
    forged = [
        context_of("c", "mute", sampled=True),
        context_of("c", "vault", sampled=True),
        context_of("other", "detect", sampled=True),
        Context(trace_of("c"), 4711, sampled=True),
        Context(4711, span_of("c", "detect"), sampled=True),
    ]
    assert parent_of("c", "mute", forged) is None
    assert [is_of(one, "c") for one in forged] == [True, True, False, True, False]
