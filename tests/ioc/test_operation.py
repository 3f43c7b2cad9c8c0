"""What a city's own staff see of the store: retention as set, growth, a clock that leaps, an outage said once."""

from __future__ import annotations

import logging
import shutil
import threading
from datetime import date, timedelta

import pytest

from alerts import lookback
from ioc.store import growth, upkeep
from ioc.store.growth import Added, Forecast, Table, feed_sizes, forecast
from tests.alerts import city
from tests.ioc.store_parts import add_series, ago, city_folder, clock, store
from tests.services import wait_for

DAY, GB = timedelta(days=1), 10**9
TODAY = date(2026, 3, 1)


def times(conn, series):
    return [t for (t,) in conn.execute("SELECT time FROM reading WHERE series_id = %s ORDER BY 1", (series,))]


def forget_rounds(conn):
    conn.execute("DELETE FROM job; DELETE FROM remembered")


def test_a_retention_that_changes_is_in_force_at_the_next_round(either, tmp_path):
    forget_rounds(either)
    series, now = add_series(either), clock(either)
    old, new = ago(days=100), ago(days=1)
    store(either, [(series, old, 1.0), (series, new, 2.0)])
    upkeep.run(either, city_folder(tmp_path, readings="200d"), now)
    assert times(either, series) == [old, new]
    upkeep.run(either, city_folder(tmp_path, readings="200d"), now + timedelta(seconds=30))
    assert times(either, series) == [old, new]
    upkeep.run(either, city_folder(tmp_path, readings="30d"), now + timedelta(seconds=60))
    assert times(either, series) == [new]


def test_a_retention_that_undercuts_a_rule_deletes_nothing_the_rule_needs(conn, tmp_path):
    rules = [
        city.rule(key="learns", kind="same_hour", options={"at_least": 1, "weeks": 8}, scope={"metrics": ["level"]}),
        city.rule(key="off", kind="same_hour", options={"at_least": 1, "weeks": 20}, enabled=False),
        city.rule(key="broken", kind="same_hour", options={"weeks": "many"}),
    ]
    series, now = add_series(conn), clock(conn)
    store(conn, [(series, ago(days=d), 1.0) for d in (90, 45, 1)])
    lookback.remember(conn, rules, now)
    upkeep.run(conn, city_folder(tmp_path, readings="10d"), now)
    assert times(conn, series) == [ago(days=45), ago(days=1)]
    said = conn.execute("SELECT result FROM job WHERE name = 'retention'").fetchone()[0]
    assert "kept for 57 days, since rule learns looks back so far" in said
    lookback.remember(conn, [], now)
    upkeep.run(conn, city_folder(tmp_path, readings="11d"), now)
    assert times(conn, series) == [ago(days=1)]


@pytest.mark.node
def test_compression_follows_the_city_while_running(hyper, tmp_path):
    ages = """SELECT DISTINCT config->>'compress_after' FROM timescaledb_information.jobs
              WHERE proc_name = 'policy_compression' AND hypertable_name IN ('reading', 'position')"""
    forget_rounds(hyper)
    now = clock(hyper)
    for number, (said, stored) in enumerate((("3d", "3 days"), ("14d", "14 days"), ("7d", "7 days"))):
        upkeep.run(hyper, city_folder(tmp_path, compress_after=said), now + timedelta(seconds=number))
        assert hyper.execute(ages).fetchall() == [(stored,)]
    assert hyper.execute("SELECT result FROM job WHERE name = 'compression'").fetchone() == ("2 changed",)


def test_a_clock_that_leaps_years_ahead_deletes_nothing(either, tmp_path, caplog):
    forget_rounds(either)
    series, now, folder = add_series(either), clock(either), city_folder(tmp_path)
    feed = either.execute("SELECT feed_id FROM series WHERE id = %s", (series,)).fetchone()[0]
    kept = ago(days=2)
    store(either, [(series, kept, 1.0)])
    quarantined = (
        "INSERT INTO quarantine (feed_id, received_at, topic, payload, size, reason) VALUES (%s, %s, 't', '', 0, 'r')"
    )
    either.execute(quarantined, (feed, now))
    upkeep.run(either, folder, now)
    either.execute("DELETE FROM job")
    leapt = now + timedelta(days=3650)
    upkeep.run(either, folder, leapt)
    assert "clock moved" in caplog.text
    either.execute("DELETE FROM job")
    upkeep.run(either, folder, leapt + timedelta(hours=23))
    assert times(either, series) == [kept]
    assert either.execute("SELECT count(*) FROM quarantine WHERE feed_id = %s", (feed,)).fetchone() == (1,)
    either.execute("DELETE FROM job")
    upkeep.run(either, folder, now + timedelta(hours=1))
    assert times(either, series) == [kept]
    either.execute("DELETE FROM job")
    for hours in (0, 20, 25):
        upkeep.run(either, folder, leapt + timedelta(hours=hours))
    assert times(either, series) == [], "a leap that lasts is the time"


