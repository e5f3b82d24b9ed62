"""``hushwire calls``: what the vault holds, and which call the recorder means; no content."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.shared import public_keys
from agents.cli.shared.stores import (
    VaultHint,
    opened,
    party,
    pseudonyms,
    require_vault,
    tell_unfindable,
    token_key_file,
)
from agents.settings.model import load_settings
from agents.system.fatal_exit import ExitCode
from agents.system.owners import user
from agents.system.screen import print_list, screen
from pipeline.errors import InputError, UnknownCallError
from pipeline.records.model import INCOMPLETE

if TYPE_CHECKING:
    from agents.access.audit_log import AuditLog
    from agents.settings.model import Settings
    from agents.vault.analytics.call_listing import ListedCall
    from agents.vault.call_catalogue import StoredCallFacts

app = typer.Typer(help="The calls in the vault.", no_args_is_help=True)
LISTED = "hushwire.audit.calls-listed.v1"


@app.command("list")
def list_calls(
    vault: VaultHint = None,
    subject: Annotated[
        str | None, typer.Option(help="Only calls of this number or pseudonym.")
    ] = None,
    purpose: Annotated[str, typer.Option(help="Only calls of this purpose.")] = "",
    within: Annotated[str, typer.Option(help="Begun so long ago at most: 24h, 7d, 4w.")] = "",
    since: Annotated[
        str, typer.Option(help="Begun then or later: a day, or a time (ISO 8601).")
    ] = "",
    until: Annotated[str, typer.Option(help="Begun before; a day is meant to its end.")] = "",
    zone: Annotated[
        str, typer.Option(help="Of days, times and hours, such as Europe/Berlin; else UTC.")
    ] = "",
    stored_since: Annotated[str, typer.Option(help="Stored then or later.")] = "",
    stored_until: Annotated[str, typer.Option(help="Stored before.")] = "",
    weekday: Annotated[
        int | None,
        typer.Option(
            min=1, max=7, help="Begun on that day, 1 is Monday; with --hour, --since and --until."
        ),
    ] = None,
    hour: Annotated[
        int | None, typer.Option(min=0, max=23, help="Begun in that hour of --weekday.")
    ] = None,
    shortest: Annotated[str, typer.Option(help="At least as long: 90, 1:30 or 1:00:00.")] = "",
    longest: Annotated[str, typer.Option(help="At most as long.")] = "",
    campaign: Annotated[str, typer.Option(help="Only calls of this campaign.")] = "",
    line: Annotated[
        str, typer.Option(help="Only calls of this tracking number: its name, or its pseudonym.")
    ] = "",
    agent: Annotated[str, typer.Option(help="Only calls that this agent answered.")] = "",
    direction: Annotated[str, typer.Option(help="inbound or outbound.")] = "",
    outcome: Annotated[str, typer.Option(help="answered, missed or voicemail.")] = "",
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only calls where such was muted; may be repeated: any."),
    ] = None,
    muted: Annotated[
        bool | None, typer.Option("--muted/--not-muted", help="Whether anything was muted.")
    ] = None,
    topic: Annotated[str, typer.Option(help="Only calls where this topic came up.")] = "",
    has: Annotated[
        list[str] | None,
        typer.Option(
            "--has",
            help="hold, interruption, both-sides, notice, precaution, verification-catch or "
            "repeat-caller; may be repeated: all.",
        ),
    ] = None,
    lacks: Annotated[
        list[str] | None,
        typer.Option(
            "--lacks",
            help="campaign, line, agent or outcome, which nobody knows; notice, where none was "
            "heard; may be repeated: all.",
        ),
    ] = None,
    policy: Annotated[str, typer.Option(help="Only calls redacted by this policy.")] = "",
    jurisdiction: Annotated[str, typer.Option(help="Such as DE or US-CA.")] = "",
    mark: Annotated[str, typer.Option(help="Only calls with this mark, such as incomplete.")] = "",
    quarantined: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--quarantined", help="Only calls that did not pass.")
    ] = False,
    held: Annotated[  # noqa: FBT002
        bool, typer.Option("--held", help="Only calls under a legal hold.")
    ] = False,
    flagged: Annotated[  # noqa: FBT002
        bool,
        typer.Option("--flagged", help="Only calls that `hushwire consent recheck` has marked."),
    ] = False,
    sort: Annotated[
        str, typer.Option(help="started, duration or muted; with a minus the greatest first.")
    ] = "-started",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="One JSON object per line, with everything.")
    ] = False,
    state_dir: public_keys.StateDir = None,
) -> None:
    """List calls with length, policy, purpose, retention and legal hold, the newest first.

    Calls that were stored before facts were counted (`hushwire analytics rebuild`) are found by
    time, length, policy, purpose and number.
    """
    from agents.vault.analytics.call_listing import CallListing, sorting_of  # noqa: PLC0415 - --help comes at once
    from agents.vault.analytics.filter_texts import filter_of  # noqa: PLC0415
    from agents.vault.exports.files import described  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    with opened(settings, vault) as parts:
        database = parts.ledger.database
        wanted = filter_of(
            database.now(),
            within=within,
            since=since,
            until=until,
            zone=zone,
            stored_since=stored_since,
            stored_until=stored_until,
            shortest=shortest,
            longest=longest,
            weekday=weekday,
            hour=hour,
            topic=topic,
            has=tuple(has or ()),
            lacks=tuple(lacks or ()),
            passed=False if quarantined else None,
            campaign=campaign,
            line=line,
            agent=agent,
            direction=direction,
            outcome=outcome,
            types=tuple(types or ()),
            muted=muted,
            policy=policy,
            jurisdiction=jurisdiction,
            mark=mark,
            held=True if held else None,
            flagged=True if flagged else None,
            purpose=purpose,
            party=party(settings, vault, subject, parts.ledger) if subject is not None else "",
        )
        if subject is not None:
            tell_unfindable(parts.ledger)
        listing = CallListing(database, b"")  # whose cursors go nowhere
        page = listing.page(wanted, sorting_of(sort), limit=limit)
        _tell_listed(parts.log, len(page.calls))
    if as_json:
        for one in page.calls:
            facts = asdict(one.facts) if one.facts else None
            typer.echo(json.dumps({**described(one.stored), "facts": facts}, sort_keys=True))
        return
    titles = ("call", "began (UTC)", "length", "outcome", "policy", "purpose", "kept until")
    out = screen()
    if page.calls:
        print_list(out, titles, [_row(one) for one in page.calls])
    if page.following:
        out.print(f"there are more; --limit {limit * 10} shows more of them", highlight=False)
    elif not page.calls:
        out.print("no such call in the vault")


def _began(one: ListedCall) -> str:
    if one.facts is None:
        return f"{one.stored.stored:%Y-%m-%d}"
    return one.facts.started[:16].replace("T", " ")


def _clock(ms: int) -> str:
    minutes, seconds = divmod(round(ms / 1_000), 60)
    return f"{minutes}:{seconds:02}"


def _row(one: ListedCall) -> tuple[str, ...]:
    stored = one.stored
    told = [one.facts.outcome] if one.facts and one.facts.outcome else []
    return (
        stored.call_id,
        _began(one),
        _clock(stored.duration_ms),
        ", ".join([_outcome(stored), *told]),
        f"{stored.policy} {stored.policy_version}",
        stored.purpose or "none",
        "legal hold" if stored.held else f"{stored.retain_until:%Y-%m-%d}",
    )


@app.command("find")
def find(
    recorder_id: Annotated[
        str, typer.Option("--recorder-id", help="What the recorder or platform calls the call.")
    ] = "",
    words: Annotated[
        str,
        typer.Option(
            "--text", help='Words that were said, all of them; "in quotes" as they stand.'
        ),
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="With --text, at most.")] = 50,
    vault: VaultHint = None,
    as_json: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--json", help="One JSON object per line.")
    ] = False,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Find calls by the recorder's own id, or stored ones by words of their redacted transcripts.

    By the id: open, stored, quarantined and refused ones. By words (with --vault): when they were
    said, and by whom, never the words themselves. Exit codes: 0 found; 1 there is none; 4 the token
    key, without which nothing is found, is missing or another one.
    """
    if bool(recorder_id) is bool(words):
        raise InputError("find: name either --recorder-id or --text")
    rows = (
        _by_words(load_settings(state_dir=state_dir), vault, words, limit)
        if words
        else _by_recorder_id(load_settings(state_dir=state_dir), vault, recorder_id)
    )
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row, sort_keys=True))
    elif rows:
        titles = [name.replace("_id", "").replace("_", " ") for name in rows[0]]
        print_list(screen(), titles, [[*map(str, row.values())] for row in rows])
    else:
        screen().print("no call has these words" if words else "no call of this id")
    raise typer.Exit(ExitCode.DONE if rows else ExitCode.NOT_CLEAN)


