"""Looks at an installation and says what is weaker than it should be, and what to do about it.

Outcomes: a list of ``Finding``; nothing is changed or made, and what can't be looked at is a
finding as well. No check raises.
"""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy.engine import make_url

from agents.app.checks.disks import disks, written
from agents.app.checks.holdings import holdings, only_sends
from agents.app.checks.key_files import key_files
from agents.app.checks.surroundings import clock, ending_certificates, topic_findings
from agents.app.operations.findings import KEY_DAYS, Finding, Grade
from agents.crypto.signed_head import HeadMemory
from agents.database import migrate
from agents.database.call_ledger import open_since
from agents.database.engine import Database, sqlite_file
from agents.database.policies.of_installation import policy_of
from agents.kafka.admin import unread
from agents.kafka.security import KafkaSecurity
from agents.kafka.topics import Topics
from agents.settings.credentials import has_password
from agents.settings.model import Settings
from agents.settings.used_models import others_in_use
from agents.system.child_processes import may_dump_core
from agents.system.sockets.serving import is_loopback
from agents.upkeep.kek_rotation import wrapping_keys
from agents.upkeep.sweep_guard import Bounds, SweepGuard
from agents.upkeep.unfinished_calls import longest_open
from agents.vault.file_store import is_bucket, open_place
from models.speech.whisper import unusable
from models.store.loader import verify
from pipeline.errors import ForgottenError, HushwireError, ModelError, PolicyError, SealError
from pipeline.policy.warnings import warnings
from pipeline.records.stages import ADMIT

_OF_SENDERS = frozenset({"broker", "keys held here", "disks", "certificates", "memory"})
"""What is looked at on a host that only sends calls."""
_NONE = "nothing of one is here: no state folder, no ledger, no key, no vault, no broker"
_WHERE = (
    "run it where the workers run, or name what there is: --state-dir, --to, --bootstrap, or their "
    "settings"
)
PAGES = {
    "installation": "docs/operations.md",
    "broker": "docs/deploy/kafka.md",
    "state folder": "docs/security.md",
    "key file": "docs/security.md",
    "transit key": "docs/security.md",
    "token key": "docs/security.md",
    "keys held here": "docs/deploy/install.md",
    "signing key": "docs/certificates.md",
    "ledger": "docs/deploy/ledger.md",
    "vault": "docs/vault.md",
    "disks": "docs/operations.md",
    "policy": "docs/policies.md",
    "models": "docs/models.md",
    "speech engines": "docs/models.md",
    "certificates": "docs/deploy/kafka.md",
    "memory": "docs/security.md",
}
"""Where a check's weaknesses and their mends are told in full."""
_SWAPS = Path("/proc/swaps")
_SWAP_LIMIT = Path("/sys/fs/cgroup/memory.swap.max")


def examine(
    settings: Settings, state: Path, vault: str | Path | None, also: Iterable[Path] = ()
) -> list[Finding]:
    """Every check.

    Args:
        settings: what should be.
        state: folder of ledger and wrapping key.
        vault: folder of the vault, or ``s3://bucket/prefix``; ``None``: not on this machine.
        also: more folders whose disks are looked at.
    """
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("broker", lambda: _broker(settings)),
        ("state folder", lambda: _folder("state folder", state)),
        ("key file", lambda: _key_file("key file", settings.keyset_file(state))),
        ("transit key", lambda: _key_file("transit key", settings.transit_private_file(state))),
        ("token key", lambda: _key_file("token key", settings.token_key_file(state))),
        ("keys held here", lambda: holdings(settings, state, vault)),
        ("signing key", lambda: _signing_key(settings.signing_key_file(state))),
        ("ledger", lambda: _ledger(settings, state)),
        ("vault", lambda: _vault(vault)),
        ("disks", lambda: disks(written(settings, state, vault, also))),
        ("policy", lambda: _policy(settings, state)),
        ("models", lambda: _models(settings)),
        ("speech engines", lambda: _engines(settings)),
        ("certificates", lambda: ending_certificates(settings)),
        ("memory", _memory),
    ]
    found: list[Finding] = []
    if _nothing_here(settings, state, vault):
        found.append(Finding(Grade.WEAK, "installation", _NONE, _WHERE, PAGES["installation"]))
    elif only_sends(settings, state, vault):
        told = "holds no key that opens a call, no ledger and no vault"
        found.append(Finding(Grade.OK, "only sends", told))
        checks = [one for one in checks if one[0] in _OF_SENDERS]
    for what, check in checks:
        try:
            found += [replace(one, page=PAGES[what]) for one in check()]
        except (HushwireError, OSError) as error:
            told = error.strerror or "" if isinstance(error, OSError) else str(error)
            mend = "mend it and look again"
            found.append(Finding(Grade.WEAK, what, told, mend, PAGES[what]))
    return found


