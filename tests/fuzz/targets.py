"""Everything that reads bytes from outside, as functions that may fail in one way only.

A target takes any bytes. It returns, or the code under test raises the typed error that its
docstring promises and the target swallows it; any other exception is a fault.
"""

from __future__ import annotations

import base64
import io
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from multidict import CIMultiDict

from agents.access.hash_chain import read_export, tree_of
from agents.access.witness import Note, witnesses
from agents.app.gateway.twilio_access import StreamAccess
from agents.app.gateway.twilio_access import read_secrets as read_stream_secrets
from agents.app.recordings.recording_folder import read_drop
from pipeline.audio.files import inspect_recording, read_recording
from pipeline.errors import AudioError, HushwireError, InputError, PolicyError, RecordError
from pipeline.evaluation.corpora.labelled_texts import parse_cases
from pipeline.evidence.canonical_json import read_document
from pipeline.evidence.certificate import parse_certificate
from pipeline.gateways.audiohook.connection import AudioHookConnection
from pipeline.gateways.door.wire import Message, decode, encode, read_key
from pipeline.gateways.events import Audio, GatewayError, Started
from pipeline.gateways.http_signatures import SignatureVerifier
from pipeline.gateways.lone_keys import ConsentKeys
from pipeline.gateways.twilio.connection import TwilioConnection
from pipeline.gateways.twilio.frames import TELNYX, TWILIO
from pipeline.policy.loading import parse_policy
from pipeline.records import cloudevents
from pipeline.records.call_names import holds_number, pseudonym_of, shown
from pipeline.records.model import Role
from tests.pipeline.gateways.door import door_samples
from tests.pipeline.records.wire_samples import SAMPLES

POLICIES = Path(__file__).parents[2] / "policies"


