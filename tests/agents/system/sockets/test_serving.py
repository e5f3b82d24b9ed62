"""Who may read the key of a server's certificate."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.system.sockets.serving import server_tls
from pipeline.errors import SettingsError
from tests.certificates import Authority

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("mode", [0o600, 0o440, 0o640])
def test_a_key_for_its_owner_or_a_group_is_taken_as_secrets_are_mounted(
    tmp_path: Path, mode: int
) -> None:
    pair = Authority(tmp_path).issue("gateway")
    pair.key.chmod(mode)
    assert server_tls("gateway", pair.certificate, pair.key) is not None


@pytest.mark.parametrize("mode", [0o604, 0o644])
def test_a_key_that_everybody_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    pair = Authority(tmp_path).issue("gateway")
    pair.key.chmod(mode)
    with pytest.raises(SettingsError, match=r"others may read .*set its mode to 0600 or 0440"):
        server_tls("gateway", pair.certificate, pair.key)
