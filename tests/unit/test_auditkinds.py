"""The list of audit events is complete, by construction, and documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.auditkinds import KINDS, table
from agents.auditlog import Event

pytestmark = pytest.mark.unit


def test_only_listed_kinds_can_be_written() -> None:
    for kind in ("hushwire.audit.made-up.v1", "call-closed", "hushwire.audit.call-closed.v2", ""):
        with pytest.raises(ValueError, match="not listed"):
            Event("id", "call-1", kind, {})


def test_every_kind_that_the_code_names_is_listed_and_the_page_shows_them_all() -> None:
    root = Path(__file__).parents[2]
    source = "".join(
        path.read_text("utf-8")
        for package in ("agents", "console")
        for path in sorted((root / package).rglob("*.py"))
    )
    named = set(re.findall(r"hushwire\.audit\.([a-z-]+)\.v1", source))
    named |= set(re.findall(r"\baudit\([^)\"]*\"([a-z-]+)\"", source))
    assert named - {"entry", "checkpoint"} <= set(KINDS)
    assert len(named) > 10
    page = (root / "docs" / "certificates.md").read_text("utf-8")
    assert table() in page
