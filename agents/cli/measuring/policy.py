"""``hushwire policy``: whether a policy can be used, what changes by it, and what would have."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from agents.cli.shared import public_keys as known
from agents.cli.shared.stores import VaultHint, opened
from agents.settings.model import Settings, load_settings
from agents.system.clock import system_clock
from agents.system.screen import print_list, screen
from pipeline.errors import InputError

if TYPE_CHECKING:
    from agents.upkeep.stored_decisions import Row, Simulated
    from pipeline.consent.rules import RuleSet
    from pipeline.evaluation.change.policies import PolicyChange
    from pipeline.evaluation.change.rules import RuleChange
    from pipeline.evaluation.change.stored_calls import Judge, Kept

app = typer.Typer(help="Policies.", no_args_is_help=True)
SHIPPED: Final = "shipped"

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, with everything.")]
Calls = Annotated[bool, typer.Option("--calls", help="Also the ids of the calls that it concerns.")]
Since = Annotated[
    str | None,
    typer.Option(help="Only calls stored since then: 90d, 12w, 36h, or a day as 2026-09-01."),
]
On = Annotated[
    str | None, typer.Option("--on", help="The day whose rules hold, as 2027-01-01; today.")
]


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(help="Policy file, or a shipped name.")],
) -> None:
    """Validate a policy and print its digest; all mistakes are told at once.

    Own types and recognisers are those of HUSHWIRE_RECOGNIZERS. Exit codes: 0 it can be used, maybe
    with warnings; 2 it is refused.
    """
    from agents.settings.policies import read_policy  # noqa: PLC0415 - --help comes at once
    from pipeline.policy.warnings import warnings  # noqa: PLC0415

    policy = read_policy(load_settings(), name)
    screen().print(
        f"{policy.name} version {policy.version} sha256 {policy.digest}", highlight=False
    )
    for warning in warnings(policy):
        screen(stderr=True).print(
            f"warning: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True
        )


@app.command("diff")
def diff(
    old: Annotated[str, typer.Argument(help="Policy file or name; of then.")],
    new: Annotated[str, typer.Argument(help="Policy file or name; of now.")],
    jurisdictions: Annotated[  # noqa: FBT002 - a flag of the command line
        bool,
        typer.Option(
            "--jurisdictions",
            help="OLD and NEW are files or folders of own rules of places, or 'shipped'.",
        ),
    ] = False,
    alone: Annotated[  # noqa: FBT002
        bool,
        typer.Option("--alone", help="They hold all rules: the shipped ones are left out."),
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002
    since: Since = None,
    on: On = None,
    vault: VaultHint = None,
    state_dir: known.StateDir = None,
) -> None:
    """Tell in words what changes from one policy to another, the strictest first.

    Where a ledger is named (--state-dir, --vault or a setting), also how many stored calls would be
    treated differently: not kept by consent, erased by now, kept in part, shorter or longer. Calls
    that a legal hold keeps are told apart; nothing is changed.

    Exit codes: 0 told; 2 a policy or a file of rules is refused.
    """
    from agents.settings.consent_rules import rules_of  # noqa: PLC0415 - --help comes at once
    from agents.settings.policies import read_policy  # noqa: PLC0415
    from pipeline.evaluation.change.policies import policy_diff  # noqa: PLC0415
    from pipeline.evaluation.change.rules import rules_diff  # noqa: PLC0415
    from pipeline.evaluation.change.stored_calls import Judge  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    day = _day(on)
    changes: Sequence[PolicyChange | RuleChange]
    if jurisdictions:
        before, after = (_rules(one, alone=alone) for one in (old, new))
        in_force = read_policy(settings)
        judges = [Judge(in_force, one, day) for one in (before, after)]
        changes = rules_diff(before, after, day)
        names = [f"rules {one.digest[:12]}" for one in (before, after)]
    else:
        if alone:
            raise InputError("--alone: is said of rules of places; add --jurisdictions")
        policies = [read_policy(settings, one) for one in (old, new)]
        changes = policy_diff(*policies)
        names = [f"{one.name} version {one.version}" for one in policies]
        needed = any(one.consent.enforced for one in policies)
        own = rules_of(settings) if needed else _no_rules()
        judges = [Judge(one, own, day) for one in policies]
    found = None
    if vault is not None or settings.state_dir is not None or settings.ledger_url is not None:
        found = _simulated(settings, vault, judges[1], since, old=judges[0])
    if as_json:
        _tell_json(
            {
                "old": names[0],
                "new": names[1],
                "day": day.isoformat(),
                "changes": [_plain(one) for one in changes],
                "calls": None if found is None else _totals(found),
            }
        )
        return
    count = f"{len(changes) or 'no'} change{'' if len(changes) == 1 else 's'}"
    _tell(f"from {names[0]} to {names[1]}: {count}")
    for one in changes:
        _tell(f"{one.direction.value}: {one.text}")
    if found is not None:
        _tell(_summary(found))


@app.command("simulate")
def simulate(
    new: Annotated[str, typer.Argument(help="Policy file or name.")],
    jurisdictions: Annotated[
        Path | None,
        typer.Option(help="File or folder of own rules of places; those of the settings."),
    ] = None,
    since: Since = None,
    on: On = None,
    calls: Calls = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
    vault: VaultHint = None,
    state_dir: known.StateDir = None,
) -> None:
    """Judge stored calls once more, by another policy or other rules; nothing is changed.

    The decision that is stored with a call has all its evidence, so no call is opened. Calls are
    told by their places and rules: how they are kept, and how they would be. Calls of which nobody
    asked (stored before consent was enforced) are judged by retention alone.
    """
    from agents.settings.consent_rules import rules_of  # noqa: PLC0415 - --help comes at once
    from agents.settings.policies import read_policy  # noqa: PLC0415
    from pipeline.evaluation.change.stored_calls import Judge  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir, jurisdictions=jurisdictions)
    policy, day = read_policy(settings, new), _day(on)
    rules = rules_of(settings)
    found = _simulated(settings, vault, Judge(policy, rules, day), since, listed=calls)
    if as_json:
        told: dict[str, object] = {
            "policy": {"name": policy.name, "version": policy.version, "digest": policy.digest},
            "rules": rules.digest,
            "day": day.isoformat(),
            "enforced": policy.consent.enforced,
            **_totals(found),
            "rows": [
                {**_row(row), "calls": count}
                for row, count in sorted(found.rows.items(), key=_by_place)
            ],
        }
        if calls:
            told["call_ids"] = {
                call_id: {"fate": row.fate.value, "held": call_id in found.held}
                for call_id, row in found.calls.items()
            }
        _tell_json(told)
        return
    if found.rows:
        titles = ("places", "rules", "now", "then", "why", "days now", "days then", "calls")
        rows = sorted(found.rows.items(), key=_by_place)
        print_list(screen(), titles, [(*map(str, _cells(row)), str(n)) for row, n in rows])
    if not policy.consent.enforced:
        _tell(f"{policy.name} version {policy.version} asks for no consent")
    _tell(_summary(found))
    if calls:
        for call_id, row in found.calls.items():
            held = "; a legal hold keeps it" if call_id in found.held else ""
            why = f" ({row.then.why.value})" if row.then.why else ""
            _tell(f"{call_id}: {row.fate.value}{why}{held}")


def _simulated(
    settings: Settings,
    vault: str | None,
    new: Judge,
    since: str | None,
    *,
    old: Judge | None = None,
    listed: bool = False,
) -> Simulated:
    from agents.upkeep.stored_decisions import simulated, tell_listed  # noqa: PLC0415 - as above

    with opened(settings, vault) as parts:
        now = parts.ledger.database.now()
        begin = _since(since, now)
        found = simulated(parts.ledger.database, new, now, old=old, since=begin)
        if listed:
            tell_listed(parts.log, len(found.calls))
    return found


def _rules(name: str, *, alone: bool) -> RuleSet:
    """The shipped rules with own ones over them, or own ones alone."""
    from pipeline.consent.loading import load_rules, shipped_rules  # noqa: PLC0415 - as above

    if name == SHIPPED:
        return shipped_rules()
    path = Path(name)
    if path.is_dir() and not any(path.glob("*.yaml")):
        raise InputError(f"{name}: holds no YAML file of rules of places")
    return load_rules([path], alone=alone)


def _no_rules() -> RuleSet:
    """What stands where neither policy asks: any rules do, and reading them takes a second."""
    from pipeline.consent.loading import shipped_rules  # noqa: PLC0415 - as above

    return shipped_rules()


def _day(text: str | None) -> date:
    if text is None:
        return system_clock().date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"--on {text[:40]}: write a day as 2027-01-01") from None


def _since(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    from agents.vault.analytics.call_filter import FilterError, ago  # noqa: PLC0415

    try:
        if text[-1:] in set("hdw"):
            return ago("--since", text, now)
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except (ValueError, FilterError):
        raise InputError(
            f"--since {text[:40]}: write 90d, 12w, 36h, or a day as 2026-09-01"
        ) from None


def _by_place(entry: tuple[Row, int]) -> tuple[str, str, str]:
    row = entry[0]
    return row.then.places, row.then.named, row.fate.value


def _cells(row: Row) -> tuple[object, ...]:
    now, then = row.now, row.then
    rules = now.named if now.named == then.named else f"{now.named or 'none'} → {then.named}"
    return (
        then.places or "nobody asked",
        rules,
        _outcome(now),
        _outcome(then),
        then.why.value if then.why else "",
        now.days,
        then.days,
    )


def _outcome(kept: Kept) -> str:
    return kept.outcome.value if kept.outcome else ""


def _row(row: Row) -> dict[str, object]:
    return {
        "places": row.then.places,
        "rules_now": row.now.named,
        "rules_then": row.then.named,
        "now": _outcome(row.now) or None,
        "then": _outcome(row.then) or None,
        "why": row.then.why.value if row.then.why else None,
        "days_now": row.now.days,
        "days_then": row.then.days,
        "fate": row.fate.value,
    }


def _totals(found: Simulated) -> dict[str, Any]:
    from pipeline.evaluation.change.stored_calls import Fate  # noqa: PLC0415 - as above

    fates = found.fates
    return {
        "stored": sum(fates.values()) + found.unread,
        "differently": {one.value: fates[one] for one in Fate if one is not Fate.SAME},
        "held": len(found.held),
        "unasked": found.unasked,
        "unread": found.unread,
    }


_TOLD: Final[Mapping[str, str]] = {
    "refused": "would not be kept by consent",
    "over": "would be erased by now",
    "less": "would be kept in part",
    "shorter": "would be kept shorter",
    "more": "would be kept as a whole, if they came now",
    "longer": "would be kept longer",
}


def _summary(found: Simulated) -> str:
    fates: Counter[str] = Counter({fate.value: count for fate, count in found.fates.items()})
    parts = [f"{fates[name]} {told}" for name, told in _TOLD.items() if fates[name]]
    total = sum(fates.values()) + found.unread
    text = f"of {total} stored calls {len(found.calls)} would be treated differently"
    text += f": {', '.join(parts)}" if parts else ""
    if found.held:
        text += f"; {len(found.held)} of them are under a legal hold, and stay"
    if found.unasked:
        text += f"; of {found.unasked} nobody asked for consent: retention alone was compared"
    if found.unread:
        text += f"; the decision of {found.unread} can't be read here: upgrade"
    return text


def _plain(change: PolicyChange | RuleChange) -> dict[str, object]:
    from dataclasses import asdict  # noqa: PLC0415 - as above

    return asdict(change)


def _tell_json(value: object) -> None:
    typer.echo(json.dumps(value, sort_keys=True, default=str))


def _tell(text: str) -> None:
    screen().print(text, markup=False, highlight=False, soft_wrap=True)
