"""A stored call as a vCon (IETF draft-ietf-vcon-vcon-core, syntax 0.4.0), with its audio streamed.

What stands in it: who took part, by role and pseudonym, never by number or name; the redacted audio
inline or by reference; the redacted transcript and the certificate as analysis; the lawful basis.
It is a pure function of what is stored: no clock, so that a repeat gives the same bytes.

Outcomes: ``build`` returns a ``VCon``, or raises ``RecordError`` for a transcript or certificate
that is no JSON. ``VCon.pieces`` yields the file's bytes and raises what the audio raises.
``Base64Url`` and ``jws_head`` / ``jws_tail`` put the signed form around it (RFC 7515, general
JSON); the signature itself is the caller's.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pipeline.consent.lawful import EXTENSION, Asserted, attachment, stamped
from pipeline.errors import RecordError
from pipeline.records.consent import Decision, moment_of
from pipeline.records.model import Role

SYNTAX: Final = "0.4.0"
CALL_CENTER: Final = "CC"
"""Name of the extension (draft-ietf-vcon-cc-extension) that defines ``role`` and ``campaign``."""
VENDOR: Final = "hushwire"
TRANSCRIPT: Final = "hushwire.call-analytics.v1"
"""Schema of the transcript: in the shape of Amazon Transcribe Call Analytics' output."""
REDACTED: Final = "pii"
"""What was redacted. Without a ``uuid`` beside it: the draft's way to say that no less redacted
version exists; nothing unredacted was ever stored."""
FLAC: Final = "audio/flac"
"""RFC 9639. The draft's list of media types is a SHOULD, and has no lossless one but WAV."""
DOMAIN: Final = "hushwire.invalid"
"""Under it stand the names of installations, which are no hosts (RFC 2606)."""
ALGORITHM: Final = "EdDSA"
"""RFC 8037, with Ed25519."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Recording:
    """The redacted audio."""

    filename: str
    url: str = ""
    """Where it lies; empty: it goes inline."""
    content_hash: str = ""
    """Of the audio at ``url``; see ``content_hash``."""


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """What is stored of a call; no number and no name."""

    call_id: str
    stored: datetime
    """Aware."""
    started: str
    """ISO 8601 as the recorder said, or empty."""
    duration_ms: int
    roles: tuple[str, ...]
    """One per channel."""
    parties: tuple[str, ...]
    """Pseudonyms. Whose channel is whose is not stored."""
    purpose: str
    retain_until: datetime
    """Aware."""
    consent: Decision | None
    certificate: str
    """sha256 in hex."""
    key_id: str
    """Of the key that signed the certificate, in hex; empty: it is not signed."""


@dataclass(frozen=True, slots=True)
class VCon:
    """A vCon without its inline audio."""

    uuid: str
    document: Mapping[str, Any] = field(repr=False)
    inline: bool
    """Whether the audio goes into the dialog's ``body``."""

    def pieces(self, audio: Iterable[bytes] = ()) -> Iterator[bytes]:
        """The unsigned form as a file's bytes, with the audio as it comes.

        Args:
            audio: all of it, in pieces of any length; only read where it goes inline.
        """
        yield opening(self.uuid)
        rest = {name: self.document[name] for name in self.document if name not in _FIRST}
        for name, value in rest.items():
            yield f",{_json(name)}:".encode()
            if name == "dialog" and self.inline:
                yield from _with_body(value[0], audio)
            else:
                yield _json(value).encode()
        yield b"}\n"


_FIRST: Final = ("vcon", "uuid")


def opening(identity: str) -> bytes:
    """How the file of a vCon begins: by it an export is known for that of the same call."""
    return f'{{"vcon":"{SYNTAX}","uuid":"{identity}"'.encode()


def build(
    facts: StoredFacts, transcript: bytes, certificate: bytes, recording: Recording | None
) -> VCon:
    """Put a vCon together.

    Args:
        facts: what is stored of the call.
        transcript: the redacted one, as JSON.
        certificate: JSON.
        recording: the redacted audio; None: none was kept (a transcript only).

    Raises:
        RecordError: transcript or certificate are no JSON.
    """
    identity = uuid_of(facts)
    started = moment_of(facts.started)
    speakers, channels = _speakers(facts.roles)
    parties = [{"name": "anonymous", "role": role} for role in speakers]
    parties += [{"name": name} for name in facts.parties]
    lawful = attachment(
        Asserted(
            facts.consent,
            facts.purpose,
            started,
            facts.stored,
            facts.retain_until,
            facts.certificate,
        ),
        customer=_first(speakers, Role.CUSTOMER),
        agent=_first(speakers, Role.AGENT),
    )
    claims = lawful is not None and lawful["purpose"] == EXTENSION
    document: dict[str, Any] = {
        "vcon": SYNTAX,
        "uuid": identity,
        "extensions": [CALL_CENTER, EXTENSION] if claims else [CALL_CENTER],
        "created_at": stamped(facts.stored),
        "redacted": {"type": REDACTED},
        "parties": parties,
        "dialog": [_dialog(facts, started, channels, recording)],
        "analysis": [
            _analysis("transcript", TRANSCRIPT, f"{facts.call_id}.json", transcript),
            _analysis(
                "report",
                "hushwire.certificate.v1",
                f"{facts.call_id}.certificate.json",
                certificate,
            ),
        ],
        "attachments": [lawful] if lawful is not None else [],
    }
    return VCon(identity, document, recording is not None and not recording.url)


