"""``hushwire export --format vcon`` as somebody runs it; what it wrote is read by others' code."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import OKPKey
from typer.testing import CliRunner, Result

from agents.access.audit_log import AuditLog
from agents.cli.main import app
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import CallState
from agents.database.known_keys import known_signing_key, known_token_key
from agents.database.open_ledger import opened_ledger
from agents.settings.model import load_settings
from agents.vault.exports.vcons import VConExport, url_prefix
from agents.vault.reader import VaultReader
from agents.vault.vault import Vault
from pipeline.errors import InputError, KeyFileError, SealError, UnknownCallError
from pipeline.evidence.certificate import certificate_json
from pipeline.evidence.stored_call import StoredCall
from pipeline.records.consent import (
    Answer,
    Decision,
    Evidence,
    Kind,
    Outcome,
    Party,
    RuleStated,
    Why,
)
from pipeline.records.pseudonyms import pseudonym
from tests.agents.storing import AUDIO, new_ledger, stored_call

pytestmark = pytest.mark.unit

NUMBER = "+1 555 010 0199"
TRANSCRIPT = b'{"Transcript": [{"Content": "my card is [CARD_NUMBER]"}]}\n'
STARTED = "2026-11-29T10:15:00+01:00"
KEPT = Decision(
    Outcome.KEPT,
    Why.SATISFIED,
    (RuleStated("us-ca", 2, "US-CA"),),
    "d" * 64,
    (
        Evidence(Kind.NOTICE_PLAYED, at_ms=-3_000, notice="us-ca-es@3"),
        Evidence(Kind.SPOKEN, Party.CUSTOMER, Answer.YES, 4_000, certainty=0.93),
    ),
    "consent",
    sides=True,
)
READER = Path(__file__).parents[3] / "build" / "vcon" / "bin" / "python"
READ = Path(__file__).parents[2] / "vcon" / "read.py"
FLAC_IS_NOT_LISTED = ["Dialog at index 0 has an invalid or missing mediatype: audio/flac"]
"""The draft's list of media types is a SHOULD; the package takes it for a MUST."""


def a_call(call_id: str, key: SigningKey, consent: Decision | None, caller: str) -> StoredCall:
    """A signed call with a transcript that is JSON."""
    plain = stored_call(call_id, json=TRANSCRIPT, purpose="quality", parties=(caller,))
    stated = replace(plain.certificate, consent=consent, started_at=STARTED)
    files = {**plain.files, plain.certificate_name: certificate_json(stated)}
    return key.certify(replace(plain, certificate=stated, files=files))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A vault with a call that somebody agreed to, one that nobody asked about, one quarantined."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "vault"
    state = place / ".hushwire"
    ledger = new_ledger(state)
    key = SigningKey.load_or_create(state / "signing.pem")
    caller = pseudonym(NUMBER, known_token_key(ledger.database).ensured(state / "tokens.key"))
    vault = Vault.opened(place, ledger)
    calls = {
        "asked": a_call("asked", key, KEPT, caller),
        "unasked": a_call("unasked", key, None, caller),
        "bad": stored_call("bad", passed=False),
    }
    for call_id, call in calls.items():
        ledger.open_call(call_id)
        vault.store(call, keep_days=90)
        ledger.close_call(call_id, CallState.STORED)
    (tmp_path / "public.pem").write_text(key.public.pem())
    yield place
    ledger.dispose()


class Patient(jws.JWSRegistry):
    """joserfc refuses a payload of more than 128 kB unless it is told otherwise."""

    max_payload_length = 1 << 30


REGISTRY = Patient(algorithms=["EdDSA"], strict_check_header=False)
"""The draft's own header parameter ``uuid`` is not one of JWS."""


def export(*arguments: object, exit_code: int = 0) -> Result:
    command = ["export", "--vault", "vault", "--to", "out", "--format", "vcon", *arguments]
    result = CliRunner().invoke(app, [str(one) for one in command], catch_exceptions=True)
    assert result.exit_code == exit_code, (result.output, result.exception)
    return result


