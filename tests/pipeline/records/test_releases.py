"""Two releases side by side: each reads what the other writes, or refuses it by a typed error.

``PREVIOUS`` are the versions that the release before this one writes. Whoever raises a version in
``schemas.NEWEST`` leaves them; they are set to ``NEWEST`` once that release is out.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.errors import RecordError
from pipeline.records import schemas
from pipeline.records.avro_codec import from_form, to_form
from pipeline.records.model import Record
from tests.pipeline.records.test_schemas import BEFORE
from tests.pipeline.records.wire_samples import SAMPLES

pytestmark = pytest.mark.unit

PREVIOUS = {
    "AudioChunk": 5,
    "CallEnd": 2,
    "Heard": 5,
    "Findings": 5,
    "RedactedChunk": 5,
    "Verdict": 4,
}
BEFORE_THE_NEWEST = {name: version - 1 for name, version in schemas.NEWEST.items()}
RELEASES = pytest.mark.parametrize(
    "release", [PREVIOUS, BEFORE_THE_NEWEST], ids=["previous release", "versions before"]
)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    schemas.schema.cache_clear()
    yield
    schemas.schema.cache_clear()


def written(name: str, versions: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A record as the release with these versions writes it."""
    with monkeypatch.context() as patched:
        patched.setattr(schemas, "NEWEST", versions)
        schemas.schema.cache_clear()
        return schemas.write(*to_form(SAMPLES[name])[:2])


def read(name: str, version: int, data: bytes) -> Record:
    schemas.schema.cache_clear()
    return from_form(name, schemas.read(name, version, data), to_form(SAMPLES[name])[2])


@RELEASES
@pytest.mark.parametrize("name", SAMPLES)
def test_this_release_reads_what_an_older_one_wrote(
    name: str, release: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = written(name, release, monkeypatch)
    expected = BEFORE.get((name, release[name]), SAMPLES[name])
    assert read(name, release[name], data) == expected


@RELEASES
@pytest.mark.parametrize("name", SAMPLES)
def test_an_older_release_reads_what_this_one_writes_or_says_why_not(
    name: str, release: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = schemas.NEWEST[name]
    data = written(name, schemas.NEWEST, monkeypatch)
    monkeypatch.setattr(schemas, "NEWEST", release)
    schemas.schema.cache_clear()
    if release[name] == newest:
        form = schemas.read(name, newest, data)
        assert from_form(name, form, to_form(SAMPLES[name])[2]) == SAMPLES[name]
    else:
        with pytest.raises(RecordError, match="upgrade this reader"):
            schemas.read(name, newest, data)


def test_no_version_goes_back() -> None:
    assert all(schemas.NEWEST[name] >= version for name, version in PREVIOUS.items())
