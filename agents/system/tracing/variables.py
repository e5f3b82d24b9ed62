"""Variables of OpenTelemetry: what it would ignore or only warn of is refused.

Outcome of ``check``: ``SettingsError`` that names the variable and what it may be, and of its
value, which may be a secret, at most a file's path.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pipeline.errors import SettingsError, likely

OTLP: Final = "OTEL_EXPORTER_OTLP_"
_LISTS: Final = ("opentelemetry.sdk.environment_variables", "opentelemetry.environment_variables")
"""Where OpenTelemetry for Python names all that it knows."""
_OTHERS: Final = re.compile(
    r"OTEL_(PYTHON|JAVA|JAVAAGENT|DOTNET|NODE|GO|PHP|RUBY|RUST|CPP|ERLANG|INSTRUMENTATION"
    r"|SEMCONV|INJECTION|INJECTOR)_\w+"
    r"|OTEL_(NODE|POD)_IP|OTEL_RESOURCE_ATTRIBUTES_(POD|NODE)_NAME|OTEL_POD_NAME"
    r"|OTEL_\w+_(SERVICE_HOST|SERVICE_PORT\w*|PORT(_\d+_(TCP|UDP)\w*)?)"
)
"""The specification's names for one language's library, what its operator for Kubernetes sets in
every container, and what Kubernetes sets where a service is called ``otel-…``."""
_RATIOS: Final = ("traceidratio", "parentbased_traceidratio")
_SAMPLERS: Final = (
    *("always_on", "always_off", "parentbased_always_on", "parentbased_always_off"),
    *_RATIOS,
)
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "OTEL_TRACES_SAMPLER": _SAMPLERS,
    "OTEL_TRACES_EXPORTER": ("otlp",),
    "OTEL_SDK_DISABLED": ("true", "false"),
    f"{OTLP}COMPRESSION": ("gzip", "deflate", "none"),
    f"{OTLP}TRACES_COMPRESSION": ("gzip", "deflate", "none"),
}
_WHOLE: Final = tuple(
    f"OTEL_{one}"
    for one in (
        *("BSP_MAX_QUEUE_SIZE", "BSP_SCHEDULE_DELAY", "BSP_MAX_EXPORT_BATCH_SIZE"),
        *("BSP_EXPORT_TIMEOUT", "ATTRIBUTE_COUNT_LIMIT", "ATTRIBUTE_VALUE_LENGTH_LIMIT"),
        *("SPAN_ATTRIBUTE_COUNT_LIMIT", "SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
        *("SPAN_EVENT_COUNT_LIMIT", "SPAN_LINK_COUNT_LIMIT"),
        *("EVENT_ATTRIBUTE_COUNT_LIMIT", "LINK_ATTRIBUTE_COUNT_LIMIT"),
    )
)
_SECONDS: Final = (f"{OTLP}TIMEOUT", f"{OTLP}TRACES_TIMEOUT")
_PAIRS: Final = ("OTEL_RESOURCE_ATTRIBUTES", f"{OTLP}HEADERS", f"{OTLP}TRACES_HEADERS")
_PROTOCOL: Final = "http/protobuf"
_FILES: Final = ("CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE")


def check() -> None:
    """Look at the environment.

    Raises:
        SettingsError: see the module.
        ImportError: OpenTelemetry is not installed.
    """
    _names()
    for name, words in _WORDS.items():
        if (said := _said(name).lower()) and said not in words:
            raise _refused(name, f"one of {', '.join(words)}{likely(said, words)}")
    _numbers()
    for name in _PAIRS:
        if any("=" not in one.strip()[1:] for one in _said(name).split(",") if one.strip()):
            raise _refused(name, "pairs such as a=b, divided by commas")
    _sampled()
    _collector()


def _names() -> None:
    known = {
        name
        for module in map(importlib.import_module, _LISTS)
        for name in vars(module)
        if name.startswith("OTEL_")
    }
    for name in sorted(os.environ):
        if name.startswith("OTEL_") and name not in known and not _OTHERS.fullmatch(name):
            meant = likely(name, known, prefix="OTEL_")
            raise _refused(name, f"OpenTelemetry knows no such variable: unset it{meant}")


def _numbers() -> None:
    for names, fits, what in (
        (_WHOLE, _is_whole, "a whole number"),
        (_SECONDS, _is_seconds, "seconds, more than 0"),
    ):
        for name in names:
            if (said := _said(name)) and not fits(said):
                raise _refused(name, what)


def _sampled() -> None:
    name, share = "OTEL_TRACES_SAMPLER_ARG", _said("OTEL_TRACES_SAMPLER_ARG")
    ratio = _said("OTEL_TRACES_SAMPLER").lower() in _RATIOS
    if share and not ratio:
        raise _refused(name, f"is read where OTEL_TRACES_SAMPLER is {' or '.join(_RATIOS)} alone")
    if ratio and not _fits(share, lambda number: 0.0 <= number <= 1.0):
        raise _refused(name, "a share from 0 to 1, such as 0.1")


def _collector() -> None:
    name, protocol = _variable("PROTOCOL")
    if protocol not in {"", _PROTOCOL}:
        raise _refused(name, f"{_PROTOCOL} is spoken here, on port 4318 of most collectors")
    name, endpoint = _variable("ENDPOINT")
    try:
        parts = urlsplit(endpoint)
        good = not endpoint or (parts.scheme in {"http", "https"} and bool(parts.hostname))
        good = good and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise _refused(name, "no URL such as http://collector:4318")
    for one in _FILES:
        name, path = _variable(one)
        if path and not os.access(Path(path), os.R_OK):
            raise _refused(name, f"{path} can't be read")


def _said(name: str) -> str:
    return os.environ.get(name, "").strip()


def _variable(name: str) -> tuple[str, str]:
    """A variable of the exporter, and its value: the one for traces goes before the one for all."""
    for one in (f"{OTLP}TRACES_{name}", f"{OTLP}{name}"):
        if value := _said(one):
            return one, value
    return f"{OTLP}{name}", ""


def _fits(text: str, within: Callable[[float], bool]) -> bool:
    try:
        return within(float(text))
    except ValueError:
        return False


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_seconds(text: str) -> bool:
    return _fits(text, lambda number: 0.0 < number < float("inf"))


def _refused(name: str, what: str) -> SettingsError:
    return SettingsError(f"{name}: {what} (docs/tracing.md)")
