"""``hushwire keys``: the wrapping key, the pair by which calls come in, and keys that are lost.

Ids and ages are shown, never material but of the public key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from agents.cli.shared.listing import AsJson, show_rows
from agents.cli.shared.stores import require_ledger
from agents.settings.model import STATE, Settings, load_settings
from agents.system.clock import system_clock
from agents.system.private_files import there
from agents.system.screen import screen
from pipeline.errors import InputError

if TYPE_CHECKING:
    from agents.crypto.transit_hybrid import TransitPrivate
    from agents.database.call_ledger import Ledger
    from agents.database.known_keys import DoorKeys, KnownKey

_Key = TypeVar("_Key")

app = typer.Typer(
    help="The keys of an installation: the wrapping key, the pair by which calls come in, and "
    "token key and signing key where they are lost.",
    no_args_is_help=True,
)
transit_app = typer.Typer(
    help="The pair of keys by which calls come in: who sends holds the public half.",
    no_args_is_help=True,
)
app.add_typer(transit_app, name="transit")


class Replaced(StrEnum):
    """Keys in whose place another one can be put."""

    TOKEN = "token"  # noqa: S105 - a name
    SIGNING = "signing"


_GIVEN_UP: Final = {
    Replaced.TOKEN: "Given up: calls from before are found by their ids alone, also where they are "
    "to be erased: no more by a number, nor by the recorder's own id; tokens in old and new "
    "transcripts can't be compared; calls that come in by the door just now may be refused. Next: "
    "bring it to all hosts that had the old one, start all processes again, and run `hushwire "
    "analytics rebuild`, so that words are found",
    Replaced.SIGNING: "Given up: nothing that was signed, as long as the old public half is kept: "
    "certificates and checkpoints from before are checked by it alone (--public-key, "
    "HUSHWIRE_PUBLIC_KEYS). Next: start the workers with the vault stage again, hand out the new "
    "public half (`hushwire certificate public-key`), and run `hushwire audit verify`; where the "
    "log was pruned, `hushwire audit adopt --public-key OLD`",
}

StateDir = Annotated[
    Path | None, typer.Option("--state-dir", help="Folder of the ledger and the wrapping key.")
]
Service = Annotated[
    str,
    typer.Option(
        "--with",
        help="The service's key: aws-kms://arn:aws:kms:… or hcvault://HOST/MOUNT/keys/NAME.",
    ),
]


@app.command("new")
def new(
    state_dir: StateDir = None,
    replace: Annotated[
        Replaced | None,
        typer.Option(
            help="This key is lost for good, or moved away: make another, or take the one that is "
            "in its place, and say what is given up. The audit log notes it.",
        ),
    ] = None,
) -> None:
    """Make the wrapping key and the token key where there are none, to be handed to workers.

    One machine needs no such command: the first call makes them. A key that calls need is not made
    anew.
    """
    from agents.crypto.envelope import KeyEncryptionKey  # noqa: PLC0415 - --help comes at once
    from agents.crypto.pseudonym_secret import read_or_make_key  # noqa: PLC0415
    from agents.database.known_keys import known_token_key  # noqa: PLC0415
    from agents.database.migrate import uses_keys  # noqa: PLC0415
    from agents.database.open_ledger import database_at_hand  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    state = settings.state_folder(STATE)
    if replace is not None:
        _replace(settings, state, replace)
        return
    path, token = settings.keyset_file(state), settings.token_key_file(state)
    before = {one: there(one) for one in (path, token)}
    KeyEncryptionKey.load_or_create(
        path,
        settings.key_service,
        used=partial(uses_keys, settings.ledger_location(state)),
    )
    with database_at_hand(settings, state) as database:
        if database is None:
            read_or_make_key(token)
        else:
            # Wherever a setting says that it is to be.
            known_token_key(database).ensured(token)
    for file, what in ((path, "the wrapping key"), (token, "the token key")):
        made = "was there already" if before[file] else "is made, and belongs into a backup"
        _say(f"{file}: {what} {made}")


def _replace(settings: Settings, state: Path, which: Replaced) -> None:
    """Let another key count than the one that is gone.

    Raises:
        InputError: there is no ledger, or the key that it knows is there, or one that it is about
            to know.
    """
    from agents.access.audit_log import AuditLog, Event  # noqa: PLC0415 - --help comes at once
    from agents.database.known_keys import known_signing_key, known_token_key  # noqa: PLC0415
    from agents.database.open_ledger import database_at_hand  # noqa: PLC0415
    from agents.system.owners import user  # noqa: PLC0415

    token = which is Replaced.TOKEN
    path = settings.token_key_file(state) if token else settings.signing_key_file(state)
    with database_at_hand(settings, state) as database:
        if database is None:
            raise InputError(
                f"{state}: holds no ledger that would need a key; name its folder with --state-dir"
            )
        if token:
            made = _counts(known_token_key(database), path)
        else:
            made = _counts(known_signing_key(database), path)
        log = AuditLog(database)
        at, kind = log.stamp(), f"hushwire.audit.{which}-key-replaced.v1"
        facts = {"at": at, "what": f"{which}-key-replaced", "by": user()}
        log.append(Event(f"keys/{kind}/{at}", "", kind, facts))
    told = "is made, and belongs into a backup" if made else "is taken"
    _say(f"{path}: {told}. {_GIVEN_UP[which]}")


def _counts(known: KnownKey[_Key], path: Path) -> bool:
    """Let the key of a file count, which is made where there is none; whether it was."""
    noted = known.noted()
    if noted is None and there(path):
        raise InputError(
            f"{path}: the ledger has noted no {known.what} yet, and notes this one when a "
            "worker starts, so nothing is to be replaced; where calls were made with another "
            "one that is lost, move this one away, and run it again"
        )
    remove = known.make(path)
    with ExitStack() as undone:
        if remove is not None:  # or the next run would take the file for somebody's own
            undone.callback(remove)
        key = known.load(path)
        if noted is not None and noted.checked == known.check(key):
            raise InputError(f"{path}: is the key that this ledger knows, so it is not gone")
        known.replace(key)
        undone.pop_all()
    return remove is not None


@app.command("list")
def list_keys(state_dir: StateDir = None, *, as_json: AsJson = False) -> None:
    """Show ids and ages of the wrapping keys, and how many calls' keys each wraps."""
    from agents.upkeep.kek_rotation import wrapping_keys  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    with _opened(settings) as (path, ledger):
        keys = wrapping_keys(path, ledger.database, service=settings.key_service)
    rows: list[dict[str, object]] = []
    for key in keys:
        use = "primary" if key.primary else "old: run `hushwire keys rotate` again"
        known = (
            {"known_since": key.known_since} if as_json else {"known_for": _age(key.known_since)}
        )
        rows.append({"key_id": f"{key.key_id:08x}", "use": use, **known, "wraps": key.wraps})
    show_rows(rows, as_json=as_json)


