"""``hushwire certificate check``: every way in which a certificate fails has its own exit code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agents.app.checks.certificate_file import Problem, check_file
from agents.cli import main
from agents.crypto.ed25519 import PublicKey, SigningKey
from pipeline.errors import InputError, RecordError
from tests.agents.app.redacting import KEY
from tests.pipeline.evidence.test_certificate import stored_call

pytestmark = pytest.mark.unit

OTHER = SigningKey(Ed25519PrivateKey.generate())
KEYS: dict[str, PublicKey] = {KEY.public.key_id: KEY.public}


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A stored call's files, signed."""
    call = KEY.certify(stored_call())
    for name, content in call.files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path / call.certificate_name


def _edited(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_bytes()), **changes}), encoding="utf-8")


def _unsigned(file: Path) -> None:
    _edited(file, signature=None)


def _foreign(file: Path) -> None:
    file.write_bytes(OTHER.certify_file(file.read_bytes()))


def _foreign_under_our_name(file: Path) -> None:
    _foreign(file)
    signature = json.loads(file.read_bytes())["signature"]
    _edited(file, signature={**signature, "key_id": KEY.public.key_id})


def _changed(file: Path) -> None:
    _edited(file, marks=["nothing to see"])


def _changed_and_foreign(file: Path) -> None:
    _changed(file)
    _foreign(file)


def _other_transcript(file: Path) -> None:
    file.with_name("call-1.json").write_bytes(b"{}")


def _no_audio(file: Path) -> None:
    file.with_name("call-1.flac").unlink()


@pytest.mark.parametrize(
    ("tamper", "problem", "told"),
    [
        (_unsigned, Problem.UNSIGNED, "not signed"),
        pytest.param(
            _foreign,
            Problem.WRONG_KEY,
            f"signed by another key ({OTHER.public.key_id[:16]}…)",
            id="another key",
        ),
        (_foreign_under_our_name, Problem.CHANGED, "changed after it was signed"),
        (_changed, Problem.CHANGED, "changed after it was signed"),
        (_changed_and_foreign, Problem.WRONG_KEY, "signed by another key"),
        (_other_transcript, Problem.CHANGED, "call-1.json is not the file that was certified"),
        (_no_audio, Problem.MISSING, "call-1.flac is missing"),
    ],
)
def test_each_problem_is_told_apart(
    certificate: Path, tamper: Callable[[Path], None], problem: Problem, told: str
) -> None:
    assert check_file(certificate, KEYS) == []
    tamper(certificate)
    found = check_file(certificate, KEYS)
    assert max(one.problem for one in found) is problem
    assert any(told in one.text for one in found)


def test_a_quarantined_call_is_genuine_and_not_clean(certificate: Path) -> None:
    certificate.write_bytes(KEY.certify_file(_failed(certificate)))
    (found,) = check_file(certificate, KEYS)
    assert found.problem is Problem.NOT_CLEAN
    assert found.text == "the call was quarantined: still_found"


def _failed(certificate: Path) -> bytes:
    document = json.loads(certificate.read_bytes())
    checks = [{"name": "still_found", "passed": False, "measured": 1.0, "limit": 0.0}]
    changes = {"passed": False, "files": {}, "checks": checks, "signature": None}
    return json.dumps({**document, **changes}).encode()


def test_a_certificate_that_lies_about_its_audio_is_not_clean(certificate: Path) -> None:
    """The key may have been misused: the audio itself is looked into, too."""
    document = {**json.loads(certificate.read_bytes()), "mutes": [], "signature": None}
    certificate.write_bytes(KEY.certify_file(json.dumps(document).encode()))
    (found,) = check_file(certificate, KEYS)
    assert found.problem is Problem.NOT_CLEAN
    assert found.text.startswith("spans_not_covered")


def test_without_a_key_the_signature_is_not_taken_for_good(certificate: Path) -> None:
    (found,) = check_file(certificate, {})
    assert found.problem is Problem.NO_KEY


def test_a_name_with_a_path_is_never_followed(certificate: Path) -> None:
    document = json.loads(certificate.read_bytes())
    document |= {"files": {**document["files"], "../elsewhere": "0" * 64}, "signature": None}
    certificate.write_bytes(KEY.certify_file(json.dumps(document).encode()))
    (found,) = check_file(certificate, KEYS)
    assert found.text == "../elsewhere is missing"


