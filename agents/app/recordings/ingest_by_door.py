"""Sends recordings from a host that holds a public key and nothing else: no ledger, no secret.

A call's id is made from its file's sha256 and the recorder's own id of it, and the file is cut in
the same pieces by everybody, so that it gives the same call whoever sends it, and how often: a
repeat changes nothing. Two calls that hold the same bytes, such as a lone prompt, are two. What
became of a call is told on the topic ``Topics.calls_redacted`` (docs/producers.md).

Outcomes of ``send_file``: the broker has acknowledged all of the call; ``InputError`` for a
recording or sidecar that is not taken, of which nothing was sent; ``BrokerError`` where the broker
is away: sending the file again goes on. A file that changes while it is read is refused, and what
was sent of it is an incomplete call.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from agents.app.recordings.ingest import Ingested, Outcome, file_digest
from agents.app.recordings.recording_folder import Drop, read_drop, recordings_at
from agents.crypto.transit_hybrid import TransitPublic
from agents.kafka.call_sender import CallSender, OutgoingCall
from agents.kafka.security import KafkaSecurity, named_broker
from agents.kafka.topics import Topics, require_door
from agents.settings.model import STATE, Settings
from agents.system.progress import Through
from pipeline.audio.files import RecordingInfo, Source, inspect_recording, iter_chunks
from pipeline.audio.narrowing import kept_rate, narrow
from pipeline.errors import InputError, StoreError
from pipeline.gateways.door.call_ids import call_id_of, recording_call_id
from pipeline.gateways.door.model import MOST_AUDIO, WIDTHS, CallHeader, canonical
from pipeline.gateways.events import Codec
from pipeline.records.call_names import shown
from pipeline.records.model import Pcm

CHUNK_S: Final = 1.0
"""Length of the audio chunks. No setting: a repeat with others would be a mixture of both."""


def send_file(
    path: Path,
    sender: CallSender,
    *,
    language: str = "",
    again: bool = False,
    content: bytes | None = None,
    sidecar: bytes = b"{}",
) -> Ingested:
    """Send one recording, with what its sidecar says.

    Args:
        path: of the recording.
        sender: to the door; several files may be sent through one, also from several threads.
        language: of a call whose sidecar names none; empty: the installation's own.
        again: as a new call, though it was refused before. One that is stored stays the only one.
        content: of the recording, where it is no file but an object of a bucket.
        sidecar: then, what its sidecar holds.

    Returns:
        Its call id and length; the broker has all of it.

    Raises:
        InputError: see the module.
        BrokerError: see the module.
    """
    drop, digest = recorded(path, language=language, content=content, sidecar=sidecar)
    call_id = drop.call_id
    source: Source = path if content is None else content
    if again:
        call_id = call_id_of(hashlib.sha256(call_id.encode() + secrets.token_bytes(32)).digest())
    about = inspect_recording(source)
    header = CallHeader(
        call_id,
        kept_rate(about.sample_rate),
        drop.roles_of(about.channels),
        Codec.L16,
        drop.recorder_id,
        drop.started_at,
        drop.language,
        drop.purpose,
        drop.numbers,
        canonical(drop.stated) if drop.stated else b"",
        digest,
        drop.business,
    )
    # Damage shows when it is reached: all of it is looked at before any of it is sent.
    for _ in iter_chunks(source, CHUNK_S):
        pass
    call = sender.open(header)
    for pcm in _pieces(source, about, header):
        call.send_waiting(pcm.astype("<i2").tobytes(), len(pcm))
    _end(call, path, same=content is not None or file_digest(path) == digest)
    return Ingested(path, Outcome.SENT, call_id, about.frames / about.sample_rate, digest=digest)


def recorded(
    path: Path, *, language: str = "", content: bytes | None = None, sidecar: bytes = b"{}"
) -> tuple[Drop, str]:
    """A recording as its sidecar describes it, and the sha256 of its file in hex.

    Args:
        path: see ``send_file``, as the others.
        language: of a call whose sidecar names none.
        content: of the recording, where it is no file.
        sidecar: then, what its sidecar holds.

    Returns:
        The recording, with the call id that it has at the door.

    Raises:
        InputError: a file can't be read, or the sidecar is refused.
    """
    digest = file_digest(path) if content is None else hashlib.sha256(content).hexdigest()
    drop = read_drop(
        path,
        language=language,
        named=lambda _: call_id_of(bytes.fromhex(digest)),
        sidecar=None if content is None else sidecar,
    )
    return replace(drop, call_id=recording_call_id(digest, drop.recorder_id)), digest


def _end(call: OutgoingCall, path: Path, *, same: bool) -> None:
    call.end(complete=same)
    call.wait()
    if not same:
        raise InputError(
            f"{shown(path.name)}: it changed while it was read; is it still written? What was sent "
            "is an incomplete call"
        )


def _pieces(source: Source, about: RecordingInfo, header: CallHeader) -> Iterator[Pcm]:
    """The recording as the stages see it, in pieces that fit into a record."""
    most = MOST_AUDIO // (WIDTHS[Codec.L16] * header.channels)
    chunks = iter_chunks(source, CHUNK_S)
    for pcm in narrow(chunks, about.sample_rate, about.channels):
        yield from (pcm[start : start + most] for start in range(0, len(pcm), most))


def send_paths(
    paths: list[Path], settings: Settings, *, console: Console, again: bool = False
) -> int:
    """Send recordings and print what became of each; reaches no ledger and makes no key.

    Args:
        paths: recordings, or folders of them.
        settings: which broker, and the public key.
        console: where it is printed.
        again: send recordings whose calls were refused anew.

    Returns:
        How many were not sent.

    Raises:
        HushwireError: a path or the key is unusable, nothing there is a recording, or the broker
            is away.
    """
    files, failed = recordings_at(paths), 0
    twins: dict[str, Path] = {}
    language = language_of(settings)
    with opened_sender(settings) as sender, Through(console, len(files), "recordings") as progress:
        for path in files:
            try:
                result = send_file(path, sender, language=language, again=again)
            except (InputError, StoreError) as error:
                result = Ingested(path, Outcome.REFUSED, problem=str(error))
                failed += 1
            twin = twins.setdefault(result.digest, path) if result.digest else path
            same = f"; the same bytes as {shown(twin.name)}, a call of its own"
            progress.through(result.line + (same if twin != path else ""))
    console.print(f"{len(files) - failed} sent, {failed} refused", highlight=False)
    return failed


def language_of(settings: Settings) -> str:
    """Of calls whose sidecar names none; empty, unless this host sets one: the installation's."""
    return settings.language if "language" in settings.model_fields_set else ""


def opened_sender(settings: Settings) -> CallSender:
    """A sender to the door that the settings name.

    Raises:
        HushwireError: the public key is missing or no such key, or the broker is away, or the
            workers have not made the topic yet.
    """
    public = TransitPublic.load(settings.transit_public_file(settings.state_folder(STATE)))
    bootstrap, client = named_broker(settings), KafkaSecurity.of(settings).librdkafka()
    topics = Topics.named(settings.topic_prefix)
    require_door(bootstrap, topics, client=client)
    return CallSender(bootstrap, topics.audio_in, public, client=client)
