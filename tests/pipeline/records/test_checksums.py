from __future__ import annotations

import pytest

from pipeline.records.checksums import aba, card_brand, iban, luhn, npi, ssn_shape, vin

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("digits", "holds"),
    [
        ("79927398713", True),
        ("79927398710", False),
        ("4111111111111111", True),
        ("4111111111111112", False),
        ("378282246310005", True),
        ("0", False),
        ("", False),
        ("4111 1111", False),
        ("٤١١١", False),
    ],
)
def test_luhn(digits: str, *, holds: bool) -> None:
    assert luhn(digits) is holds


@pytest.mark.parametrize(
    ("digits", "brand"),
    [
        ("4111111111111111", "visa"),
        ("4222222222222", "visa"),
        ("378282246310005", "amex"),
        ("5555555555554444", "mastercard"),
        ("2221000000000009", "mastercard"),
        ("2720990000000007", "mastercard"),
        ("6011111111111117", "discover"),
        ("3530111333300000", "jcb"),
        ("30569309025904", "diners"),
        ("6212345678901265", "unionpay"),
        ("6759649826438453", "maestro"),
        ("9111111111111111", None),
        ("41111111", None),
        ("", None),
    ],
)
def test_card_brand(digits: str, brand: str | None) -> None:
    assert card_brand(digits) == brand


@pytest.mark.parametrize(
    ("digits", "holds"),
    [
        ("021000021", True),
        ("111000025", True),
        ("021000022", False),
        ("000000000", False),
        ("02100002", False),
    ],
)
def test_aba(digits: str, *, holds: bool) -> None:
    assert aba(digits) is holds


@pytest.mark.parametrize(
    ("characters", "holds"),
    [
        ("GB82 WEST 1234 5698 7654 32", True),
        ("de89370400440532013000", True),
        ("GB83WEST12345698765432", False),
        ("GB82", False),
    ],
)
def test_iban(characters: str, *, holds: bool) -> None:
    assert iban(characters) is holds


@pytest.mark.parametrize(
    ("characters", "holds"),
    [
        ("1M8GDM9AXKP042788", True),
        ("11111111111111111", True),
        ("1M8GDM9A1KP042788", False),
        ("1M8GDM9AXKP04278", False),
        ("1M8GDM9AXKP04278O", False),
    ],
)
def test_vin(characters: str, *, holds: bool) -> None:
    assert vin(characters) is holds


def test_npi() -> None:
    assert npi("1234567893")
    assert not npi("1234567890")
    assert not npi("3234567893")


@pytest.mark.parametrize(
    ("digits", "possible"),
    [
        ("219099999", True),
        ("000123456", False),
        ("666123456", False),
        ("900123456", False),
        ("123004567", False),
        ("123450000", False),
        ("12345678", False),
    ],
)
def test_ssn_shape(digits: str, *, possible: bool) -> None:
    assert ssn_shape(digits) is possible
