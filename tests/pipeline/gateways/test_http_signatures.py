"""Signed requests: the vendor's own example, and everything that may be wrong with one."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SettingsError
from pipeline.gateways.events import GatewayError, Reason
from pipeline.gateways.http_signatures import SIGNED, SignatureVerifier, read_secrets

pytestmark = pytest.mark.unit

KEY = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
SECRET = base64.b64decode("TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU=")
"""Key, secret and signature of the example in the vendor's documentation."""
TARGET, AUTHORITY = "/api/v1/voicebiometrics/ws", "audiohook.example.com"
HEADERS = {
    "host": AUTHORITY,
    "audiohook-organization-id": "d7934305-0972-4844-938e-9060eef73d05",
    "audiohook-session-id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "audiohook-correlation-id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "x-api-key": KEY,
    "signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
    "signature-input": (
        'sig1=("@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" '
        '"audiohook-correlation-id" "x-api-key");keyid="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";'
        'nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";alg="hmac-sha256";created=1641013200;expires=3282026430'
    ),
}
SIGNED_AT = 1_641_013_200
LIST = " ".join(f'"{name}"' for name in SIGNED)


def _verifier(**options: int) -> SignatureVerifier:
    return SignatureVerifier({KEY: (SECRET,)}, **options)


def _signed(
    *,
    components: str = LIST,
    parameters: str = f';keyid="{KEY}";nonce="AAAAAAAAAAAAAAAAAAAAAAAA";created={SIGNED_AT}',
    secret: bytes = SECRET,
    label: str = "sig1",
    **headers: str,
) -> dict[str, str]:
    """Headers that this secret signs, written from the draft, not from the verifier."""
    fields = HEADERS | headers
    values = {"@request-target": TARGET, "@authority": AUTHORITY, "@method": "GET"} | fields
    what = f"({components}){parameters}"
    lines = [f"{one}: {values.get(one.strip(chr(34)), '')}" for one in components.split()]
    text = "\n".join([*lines, f'"@signature-params": {what}'])
    value = base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()).decode()
    return fields | {"signature": f"{label}=:{value}:", "signature-input": f"{label}={what}"}


def _reason(headers: dict[str, str], now: float = SIGNED_AT + 1) -> Reason:
    with pytest.raises(GatewayError) as refused:
        _verifier().verify(TARGET, AUTHORITY, headers, now)
    return refused.value.reason


def test_the_vendors_own_example_is_verified() -> None:
    assert _verifier().verify(TARGET, AUTHORITY, HEADERS, SIGNED_AT + 1) == KEY


def test_what_the_tests_sign_is_verified() -> None:
    assert _verifier().verify(TARGET, AUTHORITY, _signed(), SIGNED_AT) == KEY


@pytest.mark.parametrize("name", sorted(set(HEADERS) - {"host", "signature", "signature-input"}))
def test_a_field_that_was_changed_is_noticed(name: str) -> None:
    changed = HEADERS | {name: HEADERS[name].translate(str.maketrans("0S", "1T"))}
    assert changed != HEADERS
    assert _reason(changed) is Reason.UNAUTHORISED


@pytest.mark.parametrize("name", sorted(set(HEADERS) - {"host"}))
def test_a_field_that_is_missing_is_noticed(name: str) -> None:
    without = {key: value for key, value in HEADERS.items() if key != name}
    assert _reason(without) is Reason.UNAUTHORISED
    assert _reason(HEADERS | {name: ""}) is Reason.UNAUTHORISED


@pytest.mark.parametrize(("target", "authority"), [("/other", AUTHORITY), (TARGET, "else.example")])
def test_the_address_is_signed(target: str, authority: str) -> None:
    with pytest.raises(GatewayError) as refused:
        _verifier().verify(target, authority, HEADERS, SIGNED_AT)
    assert refused.value.reason is Reason.UNAUTHORISED


@pytest.mark.parametrize("name", SIGNED)
def test_a_signature_that_leaves_something_out_is_refused(name: str) -> None:
    components = " ".join(f'"{one}"' for one in SIGNED if one != name)
    assert _reason(_signed(components=components)) is Reason.UNAUTHORISED


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (SIGNED_AT - 3.5, Reason.REPLAYED),  # the peer's clock is ahead
        (SIGNED_AT - 2.5, None),
        (SIGNED_AT + 12.5, None),
        (SIGNED_AT + 13.5, Reason.REPLAYED),
    ],
)
def test_only_a_young_signature_counts(now: float, reason: Reason | None) -> None:
    if reason is None:
        assert _verifier().verify(TARGET, AUTHORITY, HEADERS, now) == KEY
    else:
        assert _reason(HEADERS, now) is reason


