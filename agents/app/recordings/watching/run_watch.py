"""``hushwire watch``: places of recordings, a sender to the door, what it tells, until a signal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from agents.app.recordings.ingest_by_door import (
    language_of,
    opened_sender,
    recorded,
    send_file,
)
from agents.app.recordings.watching.outcomes import OutcomeTopic
from agents.app.recordings.watching.places import FolderPlace, Loaded, Place
from agents.app.recordings.watching.watcher import Rule, Watcher
from agents.kafka.call_sender import INCOMPLETE, CallSender
from agents.kafka.security import KafkaSecurity, named_broker
from agents.kafka.topics import Topics
from agents.settings.model import Settings
from agents.system.progress import BEAT_S, plain
from agents.vault.file_store import is_bucket
from pipeline.errors import BrokerError

POLL_S: Final = 1.0
"""How often the places are looked at."""
CATCH_UP_S: Final = 30.0
"""How long the past of the topic may take; what is not read by then is heard later."""
GRACE_S: Final = 20.0
"""How long recordings that are being sent may take when the command is stopped."""


@dataclass(frozen=True, slots=True)
class DoorSend:
    """Sends recordings to the door; see ``watcher.Send``."""

    sender: CallSender
    language: str

    def call_id(self, loaded: Loaded) -> str:
        """See ``Send``."""
        drop, _ = recorded(loaded.path, content=loaded.content, sidecar=loaded.sidecar)
        return drop.call_id

    def send(self, loaded: Loaded) -> float:
        """See ``Send``."""
        try:
            return send_file(
                loaded.path,
                self.sender,
                language=self.language,
                content=loaded.content,
                sidecar=loaded.sidecar,
            ).seconds
        except BrokerError as error:
            raise BrokerError(str(error).removesuffix(INCOMPLETE)) from error


def open_place(location: str) -> Place:
    """A folder, or ``s3://bucket/prefix``.

    Raises:
        InputError: there is no such folder, or another scheme is named.
        StoreError: there is no such bucket, or it is away.
    """
    if not is_bucket(location):
        return FolderPlace(Path(location))
    # Imported where it is needed: folders need no client of S3.
    from agents.app.recordings.watching.bucket_place import BucketPlace  # noqa: PLC0415

    return BucketPlace.named(location)


def watch(
    locations: list[str],
    settings: Settings,
    rule: Rule,
    *,
    console: Console,
    stop: threading.Event | None = None,
) -> None:
    """Send what is dropped until SIGTERM or SIGINT; call it from the main thread.

    Args:
        locations: folders, or ``s3://bucket/prefix``.
        settings: which broker, and the public key; no ledger and no other key is needed.
        rule: how recordings are taken.
        console: where it is told what becomes of each.
        stop: ends it; without it, the signals do.

    Raises:
        HushwireError: a place or the public key is unusable, or the broker is away.
    """
    places = [open_place(one) for one in locations]
    client = KafkaSecurity.of(settings).librdkafka()
    topic = Topics.named(settings.topic_prefix).calls_redacted
    lock = threading.Lock()

    def tell(line: str) -> None:
        with lock:
            plain(console, line)

    with stopped_by_signals(stop) as over, opened_sender(settings) as sender:
        with OutcomeTopic(named_broker(settings), topic, client=client, tell=tell) as outcomes:
            if not outcomes.caught_up(CATCH_UP_S):
                tell("what became of earlier calls is not known yet; it is heard later")
            send = DoorSend(sender, language_of(settings))
            watcher = Watcher(places, send, outcomes, rule, tell=tell)
            tell(f"watching {', '.join(locations)}; on {named_broker(settings)}")
            _steps(watcher, over, tell)
            cut = watcher.close(GRACE_S)
        if cut:
            tell(f"stopped; {cut} recordings were not sent to their end, and will be sent anew")
        else:
            tell("stopped")


def _steps(watcher: Watcher, over: threading.Event, tell: Callable[[str], None]) -> None:
    beats = 0.0
    while not over.is_set():
        watcher.step()
        if beats >= BEAT_S and watcher.being_sent + watcher.on_their_way:
            tell(f"{watcher.being_sent} are being sent, {watcher.on_their_way} are on their way")
            beats = 0.0
        over.wait(POLL_S)
        beats += POLL_S


@contextmanager
def stopped_by_signals(given: threading.Event | None) -> Iterator[threading.Event]:
    """An event that SIGTERM or SIGINT sets; the given one, where there is one, which none sets."""
    if given is not None:
        yield given
        return
    over = threading.Event()
    before = {
        one: signal.signal(one, lambda *_: over.set()) for one in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield over
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