def uuid_of(facts: StoredFacts) -> str:
    """The vCon's UUID, version 8 as the draft makes it of version 7, from what is stored.

    48 bits of milliseconds are when the call was stored, 12 bits come from its certificate, and 62
    bits from the SHA-1 of a name of its own below the installation's (``host``).
    """
    milliseconds = (facts.stored - _EPOCH) // timedelta(milliseconds=1)
    label = hashlib.sha256(facts.call_id.encode()).hexdigest()[:32]
    name = f"{label}.{host(facts.key_id)}".encode()
    digest = hashlib.sha1(name, usedforsecurity=False).digest()
    custom_a = int(facts.certificate[:3], 16)
    custom_c = int.from_bytes(digest[:8]) >> 2
    value = milliseconds << 80 | 8 << 76 | custom_a << 64 | 0b10 << 62 | custom_c
    return str(uuid.UUID(int=value))


def host(key_id: str) -> str:
    """The name of the installation whose signing key that is."""
    return f"{key_id[:32] or 'unsigned'}.{DOMAIN}"


def content_hash(digest: bytes) -> str:
    """A SHA-512 digest as the draft's ContentHash."""
    return f"sha512-{encoded(digest).decode()}"


def encoded(data: bytes) -> bytes:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Base64Url:
    """Encodes what comes in pieces of any length; the pieces joined are ``encoded`` of it all."""

    def __init__(self) -> None:
        self._left = b""

    def feed(self, piece: bytes) -> bytes:
        """As much as can be encoded by now."""
        data = self._left + piece
        whole = len(data) - len(data) % 3
        self._left = data[whole:]
        return base64.urlsafe_b64encode(data[:whole])

    def end(self) -> bytes:
        """The rest."""
        left, self._left = self._left, b""
        return encoded(left)


def protected_header(key_id: str) -> bytes:
    """What the signature covers of its header, encoded.

    The draft wants ``alg`` in the header, and RFC 7515 wants a parameter in one header only: here,
    where it is signed.
    """
    return encoded(_json({"alg": ALGORITHM, "kid": key_id, "typ": "vcon+json"}).encode())


def jws_head() -> bytes:
    """What stands before the payload of the signed form."""
    return b'{"payload":"'


def jws_tail(identity: str, protected: bytes, signature: bytes, certificate: bytes) -> bytes:
    """What stands after the payload of the signed form.

    Args:
        identity: UUID of the vCon.
        protected: as ``protected_header`` gives it.
        signature: over ``protected``, a dot and the payload.
        certificate: X.509 of the signing key, DER.
    """
    chain = [base64.b64encode(certificate).decode()]  # RFC 7515, 4.1.6: base64, not base64url
    one = {
        "header": {"uuid": identity, "x5c": chain},
        "protected": protected.decode(),
        "signature": encoded(signature).decode(),
    }
    return f'","signatures":{_json([one])}}}\n'.encode()


def _speakers(roles: Sequence[str]) -> tuple[list[str], list[Any]]:
    """The roles of those who speak, and who speaks on each channel, as the draft's ``parties``.

    Of a mixed channel both sides are parties.
    """
    speakers: list[str] = []
    channels: list[Any] = []
    for role in roles:
        here = [Role.AGENT, Role.CUSTOMER] if role == Role.MIXED else [role]
        places = list(range(len(speakers), len(speakers) + len(here)))
        speakers += [str(one) for one in here]
        channels.append(places if len(places) > 1 else places[0])
    if len(channels) == 1 and isinstance(channels[0], list):
        return speakers, channels[0]
    return speakers, channels


def _dialog(
    facts: StoredFacts, started: datetime | None, channels: list[Any], recording: Recording | None
) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "recording"}
    if started is not None:
        told["start"] = stamped(started)
    seconds, rest = divmod(facts.duration_ms, 1_000)
    told["duration"] = seconds if not rest else facts.duration_ms / 1_000
    told["parties"] = channels
    told["mediatype"] = FLAC
    if facts.consent is not None and facts.consent.campaign:
        told["campaign"] = facts.consent.campaign
    if recording is not None:
        told["filename"] = recording.filename
    if recording is not None and recording.url:
        told |= {"url": recording.url, "content_hash": recording.content_hash}
    return told


def _with_body(dialog: Mapping[str, Any], audio: Iterable[bytes]) -> Iterator[bytes]:
    """The dialog array, with the audio inline and the hash of what it was."""
    yield f'[{_json(dialog)[:-1]},"encoding":"base64url","body":"'.encode()
    coder, digest = Base64Url(), hashlib.sha512()
    for piece in audio:
        digest.update(piece)
        yield coder.feed(piece)
    yield coder.end()
    yield f'","content_hash":"{content_hash(digest.digest())}"}}]'.encode()


def _analysis(kind: str, schema: str, filename: str, data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise RecordError(f"the {kind} of the call is no JSON") from None
    return {
        "type": kind,
        "dialog": 0,
        "mediatype": "application/json",
        "filename": filename,
        "vendor": VENDOR,
        "product": VENDOR,
        "schema": schema,
        "encoding": "json",
        "body": body,
    }


def _first(roles: Sequence[str], role: str) -> int:
    return roles.index(role) if role in roles else 0


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
