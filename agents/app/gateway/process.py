"""``hushwire gateway`` from settings: the public key, the broker, and what listens.

Outcomes: ends with SIGTERM or SIGINT. ``SettingsError``, ``StoreError`` (the public key) and
``BrokerError`` (also where its topic is missing: it makes none) before it listens.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from functools import partial
from typing import Final

from agents.app.gateway.server import Gateway, acknowledged_in, run
from agents.crypto.transit_hybrid import TransitPublic
from agents.kafka.call_sender import Acknowledged, CallSender
from agents.kafka.security import KafkaSecurity, named_broker
from agents.kafka.topics import Topics, reach_broker, require_door
from agents.settings.model import STATE, Settings
from agents.system.logging import configure_logging, get_logger, level_by_signals
from agents.system.metrics import GatewayMetrics
from agents.system.tracing.otlp import exporting

ASK_S: Final = 3.0
"""How long the broker may take to answer ``/ready``."""
MEGABYTE: Final = 1024 * 1024


def serve(
    settings: Settings,
    *,
    ready: Callable[[Gateway], None] | None = None,
    on_ack: Callable[[Acknowledged], None] | None = None,
    loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """Serve until stopped.

    Args:
        settings: everything; ``bootstrap`` is required.
        ready: called when it listens.
        on_ack: told of every record that the broker has, beside the metrics.
        loop: makes the event loop; None: asyncio's own.

    Raises:
        HushwireError: see the module.
    """
    configure_logging(settings.log_level)
    level_by_signals(settings.log_level)
    bootstrap, client = named_broker(settings), KafkaSecurity.of(settings).librdkafka()
    public = TransitPublic.load(settings.transit_public_file(settings.state_folder(STATE)))
    topics = Topics.named(settings.topic_prefix)
    require_door(bootstrap, topics, client=client)
    metrics = GatewayMetrics()
    counted = acknowledged_in(metrics)

    def acknowledged(one: Acknowledged) -> None:
        counted(one)
        if on_ack is not None:
            on_ack(one)

    sender = CallSender(
        bootstrap,
        topics.audio_in,
        public,
        client=client,
        delivery_s=settings.gateway_broker_seconds,
        most_bytes=settings.gateway_buffer_megabytes * MEGABYTE,
        on_ack=acknowledged,
    )
    reach = partial(reach_broker, bootstrap, timeout_s=ASK_S, client=client)

    async def listen() -> None:
        gateway = Gateway(settings, sender, metrics, reach=reach)

        def listening() -> None:
            log, scheme = get_logger("gateway"), "https" if settings.gateway_certificate else "http"
            for address in (
                f"{scheme}://{settings.gateway_host}:{gateway.port}" if gateway.port else "",
                f"{settings.gateway_audiosocket_host}:{gateway.audiosocket_port}"
                if gateway.audiosocket_port
                else "",
                f"http://{settings.gateway_health_host}:{gateway.health_port}",
            ):
                if address:
                    log.info("serving", address=address)
            # What is loaded stays. Looking through it for garbage took 50 ms, and calls waited.
            gc.collect()
            gc.freeze()
            if ready is not None:
                ready(gateway)

        await run(gateway, ready=listening)

    traces = exporting(
        settings.tracing, "hushwire-gateway", sender="gateway", counter=metrics.traced
    )
    try:
        with traces, asyncio.Runner(loop_factory=loop) as runner:
            runner.run(listen())
    finally:
        gc.unfreeze()  # or the interpreter's end would leave it, and libraries complain
        sender.close()