def test_what_is_no_certificate_is_refused(certificate: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ends with"):
        check_file(tmp_path / "call-1.json", KEYS)
    with pytest.raises(InputError, match="cannot be read"):
        check_file(tmp_path / "gone.certificate.json", KEYS)
    twice = b'{"passed": false,' + certificate.read_bytes()[1:]
    certificate.write_bytes(twice)
    with pytest.raises(RecordError, match="repeated"):
        check_file(certificate, KEYS)


def test_the_program_in_the_docs_checks_without_us(certificate: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "certificates.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"(?s)```python\n(.*?)```", page)
    public = tmp_path / "hushwire.pem"
    public.write_text(KEY.public.pem(), encoding="utf-8")
    command = [sys.executable, "-I", "-c", program, str(certificate), str(public)]

    def told() -> str:
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr

    assert told() == ""
    _other_transcript(certificate)
    assert "AssertionError: call-1.json" in told()
    _changed(certificate)
    assert "InvalidSignature" in told()


def _command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["hushwire", *arguments])
    try:
        main.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_the_command_goes_by_the_key_that_is_named(
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    ours.write_text(KEY.public.pem(), encoding="utf-8")
    theirs.write_text(OTHER.public.pem(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    check = ("certificate", "check", str(certificate))
    assert _command(monkeypatch, *check) == 12
    assert ".hushwire/signing.pem is not there" in capsys.readouterr().err
    assert _command(monkeypatch, *check, "--public-key", str(theirs)) == 13
    said = capsys.readouterr().err
    assert f"signed by another key ({KEY.public.key_id[:16]}…)" in said
    assert f"checked with {theirs} ({OTHER.public.key_id[:16]}…)" in said
    assert (
        _command(monkeypatch, *check, "--public-key", str(theirs), "--public-key", str(ours)) == 0
    )
    assert f"valid, signed by {ours} ({KEY.public.key_id[:16]}…)" in capsys.readouterr().out
    _no_audio(certificate)
    assert _command(monkeypatch, *check, "--public-key", str(ours)) == 10
    _changed(certificate)
    assert _command(monkeypatch, *check, "--public-key", str(ours)) == 14
    _unsigned(certificate)
    assert _command(monkeypatch, *check, "--public-key", str(ours)) == 11


def test_the_installation_s_own_key_is_found_and_exported(
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _command(monkeypatch, "certificate", "public-key") == 0
    exported = capsys.readouterr().out
    key = SigningKey.load(tmp_path / ".hushwire" / "signing.pem")
    assert exported == key.public.pem()
    certificate.write_bytes(key.certify_file(certificate.read_bytes()))
    assert _command(monkeypatch, "certificate", "check", str(certificate)) == 0
    named = f"{tmp_path}/.hushwire/signing.pem ({key.public.key_id[:16]}…)"
    assert f"valid, signed by this installation's own key {named}" in capsys.readouterr().out
    (tmp_path / ".hushwire" / "signing.pem").unlink()
    other = SigningKey.load_or_create(tmp_path / ".hushwire" / "signing.pem").public
    assert _command(monkeypatch, "certificate", "check", str(certificate)) == 13
    said = capsys.readouterr().err
    named = f"{tmp_path}/.hushwire/signing.pem ({other.key_id[:16]}…)"
    assert f"checked with this installation's own key {named}" in said
    (tmp_path / ".hushwire" / "signing.pem").chmod(0o640)
    assert _command(monkeypatch, "certificate", "check", str(certificate)) == 4
    assert (
        f"signing key {tmp_path}/.hushwire/signing.pem: others may read it"
        in capsys.readouterr().err
    )


def test_a_certificate_alone_is_told_to_be_good_before_what_is_missing(
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ours = tmp_path / "ours.pem"
    ours.write_text(KEY.public.pem(), encoding="utf-8")
    alone = tmp_path / "elsewhere" / certificate.name
    alone.parent.mkdir()
    alone.write_bytes(certificate.read_bytes())
    check = ("certificate", "check", str(alone), "--public-key", str(ours))
    assert _command(monkeypatch, *check) == 10
    said = capsys.readouterr().err.splitlines()
    assert "signature good" in said[0]
    assert sum("is missing" in one for one in said) == 3
    assert "--signature-only" in said[-1]
    assert _command(monkeypatch, *check, "--signature-only") == 0
    assert "signature good" in capsys.readouterr().out
    _changed(alone)
    assert _command(monkeypatch, *check, "--signature-only") == 14
    told = capsys.readouterr()
    assert "good" not in told.out + told.err
