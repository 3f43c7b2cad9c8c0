"""A renamed sensor on TimescaleDB: readings move between series there too, out of compressed chunks as well."""

from __future__ import annotations

import pytest

from ioc.store import areas, database
from tests.ioc.store_parts import add_series, ago, store


@pytest.mark.node
def test_a_sensor_is_taken_over_with_what_is_compressed(timescale):
    with database.connect(timescale, autocommit=True) as conn:
        elder, younger = add_series(conn, metric="renamed"), add_series(conn, metric="renamed")
        names = dict(conn.execute("SELECT e.id, s.key FROM series e JOIN sensor s ON s.id = sensor_id WHERE e.id IN (%s, %s)", [elder, younger]).fetchall())  # fmt: skip
        rows = [(elder, ago(days=30), 1.0), (elder, ago(days=29), 2.0)]
        store(conn, [*rows, (younger, ago(days=29), 9.0), (younger, ago(days=28), 3.0), (younger, ago(hours=1), 4.0)])
        conn.execute("SELECT compress_chunk(c) FROM show_chunks('reading', older_than => now() - interval '27 days') c")
        with database.transaction(conn):
            assert areas.rename(conn, {names[younger]: [names[elder]]}) == 2
        kept = conn.execute("SELECT value FROM reading WHERE series_id = %s ORDER BY time", [elder]).fetchall()
        assert kept == [(1.0,), (2.0,), (3.0,), (4.0,)]
        assert conn.execute("SELECT count(*) FROM reading WHERE series_id = %s", [younger]).fetchone() == (0,)
        assert conn.execute("SELECT value FROM latest WHERE series_id = %s", [elder]).fetchone() == (4.0,)
        assert conn.execute("SELECT key FROM sensor s JOIN series e ON s.id = sensor_id WHERE e.id = %s", [elder]).fetchone() == (names[younger],)  # fmt: skip
        areas.rename(conn, {})
