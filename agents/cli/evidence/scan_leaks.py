"""``hushwire scan-leaks``: searches every byte of files for canaries.

Exit codes: 0 nothing was found; 1 something was, or a file could not be read, or the self-test
missed a plant; 2 a path or a canary can't be used.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from agents.system.fatal_exit import ExitCode
from agents.system.screen import screen
from pipeline.errors import InputError


def scan_leaks(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files, or folders with everything below them.")
    ] = None,
    canary: Annotated[
        list[Path] | None,
        typer.Option(help="Audio file, or text file with one canary a line. May be repeated."),
    ] = None,
    self_test: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--self-test", help="Plant canaries in all forms and look for them.")
    ] = False,
) -> None:
    """Search every byte for made-up numbers, words and sounds that were sent through the pipeline.

    As text, digits with separators, spoken digits, PCM16, mu-law, A-law, float32, base64. What is
    compressed or encrypted is not opened. Finds are told by place and form, never by content.
    """
    from agents.app.checks import canaries, leak_scan, leak_scan_selftest  # noqa: PLC0415 - --help comes at once

    console = screen()
    known = canaries.read_canaries(canary) if canary else leak_scan_selftest.sample_canaries()
    if self_test:
        plants = leak_scan_selftest.self_test(known)
        missed = [one for one in plants if not one.found]
        for one in missed:
            console.print(f"missed: {one.canary} as {one.form}", style="red", markup=False)
        told = f"self-test: {len(plants) - len(missed)} of {len(plants)} plants found"
        console.print(told, highlight=False)
        if missed:
            sys.exit(ExitCode.NOT_CLEAN)
    if not paths:
        if self_test:
            return
        raise InputError("name the files or folders that are to be searched, or --self-test")
    if not canary:
        raise InputError("name the canaries with --canary FILE")
    done = leak_scan.scan(paths, leak_scan.Searcher(*canaries.needles(known)))
    for line in leak_scan.told(done):
        console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    megabytes = done.bytes / 1e6
    told = f"{len(known)} canaries, {done.files} files, {megabytes:.1f} MB: {len(done.hits)} finds"
    console.print(told, highlight=False)
    sys.exit(ExitCode.NOT_CLEAN if done.hits or done.unreadable else ExitCode.DONE)
