"""A disk that fills is told by mail in good time, once a stage, in the reader's language."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from alerts import room
from alerts.compose import Composer, Setting
from alerts.mail import From
from ioc.store import growth
from ioc.store.alarm_write import clock
from tests.alerts.city import ZONE
from tests.ioc.store_parts import city_folder

GB = 10**9


@pytest.fixture
def composer(conn):
    for key, language in (("one", "en"), ("two", "vi"), ("three", "lo")):
        conn.execute("INSERT INTO contact (key, name, email, language) VALUES (%s, 'X', %s, %s)",
                     (key, f"{key}@example.org", language))  # fmt: skip
    return Composer(
        Setting(zone=ZONE, base_url="http://ioc", sender=From("ioc@example.org", "IOC", None), basemap=None), None
    )


def filling(conn, now, *, free, days=10):
    """A database that has grown by 2 GB a day, with `free` bytes left."""
    conn.execute("DELETE FROM size_sample; DELETE FROM feed_day")
    for day in range(days):
        conn.execute("INSERT INTO size_sample VALUES ((%s AT TIME ZONE 'UTC')::date - %s, '', 0, %s)",
                     (now, day, (100 - 2 * day) * GB))  # fmt: skip
    conn.execute("INSERT INTO size_sample VALUES ((%s AT TIME ZONE 'UTC')::date, 'reading', 9, %s)", (now, 70 * GB))
    conn.execute("INSERT INTO feed (key, name) VALUES ('buses', '{}') ON CONFLICT DO NOTHING")
    conn.execute(
        "INSERT INTO feed_day SELECT (%s AT TIME ZONE 'UTC')::date - 1, id, 100, 0, 0 FROM feed WHERE key = 'buses'",
        (now,),
    )
    history = city_folder("/").city.history
    facts = {"free": free, "source": "disk", "warn": 30, "readings": history.readings.days, "positions": 30}
    growth.remember(conn, "room", facts, now)


def mails(conn):
    rows = conn.execute("SELECT email, mime FROM outbox WHERE kind = 'system' ORDER BY created_at, email").fetchall()
    conn.execute("DELETE FROM outbox")
    return {email: message_from_bytes(mime, policy=policy.default) for email, mime in rows}


def test_a_disk_that_fills_is_told_at_each_stage_and_no_more(conn, composer):
    now = clock(conn)
    filling(conn, now, free=100 * GB)
    assert not room.warn(conn, composer, now)
    filling(conn, now, free=50 * GB)
    assert room.warn(conn, composer, now)
    told = mails(conn)
    assert set(told) == {"one@example.org", "two@example.org", "three@example.org"}
    day = (now + timedelta(days=25)).date()
    english = told["one@example.org"]
    assert english["Subject"] == f"The database's disk fills on {day}"
    body = english.get_body(("plain",)).get_content()
    for part in ("2 GB a day", "50 GB", "25 days", "buses", "[history]"):
        assert part in body.replace("\n", " ")
    assert told["two@example.org"]["Subject"].startswith("Ổ đĩa")
    assert told["three@example.org"]["Subject"].startswith("ດິສ")
    assert not room.warn(conn, composer, now + timedelta(minutes=1))
    filling(conn, now, free=12 * GB)
    assert room.warn(conn, composer, now)
    assert not room.warn(conn, composer, now)
    filling(conn, now, free=1 * GB)
    assert room.warn(conn, composer, now)
    assert len(mails(conn)) == 3
    filling(conn, now, free=500 * GB)
    assert not room.warn(conn, composer, now)
    filling(conn, now, free=50 * GB)
    assert room.warn(conn, composer, now), "in danger again, and told again"


def test_a_store_that_retention_holds_is_no_danger(conn, composer):
    now = clock(conn)
    filling(conn, now, free=50 * GB)
    conn.execute(
        "INSERT INTO feed_day SELECT (now() AT TIME ZONE 'UTC')::date - 390, id, 1, 0, 0 FROM feed WHERE key = 'buses'"
    )
    found = growth.look(conn, now)
    assert (found.forecast.full_on, found.forecast.held_at) == (None, 120 * GB)
    assert not room.warn(conn, composer, now)