def test_it_ends_when_it_says_so() -> None:
    short = _signed(
        parameters=f';keyid="{KEY}";nonce="{"n" * 24}";created={SIGNED_AT};expires={SIGNED_AT + 2}'
    )
    assert _verifier().verify(TARGET, AUTHORITY, short, SIGNED_AT + 4.5) == KEY
    assert _reason(short, SIGNED_AT + 5.5) is Reason.REPLAYED


def test_a_nonce_counts_once_and_is_forgotten_with_its_signature() -> None:
    verifier = _verifier()
    verifier.verify(TARGET, AUTHORITY, HEADERS, SIGNED_AT)
    for later in (0, 5, 13):
        with pytest.raises(GatewayError) as refused:
            verifier.verify(TARGET, AUTHORITY, HEADERS, SIGNED_AT + later)
        assert refused.value.reason is Reason.REPLAYED
    again = _signed(
        parameters=f';keyid="{KEY}";nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";created={SIGNED_AT + 20}'
    )
    assert verifier.verify(TARGET, AUTHORITY, again, SIGNED_AT + 20) == KEY


def test_a_nonce_is_remembered_while_a_signature_from_the_future_lives() -> None:
    verifier = _verifier()
    verifier.verify(TARGET, AUTHORITY, HEADERS, SIGNED_AT - 3)
    with pytest.raises(GatewayError) as refused:
        verifier.verify(TARGET, AUTHORITY, HEADERS, SIGNED_AT + 13)
    assert refused.value.reason is Reason.REPLAYED


def test_a_wrong_signature_uses_up_no_nonce() -> None:
    verifier = _verifier()
    forged = HEADERS | {"signature": f"sig1=:{base64.b64encode(bytes(32)).decode()}:"}
    with pytest.raises(GatewayError):
        verifier.verify(TARGET, AUTHORITY, forged, SIGNED_AT)
    assert verifier.verify(TARGET, AUTHORITY, HEADERS, SIGNED_AT) == KEY


def test_nonces_are_bounded() -> None:
    verifier = _verifier(most_nonces=3)

    def signed(number: int, created: int) -> dict[str, str]:
        return _signed(parameters=f';keyid="{KEY}";nonce="{number:024}";created={created}')

    for number in range(3):
        verifier.verify(TARGET, AUTHORITY, signed(number, SIGNED_AT), SIGNED_AT)
    with pytest.raises(GatewayError) as refused:
        verifier.verify(TARGET, AUTHORITY, signed(3, SIGNED_AT), SIGNED_AT)
    assert refused.value.reason is Reason.TOO_MANY
    later = SIGNED_AT + 17
    assert verifier.verify(TARGET, AUTHORITY, signed(4, later), later) == KEY


def test_several_secrets_and_keys_count_while_they_are_rotated() -> None:
    new, other = b"n" * 32, b"o" * 32
    verifier = SignatureVerifier({KEY: (SECRET, new), "other": (other,)})
    assert verifier.verify(TARGET, AUTHORITY, HEADERS, SIGNED_AT) == KEY
    assert verifier.verify(TARGET, AUTHORITY, _signed(secret=new), SIGNED_AT) == KEY
    parameters = f';keyid="other";nonce="{"m" * 24}";created={SIGNED_AT}'
    by_other = _signed(secret=other, parameters=parameters, **{"x-api-key": "other"})
    assert verifier.verify(TARGET, AUTHORITY, by_other, SIGNED_AT) == "other"


def test_an_unknown_key_and_a_key_of_another_are_refused() -> None:
    parameters = f';keyid="who";nonce="{"m" * 24}";created={SIGNED_AT}'
    assert _reason(_signed(parameters=parameters, **{"x-api-key": "who"})) is Reason.UNAUTHORISED
    assert _reason(_signed(**{"x-api-key": "who"})) is Reason.UNAUTHORISED
    empty = SignatureVerifier({})
    with pytest.raises(GatewayError):
        empty.verify(TARGET, AUTHORITY, HEADERS, SIGNED_AT)


