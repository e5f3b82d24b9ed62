"""To whom webhooks go: no name and no form of an address leads inside."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from agents.upkeep.news.addresses import AddressError, GuardedResolver, Target
from pipeline.errors import SettingsError

pytestmark = pytest.mark.unit

PUBLIC = Target.of("https://hooks.example.com/calls?x=1")
LOCAL = Target.of("http://127.0.0.1:8080/")
INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "nonsense",
    "",
]


class Answers(AbstractResolver):
    """A name server whose answers change from look to look."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0)
            for one in self._answers.pop(0)
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("address", INSIDE)
def test_what_lies_inside_is_not_spoken_to(address: str) -> None:
    assert not PUBLIC.permits(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_what_is_public_is(address: str) -> None:
    assert PUBLIC.permits(address)


@given(st.ip_addresses())
def test_a_named_network_opens_itself_and_nothing_else(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    target = Target.of("https://hooks.example.com/", "10.1.0.0/16, fd00:1::/32")
    inside = any(address in one for one in target.networks)
    assert target.permits(str(address)) is (inside or PUBLIC.permits(str(address)))


def test_the_loopback_only_where_the_url_names_it() -> None:
    assert LOCAL.permits("127.0.0.1")
    assert Target.of("https://localhost/").permits("::1")
    assert not LOCAL.permits("10.0.0.1")
    assert not Target.of("https://localhost.example.com/").permits("127.0.0.1")


async def test_a_name_that_moves_inside_is_caught_when_it_is_connected_to() -> None:
    resolver = GuardedResolver(PUBLIC, Answers(["8.8.8.8"], ["127.0.0.1"], ["10.0.0.1", "8.8.4.4"]))
    assert [one["host"] for one in await resolver.resolve("h", 443)] == ["8.8.8.8"]
    with pytest.raises(AddressError):
        await resolver.resolve("h", 443)
    assert [one["host"] for one in await resolver.resolve("h", 443)] == ["8.8.4.4"]


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1", "0177.0.0.1"])
async def test_an_address_in_an_odd_form_is_judged_as_what_it_means(host: str) -> None:
    target = Target.of(f"https://{host}/")
    assert target.literal is None
    with pytest.raises(OSError, match=r".*"):
        await GuardedResolver(target).resolve(host, 443)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://hooks.example.com/", "http is for the loopback"),
        ("http://10.0.0.1/", "http is for the loopback"),
        ("http://127.0.0.1.example.com/", "http is for the loopback"),
        ("ftp://example.com/", "https URL"),
        ("example.com", "https URL"),
        ("https://", "https URL"),
        ("https://example.com:0/", "https URL"),
        ("https://example.com:port/", "https URL"),
        ("https://[::1/", "https URL"),
        ("https://user:change-me@example.com/", "signature"),
        ("https://example.com/#geheim", "signature"),
        ("https://example.com/ge heim", "character"),
        ("https://example.com\\@geheim/", "signature"),
        ("https://example.com/" + "x" * 3_000, "too long"),
    ],
)
def test_a_url_that_is_none_is_refused_and_not_quoted(url: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as error:
        Target.of(url)
    assert not [word for word in ("geheim", "change-me") if word in str(error.value)]


def test_networks_that_are_none_are_refused() -> None:
    with pytest.raises(SettingsError, match="webhook_networks"):
        Target.of("https://example.com/", "10.0.0.1/8")
