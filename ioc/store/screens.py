"""What the desk pages read: sensors, alarms, feeds, mails, quality. Rows are dictionaries, times aware UTC."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ioc.store.database import Connection

Row = dict[str, Any]


def now(conn: Connection) -> datetime:
    """The database's clock."""
    found: datetime = _rows(conn, "now")[0]["clock_timestamp"]
    return found


def sensor(conn: Connection, id_: int) -> Row | None:
    return _one(conn, "sensor", id=id_)


def sensor_series(conn: Connection, id_: int) -> list[Row]:
    """What it measures: newest value, metric and standing faults of each series; the headline first."""
    return _rows(conn, "sensor_series", id=id_)


def levels(conn: Connection, series: int) -> list[Row]:
    """name, priority, raise, clear, direction of each rule level for the series."""
    return _rows(conn, "levels", series=series)


def named_series(conn: Connection, ids: Sequence[int]) -> list[Row]:
    """id, sensor_id, sensor_key, sensor, metric, name, unit, decimals, settings of each that exists, as asked."""
    return _rows(conn, "named_series", ids=list(ids))


def sensor_keyed(conn: Connection, key: str) -> int | None:
    """The sensor's number; None where nobody has that key."""
    found = _one(conn, "sensor_keyed", key=key)
    return found["id"] if found else None


def find_series(conn: Connection, words: str, most: int = 30) -> list[Row]:
    """id, sensor, sensor_key, name of series named like all of the words, with or without marks."""
    plain = unicodedata.normalize("NFD", words.lower()).replace("đ", "d")
    asked = "".join(c for c in plain if not unicodedata.combining(c)).split()[:8]
    escaped = [re.sub(r"([%_\\])", r"\\\1", word) for word in asked]
    return _rows(conn, "find_series", words=[f"%{word}%" for word in escaped], most=most)


def series_alarms(
    conn: Connection, series: Sequence[int], start: datetime, stop: datetime, most: int = 200
) -> list[Row]:
    """id, series_id, priority, rule, start, stop (None: still true) of alarms within the span."""
    return _rows(conn, "series_alarms", series=list(series), start=start, stop=stop, most=most)


def alarms(
    conn: Connection, which: str = "open", *, priority: int | None = None, sensor: int | None = None, text: str = "",
    most: int = 200,
) -> list[Row]:  # fmt: skip
    """which: open, closed or all; priority: this one and worse; text: anywhere in the rule's or sensor's name."""
    return _rows(conn, "alarms", which=which, priority=priority, sensor=sensor, text=text, most=most)


def alarm(conn: Connection, id_: int) -> Row | None:
    return _one(conn, "alarm", id=id_)


def alarm_changes(conn: Connection, id_: int) -> list[Row]:
    return _rows(conn, "alarm_changes", id=id_)


def event(conn: Connection, id_: int) -> Row | None:
    return _one(conn, "event", id=id_)


def event_changes(conn: Connection, id_: int) -> list[Row]:
    """time, status, severity, title, newest first."""
    return _rows(conn, "event_changes", id=id_)


def feeds(conn: Connection) -> list[Row]:
    """Every feed with its ledger of the last 24 hours; rate: {minutes ago: messages} of the last hour."""
    return _rows(conn, "feeds")


def feed_reasons(conn: Connection, feed: int) -> list[Row]:
    return _rows(conn, "feed_reasons", id=feed)


def quarantined(conn: Connection, feed: int, reason: str = "", most: int = 50) -> list[Row]:
    """Messages that could not be used, newest first; payload as bytes."""
    return _rows(conn, "quarantined", feed=feed, reason=reason, most=most)


def mails(conn: Connection, state: str = "", most: int = 200) -> list[Row]:
    return _rows(conn, "mails", state=state, most=most)


def mail(conn: Connection, id_: str) -> Row | None:
    """One mail; mime: the message as bytes, None before it was made."""
    return _one(conn, "mail", id=id_)


def mail_counts(conn: Connection) -> dict[str, int]:
    return {row["state"]: row["count"] for row in _rows(conn, "mail_counts")}


def worst(conn: Connection, kind: str = "", most: int = 200) -> list[Row]:
    """Series with standing faults, the worst first."""
    return _rows(conn, "worst", kind=kind, most=most)


def quality_counts(conn: Connection) -> dict[str, int]:
    return {row["kind"]: row["count"] for row in _rows(conn, "quality_counts")}


def processes(conn: Connection) -> list[Row]:
    return _rows(conn, "processes")


def size(conn: Connection) -> Row:
    return _rows(conn, "size")[0]


def _rows(conn: Connection, name: str, **parameters: object) -> list[Row]:
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(queries.load("screens")[name], parameters).fetchall()


def _one(conn: Connection, name: str, **parameters: object) -> Row | None:
    found = _rows(conn, name, **parameters)
    return found[0] if found else None