def _by_words(
    settings: Settings, vault: str | None, words: str, limit: int
) -> list[dict[str, object]]:
    from agents.database.known_keys import known_token_key  # noqa: PLC0415
    from agents.vault.analytics.call_filter import ListingFilter  # noqa: PLC0415 - --help comes at once
    from agents.vault.analytics.call_listing import CallListing  # noqa: PLC0415
    from agents.vault.analytics.call_search import CallSearch  # noqa: PLC0415
    from agents.vault.analytics.search_index import SearchIndex  # noqa: PLC0415
    from agents.vault.reader import open_reader  # noqa: PLC0415

    if vault is None:
        raise InputError("find --text reads transcripts: name the vault with --vault")
    require_vault(vault)
    with opened(settings, vault) as parts, open_reader(settings, vault) as reader:
        database = parts.ledger.database
        secret = known_token_key(database).read(token_key_file(settings, vault))
        listing = CallListing(database, secret)
        search = CallSearch(database, listing, SearchIndex(secret), reader.transcript)
        page = search.page(ListingFilter(words=words), limit=limit)
        _tell_listed(parts.log, len(page.calls))
    return [
        {
            "call_id": one.call.stored.call_id,
            "began": _began(one.call),
            "length": _clock(one.call.stored.duration_ms),
            "said_at": _clock(one.snippet.start_ms) if one.snippet else "",
            "by": one.snippet.role if one.snippet else "",
        }
        for one in page.calls
    ]


