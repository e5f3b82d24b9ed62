"""Avro schemas of the records, one file per type and version, and how they are resolved.

Evolution rules (see ``docs/records.md``): a file is never changed once it was released; a new
version adds fields with defaults or drops fields that had one; a reader reads every version.
"""

from __future__ import annotations

import io
import json
from functools import cache
from importlib import resources
from typing import Any, TypeAlias

import fastavro

from pipeline.errors import RecordError

Form: TypeAlias = dict[str, Any]
"""A record as plain values, the way Avro sees it."""

NEWEST = {
    "AudioChunk": 5,
    "CallEnd": 2,
    "Heard": 6,
    "Findings": 6,
    "RedactedChunk": 6,
    "Verdict": 4,
}
"""The version that is written, by type; all versions up to it are read."""


@cache
def schema(name: str, version: int) -> Any:  # noqa: ANN401 - fastavro's own parsed form
    """The parsed schema of a type and version.

    Raises:
        RecordError: there is no such version here, such as one written by a newer release.
    """
    if not 1 <= version <= NEWEST.get(name, 0):
        raise RecordError(f"no schema {name} version {version}: upgrade this reader")
    source = resources.files(__name__).joinpath(f"{name}.v{version}.avsc")
    return fastavro.parse_schema(json.loads(source.read_text(encoding="utf-8")))


def write(name: str, form: Form) -> bytes:
    """Avro bytes of ``form`` in the newest version of its type."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema(name, NEWEST[name]), form)
    return out.getvalue()


def read(name: str, version: int, data: bytes) -> Form:
    """Plain values of Avro bytes that were written in ``version``, as the newest version.

    Raises:
        RecordError: the bytes do not hold such a record, or hold more than it.
    """
    source = io.BytesIO(data)
    try:
        form = fastavro.schemaless_reader(
            source, schema(name, version), schema(name, NEWEST[name]), return_record_name=False
        )
    except RecordError:
        raise
    except Exception:  # noqa: BLE001 - fastavro raises whatever its parser meets in foreign bytes
        # The cause is cut off: its message may quote the bytes.
        raise RecordError(f"not an Avro record of type {name} version {version}") from None
    if source.read(1) or not isinstance(form, dict):
        raise RecordError(f"bytes are left behind the {name} record")
    return form
