"""Series as charts: Vega-Lite specifications, drawn as SVG on the server.

The SVG has neither style nor script, so the pages' content security policy holds; its colours are
the style sheet's variables, so one drawing serves light and dark. Each mark says what it is
(``aria-label``), which ``charts.js`` shows beside the pointer, and leads to its calls; by keyboard
the table does. The same specification is drawn once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from agents.reports.entity_groups import KINDS, kind_of, label_of
from agents.vault.analytics.warehouse.period import Period
from agents.vault.analytics.warehouse.series import OUTCOMES, Series
from console.analytics.links import CallLinks

KEPT: Final = 256
"""Drawings."""
GROUPS_MOST: Final = 12
"""Bars of a chart; its table has all."""
WIDE, NARROW = 880, 440
_COLOURS: Final = ("var(--accent)", "var(--bad)", "var(--warn)", "var(--edge-strong)")
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_AXIS: Final = {
    "labelColor": "var(--soft)",
    "titleColor": "var(--soft)",
    "domainColor": "var(--edge-strong)",
    "tickColor": "var(--edge-strong)",
    "gridColor": "var(--edge)",
    "labelFontSize": 12,
    "titleFontSize": 12,
    "titleFontWeight": "normal",
}
_CONFIG: Final = {
    "font": "Roboto",  # the library brings it, so widths are the same everywhere
    "padding": {"left": 12, "right": 8, "top": 2, "bottom": 2},
    "background": None,
    "view": {"stroke": None},
    "axis": _AXIS,
    "legend": {
        "labelColor": "var(--ink)",
        "title": None,
        "orient": "top",
        "labelFontSize": 12,
        "symbolType": "square",
        "symbolStrokeWidth": 0,
        "columnPadding": 26,
    },
}
_EMPTY: Final = re.compile(r'<g class="mark-[^>]*/>')
"""A layer that marks nothing: a symbol without a name to a screen reader."""
_HERE: Final = "https://calls.invalid"
"""Stands before addresses while they are drawn: the library would put a host of its own there."""
_ONE_AT_A_TIME: Final = Lock()
"""The library has one engine; who waits for it here holds no thread of its own there."""
_LED: Final = {"description": {"field": "told"}, "href": {"field": "address"}}
"""What a mark says and where it leads to."""
Rows = list[dict[str, Any]]


def by_day(
    series: Series, period: Period, second: Series | None, label: str, links: CallLinks
) -> str:
    """Calls of each day (week, month) as stacked bars; those of the second period as a line."""
    bucket = period.bucket
    rows: Rows = []
    for row in series.rows:
        found = dict(zip(series.names, row, strict=True))
        for place, outcome in enumerate(OUTCOMES):
            if found[outcome]:
                told = f"{bucket} of {found['day']}: {found[outcome]} {outcome}"
                address = _HERE + links.outcome(found["day"], outcome) if links.may else ""
                rows.append(_point(found["day"], found[outcome], outcome, place, told, address))
    known = [one for one in OUTCOMES if any(row["kind"] == one for row in rows)] or ["answered"]
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": rows},
            "mark": {"type": "bar", "binSpacing": 1},
            "encoding": {
                **_trend(series, "Calls"),
                "color": _colours(known, [_COLOURS[OUTCOMES.index(one)] for one in known]),
                "order": {"field": "place", "type": "quantitative"},
                **_LED,
            },
        }
    ]
    if second is not None:
        line = [
            {"day": f"{day}", "calls": calls, "told": f"second period, {there}: {calls} calls"}
            for day, there, calls in zip(
                series.column("day"), second.column("day"), second.column("calls"), strict=False
            )
        ]
        layers.append(
            {
                "data": {"values": line},
                "mark": {
                    "type": "line",
                    "color": "var(--ink)",
                    "strokeDash": [4, 3],
                    "strokeWidth": 1.5,
                },
                "encoding": {**_trend(series, "Calls")},
            }
        )
    return _drawn({"layer": layers, "height": 210, "width": WIDE}, label)


def bars(series: Series, label: str, links: CallLinks, second: Series | None = None) -> str:
    """Calls of the largest groups, as bars; the second period's as ticks."""
    names = dict(zip(series.column(series.names[0]), series.column("calls"), strict=True))
    shown = [(name, calls) for name, calls in names.items() if calls is not None][:GROUPS_MOST]
    types = series.names[0] == "type"
    rows: Rows = [
        {
            "name": _label(name, types=types),
            "calls": calls,
            "kind": kind_of(name or "").name if types else "",
            "told": f"{_label(name, types=types)}: {calls} calls",
            "address": _HERE + links.group(series.names[0], name) if links.may else "",
        }
        for name, calls in shown
    ]
    order = [row["name"] for row in rows]
    colour: dict[str, Any] = {"value": "var(--accent)"}
    if types:
        colour = {
            "field": "kind",
            "type": "nominal",
            "legend": None,
            "scale": {
                "domain": [one.name for one in KINDS],
                "range": [f"var(--{one.name})" for one in KINDS],
            },
        }
    where = {
        "y": {
            "field": "name",
            "type": "nominal",
            "sort": order,
            "title": None,
            "axis": {"labelLimit": 140, "ticks": False, "domain": False, "labelPadding": 6},
        }
    }
    length = {"field": "calls", "type": "quantitative", "title": "Calls", "axis": _counts("x")}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": rows},
            "mark": {"type": "bar", "height": {"band": 0.66}},
            "encoding": {**where, "x": length, "color": colour, **_LED},
        }
    ]
    if second is not None:
        before = dict(zip(second.column(second.names[0]), second.column("calls"), strict=True))
        ticks = [
            {
                "name": _label(name, types=types),
                "calls": before[name],
                "told": f"{_label(name, types=types)}, second period: {before[name]} calls",
                "address": _HERE + links.group(series.names[0], name, links.second)
                if links.may
                else "",
            }
            for name, _ in shown
            if before.get(name) is not None
        ]
        layers.append(
            {
                "data": {"values": ticks},
                "mark": {"type": "tick", "color": "var(--ink)", "thickness": 2, "opacity": 1},
                "encoding": {**where, "x": length, **_LED},
            }
        )
    height = max(60, 24 * len(rows) + 10)
    return _drawn({"layer": layers, "width": NARROW, "height": height}, label)