def _by_recorder_id(
    settings: Settings, vault: str | None, recorder_id: str
) -> list[dict[str, object]]:
    from agents.vault.call_catalogue import Catalogue  # noqa: PLC0415 - --help comes at once
    from agents.vault.recorder_ids import find_by_recorder_id  # noqa: PLC0415

    with opened(settings, vault) as parts:
        ledger = parts.ledger
        calls = [recorder_id]  # which is the call's id where it can be one
        named = pseudonyms(settings, vault, ledger)
        calls += find_by_recorder_id(ledger.database, named, recorder_id)
        tell_unfindable(ledger)
        known = [one for one in map(ledger.call, dict.fromkeys(calls)) if one is not None]
        catalogue = Catalogue(ledger.database)
        stored = {one.call_id: catalogue.find(one.call_id) for one in known}
        _tell_listed(parts.log, len(known))
    return [
        {
            "call_id": one.call_id,
            "state": one.standing,
            "opened": one.created.isoformat(timespec="seconds"),
            "outcome": _outcome(facts) if (facts := stored[one.call_id]) else "",
        }
        for one in known
    ]


@app.command("show")
def show(
    call_id: Annotated[str, typer.Argument(help="The call's id.")],
    vault: VaultHint = None,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Show what is known of one call as JSON, with the recorder's own id where it is stored."""
    from agents.vault.call_catalogue import Catalogue  # noqa: PLC0415 - --help comes at once
    from agents.vault.call_keys import VaultKeys  # noqa: PLC0415
    from agents.vault.exports.files import described  # noqa: PLC0415
    from agents.vault.recorder_ids import RecorderIds  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    with opened(settings, vault) as parts:
        ledger = parts.ledger
        known = ledger.call(call_id)
        if known is None:
            raise UnknownCallError("no such call in the ledger")
        facts = Catalogue(ledger.database).find(call_id)
        keys = VaultKeys(ledger.database, ledger.kek)
        _tell_listed(parts.log, 1, call_id)
        about = {
            "call_id": call_id,
            "state": known.standing,
            "opened": known.created.isoformat(timespec="seconds"),
            **(described(facts) if facts else {}),
            "recorder_id": RecorderIds(ledger.database, keys).shown(call_id) if facts else "",
        }
    typer.echo(json.dumps(about, indent=2, sort_keys=True, ensure_ascii=False))


def _outcome(facts: StoredCallFacts) -> str:
    told = "passed" if facts.passed else "quarantined"
    return told + (", incomplete" if INCOMPLETE in facts.marks else "")


def _tell_listed(log: AuditLog, count: int, call_id: str = "") -> None:
    from agents.access.audit_log import Event  # noqa: PLC0415 - --help comes at once

    facts = {"at": log.stamp(), "what": "calls-listed", "by": user(), "calls": count}
    log.append(Event(f"calls/{LISTED}/{uuid.uuid4()}", call_id, LISTED, facts))
