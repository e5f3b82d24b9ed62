from __future__ import annotations

import pytest

from models.openly import VERSION, is_public, version_asked
from models.spoken import turn_of
from pipeline.entities import Entity

pytestmark = pytest.mark.models


def public(text: str, value: str, entity: str, asked: str = "") -> bool:
    turn = turn_of(text, expects=((asked, 0),) if asked else ())
    start = text.index(value)
    return is_public(turn, entity, start, start + len(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("you can email us at support at brightco dot com", "support at brightco dot com"),
        ("It's bookings@hendersons.example.co.uk", "bookings@hendersons.example.co.uk"),
        ("it's members at puremotion dot co dot uk", "members at puremotion dot co dot uk"),
    ],
)
def test_a_mailbox_of_a_company_is_public(text: str, value: str) -> None:
    assert public(text, value, Entity.EMAIL_ADDRESS)


@pytest.mark.parametrize(
    ("text", "value", "asked"),
    [
        ("my email is info at thornbury dot com", "info at thornbury dot com", ""),
        ("I have info at thornbury dot com on file", "info at thornbury dot com", ""),
        ("info at thornbury dot com", "info at thornbury dot com", "EMAIL_ADDRESS"),
        ("it's sales at gmail dot com", "sales at gmail dot com", ""),
        ("it's p dot sales at thornbury dot com", "p dot sales at thornbury dot com", ""),
    ],
)
def test_a_mailbox_of_somebody_is_not(text: str, value: str, asked: str) -> None:
    assert not public(text, value, Entity.EMAIL_ADDRESS, asked)


def test_a_web_site_of_a_company_is_public_and_a_page_on_it_is_not() -> None:
    assert public("our website is www.brightco.com", "www.brightco.com", Entity.URL)
    assert not public("our website is www.brightco.com", "www.brightco.com", Entity.URL, "URL")
    assert not public("my website is www.rowan.com", "www.rowan.com", Entity.URL)
    text = "see our site brightco dot com slash rowan"
    assert not public(text, "brightco dot com slash rowan", Entity.URL)


def test_a_version_is_no_network_address() -> None:
    assert public("the current version is 3.2.0.14", "3.2.0.14", Entity.IP_ADDRESS)
    assert public("It says 3.2.0.14", "3.2.0.14", Entity.IP_ADDRESS, VERSION)
    assert not public("It says 3.2.0.14", "3.2.0.14", Entity.IP_ADDRESS)
    assert not public("the router's address is 10.2.0.14", "10.2.0.14", Entity.IP_ADDRESS, VERSION)


def test_digits_written_with_points_are_a_network_address_only_where_one_is_spoken_of() -> None:
    assert public("Dayton Ohio 1.1.8.0", "1.1.8.0", Entity.IP_ADDRESS)
    assert not public("the IP is 1.1.8.0", "1.1.8.0", Entity.IP_ADDRESS)
    assert not public("1.1.8.0", "1.1.8.0", Entity.IP_ADDRESS, "IP_ADDRESS")
    assert not public("it answers at 10.1.8.0", "10.1.8.0", Entity.IP_ADDRESS)


def test_where_a_version_is_asked_for_its_answer_may_begin_behind_the_word() -> None:
    assert version_asked(turn_of("which firmware is it on?")) == 2
    assert version_asked(turn_of("which router is it?")) is None


def test_other_entities_are_never_public() -> None:
    assert not public("our office is 12 Vine Street", "12 Vine Street", Entity.STREET_ADDRESS)