def test_an_outage_is_said_once_and_its_end_too(tmp_path, caplog, database_url):
    stop, away = threading.Event(), [True]
    keeper = upkeep.Keeper("postgresql://ioc@127.0.0.1:1/none", lambda: city_folder(tmp_path), stop, every=0.02)
    attempts = []
    waits = keeper._waits

    def count(error):
        attempts.append(error)
        waits(error)
        if len(attempts) == 4:
            keeper._url = database_url
            away.clear()

    keeper._waits = count
    with caplog.at_level(logging.WARNING, "ioc.upkeep"):
        keeper.start()
        wait_for(lambda: "goes on" in caplog.text, "the end is said")
        stop.set()
        keeper.join(10)
    assert len(attempts) == 4
    assert sum("upkeep waits" in m for m in caplog.messages) == 1
    assert sum("upkeep goes on" in m for m in caplog.messages) == 1


def days(*sizes):
    return [(TODAY - timedelta(days=len(sizes) - 1 - n), size) for n, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("samples", "gross", "free", "still", "expected"),
    [
        (days(10 * GB, 11 * GB, 12 * GB), 0, 10 * GB, 400, Forecast(GB, TODAY + 10 * DAY)),
        (days(10 * GB, 11 * GB, 12 * GB), 0, 10 * GB, 5, Forecast(GB, None, 17 * GB)),
        (days(10 * GB, 11 * GB, 12 * GB), 0, None, 400, Forecast(GB)),
        (days(12 * GB), 2 * GB, 10 * GB, 400, Forecast(2 * GB, TODAY + 5 * DAY)),
        (days(12 * GB, 12 * GB, 12 * GB), 5, 10 * GB, 400, Forecast(0)),
        (days(14 * GB, 13 * GB, 12 * GB), 5, 10 * GB, 400, Forecast(-GB)),
        (days(10 * GB, 11 * GB, 12 * GB), 0, -1, 400, Forecast(GB, TODAY)),
        ([], 0, 10 * GB, 400, Forecast(0)),
    ],
)
def test_the_day_the_disk_fills(samples, gross, free, still, expected):
    assert forecast(samples, gross, free, TODAY, still) == expected


def test_a_feed_has_its_share_of_the_tables_its_rows_are_in():
    tables = [Table("reading", 0, 900), Table("rollup_1h", 0, 100), Table("position", 0, 500), Table("alarm", 0, 9999)]
    added = [Added("bus", 0, 50, 0, 0, 14, 0), Added("air", 75, 0, 0, 7, 0, 0), Added("rain", 25, 0, 0, 25, 0, 0)]
    assert feed_sizes(tables, added, days=7) == [("air", 750, 10), ("bus", 500, 20), ("rain", 250, 35)]


def test_upkeep_measures_each_table_and_feed(either, tmp_path):
    forget_rounds(either)
    either.execute("DELETE FROM size_sample; DELETE FROM feed_day")
    now = clock(either)
    feed, quiet = (
        either.execute(
            "INSERT INTO feed (key, name) VALUES (%s, '{}') ON CONFLICT (key) DO UPDATE SET key = EXCLUDED.key RETURNING id",
            (k,),
        ).fetchone()[0]
        for k in ("loud", "quiet")
    )
    ledger = """INSERT INTO ledger (feed_id, minute, received, stored, readings, readings_stored) VALUES (%s, %s, 10, 10, %s, %s)
                ON CONFLICT DO NOTHING"""
    for id_, day, count in ((feed, 2, 3000), (feed, 1, 3000), (quiet, 1, 1000)):
        either.execute(ledger, (id_, now - day * DAY, count, count))
    found = growth.sample(either, now, city_folder(tmp_path, disk="1TB").city.history)
    shares = {f.key: f.bytes for f in found.feeds}
    assert shares["loud"] == pytest.approx(6 * shares["quiet"], rel=0.001)
    assert {"reading", "rollup_1h", "position", "alarm", "feed_day"} <= {t.name for t in found.tables}
    assert found.bytes > sum(t.bytes for t in found.tables) > 0
    either.execute(ledger, (quiet, now - timedelta(minutes=5), 5000, 5000))
    again = {f.key: f.bytes for f in growth.sample(either, now, city_folder(tmp_path).city.history).feeds}
    assert again["loud"] == pytest.approx(again["quiet"], rel=0.001)


def test_the_room_is_the_nearer_of_disk_and_budget(conn, tmp_path):
    history = city_folder(tmp_path, disk="100MB").city.history
    now = clock(conn)
    tight = growth.sample(conn, now, history)
    assert (tight.source, tight.free) == ("budget", pytest.approx(100_000_000 - tight.bytes, rel=0.01))
    free = growth.sample(conn, now, city_folder(tmp_path).city.history)
    assert free.source == "disk", "the server runs on this machine"
    assert free.free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
