"""Readings that turn out to have been wrong: put right, counted, and what they were is kept.

The same series and time again is a duplicate and changes nothing. Only two things correct: a feed whose file says
`corrections = true`, and a person with a name and a reason. A correction marks its hour like any other reading, so it
reaches every rollup, on TimescaleDB also in compressed chunks.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from psycopg.rows import class_row

from ioc.store import queries, write
from ioc.store.database import translated

if TYPE_CHECKING:
    from datetime import datetime

    from ioc.store.arrays import Array
    from ioc.store.database import Connection
    from ioc.store.write import Readings


class Correction(NamedTuple):
    """One reading that was put right. by: a feed's key or a person's name."""

    id: int
    at: datetime
    by: str
    reason: str
    sensor: str
    metric: str
    series_id: int
    time: datetime
    was: float
    value: float


def apply(conn: Connection, rows: Readings, *, by: str | None = None, reason: str = "") -> Array:
    """Give stored readings these values; returns the mask of those that changed. Rows must be distinct.

    by: who says so; the series' own feed where None. A reading that is not stored is not made here. The caller owns
    the transaction, and tells readers (`write.tell`). conn must be adapted (`write.Writer`).
    """
    mask = np.zeros(len(rows.series), dtype=bool)
    if not len(mask):
        return mask
    conn.execute(queries.load("write")["lock"], {"key": write.LOCK})
    values = {**rows._asdict(), "first": _moment(rows.time.min()), "last": _moment(rows.time.max()),
              "by": by, "reason": reason}  # fmt: skip
    row = conn.execute(queries.load("corrections")["apply"], values, prepare=False).fetchone()
    mask[np.asarray((row and row[0]) or [], dtype=np.int64) - 1] = True
    if mask.any():
        write.mark_hours(conn, rows.take(mask))
    return mask


def listed(conn: Connection, since: datetime, series: int | None = None, most: int = 200) -> list[Correction]:
    """Corrections made since, the newest first."""
    values = {"since": since, "series": series, "most": most}
    with translated(), conn.cursor(row_factory=class_row(Correction)) as cursor:
        return cursor.execute(queries.load("corrections")["listed"], values).fetchall()


def counts(conn: Connection, since: datetime) -> dict[str, int]:
    """Feed or person -> how many readings it put right since."""
    with translated():
        return dict(conn.execute(queries.load("corrections")["counts"], {"since": since}).fetchall())


def _moment(time: Any) -> datetime:
    found: datetime = time.astype("M8[us]").item().replace(tzinfo=UTC)
    return found
