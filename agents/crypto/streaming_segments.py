"""Reads any part of a file that Tink's streaming AEAD sealed, without what lies before it.

Tink seals in segments that open alone, and its library for Python only reads them in order. Here a
segment is found by its place and opened with the same algorithm, AES-GCM-HKDF as Tink documents it
(https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming): head (its length, salt,
nonce prefix), then segments of one size, the first shorter by the head. A segment's nonce says its
number and whether it is the last, so none can be moved, left out or cut off unseen.

Outcomes of ``read``: the bytes that were asked for; ``SealError`` at the segment that does not
open, what came before it is genuine; else what the reading of the file raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import tink
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import DecodeError
from tink import proto_keyset_format, secret_key_access
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from pipeline.errors import SealError

Parts = Callable[[int, int], bytes]
"""Reads so many bytes from a place of a file, fewer where it ends."""
_PREFIX: Final = 7
"""Bytes of the nonce that all segments share; 4 of the number and one of the end follow."""
_TAG: Final = 16


class SegmentKey:
    """The key of one call's files.

    Args:
        handle: a keyset of one key, AES-GCM-HKDF with SHA-256.

    Raises:
        SealError: it is another kind of key.
    """

    def __init__(self, handle: tink.KeysetHandle) -> None:
        binary = proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
        try:
            (held,) = tink_pb2.Keyset.FromString(binary).key
            key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey.FromString(held.key_data.value)
        except (DecodeError, ValueError):
            raise SealError("not a key of the vault") from None
        named = held.key_data.type_url.endswith("/google.crypto.tink.AesGcmHkdfStreamingKey")
        if not named or key.params.hkdf_hash_type != common_pb2.SHA256:
            raise SealError("not a key of the vault")
        self._key, self._size = bytes(key.key_value), int(key.params.ciphertext_segment_size)
        self._derived = int(key.params.derived_key_size)
        self._head = 1 + self._derived + _PREFIX

    def read(
        self, parts: Parts, bound: bytes, start: int, stop: int, length: int
    ) -> Iterator[bytes]:
        """Bytes ``[start, stop)`` of what was sealed, a segment at most at a time.

        Args:
            parts: of the sealed file; only its head and the segments needed are read.
            bound: what the seal is bound to.
            start: at least 0.
            stop: more than ``start``, at most ``length``.
            length: of all that was sealed, in bytes.
        """
        head = parts(0, self._head)
        if len(head) != self._head or head[0] != self._head:
            raise _closed()
        salt, prefix = head[1 : 1 + self._derived], head[-_PREFIX:]
        cipher = AESGCM(HKDF(SHA256(), self._derived, salt, bound).derive(self._key))
        last = self._at(max(0, length - 1))
        for number in range(self._at(start), self._at(stop - 1) + 1):
            begin, end = self._first(number), min(self._first(number + 1), length)
            place = number * self._size if number else self._head
            # A byte more than the last may have: what was put behind it is seen.
            more = int(number == last)
            sealed = parts(place, end - begin + _TAG + more)
            if len(sealed) != end - begin + _TAG:
                raise _closed()
            nonce = prefix + number.to_bytes(4, "big") + bytes([more])
            try:
                clear = cipher.decrypt(nonce, sealed, None)
            except InvalidTag:
                raise _closed() from None
            yield clear[max(0, start - begin) : stop - begin]

    def _at(self, place: int) -> int:
        """The segment that a byte is in."""
        within = place - self._first(1)
        return 0 if within < 0 else 1 + within // (self._size - _TAG)

    def _first(self, number: int) -> int:
        """The first byte of a segment."""
        return number * (self._size - _TAG) - (self._head if number else 0)


def _closed() -> SealError:
    return SealError("a file of the vault does not open")