@app.command()
def rotate(state_dir: StateDir = None) -> None:
    """Replace the wrapping key; running workers go on. After an interruption, run it again."""
    from agents.upkeep.kek_rotation import rotate as rotate_keys  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    with _opened(settings) as (path, ledger):
        done = rotate_keys(path, ledger.database, service=settings.key_service)
    console = screen()
    if done.resumed:
        console.print("an earlier rotation was interrupted: this one finished it")
    removed = ", ".join(f"{key_id:08x}" for key_id in done.removed)
    console.print(
        f"primary key {done.primary:08x}; {done.rewrapped} keys wrapped anew; removed {removed}",
        highlight=False,
    )


@app.command()
def wrap(service: Service, state_dir: StateDir = None) -> None:
    """Encrypt the file of the wrapping key with a key of a key service, or with another one.

    The key stays the same, so that nothing else changes. Exit code 4 when the service can't be
    reached or refuses: the file is as it was.
    """
    from agents.upkeep.kek_rotation import move_to_service  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    with _opened(settings) as (path, ledger):
        move_to_service(path, ledger.database, settings.key_service, service)
    told = (
        f"{path} is encrypted by {service} now. Next: HUSHWIRE_KEYSET={service}, start the "
        "workers again, then `hushwire keys rotate`: copies of the old file open nothing after it."
    )
    _say(told)


@transit_app.command("new")
def transit_new(
    state_dir: StateDir = None,
    lost: Annotated[  # noqa: FBT002 - a flag of the command line
        bool,
        typer.Option(
            "--lost",
            help="The private half is lost for good: make another; nobody reads what was sent.",
        ),
    ] = False,
) -> None:
    """Make the pair, where workers with the admit stage run; hand out the public half's file.

    A private half that is there stays: `keys transit rotate` replaces it.
    """
    from agents.crypto.transit_hybrid import TransitPrivate, write_public  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    state = settings.state_folder(STATE)
    path, public = settings.transit_private_file(state), settings.transit_public_file(state)
    was_there = there(path)
    with _door_keys(settings) as known:
        if not was_there and not lost and known is not None and known.known():
            TransitPrivate(path, settings.transit_key_service)  # which says what is to be done
        private = TransitPrivate.load_or_create(
            path, settings.transit_key_service, public=None if lost else public
        )
        if known is not None:
            if lost and not was_there:
                known.replace(private.ids)
            known.note(private.ids)
    write_public(public, private.public)
    made = "was there already" if was_there else "is made: it stays here, and belongs into a backup"
    _say(f"{path}: private key {private.primary:08x} {made}")
    _say(f"{public}: its public half; give it to whoever sends calls (HUSHWIRE_TRANSIT_PUBLIC_KEY)")