def written(call_id: str) -> dict[str, Any]:
    """An exported vCon in the unsigned form, verified with the published key where it is signed."""
    document = json.loads(Path("out", f"{call_id}.vcon.json").read_bytes())
    if "payload" in document:
        key = OKPKey.import_key(Path("public.pem").read_text())
        verified = jws.deserialize_json(document, key, registry=REGISTRY)
        document = json.loads(verified.payload)
    assert isinstance(document, dict)
    return document


def inline(dialog: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64decode(dialog["body"] + "=" * (-len(dialog["body"]) % 4))


def audited(place: Path) -> list[tuple[str, str]]:
    from agents.database.call_ledger import Ledger  # noqa: PLC0415

    ledger = Ledger.embedded(place / ".hushwire")
    lines = [json.loads(line) for line in AuditLog(ledger.database).export()]
    ledger.dispose()
    return [(one["subject"], one["facts"]["what"]) for one in lines]


def test_a_stored_call_becomes_one_signed_file(place: Path) -> None:
    assert "1 calls in out\n" in export("--call", "asked").output
    file = Path("out", "asked.vcon.json")
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    assert file.stat().st_mode & 0o777 == 0o600
    assert audited(place) == [("asked", "call-exported")]
    document = written("asked")
    (dialog,) = document["dialog"]
    assert inline(dialog) == AUDIO
    assert dialog["start"] == "2026-11-29T10:15:00.000+01:00"
    transcript, certificate = document["analysis"]
    assert transcript["body"] == json.loads(TRANSCRIPT)
    assert certificate["body"]["files"]["asked.flac"] == hashlib.sha256(AUDIO).hexdigest()
    (lawful,) = document["attachments"]
    assert lawful["body"]["lawful_basis"] == "consent"
    assert lawful["body"]["metadata"]["rules"] == [{"id": "us-ca", "version": 2, "place": "US-CA"}]
    first = file.read_bytes()
    export("--call", "asked")  # a repeat is another look, and the same file
    assert file.read_bytes() == first
    assert len(audited(place)) == 2


def test_the_signature_holds_by_the_published_key_and_for_nothing_else(place: Path) -> None:
    export("--call", "asked")
    signed = json.loads(Path("out/asked.vcon.json").read_bytes())
    (one,) = signed["signatures"]
    protected = json.loads(base64.urlsafe_b64decode(one["protected"] + "=="))
    assert protected["alg"] == "EdDSA"
    assert not set(protected) & set(one["header"])  # RFC 7515, 7.2.1
    assert one["header"]["uuid"] == written("asked")["uuid"]
    carried = x509.load_der_x509_certificate(base64.b64decode(one["header"]["x5c"][0]))
    published = load_pem_public_key(Path("public.pem").read_bytes())
    assert carried.public_key() == published
    carried.verify_directly_issued_by(carried)
    host = carried.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert host.get_values_for_type(x509.DNSName) == [f"{protected['kid'][:32]}.hushwire.invalid"]
    # Once more, without a JOSE library.
    signature = base64.urlsafe_b64decode(one["signature"] + "==")
    text = f"{one['protected']}.{signed['payload']}".encode()
    published.verify(signature, text)
    with pytest.raises(InvalidSignature):
        published.verify(signature, text + b"A")
    changed = signed | {"payload": signed["payload"][:-4] + "AAAA"}
    key = OKPKey.import_key(Path("public.pem").read_text())
    with pytest.raises(BadSignatureError):
        jws.deserialize_json(changed, key, registry=REGISTRY)


def test_without_a_key_or_on_request_it_is_not_signed(place: Path) -> None:
    assert "1 calls in out, not signed" in export("--call", "asked", "--no-sign").output
    assert "payload" not in json.loads(Path("out/asked.vcon.json").read_bytes())
    plain = written("asked")
    export("--call", "asked")  # the signed form of the same call may take its place
    assert written("asked") == plain
    key = place / ".hushwire" / "signing.pem"
    key.unlink()
    assert "not signed" in export("--call", "asked").output
    refused = export("--call", "asked", "--sign", exit_code=1)
    assert isinstance(refused.exception, InputError)
    assert "nothing can be signed; use --no-sign" in str(refused.exception)
    assert not key.exists()


def test_neither_number_nor_name_is_in_it(place: Path) -> None:
    export("--call", "asked", "--no-sign")
    document = written("asked")
    assert [set(one) for one in document["parties"]] == [{"name", "role"}] * 2 + [{"name"}]
    assert document["parties"][2]["name"].startswith("pn-")
    document["dialog"][0].pop("body")
    rest = json.dumps(document)
    assert not any(one in rest for one in ("5550100199", "010 0199", "0100199", NUMBER))
    assert "what was said" not in rest  # of the subtitles


def test_another_key_than_the_ledger_knows_signs_nothing(place: Path) -> None:
    state = place / ".hushwire"
    with opened_ledger(load_settings(), state) as ledger:
        known_signing_key(ledger.database).ensured(state / "signing.pem")
    (state / "signing.pem").unlink()
    SigningKey.load_or_create(state / "signing.pem")
    for options in ((), ("--sign",)):
        refused = export("--call", "asked", *options, exit_code=1)
        assert isinstance(refused.exception, KeyFileError)
    assert not list(Path().glob("out/*"))
    export("--call", "asked", "--no-sign")


def test_nothing_is_claimed_of_a_call_that_nobody_asked_about(place: Path) -> None:
    export("--call", "unasked")
    document = written("unasked")
    assert document["attachments"] == []
    assert document["extensions"] == ["CC"]


def test_audio_by_reference_is_hashed_and_left_out(place: Path) -> None:
    export("--call", "asked", "--by-reference", "https://media.example.com/calls/")
    (dialog,) = written("asked")["dialog"]
    assert "body" not in dialog
    assert dialog["url"] == "https://media.example.com/calls/asked/asked.flac"
    digest = base64.urlsafe_b64encode(hashlib.sha512(AUDIO).digest()).decode().rstrip("=")
    assert dialog["content_hash"] == f"sha512-{digest}"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "example.com/x",
        "https://",
        "https://me:secret@example.com",
        "https://example.com/x?token=secret",
        "https://example.com/x#",
        "https://example.com/a b",
        "https://[",
    ],
)
def test_a_url_that_is_none_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(InputError, match=r"^--by-reference: ") as told:
        url_prefix(url)
    assert "secret" not in str(told.value)


