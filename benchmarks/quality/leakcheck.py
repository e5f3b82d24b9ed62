"""Checks redacted audio against the truth: what can still be heard, and what was muted for nothing.

    python -m benchmarks.quality.leakcheck MANIFEST DIR [--json] [--record NAME]

A short view of what ``hushwire evaluate audio`` tells in full; how it is counted is said in
``pipeline/evaluation/scoring/leak_scoring.py``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from agents.app.evaluation.run_calls import check
from benchmarks.results import record
from pipeline.evaluation.scoring.leak_scoring import CallResult, DigitResult, LeakReport, TypeResult

__all__ = [
    "CallResult",
    "DigitResult",
    "LeakReport",
    "TypeResult",
    "as_json",
    "check",
    "figures",
    "main",
]


def as_json(report: LeakReport) -> str:
    """The report with its totals as JSON, without what was spoken."""
    calls = [
        {
            "file": call.file,
            "missing": call.missing,
            "harmless_ms": call.harmless_ms,
            "harmless_muted_ms": call.harmless_muted_ms,
            "types": [dataclasses.asdict(each) for each in call.types],
            "digits": [dataclasses.asdict(each) for each in call.digits],
        }
        for call in report.calls
    ]
    totals = {
        "passed": report.passed,
        "harmless_muted_share": report.harmless_muted_share,
        "types": [dataclasses.asdict(each) for each in report.types()],
        "digits": [dataclasses.asdict(each) for each in report.digits()],
        "calls": calls,
    }
    return json.dumps(totals, indent=2)


def figures(report: LeakReport) -> dict[str, str]:
    """What README.md shows: calls, digits audible and spoken, per cent of harmless speech muted."""
    digits = report.digits()
    return {
        "calls": str(len(report.calls)),
        "audible": str(sum(one.audible for one in digits)),
        "digits": str(sum(one.digits for one in digits)),
        "harmless": f"{100 * report.harmless_muted_share:.1f}",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 when a digit can be heard or a call is missing."""
    parser = argparse.ArgumentParser(description="Check redacted audio against the truth.")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("redacted", type=Path, help="folder with the redacted recordings")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--record", metavar="NAME", help="keep the figures by this name for README")
    options = parser.parse_args(arguments)
    report = check(options.manifest, options.redacted)
    if options.record:
        record(options.record, f"leakcheck of {options.redacted.name}", figures(report))
    if options.json:
        print(as_json(report))
        return 0 if report.passed else 1
    for each in report.types():
        share = 100 * each.silenced_ms / each.sensitive_ms if each.sensitive_ms else 100.0
        print(f"{each.type:<16} {each.entities:>4} entities  {share:6.2f} % of the time silenced")
    for digit in report.digits():
        print(f"{digit.kind:<16} {digit.audible} of {digit.digits} digits audible")
    print(f"harmless speech muted: {100 * report.harmless_muted_share:.2f} %")
    for call in report.calls:
        if call.missing:
            print(f"missing: {call.file}")
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
