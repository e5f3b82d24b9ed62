"""The workflow for a public host: runs what is here, may change nothing, pins what it takes."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".github" / "workflows" / "ci.yml"
TEXT = FILE.read_text("utf-8")
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, Any] = WORKFLOW["jobs"]
NIGHTLY = (ROOT / ".ci" / "nightly").read_text("utf-8")


def test_it_is_the_only_one() -> None:
    assert [path.name for path in FILE.parent.iterdir()] == ["ci.yml"]


def test_it_may_only_read() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in JOBS.values())
    assert "secrets." not in TEXT
    assert "pull_request_target" not in TEXT
    steps = [one for job in JOBS.values() for one in job["steps"]]
    checkouts = [one for one in steps if "checkout" in one.get("uses", "")]
    assert all(one["with"]["persist-credentials"] is False for one in checkouts)


def test_actions_are_pinned_by_commit_and_say_which_version_it_is() -> None:
    uses = re.findall(r"uses: (.+)", TEXT)
    assert len(uses) >= 2
    for one in uses:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one), one
    renovate = json.loads((FILE.parents[1] / "renovate.json").read_text("utf-8"))
    assert "github-actions" in renovate["enabledManagers"]


def test_changes_and_nights_run_what_is_here() -> None:
    events = WORKFLOW[True]  # YAML 1.1 reads `on` so
    assert {"push", "pull_request", "schedule"} <= set(events)
    commands = [one["run"] for job in JOBS.values() for one in job["steps"] if "run" in one]
    assert commands == [".ci/run", "make setup", ".ci/nightly ${{ matrix.part }}"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100


def test_there_nothing_may_be_missing() -> None:
    assert WORKFLOW["env"] == {"NOTHING_MISSING": "1"}
    target = (ROOT / "Makefile").read_text("utf-8").partition("\ntest:")[2].partition("\n\n")[0]
    assert target.count("|| .ci/missing ") >= 9
    assert "|| echo" not in target
    for value, status in (("", 0), ("1", 1)):
        done = subprocess.run(
            [ROOT / ".ci" / "missing", "NO", "KAFKA"],
            env={"PATH": "/usr/bin:/bin", "NOTHING_MISSING": value},
            check=False, capture_output=True, text=True, timeout=HANG_S,
        )  # fmt: skip
        assert done.returncode == status
        assert "# NO KAFKA\n" in done.stderr


def test_the_audit_asks_for_every_lock() -> None:
    script = (ROOT / ".ci" / "audit").read_text("utf-8")
    (named,) = re.findall(r"(?m)^for lock in (.+); do$", script)
    asked = {path for pattern in named.split() for path in ROOT.glob(pattern)}
    assert asked == {*ROOT.glob("requirements*.txt"), *ROOT.glob("tests/**/requirements.txt")}
    assert len(asked) == 9


def test_every_part_of_the_night_is_a_job() -> None:
    parts = re.findall(r"(?m)^(?:[A-Z_]+=\w+ )?part (\w+) ", NIGHTLY)
    assert JOBS["nightly"]["strategy"]["matrix"]["part"] == parts
    budgets = re.findall(r'(?m)^(?:[A-Z_]+=\w+ )?part \w+ "[^"]+" (\d+)', NIGHTLY)
    assert max(map(int, budgets)) + 60 <= JOBS["nightly"]["timeout-minutes"]


def test_a_part_that_is_not_known_is_refused() -> None:
    done = subprocess.run(
        [ROOT / ".ci" / "nightly", "naps"],
        check=False,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 2
    assert "no part naps" in done.stderr