def _nothing_here(settings: Settings, state: Path, vault: str | Path | None) -> bool:
    """Whether no part of an installation is named or lies here: most likely a wrong folder."""
    ledger = sqlite_file(settings.ledger_location(state))
    named = (settings.bootstrap, settings.ledger_url, settings.transit_public_key, vault)
    files = (settings.keyset_file(state), settings.transit_public_file(state))
    return (
        not any(named)
        and not state.exists()
        and not any(one is not None and one.exists() for one in (ledger, *files))
    )


def _broker(settings: Settings) -> Iterator[Finding]:
    if not settings.bootstrap:
        yield Finding(Grade.SKIPPED, "broker", "none is named: --bootstrap or HUSHWIRE_BOOTSTRAP")
        return
    topics = Topics.named(settings.topic_prefix, backfilled=settings.backfill)
    security = KafkaSecurity.of(settings)
    yield from topic_findings(settings)
    if security.tls:
        yield Finding(Grade.OK, "broker connection", security.protocol)
    elif all(_loopback(one) for one in settings.bootstrap.split(",")):
        yield Finding(Grade.OK, "broker connection", "in clear, over the loopback only")
    else:
        advice = "HUSHWIRE_KAFKA_SECURITY_PROTOCOL=SASL_SSL or SSL"
        told = f"{security.protocol}: events are in clear on the network, and anybody may write"
        yield Finding(Grade.WEAK, "broker connection", told, advice)
    group = f"{settings.topic_prefix}-{ADMIT}"
    if unread(settings.bootstrap, topics.audio_in, group, client=security.librdkafka()):
        yield Finding(
            Grade.WEAK,
            topics.audio_in,
            f"it has records, and nobody reads it (consumer group {group})",
            "start a worker with the admit stage: `hushwire worker admit`",
        )


def _loopback(server: str) -> bool:
    return is_loopback(server.rpartition(":")[0].strip("[]"))


def _ours(what: str, path: Path, *, kind: Callable[[int], bool], mode: str) -> Iterator[Finding]:
    """Whether a path is of its kind and nobody else's; ``mode`` is what it should have."""
    if not path.exists():
        yield Finding(Grade.SKIPPED, what, f"{path} is not there")
        return
    problem = _exposed(path, kind)
    if problem:
        yield Finding(Grade.WEAK, what, f"{path}: {problem}", f"chmod {mode} {path}, owned by us")
    else:
        yield Finding(Grade.OK, what, f"{path}: ours alone")


def _folder(what: str, path: Path) -> Iterator[Finding]:
    return _ours(what, path, kind=stat.S_ISDIR, mode="700")


def _key_file(what: str, path: Path) -> Iterator[Finding]:
    return _ours(what, path, kind=stat.S_ISREG, mode="600")


def _signing_key(path: Path) -> Iterator[Finding]:
    yield from _key_file("signing key", path)
    if path.exists():
        try:
            HeadMemory(path).read()
        except ForgottenError:
            told = "what it signed last is not known: it signs no audit log"
            advice = f"put {path.name}.head back, or look at the log and run `hushwire audit adopt`"
            yield Finding(Grade.WEAK, "signing key", told, advice)


def _exposed(path: Path, kind: Callable[[int], bool]) -> str:
    """Why others may get at a path; empty when they may not."""
    status = path.stat()
    if not kind(status.st_mode):
        return "not what it should be"
    if status.st_uid != os.geteuid():
        return "belongs to another user"
    if status.st_mode & 0o077:
        return f"others may get at it (mode {stat.S_IMODE(status.st_mode):04o})"
    return ""


def _ledger(settings: Settings, state: Path) -> Iterator[Finding]:
    if has_password(settings.ledger_url):
        told = "stands in HUSHWIRE_LEDGER_URL, which whoever lists processes or settings may see"
        advice = "take it out, put it into a file, and name that by HUSHWIRE_LEDGER_PASSWORD_FILE"
        yield Finding(Grade.WEAK, "ledger's password", told, advice)
    url = make_url(settings.ledger_location(state))
    file = Path(url.database or "")
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and not file.exists():
        yield Finding(Grade.SKIPPED, "ledger", f"{file} is not there")
        return
    database = Database(settings.ledger_location(state))
    try:
        current, newest = migrate.current(database), migrate.newest()
        if migrate.suits(database):
            beside = "" if current == newest else f", newer than {newest} and fit for this version"
            yield Finding(Grade.OK, "ledger", f"schema {current}{beside}")
            yield from _key_ages(settings, state, database)
            yield from key_files(settings, state, database)
            yield _open_calls(settings, database)
            yield _sweeps(settings, database)
            yield clock(database)
        else:
            told = f"schema {current or 'empty'}, this version needs {newest}"
            yield Finding(Grade.WEAK, "ledger", told, "hushwire ledger upgrade")
    finally:
        database.dispose()


