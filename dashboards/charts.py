"""Series and a span of time -> their chart, read from the store at the resolution that fits the screen."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dashboards import viewer
from dashboards.context import current
from dashboards.figures import lines
from dashboards.parts import now, text, word
from ioc.store import forecast, history, screens

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import plotly.graph_objects as go

    from ioc.store.database import Connection
    from ioc.store.forecast import Forecast
    from ioc.store.history import Line

SPANS = {
    "1h": timedelta(hours=1), "6h": timedelta(hours=6), "24h": timedelta(days=1), "7d": timedelta(days=7),
    "30d": timedelta(days=30), "1y": timedelta(days=365), "5y": timedelta(days=5 * 365 + 1),
}  # fmt: skip
SHOW = ("levels", "alarms", "before", "ahead")
MOST = 12  # series of one chart
_POINTS = 1200
_WEEK = timedelta(days=7)
_FURTHEST = timedelta(hours=48)


class Found(NamedTuple):
    """What one chart is drawn from, read in one transaction."""

    series: list[dict[str, Any]]
    lines: dict[int, Line]
    before: dict[int, Line]
    ahead: dict[int, Forecast]
    levels: list[lines.Level]
    alarms: list[dict[str, Any]]


async def between(series: Sequence[int], start: datetime, stop: datetime, show: Collection[str] = SHOW) -> go.Figure:
    """The chart of these series over start..stop. show: levels, alarms, before (a week earlier), ahead (a forecast).

    Raises StoreAway, StoreError.
    """
    at = now()
    known = min(stop, at)
    found = await current().read_past(_read, list(series)[:MOST], start, known, frozenset(show), at)
    if found.ahead:
        stop = max(stop, *(_end(one) for one in found.ahead.values()))
    drawn = [_drawn(row, found) for row in found.series]
    unit = {row["id"]: row["unit"] for row in found.series}
    shades = [
        lines.Shade(text(a["rule"]), a["start"], a["stop"], a["priority"], unit[a["series_id"]]) for a in found.alarms
    ]
    said = lines.Said(nothing=word("chart.none"), before=word("chart.before"), ahead=word("chart.forecast"),
                      language=viewer.language())  # fmt: skip
    span = lines.Span(start=start, stop=stop, now=at, zone=current().zone)
    return await asyncio.to_thread(lines.figure, drawn, found.levels, shades, span, said)


def _read(
    conn: Connection, series: list[int], start: datetime, stop: datetime, show: frozenset[str], at: datetime
) -> Found:
    named = screens.named_series(conn, series)
    ids = [row["id"] for row in named]
    past = stop + timedelta(microseconds=1)
    before = history.window(conn, ids, start - _WEEK, past - _WEEK, _POINTS, at) if "before" in show and ids else {}
    return Found(
        named,
        history.window(conn, ids, start, past, _POINTS, at) if ids else {},
        {id_: line._replace(time=line.time + np.timedelta64(_WEEK)) for id_, line in before.items()},
        _ahead(conn, ids, start, stop, at) if "ahead" in show else {},
        _levels(conn, named) if "levels" in show else [],
        screens.series_alarms(conn, ids, start, stop) if "alarms" in show and ids else [],
    )


def _ahead(conn: Connection, ids: list[int], start: datetime, stop: datetime, at: datetime) -> dict[int, Forecast]:
    """A quarter of the span more, where it reaches now."""
    if stop < at - timedelta(minutes=5):
        return {}
    reach = min((stop - start) / 4, _FURTHEST)
    found = ((id_, forecast.forecast(conn, id_, at, current().zone, span=reach)) for id_ in ids)
    return {id_: one for id_, one in found if one is not None}


def _levels(conn: Connection, named: list[dict[str, Any]]) -> list[lines.Level]:
    """Each level once, however many of the series are held to it."""
    found = {
        lines.Level(text(x["name"]), x["raise"], x["priority"], row["unit"])
        for row in named for x in screens.levels(conn, row["id"])
    }  # fmt: skip
    return sorted(found, key=lambda level: level.value)


def _drawn(row: dict[str, Any], found: Found) -> lines.Drawn:
    states = {float(value): text(said) for value, said in (row["settings"].get("states") or {}).items()}
    several = len({other["name"].get("", str(other["name"])) for other in found.series}) > 1
    name = f"{text(row['sensor'], row['sensor_key'])} – {text(row['name'])}" if several else text(row["sensor"])
    return lines.Drawn(
        name=name, unit=row["unit"], decimals=row["decimals"], states=states or None,
        line=found.lines.get(row["id"]), before=found.before.get(row["id"]), ahead=found.ahead.get(row["id"]),
    )  # fmt: skip


def _end(ahead: Forecast) -> datetime:
    return datetime.fromtimestamp(int(ahead.time[-1].astype("datetime64[us]").astype(np.int64)) / 1e6, UTC)