def test_another_signature_beside_ours_does_not_matter() -> None:
    both = HEADERS | {
        "signature-input": f'proxy=("@method");keyid="proxy" , {HEADERS["signature-input"]}',
        "signature": f"proxy=:AAAA:, {HEADERS['signature']}",
    }
    assert _verifier().verify(TARGET, AUTHORITY, both, SIGNED_AT) == KEY


@pytest.mark.parametrize(
    "parameters",
    [
        f';keyid="{KEY}";created={SIGNED_AT}',
        f';keyid="{KEY}";nonce="{"n" * 24}"',
        f';keyid="{KEY}";nonce="short";created={SIGNED_AT}',
        f';keyid="{KEY}";nonce="{"n" * 200}";created={SIGNED_AT}',
        f';keyid="{KEY}";nonce="{"n" * 24}";created="{SIGNED_AT}"',
        f';keyid="{KEY}";nonce="{"n" * 24}";created={SIGNED_AT};alg="none"',
        f';keyid="{KEY}";nonce="{"n" * 24}";created={SIGNED_AT};alg="rsa-v1_5-sha256"',
        f';keyid="{KEY}";nonce="{"n" * 24}";created={SIGNED_AT};created={SIGNED_AT}',
        f';keyid="{KEY}";nonce="{"n" * 24}";created={SIGNED_AT};tag="x"',
        f';keyid="{KEY}";nonce="{"n" * 24}";created={SIGNED_AT}.5',
    ],
)
def test_parameters_of_another_form_are_refused(parameters: str) -> None:
    assert _reason(_signed(parameters=parameters)) is Reason.UNAUTHORISED


@pytest.mark.parametrize(
    "components",
    [
        f'{LIST} "@signature-params"',
        f"{LIST} {SIGNED[0]!r}",
        f'{LIST} "@method"',
        f'{LIST} "signature"',
        f'{LIST} "nowhere"',
        f'{LIST} "x-api-key"',
        f'{LIST} "x-api-key";sf',
        "",
    ],
)
def test_components_that_are_not_read_here_are_refused(components: str) -> None:
    assert _reason(_signed(components=components)) is Reason.UNAUTHORISED


def test_a_label_that_comes_twice_is_refused() -> None:
    twice = HEADERS | {"signature-input": f'{HEADERS["signature-input"]}, sig1=();keyid="a"'}
    assert _reason(twice) is Reason.UNAUTHORISED
    again = ", ".join([HEADERS["signature"]] * 2)
    assert _reason(HEADERS | {"signature": again}) is Reason.UNAUTHORISED


@given(st.sampled_from(sorted(HEADERS)), st.text(max_size=200))
def test_whatever_a_field_holds_the_answer_is_typed(name: str, value: str) -> None:
    try:
        _verifier().verify(TARGET, AUTHORITY, HEADERS | {name: value}, SIGNED_AT)
    except GatewayError as error:
        assert error.reason is Reason.UNAUTHORISED  # noqa: PT017 - some values are as before
        assert SECRET.decode() not in str(error)  # noqa: PT017


@given(st.binary(max_size=300), st.sampled_from(["signature", "signature-input"]))
def test_bytes_of_a_field_do_no_harm(value: bytes, name: str) -> None:
    text = value.decode("utf-8", "surrogateescape")
    assert _reason(HEADERS | {name: HEADERS[name][:40] + text}) is Reason.UNAUTHORISED


def test_a_long_field_is_refused_before_it_is_read() -> None:
    long = {"signature-input": HEADERS["signature-input"] + " " + "a" * 5_000}
    assert _reason(HEADERS | long) is Reason.UNAUTHORISED


def test_secrets_are_read_from_lines() -> None:
    one, two = base64.b64encode(b"1" * 16).decode(), base64.b64encode(b"2" * 16).decode()
    text = f"# of production\n\n{KEY} {one}\n{KEY}\t{two}\nother {one}\n"
    assert read_secrets(text) == {KEY: (b"1" * 16, b"2" * 16), "other": (b"1" * 16,)}


@pytest.mark.parametrize(
    "text",
    ["", "# none\n", "key\n", "key a b\n", "key nobase64!\n", "key c2hvcnQ=\n", "k,y AAAA\n"],
)
def test_a_file_without_usable_secrets_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_secrets(text)
    assert "c2hvcnQ" not in str(refused.value)
    assert "nobase64" not in str(refused.value)
