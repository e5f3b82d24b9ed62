"""``hushwire analytics``: what is counted of stored calls."""

from __future__ import annotations

import typer

from agents.cli.shared import public_keys
from agents.cli.shared.stores import VaultOption, opened_vault, token_key_file
from agents.settings.model import load_settings
from agents.system.fatal_exit import ExitCode
from agents.system.progress import Through, plain
from agents.system.screen import screen

app = typer.Typer(help="What is counted of stored calls.", no_args_is_help=True)


@app.callback()
def analytics() -> None:
    """What is counted of stored calls."""


@app.command()
def rebuild(vault: VaultOption, state_dir: public_keys.StateDir = None) -> None:
    """Count stored calls anew, and index their words, where that was not done by what counts today.

    These are calls that an older version stored, and all of them after another list of topics or
    another token key. Stopped and started again, it goes on where it was; calls may come meanwhile.
    What a recorder said of direction, agent and so on stays as it is. A call whose files do not
    open is named and left out (exit code 1).
    """
    from agents.database.known_keys import known_token_key  # noqa: PLC0415 - --help comes at once
    from agents.vault.analytics.fact_keeper import FactKeeper  # noqa: PLC0415
    from agents.vault.analytics.search_index import SearchIndex  # noqa: PLC0415
    from agents.vault.analytics.topic_list import topics_of  # noqa: PLC0415
    from pipeline.errors import RecordError  # noqa: PLC0415

    settings, out = load_settings(state_dir=state_dir), screen()
    done = failed = 0
    with opened_vault(settings, vault) as (parts, opened):
        key = known_token_key(parts.ledger.database).read(token_key_file(settings, vault))
        keeper = FactKeeper(opened, SearchIndex(key), topics_of(settings))
        total = keeper.store.count_outdated(keeper.made)
        with Through(out, total, "calls") as progress:

            def report(call_id: str, problem: RecordError | None) -> None:
                nonlocal done, failed
                done, failed = done + (problem is None), failed + (problem is not None)
                progress.through(f"{call_id}: left out: {problem}" if problem else "")

            keeper.rebuild(report)
    plain(out, f"{done} calls counted" + (f", {failed} left out" if failed else ""))
    raise typer.Exit(ExitCode.NOT_CLEAN if failed else ExitCode.DONE)
