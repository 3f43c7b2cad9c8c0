"""Rows that the tests of the store need: series with facts, and readings through the real write path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np
from psycopg.types.json import Jsonb

from ioc.config.city import City, History, MapView
from ioc.config.folder import CityFolder
from ioc.store import database, write

_numbers = count(1)


def city_folder(path, **history):
    city = City(key="c", name="C", zone="Asia/Ho_Chi_Minh", map=MapView(center=(106, 10)), history=History(**history))
    return CityFolder(path=path, digest="d", city=city)


def add_series(conn, *, metric="level", settings=None, cadence=None, area=None, feed_cadence=None, unit="m"):
    """One more series with its own sensor and feed; returns its id."""
    n = next(_numbers)
    feed = conn.execute(
        "INSERT INTO feed (key, name, cadence) VALUES (%s, '{}', %s) RETURNING id", (f"f{n}", feed_cadence)
    ).fetchone()[0]
    sensor = conn.execute(
        "INSERT INTO sensor (key, name, feed_id, cadence, area) VALUES (%s, '{}', %s, %s, %s) RETURNING id",
        (f"s{n}", feed, cadence, area),
    ).fetchone()[0]
    conn.execute(
        "INSERT INTO metric (key, name, unit, settings) VALUES (%s, '{}', %s, %s) ON CONFLICT (key) DO UPDATE SET settings = EXCLUDED.settings",
        (metric, unit, Jsonb(settings or {})),
    )
    return conn.execute(
        "INSERT INTO series (sensor_id, metric, feed_id) VALUES (%s, %s, %s) RETURNING id", (sensor, metric, feed)
    ).fetchone()[0]


def store(conn, rows):
    """Store [(series, datetime, value)] in one commit as the ingester does; returns how many were new."""
    if not rows:
        return 0
    readings = write.Readings(
        np.array([r[0] for r in rows], dtype=np.int32),
        np.array([r[1].astimezone(UTC).replace(tzinfo=None) for r in rows], dtype="M8[us]"),
        np.array([r[2] for r in rows], dtype=np.float64),
    )
    readings = readings.take(write.order(readings.series, readings.time)[0])
    wasm = "emcc" in conn.execute("SELECT version()").fetchone()[0]
    writer = write.Writer(
        conn, cautious=wasm
    )  # PGlite cannot COPY over the wire: the careful way, which is never wrong
    with database.transaction(conn):
        new = readings.take(write.add_readings(writer, readings))
        if len(new.series):
            write.raise_latest(writer, new.take(write.order(new.series, new.time)[1]))
            write.mark_hours(conn, new)
    return len(new.series)


def clock(conn):
    return conn.execute("SELECT clock_timestamp()").fetchone()[0]


def this_hour():
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def ago(**span):
    return this_hour() - timedelta(**span)
