"""Says who holds what: keys and credentials on this host, what each opens, what belongs elsewhere.

Outcomes: a ``Finding`` per key or credential that is here; weak where a host that sends calls with
a public key holds a secret beside it, or where the two halves of the door's keys are no pair.
Raises what reading the pair raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from agents.app.operations.findings import Finding, Grade
from agents.crypto.transit_hybrid import TransitPrivate, TransitPublic
from agents.settings.credentials import has_password
from agents.settings.model import Settings
from agents.vault.file_store import is_bucket

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


def holdings(settings: Settings, state: Path, vault: str | Path | None = None) -> Iterator[Finding]:
    """Every key and credential that is here.

    Args:
        settings: which files, and what they let in.
        state: the state folder.
        vault: where the vault is, where that is named.
    """
    public, sends = settings.transit_public_file(state), _sends(settings, state)
    there = _there(settings, state, vault)
    for name, told in there:
        if sends:
            advice = "this host only sends calls: move it to where they are redacted"
            yield Finding(Grade.WEAK, f"holds the {name}", told, advice)
        else:
            yield Finding(Grade.OK, f"holds the {name}", told)
    for path in (
        settings.gateway_twilio_secrets,
        settings.gateway_telnyx_secrets,
        settings.gateway_audiohook_secrets,
    ):
        if path is not None and path.exists():
            told = f"{path}: whoever has it passes for the platform; for the gateway's host alone"
            yield Finding(Grade.OK, "holds the gateway's secrets", told)
    if public.exists():
        TransitPublic.load(public)
        told = f"{public}: seals calls, opens nothing"
        yield Finding(Grade.OK, "holds the transit public key", told)
        yield from _pair(settings, state, public)
    if not there and not public.exists():
        yield Finding(Grade.SKIPPED, "holds no key", f"none in {state}")


def only_sends(settings: Settings, state: Path, vault: str | Path | None = None) -> bool:
    """Whether this host sends calls and has nothing of those that redact them.

    Args:
        settings: see ``holdings``, as the others.
        state: the state folder.
        vault: where the vault is, where that is named.
    """
    ledger = make_url(settings.ledger_location(state))
    here = ledger.get_backend_name() != "sqlite" or Path(ledger.database or "").exists()
    there = _there(settings, state, vault)
    return _sends(settings, state) and not there and not here and vault is None


def _sends(settings: Settings, state: Path) -> bool:
    public, private = settings.transit_public_file(state), settings.transit_private_file(state)
    # Where the private half lies beside its public one, calls are let in: that is no sender.
    named = settings.transit_public_key is not None or public.exists()
    return named and not (private.exists() and private.parent == public.parent)


def _there(settings: Settings, state: Path, vault: str | Path | None) -> list[tuple[str, str]]:
    """Names of the secrets that are here, and where each is and what it opens."""
    secrets = [(name, of(settings, state), opens) for name, of, opens in _SECRETS]
    there = [(name, f"{path}: {opens}") for name, path, opens in secrets if path.exists()]
    return there + list(_credentials(settings, vault))


def _credentials(settings: Settings, vault: str | Path | None) -> Iterator[tuple[str, str]]:
    """What is no key file: passwords, access to services, secrets that sign. None is shown."""
    file = settings.ledger_password_file
    if file is not None or has_password(settings.ledger_url):
        told = f"{file or 'HUSHWIRE_LEDGER_URL'}: reads and changes what is known of calls"
        yield "ledger's password", told
    for service in {settings.key_service, settings.transit_key_service} - {None}:
        yield "access to a key service", f"{service}: decrypts the key file that it encrypts"
    if vault is not None and is_bucket(vault):
        yield "access to the vault", f"{vault}: reads and removes what is stored, encrypted"
    elif vault is not None and Path(vault).exists():
        yield "vault", f"{vault}: what is stored, encrypted"
    if settings.webhook_secrets is not None and settings.webhook_secrets.exists():
        yield "webhooks' secrets", f"{settings.webhook_secrets}: sign what is told of calls"


def _pair(settings: Settings, state: Path, public: Path) -> Iterator[Finding]:
    path = settings.transit_private_file(state)
    if not path.exists():
        return
    private = TransitPrivate(path, settings.transit_key_service)
    if TransitPublic.load(public).primary != private.primary:
        told = f"{public} is not the public half of {path}"
        advice = "hushwire keys transit public > FILE, and hand that out"
        yield Finding(Grade.WEAK, "transit keys", told, advice)