def test_a_quarantined_and_an_erased_call_are_refused(place: Path) -> None:
    refused = export("--call", "bad", exit_code=1)
    assert isinstance(refused.exception, InputError)
    assert "call bad is quarantined" in str(refused.exception)
    erased = CliRunner().invoke(app, ["erase", "--call", "asked", "--vault", "vault"])
    assert erased.exit_code == 0
    assert isinstance(export("--call", "asked", exit_code=1).exception, UnknownCallError)
    assert not Path("out").exists()
    assert [what for _, what in audited(place)] == ["call-erased"]
    result = export("--all", exit_code=1)
    assert "not exported: call bad: quarantined: nothing" in result.output
    assert [one.name for one in Path("out").iterdir()] == ["unasked.vcon.json"]


@pytest.mark.parametrize("content", [b"", b'{"vcon":"0.4.0","uuid":"another"}', b'{"payload":"x'])
def test_a_file_of_somebody_else_is_not_touched(place: Path, content: bytes) -> None:
    Path("out").mkdir()
    Path("out/asked.vcon.json").write_bytes(content)
    refused = export("--call", "asked", exit_code=1)
    assert isinstance(refused.exception, InputError)
    assert "is no vCon of this call" in str(refused.exception)
    assert Path("out/asked.vcon.json").read_bytes() == content
    assert audited(place) == []


@pytest.mark.parametrize("options", [("--sign",), ("--no-sign",), ("--by-reference", "https://a")])
def test_options_of_a_vcon_are_refused_for_plain_files(
    place: Path, options: tuple[str, ...]
) -> None:
    refused = export("--call", "asked", "--format", "files", *options, exit_code=1)
    assert isinstance(refused.exception, InputError)


@pytest.mark.parametrize("options", [(), ("--no-sign",), ("--by-reference", "https://a")])
@pytest.mark.parametrize("file", ["asked.flac.sealed", "asked.json.sealed"])
def test_a_damaged_call_leaves_no_file(place: Path, file: str, options: tuple[str, ...]) -> None:
    sealed = place / "calls" / "asked" / file
    sealed.write_bytes(sealed.read_bytes()[:-1])
    assert isinstance(export("--call", "asked", *options, exit_code=1).exception, SealError)
    assert not list(Path().glob("out/*"))


