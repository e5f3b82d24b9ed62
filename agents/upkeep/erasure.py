"""Erases calls: keys, files, catalogue; what stays is that it was done.

The order makes it safe at any moment, and a repeat finishes what was interrupted:

1. the catalogue notes that the call is being erased: no reader and no legal hold comes after;
2. the audit log is told;
3. a call that is still on its way is closed, with its transit key; a quarantine ends;
4. the vault key is destroyed: from here on the files open for nobody, wherever copies are;
5. the files are removed, half-written ones too;
6. marks, comparisons and the recorder's id of the call go, then its row, with the parties'
   pseudonyms.

The ledger keeps the call's id, its state and that it was erased, so that the same recording is not
taken in again.

Outcomes of ``erase``: whether anything was there; ``HeldError`` where a legal hold forbids it: that
is told to the audit log, unless it was the retention that asked, and no file or key is destroyed;
``UnknownCallError`` for an id that the ledger never had; ``InputError`` where what the vault has of
the call is another installation's, or nothing that a vault writes: nothing is erased then.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from agents.access.audit_log import AuditLog, Event
from agents.database.call_ledger import CallState, Ledger
from agents.vault.file_store import PASSED, QUARANTINE
from agents.vault.mark_store import Marks
from agents.vault.shadow_results import ShadowResults
from agents.vault.vault import Vault
from pipeline.errors import HeldError, HushwireError, InputError, UnknownCallError

ERASED: Final = "hushwire.audit.call-erased.v1"
HELD: Final = "hushwire.audit.erasure-held.v1"
RETENTION: Final = "retention"
"""Its time was up."""
REQUEST: Final = "request"
"""Somebody asked for the call's erasure, by its id."""
SUBJECT: Final = "subject"
"""A person asked for the erasure of their calls."""
CONSENT: Final = "consent"
"""The rules and the policy in force do not keep it any more (``agents.upkeep.consent_recheck``)."""


def erase(vault: Vault, ledger: Ledger, log: AuditLog, call_id: str, why: str) -> bool:
    """Erase a call; see the module's text.

    Args:
        vault: where it lies.
        ledger: its state and keys.
        log: is told.
        call_id: which.
        why: ``RETENTION``, ``REQUEST``, ``SUBJECT`` or ``CONSENT``.
    """
    known = ledger.call(call_id)
    if known is None:
        raise UnknownCallError(f"call {call_id}: there never was one of this id")
    state = known.state
    ours = [one for one in (PASSED, QUARANTINE) if vault.ours(one, call_id, log)]
    # Of a call that was refused before it was stored, retention only clears up the key.
    stored = why != RETENTION or vault.catalogue.certificate(call_id) is not None
    if len(ours) < len((PASSED, QUARANTINE)) and stored:
        raise InputError(
            f"call {call_id}: what this vault has of it is another installation's, or nothing "
            "that Hushwire wrote; nothing was erased. Name the vault that belongs to the ledger"
        )
    try:
        noted = vault.catalogue.begin_erasing(call_id, why)
    except HeldError:
        if why != RETENTION:
            at = log.stamp()
            facts = {"at": at, "what": "erasure-held", "why": why}
            log.append(Event(f"{call_id}/{HELD}/{at}", call_id, HELD, facts))
        raise
    there = noted is not None or vault.keys.has(call_id) or state is CallState.OPEN
    there = there or any(vault.place.names(area, call_id) for area in ours)
    if there:
        # Of a repeat the same, so that it is told once.
        facts = {"at": ledger.database.stamp(), "what": "call-erased", "why": noted or why}
        log.append(Event(f"{call_id}/{ERASED}", call_id, ERASED, facts))
    if state is CallState.OPEN:
        with suppress(UnknownCallError):
            ledger.close_call(call_id, CallState.REFUSED)
        # What was entered between the first look and the end of the call.
        vault.catalogue.begin_erasing(call_id, why)
    if noted is not None or why != RETENTION:
        # Not where retention only clears up after a refused call: that was never stored.
        ledger.note_erased(call_id)
    ledger.end_quarantine(call_id)
    vault.keys.destroy(call_id)
    removed = [vault.place.remove(area, call_id) for area in ours]
    Marks(ledger.database, log).erase(call_id)
    ShadowResults(ledger.database).remove(call_id)
    vault.recorder_ids.erase(call_id)
    vault.catalogue.remove(call_id)
    return there or any(removed)


def erase_party(
    vault: Vault, ledger: Ledger, log: AuditLog, party: str
) -> tuple[list[str], Mapping[str, HushwireError]]:
    """Erase every stored call of a person that may be erased; none of them keeps the others.

    A hold is an exception for its call alone (GDPR Art. 17(3)(e): legal claims), so the right to
    erasure stands for the rest.

    Args:
        vault: where the calls lie.
        ledger: states and keys.
        log: is told of each.
        party: the person's pseudonym.

    Returns:
        The ids of the calls that are erased, and why each of the others is not: ``HeldError`` for
        a legal hold, ``InputError`` where its files lie in another vault.
    """
    erased: list[str] = []
    left: dict[str, HushwireError] = {}
    for call_id in vault.catalogue.of_party(party):
        try:
            vault.require_files(call_id)
            erase(vault, ledger, log, call_id, SUBJECT)
        except HushwireError as error:
            left[call_id] = error
        else:
            erased.append(call_id)
    return erased, left
