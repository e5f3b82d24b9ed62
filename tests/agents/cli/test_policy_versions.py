"""`hushwire policy publish` and what belongs to it, as somebody at a terminal does it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.cli.main import app
from agents.cli.measuring import policy_versions
from agents.database.call_ledger import Ledger
from pipeline.errors import InputError, PolicyError

pytestmark = pytest.mark.unit

POLICY = 'name: acme\nversion: "7"\nextends: [base.yaml]\n'
BASE = 'name: base\nversion: "1"\nentities: {PERSON: {threshold: 0.3}}\n'


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "300")
    (tmp_path / "acme.yaml").write_text(POLICY)
    (tmp_path / "base.yaml").write_text(BASE)
    Ledger.embedded(tmp_path / "state").dispose()
    return tmp_path


def policy(state: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["policy", *words, "--state-dir", str(state / "state")])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_a_file_is_published_listed_shown_and_rolled_back(state: Path) -> None:
    assert "no version was published" in policy(state, "versions")
    told = policy(
        state, "publish", str(state / "acme.yaml"), "--reason", "names were missed", "--laxer"
    )
    assert "version 1 (acme 7, sha256" in told
    assert "is in force" in told
    # What extends a file of one's own stands alone in the ledger.
    shown = policy(state, "show", "1")
    assert "extends" not in shown
    assert "threshold: 0.3" in shown
    assert "version 2" in policy(state, "rollback", "0", "--reason", "as it was", "--laxer")
    listed = policy(state, "versions")
    assert "2\tyes\t" in listed
    assert "names were missed" in listed


def test_what_is_refused_is_told(state: Path) -> None:
    (state / "base.yaml").write_text(BASE.replace("PERSON", "PERSN"))
    with pytest.raises(PolicyError, match=r"base\.yaml, line 3"):
        policy(state, "publish", str(state / "acme.yaml"), "--reason", "a")
    with pytest.raises(InputError, match="no policy version 5"):
        policy(state, "withdraw", "5")


def test_who_published_does_not_approve(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUSHWIRE_POLICY_APPROVAL", "two")
    assert "waits" in policy(state, "publish", "pci", "--reason", "a", "--laxer")
    with pytest.raises(InputError, match="another person"):
        policy(state, "approve", "1")
    assert "is withdrawn" in policy(state, "withdraw", "1")


def test_what_is_laxer_is_named_and_asked(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["policy", "publish", "loose.yaml", "--reason", "a"]
    words += ["--state-dir", str(state / "state")]
    loose = 'name: loose\nversion: "1"\nextends: [default]\nentities: {PERSON: {action: keep}}\n'
    (state / "loose.yaml").write_text(loose)
    words[2] = str(state / "loose.yaml")
    refused = CliRunner().invoke(app, words)
    assert "PERSON is: audible, before silenced" in str(refused.exception)
    monkeypatch.setattr(policy_versions, "_asks", lambda: True)
    no = CliRunner().invoke(app, words, input="n\n")
    assert (no.exit_code, "PERSON is: audible" in no.output) == (1, True)
    yes = CliRunner().invoke(app, words, input="y\n")
    assert (yes.exit_code, "version 1 (loose 1" in yes.output) == (0, True)