def trend(series: Series, days: Series, label: str, links: CallLinks) -> str:
    """Redactions of each kind, by day (week, month)."""
    sums: dict[tuple[Any, str], int] = {}
    for day, name, count in zip(
        series.column("day"), series.column("type"), series.column("redactions"), strict=True
    ):
        kind = kind_of(name).name
        sums[day, kind] = sums.get((day, kind), 0) + count
    kinds = [one for one in KINDS if any(kind == one.name for _, kind in sums)]
    types = tuple(sorted(set(series.column("type"))))
    rows: Rows = [
        {
            "day": f"{day}",
            "calls": sums.get((day, kind.name), 0),
            "kind": kind.title,
            "told": f"{kind.title}, {day}: {sums.get((day, kind.name), 0)} redactions",
            "address": _HERE + links.kind(day, kind.name, types)
            if links.may and (day, kind.name) in sums
            else "",
        }
        for kind in kinds
        for day in days.column("day")
    ]
    encoding = {
        **_trend(days, "Redactions"),
        "color": _colours([one.title for one in kinds], [f"var(--{one.name})" for one in kinds]),
    }
    point = {**encoding, **_LED}
    layers = [
        {"mark": {"type": "line", "strokeWidth": 1.75}, "encoding": encoding},
        {"mark": {"type": "circle", "size": 26, "opacity": 1}, "encoding": point},
    ]
    return _drawn({"data": {"values": rows}, "layer": layers, "width": WIDE, "height": 210}, label)


