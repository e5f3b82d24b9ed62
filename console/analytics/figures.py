"""Figures for people: each with its label, and how it stands to that of the second period."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from agents.vault.analytics.warehouse.figures import Figures
from console.analytics.links import CallLinks

_HOUR_MS: Final = 3_600_000
NOTHING: Final = "\u2013"
"""Where nothing says a figure."""
_PERCENT: Final = 100
_FLAT: Final = 0.0005
"""Smaller differences of shares are none."""
Read = Callable[[Figures], float | None]


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure as it is shown."""

    label: str
    figure: str
    about: str
    """What it is of; empty where the label says it."""
    change: str
    """Against the second period; empty without one."""
    address: str
    """Where the calls behind it are; empty: there are none, or too few to be told."""


@dataclass(frozen=True, slots=True)
class _Kind:
    label: str
    read: Read
    say: Callable[[float], str]
    about: Callable[[Figures], str] = lambda _: ""
    points: bool = False
    """Whether its change is told in percentage points."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """Which of the calls it is of."""


def shown(now: Figures, then: Figures | None, links: CallLinks) -> list[Shown]:
    """All figures of a period.

    Args:
        now: of the period.
        then: of the second one, if there is one.
        links: lead to their calls.
    """
    return [_shown(kind, now, then, links) for kind in _KINDS]


def _shown(kind: _Kind, now: Figures, then: Figures | None, links: CallLinks) -> Shown:
    value = kind.read(now)
    text = kind.say(value) if value is not None else _missing(kind, now, links.least)
    before = kind.read(then) if then is not None else None
    change = ""
    if then is not None and value is not None:
        change = _change(kind, value, before) if before is not None else "nothing to compare"
    address = links.calls(None, **kind.filters) if value else ""
    return Shown(kind.label, text, kind.about(now), change, address)


def _missing(kind: _Kind, now: Figures, least: int) -> str:
    hidden = kind.label == _REPEAT and now.calls > 0
    return f"fewer than {least}" if hidden else NOTHING


def _change(kind: _Kind, value: float, before: float) -> str:
    if kind.points:
        points = (value - before) * _PERCENT
        told = "no change" if abs(value - before) < _FLAT else f"{points:+.1f} points"
    elif before == 0:
        told = "no change" if value == 0 else "new"
    else:
        told = f"{(value / before - 1) * _PERCENT:+.0f} %" if value != before else "no change"
    return f"{told} (before: {kind.say(before)})"


def _whole(value: float) -> str:
    return f"{value:,.0f}".replace(",", "\u202f")


def _share(value: float) -> str:
    return f"{value * _PERCENT:.1f} %"


def _length(ms: float) -> str:
    if ms >= _HOUR_MS:
        return f"{ms / _HOUR_MS:,.1f} h".replace(",", "\u202f")
    minutes, rest = divmod(round(ms / 1_000), 60)
    return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"


def _callers(now: Figures) -> str:
    return f"of {_whole(now.callers)} known callers" if now.callers else "callers who called again"


_REPEAT: Final = "Repeat callers"
_KINDS: Final = (
    _Kind("Calls", lambda one: one.calls, _whole, lambda one: f"{_length(one.duration_ms)} in all"),
    _Kind(
        "Answered",
        lambda one: one.answered_share,
        _share,
        lambda one: (
            f"{_whole(one.answered)} answered, {_whole(one.missed)} missed, "
            f"{_whole(one.voicemail)} voicemail"
        ),
        points=True,
        filters={"outcome": "answered"},
    ),
    _Kind(
        "Median length",
        lambda one: one.median_ms,
        _length,
        filters={"sort": "-duration"},
    ),
    _Kind(
        "Talk of agents",
        lambda one: one.talk_share,
        _share,
        lambda one: _ratio(one.talk_share),
        points=True,
        filters={"has": "both-sides"},
    ),
    _Kind(
        "Silence",
        lambda one: one.silence_share,
        _share,
        lambda _: "of the calls' length",
        points=True,
    ),
    _Kind(
        "Interruptions",
        lambda one: one.interruptions_per_call,
        "{:.1f}".format,
        lambda _: "a call",
        filters={"has": "interruption"},
    ),
    _Kind(
        "Hold",
        lambda one: one.hold_ms,
        _length,
        lambda one: f"in {_whole(one.hold_calls)} calls",
        filters={"has": "hold"},
    ),
    _Kind(
        "Recording disclosed",
        lambda one: one.disclosed_share,
        _share,
        lambda _: "of the calls that were listened to for a notice",
        points=True,
        filters={"has": "notice"},
    ),
    _Kind(
        _REPEAT,
        lambda one: one.repeat_callers,
        _whole,
        _callers,
        filters={"has": "repeat-caller"},
    ),
    _Kind(
        "Muted",
        lambda one: one.muted_share,
        _share,
        lambda _: "of all channels' time",
        points=True,
        filters={"muted": "yes", "sort": "-muted"},
    ),
    _Kind(
        "Muted as a precaution",
        lambda one: one.precaution_share,
        _share,
        lambda _: "of all talk: an estimate of harmless speech that was lost",
        points=True,
        filters={"has": "precaution"},
    ),
    _Kind(
        "Caught by verification",
        lambda one: one.caught_calls,
        _whole,
        lambda one: f"calls, {_length(one.caught_ms)}",
        filters={"has": "verification-catch"},
    ),
)


def _ratio(share: float | None) -> str:
    if share is None:
        return "talk : listen"
    return f"talk : listen {share * _PERCENT:.0f} : {(1 - share) * _PERCENT:.0f}"
