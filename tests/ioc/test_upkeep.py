from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ioc.store import database, migrate, registry, upkeep
from tests.ioc.store_parts import add_series, city_folder, clock, store
from tests.services import wait_for

WEEK = timedelta(weeks=1)


@pytest.fixture
def folder(tmp_path):
    return city_folder(tmp_path)


def weeks(conn, table):
    """The Mondays that a table has partitions for."""
    found = conn.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass ORDER BY 1",
        (table,),
    ).fetchall()
    return [
        datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC) for (name,) in found if not name.endswith("rest")
    ]


def home_of(conn, series):
    return [
        name
        for (name,) in conn.execute(
            "SELECT tableoid::regclass::text FROM reading WHERE series_id = %s ORDER BY time", (series,)
        )
    ]


def count(conn, table, where="true"):
    return conn.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]


def job(conn, name):
    return conn.execute("SELECT ran_at, result FROM job WHERE name = %s", (name,)).fetchone()


def test_migration_makes_two_months_back_and_four_weeks_ahead(conn):
    now = clock(conn)
    found = weeks(conn, "reading")
    assert all(monday.weekday() == 0 for monday in found)
    assert found[0] <= now - 8 * WEEK < found[0] + WEEK
    assert found[-1] <= now + 4 * WEEK < found[-1] + WEEK
    assert len(found) == 13
    assert weeks(conn, "position") == weeks(conn, "rollup_1m") == found


def test_readings_go_to_the_week_they_are_of_and_older_ones_to_the_rest(conn):
    series, now = add_series(conn), clock(conn)
    monday = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    store(
        conn,
        [
            (series, now - timedelta(days=300), 1.0),
            (series, monday - timedelta(microseconds=1), 2.0),
            (series, monday, 3.0),
        ],
    )
    assert home_of(conn, series) == ["reading_rest", f"reading_{monday - WEEK:%Y%m%d}", f"reading_{monday:%Y%m%d}"]


def test_upkeep_makes_the_coming_weeks(conn, folder):
    later = clock(conn) + 3 * WEEK
    upkeep.run(conn, folder, later)
    last = weeks(conn, "reading")[-1]
    assert last <= later + 4 * WEEK < last + WEEK


def test_a_store_that_slept_for_months_moves_what_went_to_the_rest(conn, folder):
    series, later = add_series(conn), clock(conn) + 20 * WEEK
    conn.execute("INSERT INTO reading VALUES (%s, %s, 1)", (series, later))
    assert home_of(conn, series) == ["reading_rest"]
    upkeep.run(conn, folder, later)
    monday = later - timedelta(days=later.weekday())
    assert home_of(conn, series) == [f"reading_{monday:%Y%m%d}"]


def test_retention_drops_whole_weeks_and_empties_the_rest(conn, tmp_path):
    now, series = clock(conn), add_series(conn)
    sensor = conn.execute("SELECT sensor_id FROM series WHERE id = %s", (series,)).fetchone()[0]
    times = [now - timedelta(days=d) for d in (300, 40, 1)]
    store(conn, [(series, t, 1.0) for t in times])
    for time in times:
        conn.execute("INSERT INTO position (sensor_id, time, lat, lon) VALUES (%s, %s, 9, 105)", (sensor, time))
    upkeep.run(conn, city_folder(tmp_path, readings="30d", positions="400d"), now)
    assert count(conn, "reading") == 1
    assert min(weeks(conn, "reading")) + WEEK > now - timedelta(days=30)
    assert count(conn, "position") == 3


def test_what_nobody_reads_any_more_is_pruned(conn, folder):
    now, series = clock(conn), add_series(conn)
    feed = conn.execute("SELECT feed_id FROM series WHERE id = %s", (series,)).fetchone()[0]
    conn.execute("INSERT INTO change (at) VALUES (%s), (%s)", (now - timedelta(minutes=11), now))
    conn.execute("INSERT INTO suspect VALUES (%s, %s, 1, 'range', %s)", (series, now, now - timedelta(days=31)))
    conn.execute(
        "INSERT INTO quarantine (feed_id, received_at, topic, payload, size, reason) VALUES (%s, %s, 't', '', 0, 'r'), (%s, %s, 't', '', 0, 'r')",
        (feed, now - timedelta(days=31), feed, now),
    )
    conn.execute(
        "INSERT INTO ledger (feed_id, minute) VALUES (%s, %s), (%s, %s)", (feed, now - timedelta(days=740), feed, now)
    )
    conn.execute("INSERT INTO tick (at) VALUES (%s), (%s)", (now - timedelta(days=8), now))
    upkeep.run(conn, folder, now)
    assert count(conn, "change", f"at < '{now - timedelta(minutes=10)}'") == 0
    assert [count(conn, t) for t in ("suspect", "quarantine", "ledger", "tick")] == [0, 1, 1, 1]


