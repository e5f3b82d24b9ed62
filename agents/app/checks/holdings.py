"""Says who holds what: which keys lie on this host, what each opens, which should lie elsewhere.

Outcomes: a ``Finding`` per key that is here; weak where a host that sends calls with a public key
holds a secret beside it, or where the two halves of the door's keys are no pair. Raises what
reading the pair raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from agents.app.checks.findings import Finding, Grade
from agents.crypto.transit_hybrid import TransitPrivate, TransitPublic
from agents.settings.model import Settings

_SECRETS: Final[tuple[tuple[str, Callable[[Settings, Path], Path], str], ...]] = (
    (
        "wrapping key",
        Settings.keyset_file,
        "with the ledger it opens every call, stored ones in the vault too",
    ),
    (
        "transit private key",
        Settings.transit_private_file,
        "opens calls as producers send them, while they are on the broker",
    ),
    ("token key", Settings.token_key_file, "tries out the numbers behind pseudonyms"),
    ("signing key", Settings.signing_key_file, "signs certificates and the audit log"),
)
"""Name, file and what it opens."""


def holdings(settings: Settings, state: Path) -> Iterator[Finding]:
    """Every key that is here.

    Args:
        settings: which files.
        state: the state folder.
    """
    sends, public = settings.transit_public_key is not None, settings.transit_public_file(state)
    secrets = [(name, of(settings, state), opens) for name, of, opens in _SECRETS]
    there = [one for one in secrets if one[1].exists()]
    for name, path, opens in there:
        told = f"{path}: {opens}"
        if sends:
            advice = "this host only sends calls: move it to where they are redacted"
            yield Finding(Grade.WEAK, f"holds the {name}", told, advice)
        else:
            yield Finding(Grade.OK, f"holds the {name}", told)
    if public.exists():
        TransitPublic.load(public)
        told = f"{public}: seals calls, opens nothing"
        yield Finding(Grade.OK, "holds the transit public key", told)
        yield from _pair(settings, state, public)
    if not there and not public.exists():
        yield Finding(Grade.SKIPPED, "holds no key", f"none in {state}")


def _pair(settings: Settings, state: Path, public: Path) -> Iterator[Finding]:
    path = settings.transit_private_file(state)
    if not path.exists():
        return
    private = TransitPrivate(path, settings.transit_key_service)
    if TransitPublic.load(public).primary != private.primary:
        told = f"{public} is not the public half of {path}"
        advice = "hushwire keys transit public > FILE, and hand that out"
        yield Finding(Grade.WEAK, "transit keys", told, advice)
