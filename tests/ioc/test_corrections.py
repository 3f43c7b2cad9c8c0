"""Late, doubled and corrected readings: every rollup is what a recount of the stored readings says, on both engines."""

from __future__ import annotations

import random
from datetime import UTC, timedelta

import numpy as np

from ioc.store import corrections, database, history, migrate, rollups, write
from tests.ioc.store_parts import add_series, ago, store, this_hour

LONG_AGO = ago(days=4000)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def roll(conn):
    rollups.run(conn, migrate.engine(conn), rollups.Span(this_hour(), LONG_AGO, LONG_AGO), seconds=100)


def correct(conn, rows, **who):
    """[(series, time, value)] in one transaction; returns how many changed."""
    readings = write.Readings(
        np.array([r[0] for r in rows], dtype=np.int32),
        np.array([r[1].astimezone(UTC).replace(tzinfo=None) for r in rows], dtype="M8[us]"),
        np.array([r[2] for r in rows], dtype=np.float64),
    )
    write.Writer(conn)
    with database.transaction(conn):
        return int(corrections.apply(conn, readings, **who).sum())


def recount(conn, series, width):
    """From the readings, in Python: (series, bucket) -> count, sum, min, max, first, last."""
    found = {}
    query = "SELECT series_id, time, value FROM reading WHERE series_id = ANY(%s) ORDER BY 1, 2"
    for id_, time, value in conn.execute(query, (series,)):
        day = time.replace(hour=0, minute=0, second=0, microsecond=0)
        found.setdefault((id_, day + (time - day) // width * width), []).append(value)
    return {k: (len(v), sum(v), min(v), max(v), v[0], v[-1]) for k, v in found.items()}


def rolled(conn, table, series):
    query = f"SELECT series_id, bucket, count, sum, min, max, first, last FROM {table} WHERE series_id = ANY(%s)"
    return {(s, b): tuple(rest) for s, b, *rest in conn.execute(query, (series,))}


def compress(conn):
    if migrate.engine(conn) == "timescale":
        conn.execute(
            "SELECT compress_chunk(c, true) FROM show_chunks('reading', older_than => now() - interval '8 days') c"
        )


def assert_exact(conn, series):
    assert rolled(conn, "rollup_1h", series) == recount(conn, series, HOUR)
    assert rolled(conn, "rollup_1d", series) == recount(conn, series, DAY)
    minutes, every = rolled(conn, "rollup_1m", series), recount(conn, series, MINUTE)
    if migrate.engine(conn) == "plain":
        dense = {k for k, v in recount(conn, series, HOUR).items() if v[0] > rollups.DENSE}
        every = {(s, t): v for (s, t), v in every.items() if (s, t.replace(minute=0)) in dense}
    assert minutes == every


def test_rollups_equal_a_recount_after_a_month_of_random_late_doubled_and_corrected_readings(either):
    """Out of order, over and over, into chunks compressed meanwhile; whole numbers, so that sums are exact."""
    dice = random.Random(20)
    series = [add_series(either) for _ in range(3)]
    start = ago(days=33)
    kept, audited = {}, 0
    for turn in range(8):
        span = 30 * 24 * 3600 if turn else 5 * 24 * 3600
        batch = [
            (dice.choice(series), start + SECOND * dice.randrange(span), dice.randrange(-500, 500)) for _ in range(150)
        ]
        batch += [(series[0], start + 3 * DAY + HOUR * turn + SECOND * dice.randrange(3600), turn) for _ in range(160)]
        again = dice.sample(sorted(kept), min(30, len(kept)))
        batch += [(s, t, dice.randrange(1000)) for s, t in again]
        dice.shuffle(batch)
        batch = list({(s, t): (s, t, float(v)) for s, t, v in reversed(batch)}.values())
        assert store(either, batch) == len({(s, t) for s, t, _ in batch} - set(kept))
        for s, t, v in batch:
            kept.setdefault((s, t), v)
        wrong = [(s, t, kept[s, t] + 1 + n % 3) for n, (s, t) in enumerate(dice.sample(sorted(kept), 20))]
        assert correct(either, wrong, by="lab") == 20
        assert correct(either, wrong, by="lab") == 0, "the same again corrects nothing"
        audited += 20
        kept.update({(s, t): v for s, t, v in wrong})
        if turn in (1, 4):
            roll(either)
            compress(either)
    roll(either)
    stored = either.execute("SELECT series_id, time, value FROM reading WHERE series_id = ANY(%s)", (series,))
    assert {(s, t): v for s, t, v in stored} == kept
    assert_exact(either, series)
    count = either.execute("SELECT count(*) FROM correction WHERE series_id = ANY(%s)", (series,)).fetchone()
    assert count == (audited,)


def test_a_correction_reaches_latest_and_chart_and_says_what_was(either):
    series, at = add_series(either), this_hour() - 2 * HOUR
    store(either, [(series, at, 5.0), (series, at - MINUTE, 4.0)])
    roll(either)
    begun = either.execute("SELECT clock_timestamp()").fetchone()[0]
    assert correct(either, [(series, at, 6.5)], by="lab", reason="recalibrated") == 1
    assert history.latest(either, [series])[0].value == 6.5
    line = history.window(either, [series], at - HOUR, at + HOUR)[series]
    assert line.mean.tolist() == [4.0, 6.5]
    roll(either)
    assert rolled(either, "rollup_1h", [series])[series, at][1:4] == (6.5, 6.5, 6.5)
    (row,) = corrections.listed(either, begun, series)
    assert (row.by, row.reason, row.was, row.value, row.time, row.metric) == (
        "lab",
        "recalibrated",
        5.0,
        6.5,
        at,
        "level",
    )
    assert corrections.counts(either, begun)["lab"] == 1


def test_what_was_never_stored_is_not_made_by_a_correction(either):
    series = add_series(either)
    assert correct(either, [(series, ago(days=1), 1.0)], by="lab") == 0
    assert either.execute("SELECT count(*) FROM reading WHERE series_id = %s", (series,)).fetchone() == (0,)
