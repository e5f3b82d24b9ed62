"""Which paths there are: each gateway is off until its secrets are configured.

Outcome: a handler by path. ``SettingsError`` where a file of secrets can't be used.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web

from agents.app.gateway import audiohook, twilio, twilio_access
from agents.app.gateway.call_feed import Calls
from agents.app.gateway.limits import Limits
from agents.settings.gateway import GatewaySettings
from agents.system.clock import epoch_seconds
from pipeline.gateways.lone_keys import ConsentKeys
from pipeline.gateways.twilio.frames import TELNYX, TWILIO

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


def consent_keys(settings: GatewaySettings) -> ConsentKeys:
    """The keys that say something of consent, by whatever protocol they come.

    Raises:
        SettingsError: one key for both.
    """
    return ConsentKeys(settings.gateway_agree_key, settings.gateway_withdraw_key)


def endpoints(settings: GatewaySettings, calls: Calls, limits: Limits) -> dict[str, Handler]:
    """The handlers of what is configured.

    Args:
        settings: secrets, keys, roles.
        calls: where calls begin.
        limits: where refusals are counted.

    Raises:
        SettingsError: see the module.
    """
    url = (settings.gateway_url or "").rstrip("/")
    # Without a certificate and without proxies nothing but the loopback is listened on.
    clear = settings.gateway_certificate is None and not settings.gateway_proxies
    found: dict[str, Handler] = {}
    order, keys = settings.gateway_linear_order, consent_keys(settings)
    rules = twilio.StreamRules(
        first_s=settings.gateway_first_seconds,
        roles=calls.rules.roles,
        keys=keys,
        big_endian=None if order == "platform" else order == "big",
        most=settings.gateway_frame_kilobytes * 1024,
    )
    for path, secrets, shape in (
        ("/twilio", settings.gateway_twilio_secrets, TWILIO),
        ("/telnyx", settings.gateway_telnyx_secrets, TELNYX),
    ):
        if secrets is not None:
            known = twilio_access.secrets_of(secrets)
            access = twilio_access.StreamAccess(known, url=url, clock=epoch_seconds, clear=clear)
            found[path] = twilio.Streams(calls, limits, access, shape, rules)
    if settings.gateway_audiohook_secrets is not None:
        found["/audiohook"] = audiohook.AudioHook(
            calls,
            limits,
            audiohook.secrets_of(settings.gateway_audiohook_secrets),
            audiohook.AudioHookRules(
                url=url,
                first_s=settings.gateway_first_seconds,
                keys=keys,
            ),
        )
    return found