def week(series: Series, label: str, links: CallLinks) -> str:
    """Calls of each hour of the week, as a map whose cells are the denser the more there are."""
    found = {(day, hour): calls for day, hour, calls in series.rows}
    rows: Rows = [
        {
            "day": _WEEKDAYS[day - 1],
            "hour": hour,
            "calls": found.get((day, hour), 0),
            "told": f"{_WEEKDAYS[day - 1]} {hour:02}:00: {found.get((day, hour), 0)} calls",
            "address": _HERE + links.calls(weekday=f"{day}", hour=f"{hour}")
            if links.may and found.get((day, hour))
            else "",
        }
        for day in range(1, 8)
        for hour in range(24)
    ]
    axis = {"ticks": False, "domain": False, "grid": False}
    spec = {
        "data": {"values": rows},
        "mark": {"type": "rect", "color": "var(--accent)"},
        "encoding": {
            "x": {
                "field": "hour",
                "type": "ordinal",
                "title": "Hour",
                "scale": {"paddingInner": 0.08},
                "axis": {**axis, "labelAngle": 0, "values": [0, 3, 6, 9, 12, 15, 18, 21]},
            },
            "y": {
                "field": "day",
                "type": "ordinal",
                "sort": list(_WEEKDAYS),
                "title": None,
                "scale": {"paddingInner": 0.08},
                "axis": axis,
            },
            "opacity": {
                "field": "calls",
                "type": "quantitative",
                "legend": None,
                "scale": {"range": [0.06, 1], "domainMin": 0, "nice": False},
            },
            **_LED,
        },
        "width": NARROW,
        "height": 190,
    }
    return _drawn(spec, label)


def _counts(axis: str) -> dict[str, Any]:
    """An axis of counts: no tick lies between two of them."""
    return {"tickCount": {"expr": f"min(5, max(1, domain('{axis}')[1]))"}, "format": "~s"}


def _trend(days: Series, title: str) -> dict[str, Any]:
    """Axes of a trend: one place for each bucket, few of them named."""
    names = [f"{day}" for day in days.column("day")]
    step = max(1, -(-len(names) // 10))
    return {
        "x": {
            "field": "day",
            "type": "ordinal",
            "title": None,
            "scale": {"domain": names, "paddingInner": 0.18},
            "axis": {"values": names[::step], "labelAngle": 0, "labelOverlap": True, "grid": False},
        },
        "y": {
            "field": "calls",
            "type": "quantitative",
            "title": title,
            "axis": {**_counts("y"), "domain": False, "ticks": False},
        },
    }


def _point(
    day: object, calls: int, kind: str, place: int, told: str, address: str
) -> dict[str, Any]:
    point = {"day": f"{day}", "calls": calls, "kind": kind, "place": place}
    return {**point, "told": told, "address": address}


def _colours(names: Sequence[str], colours: Sequence[str]) -> dict[str, Any]:
    return {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": list(names), "range": list(colours)},
    }


def _label(name: str | None, *, types: bool) -> str:
    if name is None:
        return "Not known"
    return label_of(name) if types else name


def _drawn(spec: dict[str, Any], label: str) -> str:
    whole = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "config": _CONFIG,
        "autosize": {"type": "fit", "contains": "padding"},
        **spec,
    }
    svg = _svg(json.dumps(whole, sort_keys=True, default=str))
    return svg.replace("<svg ", f'<svg role="group" aria-label={quoteattr(label)} ', 1)


@lru_cache(maxsize=KEPT)
def _svg(spec: str) -> str:
    with _ONE_AT_A_TIME:
        import vl_convert  # noqa: PLC0415 - a server that draws nothing does without

        drawn = str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))
    return _EMPTY.sub("", drawn).replace(f'<a xlink:href="{_HERE}/', '<a tabindex="-1" href="/')
