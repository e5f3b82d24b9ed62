"""Webhooks: the queue is filled from the audit log and emptied to their receiver, again and again.

At least once, and of one call in order. What is not taken is tried again after a wait that grows
from seconds to an hour, give or take, for a day; then it is given up, counted and kept for
``hushwire webhooks list``. The queue lies in the database, so that a restart goes on, and several
workers share it.

Outcomes: ``look`` returns whether more is to be done at once, and raises ``StoreError`` where vault
or database are away. Nothing of a body is logged.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from agents.database.webhook_queue import Waiting, WebhookQueue
from agents.system.clock import stamp, system_clock
from agents.system.logging import get_logger, place_of
from agents.system.metrics import Metrics
from agents.system.tracing.tracer import Kind, Work, traced
from agents.upkeep.news import notices
from agents.upkeep.news.addresses import Target
from agents.upkeep.news.posting import NotTakenError, Poster, Posts
from agents.upkeep.news.signing import read_secrets, signed
from agents.vault.vault import Vault
from pipeline.errors import HushwireError, SettingsError, StoreError

LOOK_S: Final = 2.0
"""How often is looked for news, and for what is due."""
FIRST_WAIT_S: Final = 5.0
GROWTH: Final = 3.0
LONGEST_WAIT_S: Final = 3_600.0
GIVE_UP: Final = timedelta(days=1)
"""After this time it is given up, and not before ``LEAST_ATTEMPTS``: a clock that jumps ahead makes
everything old at once."""
LEAST_ATTEMPTS: Final = 8
TOLD_WITHIN: Final = timedelta(days=7)
"""What happened longer ago is not told any more, where nobody told it meanwhile."""
AT_ONCE: Final = 8
"""Webhooks on their way at the same time."""
CLOSE_S: Final = 5.0
"""How long what is left may take when a worker stops."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who is told, and what."""

    target: Target
    secrets: Path
    """Read anew at every look, so that they can be replaced without a restart."""
    included: tuple[str, ...] = ()
    """See ``notices.body``."""
    ca: Path | None = None
    timeout_s: float = 15.0

    @property
    def lease(self) -> timedelta:
        """How long a webhook is one process's: longer than all that are claimed may take."""
        return timedelta(seconds=2 * self.timeout_s + 60)


def endpoint(
    url: str | None,
    secrets: Path | None,
    *,
    included: tuple[str, ...] = (),
    networks: str = "",
    ca: Path | None = None,
    timeout_s: float = 15.0,
) -> Endpoint | None:
    """The endpoint that the settings name, checked; None where they name none.

    Raises:
        SettingsError: what is wrong with it, without quoting the URL.
    """
    if not url:
        return None
    if secrets is None:
        raise SettingsError("webhook_url: webhooks are signed; name webhook_secrets too")
    target = Target.of(url, networks)
    if target.literal is not None and not target.permits(target.literal):
        raise SettingsError(
            "webhook_url: that address is private; name its network in webhook_networks if it is "
            "to be spoken to"
        )
    read_secrets(secrets)
    return Endpoint(target, secrets, included, ca, timeout_s)


