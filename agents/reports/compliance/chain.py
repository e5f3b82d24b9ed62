"""Whether the audit log holds: the check of ``hushwire audit verify``, as a part of a report.

The log is compared with what its signing key remembers; with ``vault`` also with checkpoints and
certificates there, which reads each of them. Outcomes of ``chain``: the part; ``InputError`` where
no public key is known, ``StoreError`` where database or
vault are away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from agents.access.audit_log import AuditLog
from agents.crypto.ed25519 import PublicKey
from agents.database.engine import Database
from agents.database.known_keys import known_signing_key
from agents.reports.compliance.model import Chain
from agents.settings.model import Settings
from agents.system.private_files import there
from agents.upkeep.audit_outside import Outside
from agents.vault.file_store import Place
from pipeline.errors import InputError


def chain(
    log: AuditLog,
    settings: Settings,
    state: Path,
    *,
    keys: Mapping[str, PublicKey],
    vault: Place | None,
    seen: Callable[[int], None] = lambda _: None,
) -> Chain:
    """Go through the log.

    Args:
        log: the log.
        settings: name the signing key and the witnesses.
        state: the state folder.
        keys: further public keys by their id.
        vault: what lies there is compared, too.
        seen: told now and then which entry was reached.
    """
    private = settings.signing_key_file(state)
    known = known_keys(settings, state, keys, log.database)
    if not known:
        raise InputError(
            "no public key is known here, so no signature can be checked; `hushwire compliance "
            "report --public-key` takes one"
        )
    outside = Outside([])
    compared = []
    if there(private):
        outside.remember(private)
        compared.append("what the signing key remembers")
    if vault is not None:
        outside.look(vault, known)
        compared.append("checkpoints and certificates in the vault")
    if outside.notes:
        compared.append("what witnesses saw")
    found = log.verify(
        known, kept=outside.checkpoints, outside=outside.stated, calls=outside.calls, seen=seen
    )
    outside.compare(settings, log.tree)
    problems = (*outside.problems, *found.problems)
    return Chain(
        holds=not problems,
        first=found.first,
        last=found.last,
        signed=found.signed,
        signed_at=found.signed_at,
        unsigned=found.unsigned,
        problems=problems,
        compared=tuple(compared),
    )


def known_keys(
    settings: Settings, state: Path, keys: Mapping[str, PublicKey], database: Database
) -> dict[str, PublicKey]:
    """Public keys by their id: those that are given, and the installation's own where it is here.

    Raises:
        KeyFileError: the installation's key is another one than its ledger knows.
        StoreError: the installation's key can't be used.
    """
    private = settings.signing_key_file(state)
    known = dict(keys)
    if there(private):
        own = known_signing_key(database).read(private).public
        known[own.key_id] = own
    return known
