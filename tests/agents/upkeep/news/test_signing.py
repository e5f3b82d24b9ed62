"""Signatures of webhooks: the published example, several secrets, and what is no secret."""

from __future__ import annotations

import base64
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.upkeep.news.signing import LONGEST, SHORTEST, read_secrets, signed
from pipeline.errors import SettingsError

pytestmark = pytest.mark.unit

PUBLISHED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the scheme's own example
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def a_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "secrets"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_scheme_s_published_example(tmp_path: Path) -> None:
    secrets = read_secrets(a_file(tmp_path, f"# of March\n\n{PUBLISHED}\n"))
    headers = signed(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}', secrets
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_every_secret_signs(tmp_path: Path) -> None:
    secrets = read_secrets(a_file(tmp_path, f"{OTHER}\n{PUBLISHED}\n"))
    told = signed("msg_1", 5, b"{}", secrets)["webhook-signature"].split(" ")
    assert told == [signed("msg_1", 5, b"{}", [one])["webhook-signature"] for one in secrets]


@given(st.binary(min_size=1), st.integers(0, 2**40), st.binary(min_size=SHORTEST, max_size=LONGEST))
def test_another_body_time_or_id_has_another_signature(body: bytes, at: int, key: bytes) -> None:
    signature = signed("msg_1", at, body, [key])["webhook-signature"]
    assert hmac.compare_digest(
        base64.b64decode(signature.removeprefix("v1,")),
        hmac.digest(key, b"msg_1.%d." % at + body, "sha256"),
    )
    for changed in (
        signed("msg_2", at, body, [key]),
        signed("msg_1", at + 1, body, [key]),
        signed("msg_1", at, body + b" ", [key]),
    ):
        assert changed["webhook-signature"] != signature


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds 0 secrets"),
        ("# nothing\n", "holds 0 secrets"),
        (f"{OTHER}\n" * 9, "holds 9 secrets"),
        ("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0\n", "line 1: a line is `whsec_`"),
        (f"{OTHER}\nwhsec_%%%\n", "line 2: a line is `whsec_`"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "line 1: 23 bytes"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "line 1: 65 bytes"),
    ],
)
def test_what_is_no_secret_is_named_by_its_line_alone(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as error:
        read_secrets(a_file(tmp_path, text))
    for line in text.split():
        assert line.removeprefix("whsec_") not in str(error.value) or len(line) < 8


def test_a_file_that_others_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="0600"):
        read_secrets(a_file(tmp_path, OTHER, 0o644))
    assert read_secrets(a_file(tmp_path, OTHER, 0o440))
    with pytest.raises(SettingsError, match="can't be read"):
        read_secrets(tmp_path / "nothing")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "bytes").chmod(0o600)
    with pytest.raises(SettingsError, match="UTF-8"):
        read_secrets(tmp_path / "bytes")
