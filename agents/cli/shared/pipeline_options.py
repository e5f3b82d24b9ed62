"""Options of the commands that run the stages or send recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Bootstrap = Annotated[
    str | None, typer.Option(help="Kafka bootstrap servers; without it the embedded broker.")
]
Cluster = Annotated[
    str | None, typer.Option("--bootstrap", help="Kafka bootstrap servers; one has to be named.")
]
StateDir = Annotated[
    Path | None, typer.Option("--state-dir", help="Folder of the ledger and the wrapping key.")
]
PolicyName = Annotated[
    str | None,
    typer.Option(
        "--policy",
        help="Policy file, or default, pci, hipaa, gdpr, consent; several are joined: pci+consent.",
    ),
]
Again = Annotated[
    bool,
    typer.Option(
        "--again",
        help="Take recordings whose call was refused or stored in part anew, also mended ones, as "
        "a new call (<call>.again2).",
    ),
]
Engines = Annotated[int | None, typer.Option(help="Speech engine processes; 0: one per core.")]