class Webhooks:
    """Tells one endpoint.

    Args:
        endpoint: whom.
        vault: what is stored of calls; the queue is in its database.
        metrics: what is counted.
        posts: sends; a ``Poster`` without.
    """

    def __init__(
        self, endpoint: Endpoint, vault: Vault, metrics: Metrics, posts: Posts | None = None
    ) -> None:
        self._endpoint, self._vault, self._metrics = endpoint, vault, metrics
        self._database = vault.keys.database
        self._queue = WebhookQueue(self._database)
        self._posts = posts or Poster(endpoint.target, timeout_s=endpoint.timeout_s, ca=endpoint.ca)
        self._log = get_logger("vault")

    async def tend(self, look_s: float = LOOK_S) -> None:
        """Tell until cancelled; a store that is away is told, and asked again."""
        while True:
            more = False
            try:
                more = await self.look()
            except HushwireError as error:
                self._log.error("webhooks not sent", code=error.code)
            if not more:
                await asyncio.sleep(look_s)

    async def close(self) -> None:
        """Tell what is new, as far as a few seconds allow; the rest waits for the next start."""
        try:
            async with asyncio.timeout(CLOSE_S):
                while await self.look():
                    pass
        except (HushwireError, TimeoutError):
            self._log.warning("webhooks wait for the next start")
        finally:
            await self._posts.close()

    async def look(self) -> bool:
        """Queue what is new and send what is due, once.

        Raises:
            HushwireError: vault or database are away, or the secrets can't be read.
        """
        new = await asyncio.to_thread(self._fill)
        secrets = await asyncio.to_thread(read_secrets, self._endpoint.secrets)
        due = await asyncio.to_thread(self._queue.claim, AT_ONCE, self._endpoint.lease)
        left = {one.notice.message_id for one in due}
        try:
            sends = (self._send(one, secrets, left) for one in due)
            ends = await asyncio.gather(*sends, return_exceptions=True)
        finally:
            if left:  # what was not tried, as when the process stops
                await asyncio.to_thread(self._queue.release, tuple(left))
        waiting, dead = await asyncio.to_thread(self._queue.counts)
        self._metrics.webhooks_waiting.set(waiting)
        self._metrics.webhooks_dead.set(dead)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return bool(new) or any(ends)

    def _fill(self) -> int:
        if not self._queue.behind():
            return 0
        since = self._database.now() - TOLD_WITHIN
        return self._queue.follow(notices.KINDS, notices.notice_of, since)

    async def _send(self, waiting: Waiting, secrets: tuple[bytes, ...], left: set[str]) -> bool:
        """Send one; whether it was taken."""
        notice, stage = waiting.notice, waiting.notice.facts.get("stage", "vault")
        below = "" if notice.kind == notices.GONE else stage
        with traced("webhook", Kind.CLIENT, call_id=notice.call_id, below=below) as work:
            work.attributes |= {
                "hushwire.kind": notice.kind,
                "hushwire.attempt": waiting.attempts + 1,
            }
            return await self._send_one(waiting, secrets, left, work)

    async def _send_one(
        self, waiting: Waiting, secrets: tuple[bytes, ...], left: set[str], work: Work
    ) -> bool:
        notice = waiting.notice
        try:
            included = self._endpoint.included
            body = await asyncio.to_thread(notices.body, notice, self._vault, included)
            seconds = int(self._database.now().timestamp())
            await self._posts.post(signed(notice.message_id, seconds, body, secrets), body)
        except NotTakenError as error:
            work.failed = error.problem
            await self._not_taken(waiting, error.problem, error.retry_s)
            taken = False
        except StoreError:
            raise  # vault or database are away, which is no attempt
        except Exception as error:  # noqa: BLE001 - one webhook must not end the worker
            kind, place = type(error).__name__, place_of(error.__traceback__)
            self._log.error("webhook failed", error_type=kind, place=place)
            work.failed = "internal"
            await self._not_taken(waiting, "internal", 0)
            taken = False
        else:
            await asyncio.to_thread(self._queue.delivered, notice.message_id)
            self._metrics.webhooks_sent.labels(notice.kind).inc()
            taken = True
        left.discard(notice.message_id)
        return taken

    async def _not_taken(self, waiting: Waiting, problem: str, retry_s: int) -> None:
        now = self._database.now()
        again = next_try(waiting, now, retry_s)
        notice = waiting.notice
        await asyncio.to_thread(self._queue.failed, notice.message_id, problem, again)
        self._metrics.webhooks_failed.labels(problem).inc()
        told = self._log.warning if again else self._log.error
        told(
            "webhook not taken" if again else "webhook given up",
            call_id=notice.call_id,
            code=problem,
            attempt=waiting.attempts + 1,
        )


def next_try(waiting: Waiting, now: datetime, retry_s: int = 0) -> datetime | None:
    """When a webhook that was not taken is tried again; None: it is given up.

    Args:
        waiting: as it was before this attempt.
        now: the time.
        retry_s: how long its receiver asks to be left alone.
    """
    attempts = waiting.attempts + 1
    if attempts >= LEAST_ATTEMPTS and now - waiting.queued >= GIVE_UP:
        return None
    grown = FIRST_WAIT_S * GROWTH ** min(attempts - 1, 16)
    # Spread, so that what failed together does not come back together.
    wait = min(grown, LONGEST_WAIT_S) * random.uniform(0.5, 1.5)
    return now + timedelta(seconds=max(wait, min(retry_s, LONGEST_WAIT_S)))


async def send_test(endpoint: Endpoint, event_id: str, posts: Posts | None = None) -> None:
    """Send one webhook of no call, signed like all others.

    Raises:
        NotTakenError: it was not taken.
        SettingsError: the secrets or authorities can't be read.
    """
    now, message_id = system_clock(), notices.message_id(event_id)
    body = notices.as_json({"type": notices.TEST, "timestamp": stamp(now), "data": {}})
    secrets = read_secrets(endpoint.secrets)
    posts = posts or Poster(endpoint.target, timeout_s=endpoint.timeout_s, ca=endpoint.ca)
    try:
        await posts.post(signed(message_id, int(now.timestamp()), body, secrets), body)
    finally:
        await posts.close()
