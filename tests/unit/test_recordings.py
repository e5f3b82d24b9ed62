from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.recordings import default_roles, find_recordings, read_drop
from pipeline.errors import InputError
from pipeline.records import Role

pytestmark = pytest.mark.unit


def test_recordings_are_found_in_order_and_sidecars_are_not_calls(tmp_path: Path) -> None:
    for name in ("b.wav", "a.FLAC", "a.json", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in find_recordings([tmp_path])] == ["a.FLAC", "b.wav"]


def test_a_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        list(find_recordings([tmp_path / "gone"]))


def test_a_named_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "call.mp4").write_bytes(b"")
    with pytest.raises(InputError, match="not a recording"):
        list(find_recordings([tmp_path / "call.mp4"]))


def test_the_sidecar_names_call_roles_and_start(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(
        json.dumps(
            {
                "call_id": "c-1",
                "started_at": "2026-11-24T10:00:00+00:00",
                "channels": [{"index": 1, "role": "agent"}, {"index": 0, "role": "customer"}],
            }
        ),
        encoding="utf-8",
    )
    drop = read_drop(tmp_path / "x.wav")
    assert drop.call_id == "c-1"
    assert drop.started_at == "2026-11-24T10:00:00+00:00"
    assert drop.info(8000, 2).roles == (Role.CUSTOMER, Role.AGENT)


@pytest.mark.parametrize(
    ("sidecar", "complaint"),
    [
        ("{", "Invalid JSON"),
        ('{"channels": [{"index": 0, "role": "boss"}]}', "channels.0.role"),
        ('{"channels": [{"index": 1, "role": "agent"}]}', "without gap"),
        ('{"call_id": "../evil"}', "call id"),
        ('{"language": "english"}', "language"),
    ],
)
def test_a_wrong_sidecar_says_what_is_wrong(tmp_path: Path, sidecar: str, complaint: str) -> None:
    (tmp_path / "x.json").write_text(sidecar, encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        read_drop(tmp_path / "x.wav")


def test_a_sidecar_that_counts_other_channels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(
        '{"channels": [{"index": 0, "role": "agent"}]}', encoding="utf-8"
    )
    with pytest.raises(InputError, match="describes 1 channels"):
        read_drop(tmp_path / "x.wav").info(8000, 2)


def test_roles_follow_the_position() -> None:
    assert default_roles(1) == (Role.MIXED,)
    assert default_roles(2) == (Role.AGENT, Role.CUSTOMER)
    assert default_roles(3) == (Role.AGENT, Role.CUSTOMER, Role.MIXED)


@pytest.mark.parametrize(
    ("sidecar", "language"), [(None, "es"), ("{}", "es"), ('{"language": "fr"}', "fr")]
)
def test_a_call_whose_sidecar_names_no_language_has_the_set_one(
    tmp_path: Path, sidecar: str | None, language: str
) -> None:
    if sidecar is not None:
        (tmp_path / "x.json").write_text(sidecar, encoding="utf-8")
    assert read_drop(tmp_path / "x.wav", language="es").info(8_000, 1).language == language


def test_without_a_key_a_name_that_holds_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"##########\.wav: the call id may hold") as caught:
        read_drop(tmp_path / "5555550100.wav")
    assert "555" not in str(caught.value)
    with pytest.raises(InputError, match=r"##########\.wav: there is no such file"):
        list(find_recordings([tmp_path / "5555550100.wav"]))