@transit_app.command("public")
def transit_public(state_dir: StateDir = None) -> None:
    """Print the public half of the private key that is here, to be kept as a file elsewhere."""
    typer.echo(_transit(state_dir)[1].public.content().decode(), nl=False)


@transit_app.command("rotate")
def transit_rotate(
    state_dir: StateDir = None,
    finish: Annotated[  # noqa: FBT002 - a flag of the command line
        bool,
        typer.Option(
            "--finish", help="Destroy the old keys: what was sent for them opens no more."
        ),
    ] = False,
) -> None:
    """Replace the pair; workers go on, and open what is sent for either key.

    Where workers with admit run on several hosts, bring the new private file to all of them first.
    Then hand out the new public half, wait until nothing of the old one is on the broker any more
    (raw_retention_seconds), then run it again with --finish.
    """
    from agents.crypto.transit_hybrid import write_public  # noqa: PLC0415 - --help comes at once

    settings, private = _transit(state_dir)
    if finish:
        gone = private.keep_primary()
        told = ", ".join(f"{key_id:08x}" for key_id in sorted(gone)) or "none, there was one key"
        _say(f"private key {private.primary:08x} stays; destroyed: {told}")
        return
    with _door_keys(settings) as known:
        private.add_key()
        if known is not None:
            known.note(private.ids)
    public = settings.transit_public_file(settings.state_folder(STATE))
    write_public(public, private.public)
    old = ", ".join(f"{key_id:08x}" for key_id in sorted(private.ids - {private.primary}))
    _say(f"{private.path}: private key {private.primary:08x} is new; {old} still opens")
    _say(
        f"{public}: its public half. Next: bring the private half to every host with admit, then "
        "give the public one to whoever sends calls; once nothing of the old "
        "key is on the broker, `hushwire keys transit rotate --finish`"
    )


@transit_app.command("wrap")
def transit_wrap(service: Service, state_dir: StateDir = None) -> None:
    """Encrypt the file of the private half with a key of a key service, or with another one.

    Exit code 4 when the service can't be reached or refuses: the file is as it was.
    """
    private = _transit(state_dir)[1]
    private.move_to(service)
    _say(
        f"{private.path} is encrypted by {service} now. Next: "
        f"HUSHWIRE_TRANSIT_PRIVATE_KEY={service}, start the workers again, then `hushwire keys "
        "transit rotate`: copies of the old file open nothing that is sent for the new key"
    )


@contextmanager
def _door_keys(settings: Settings) -> Iterator[DoorKeys | None]:
    """Which keys calls come in by; None where no ledger is there yet."""
    from agents.database.known_keys import DoorKeys  # noqa: PLC0415 - --help comes at once
    from agents.database.open_ledger import database_at_hand  # noqa: PLC0415

    with database_at_hand(settings, settings.state_folder(STATE)) as database:
        yield DoorKeys(database) if database is not None else None


def _transit(state_dir: Path | None) -> tuple[Settings, TransitPrivate]:
    """The settings and the private half, which has to be there."""
    from agents.crypto.transit_hybrid import TransitPrivate  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    path = settings.transit_private_file(settings.state_folder(STATE))
    return settings, TransitPrivate(path, settings.transit_key_service)


def _say(told: str) -> None:
    screen().print(told, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Path, Ledger]]:
    """The keyset file and the ledger; neither is made where it is missing.

    Raises:
        InputError: there is no ledger.
        StoreError: one of them is away.
    """
    from agents.crypto.envelope import KeyEncryptionKey  # noqa: PLC0415
    from agents.database.call_ledger import Ledger  # noqa: PLC0415 - --help comes at once

    state = settings.state_folder(STATE)
    require_ledger(settings, state)
    path = settings.keyset_file(state)
    ledger = Ledger(settings.ledger_location(state), KeyEncryptionKey(path, settings.key_service))
    try:
        yield path, ledger
    finally:
        ledger.dispose()


def _age(since: str | None) -> str:
    if since is None:
        return "unknown"
    return f"{(system_clock() - datetime.fromisoformat(since)).days} days"
