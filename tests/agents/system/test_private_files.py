"""Files of secrets: who may read them, and what they may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.system.private_files import secret_text
from pipeline.errors import SettingsError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("mode", [0o600, 0o440, 0o640])
def test_its_owner_and_his_group_may_read_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secrets"
    path.write_text("a secret\n", "utf-8")
    path.chmod(mode)
    assert secret_text("secrets", path) == "a secret\n"


@pytest.mark.parametrize(
    ("data", "mode", "message"),
    [
        (b"secret\n", 0o604, "everybody may read"),
        (b"\xffsecret\n", 0o600, "not UTF-8"),
        (b"secret" * 100, 0o600, "more than 100 bytes"),
        (None, 0, "can't be read"),
    ],
)
def test_what_is_wrong_is_said_and_no_secret(
    tmp_path: Path, data: bytes | None, mode: int, message: str
) -> None:
    path = tmp_path / "file"
    if data is not None:
        path.write_bytes(data)
        path.chmod(mode)
    with pytest.raises(SettingsError, match=message) as caught:
        secret_text("secrets of streams", path, most=100)
    assert "secrets of streams" in str(caught.value)
    assert "secretsecret" not in str(caught.value)
