from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.cli.installing.settings import settings_page
from agents.cli.main import app
from agents.settings.model import Settings, load_settings
from pipeline.errors import SettingsError

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_options_beat_environment_and_environment_beats_the_file(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "hushwire.toml").write_text(
        'partitions = 3\npolicy = "pci"\nengines = 5\n', encoding="utf-8"
    )
    monkeypatch.setenv("HUSHWIRE_PARTITIONS", "4")
    monkeypatch.setenv("HUSHWIRE_ENGINES", "6")

    settings = load_settings(engines=7, bootstrap=None)

    assert (settings.policy, settings.partitions, settings.engines) == ("pci", 4, 7)
    assert settings.bootstrap is None


def test_a_value_out_of_range_names_the_setting_and_its_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HUSHWIRE_PARTITIONS", "0")
    with pytest.raises(SettingsError, match=r"partitions: .*HUSHWIRE_PARTITIONS"):
        load_settings()


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("PARTITONS", "; did you mean HUSHWIRE_PARTITIONS?"),
        ("KAFKA_BOOTSTRAP", "; did you mean HUSHWIRE_BOOTSTRAP?"),
        ("Idle_seconds", "; did you mean HUSHWIRE_IDLE_SECONDS?"),
        ("CONFG", "; did you mean HUSHWIRE_CONFIG?"),
        ("COLOUR", ";"),  # like none: the common beginning does not count
    ],
)
def test_a_misspelt_variable_is_refused(
    monkeypatch: pytest.MonkeyPatch, wrong: str, meant: str
) -> None:
    monkeypatch.setenv(f"HUSHWIRE_{wrong}", "4")
    told = f"HUSHWIRE_{wrong}: no such setting{meant} `hushwire settings` lists them"
    with pytest.raises(SettingsError, match=f"^{re.escape(told)}$"):
        load_settings()


def test_every_misspelt_variable_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLICI", "BOOTSTRAPP"):
        monkeypatch.setenv(f"HUSHWIRE_{name}", "x")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == [
        "HUSHWIRE_BOOTSTRAPP",
        "HUSHWIRE_POLICI",
    ]


def test_an_unknown_key_in_the_file_is_refused(empty_folder: Path) -> None:
    (empty_folder / "hushwire.toml").write_text("partitons = 4\n", encoding="utf-8")
    told = r"partitons in hushwire\.toml: no such setting; did you mean partitions\?"
    with pytest.raises(SettingsError, match=told):
        load_settings()


def test_broken_toml_is_refused(empty_folder: Path) -> None:
    (empty_folder / "hushwire.toml").write_text("partitions = \n", encoding="utf-8")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings()


def test_a_missing_named_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUSHWIRE_CONFIG", "elsewhere.toml")
    with pytest.raises(SettingsError, match="there is no file"):
        load_settings()


def test_the_page_of_settings_is_up_to_date() -> None:
    page = Path(__file__).parents[3] / "docs" / "settings.md"
    assert page.read_text(encoding="utf-8") == settings_page(), (
        "run: hushwire settings --markdown > docs/settings.md"
    )


def test_the_keyset_is_a_file_or_a_key_service(monkeypatch: pytest.MonkeyPatch) -> None:
    state = Path("state")
    assert (load_settings().keyset_file(state), load_settings().key_service) == (
        state / "kek.json",
        None,
    )
    assert load_settings(keyset="/keys/kek.json").keyset_file(state) == Path("/keys/kek.json")
    aws = "aws-kms://arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    for uri in (aws, "hcvault://vault.example:8200/teams/transit/keys/hush", "hcvault:///a/keys/b"):
        settings = load_settings(keyset=uri)
        assert (settings.keyset_file(state), settings.key_service) == (state / "kek.json", uri)
    for wrong in (
        "aws-kms://key",
        "hcvault://vault.example/transit/hush",
        "hcvault://user:secret@vault.example/transit/keys/hush",
        "gcp-kms://projects/a",
        "aws-kms:/arn",
    ):
        monkeypatch.setenv("HUSHWIRE_KEYSET", wrong)
        if wrong == "aws-kms:/arn":  # a file, if an odd one
            assert load_settings().key_service is None
        else:
            with pytest.raises(SettingsError, match="key service"):
                load_settings()


PASSWORD = "tiger-9"  # noqa: S105 - not one of ours
ADDRESSES = [
    f"postgresql+psycopg://scott:{PASSWORD}@db.example/hushwire?sslmode=require",
    f"postgresql+psycopg://scott:a/{PASSWORD}@x?{PASSWORD}@db.example:5432/hushwire",
    f"https://{PASSWORD}@login.example/realm",
    f"postgresql+psycopg://db.example/hushwire?user=scott&password={PASSWORD}&sslmode=require",
    f"https://login.example/#access_token={PASSWORD}",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_credential_of_any_setting_is_shown(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = dict.fromkeys(Settings.model_fields, address)
    monkeypatch.setattr(
        "agents.cli.installing.settings.load_settings", lambda: Settings.model_construct(**every)
    )
    shown = CliRunner().invoke(app, ["settings"])
    assert shown.exit_code == 0
    assert shown.stdout.count(".example") >= len(Settings.model_fields)
    assert PASSWORD not in shown.stdout


def test_what_lets_nobody_in_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUSHWIRE_LEDGER_URL", ADDRESSES[0])
    monkeypatch.setenv("HUSHWIRE_KEYSET", "hcvault://vault.example:8200/transit/keys/hushwire")
    shown = CliRunner().invoke(app, ["settings"]).stdout
    assert "postgresql+psycopg://scott:***@db.example/hushwire?sslmode=require" in shown
    assert "hcvault://vault.example:8200/transit/keys/hushwire" in shown


def test_in_json_what_is_not_set_is_null() -> None:
    """It was the text None."""
    done = CliRunner().invoke(app, ["settings", "--json"])
    rows = {one["setting"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert (rows["bootstrap"]["in_force"], rows["bootstrap"]["default"]) == (None, None)
    assert rows["partitions"]["default"] == "8"
    assert "None" not in {text for one in rows.values() for text in one.values()}


@pytest.mark.parametrize("typed", [["--version"], ["version"]])
def test_the_version_is_printed(typed: list[str]) -> None:
    done = CliRunner().invoke(app, typed)
    assert (done.exit_code, done.stdout.strip()) == (0, version("hushwire"))


@pytest.mark.parametrize("command", ["run", "worker", "redact"])
def test_help_names_every_policy_that_is_shipped(command: str) -> None:
    told = " ".join(CliRunner().invoke(app, [command, "--help"], terminal_width=200).stdout.split())
    for name in ("default", "pci", "hipaa", "gdpr", "consent", "pci+consent"):
        assert name in told, name
