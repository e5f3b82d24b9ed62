"""What a signature covers: the same bytes on every machine, made with any JSON library.

A signed document is a JSON object with a member ``signature`` of ``algorithm``, ``key_id`` and
``value``. Signed is the document without ``signature.value``, in the canonical form of RFC 8785:
UTF-8, members sorted, no white space, whole numbers without a point.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from pipeline.errors import RecordError

ALGORITHM: Final = "Ed25519"
"""RFC 8032, without a context; the same key and document always give the same signature."""


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Signature:
    """Who vouches for a document: an Ed25519 signature over its canonical JSON.

    Signed are the document's own members and ``algorithm`` and ``key_id``: everything but
    ``value``, in the canonical form of RFC 8785 (members sorted, no white space, UTF-8).
    """

    algorithm: Literal["Ed25519"]
    key_id: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """sha256 of the public key's DER form (SubjectPublicKeyInfo)."""
    value: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$")]
    """The 64 bytes of the signature in base64."""


_AS_IT_IS: Final = frozenset({str, int, bool, type(None)})
_SIGNATURE: Final = TypeAdapter(Signature)


def canonical_json(document: Mapping[str, Any]) -> bytes:
    """A JSON object as the bytes that are hashed or signed: see the module's text.

    Raises:
        ValueError: a number that JSON libraries write in different ways: not finite, or with an
            exponent. Ours have few digits.
    """
    return json.dumps(plain(document), ensure_ascii=False, separators=(",", ":")).encode()


def _utf_16(name: str) -> bytes:
    return name.encode("utf-16-be")


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """JSON with its members in the order of RFC 8785 and its numbers in the form of RFC 8785.

    Raises:
        ValueError: see ``canonical_json``.
    """
    if type(value) in _AS_IT_IS:  # nearly everything in an audit log: at once
        return value
    match value:
        case Mapping():
            ascii_alone = "".join(value).isascii()  # then all orders are the same
            names = sorted(value, key=None if ascii_alone else _utf_16)
            return {name: plain(value[name]) for name in names}
        case list() | tuple():
            return [plain(one) for one in value]
        case float() if value.is_integer() and abs(value) < 1 << 53:
            return int(value)
        case float() if not math.isfinite(value) or "e" in repr(value):
            raise ValueError("a number without a canonical form")
        case _:
            return value


def read_document(data: bytes) -> dict[str, Any]:
    """Parse a JSON object, strictly: a member that stands twice could be read in two ways.

    Raises:
        RecordError: no JSON object, or a member stands twice.
    """
    try:
        document = json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise RecordError("not a JSON object without repeated members") from None
    if not isinstance(document, dict):
        raise RecordError("not a JSON object")
    return document


def signature_of(document: Mapping[str, Any]) -> Signature | None:
    """The signature that stands in a document; None for an unsigned one.

    Raises:
        RecordError: what stands there is no signature of ours.
    """
    found = document.get("signature")
    if found is None:
        return None
    try:
        return _SIGNATURE.validate_python(found)
    except ValidationError:
        raise RecordError("signature: not an Ed25519 signature in base64 with a key id") from None


def signing_payload(document: Mapping[str, Any]) -> bytes:
    """The bytes that a document's signature covers.

    Raises:
        RecordError: the document is not signed.
    """
    signature = document.get("signature")
    if not isinstance(signature, Mapping):
        raise RecordError("the document is not signed")
    named = {name: value for name, value in signature.items() if name != "value"}
    return canonical_json({**document, "signature": named})


def sign_document(
    document: Mapping[str, Any], key_id: str, sign: Callable[[bytes], str]
) -> Signature:
    """The signature of a document, which may be unsigned or signed before.

    Args:
        document: a JSON object.
        key_id: of the key that signs.
        sign: the base64 signature of bytes.
    """
    named = {**document, "signature": {"algorithm": ALGORITHM, "key_id": key_id}}
    return Signature(ALGORITHM, key_id, sign(signing_payload(named)))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def finite(value: object) -> object:
    """A value without NaN and infinities, which JSON has no name for: they become None."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {name: finite(one) for name, one in value.items()}
        case list() | tuple():
            return [finite(one) for one in value]
        case _:
            return value
