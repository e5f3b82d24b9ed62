"""Any part of a file that Tink sealed is what Tink itself reads there, and costs only that part."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
import tink
from tink import aead, streaming_aead

from agents.crypto.streaming_segments import SegmentKey
from pipeline.errors import SealError

pytestmark = pytest.mark.unit

SEGMENT, HEAD, TAG = 1 << 20, 40, 16
FIRST, NEXT = SEGMENT - HEAD - TAG, SEGMENT - TAG
BOUND = b"call and name"
streaming_aead.register()
aead.register()


class _Open(io.BytesIO):
    def close(self) -> None:
        """Tink closes what it wrote to."""


def sealed(handle: tink.KeysetHandle, clear: bytes) -> bytes:
    out = _Open()
    primitive = handle.primitive(streaming_aead.StreamingAead)
    with primitive.new_encrypting_stream(out, BOUND) as stream:
        stream.write(clear)
    return out.getvalue()


def new_handle() -> tink.KeysetHandle:
    templates = streaming_aead.streaming_aead_key_templates
    return tink.new_keyset_handle(templates.AES256_GCM_HKDF_1MB)


def parts_of(data: bytes, read: list[int]) -> Callable[[int, int], bytes]:
    def part(place: int, count: int) -> bytes:
        read.append(len(data[place : place + count]))
        return data[place : place + count]

    return part


def clear_of(length: int) -> bytes:
    return bytes(place * 7 % 251 for place in range(997)) * (length // 997 + 1)


@pytest.mark.parametrize(
    "length",
    [1, FIRST - 1, FIRST, FIRST + 1, FIRST + NEXT, FIRST + NEXT + 1, FIRST + 3 * NEXT - 5],
)
def test_every_part_is_the_same_bytes(length: int) -> None:
    handle, clear = new_handle(), clear_of(length)[:length]
    data, key = sealed(handle, clear), SegmentKey(handle)
    edges = [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + NEXT, FIRST + NEXT + 1, length - 1, length]
    inside = sorted({edge for edge in edges if 0 <= edge <= length})
    for start in inside[:-1]:
        for stop in inside:
            if start < stop:
                read = list(key.read(parts_of(data, []), BOUND, start, stop, length))
                assert b"".join(read) == clear[start:stop], (start, stop)


def test_the_end_is_read_without_what_lies_before() -> None:
    handle, length = new_handle(), 20 * SEGMENT
    data, read = sealed(handle, clear_of(length)[:length]), list[int]()
    got = b"".join(
        SegmentKey(handle).read(parts_of(data, read), BOUND, length - 10, length, length)
    )
    assert got == clear_of(length)[length - 10 : length]
    assert sum(read) <= SEGMENT + HEAD


@pytest.mark.parametrize("place", [0, 5, 39, 40, SEGMENT - 1, SEGMENT, 2 * SEGMENT + 3, -1])
def test_a_changed_byte_is_seen_where_it_is_read(place: int) -> None:
    handle, length = new_handle(), 3 * SEGMENT
    data = bytearray(sealed(handle, clear_of(length)[:length]))
    data[place] ^= 1
    with pytest.raises(SealError):
        list(SegmentKey(handle).read(parts_of(bytes(data), []), BOUND, 0, length, length))


def test_moved_cut_and_lengthened_files_and_other_keys_do_not_open() -> None:
    handle, length = new_handle(), 3 * SEGMENT
    data = sealed(handle, clear_of(length)[:length])
    swapped = data[:SEGMENT] + data[2 * SEGMENT : 3 * SEGMENT] + data[SEGMENT : 2 * SEGMENT]
    wrong = [
        (swapped + data[3 * SEGMENT :], BOUND, length, handle),
        (data, b"another name", length, handle),
        (data, BOUND, length, new_handle()),
        (data + b"x", BOUND, length, handle),
        (data[:-1], BOUND, length, handle),
        # Cut at the end of a segment, with a length that fits: that one was not the last.
        (data[: 2 * SEGMENT], BOUND, FIRST + NEXT, handle),
        (b"", BOUND, length, handle),
    ]
    for bytes_, bound, states, by in wrong:
        with pytest.raises(SealError):
            list(SegmentKey(by).read(parts_of(bytes_, []), bound, 0, states, states))


def test_other_keys_are_none_of_the_vault() -> None:
    with pytest.raises(SealError):
        SegmentKey(tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM))
