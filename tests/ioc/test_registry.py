from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import psycopg
import pytest

from ioc.config.city import City, MapView
from ioc.config.contacts import Contact
from ioc.config.feeds import Feed
from ioc.config.folder import CityFolder
from ioc.config.metrics import Metric
from ioc.config.places import Area, Sensor
from ioc.config.rules import Rule
from ioc.store import registry


def square(west, south, size=0.1):
    east, north = west + size, south + size
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }


RULE = Rule(key="flood", kind="threshold", name={"en": "Flood"}, priority="critical", cause={"en": "rain"}, consequence={"en": "water"},
            action={"en": "pump"}, respond_within="15min", owner="water", review_by=date(2027, 1, 1), options={"raise": 1.5})  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    return CityFolder(
        path=tmp_path,
        digest="one",
        city=City(key="delta", name="Delta", zone="Asia/Ho_Chi_Minh", map=MapView(center=(105.9, 9.6))),
        metrics={"level": Metric(name="Level", unit="m", stuck="2h", rate=0.5)},
        feeds={"tide": Feed(name="Tide", topic="tide/{sensor}", format="json", domain="water", cadence="5min")},
        sensors={
            "t1": Sensor(
                key="t1", name="Gauge 1", feed="tide", lat=9.65, lon=105.95, cadence="10min", properties={"bed": -2.5}
            ),
            "bus": Sensor(key="bus", name="Bus", moves=True),
        },
        areas=[Area(key="ward-1", name={"vi": "Phường 1"}, geometry=square(105.9, 9.6))],
        rules={"flood": RULE},
        contacts={"duty": Contact(key="duty", name="Duty", email="duty@city.example", lowest="medium")},
    )


def count(conn, table):
    return conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def one(conn, query):
    return conn.execute(query).fetchone()


def snapshot(conn):
    tables = ("city", "feed", "metric", "area", "sensor", "contact", "rule")
    return {t: conn.execute(f"SELECT to_jsonb(t)::text FROM {t} t ORDER BY 1").fetchall() for t in tables}


def test_everything_of_the_folder_becomes_rows(conn, folder):
    assert registry.sync(conn, folder) is True
    assert one(conn, "SELECT digest, zone FROM city") == ("one", "Asia/Ho_Chi_Minh")
    assert one(conn, "SELECT cadence, silent_after, topics, enabled FROM feed WHERE key = 'tide'") == (
        timedelta(minutes=5), timedelta(minutes=25), ["tide/{sensor}"], True)  # fmt: skip
    assert one(conn, "SELECT unit, settings->>'stuck', (settings->>'rate')::float FROM metric") == ("m", "7200s", 0.5)
    assert one(
        conn,
        """SELECT s.area, s.registered, s.place_from, s.domain, f.key, s.cadence, s.properties->>'bed'
                        FROM sensor s JOIN feed f ON f.id = s.feed_id WHERE s.key = 't1'""",
    ) == ("ward-1", True, "registry", "water", "tide", timedelta(minutes=10), "-2.5")
    assert one(conn, "SELECT moves, area, place_from FROM sensor WHERE key = 'bus'") == (True, None, "none")
    assert one(conn, "SELECT priority, version, enabled, settings->'options'->>'raise' FROM rule") == (
        1,
        1,
        True,
        "1.5",
    )
    assert one(conn, "SELECT settings->>'lowest', state FROM contact") == ("medium", "ok")


def test_a_second_sync_changes_nothing_and_tells_nobody(conn, folder):
    registry.sync(conn, folder)
    before = snapshot(conn)
    assert registry.sync(conn, folder) is False
    assert registry.sync(conn, replace(folder, digest="only a comment was edited")) is False
    after = snapshot(conn)
    assert {t: rows for t, rows in after.items() if t != "city"} == {
        t: rows for t, rows in before.items() if t != "city"
    }
    assert count(conn, "change") == 1


def test_readers_are_notified_of_a_change(conn, folder, database_url):
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute("LISTEN ioc_change")
        registry.sync(conn, folder)
        note = next(listener.notifies(timeout=5, stop_after=1))
    assert one(conn, "SELECT id::text, registry FROM change") == (note.payload, True)


