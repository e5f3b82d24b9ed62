"""What is known of the audit log from outside its database, to compare the log with.

Outcomes: what does not fit is among ``problems``; ``StoreError`` where the vault is away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agents.access.hash_chain import Checkpoint, Stated
from agents.access.merkle_tree import Tree
from agents.access.witness import Note, contradictions, witnesses
from agents.crypto.ed25519 import PublicKey
from agents.crypto.signed_head import HeadMemory
from agents.settings.model import Settings
from agents.upkeep.audit_checkpoints import VaultCheckpoints, certified, notes
from agents.vault.file_store import Place
from pipeline.errors import ForgottenError, InputError


@dataclass
class Outside:
    """What is known of the log from outside its database."""

    checkpoints: list[Checkpoint]
    stated: list[Stated] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    calls: int = 0
    """Certificates in the vault."""
    notes: list[Note] = field(default_factory=list)
    """Witnessed checkpoints in the vault."""

    def look(self, place: Place, keys: Mapping[str, PublicKey]) -> None:
        """Take in what lies in a vault."""
        self.checkpoints += VaultCheckpoints(place).all()
        self.notes += notes(place)
        for one in certified(place, keys):
            self.calls += 1
            if isinstance(one, str):
                self.problems.append(one)
            elif one is not None:
                self.stated.append(one)

    def compare(self, settings: Settings, tree: Callable[[], Tree]) -> None:
        """Compare the log with what witnesses saw, where they saw anything."""
        if self.notes:
            known = witnesses(settings.audit_witnesses)
            try:
                self.problems += contradictions(self.notes, known, settings.audit_origin, tree())
            except InputError as error:
                self.problems.append(str(error))

    def remember(self, signing_key: Path) -> None:
        """Take in what the signing key remembers, where it is at hand."""
        if not signing_key.exists():
            return
        try:
            last = HeadMemory(signing_key).read()
        except ForgottenError as error:
            self.problems.append(str(error))
        else:
            by = f"signed last, on {last.at}, as is noted beside the key"
            self.stated.append(Stated(last.seq, last.hash, by))
