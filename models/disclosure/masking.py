"""Masks and keyed hashes of values, made by presidio-anonymizer's operators.

Outcome of ``Anonymiser.shown``: the text that stands for a value. The value itself is in no
exception and no log.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final

from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import OperatorConfig, RecognizerResult
from presidio_anonymizer.operators import Operator, OperatorType

from pipeline.errors import ModelError
from pipeline.policy.disclosure import BIN_DIGITS, LAST_DIGITS, Show
from pipeline.records.pseudonyms import LEAST_KEY

_TOKEN_CHARACTERS: Final = 16
"""64 bits of the hash: two of a million values fall together once in 37 million installations."""
_MASK: Final = "*"


class KeyedHash(Operator):
    """HMAC-SHA256 of type and value: without the key nobody can try out values.

    Presidio's own ``hash`` appends a salt, which is no keyed construction, and a card number has
    so few possible values that whoever knows the salt finds it.
    """

    NAME = "keyed_hash"

    def operate(self, text: str = "", params: dict[str, Any] | None = None) -> str:
        """The token of a value."""
        given = params or {}
        message = f"{given['entity_type']}\0{text}".encode()
        digest = hmac.new(given["key"], message, hashlib.sha256).hexdigest()
        return f"#{digest[:_TOKEN_CHARACTERS]}"

    def validate(self, params: dict[str, Any] | None = None) -> None:
        """Refuse a key that is too short.

        Raises:
            ModelError: there is no key, or it has fewer than 32 bytes.
        """
        if len((params or {}).get("key", b"")) < LEAST_KEY:
            raise ModelError(f"tokens need a secret key of at least {LEAST_KEY} bytes")

    def operator_name(self) -> str:
        """The name by which a configuration asks for it."""
        return self.NAME

    def operator_type(self) -> OperatorType:
        """It anonymises; there is no way back."""
        return OperatorType.Anonymize


class Anonymiser:
    """Turns values into what may be shown of them.

    Args:
        key: secret of the installation for tokens; ``None`` where no policy asks for them.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key
        self._engine = AnonymizerEngine()  # type: ignore[no-untyped-call]  # the library is untyped
        self._engine.add_anonymizer(KeyedHash)

    def __repr__(self) -> str:
        """Without the key."""
        return "Anonymiser()"

    def shown(self, entity: str, value: str, show: Show) -> str:
        """What stands for a value; empty for a placeholder.

        Raises:
            ModelError: a token was asked for without a key, or the operator failed.
        """
        length = len(value)
        match show:
            case Show.PLACEHOLDER:
                return ""
            case Show.TOKEN:
                operator = OperatorConfig(KeyedHash.NAME, {"key": self._key or b""})
                return self._operate(entity, value, 0, length, operator)
            case Show.MASK:
                first, last = 0, length
            case Show.LAST_FOUR:
                first, last = 0, length - LAST_DIGITS
            case Show.BIN:
                first, last = BIN_DIGITS, length
            case Show.BIN_LAST_FOUR:
                first, last = BIN_DIGITS, length - LAST_DIGITS
        if first >= last:
            return ""
        masked = {"masking_char": _MASK, "chars_to_mask": last - first, "from_end": False}
        return self._operate(entity, value, first, last, OperatorConfig("mask", masked))

    def _operate(
        self, entity: str, value: str, first: int, last: int, operator: OperatorConfig
    ) -> str:
        found = RecognizerResult(entity, first, last, 1.0)
        try:
            result = self._engine.anonymize(value, [found], operators={entity: operator})
        except ModelError:
            raise  # ours, about the key
        except Exception as error:  # noqa: BLE001 - whatever it says may quote the value
            raise ModelError(f"a value could not be masked ({type(error).__name__})") from None
        return str(result.text)
