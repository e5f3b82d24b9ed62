"""Checks a certificate offline: its schema, its signature, and the files that lie beside it.

Outcomes of ``check_file`` and ``check_alone``: findings, each with its kind; none for a certificate
that holds.
``InputError`` where the certificate can't be read, ``RecordError`` where it breaks its schema.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from agents.crypto.ed25519 import PublicKey
from agents.system.fatal_exit import ExitCode
from pipeline.errors import InputError, SealError, UnknownCallError
from pipeline.evidence.canonical_json import read_document
from pipeline.evidence.certificate import Certificate, LogStated, parse_certificate
from pipeline.evidence.certificate_check import check_certificate
from pipeline.evidence.layout import CERTIFICATE, SEALED

_TEXTS = (".json", ".vtt")
"""What lies beside a recording; every other file that a certificate names is the recording."""


class Problem(IntEnum):
    """What can be wrong: the command's exit codes, the gravest with the highest number."""

    NOT_CLEAN = ExitCode.NOT_CLEAN
    """The call did not pass its verification, or its files don't measure as they should."""
    MISSING = ExitCode.MISSING
    """A file that the certificate names is not there."""
    UNSIGNED = ExitCode.UNSIGNED
    NO_KEY = ExitCode.NO_PUBLIC_KEY
    """It is signed, and no public key is there to check it with."""
    WRONG_KEY = ExitCode.WRONG_KEY
    """It is signed by a key that is not among the known ones."""
    CHANGED = ExitCode.CHANGED
    """The certificate or a file is not as it was when it was signed."""
    REWRITTEN = ExitCode.REWRITTEN
    """The audit log does not hold the entry that was its last one when the certificate was signed:
    the log was written anew, or cut."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong."""

    problem: Problem
    text: str


def check_file(
    file: Path,
    keys: Mapping[str, PublicKey],
    *,
    unseal: Callable[[str], bytes] | None = None,
    logged: Callable[[LogStated], bool] | None = None,
) -> list[Finding]:
    """Check a certificate and the files beside it.

    Args:
        file: ``<name>.certificate.json``.
        keys: public keys by their id.
        unseal: reads a file, by its plain name, that lies sealed in the vault beside it.
        logged: tells whether an entry is in the audit log; None: no log is at hand.

    Raises:
        InputError: the file can't be read.
        RecordError: it does not follow the schema.
    """

    def content(name: str) -> bytes:
        return _content(file.with_name(name) if name == Path(name).name else None, unseal)

    return check_stated(_certificate(file), keys, content=content, logged=logged)


def check_alone(file: Path, keys: Mapping[str, PublicKey]) -> list[Finding]:
    """Check a certificate without the files that it names and without a log; else ``check_file``.

    Its signature is good where no finding is ``UNSIGNED`` or graver.
    """
    return check_stated(_certificate(file), keys, content=None)


def check_stated(
    data: bytes,
    keys: Mapping[str, PublicKey],
    *,
    content: Callable[[str], bytes] | None,
    logged: Callable[[LogStated], bool] | None = None,
) -> list[Finding]:
    """Check a certificate and, where they are at hand, the files that it names.

    Args:
        data: the certificate's file.
        keys: public keys by their id.
        content: a file by its plain name; ``InputError`` where it is not to be had, ``SealError``
            where it does not open. None: files are not looked at.
        logged: as ``check_file``.

    Raises:
        RecordError: it does not follow the schema.
    """
    stated, document = parse_certificate(data), read_document(data)
    found = list(_signature(stated, document, keys))
    files: dict[str, bytes] = {}
    if content is not None:
        for name in stated.files:
            try:
                files[name] = content(name)
            except SealError:
                found.append(Finding(Problem.CHANGED, f"{name} does not open"))
            except InputError as error:
                found.append(Finding(Problem.MISSING, f"{name} {error}"))
    changed = [
        Finding(Problem.CHANGED, f"{name} is not the file that was certified")
        for name, content in files.items()
        if hashlib.sha256(content).hexdigest() != stated.files[name]
    ]
    found += changed
    if not stated.passed:
        failed = ", ".join(one.name for one in stated.checks if not one.passed) or "not said"
        found.append(Finding(Problem.NOT_CLEAN, f"the call was quarantined: {failed}"))
    elif content is not None and not changed and set(files) == set(stated.files):
        found += _measured(data, files)
    if stated.log is not None and logged is not None and not logged(stated.log):
        told = f"the audit log does not hold entry {stated.log.seq} as the certificate names it"
        found.append(Finding(Problem.REWRITTEN, told))
    return found


def _certificate(file: Path) -> bytes:
    if not file.name.endswith(CERTIFICATE):
        raise InputError(f"{file.name}: a certificate's name ends with {CERTIFICATE}")
    return _read(file)


def _content(path: Path | None, unseal: Callable[[str], bytes] | None) -> bytes:
    """The content of a file that a certificate names.

    Raises:
        InputError: it is not to be had; the message says why.
        SealError: it is sealed and does not open.
    """
    if path is not None and path.is_file():
        return _read(path)
    if path is None or not path.with_name(path.name + SEALED).is_file():
        raise InputError("is missing")
    if unseal is None:
        raise InputError("is sealed: export the call, or check it where the vault's keys are")
    try:
        return unseal(path.name)
    except UnknownCallError:
        raise InputError("is sealed, and its key is destroyed") from None


def _signature(
    stated: Certificate, document: Mapping[str, object], keys: Mapping[str, PublicKey]
) -> Iterator[Finding]:
    signature = stated.signature
    if signature is None:
        yield Finding(Problem.UNSIGNED, "not signed: anybody may have written it")
        return
    key = keys.get(signature.key_id)
    if not keys:
        told = "signed, but no public key is known to check it with: name one with --public-key"
        yield Finding(Problem.NO_KEY, told)
    elif key is None:
        told = f"signed by another key ({signature.key_id[:16]}…)"
        yield Finding(Problem.WRONG_KEY, told)
    elif not key.signed(document):
        yield Finding(Problem.CHANGED, "the certificate was changed after it was signed")


def _measured(certificate: bytes, files: Mapping[str, bytes]) -> list[Finding]:
    """Look into the audio: do the mutes hold what the certificate says?"""
    texts = {name: data for name, data in files.items() if name.endswith(_TEXTS)}
    audio = next((data for name, data in files.items() if name not in texts), b"")
    return [
        Finding(Problem.NOT_CLEAN, f"{one.name}: measured {one.measured:g}, allowed {one.limit:g}")
        for one in check_certificate(certificate, audio, texts)
        if not one.passed
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({error.strerror})") from error
