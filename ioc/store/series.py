"""Sensors and series that messages bring: what is known, and what is new, in bulk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ioc.store import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.store.database import Connection


def feed_ids(conn: Connection) -> dict[str, int]:
    """Feed key -> id."""
    return dict(conn.execute(queries.load("series")["feed_ids"]).fetchall())


def known_sensors(conn: Connection) -> list[tuple[str, int | None, int]]:
    """(sensor key, feed id, id) of every sensor."""
    return conn.execute(queries.load("series")["known_sensors"]).fetchall()


def known_series(conn: Connection) -> dict[tuple[str, str], int]:
    """(sensor key, metric) -> id of every series."""
    return {(key, metric): id_ for key, metric, id_ in conn.execute(queries.load("series")["known_series"])}


def add_sensors(conn: Connection, sensors: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Make sure these exist; returns key -> id.

    Each: key, feed_id, domain, cadence (seconds or None), moves, id_from. What exists is left as it is.
    """
    rows = {"rows": orjson.dumps(list(sensors)).decode()}
    conn.execute(queries.load("series")["add_sensors"], rows)
    return dict(conn.execute(queries.load("series")["sensor_ids"], rows).fetchall())


def add_series(conn: Connection, series: Sequence[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """Make sure these exist, their sensors being there; returns (sensor key, metric) -> id.

    Each: key (the sensor's), metric, feed_id, time_from.
    """
    rows = {"rows": orjson.dumps(list(series)).decode()}
    conn.execute(queries.load("series")["add_series"], rows)
    found = conn.execute(queries.load("series")["series_ids"], rows)
    return {(key, metric): id_ for key, metric, id_ in found}


def add_facts(conn: Connection, facts: Sequence[dict[str, Any]]) -> int:
    """What messages say of sensors: key, name, lat, lon, area, moves, properties; None leaves a field as it is.

    The folder's word stands: a registered sensor gets only what the folder does not say. Returns how many changed.
    """
    rows = {"rows": orjson.dumps(list(facts)).decode()}
    return conn.execute(queries.load("series")["add_facts"], rows).rowcount if facts else 0
