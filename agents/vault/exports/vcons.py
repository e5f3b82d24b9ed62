"""Writes stored calls as vCons: ``DIR/<call>.vcon.json``; see ``pipeline.evidence.vcon``.

A file appears whole (mode 0600); a repeat writes the same bytes again. A file of that name that is
no vCon of this call is not touched. The audit log is told of every call before its first byte.

Memory: 1 MiB pieces of audio, transcript and certificate; where it is signed and the audio goes
inline, the signing input besides (16/9 of the FLAC's length), because Ed25519 reads it twice.

Outcomes of ``VConExport``: the call's facts; ``UnknownCallError`` for one that is not there (never
stored, erased), ``InputError`` for a quarantined one, of which nothing but a certificate is kept,
and for a file that can't be written or is not ours, else as ``agents.vault.reader``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from agents.access.audit_log import AuditLog
from agents.crypto.ed25519 import SigningKey
from agents.vault.exports.files import certified, tell_exported, write_whole
from agents.vault.reader import StoredCallFacts, VaultReader
from pipeline.errors import InputError
from pipeline.evidence import vcon
from pipeline.evidence.certificate import Certificate, parse_certificate

ENDING: Final = ".vcon.json"


@dataclass(frozen=True, slots=True)
class VConExport:
    """Writes calls as vCons.

    Args:
        reader: where they lie.
        log: is told who got them.
        folder: made when missing.
        by: who asked.
        key: signs them; None: they are not signed.
        url_prefix: under which ``<call>/<call>.flac`` lies, as a plain export writes it; empty:
            the audio goes inline. As ``url_prefix`` checks it.
    """

    reader: VaultReader
    log: AuditLog
    folder: Path
    by: str
    key: SigningKey | None = None
    url_prefix: str = ""

    def __call__(self, call_id: str) -> StoredCallFacts:
        """Write one call; see the module's text."""
        facts = self.reader.call(call_id)
        if not facts.passed:
            raise InputError(
                f"call {call_id} is quarantined: nothing but its certificate is kept; export it "
                "without --format vcon"
            )
        data = self.reader.certificate(call_id)
        stated, path = parse_certificate(data), self.folder / f"{call_id}{ENDING}"
        told = stored_facts(facts, stated)
        _refuse_other(path, vcon.uuid_of(told))
        tell_exported(self.log, facts, self.by)
        transcript = b"".join(self._file(stated, f"{call_id}.json"))
        built = vcon.build(told, transcript, data, self._recording(facts, stated))
        audio = self._file(stated, f"{call_id}.flac") if built.inline else ()
        pieces = built.pieces(audio)
        write_whole(path, pieces if self.key is None else _signed(built.uuid, pieces, self.key))
        return facts

    def _file(self, stated: Certificate, name: str) -> Iterator[bytes]:
        """A file of the call, which is the certified one."""
        return certified(self.reader.file(stated.call_id, name), stated.files.get(name, ""))

    def _recording(self, facts: StoredCallFacts, stated: Certificate) -> vcon.Recording | None:
        name = f"{facts.call_id}.flac"
        if name not in facts.files:
            return None
        if not self.url_prefix:
            return vcon.Recording(name)
        digest = hashlib.sha512()
        for piece in self._file(stated, name):
            digest.update(piece)
        url = f"{self.url_prefix}/{quote(facts.call_id)}/{quote(name)}"
        return vcon.Recording(name, url, vcon.content_hash(digest.digest()))


def stored_facts(facts: StoredCallFacts, stated: Certificate) -> vcon.StoredFacts:
    """What a vCon tells of a call, from the catalogue and the certificate."""
    return vcon.StoredFacts(
        call_id=facts.call_id,
        stored=facts.stored,
        started=facts.started,
        duration_ms=facts.duration_ms,
        roles=stated.roles,
        parties=facts.parties,
        purpose=facts.purpose,
        retain_until=facts.retain_until,
        consent=facts.consent,
        certificate=facts.certificate,
        key_id=stated.signature.key_id if stated.signature else "",
    )


def url_prefix(text: str) -> str:
    """A prefix under which plain exports can be fetched, without a slash at its end.

    Raises:
        InputError: it is none: not https (which the draft demands), or it holds more than host and
            path. The message does not quote it: it may hold a secret.
    """
    try:
        parts = urlsplit(text)
        fits = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or set("?#@\\") & set(text):
        raise InputError("--by-reference: name an https URL of host and path alone, no query")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise InputError("--by-reference: holds a blank or a control character; write it as %20")
    return text.rstrip("/")


def _signed(
    identity: str, pieces: Iterable[bytes], key: SigningKey
) -> Iterator[bytes | memoryview]:
    """The signed form: JWS in general JSON (RFC 7515, 7.2.1)."""
    protected = vcon.protected_header(key.public.key_id)
    signing_input = bytearray(protected + b".")
    coder = vcon.Base64Url()
    for piece in pieces:
        signing_input += coder.feed(piece)
    signing_input += coder.end()
    signature = key.sign_text(signing_input)
    yield vcon.jws_head()
    yield memoryview(signing_input)[len(protected) + 1 :]
    yield vcon.jws_tail(identity, protected, signature, key.x509(vcon.host(key.public.key_id)))


def _refuse_other(path: Path, identity: str) -> None:
    """Refuse a file that no export of this call put there.

    Raises:
        InputError: it is such.
    """
    plain = vcon.opening(identity)
    signed = vcon.jws_head() + vcon.encoded(plain[: len(plain) - len(plain) % 3])
    try:
        if not path.exists():
            return
        with path.open("rb") as file:
            start = file.read(max(len(plain), len(signed)))
    except OSError as error:
        raise InputError(f"{path}: {os.strerror(error.errno or 0)}") from error
    if not start.startswith((plain, signed)):
        raise InputError(f"{path}: is no vCon of this call; name another folder with --to")
