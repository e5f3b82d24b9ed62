from __future__ import annotations

from collections.abc import Callable

import pytest

from models.recognizers.age import SpokenAgeRecognizer
from models.recognizers.base import SpokenRecognizer
from models.recognizers.device import DeviceRecognizer
from models.recognizers.secret import SecretRecognizer
from models.recognizers.vehicle import VehicleRecognizer
from models.recognizers.web import SpokenWebRecognizer

pytestmark = pytest.mark.models

Find = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("recognizer", "text", "value"),
    [
        (VehicleRecognizer, "the VIN is one H G C M eight two six", "one H G C M eight two six"),
        (VehicleRecognizer, "license plate is 7 A B C 1 2 3", "7 A B C 1 2 3"),
        (
            DeviceRecognizer,
            "the serial number is S N four four two one nine",
            "S N four four two one nine",
        ),
        (SecretRecognizer, "my password is purple monkey dishwasher", "purple monkey dishwasher"),
        (SecretRecognizer, "my mother's maiden name is Kowalski", "Kowalski"),
        (SpokenAgeRecognizer, "she is ninety four", "ninety four"),
        (SpokenAgeRecognizer, "he's 97 years old", "97"),
        (
            SpokenWebRecognizer,
            "go to www dot laura barrera dot com",
            "www dot laura barrera dot com",
        ),
        (
            SpokenWebRecognizer,
            "one ninety two dot one sixty eight dot zero dot twelve",
            "one ninety two dot one sixty eight dot zero dot twelve",
        ),
        (SpokenWebRecognizer, "ping 192.168.0.12 for me", "192.168.0.12"),
    ],
)
def test_finds_codes(find: Find, recognizer: type[SpokenRecognizer], text: str, value: str) -> None:
    assert value in find(recognizer(), text)


@pytest.mark.parametrize(
    ("recognizer", "text", "asked"),
    [
        (VehicleRecognizer, "A B C 1 2 3 4", "LICENSE_PLATE"),
        (SecretRecognizer, "bluebird seven", "PASSWORD"),
        (SpokenAgeRecognizer, "ninety one", "AGE_OVER_89"),
    ],
)
def test_believes_answers(
    find: Find, recognizer: type[SpokenRecognizer], text: str, asked: str
) -> None:
    assert text in find(recognizer(), text, asked=asked)


@pytest.mark.parametrize(
    ("recognizer", "text"),
    [
        (VehicleRecognizer, "the tag says it is new"),
        (DeviceRecognizer, "where do I find the serial number"),
        (SecretRecognizer, "I forgot my password"),
        (SpokenAgeRecognizer, "it is ninety dollars"),
        (SpokenAgeRecognizer, "I am forty two"),
        (SpokenWebRecognizer, "version eleven point eight point twenty six"),
    ],
)
def test_leaves_other_talk_alone(find: Find, recognizer: type[SpokenRecognizer], text: str) -> None:
    assert find(recognizer(), text) == []
