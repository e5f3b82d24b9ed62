"""Every released version of every record decodes for ever; see ``docs/records.md``."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from importlib import resources
from typing import Any, cast

import fastavro
import pytest

from pipeline.errors import RecordError
from pipeline.records import schemas
from pipeline.records.avro_codec import from_form, to_form, wire_name
from pipeline.records.consent import Business
from pipeline.records.model import CallEnd, Findings, Record, WindowTranscript
from tests.pipeline.records.wire_samples import PCM, SAMPLES, WORD

pytestmark = pytest.mark.unit

WRITTEN = json.loads(
    resources.files("tests.pipeline.records").joinpath("written_records.json").read_text("utf-8")
)
"""Bytes that each released version wrote, and the fingerprint of its schema."""


def _before_business(name: str) -> Record:
    """A record of a call of which nobody says how it came about."""
    record: Any = _before_numbers() if name == "Heard" else _before_agreed(name)
    return cast("Record", replace(record, call=replace(record.call, business=Business())))


def _before_numbers() -> Record:
    """A window that does not say which words were nearly numbers."""
    return cast("Record", replace(cast("Any", SAMPLES["Heard"]), words=(WORD,)))


def _before_agreed(name: str) -> Record:
    """A record that does not say of which words every model was sure."""
    record: Any = SAMPLES[name]
    return replace(record, agreed=()) if hasattr(record, "agreed") else record


def _before_consent(name: str) -> Record:
    """A record of a call of whose consent nobody says anything."""
    record: Any = _before_agreed(name)
    if isinstance(record, CallEnd):
        return replace(record, consent=None)
    changed: dict[str, Any] = {}
    if hasattr(record, "call"):
        changed["call"] = replace(record.call, consent=None, business=Business())
    if hasattr(record, "end") and isinstance(record.end, CallEnd):
        changed["end"] = replace(record.end, consent=None)
    if isinstance(record, WindowTranscript):
        changed |= {"withheld": (), "words": (WORD,)}
    if isinstance(record, Findings):
        changed["candidates"] = ()
    return cast("Record", replace(record, **changed))


def _before_parties(name: str) -> Record:
    """A record of a call whose purpose and parties nobody names."""
    record: Any = _before_consent(name)
    return cast("Record", replace(record, call=replace(record.call, purpose="", parties=())))


def _before_digests(record: Record) -> Record:
    """A record that does not say by what it was made."""
    changed: dict[str, Any] = {
        "Heard": {"listening": ""},
        "Findings": {"since": 0, "detection": None},
        "RedactedChunk": {"policy": ""},
    }
    return replace(record, **changed[wire_name(type(record))])


def _before_pauses(record: Record) -> Record:
    """A chunk that does not say that the recorder was paused."""
    chunk: Any = record
    return cast("Record", replace(chunk, paused=False, blank=False))


BEFORE: dict[tuple[str, int], Record] = {
    ("Findings", 1): replace(_before_digests(_before_consent("Findings")), shown=()),
    ("Findings", 4): replace(cast("Any", _before_agreed("Findings")), candidates=()),
    **{(name, 5): _before_agreed(name) for name in ("Findings", "RedactedChunk")},
    ("Heard", 5): _before_numbers(),
    ("AudioChunk", 1): _before_pauses(_before_parties("AudioChunk")),
    ("AudioChunk", 2): _before_pauses(_before_consent("AudioChunk")),
    ("AudioChunk", 3): _before_pauses(_before_business("AudioChunk")),
    ("Verdict", 1): _before_parties("Verdict"),
    **{(name, 1): _before_digests(_before_parties(name)) for name in ("Heard", "RedactedChunk")},
    **{
        (name, 2): _before_digests(_before_consent(name))
        for name in ("Heard", "Findings", "RedactedChunk")
    },
    **{
        (name, version): _before_consent(name)
        for name, version in {
            "CallEnd": 1,
            "Heard": 3,
            "Findings": 3,
            "RedactedChunk": 3,
            "Verdict": 2,
        }.items()
    },
    **{
        (name, version): _before_business(name)
        for name, version in {
            "AudioChunk": 4,
            "Heard": 4,
            "RedactedChunk": 4,
            "Verdict": 3,
        }.items()
    },
}
"""What older versions, which lack a field, are read as."""


def _file(name: str, version: int) -> dict[str, Any]:
    text = resources.files(schemas).joinpath(f"{name}.v{version}.avsc").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _versions() -> list[tuple[str, int]]:
    return [(name, one) for name, newest in schemas.NEWEST.items() for one in range(1, newest + 1)]


def test_every_version_has_its_fixture() -> None:
    assert sorted(f"{name}.v{version}" for name, version in _versions()) == sorted(WRITTEN)


@pytest.mark.parametrize(("name", "version"), _versions())
def test_a_released_schema_never_changes(name: str, version: int) -> None:
    form = fastavro.schema.to_parsing_canonical_form(_file(name, version))
    print_ = fastavro.schema.fingerprint(form, "SHA-256")
    assert print_ == WRITTEN[f"{name}.v{version}"]["fingerprint"]


@pytest.mark.parametrize(("name", "version"), _versions())
def test_old_bytes_decode(name: str, version: int) -> None:
    data = bytes.fromhex(WRITTEN[f"{name}.v{version}"]["bytes"])
    form = schemas.read(name, version, data)
    audio = PCM.astype("<i2").tobytes() if name in {"AudioChunk", "RedactedChunk"} else b""
    assert from_form(name, form, audio) == BEFORE.get((name, version), SAMPLES[name])


@pytest.mark.parametrize("name", schemas.NEWEST)
def test_a_field_without_a_default_would_break_old_bytes(name: str) -> None:
    data = bytes.fromhex(WRITTEN[f"{name}.v1"]["bytes"])
    writer = fastavro.parse_schema(_file(name, 1))
    for field, good in (({"default": 0}, True), ({}, False)):
        changed = _file(name, schemas.NEWEST[name])
        changed["fields"].append({"name": "added_later", "type": "long", **field})
        reader = fastavro.parse_schema(changed)
        if good:
            read = fastavro.schemaless_reader(io.BytesIO(data), writer, reader)
            assert isinstance(read, dict)
            assert read["added_later"] == 0
        else:
            with pytest.raises(fastavro.read.SchemaResolutionError):
                fastavro.schemaless_reader(io.BytesIO(data), writer, reader)


@pytest.mark.parametrize(("name", "version"), [("CallEnd", 0), ("CallEnd", 3), ("Nothing", 1)])
def test_an_unknown_version_is_refused(name: str, version: int) -> None:
    with pytest.raises(RecordError):
        schemas.schema(name, version)


def test_every_field_of_every_record_is_written() -> None:
    for name, record in SAMPLES.items():
        _, form, _ = to_form(record)
        assert set(form) == {field["name"] for field in _file(name, schemas.NEWEST[name])["fields"]}
