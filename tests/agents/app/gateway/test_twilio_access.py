"""Who may stream: signatures, tokens, files of secrets."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from multidict import CIMultiDict

from agents.app.gateway import twilio_access
from agents.app.gateway.twilio_access import (
    AGE_S,
    StreamAccess,
    call_token,
    read_secrets,
    secrets_of,
    twilio_signature,
)
from pipeline.errors import SettingsError
from pipeline.gateways.events import GatewayError, Reason

pytestmark = pytest.mark.unit

NOW = 1_750_000_000.0
AUTH = "5e1bd5c0ffee5e1bd5c0ffee5e1bd5c0"  # pragma: allowlist secret
OTHER = "0ddba11c0ffee0ddba11c0ffee0ddba1"  # pragma: allowlist secret
TOKEN = "a-token-of-this-test"  # noqa: S105  # pragma: allowlist secret
URL = "wss://calls.example.com"
TARGET = "/twilio"
PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = base64.b64encode(PRIVATE.public_key().public_bytes_raw()).decode()


def access(*lines: str, url: str = URL, now: list[float] | None = None) -> StreamAccess:
    clock = now or [NOW]
    return StreamAccess(read_secrets("\n".join(lines)), url=url, clock=lambda: clock[0])


def signed(address: str = f"{URL}{TARGET}", token: str = AUTH) -> CIMultiDict[str]:
    return CIMultiDict({"x-twilio-signature": twilio_signature(address, token.encode())})


def telnyx(time: float = NOW, key: Ed25519PrivateKey = PRIVATE) -> CIMultiDict[str]:
    made = base64.b64encode(key.sign(f"{int(time)}|".encode())).decode()
    return CIMultiDict({"telnyx-signature-ed25519": made, "telnyx-timestamp": str(int(time))})


def reason(decides: StreamAccess, headers: CIMultiDict[str]) -> Reason:
    with pytest.raises(GatewayError) as caught:
        decides.handshake("elsewhere", TARGET, headers)
    return caught.value.reason


def test_the_vendors_own_example_of_a_signature() -> None:
    # Of a request with a body, whose fields are appended to the address.
    signed_text = (
        "https://mycompany.com/myapp.php?foo=1&bar=2CallSidCA1234567890ABCDECaller+14158675309"
        "Digits1234From+14158675309To+18005551212"
    )
    assert twilio_signature(signed_text, b"12345") == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize(
    "address",
    [
        f"{URL}{TARGET}",
        f"{URL}{TARGET}/",
        f"https://calls.example.com{TARGET}",
        f"https://calls.example.com{TARGET}/",
    ],
)
def test_a_signature_of_the_address_is_enough(address: str) -> None:
    assert access(f"auth-token {AUTH}").handshake("elsewhere", TARGET, signed(address)) is None


def test_without_an_address_the_one_that_is_asked_for_counts() -> None:
    decides = access(f"auth-token {AUTH}", url="")
    headers = signed("wss://gw.example:9000/twilio")
    assert decides.handshake("gw.example:9000", TARGET, headers) is None
    assert reason(decides, headers) is Reason.UNAUTHORISED


@pytest.mark.parametrize("scheme", ["ws", "http", "wss", "https"])
def test_in_clear_on_the_loopback_its_scheme_is_signed_too(scheme: str) -> None:
    headers, host = signed(f"{scheme}://127.0.0.1:8450/twilio"), "127.0.0.1:8450"
    secrets = read_secrets(f"auth-token {AUTH}")
    by_url = StreamAccess(secrets, url=f"http://{host}", clock=lambda: NOW)
    by_listener = StreamAccess(secrets, url="", clock=lambda: NOW, clear=True)
    for decides in (by_url, by_listener):
        assert decides.handshake(host, TARGET, headers) is None


@pytest.mark.parametrize(("url", "clear"), [("", False), (URL, False), (URL, True)])
def test_otherwise_nothing_in_clear_is(url: str, clear: bool) -> None:  # noqa: FBT001
    decides = StreamAccess(
        read_secrets(f"auth-token {AUTH}"), url=url, clock=lambda: NOW, clear=clear
    )
    with pytest.raises(GatewayError):
        decides.handshake("calls.example.com", TARGET, signed(f"ws://calls.example.com{TARGET}"))


def test_what_was_expected_to_be_signed_is_told_and_nothing_of_the_peers() -> None:
    for url, told in (("https://example.com:443/hush/", "wss://example.com/hush or"), ("", "host")):
        with pytest.raises(GatewayError) as caught:
            access(f"auth-token {AUTH}", url=url).handshake(
                "peer.example", "/twilio?peer=said", signed(token=OTHER)
            )
        assert told in caught.value.why
        assert "wss://" in caught.value.why
        assert "peer" not in caught.value.why
        assert AUTH not in caught.value.why


def test_behind_a_proxy_the_path_may_be_longer() -> None:
    decides = access(f"auth-token {AUTH}", url="https://example.com/hush/")
    headers = signed("wss://example.com/hush/twilio")
    assert decides.handshake("127.0.0.1:8450", TARGET, headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        CIMultiDict(),
        CIMultiDict({"x-twilio-signature": ""}),
        CIMultiDict({"x-twilio-signature": "\udce4" * 8}),
        signed(token=OTHER),
        signed("wss://calls.example.com/other"),
        signed("wss://evil.example/twilio"),
        telnyx(),
        CIMultiDict({"Authorization": f"Bearer {AUTH}"}),
    ],
)
def test_nothing_else_is(headers: CIMultiDict[str]) -> None:
    assert reason(access(f"auth-token {AUTH}"), headers) is Reason.UNAUTHORISED


def test_while_a_secret_is_replaced_both_are_valid() -> None:
    decides = access(f"auth-token {OTHER}", "# the new one", f"auth-token {AUTH}")
    assert decides.handshake("x", TARGET, signed(token=AUTH)) is None
    assert decides.handshake("x", TARGET, signed(token=OTHER)) is None


def test_a_token_proves_a_stream_when_it_begins() -> None:
    proves = access(f"token {TOKEN}", f"token {OTHER}").handshake("x", TARGET, CIMultiDict())
    assert proves is not None
    assert proves(TOKEN, "CA1")
    assert proves(OTHER, "CA1")
    for wrong in ("", TOKEN[:-1], TOKEN + "x", "ä" * 20, "x" * 10_000):
        assert not proves(wrong, "CA1")


def test_a_token_may_come_in_a_header() -> None:
    decides = access(f"token {TOKEN}")
    for header in (f"Bearer {TOKEN}", f"bearer  {TOKEN} "):
        assert decides.handshake("x", TARGET, CIMultiDict({"authorization": header})) is None
    proves = decides.handshake("x", TARGET, CIMultiDict({"authorization": "Bearer other"}))
    assert proves is not None
    assert not proves("", "CA1")


def test_a_calls_token_opens_no_other_call() -> None:
    proves = access(f"call-token {TOKEN}").handshake("x", TARGET, CIMultiDict())
    assert proves is not None
    token = call_token("CA1", TOKEN.encode())
    assert proves(token, "CA1")
    assert not proves(token, "CA2")
    assert not proves(TOKEN, "CA1")
    assert not proves("", "CA1")


def test_a_calls_token_holds_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decides = access(f"auth-token {AUTH}", f"call-token {TOKEN}", "require all")

    def begins(call: str) -> bool:
        proves = decides.handshake("x", TARGET, signed())
        assert proves is not None
        return proves(call_token(call, TOKEN.encode()), call)

    assert begins("CA1")
    for _ in range(2):
        with pytest.raises(GatewayError) as caught:
            begins("CA1")
        assert caught.value.reason is Reason.REPLAYED
    monkeypatch.setattr(twilio_access, "MOST_CALLS", 2)
    assert all(begins(call) for call in ("CA2", "CA3"))
    assert len(decides._begun) == 2
    assert begins("CA1"), "the oldest is forgotten"


def test_a_wrong_signature_is_not_healed_by_a_token() -> None:
    decides = access(f"auth-token {AUTH}", f"token {TOKEN}")
    headers = signed(token=OTHER)
    headers["Authorization"] = f"Bearer {TOKEN}"
    assert reason(decides, headers) is Reason.UNAUTHORISED
    assert decides.handshake("x", TARGET, CIMultiDict()) is not None


def test_both_where_both_are_required() -> None:
    decides = access(f"auth-token {AUTH}", f"token {TOKEN}", "require all")
    assert reason(decides, CIMultiDict({"Authorization": f"Bearer {TOKEN}"})) is Reason.UNAUTHORISED
    proves = decides.handshake("x", TARGET, signed())
    assert proves is not None
    assert proves(TOKEN, "CA1")
    assert not proves("", "CA1")
    headers = signed()
    headers["Authorization"] = f"Bearer {TOKEN}"
    assert decides.handshake("x", TARGET, headers) is None


def test_telnyxs_signature_counts_once_and_not_for_long() -> None:
    now = [NOW]
    decides = access(f"public-key {PUBLIC}", now=now)
    assert decides.handshake("x", TARGET, telnyx()) is None
    assert reason(decides, telnyx()) is Reason.REPLAYED
    assert reason(decides, telnyx(NOW - AGE_S - 1)) is Reason.REPLAYED
    assert reason(decides, telnyx(NOW + AGE_S + 1)) is Reason.REPLAYED
    assert decides.handshake("x", TARGET, telnyx(NOW + 1)) is None
    now[0] += 3 * AGE_S
    assert reason(decides, telnyx()) is Reason.REPLAYED
    assert decides.handshake("x", TARGET, telnyx(now[0])) is None
    assert len(decides._used) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"telnyx-timestamp": "soon"},
        {"telnyx-timestamp": ""},
        {"telnyx-timestamp": "9" * 400},
        {"telnyx-timestamp": "9" * 5_000},
        {"telnyx-timestamp": str(int(NOW) + 1)},
        {"telnyx-signature-ed25519": "*"},
        {"telnyx-signature-ed25519": "AAAA"},
        {"telnyx-signature-ed25519": "ä"},
        dict(telnyx(key=Ed25519PrivateKey.generate())),
    ],
)
def test_a_wrong_signature_of_telnyx(changes: dict[str, str]) -> None:
    headers = telnyx()
    headers.update(changes)
    assert reason(access(f"public-key {PUBLIC}"), headers) is Reason.UNAUTHORISED


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no secret"),
        ("# nothing", "no secret"),
        ("require all", "no secret"),
        (f"auth-token {AUTH}\nsecret {AUTH}", "line 2"),
        (f"auth-token {AUTH} {AUTH}", "line 1"),
        (AUTH, "line 1"),
        ("token short", "at least 16"),
        ("public-key AAAA", "32 bytes"),
        ("public-key ***", "32 bytes"),
        (f"token {TOKEN}\nrequire some", "all or any"),
        (f"token {TOKEN}\nrequire all", "needs a secret for signatures"),
    ],
)
def test_a_file_that_is_not_of_the_form(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_secrets(text)
    assert says in str(caught.value)
    assert AUTH not in str(caught.value)


def test_secrets_do_not_show() -> None:
    shown = repr(read_secrets(f"auth-token {AUTH}\ntoken {TOKEN}\ncall-token {OTHER}"))
    assert not any(secret in shown for secret in (AUTH, TOKEN, OTHER))


def test_a_file_is_read_unless_everybody_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "twilio.secrets"
    file.write_text(f"auth-token {AUTH}\n", encoding="utf-8")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="everybody may read"):
        secrets_of(file)
    file.chmod(0o600)
    assert secrets_of(file).auth_tokens == (AUTH.encode(),)
    file.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="UTF-8"):
        secrets_of(file)
    file.write_text("x" * 70_000, encoding="utf-8")
    with pytest.raises(SettingsError, match="more than 65,536 bytes"):
        secrets_of(file)
    with pytest.raises(SettingsError, match="can't be read"):
        secrets_of(tmp_path / "missing")
