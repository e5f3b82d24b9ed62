"""``docs/asyncapi.yaml`` is AsyncAPI 3, and says what the code writes and reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.exceptions import ValidationError

from agents.kafka.topics import Topics
from pipeline.gateways import business
from pipeline.gateways.door import model, wire
from pipeline.gateways.door.call_ids import DRAWN
from pipeline.gateways.door.wire import Message, decode, encode
from pipeline.gateways.events import Codec
from pipeline.records.call_names import CALL_ID
from pipeline.records.model import HIGHEST_RATE, LOWEST_RATE, Role
from tests.pipeline.gateways.door.door_samples import FULL, KEY, PLAIN, RECORDS, TOPIC

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
OFFICIAL = ROOT / "build/asyncapi/node_modules/@asyncapi/specs/schemas/3.0.0.json"
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text("utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]
MESSAGES = {"audioChunk": "audioChunkHeaders", "callEnd": "callEndHeaders"}
SENT = {
    "audioChunk": [RECORDS["full"], RECORDS["plain"], RECORDS["paused"], RECORDS["blank"]],
    "callEnd": [RECORDS["end"], RECORDS["broken off"]],
}


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def leaves(error: ValidationError) -> Iterator[ValidationError]:
    """What is really wrong below an error, which names whole messages."""
    for inner in error.context or ():
        yield from leaves(inner)
    if not error.context:
        yield error


def at(reference: str) -> Any:  # noqa: ANN401 - whatever stands there
    found: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def validator(name: str) -> Draft202012Validator:
    """Of one of the document's schemas, with the others at hand."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return Draft202012Validator(schema)


def test_it_holds_to_the_schema_of_asyncapi_itself() -> None:
    if not OFFICIAL.exists():
        pytest.skip("ASYNCAPI'S OWN SCHEMA IS NOT THERE: `make asyncapi-schema` fetches it")
    schema = Draft7Validator(json.loads(OFFICIAL.read_text("utf-8")))
    told = [
        f"{'/'.join(map(str, leaf.absolute_path))}: {leaf.message[:200]}"
        for error in schema.iter_errors(DOCUMENT)
        for leaf in leaves(error)
    ]
    assert told == []


def test_a_document_that_is_none_does_not_pass() -> None:
    if not OFFICIAL.exists():
        pytest.skip("ASYNCAPI'S OWN SCHEMA IS NOT THERE: `make asyncapi-schema` fetches it")
    schema = Draft7Validator(json.loads(OFFICIAL.read_text("utf-8")))
    assert not schema.is_valid({**DOCUMENT, "asyncapi": "2.6.0"})
    assert not schema.is_valid({**DOCUMENT, "chanels": {}})
    assert not schema.is_valid({**DOCUMENT, "operations": {"one": {"action": "take"}}})


def test_its_version_and_every_reference() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    found = set(references(DOCUMENT))
    assert len(found) > 10
    for reference in found:
        assert at(reference), reference
    for name in SCHEMAS:
        Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_operation_is_on_a_channel_and_its_messages_are_that_channel_s() -> None:
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")


def test_the_topic_is_ours() -> None:
    assert DOCUMENT["channels"]["audioIn"]["address"] == Topics.named().audio_in == TOPIC
    addresses = [one["address"] for one in DOCUMENT["channels"].values()]
    assert set(addresses) <= set(Topics.named().all())


@pytest.mark.parametrize("message", MESSAGES)
def test_its_headers_are_exactly_those_that_are_written(message: str) -> None:
    told = SCHEMAS[MESSAGES[message]]
    written = [set(encode(one, TOPIC, key).headers) for one in SENT[message] for key in (KEY, None)]
    assert set(told["properties"]) == set.union(*written)
    assert set(told["required"]) == set.intersection(*written)
    assert (
        DOCUMENT["components"]["messages"][message]["name"]
        == told["properties"]["ce_type"]["const"]
    )


@pytest.mark.parametrize("message", MESSAGES)
def test_what_is_written_holds_to_it(message: str) -> None:
    for record in SENT[message]:
        sent = encode(record, TOPIC, None)
        headers = {name: (value or b"").decode() for name, value in sent.headers.items()}
        validator(MESSAGES[message]).validate(headers)
        validator("callInfo").validate(json.loads(headers["hw_info"]))
        validator("callId").validate((sent.key or b"").decode())
        if message == "callEnd":
            validator("callEnd").validate(json.loads(sent.value or b""))


