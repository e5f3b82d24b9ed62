from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from agents.app.recordings.recording_folder import (
    LARGEST_SIDECAR,
    default_roles,
    find_recordings,
    read_drop,
)
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.crypto.pseudonym_secret import read_or_make_key
from pipeline.errors import InputError
from pipeline.records.call_names import PSEUDONYM
from pipeline.records.consent import Business
from pipeline.records.model import Role

pytestmark = pytest.mark.unit


def test_recordings_are_found_in_order_and_sidecars_are_not_calls(tmp_path: Path) -> None:
    for name in ("b.wav", "a.FLAC", "a.json", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in find_recordings([tmp_path])] == ["a.FLAC", "b.wav"]


def test_a_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        list(find_recordings([tmp_path / "gone"]))


def test_a_named_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "call.mkv").write_bytes(b"")
    with pytest.raises(InputError, match="not a recording"):
        list(find_recordings([tmp_path / "call.mkv"]))


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


@pytest.mark.parametrize(
    "name",
    ["a+b", "Gespräch Müller 3", "(copy) call", "..", "日本", "x" * 200, "a\nb", "-x", "e\u0301"],
)
def test_any_name_gets_an_id_of_ours_and_is_kept_as_the_recorders(
    name: str, tmp_path: Path
) -> None:
    path, named = (
        tmp_path / f"{name}.m4a",
        Pseudonyms(partial(read_or_make_key, tmp_path / "key")).call_id,
    )
    drop = read_drop(path, named=named)
    assert PSEUDONYM.fullmatch(drop.call_id)
    assert drop.renamed
    assert drop.recorder_id == name
    assert name not in repr(drop)
    assert read_drop(path, named=named).call_id == drop.call_id
    with pytest.raises(InputError, match="the call id may hold letters"):
        read_drop(path)


def test_a_name_that_can_be_an_id_is_one(tmp_path: Path) -> None:
    drop = read_drop(
        tmp_path / "call-7.wav",
        named=Pseudonyms(partial(read_or_make_key, tmp_path / "key")).call_id,
    )
    assert (drop.call_id, drop.recorder_id, drop.renamed) == ("call-7", "call-7", False)
    assert not (tmp_path / "key").exists()


def test_the_sidecar_says_what_the_recorder_calls_it(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"call_id": "+1 555 555 0100"}', encoding="utf-8")
    drop = read_drop(
        tmp_path / "x.wav", named=Pseudonyms(partial(read_or_make_key, tmp_path / "key")).call_id
    )
    assert drop.recorder_id == "+1 555 555 0100"
    assert PSEUDONYM.fullmatch(drop.call_id)
    assert "555" not in repr(drop)


def test_a_name_is_told_on_one_line_without_control_characters(tmp_path: Path) -> None:
    (tmp_path / "a\nb\x1b[2J.txt").write_bytes(b"")
    told: list[str] = []
    list(find_recordings([tmp_path], not_taken=told.append))
    assert [one.isprintable() for one in told] == [True]
    assert told[0].startswith("a?b?[2J.txt: ")


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(8 << 30)


SIDECARS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "not a regular file"),
    "a pipe": (os.mkfifo, "not a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "a link that leads nowhere": (lambda path: path.symlink_to("gone"), "No such file"),
    "a link to itself": (lambda path: path.symlink_to(path), "symbolic links"),
    "what reading fails on": (lambda path: path.symlink_to("/proc/self/mem"), "output error"),
    "8 GiB": (sparse, "larger than 1 MiB"),
}


@pytest.mark.parametrize("kind", SIDECARS)
def test_a_sidecar_that_cannot_be_read_is_refused(tmp_path: Path, kind: str) -> None:
    make, complaint = SIDECARS[kind]
    make(tmp_path / "x.json")
    with pytest.raises(InputError, match=rf"x\.json: .*{complaint}.*; ") as caught:
        read_drop(tmp_path / "x.wav")
    assert "take it away" in str(caught.value)


def test_a_sidecar_that_others_keep_from_us_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.json").write_text("{}")

    def denied(path: Path, *_: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(InputError, match=r"x\.json: cannot be read \(Permission denied\)"):
        read_drop(tmp_path / "x.wav")


def test_a_sidecar_of_the_largest_size_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"language": "es"}'.ljust(LARGEST_SIDECAR))
    assert read_drop(tmp_path / "x.wav").language == "es"


def test_each_file_that_is_not_taken_is_told_with_the_reason(tmp_path: Path) -> None:
    folder, other = tmp_path / "in", tmp_path / "other"
    (folder / "b" / "empty").mkdir(parents=True)
    other.mkdir()
    for name in (
        "a.wav",
        "a.json",
        "b/c.aac",
        "b/d.opus",
        "b/d.JSON",
        "lone.json",
        "+15555550100.wma",
    ):
        (folder / name).write_bytes(b"")
    (other / "x.wav").write_bytes(b"")
    (folder / "linked").symlink_to(other)
    told: list[str] = []
    found = find_recordings([folder], not_taken=told.append)
    assert [path.relative_to(folder).as_posix() for path in found] == ["a.wav", "b/d.opus"]
    kinds = "not a recording that can be read (.flac, .m4a, .mp3, .mp4, .ogg, .opus, .wav, .webm)"
    assert told == [
        f"+###########.wma: {kinds}",
        f"b/c.aac: {kinds}",
        "b/d.JSON: no sidecar: the name of one ends in .json, in small letters; rename it",
        "linked: a link to a folder, which is not followed; name the folder itself",
        "lone.json: a sidecar without a recording",
    ]


