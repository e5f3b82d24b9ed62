"""``hushwire reader``: a reader of your own, learnt from your labelled calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.settings.model import load_settings
from agents.system.screen import print_list, screen
from pipeline.policy.model import READER_THRESHOLD

if TYPE_CHECKING:
    from models.reader.tuning import Tried

app = typer.Typer(help="A reader of your own.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep the command's name although it is the only one."""


@app.command()
def train(
    texts: Annotated[
        list[Path],
        typer.Option(
            "--texts", help="Labelled calls: a file, or a folder of them; may be repeated."
        ),
    ],
    to: Annotated[Path, typer.Option("--to", help="Folder to write; must not be there yet.")],
    start: Annotated[
        str, typer.Option("--from", help="`shipped`, or the folder of a reader to begin with.")
    ] = "shipped",
    epochs: Annotated[
        float,
        typer.Option(
            min=0.1,
            max=50,
            help="How often every call is learnt from; a few hundred calls take 10 or more.",
        ),
    ] = 4.0,
    seed: Annotated[int, typer.Option(help="The same seed and texts give the same reader.")] = 0,
) -> None:
    """Learn from labelled calls on this machine; nothing in force is changed.

    Prints what the reader finds in a tenth of the calls that it did not learn from, before and
    after, and the digest that puts it in force. Needs `pip install 'hushwire[train]'`.
    Exit codes: 0 written; 2 wrong input; 3 no PyTorch, or what `--from` names is no reader.
    """
    from agents.app.evaluation.run_texts import read_cases  # noqa: PLC0415 - --help comes at once
    from agents.settings.policies import names_known  # noqa: PLC0415 - as above
    from models.reader.encoder import MODEL  # noqa: PLC0415
    from models.reader.tuning import tune  # noqa: PLC0415
    from models.store.loader import find  # noqa: PLC0415

    console = screen()
    files = [file for path in texts for file in _files(path)]
    cases = read_cases(files, names_known(load_settings()).entities)
    folder = find(MODEL, allow_hub=False) if start == "shipped" else Path(start)

    def tell(line: str) -> None:
        console.print(line, markup=False, highlight=False)

    done = tune(cases, folder, to, epochs=epochs, seed=seed, tell=tell)
    titles = ("reader", "sensitive words covered", "harmless words muted")
    both = (("before", done.before), ("after", done.after))
    print_list(console, titles, [(name, *_shares(tried)) for name, tried in both], headed=True)
    tried_on = f"tried on {done.left_out} others, at threshold {READER_THRESHOLD}"
    tell(f"learnt from {done.calls} calls, {tried_on}")
    tell(f"written: {to}; try it beside the one in force before you use it:")
    tell(f"  HUSHWIRE_SHADOW_READER={to}")
    tell(f"  HUSHWIRE_SHADOW_READER_DIGEST={done.digest}")


def _files(path: Path) -> list[Path]:
    return sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]


def _shares(tried: Tried) -> tuple[str, str]:
    return (
        f"{tried.covered} of {tried.sensitive}",
        f"{tried.muted} of {tried.harmless}",
    )