@pytest.mark.parametrize("message", MESSAGES)
def test_its_examples_are_read(message: str) -> None:
    for example in DOCUMENT["components"]["messages"][message]["examples"]:
        headers = {name: value.encode() for name, value in example["headers"].items()}
        value = json.dumps(example["payload"]).encode() if "payload" in example else bytes(16_000)
        record = decode(Message(headers["ce_subject"], headers, value), TOPIC, None)
        assert record.header.roles == (Role.CUSTOMER, Role.AGENT)
        again = encode(record, TOPIC, None).headers
        told = {
            name: json.loads(one[wire.INFO] or b"") for name, one in (("a", again), ("b", headers))
        }
        assert told["a"] == told["b"]


def test_a_call_s_fields_and_limits_are_those_of_the_code() -> None:
    fields, told = wire._Info.model_fields, SCHEMAS["callInfo"]
    assert set(told["properties"]) == set(fields)
    assert set(told["required"]) == {name for name, one in fields.items() if one.is_required()}
    has = told["properties"]
    assert (has["sample_rate"]["minimum"], has["sample_rate"]["maximum"]) == (
        LOWEST_RATE,
        HIGHEST_RATE,
    )
    assert has["roles"]["maxItems"] == model.MOST_CHANNELS
    assert set(has["roles"]["items"]["enum"]) == {one.value for one in Role}
    assert set(has["codec"]["enum"]) == {one.value for one in Codec}
    assert has["recorder_id"]["maxLength"] == model.MOST_RECORDER_ID
    assert has["started_at"]["maxLength"] == model.MOST_TIME
    assert has["numbers"]["maxItems"] == model.MOST_NUMBERS
    assert has["numbers"]["items"]["maxLength"] == business.MOST_NUMBER
    assert f"{model.MOST_STATED:,} bytes" in has["consent"]["description"]
    assert set(SCHEMAS["callEnd"]["properties"]) == set(wire._End.model_fields)
    assert SCHEMAS["info"]["maxLength"] == wire.MOST_INFO
    assert SCHEMAS["wrappedKey"]["maxLength"] == wire.MOST_KEY
    assert (
        SCHEMAS["eventId"]["maxLength"] == SCHEMAS["eventSource"]["maxLength"] == wire.MOST_HEADER
    )
    keys = [one["bindings"]["kafka"]["key"] for one in DOCUMENT["components"]["messages"].values()]
    assert SCHEMAS["callId"]["pattern"] == f"^{DRAWN.pattern}$"
    assert SCHEMAS["anyCallId"]["pattern"] == f"^{CALL_ID.pattern}$"
    # Two messages come in by the door; the third goes out, also of calls that came another way.
    assert [one["pattern"] for one in keys] == [
        SCHEMAS[name]["pattern"] for name in ("callId", "callId", "anyCallId")
    ]
    chunk = SCHEMAS["audioChunkHeaders"]["properties"]
    assert set(chunk["content-type"]["enum"]) == {f"audio/{one.value}" for one in Codec}
    for headers in MESSAGES.values():
        for name in ("hw_seq", "hw_start"):
            pattern = SCHEMAS[headers]["properties"][name]["pattern"]
            assert pattern == f"^({wire._NUMBER.pattern.decode()})$"
    payload = DOCUMENT["components"]["messages"]["audioChunk"]["payload"]["description"]
    assert f"{model.MOST_AUDIO:,} bytes of L16" in payload
    assert f"{model.MOST_AUDIO // 2:,} bytes of PCMU" in payload


@pytest.mark.parametrize(
    ("field", "value"),
    [("sample_rate", 7_999), ("roles", []), ("codec", "G729"), ("language", "DE"), ("other", 1)],
)
def test_what_the_code_refuses_the_document_refuses(field: str, value: object) -> None:
    info = json.loads(encode(RECORDS["full"], TOPIC, None).headers[wire.INFO] or b"")
    assert validator("callInfo").is_valid(info)
    assert not validator("callInfo").is_valid({**info, field: value})


def test_the_samples_have_every_header() -> None:
    """Or the comparison above would compare little."""
    assert FULL != PLAIN
    every = set().union(*(encode(one, TOPIC, KEY).headers for one in RECORDS.values()))
    assert {wire.KEY, wire.INFO, wire.SEQ, wire.START, wire.PAUSED} < every