def _key_ages(settings: Settings, state: Path, database: Database) -> Iterator[Finding]:
    path, service = settings.keyset_file(state), settings.key_service
    if not path.exists():
        if migrate.knows_keys(database):
            told = f"{path} is missing, and calls were opened with it"
            yield Finding(Grade.WEAK, "key file", told, "put it back from its backup")
        return
    keys = wrapping_keys(path, database, service=service)
    if service is not None:
        yield Finding(Grade.OK, "key service", f"{service} opens the key file")
    if len(keys) > 1:
        told = f"{len(keys)} keys: a rotation was interrupted"
        yield Finding(Grade.WEAK, "wrapping key", told, "hushwire keys rotate")
        return
    since = keys[0].known_since
    days = (database.now() - datetime.fromisoformat(since)).days if since else 0
    if days > KEY_DAYS:
        yield Finding(Grade.WEAK, "wrapping key", f"{days} days old", "hushwire keys rotate")
    else:
        yield Finding(Grade.OK, "wrapping key", f"{days} days old, wraps {keys[0].wraps} keys")


def _open_calls(settings: Settings, database: Database) -> Finding:
    opened = open_since(database)
    if not opened:
        return Finding(Grade.OK, "open calls", "none")
    age = database.now() - opened[0]
    told = f"{len(opened)}, the oldest since {age.total_seconds() / 3600:.1f} h"
    if age > longest_open(settings.raw_retention_seconds):
        advice = "start a worker with the vault stage: it ends what the broker has no records of"
        return Finding(Grade.WEAK, "open calls", told, advice)
    return Finding(Grade.OK, "open calls", told)


def _sweeps(settings: Settings, database: Database) -> Finding:
    if SweepGuard(database, Bounds.of(settings)).believes(database.now()):
        return Finding(Grade.OK, "sweeps", "the clock is believed")
    told = "the clock is not believed: nothing is destroyed by time"
    advice = "set it right; where it is: hushwire retention sweep --confirm"
    return Finding(Grade.WEAK, "sweeps", told, advice)


def _vault(location: str | Path | None) -> Iterator[Finding]:
    if location is None:
        yield Finding(Grade.SKIPPED, "vault", "none is named: --to")
        return
    if is_bucket(location):
        open_place(location)
        yield Finding(Grade.OK, "vault", f"{location} answers")
        return
    path = Path(location)
    yield from _folder("vault", path)
    if not path.exists():
        return
    if not os.access(path, os.W_OK | os.X_OK):
        yield Finding(Grade.WEAK, "vault", f"{path}: not writable", "let the worker's user own it")


def _policy(settings: Settings, state: Path) -> Iterator[Finding]:
    try:
        policy = policy_of(settings, state)
    except (PolicyError, SealError) as error:
        yield Finding(Grade.WEAK, "policy", str(error), "mend it: no worker starts with it")
        return
    doubts = list(warnings(policy))
    for doubt in doubts:
        yield Finding(Grade.WEAK, "policy", doubt, "mend it as the line says, or keep calls away")
    if not doubts:
        yield Finding(Grade.OK, "policy", f"{policy.name}, version {policy.version}")


def _models(settings: Settings) -> Iterator[Finding]:
    others = [one.id for one in others_in_use(settings)]
    try:
        checks = [
            verify(one, folder=settings.models_dir, catalogue=settings.models_catalogue)
            for one in (*settings.speech_models, *others)
        ]
    except ModelError as error:
        yield Finding(Grade.WEAK, "models", str(error), "hushwire models list")
        return
    for check in checks:
        if not check.ok:
            yield Finding(
                Grade.WEAK, f"model {check.model_id}", check.problem, "hushwire models pull"
            )
    if all(check.ok for check in checks):
        yield Finding(Grade.OK, "models", f"{len(checks)}, as the catalogue pins them")


def _engines(settings: Settings) -> Iterator[Finding]:
    if find_spec("ctranslate2") is None:
        told = "not installed: this host can't transcribe or verify"
        yield Finding(Grade.SKIPPED, "speech engines", told)
        return
    problem = unusable(settings.device, settings.compute_type)
    if problem:
        yield Finding(
            Grade.WEAK, "speech engines", problem, "set HUSHWIRE_DEVICE and HUSHWIRE_COMPUTE_TYPE"
        )
    else:
        count = settings.engine_processes
        told = f"{count} on {settings.device}, {settings.compute_type}, pace {settings.pace}"
        yield Finding(Grade.OK, "speech engines", told)


def _memory() -> Iterator[Finding]:
    if may_dump_core():
        soft = resource.getrlimit(resource.RLIMIT_CORE)[0]
        told = f"a crash writes memory to a disk (limit {soft})"
        yield Finding(Grade.WEAK, "core dumps", told, "ulimit -c 0")
    else:
        yield Finding(Grade.OK, "core dumps", "off in every process of ours")
    swaps = swap_devices(_read(_SWAPS))
    if swaps and _read(_SWAP_LIMIT).strip() != "0":
        told = f"on: {', '.join(swaps)}; memory that holds speech may reach that disk"
        yield Finding(Grade.WEAK, "swap", told, "swapoff -a, or encrypt it")
    else:
        yield Finding(Grade.OK, "swap", "none for us")


def swap_devices(table: str) -> list[str]:
    """Swap that is not memory itself, from the text of ``/proc/swaps``."""
    names = [line.split()[0] for line in table.splitlines()[1:] if line.strip()]
    return [name for name in names if not name.startswith("/dev/zram")]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
