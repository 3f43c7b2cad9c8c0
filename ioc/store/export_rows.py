"""A prepared export in, batches of columns out, through a server-side cursor: memory does not grow with the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ioc.config.types import say
from ioc.store import queries
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date, datetime

    from ioc.store.database import Connection
    from ioc.store.export import Prepared
    from ioc.store.pieces import Piece

SIZE = 10_000  # rows of a batch
Columns = list[list[Any]]


class Column(NamedTuple):
    name: str
    type: str  # text, int, float, time, json


class Batch(NamedTuple):
    """done: the share of the work, 0 to 1, that ends with this batch. columns: as `columns` of the export says."""

    done: float
    columns: Columns


def _columns(spec: str) -> tuple[Column, ...]:
    return tuple(Column(*part.split(":")) for part in spec.split())


_PLACE = "area:text lat:float lon:float"
_SERIES = "feed:text sensor:text sensor_name:text metric:text unit:text"
COLUMNS = {
    "readings": _columns(f"time:time {_SERIES} value:float {_PLACE}"),
    "rollups": _columns(
        f"time:time {_SERIES} count:int mean:float min:float max:float sum:float first:float last:float {_PLACE}"
    ),
    "positions": _columns(f"time:time feed:text sensor:text sensor_name:text speed:float heading:float {_PLACE}"),
    "events": _columns(
        "feed:text key:text kind:text title:text status:text severity:int opened_at:time changed_at:time "
        f"closed_at:time properties:json {_PLACE}"
    ),
    "alarms": _columns(
        "id:int rule:text rule_name:text priority:int target:text sensor:text metric:text feed:text domain:text "
        "condition:text value:float peak:float threshold:float event_start:time event_end:time opened_at:time "
        f"acked_at:time acked_by:text ack_note:text cleared_at:time closed_at:time close_reason:text {_PLACE}"
    ),
}


def batches(conn: Connection, prepared: Prepared) -> Iterator[Batch]:
    """The rows: series by series by sensor and metric, each by time; events and alarms by when they opened.

    What moves comes after what stands still. One transaction, so one state of the store. Raises StoreAway, StoreError.
    """
    with transaction(conn):
        yield from _WAYS[prepared.wanted.what](conn, prepared)


def _readings(conn: Connection, prepared: Prepared) -> Iterator[Batch]:
    total, still, moving = len(prepared.pieces) + len(prepared.movers), prepared.pieces, prepared.movers
    for rows in _stream(conn, "readings", _asked(still)):
        number, time, value = zip(*rows, strict=True)
        of = [still[n - 1] for n in number]
        yield Batch(number[-1] / total, [list(time), *_facts(of, prepared), list(value), *_places(of)])
    place = _placer(conn, prepared)
    sensors = [piece.series.sensor_id for piece in moving]
    for rows in _stream(conn, "moving_readings", {**_asked(moving), "sensors": sensors}):
        number, time, value, lat, lon = zip(*rows, strict=True)
        of = [moving[n - 1] for n in number]
        columns = [list(time), *_facts(of, prepared), list(value), place(lat, lon, time), list(lat), list(lon)]
        yield Batch((len(still) + number[-1]) / total, _within(columns, -3, prepared))


def _rollups(conn: Connection, prepared: Prepared) -> Iterator[Batch]:
    """Sensors that move are rolled up wherever they were: in no area, and left out where one is asked for."""
    wanted = prepared.wanted
    parts = [*prepared.pieces, *([] if wanted.areas else prepared.movers)]
    asked = _asked(parts)
    behind = (
        conn.execute(queries.load("export")["behind"], {**wanted.values, **asked}).fetchall()
        if wanted.step != "1m"
        else []
    )
    values = {**asked, "behind": [hour for (hour,) in behind], "zone": prepared.zone.key}
    query = {"1m": "minutes", "1h": "hours", "1d": "days"}[wanted.step]
    for rows in _stream(conn, query, values):
        number, time, count, total, low, high, first, last = map(list, zip(*rows, strict=True))
        of = [parts[n - 1] for n in number]
        mean = [s / c for s, c in zip(total, count, strict=True)]
        columns = [time, *_facts(of, prepared), count, mean, low, high, total, first, last, *_places(of)]
        yield Batch(number[-1] / len(parts), columns)


def _positions(conn: Connection, prepared: Prepared) -> Iterator[Batch]:
    place = _placer(conn, prepared)
    for rows in _stream(conn, "positions", _asked(prepared.movers)):
        number, time, lat, lon, speed, heading = map(list, zip(*rows, strict=True))
        feed, sensor, name, *_ = _facts([prepared.movers[n - 1] for n in number], prepared)
        columns = [time, feed, sensor, name, speed, heading, place(lat, lon, time), lat, lon]
        yield Batch(number[-1] / len(prepared.movers), _within(columns, -3, prepared))


def _events(conn: Connection, prepared: Prepared) -> Iterator[Batch]:
    place = _placer(conn, prepared)
    for rows in _stream(conn, "events", prepared.wanted.values):
        *facts, lat, lon, _, properties = map(list, zip(*rows, strict=True))
        columns = [*facts, properties, place(lat, lon, facts[6]), lat, lon]
        yield Batch(0.0, _within(columns, -3, prepared))


def _alarms(conn: Connection, prepared: Prepared) -> Iterator[Batch]:
    """An alarm without a place of its own is in the area that it was raised for."""
    place = _placer(conn, prepared)
    for rows in _stream(conn, "alarms", prepared.wanted.values):
        *facts, lat, lon, area = map(list, zip(*rows, strict=True))
        found = [
            known if at is None else here for here, known, at in zip(place(lat, lon, facts[15]), area, lat, strict=True)
        ]
        yield Batch(0.0, _within([*facts, found, lat, lon], -3, prepared))


_WAYS: dict[str, Callable[[Connection, Prepared], Iterator[Batch]]] = {
    "readings": _readings, "rollups": _rollups, "positions": _positions, "events": _events, "alarms": _alarms,
}  # fmt: skip


def _stream(conn: Connection, query: str, values: dict[str, Any]) -> Iterator[list[Any]]:
    if values.get("series") == []:
        return
    with conn.cursor(name=f"export_{query}") as cursor:
        cursor.execute(queries.load("export")[query], values, binary=True)
        while rows := cursor.fetchmany(SIZE):
            yield rows


def _asked(parts: Sequence[Piece]) -> dict[str, Any]:
    return {"series": [p.series.id for p in parts], "starts": [p.start for p in parts], "ends": [p.end for p in parts]}


def _facts(of: list[Piece], prepared: Prepared) -> Columns:
    """What each row of a series repeats."""
    language = prepared.wanted.language
    names: dict[int, str] = {}
    for piece in of:
        if piece.series.sensor_id not in names:
            names[piece.series.sensor_id] = say(piece.series.name, language) or piece.series.sensor
    series = [piece.series for piece in of]
    return [[s.feed for s in series], [s.sensor for s in series], [names[s.sensor_id] for s in series],
            [s.metric for s in series], [s.unit for s in series]]  # fmt: skip


def _places(of: list[Piece]) -> Columns:
    return [[p.area for p in of], [p.lat for p in of], [p.lon for p in of]]


def _placer(conn: Connection, prepared: Prepared) -> Callable[[Any, Any, Sequence[datetime]], list[str | None]]:
    """(lats, lons, times) -> areas, by the map of the wish."""
    wanted, zone = prepared.wanted, prepared.zone
    versions = conn.execute(queries.load("export")["shapes"], {"kind": wanted.kind}).fetchall()
    if not versions:
        return lambda lat, _lon, _time: [None] * len(lat)
    from ioc.geo.join import Version  # slow to import: only where something is to be placed
    from ioc.geo.locate import Locator

    locator = Locator([Version(*row) for row in versions])

    def days(times: Sequence[datetime]) -> list[date]:
        return [wanted.map_day or moment.astimezone(zone).date() for moment in times]

    return lambda lat, lon, times: locator.areas(lat, lon, days(times))


def _within(columns: Columns, area: int, prepared: Prepared) -> Columns:
    """Only the rows in the areas asked for."""
    wanted = prepared.wanted.areas
    if not wanted:
        return columns
    keep = [n for n, key in enumerate(columns[area]) if key in wanted]
    return [[column[n] for n in keep] for column in columns]
