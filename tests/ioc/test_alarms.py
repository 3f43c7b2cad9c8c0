"""What people do with alarms, through the functions the screens call."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from ioc.store import alarms, database
from ioc.store.alarms import ShelfError
from tests.alerts import city

HOUR = timedelta(hours=1)


@pytest.fixture
def gauge(conn):
    """A series above its level, and its open alarm, number 1; somebody is told."""
    city.add_contact(conn)
    city.add_rule(conn, options={"above": 50}, scope={"metrics": ["water_level"]})
    series = city.add_series(conn, "gauge", area="w1")
    city.add_reading(conn, series, city.START, 60)
    city.evaluator(conn).tick(conn, city.START)
    return series


def isa(conn, number=1):
    return alarms.one(conn, number)["isa"]


def measure(conn, series, minutes, value):
    at = city.START + timedelta(minutes=minutes)
    city.add_reading(conn, series, at, value)
    city.evaluator(conn).tick(conn, at)


def kinds(conn):
    return [c["kind"] for c in alarms.changes(conn, 1)]


def test_a_screen_gets_what_it_shows(conn, gauge):
    [row] = alarms.open_alarms(conn)
    assert (row["isa"], row["priority"], row["value"], row["threshold"], row["sensor"], row["area"]) == (
        "B",
        3,
        60,
        50,
        "gauge",
        "w1",
    )
    assert row["metric_name"]["vi"] == "Mực nước"
    assert alarms.one(conn, 999) is None


def test_acknowledging_is_done_once_and_says_who(conn, gauge):
    assert alarms.acknowledge(conn, 1, "Duty officer", "on my way")
    assert not alarms.acknowledge(conn, 1, "Somebody else")
    row = alarms.one(conn, 1)
    assert (row["isa"], row["acked_by"], row["ack_note"]) == ("C", "Duty officer", "on my way")
    assert kinds(conn) == ["raised", "acked"]
    assert not alarms.acknowledge(conn, 999, "x"), "there is no such alarm"


def test_two_people_acknowledge_at_once_and_one_is_first(conn, gauge, database_url):
    barrier, results = threading.Barrier(2), []

    def press(name):
        with database.connect(database_url, autocommit=True) as mine:
            barrier.wait()
            results.append(alarms.acknowledge(mine, 1, name))

    threads = [threading.Thread(target=press, args=(n,)) for n in ("a", "b")]
    for t in threads:
        t.start()
    for t in threads:
        t.join(10)
    assert sorted(results) == [False, True]


def test_screens_are_told_when_it_commits(conn, gauge, database_url):
    with database.connect(database_url, autocommit=True) as listener:
        listener.execute("LISTEN ioc_alarm")
        alarms.acknowledge(conn, 1, "duty")
        assert [n.payload for n in listener.notifies(timeout=5, stop_after=1)] == ["1"]


def test_what_fails_half_way_leaves_nothing(conn, gauge):
    with pytest.raises(RuntimeError), conn.transaction():  # noqa: PT012  the transaction is the point
        alarms.acknowledge(conn, 1, "duty")
        raise RuntimeError
    assert (isa(conn), kinds(conn)) == ("B", ["raised"])


def test_an_alarm_of_its_returned_state_is_over_when_acknowledged(conn, gauge):
    measure(conn, gauge, 1, 40)
    assert isa(conn) == "D"
    alarms.acknowledge(conn, 1, "duty")
    assert alarms.open_alarms(conn) == []
    assert alarms.one(conn, 1)["close_reason"] == "acknowledged"


@pytest.mark.parametrize(
    ("by", "reason", "length"),
    [("", "works", HOUR), ("duty", " ", HOUR), ("duty", "works", timedelta(0)), ("duty", "works", timedelta(days=8))],
)
def test_a_shelf_needs_a_name_a_reason_and_an_end(conn, gauge, by, reason, length):
    with pytest.raises(ShelfError):
        alarms.shelve(conn, 1, by, reason, length)
    assert isa(conn) == "B"


def test_a_shelved_alarm_is_watched_and_says_nothing(conn, gauge):
    assert alarms.shelve(conn, 1, "duty", "works", HOUR)
    row = alarms.one(conn, 1)
    assert (row["isa"], row["suppressed_by"], row["suppress_reason"]) == ("G", "duty", "works")
    measure(conn, gauge, 1, 40)
    assert alarms.one(conn, 1)["condition"] == "false"
    measure(conn, gauge, 2, 70)
    assert alarms.unshelve(conn, 1, "duty")
    assert (isa(conn), alarms.one(conn, 1)["suppressed_until"]) == ("B", None)
    assert kinds(conn) == ["raised", "shelved", "cleared", "reraised", "unshelved"]


def test_maintenance_ends_by_itself_when_its_time_is_over(conn, gauge):
    alarms.take_out_of_service(conn, 1, "workshop", "calibration", HOUR)
    assert isa(conn) == "I"
    conn.execute("UPDATE alarm SET suppressed_until = %s", (city.START,))
    measure(conn, gauge, 1, 60)
    assert isa(conn) == "B"


def test_history_is_in_order_and_can_be_cut(conn, gauge):
    alarms.acknowledge(conn, 1, "duty")
    measure(conn, gauge, 1, 40)
    measure(conn, gauge, 2, 60)
    assert [a["id"] for a in alarms.history(conn)] == [2, 1]
    assert [a["id"] for a in alarms.history(conn, until=city.START + timedelta(minutes=1))] == [1]
    assert alarms.history(conn, sensor=999) == []


def test_a_returned_alarm_nobody_acknowledged_ends_after_a_day(conn, gauge):
    measure(conn, gauge, 1, 40)
    measure(conn, gauge, 60 * 23, 40)
    assert isa(conn) == "D"
    measure(conn, gauge, 60 * 24 + 2, 40)
    assert alarms.one(conn, 1)["close_reason"] == "returned"


def test_a_reminder_puts_it_back_to_unacknowledged(conn):
    city.add_contact(conn)
    city.add_rule(conn, options={"above": 50}, scope={"metrics": ["water_level"]}, realarm="30min")
    series = city.add_series(conn, "gauge")
    measure(conn, series, 0, 60)
    alarms.acknowledge(conn, 1, "duty")
    measure(conn, series, 29, 60)
    assert isa(conn) == "C"
    measure(conn, series, 31, 60)
    assert isa(conn) == "B"
    assert conn.execute("SELECT array_agg(reason ORDER BY id) FROM intent").fetchone()[0] == ["raised", "reminder"]


def test_who_is_told(conn):
    everybody = {"domains": (), "areas": ()}
    for key, wishes in {
        "all": everybody,
        "water": {"domains": ["water"]},
        "air": {"domains": ["air"]},
        "there": {"areas": ["w2"]},
        "urgent": {"lowest": "critical"},
    }.items():
        city.add_contact(conn, key, **wishes)
    city.add_rule(conn, options={"above": 50}, scope={"metrics": ["water_level"]}, priority="high")
    measure(conn, city.add_series(conn, "gauge", area="w1"), 0, 60)
    told = conn.execute("SELECT c.key FROM intent i JOIN contact c ON c.id = i.contact_id ORDER BY 1").fetchall()
    assert told == [("all",), ("water",)]


def test_an_urgent_alarm_that_fits_nobody_goes_to_everybody(conn):
    city.add_contact(conn, "air", domains=["air"])
    city.add_contact(conn, "gone", domains=["air"])
    conn.execute("UPDATE contact SET state = 'refused' WHERE key = 'gone'")
    city.add_rule(conn, options={"above": 50}, scope={"metrics": ["water_level"]}, priority="critical")
    measure(conn, city.add_series(conn, "gauge"), 0, 60)
    assert conn.execute("SELECT c.key FROM intent i JOIN contact c ON c.id = i.contact_id").fetchall() == [("air",)]
