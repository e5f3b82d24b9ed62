"""One webhook over HTTP, against a real receiver on the loopback."""

from __future__ import annotations

import asyncio
import ssl
import tracemalloc
from pathlib import Path

import pytest

from agents.app.checks.surroundings import ending_certificates
from agents.app.operations.findings import Grade
from agents.settings.model import Settings
from agents.upkeep.news.addresses import GuardedResolver, Target
from agents.upkeep.news.posting import NotTakenError, Poster
from pipeline.errors import SettingsError
from tests.agents.app.operations.test_expiry import pem
from tests.agents.upkeep.news.receiver import receiving
from tests.agents.upkeep.news.test_addresses import Answers
from tests.certificates import Authority
from tests.ports import free_port

HEADERS = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}


async def problem(poster: Poster, body: bytes = b"{}") -> str:
    """Why it was not taken; empty where it was."""
    try:
        await poster.post(HEADERS, body)
    except NotTakenError as error:
        return error.problem
    finally:
        await poster.close()
    return ""


async def test_it_comes_as_it_is_with_its_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with receiving() as receiver:
        body = '{"type":"call.stored","ä":1}'.encode()
        assert await problem(Poster(Target.of(receiver.url), timeout_s=5), body) == ""
        ((headers, came),) = receiver.came
    assert came == body
    assert headers["Content-Type"] == "application/json"
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "Cookie" not in headers


@pytest.mark.parametrize("status", [201, 204, 299])
async def test_every_2xx_is_a_yes(status: int) -> None:
    async with receiving() as receiver:
        receiver.answers = [status]
        assert await problem(Poster(Target.of(receiver.url), timeout_s=5)) == ""


@pytest.mark.parametrize("status", [301, 307, 308, 400, 401, 404, 410, 429, 500, 503])
async def test_everything_else_is_a_no_and_no_redirect_is_followed(status: int) -> None:
    async with receiving() as receiver:
        receiver.answers = [status]
        receiver.headers = {"location": f"{receiver.url}/elsewhere", "retry-after": "120"}
        poster = Poster(Target.of(receiver.url), timeout_s=5)
        with pytest.raises(NotTakenError) as error:
            await poster.post(HEADERS, b"{}")
        await poster.close()
        assert (error.value.problem, error.value.retry_s) == (f"http_{status}", 120)
        assert receiver.paths == ["/calls"]


@pytest.mark.parametrize("retry", ["-1", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 30, "١٢", ""])
async def test_an_odd_retry_after_is_none(retry: str) -> None:
    async with receiving() as receiver:
        receiver.answers, receiver.headers = [503], {"retry-after": retry}
        poster = Poster(Target.of(receiver.url), timeout_s=5)
        with pytest.raises(NotTakenError) as error:
            await poster.post(HEADERS, b"{}")
        await poster.close()
        assert error.value.retry_s == 0


async def test_an_answer_without_end_is_not_read() -> None:
    async with receiving() as receiver:
        receiver.stream = True
        tracemalloc.start()
        assert await problem(Poster(Target.of(receiver.url), timeout_s=5)) == ""
        await asyncio.sleep(0.2)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert receiver.sent < 16 * 1024 * 1024  # what fits into the sockets, and then it is over
        assert peak < 8 * 1024 * 1024


async def test_a_compressed_answer_is_not_unpacked() -> None:
    async with receiving() as receiver:
        receiver.headers, receiver.body = {"content-encoding": "gzip"}, b"no gzip at all"
        assert await problem(Poster(Target.of(receiver.url), timeout_s=5)) == ""


async def test_one_that_does_not_answer_is_given_its_time_and_no_more() -> None:
    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    began = asyncio.get_running_loop().time()
    poster = Poster(Target.of(f"http://127.0.0.1:{port}/"), timeout_s=0.3)
    assert await problem(poster) == "timeout"
    assert asyncio.get_running_loop().time() - began < 3
    server.close()


async def test_one_that_drips_its_headers_is_cut_too() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(200):
            writer.write(b"x: y\r\n")
            await asyncio.sleep(0.05)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    poster = Poster(Target.of(f"http://127.0.0.1:{port}/"), timeout_s=0.5)
    assert await problem(poster) == "timeout"
    server.close()


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 99_999]
)
async def test_what_is_no_answer_is_a_no(answer: bytes) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    poster = Poster(Target.of(f"http://127.0.0.1:{port}/"), timeout_s=5)
    assert await problem(poster) == "connection"
    server.close()


async def test_nobody_there() -> None:
    poster = Poster(Target.of(f"http://127.0.0.1:{free_port()}/"), timeout_s=5)
    assert await problem(poster) == "connection"


async def test_a_certificate_of_a_stranger_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    async with receiving(context) as receiver:
        target = Target.of(receiver.url)
        assert await problem(Poster(target, timeout_s=5)) == "certificate"
        assert receiver.came == []
        assert await problem(Poster(target, timeout_s=5, ca=authority.ca)) == ""
    with pytest.raises(SettingsError, match="webhook_ca"):
        Poster(target, timeout_s=5, ca=tmp_path / "nothing.pem")


async def test_authorities_that_ended_let_a_worker_start_and_no_receiver_in(
    tmp_path: Path,
) -> None:
    """Calls would wait for it otherwise; ``doctor`` tells of it."""
    authority = Authority(tmp_path)
    pair, ended = authority.issue("server"), pem(tmp_path / "ended.pem", -1)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    async with receiving(context) as receiver:
        target = Target.of(receiver.url)
        assert await problem(Poster(target, timeout_s=5, ca=ended)) == "certificate"
        assert receiver.came == []
    told = [one.grade for one in ending_certificates(Settings(webhook_ca=ended))]
    assert told == [Grade.WEAK]


async def test_a_name_that_leads_inside_reaches_nobody() -> None:
    async with receiving() as receiver:
        port = receiver.url.rsplit(":", 1)[1].split("/")[0]
        target = Target.of(f"https://hooks.example.com:{port}/")
        inside = GuardedResolver(target, Answers(["127.0.0.1"]))
        assert await problem(Poster(target, timeout_s=5, resolver=inside)) == "address"
        literal = Target.of("https://169.254.169.254/latest/meta-data/")
        assert await problem(Poster(literal, timeout_s=5)) == "address"
        assert receiver.came == []