def test_what_vanishes_is_switched_off_and_comes_back(conn, folder):
    registry.sync(conn, folder)
    registry.sync(conn, replace(folder, digest="two", feeds={}, rules={}, contacts={}, sensors={}, areas=[]))
    assert one(conn, "SELECT enabled FROM feed WHERE key = 'tide'") == (False,)
    assert one(conn, "SELECT enabled FROM feed WHERE key = 'unclaimed'") == (True,)
    assert one(conn, "SELECT enabled FROM rule") == (False,)
    assert one(conn, "SELECT state FROM contact") == ("removed",)
    assert one(conn, "SELECT bool_or(registered), count(*) FROM sensor") == (False, 2)
    assert one(conn, "SELECT valid_to <= (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date FROM area") == (True,)
    registry.sync(conn, replace(folder, digest="three"))
    assert one(conn, "SELECT enabled FROM feed WHERE key = 'tide'") == (True,)
    assert one(conn, "SELECT enabled, version FROM rule") == (True, 1)
    assert one(conn, "SELECT state FROM contact") == ("ok",)
    assert one(conn, "SELECT bool_and(registered) FROM sensor") == (True,)
    assert one(conn, "SELECT valid_to = 'infinity' FROM area") == (True,)


def test_an_edited_rule_gets_a_new_version(conn, folder):
    registry.sync(conn, folder)
    registry.sync(
        conn, replace(folder, digest="2", rules={"flood": RULE.model_copy(update={"options": {"raise": 1.8}})})
    )
    assert one(conn, "SELECT version, settings->'options'->>'raise' FROM rule") == (2, "1.8")
    assert count(conn, "rule") == 1


def test_a_refused_address_is_tried_again_only_when_it_was_edited(conn, folder):
    registry.sync(conn, folder)
    conn.execute("UPDATE contact SET state = 'refused', state_note = '550 no such user'")
    registry.sync(conn, replace(folder, digest="2", city=folder.city.model_copy(update={"title": {"": "x"}})))
    assert one(conn, "SELECT state FROM contact") == ("refused",)
    other = folder.contacts["duty"].model_copy(update={"email": "night@city.example"})
    registry.sync(conn, replace(folder, digest="3", contacts={"duty": other}))
    assert one(conn, "SELECT state, state_note FROM contact") == ("ok", "")


def test_what_messages_told_of_a_sensor_is_kept_where_the_folder_is_silent(conn, folder):
    conn.execute("""INSERT INTO sensor (key, name, lat, lon, place_from, properties)
                    VALUES ('bus', '{}', 9.61, 105.91, 'payload', '{"firmware": "1.2"}'), ('stray', '{}', 9.62, 105.92, 'payload', '{}')""")
    registry.sync(conn, folder)
    assert one(conn, "SELECT lat, place_from, properties->>'firmware', registered, area FROM sensor WHERE key = 'bus'") == (
        9.61, "payload", "1.2", True, "ward-1")  # fmt: skip
    assert one(conn, "SELECT registered, area FROM sensor WHERE key = 'stray'") == (False, "ward-1")


def test_areas_follow_their_dates(conn, folder):
    old = Area(key="old", name="Old", geometry=square(105.9, 9.6), valid_to=date(2025, 7, 1))
    new = Area(key="new", name="New", geometry=square(105.9, 9.6), valid_from=date(2025, 7, 1))
    registry.sync(conn, replace(folder, areas=[old, new]))
    assert one(conn, "SELECT area FROM sensor WHERE key = 't1'") == ("new",)
    conn.execute("UPDATE city SET areas_on = '2020-01-01'")
    conn.execute("UPDATE sensor SET area = NULL WHERE key = 't1'")
    registry.sync(conn, replace(folder, areas=[old, new]))
    assert one(conn, "SELECT area FROM sensor WHERE key = 't1'") == ("new",), "a new day works the areas out again"


def test_a_failing_sync_leaves_nothing_behind(conn, folder):
    broken = Area(key="a\0b", name="NUL cannot be stored", geometry=square(0, 0))
    with pytest.raises(Exception, match="Unicode escape"):
        registry.sync(conn, replace(folder, areas=[broken]))
    assert count(conn, "city") == count(conn, "metric") == 0
