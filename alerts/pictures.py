"""What the chart and the map of a mail show, gathered from the store for the painter."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from alerts.card import MEASURED, what
from alerts.reader import clean
from ioc.config.types import say
from ioc.store import mail_facts as store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from alerts.reader import Reader, Row
    from ioc.store.database import Connection

WEEK = timedelta(days=7)
_SPANS = (6, 12, 24, 48)  # hours
_POINTS = 480
_HALF_HEIGHT = 0.028  # degrees: about 6 km from top to bottom
_SHAPE = 6.0 / 3.6


def chart(conn: Connection, row: Row, reader: Reader, place: str) -> dict[str, Any]:
    """The last hours of the alarm's series, its levels, and the same time a week ago."""
    stop = reader.now
    age_h = (stop - row["event_start"]).total_seconds() / 3600
    span = timedelta(hours=next((h for h in _SPANS if h >= age_h * 2 and h >= 12), _SPANS[-1]))
    start, step = stop - span, span / _POINTS
    now = [list(p) for p in store.curve(conn, row["series_id"], start, stop, step)]
    before = store.curve(conn, row["series_id"], start - WEEK, stop - WEEK, step)
    if row["latest_time"] is not None and now and now[-1][0] <= row["latest_time"].timestamp() <= stop.timestamp():
        now.append([row["latest_time"].timestamp(), *3 * [row["latest_value"]]])  # the value itself, not a mean
    shift = WEEK.total_seconds()
    end = row["event_end"].timestamp() if row["event_end"] and row["condition"] == "false" else None
    clear = row["clear"] if row["clear"] is not None and row["clear"] != row["raise"] else None
    said, states = reader.words, row.get("states") or {}
    return {
        "points": now, "last_week": [[p[0] + shift, *p[1:]] for p in before], "gap": _gap(now, step),
        "raise": row["threshold"] if row["kind"] in {*MEASURED, "predict"} and not states else None,
        "raise_label": said["text.raise"],
        "clear": None if states else clear,
        "states": {value: clean(say(word, reader.language), 24) for value, word in states.items()},
        "clear_label": said["label.clears"], "start": start.timestamp(), "stop": stop.timestamp(),
        "alarm": [row["event_start"].timestamp(), end],
        "unit": clean(row["unit"]), "decimals": row["decimals"], "zone": str(reader.zone), "language": reader.language,
        "title": clean(f"{what(row, reader.language)} \N{EN DASH} {place}", 80),
        "last_week_label": said["text.last_week"],
    }  # fmt: skip


def _gap(points: Sequence[Sequence[float]], step: timedelta) -> float:
    """A pause of more than three of the usual times between points is a gap, seconds."""
    between = sorted(b[0] - a[0] for a, b in pairwise(points))
    usual = between[len(between) // 2] if between else 0.0
    return max(3.0 * usual, 2.5 * step.total_seconds())


def trend(conn: Connection, row: Row, now: datetime) -> tuple[float | None, int]:
    """Change per hour over the last hour, or over the last six where an hour has too few readings."""
    stop = row["latest_time"] or now
    found: tuple[float | None, int] = (None, 0)
    for hours in (1, 6):
        found = store.trend(conn, row["series_id"], stop - timedelta(hours=hours), stop)
        if found[1] >= 4:
            break
    return found


def city_map(
    conn: Connection, rows: Sequence[Row], reader: Reader, labels: dict[int, str], basemap: Path | None
) -> dict[str, Any] | None:
    """Where the alarms are; None where none of them has a place."""
    placed = [r for r in rows if r["lat"] is not None and r["lon"] is not None]
    if not placed:
        return None
    box = _box([(r["lat"], r["lon"]) for r in placed])
    here = {r["area"] for r in placed}
    first = {(r["lat"], r["lon"]): r["id"] for r in reversed(placed)}  # alarms of one place are labelled once
    alarms = [
        [r["lat"], r["lon"], r["priority"], labels.get(r["id"], "") if first[r["lat"], r["lon"]] == r["id"] else ""]
        for r in placed
    ]
    around = store.around(conn, placed[0]["lat"], placed[0]["lon"], box)
    mine = {r["sensor_id"] for r in placed}
    alarms += [[s["lat"], s["lon"], s["priority"], ""] for s in around if s["priority"] and s["id"] not in mine]
    areas = [
        {
            "name": clean(say(a["name"], reader.language), 40),
            "rings": rings,
            "here": here == {a["key"]},
        }
        for a in store.areas(conn)
        if (rings := _rings(a["geometry"])) and _touches(rings, box)
    ]
    sensors = [[s["lat"], s["lon"]] for s in around if not s["priority"]]
    return {"box": box, "areas": areas, "sensors": sensors, "alarms": alarms, **ground(basemap)}


def _box(places: Sequence[tuple[float, float]]) -> tuple[float, float, float, float]:
    """west, south, east, north around all of them, at least 6 km high, in the picture's proportions."""
    south, north = min(p[0] for p in places), max(p[0] for p in places)
    west, east = min(p[1] for p in places), max(p[1] for p in places)
    lat, lon = (south + north) / 2, (west + east) / 2
    squeeze = math.cos(math.radians(lat))
    half = max(_HALF_HEIGHT, (north - south) / 2 * 1.25, (east - west) / 2 * 1.25 * squeeze / _SHAPE)
    wide = half * _SHAPE / squeeze
    return lon - wide, lat - half, lon + wide, lat + half


def _rings(geometry: dict[str, Any]) -> list[list[list[float]]]:
    """Outer rings of a polygon or several."""
    if geometry["type"] == "Polygon":
        return [geometry["coordinates"][0]]
    return [polygon[0] for polygon in geometry["coordinates"]] if geometry["type"] == "MultiPolygon" else []


def _touches(rings: list[list[list[float]]], box: tuple[float, float, float, float]) -> bool:
    xs, ys = [p[0] for r in rings for p in r], [p[1] for r in rings for p in r]
    return min(xs) < box[2] and max(xs) > box[0] and min(ys) < box[3] and max(ys) > box[1]


@lru_cache(maxsize=4)
def ground(basemap: Path | None) -> dict[str, Any]:
    """Water and roads of the city's own GeoJSON base map; nothing where there is none or it cannot be read."""
    found: dict[str, Any] = {"water": [], "roads": [], "lakes": []}
    if basemap is None or basemap.suffix not in (".geojson", ".json") or not basemap.is_file():
        return found
    try:
        features = json.loads(basemap.read_text(encoding="utf-8"))["features"]
        for feature in features:
            layer = str(feature.get("properties", {}).get("layer", "road"))
            for kind, line in _lines(feature["geometry"]):
                found[kind if kind == "lakes" else "roads" if layer == "road" else "water"].append(line)
    except (OSError, ValueError, KeyError, TypeError):
        return {"water": [], "roads": [], "lakes": []}
    return found


def _lines(geometry: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    parts = geometry.get("coordinates", [])
    kind = geometry["type"].removeprefix("Multi")
    if kind not in ("LineString", "Polygon"):
        return
    for part in parts if geometry["type"].startswith("Multi") else [parts]:
        yield ("lakes", part[0]) if kind == "Polygon" else ("line", part)
