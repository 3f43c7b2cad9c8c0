"""Between two ticks: what spoke is looked at at once, once, and the jobs are woken by what the database tells."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from alerts import learn
from alerts.waker import Waker
from tests.alerts import city
from tests.services import wait_for

SCOPE = {"metrics": ["water_level"]}
S = timedelta(seconds=1)


def changes(conn):
    return [row[0] for row in conn.execute("SELECT kind FROM alarm_change ORDER BY id")]


@pytest.mark.parametrize("kind", ["threshold", "anomaly"])
def test_what_spoke_between_two_ticks_is_judged_once(conn, kind):
    """By a kind that SQL looks for and by one that is a signal."""
    city.add_rule(conn, kind=kind, scope=SCOPE, options={"above": 50} if kind == "threshold" else {})
    series = city.add_series(conn, "s")
    city.add_past(conn, series, [(city.START - timedelta(hours=n), 10 + n % 2) for n in range(700, 1, -1)])
    city.add_reading(conn, series, city.START - 20 * S, 10)
    engine = city.evaluator(conn)
    learn.turn(conn, engine.rules.values(), city.ZONE, city.START, budget=60)
    assert engine.look(conn, city.START) is None, "before the first tick there is nothing to add to"
    engine.tick(conn, city.START)
    for n in range(3):
        city.add_reading(conn, series, city.START + (2 + n) * S, 60 + 40 * n)
    assert engine.look(conn, city.START + 5 * S).opened == 1
    assert engine.look(conn, city.START + 6 * S) is None, "nothing spoke since"
    engine.tick(conn, city.START + 10 * S)
    assert changes(conn) == ["raised"]
    assert conn.execute("SELECT count(*) FROM tick").fetchone()[0] == 2, "a look is no tick"


def test_a_restart_after_a_look_says_nothing_twice(conn):
    city.add_rule(conn, scope=SCOPE, options={"above": 50})
    series = city.add_series(conn, "s")
    engine = city.evaluator(conn)
    city.add_reading(conn, series, city.START - S, 10)
    engine.tick(conn, city.START)
    for n, value in enumerate((60, 10, 70)):
        city.add_reading(conn, series, city.START + (n + 1) * S, value)
        engine.look(conn, city.START + (n + 1) * S)
    assert changes(conn)[:3] == ["raised", "cleared", "reraised"]
    before = changes(conn)
    city.evaluator(conn).tick(conn, city.START + 5 * S)
    assert changes(conn) == before


def test_the_database_wakes_the_jobs_and_a_failure_does_not_stop_it(conn, database_url):
    looked, soon, stop = threading.Event(), {}, threading.Event()
    fail = [True]

    def look():
        if fail.pop() if fail else False:
            raise RuntimeError("the first look fails")
        looked.set()

    waker = Waker(database_url, look, soon.setdefault, stop)
    waker.start()
    listening = "SELECT pid FROM pg_stat_activity WHERE application_name = 'ioc alerts waker' AND query LIKE '%LISTEN%'"
    try:
        first = wait_for(lambda: conn.execute(listening).fetchone(), "the waker listens")

        def told(channel, condition, what):
            wait_for(lambda: (conn.execute("SELECT pg_notify(%s, '1')", (channel,)), condition())[1], what, every=0.2)

        told("ioc_change", looked.is_set, "a look after one that failed")
        told("ioc_alarm", lambda: "write" in soon, "the mails are written soon")
        told("ioc_rule_test", lambda: "test" in soon, "somebody asks for a test")
        conn.execute("SELECT pg_terminate_backend(%s)", first)
        looked.clear()
        wait_for(lambda: conn.execute(listening).fetchone() not in (None, first), "it listens again")
        told("ioc_change", looked.is_set, "a look after the connection was lost")
    finally:
        stop.set()
        waker.join(10)
    assert not waker.is_alive()
