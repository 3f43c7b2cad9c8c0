"""Areas over time: keeps which area held which fixed sensor, and says who was in what by the map of any day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from psycopg.rows import class_row

from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from ioc.store.database import Connection


class Membership(NamedTuple):
    """A sensor was in an area for from_time <= t < to_time; None is an open end. area_id: that version of the area."""

    sensor_id: int
    sensor: str
    kind: str
    area: str
    area_id: int
    from_time: datetime | None
    to_time: datetime | None


class Map(NamedTuple):
    """From this day (None: since ever) the areas of a kind were these many."""

    kind: str
    day: date | None
    areas: int


def join(conn: Connection, *, everything: bool) -> int:
    """Work out the areas of the new places, or of all places since areas changed; returns how many rows changed.

    To be called in a transaction that holds the registry's lock.
    """
    sql = queries.load("areas")
    if not everything and conn.execute(sql["waiting"]).fetchone() == (False,):
        return 0
    from ioc.geo.join import Place, Version, members  # slow to import: only where there is something to join

    places = [Place(*row) for row in conn.execute(sql["lock_places"], {"all": everything})]
    versions = [Version(*row) for row in conn.execute(sql["versions"])] if places else []
    rows = orjson.dumps([m._asdict() for m in members(places, versions)]).decode()
    values: dict[str, Any] = {"places": [p.id for p in places], "rows": rows}
    changed = conn.execute(sql["drop_members"], values).rowcount + conn.execute(sql["add_members"], values).rowcount
    conn.execute(sql["mark_joined"], values)
    return changed


def rename(conn: Connection, names: dict[str, list[str]]) -> int:
    """Give sensors that were called otherwise their new key, with all they have; returns how many that were.

    names: new key -> old keys. As `join`, in a transaction that holds the registry's lock.
    """
    rows = orjson.dumps([{"key": key, "was": was} for key, was in names.items()]).decode()
    return _number(conn, "rename", rows=rows)


def sweep(conn: Connection) -> int:
    """Move what was still written under an old name; returns how many sensors and series that were."""
    return _number(conn, "sweep")


def _number(conn: Connection, query: str, **values: Any) -> int:
    row = conn.execute(queries.load("areas")[query], values).fetchone()
    assert row is not None
    return int(row[0])


def members(conn: Connection, areas: Sequence[str] | None = None, map_day: date | None = None) -> list[Membership]:
    """Who was in these areas (None: in any), by the map of then, or of `map_day` for all of history."""
    values = {"areas": None if areas is None else list(areas), "map_day": map_day}
    with translated(), conn.cursor(row_factory=class_row(Membership)) as cursor:
        return cursor.execute(queries.load("areas")["members"], values).fetchall()


def maps(conn: Connection) -> list[Map]:
    """The days on which the map changed, by kind."""
    with translated(), conn.cursor(row_factory=class_row(Map)) as cursor:
        return cursor.execute(queries.load("areas")["maps"]).fetchall()
