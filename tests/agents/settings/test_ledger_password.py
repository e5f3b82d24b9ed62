"""The ledger's password comes from a file, and is shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from agents.app.checks import doctor, holdings
from agents.app.operations.findings import Grade
from agents.app.stage_clients import WorkerConfig
from agents.cli.main import app
from agents.settings.model import Settings
from pipeline.errors import SettingsError

pytestmark = pytest.mark.unit

URL = "postgresql+psycopg://hushwire@db.example/hushwire?sslmode=require"
ODD = "s/e c:r@e%t\u2028?#ü"
"""What a URL would have to escape, and what Unicode calls the end of a line."""


def held(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nanother line\n"])
def test_the_first_line_is_the_password(tmp_path: Path, end: str, mark: str) -> None:
    file = held(tmp_path / "password", (mark + ODD + end).encode(), 0o440)
    settings = Settings(ledger_url=URL, ledger_password_file=file)
    parsed = make_url(settings.ledger_location(tmp_path))
    assert parsed.password == ODD
    assert parsed._replace(password=None) == make_url(URL)


@pytest.mark.parametrize(
    ("url", "content", "mode", "told"),
    [
        (URL, b"secret\n", 0o644, "everybody may read"),
        (URL, b"", 0o600, "no password"),
        (URL, b"\nsecret\n", 0o600, "no password"),
        (URL, b"x" * 5_000, 0o600, "more than 4,096 bytes"),
        (URL, b"\xff\xfe\n", 0o600, "UTF-8"),
        (URL, None, 0, "can't be read"),
        (None, b"secret\n", 0o600, "SQLite has no password"),
        ("sqlite:///ledger.db", b"secret\n", 0o600, "SQLite has no password"),
        (URL.replace("hushwire@", "hushwire:password@"), b"secret\n", 0o600, "out of the URL"),
        (f"{URL}&password=change-me", b"secret\n", 0o600, "out of the URL"),
        (URL.replace("hushwire@", ""), b"secret\n", 0o600, "no user"),
        (URL.replace("hushwire@", "") + "&user=hushwire", b"secret\n", 0o600, "no user"),
        (URL, b"\xef\xbb\xbf\nsecret\n", 0o600, "no password"),
    ],
)
def test_what_is_no_password_is_refused(
    url: str | None, content: bytes | None, mode: int, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "password"
    if content is not None:
        held(path, content, mode)
    settings = Settings(ledger_url=url, ledger_password_file=path)
    with pytest.raises(SettingsError, match=told) as raised:
        settings.ledger_location(tmp_path)
    assert "secret" not in str(raised.value)


def test_it_is_shown_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = held(tmp_path / "password", b"secret-of-the-ledger\n")
    monkeypatch.setenv("HUSHWIRE_LEDGER_URL", URL.replace("db.example", "127.0.0.1:1"))
    monkeypatch.setenv("HUSHWIRE_LEDGER_PASSWORD_FILE", str(file))
    for command in (["settings"], ["ledger", "upgrade"]):
        told = CliRunner().invoke(app, command)
        assert "secret-of-the-ledger" not in told.output + repr(told.exception)
    assert "ledger_url" not in {
        name for name, one in WorkerConfig.__dataclass_fields__.items() if one.repr
    }


def weak(settings: Settings, state: Path) -> list[str]:
    found = doctor._ledger(settings, state)
    return [one.what for one in [next(found)] if one.grade is Grade.WEAK]


def test_doctor_calls_a_password_in_the_url_weak(tmp_path: Path) -> None:
    for url in (URL.replace("hushwire@", "hushwire:password@"), f"{URL}&password=change-me"):
        in_url = Settings(ledger_url=url)
        assert weak(in_url, tmp_path) == ["ledger's password"]
        assert "HUSHWIRE_LEDGER_PASSWORD_FILE" in next(doctor._ledger(in_url, tmp_path)).advice
        assert "ledger's password" in dict(holdings._credentials(in_url, None))
    assert weak(Settings(), tmp_path) == []