def test_a_sent_mail_loses_its_body_and_an_unsent_one_does_not(conn, folder):
    now = clock(conn)
    contact = conn.execute("INSERT INTO contact (key, name, email) VALUES ('a', 'A', 'a@b.c') RETURNING id").fetchone()[
        0
    ]
    for number, state in enumerate(("sent", "ready")):
        conn.execute(
            """INSERT INTO outbox (id, contact_id, email, thread_key, seq, priority, message_id, subject, mime, state, due_at, created_at)
               VALUES (gen_random_uuid(), %s, 'a@b.c', 't', %s, 1, %s, 's', 'body', %s, %s, %s)""",
            (contact, number, str(number), state, now, now - timedelta(days=31)),
        )
    upkeep.run(conn, folder, now)
    assert conn.execute("SELECT state, mime IS NULL FROM outbox ORDER BY seq").fetchall() == [
        ("sent", True),
        ("ready", False),
    ]


def test_each_job_runs_when_it_is_due_and_not_before(conn, folder):
    now = clock(conn)
    upkeep.run(conn, folder, now)
    assert {name for (name,) in conn.execute("SELECT name FROM job")} == set(upkeep.JOBS)
    upkeep.run(conn, folder, now + timedelta(seconds=30))
    assert job(conn, "retention")[0] == now
    assert job(conn, "rollups")[0] == now + timedelta(seconds=30)
    upkeep.run(conn, folder, now + timedelta(hours=1))
    assert job(conn, "retention")[0] == now + timedelta(hours=1)


def test_a_clock_that_was_set_back_does_not_stop_the_jobs(conn, folder):
    now = clock(conn)
    upkeep.run(conn, folder, now + timedelta(days=30))
    upkeep.run(conn, folder, now)
    assert job(conn, "retention")[0] == now


def test_only_one_process_at_a_time_does_it(conn, folder, database_url):
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (upkeep._LOCK,))
        assert upkeep.run(conn, folder) is False
        assert count(conn, "job") == 0
    wait_for(lambda: upkeep.run(conn, folder), "the lock is free again")


def test_a_job_that_fails_says_so_and_the_others_go_on(conn, folder):
    conn.execute("DROP TABLE suspect CASCADE")
    upkeep.run(conn, folder)
    assert job(conn, "quality")[1].startswith("failed: ")
    assert not job(conn, "retention")[1].startswith("failed")


def test_areas_are_worked_out_again_on_a_new_local_day(conn, folder):
    registry.sync(conn, folder)
    conn.execute("UPDATE city SET areas_on = '2020-01-01'")
    upkeep.run(conn, folder)
    assert conn.execute("SELECT areas_on > '2020-01-01' FROM city").fetchone() == (True,)


def test_the_keeper_rolls_up_what_is_stored_and_survives_a_lost_connection(conn, folder, database_url):
    series, stop = add_series(conn), threading.Event()
    keeper = upkeep.Keeper(database_url, lambda: folder, stop, every=0.05)
    keeper.start()
    try:
        wait_for(lambda: job(conn, "weeks"), "the first round")
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ioc upkeep' AND datname = current_database()"
        )
        store(conn, [(series, clock(conn) - timedelta(hours=3), 1.0)])
        conn.execute("DELETE FROM job")
        wait_for(lambda: count(conn, "rollup_1h"), "the hour is rolled up")
    finally:
        stop.set()
        keeper.join(10)
    assert not keeper.is_alive()


def test_partitions_are_made_at_every_migration(database_url):
    with database.connect(database_url, autocommit=True) as conn:
        last = weeks(conn, "reading")[-1]
        conn.execute(f"DROP TABLE reading_{last:%Y%m%d}")
        migrate.migrate(conn)
        assert weeks(conn, "reading")[-1] == last
