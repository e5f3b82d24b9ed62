"""``hushwire consent``: stored calls under the rules of today."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.shared import public_keys as known
from agents.cli.shared.stores import VaultHint, confirmed, opened, opened_vault
from agents.settings.model import load_settings
from agents.system.owners import user
from agents.system.screen import print_list, screen
from pipeline.errors import InputError

if TYPE_CHECKING:
    from agents.upkeep.consent_recheck import Done, Found, Plan

app = typer.Typer(help="Consent of stored calls.", no_args_is_help=True)
_WHAT = {
    "forbidden": "would not be kept",
    "partly": "kept in part only",
    "held": "under a legal hold, stays",
}


@app.callback()
def consent() -> None:
    """Consent of stored calls."""


@app.command()
def recheck(
    flag: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--flag", help="Mark them in the catalogue; nothing else is changed.")
    ] = False,
    erase: Annotated[  # noqa: FBT002
        bool, typer.Option("--erase", help="Erase those that would not be kept at all.")
    ] = False,
    confirm: Annotated[
        int | None,
        typer.Option(
            "--confirm",
            min=0,
            help="How many are to be changed, where it was refused since that is a great part of "
            "all at once: the clock is right, and so is the number.",
        ),
    ] = None,
    calls: Annotated[  # noqa: FBT002
        bool, typer.Option("--calls", help="Also the ids of the calls.")
    ] = False,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="One JSON object, with everything.")
    ] = False,
    vault: VaultHint = None,
    state_dir: known.StateDir = None,
) -> None:
    """Look which stored calls the rules and the policy in force today would not keep any longer.

    Nothing is changed without --flag or --erase. A call of which only a part would be kept is
    flagged by either: of a stored call no part can be taken away; `hushwire erase` erases it.

    Calls under a legal hold are listed and left alone. Calls that were stored without a decision
    (nobody asked) are counted and left alone.

    Exit codes: 0 done; 2 the policy in force asks for no consent, or too much would be changed at
    once: --confirm names how many calls it is.
    """
    from agents.database.policies.of_installation import policy_in_force  # noqa: PLC0415
    from agents.settings.consent_rules import rules_of  # noqa: PLC0415
    from agents.upkeep import consent_recheck as again  # noqa: PLC0415 - --help comes at once
    from agents.upkeep.stored_decisions import tell_listed  # noqa: PLC0415

    if flag and erase:
        raise InputError("name one of --flag and --erase")
    if confirm is not None and not (flag or erase):
        raise InputError("--confirm: there is nothing to confirm without --flag or --erase")
    settings = load_settings(state_dir=state_dir)
    rules = rules_of(settings)
    if erase:
        if vault is None:
            raise InputError("--erase: name the vault with --vault")
        with opened_vault(settings, vault) as (parts, store):
            policy = policy_in_force(settings, parts.ledger)
            again.require_enforced(policy)
            found = again.plan(parts.ledger.database, policy, rules)
            work = again.Recheck(parts.ledger, parts.log, parts.guard, user())
            done = work.erase_forbidden(store, found, confirmed(confirm))
    else:
        with opened(settings, vault) as parts:
            policy = policy_in_force(settings, parts.ledger)
            again.require_enforced(policy)
            found = again.plan(parts.ledger.database, policy, rules)
            work = again.Recheck(parts.ledger, parts.log, parts.guard, user())
            done = work.flag(found, confirmed(confirm)) if flag else again.Done()
            if calls:
                listed = (found.forbidden, found.partly, found.held)
                tell_listed(parts.log, sum(map(len, listed)))
    if as_json:
        typer.echo(json.dumps(_plain(found, done, calls=calls), sort_keys=True))
        return
    _show(found, done, calls=calls, changes=flag or erase)


def _show(found: Plan, done: Done, *, calls: bool, changes: bool) -> None:
    rows: Counter[tuple[str, ...]] = Counter(
        (one.then.places, one.then.named, one.outcome, one.why, told)
        for name, told in _WHAT.items()
        for one in _group(found, name)
    )
    if rows:
        titles = ("places", "rules", "would be", "why", "", "calls")
        print_list(screen(), titles, [(*cells, str(n)) for cells, n in sorted(rows.items())])
    if calls:
        for name, told in _WHAT.items():
            for one in _group(found, name):
                _tell(f"{one.call_id}: {told} ({one.why}, {one.then.named})")
    text = f"by {found.policy} and the rules of {found.day}: of {found.asked} calls "
    text += f"{len(found.forbidden)} would not be kept, {len(found.partly)} in part, "
    text += f"{len(found.held)} stay under a legal hold"
    if found.unasked:
        text += f"; of {found.unasked} others nobody asked"
    if found.unread:
        text += f"; the decision of {found.unread} others can't be read here: upgrade"
    _tell(text)
    if changes:
        _tell(
            f"{len(done.erased)} erased, {len(done.flagged)} flagged, {len(done.cleared)} not "
            f"flagged any more; a hold came meanwhile on {len(done.held)}"
        )
    elif rows:
        _tell("nothing was changed; --flag marks them, --erase erases those that may not be kept")


def _group(found: Plan, name: str) -> tuple[Found, ...]:
    groups = {"forbidden": found.forbidden, "partly": found.partly, "held": found.held}
    return groups[name]


def _plain(found: Plan, done: Done, *, calls: bool) -> dict[str, object]:
    told: dict[str, object] = {
        "policy": found.policy,
        "day": found.day.isoformat(),
        "judged": found.asked,
        "unasked": found.unasked,
        "unread": found.unread,
        **{name: len(_group(found, name)) for name in _WHAT},
        "to_clear": len(found.cleared),
        "done": {
            name: len(getattr(done, name)) for name in ("erased", "flagged", "cleared", "held")
        },
    }
    if calls:
        told["calls"] = {
            one.call_id: {
                "what": name,
                "would_be": one.outcome,
                "why": one.why,
                "rules": one.then.named,
                "places": one.then.places,
            }
            for name in _WHAT
            for one in _group(found, name)
        }
    return told


def _tell(text: str) -> None:
    screen().print(text, markup=False, highlight=False, soft_wrap=True)
