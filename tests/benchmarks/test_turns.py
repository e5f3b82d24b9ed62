"""Recordings of a second turn have names of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.cost.stage_cost import _renamed

pytestmark = pytest.mark.unit


def test_recordings_and_sidecars_get_new_names(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(b"audio")
    (tmp_path / "a.json").write_text('{"call_id": "a", "language": "en"}')
    (tmp_path / "b.wav").write_bytes(b"other")
    _renamed([tmp_path / "a.flac", tmp_path / "b.wav"], tmp_path / "turn", 2)
    made = sorted((tmp_path / "turn").iterdir())
    assert [one.name for one in made] == ["2-a.flac", "2-a.json", "2-b.wav"]
    assert json.loads(made[1].read_text()) == {"call_id": "2-a", "language": "en"}