@dataclass(frozen=True)
class Target:
    """A reader, and inputs that it accepts, from which others are made."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def _record(data: bytes) -> None:
    """A record's value, under the headers of every type: ``RecordError`` alone."""
    name, _, rest = data.partition(b"\n")
    known = name.decode("ascii", "replace")
    message = cloudevents.encode(SAMPLES.get(known, SAMPLES["Heard"]))
    headers = dict(message.headers)
    if cloudevents.META in headers:
        headers[cloudevents.META] = rest[: len(rest) // 2]
        rest = rest[len(rest) // 2 :]
    with suppress(RecordError):
        cloudevents.decode(cloudevents.address(headers, b"call-1"), headers, rest)


def _headers(data: bytes) -> None:
    """A record's headers and key: ``RecordError`` alone."""
    key, *lines = data.split(b"\n")
    headers: dict[str, bytes | None] = {}
    for line in lines:
        name, _, value = line.partition(b"=")
        headers[name.decode("utf-8", "replace")] = value
    with suppress(RecordError):
        where = cloudevents.address(headers, key)
        assert cloudevents.valid_call_id(where.call_id)
        cloudevents.associated_data("topic", headers)


def _door(data: bytes) -> None:
    """A record of the door, in clear or sealed: ``RecordError`` alone; what is read is written."""
    key, _, rest = data.partition(b"\n\n")
    *lines, value = rest.split(b"\n\n")
    headers: dict[str, bytes | None] = {}
    for line in lines:
        name, _, held = line.partition(b"=")
        headers[name.decode("utf-8", "replace")] = held
    message = Message(key, headers, value)
    with suppress(RecordError):
        opening = None if read_key(headers) is None else door_samples.SEAL
        record = decode(message, door_samples.TOPIC, opening)
        again = encode(record, door_samples.TOPIC, None)
        assert decode(again, door_samples.TOPIC, None) == record


def _sidecar(data: bytes) -> None:
    """What a recorder says beside a recording: ``InputError`` alone."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "call-1.wav"
        recording.with_suffix(".json").write_bytes(data)
        with suppress(InputError):
            drop = read_drop(recording)
            assert cloudevents.valid_call_id(drop.call_id)
            drop.info(8_000, 2)


def _audio(data: bytes) -> None:
    """A recording: ``AudioError`` alone, and all of its samples; two in one file are none."""
    try:
        info = inspect_recording(data)
        if info.frames * info.channels > 50_000_000:
            return  # a declared length costs memory only as far as it is really there
        assert len(read_recording(data).samples) == info.frames
    except AudioError:
        return
    try:
        inspect_recording(data + data)
    except AudioError:
        return
    raise AssertionError("a second recording in the file was not noticed")


def _name(data: bytes) -> None:
    """A call's name: an id without a number, or a pseudonym that is one."""
    name = data.decode("utf-8", "replace")
    pseudonym = pseudonym_of(name, bytes(32))
    assert cloudevents.valid_call_id(pseudonym)
    assert not holds_number(pseudonym)
    if holds_number(name):
        assert not any(char.isdecimal() for char in shown(name))
    else:
        plain = "".join(char if char.isprintable() else "?" for char in name)
        assert shown(name) == plain


def _policy(data: bytes) -> None:
    """A policy: ``PolicyError`` alone."""
    with suppress(PolicyError):
        parse_policy(data.decode("utf-8", "replace"), origin="fuzz.yaml")


def _certificate(data: bytes) -> None:
    """A certificate: an error of ours alone."""
    with suppress(HushwireError):
        read_document(data)
    with suppress(HushwireError):
        parse_certificate(data)


def _audit(data: bytes) -> None:
    """An exported audit log: an error of ours alone."""
    with suppress(HushwireError):
        tree_of(*read_export(data.splitlines()))


def _note(data: bytes) -> None:
    """A witness's checkpoint and key: an error of ours alone."""
    text = data.decode("utf-8", "replace")
    with suppress(HushwireError):
        Note.parse(text).cosigned(witnesses(VKEY))
    with suppress(HushwireError):
        witnesses(text)


def _texts(data: bytes) -> None:
    """Labelled texts: an error of ours alone."""
    with suppress(HushwireError):
        parse_cases(data.decode("utf-8", "replace"), origin="fuzz.jsonl")


def _signed(data: bytes) -> None:
    """A signed request, a field a line: ``GatewayError`` alone."""
    fields = dict(line.partition(b"=")[::2] for line in data.split(b"\n"))
    headers = {
        name.decode("utf-8", "replace"): value.decode("utf-8", "surrogateescape")
        for name, value in fields.items()
    }
    with suppress(GatewayError):
        SignatureVerifier({"k": (bytes(32),)}).verify("/audiohook", "host", headers, 1e9)


def _handshake(data: bytes) -> None:
    """A request that opens a stream, a field a line, then its token: ``GatewayError`` alone."""
    *lines, token = data.split(b"\n")
    fields = CIMultiDict(
        (name.decode("utf-8", "replace"), value.decode("utf-8", "surrogateescape"))
        for name, _, value in (line.partition(b"=") for line in lines)
    )
    for every in ("require any", "require all"):
        secrets = read_stream_secrets("\n".join((*STREAM_SECRETS, every)))
        access = StreamAccess(secrets, url="", clock=lambda: 1e9)
        with suppress(GatewayError):
            proven = access.handshake("host", "/telnyx", fields)
            if proven is not None:
                proven(token.decode("utf-8", "surrogateescape"), "CA1")


def _audiohook(data: bytes) -> None:
    """Frames of an AudioHook session, a line each, text after ``t``: ``GatewayError`` alone."""
    connection = AudioHookConnection(session_id=PROBE, organization_id=PROBE)
    said = []
    for line in data.split(b"\n"):
        frame = line[1:].decode("utf-8", "replace") if line.startswith(b"t") else line[1:]
        try:
            events, replies = connection.feed(frame)
        except GatewayError as error:
            said += connection.refuse(error.reason)
            continue
        said += replies
        if any(isinstance(event, Started) for event in events):
            said += connection.accept()
        said += connection.finish()
    assert [json.loads(one)["seq"] for one in said] == list(range(1, len(said) + 1))


def _streams(data: bytes) -> None:
    """Frames of a Twilio or Telnyx stream, a line each: ``GatewayError`` alone."""
    for shape in (TWILIO, TELNYX):
        connection = TwilioConnection(
            shape, roles={"inbound": Role.CUSTOMER}, keys=ConsentKeys(agrees="1", withdraws="9")
        )
        for line in data.split(b"\n"):
            with suppress(GatewayError):
                events, replies = connection.feed(line)
                assert not replies
                assert all(event.start >= 0 for event in events if isinstance(event, Audio))


def _recordings() -> tuple[bytes, ...]:
    pcm = np.arange(-400, 400, dtype=np.int16).reshape(-1, 2)
    made = []
    for container, subtype in (
        ("WAV", "PCM_16"),
        ("WAV", "ULAW"),
        ("WAV", "FLOAT"),
        ("WAV", "IMA_ADPCM"),
        ("FLAC", "PCM_16"),
        ("FLAC", "PCM_24"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
    ):
        buffer = io.BytesIO()
        soundfile.write(buffer, pcm, 8_000, format=container, subtype=subtype)
        made.append(buffer.getvalue())
    return tuple(made)


def _encoded() -> tuple[bytes, ...]:
    made = []
    for name, record in SAMPLES.items():
        message = cloudevents.encode(record)
        meta = message.headers.get(cloudevents.META, b"")
        made.append(name.encode() + b"\n" + meta + message.value)
    return tuple(made)


def _written_headers() -> tuple[bytes, ...]:
    made = []
    for record in SAMPLES.values():
        headers = cloudevents.encode(record).headers
        lines = [name.encode() + b"=" + value for name, value in headers.items()]
        made.append(b"\n".join([b"call-1", *lines]))
    return tuple(made)


def _door_records() -> tuple[bytes, ...]:
    made = []
    for record in door_samples.RECORDS.values():
        for key in (None, door_samples.KEY):
            message = encode(record, door_samples.TOPIC, key)
            lines = [name.encode() + b"=" + (one or b"") for name, one in message.headers.items()]
            made.append(b"\n\n".join([message.key or b"", *lines, message.value or b""]))
    return tuple(made)


def _json(document: object) -> bytes:
    return json.dumps(document).encode()


PRIVATE = "0123456789abcdef"  # pragma: allowlist secret
STREAM_SECRETS = (
    f"auth-token {PRIVATE}",
    f"token {PRIVATE}",
    f"call-token {PRIVATE}",
    "public-key 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
)
VKEY = "w+680f52bc+" + base64.b64encode(b"\x04" + bytes(32)).decode()
ROOT = base64.b64encode(bytes(32)).decode()
SIGNED = base64.b64encode(bytes.fromhex("680f52bc") + bytes(72)).decode()

PROBE = "00000000-0000-0000-0000-000000000000"
REQUEST = (
    b'signature-input=s=("@request-target" "@authority" "audiohook-organization-id" '
    b'"audiohook-session-id" "audiohook-correlation-id" "x-api-key");keyid="k";'
    b'nonce="1234567890123456789012";created=1000000000;expires=1000000030\n'
    b"signature=s=:P7tmnTXgxQwhNpTsYrXZzg==:\nx-api-key=k\naudiohook-organization-id=o\n"
    b"audiohook-session-id=s\naudiohook-correlation-id=c"
)


def _session() -> bytes:
    """Frames of a session with all that may be said in it."""
    media = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8_000}
    began = {
        "organizationId": PROBE,
        "conversationId": PROBE.replace("0", "1"),
        "participant": {"id": PROBE, "ani": "+1 555 0100", "dnis": ""},
        "media": [media],
        "customConfig": {"consent": {"places": ["US-CA"]}},
    }
    gone = {"start": "PT0S", "discarded": "PT1.5S"}
    orders: list[tuple[str, object]] = [
        ("open", began), ("ping", {}), ("update", {"language": "es-US"}), ("discarded", gone),
        ("paused", {}), ("resumed", gone), ("dtmf", {"digit": "1"}), ("close", {"reason": "end"}),
    ]  # fmt: skip
    frames = [
        b"t" + _json(
            {
                "version": "2", "type": order, "id": PROBE, "seq": number, "serverseq": 0,
                "position": "PT0S", "parameters": parameters,
            }
        )
        for number, (order, parameters) in enumerate(orders, 1)
    ]  # fmt: skip
    return b"\n".join([frames[0], b"b" + b"\xff" * 160, *frames[1:]])


def _stream(*, telnyx: bool) -> bytes:
    """Frames of a stream with all that may be said in it."""
    words = {
        "number": "sequence_number", "stream": "stream_id", "call": "call_control_id",
        "format": "media_format", "rate": "sample_rate", "said": "custom_parameters",
    } if telnyx else {
        "number": "sequenceNumber", "stream": "streamSid", "call": "callSid",
        "format": "mediaFormat", "rate": "sampleRate", "said": "customParameters",
    }  # fmt: skip
    begun = {
        words["call"]: "CA1", "tracks": ["inbound", "outbound"], "from": "+1 555 0100",
        words["format"]: {"encoding": "L16", words["rate"]: "8000", "channels": 1},
        words["said"]: {"token": "t", "language": "en-US", "consent": "{}", "inbound": "agent"},
    }  # fmt: skip
    audio = {"track": "inbound", "chunk": "1", "timestamp": "20", "payload": "AAEAAgAD"}
    frames: list[tuple[str, object]] = [
        ("start", begun), ("media", audio), ("media", audio | {"track": "outbound"}),
        ("dtmf", {"track": "inbound_track", "digit": "9"}), ("mark", {"name": "m"}),
        ("media", audio | {"timestamp": "4000"}), ("stop", {words["call"]: "CA1"}),
    ]  # fmt: skip
    lines = [
        _json({"event": event, event: what, words["number"]: str(number), words["stream"]: "MZ1"})
        for number, (event, what) in enumerate(frames, 1)
    ]
    return b"\n".join([_json({"event": "connected", "version": "1.0.0"}), *lines])


TARGETS: dict[str, Target] = {
    "record": Target(_record, _encoded()),
    "headers": Target(_headers, _written_headers()),
    "door": Target(_door, _door_records()),
    "sidecar": Target(
        _sidecar,
        (
            _json(
                {
                    "call_id": "c-1",
                    "started_at": "2026-03-01T10:00:00Z",
                    "channels": [{"index": 0, "role": "agent"}, {"index": 1, "role": "customer"}],
                    "language": "en",
                    "purpose": "quality",
                    "caller": "+1 555 0100",
                }
            ),
            b"{}",
        ),
    ),
    "audio": Target(_audio, _recordings()),
    "name": Target(_name, (b"20260101-120000", b"+1 555 0100", b"%34%31", b"c-1")),
    "policy": Target(_policy, tuple(p.read_bytes() for p in sorted(POLICIES.glob("*.yaml")))),
    "certificate": Target(
        _certificate,
        (_json({"schema": "x", "call_id": "c", "spans": [], "signature": {}}), b"{}", b"[1e999]"),
    ),
    "audit": Target(_audit, (_json({"seq": 1, "facts": {}}), b"")),
    "note": Target(_note, (f"log\n3\n{ROOT}\n\n\u2014 w {SIGNED}\n".encode(), VKEY.encode())),
    "texts": Target(
        _texts,
        (
            _json({"id": "1", "turns": [{"text": "my name is Ann", "labels": []}]}),
            _json({"full_text": "hello Ann", "spans": []}),
            b"hello O\nAnn B-PERSON\n",
        ),
    ),
    "signed": Target(_signed, (REQUEST,)),
    "handshake": Target(
        _handshake,
        (
            f"telnyx-signature-ed25519={SIGNED}\ntelnyx-timestamp=1000000000\n{PRIVATE}".encode(),
            f"X-Twilio-Signature={SIGNED}\nAuthorization=Bearer {PRIVATE}\n".encode(),
        ),
    ),
    "audiohook": Target(_audiohook, (_session(), _session().replace(b"11111111", b"00000000"))),
    "streams": Target(_streams, (_stream(telnyx=False), _stream(telnyx=True))),
}
"""By name, in the order in which a call meets them."""
