"""What is published of the outputs is what the code writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from agents.kafka.topics import Topics
from agents.runtime.events import event
from agents.runtime.steps import EmitEvent
from agents.stages.vault import TRANSCRIPT
from pipeline.evidence.redacted_transcript import (
    RedactedTranscript,
    events,
    json_lines,
    read_transcript,
    schema,
)
from tests.pipeline.evidence.told import CERTIFICATE, STORED

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "docs" / "schemas" / "transcript.v1.json"
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text("utf-8"))


def test_the_schema_is_current() -> None:
    """``json.dumps(schema(), indent=2)`` is the file."""
    assert json.loads(PUBLISHED.read_text("utf-8")) == schema()
    Draft202012Validator.check_schema(schema())


def test_what_is_told_holds_to_it_and_other_things_do_not() -> None:
    check = Draft202012Validator(json.loads(PUBLISHED.read_text("utf-8")))
    (told,) = events(read_transcript(STORED), CERTIFICATE)
    check.validate(told)
    for changed in ({"more": 1}, {"roles": ["robot"]}, {"part": 0}, {"certificate": "x"}):
        with pytest.raises(ValidationError):
            check.validate({**told, **changed})


def test_asyncapi_has_the_same_schema() -> None:
    made = RedactedTranscript.model_json_schema(
        by_alias=True, ref_template="#/components/schemas/{model}"
    )
    schemas = DOCUMENT["components"]["schemas"]
    for name, one in made.pop("$defs").items():
        assert schemas[name] == one
    assert schemas["RedactedTranscript"] == made


def test_asyncapi_has_topic_and_headers_as_they_are_written() -> None:
    channel = DOCUMENT["channels"]["transcriptsRedacted"]
    assert channel["address"] == Topics.named().transcripts_redacted
    message = DOCUMENT["components"]["messages"]["redactedTranscript"]
    assert message["name"] == TRANSCRIPT
    (told,) = events(read_transcript(STORED), CERTIFICATE)
    written = event(
        EmitEvent("t", "call-1", TRANSCRIPT, told, part=1, classification="confidential")
    )
    headers = {name: value.decode() for name, value in written.headers.items()}
    told_headers = DOCUMENT["components"]["schemas"]["transcriptHeaders"]
    assert set(told_headers["properties"]) == set(told_headers["required"]) == set(headers)
    whole = {"$ref": "#/components/schemas/transcriptHeaders", "components": DOCUMENT["components"]}
    Draft202012Validator(whole).validate(headers)
    assert json.loads(written.value) == told


def test_the_page_s_example_lines_are_real() -> None:
    """docs/outputs.md shows lines as ``export --format jsonl`` writes them."""
    page = (ROOT / "docs" / "outputs.md").read_text("utf-8")
    for line in b"".join(json_lines(read_transcript(STORED))).decode().splitlines():
        assert line in page