def test_a_folder_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    (tmp_path / "a.wav").write_bytes(b"")
    scandir = os.scandir

    def denied(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(InputError, match=r"closed: cannot be read \(Permission denied\); "):
        list(find_recordings([tmp_path]))


def test_a_path_that_the_system_refuses_is_an_error() -> None:
    with pytest.raises(InputError, match=r"xxx: cannot be read \(File name too long\)"):
        list(find_recordings([Path("x" * 300)]))


@pytest.mark.parametrize(
    "purpose", ["p4111111111111111", "call-back-555-0100", "c_4_1_1_1_1_1_1_1", "x5555550100y"]
)
def test_a_purpose_that_holds_a_number_is_refused(tmp_path: Path, purpose: str) -> None:
    """It would stand in clear in headers, catalogue and API."""
    (tmp_path / "x.json").write_text(json.dumps({"purpose": purpose}), encoding="utf-8")
    with pytest.raises(InputError, match=r"x\.json: purpose: may hold a telep") as caught:
        read_drop(tmp_path / "x.wav")
    assert not set("4115") & set(str(caught.value))


@pytest.mark.parametrize("purpose", ["quality", "q4-2026", "training_20261128", "art6-1-f"])
def test_a_purpose_with_harmless_digits_is_taken(tmp_path: Path, purpose: str) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"purpose": purpose}), encoding="utf-8")
    assert read_drop(tmp_path / "x.wav").purpose == purpose


def test_a_sidecar_says_how_its_call_came_about(tmp_path: Path) -> None:
    said = {
        "direction": "inbound",
        "tracking_number": "+1 555 010 0100",
        "agent": "Ann",
        "outcome": "voicemail",
        "caller": "+1 555 010 0199",
        "consent": {"campaign": "spring"},
    }
    (tmp_path / "x.json").write_text(json.dumps(said), encoding="utf-8")
    drop, named = (
        read_drop(tmp_path / "x.wav"),
        Pseudonyms(partial(read_or_make_key, tmp_path / "tokens.key")),
    )
    line, caller = named("+15550100100"), named("+1-555-010-0199")
    told = drop.info(8_000, 1, named=named).business
    assert told == Business("inbound", "spring", line, "Ann", "voicemail", caller)
    told = drop.info(8_000, 1, named=named, lines={"+15550100100": "web"}).business
    assert told.line == "web"
    assert drop.info(8_000, 1).business == Business()
    assert "555" not in repr(drop)


@pytest.mark.parametrize(
    ("field", "value"),
    [("direction", "in"), ("outcome", "ok"), ("agent", "555 010 0199"), ("campaign", "Spring")],
)
def test_a_wrong_description_in_a_sidecar_is_refused(
    tmp_path: Path, field: str, value: str
) -> None:
    (tmp_path / "x.json").write_text(json.dumps({field: value}), encoding="utf-8")
    with pytest.raises(InputError, match=rf"x\.json: {field}: ") as caught:
        read_drop(tmp_path / "x.wav")
    assert "555" not in str(caught.value)


def test_a_name_that_is_no_utf8_is_kept_in_an_escaped_form(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller.wav"))
    path.write_bytes(b"")
    drop = read_drop(path, named=lambda _: "call-1")
    assert (drop.call_id, drop.recorder_id) == ("call-1", r"M\xfcller")


def test_a_time_without_an_offset_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "one.wav"
    path.with_suffix(".json").write_text('{"started_at": "2026-05-01T10:00:00"}')
    with pytest.raises(InputError, match=r"one\.json: started_at: needs an offset from UTC"):
        read_drop(path)


@pytest.mark.parametrize("said", ["0001-01-01T00:00:00+01:00", "1970-01-01T00:00:00Z"])
def test_a_clock_that_was_never_set_is_refused_by_name(said: str, tmp_path: Path) -> None:
    path = tmp_path / "one.wav"
    path.with_suffix(".json").write_text(f'{{"started_at": "{said}"}}')
    with pytest.raises(InputError, match=r"one\.json: started_at: not between 1990 and 2199"):
        read_drop(path)


def test_recordings_that_would_share_a_sidecar_are_named_and_not_taken(tmp_path: Path) -> None:
    for name in ("a.wav", "a.mp3", "a.json", "b.wav", "c.json"):
        (tmp_path / name).write_bytes(b"")
    told: list[str] = []
    found = list(find_recordings([tmp_path], not_taken=told.append))
    assert [path.name for path in found] == ["b.wav"]
    assert [line.split(":")[0] for line in told] == ["a.mp3", "a.wav", "c.json"]