def test_audio_that_is_not_the_certified_one_is_not_exported(place: Path) -> None:
    class Other(VaultReader):
        def file(self, call_id: str, name: str, *_: object, **__: object) -> Iterator[bytes]:
            yield TRANSCRIPT if name.endswith(".json") else b"genuine, and another"

    from agents.database.call_ledger import Ledger  # noqa: PLC0415

    ledger = Ledger.embedded(place / ".hushwire")
    reader = Other(Vault.opened(place, ledger))
    with pytest.raises(SealError):
        VConExport(reader, AuditLog(ledger.database), Path("out"), "me")("asked")
    ledger.dispose()
    assert not list(Path("out").iterdir())


@pytest.mark.parametrize(("options", "most"), [(("--no-sign",), 9), ((), 9 + 2 * 24)])
def test_a_long_call_streams(
    place: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], most: int
) -> None:
    """24 MiB of audio: some pieces of 1 MiB, and what Ed25519 has to read twice where it signs."""
    audio = AUDIO[: 1 << 20] * 24
    stated = hashlib.sha256(audio).hexdigest()

    def file(self: VaultReader, call_id: str, name: str, *_: object) -> Iterator[bytes]:
        if name.endswith(".json"):
            yield TRANSCRIPT
        else:
            for start in range(0, len(audio), 1 << 20):
                yield audio[start : start + (1 << 20)]

    from agents.vault.exports import vcons as vconexport  # noqa: PLC0415

    genuine = vconexport.certified
    monkeypatch.setattr(VaultReader, "file", file)
    monkeypatch.setattr(
        vconexport,
        "certified",
        lambda pieces, digest: genuine(
            pieces, digest if digest == hashlib.sha256(TRANSCRIPT).hexdigest() else stated
        ),
    )
    export("--call", "asked", "--no-sign")  # what is imported and cached is not counted
    Path("out/asked.vcon.json").unlink()
    tracemalloc.start()
    export("--call", "asked", *options)
    peak = tracemalloc.get_traced_memory()[1] / (1 << 20)
    tracemalloc.stop()
    assert peak < most
    assert inline(written("asked")["dialog"][0]) == audio


@pytest.mark.skipif(not READER.exists(), reason="`make vcon-reader` sets up the package vcon")
@pytest.mark.parametrize("form", ["signed", "unsigned"])
def test_the_package_vcon_reads_it(place: Path, form: str) -> None:
    """By code of others: form, audio, lawful basis and grants."""
    out = export("--subject", NUMBER, *(() if form == "signed" else ("--no-sign",))).output
    assert "2 calls in out" in out
    export(
        *("--to", "referred", "--call", "asked", "--by-reference", "https://example.com"),
        *(() if form == "signed" else ("--no-sign",)),
    )
    files = ["out/asked.vcon.json", "out/unasked.vcon.json", "referred/asked.vcon.json"]
    keys = ["public.pem"] if form == "signed" else []
    read = subprocess.run(
        [READER, "-W", "ignore", READ, *keys, *files], capture_output=True, text=True, check=False
    )
    assert read.returncode == 0, read.stderr
    asked, unasked, referred = json.loads(read.stdout)
    assert asked["uuid"] == referred["uuid"] == written("asked")["uuid"]
    for one in (asked, unasked, referred):
        assert one["errors"] == FLAC_IS_NOT_LISTED
        unknown = {"CC": ["Extension CC is not registered"]}  # the working group's own
        lawful = {} if one is unasked else {"lawful_basis": []}
        assert one["extension_errors"] == unknown | lawful
        assert one["attachment_errors"] == []
        assert one["dropped"] == []
        assert one["transcript"] == json.loads(TRANSCRIPT)
    assert asked["audio_sha256"] == unasked["audio_sha256"] == hashlib.sha256(AUDIO).hexdigest()
    assert asked["granted"] == ["recording", "transcription", "quality"]
    assert unasked["granted"] == []
    assert referred["audio_sha256"] == ""


def test_what_reads_it_runs_apart_from_us() -> None:
    """The package asks for another Python and brings its own libraries."""
    assert "vcon" not in {name.partition(".")[0] for name in sys.modules}
