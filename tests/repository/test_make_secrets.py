"""``deploy/compose/make-secrets`` where it can't work; what it makes: ``test_compose.py``."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


def test_where_openssl_fails_no_empty_secret_is_made(tmp_path: Path) -> None:
    clone = tmp_path / "clone" / "deploy" / "compose"
    clone.mkdir(parents=True)
    shutil.copy(ROOT / "deploy/compose/make-secrets", clone)
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for one in ("sh", "dirname", "mkdir", "chmod", "id", "cat", "grep", "touch", "tr", "cut"):
        (bin_ / one).symlink_to(shutil.which(one) or one)
    run = partial(
        subprocess.run, [clone / "make-secrets"], env={"PATH": str(bin_)}, check=False,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    done = run()
    assert done.returncode == 1
    assert done.stderr == "make-secrets: needs openssl; install it, then run this again\n"
    (bin_ / "openssl").symlink_to(shutil.which("false") or "false")
    assert run().returncode == 1
    assert not [one for one in clone.rglob("*") if one.is_file() and one.name != "make-secrets"]
