"""One history, any map: who was in which area when, by the map of then and by the map of a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from ioc.config.city import City, MapView
from ioc.config.folder import CityFolder
from ioc.config.places import Area, Sensor
from ioc.store import areas, registry

CHANGE = date(2025, 7, 1)
MIDNIGHT = datetime(2025, 6, 30, 17, tzinfo=UTC)  # of 1 July in the city's zone


def square(west, south, size=0.1):
    east, north = west + size, south + size
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def area(key, west=105.9, size=0.1, kind="ward", since=None, until=None):
    return Area(key=key, name=key, kind=kind, geometry=square(west, 9.6, size), valid_from=since, valid_to=until)


@pytest.fixture
def folder(tmp_path):
    """Two districts until 1 July 2025, one ward over both since; a fixed sensor in each district, and a bus."""
    west = Sensor(key="west", name="West", lat=9.65, lon=105.95)
    east = Sensor(key="east", name="East", lat=9.65, lon=106.05)
    return CityFolder(
        path=tmp_path,
        digest="one",
        city=City(key="delta", name="Delta", zone="Asia/Ho_Chi_Minh", map=MapView(center=(105.9, 9.6))),
        sensors={"west": west, "east": east, "bus": Sensor(key="bus", name="Bus", lat=9.65, lon=105.95, moves=True)},
        areas=[
            area("west-district", kind="district", until=CHANGE),
            area("east-district", west=106.0, kind="district", until=CHANGE),
            area("big", size=0.3, kind="ward", since=CHANGE),
        ],
    )


def who(conn, map_day=None, **scope):
    """[(sensor, area, from, to)] of all memberships."""
    return sorted((m.sensor, m.area, m.from_time, m.to_time) for m in areas.members(conn, map_day=map_day, **scope))


def move(folder, digest, key="west", **place):
    sensors = {**folder.sensors, key: folder.sensors[key].model_copy(update=place)}
    return replace(folder, digest=digest, sensors=sensors)


def test_the_map_of_then_changes_at_local_midnight_of_the_day_it_was_dated_for(conn, folder):
    registry.sync(conn, folder)
    assert who(conn) == sorted([
        ("west", "west-district", None, MIDNIGHT), ("east", "east-district", None, MIDNIGHT),
        ("west", "big", MIDNIGHT, None), ("east", "big", MIDNIGHT, None),
    ])  # fmt: skip


def test_all_of_history_goes_by_the_map_of_a_day(conn, folder):
    registry.sync(conn, folder)
    old = [("east", "east-district", None, None), ("west", "west-district", None, None)]
    assert who(conn, map_day=date(2025, 6, 30)) == who(conn, map_day=date(1990, 1, 1)) == old
    assert who(conn, map_day=CHANGE) == [("east", "big", None, None), ("west", "big", None, None)]
    assert who(conn, map_day=CHANGE, areas=["west-district"]) == []


def test_the_days_on_which_the_map_changed_are_known(conn, folder):
    registry.sync(conn, folder)
    assert areas.maps(conn) == [("district", None, 2), ("district", CHANGE, 0), ("ward", CHANGE, 1)]


def test_the_same_readings_roll_up_by_either_map(conn, folder):
    registry.sync(conn, folder)
    conn.execute("""INSERT INTO feed (key, name) VALUES ('f', '{}');
        INSERT INTO series (sensor_id, metric, feed_id) SELECT s.id, 'dust', f.id FROM sensor s, feed f WHERE f.key = 'f';
        INSERT INTO reading SELECT id, t, CASE WHEN t < '2025-06-30 17:00Z' THEN 10 ELSE 30 END * id
            FROM series, unnest(ARRAY['2025-06-30 16:59Z', '2025-06-30 17:00Z']::timestamptz[]) AS t""")
    rolled = """SELECT m.area, count(*)::int, sum(r.value / s.id)::int FROM area_members(%s) m JOIN series s USING (sensor_id)
        JOIN reading r ON r.series_id = s.id AND r.time >= m.from_time AND r.time < m.to_time GROUP BY 1 ORDER BY 1"""
    assert conn.execute(rolled, [None]).fetchall() == [
        ("big", 2, 60),
        ("east-district", 1, 10),
        ("west-district", 1, 10),
    ]
    assert conn.execute(rolled, [date(2025, 6, 30)]).fetchall() == [("east-district", 2, 40), ("west-district", 2, 40)]
    assert conn.execute(rolled, [CHANGE]).fetchall() == [("big", 4, 80)]


def test_a_sensor_that_moves_house_stays_where_it_was_for_the_time_before(conn, folder):
    registry.sync(conn, folder)
    series = conn.execute("SELECT id FROM sensor WHERE key = 'west'").fetchone()
    registry.sync(conn, move(folder, "two", lon=106.05))
    assert conn.execute("SELECT id FROM sensor WHERE key = 'west'").fetchone() == series
    (first, *_), (second, *_) = [
        [m[1:]] for m in who(conn, map_day=date(2025, 6, 30)) if m[0] == "west"
    ]  # fmt: skip
    (moved,) = conn.execute("SELECT loaded_at FROM city").fetchone()
    assert sorted([first, second]) == [("east-district", moved, None), ("west-district", None, moved)]


def test_putting_a_place_right_by_a_few_metres_is_no_move(conn, folder):
    registry.sync(conn, folder)
    registry.sync(conn, move(folder, "two", lon=105.95015))
    places = conn.execute(
        "SELECT p.lon, joined FROM sensor_place p JOIN sensor s ON s.id = sensor_id WHERE key = 'west'"
    )
    assert places.fetchall() == [(105.95015, True)]


def test_a_place_that_messages_jitter_about_is_one_place(conn, folder):
    registry.sync(conn, folder)
    conn.execute("INSERT INTO sensor (key, name, lat, lon, place_from) VALUES ('kerb', '{}', 9.65, 105.95, 'payload')")
    for lon in (105.9501, 105.9499, 105.9502):
        conn.execute("UPDATE sensor SET lon = %s WHERE key = 'kerb'", [lon])
    assert conn.execute(
        "SELECT count(*) FROM sensor_place JOIN sensor s ON s.id = sensor_id WHERE key = 'kerb'"
    ).fetchone() == (1,)


def test_a_place_that_messages_told_is_joined_by_upkeep(conn, folder):
    registry.sync(conn, folder)
    conn.execute("INSERT INTO sensor (key, name, lat, lon, place_from) VALUES ('new', '{}', 9.65, 105.95, 'payload')")
    assert [m for m in who(conn) if m[0] == "new"] == []
    assert registry.new_places(conn) == 2
    assert [m[1] for m in who(conn) if m[0] == "new"] == ["big", "west-district"]
    assert registry.new_places(conn) == 0


def test_what_begins_to_move_by_nature_leaves_the_areas_and_keeps_its_past(conn, folder):
    registry.sync(conn, folder)
    registry.sync(conn, move(folder, "two", moves=True))
    assert [m[1] for m in who(conn, map_day=CHANGE) if m[0] == "west" and m[3] is None] == []
    assert [m[1] for m in who(conn, map_day=CHANGE) if m[0] == "west"] == ["big"]
    assert [m for m in who(conn) if m[0] == "bus"] == []


def test_of_overlapping_areas_the_smallest_counts_and_the_other_on_the_days_it_is_gone(conn, folder):
    town = area("town", size=0.09, since=date(2025, 8, 1), until=date(2025, 9, 1))
    registry.sync(conn, replace(folder, areas=[*folder.areas, town]))
    assert [m[1] for m in who(conn, map_day=date(2025, 8, 31)) if m[0] == "west"] == ["town"]
    assert [m[1] for m in who(conn, map_day=date(2025, 9, 1)) if m[0] == "west"] == ["big"]
    assert [m[1] for m in who(conn) if m[0] == "west"].count("big") == 2


def test_a_new_map_is_joined_and_an_area_that_left_the_folder_keeps_its_past(conn, folder):
    registry.sync(conn, folder)
    registry.sync(conn, replace(folder, digest="two", areas=[*folder.areas[:2], area("small", size=0.1, since=CHANGE)]))
    (today,) = conn.execute("SELECT areas_on FROM city").fetchone()
    assert [m[1] for m in who(conn, map_day=date(2025, 7, 2)) if m[0] == "east"] == ["big"]
    assert [m[1] for m in who(conn, map_day=today)] == ["small"]


def test_a_database_of_the_first_version_gets_its_places(conn, folder):
    """The step itself fills them from the sensors there are: any new place waits to be joined."""
    registry.sync(conn, folder)
    conn.execute(
        "DROP TABLE sensor_area, sensor_place CASCADE; DROP FUNCTION keep_place CASCADE; ALTER TABLE area DROP drawing"
    )
    conn.execute("DELETE FROM schema_step WHERE name IN ('tables/030_areas', 'views')")
    from ioc.store import migrate

    assert "tables/030_areas" in migrate.migrate(conn)
    assert registry.new_places(conn) == 4
    assert len(who(conn)) == 4


@pytest.fixture
def named(conn, folder):
    """Readings of `west` under its first name."""
    registry.sync(conn, folder)
    conn.execute("INSERT INTO feed (key, name) VALUES ('f', '{}')")
    add(conn, "west", "dust", (1, 10.0), (2, 20.0))
    return folder


def add(conn, sensor, metric, *readings):
    conn.execute("""INSERT INTO series (sensor_id, metric, feed_id) SELECT s.id, %s, f.id FROM sensor s, feed f
        WHERE s.key = %s AND f.key = 'f' ON CONFLICT DO NOTHING""", [metric, sensor])  # fmt: skip
    for hour, value in readings:
        conn.execute("""WITH n AS (SELECT e.id, '2026-01-01'::timestamptz + %s * interval '1 hour' AS t FROM series e
            JOIN sensor s ON s.id = sensor_id WHERE s.key = %s AND metric = %s),
            r AS (INSERT INTO reading SELECT id, t, %s FROM n)
            INSERT INTO latest SELECT id, t, %s, now() FROM n
            ON CONFLICT (series_id) DO UPDATE SET time = EXCLUDED.time, value = EXCLUDED.value""",
            [hour, sensor, metric, value, value])  # fmt: skip


def readings(conn):
    """[(sensor, metric, hour, value)]."""
    return conn.execute("""SELECT s.key, e.metric, extract(epoch FROM r.time - '2026-01-01')::int / 3600, r.value
        FROM reading r JOIN series e ON e.id = r.series_id JOIN sensor s ON s.id = e.sensor_id ORDER BY 1, 2, 3""").fetchall()


def renamed(folder, digest="new"):
    sensors = {**folder.sensors, "quay": folder.sensors["west"].model_copy(update={"key": "quay", "was": ("west",)})}
    del sensors["west"]
    return replace(folder, digest=digest, sensors=sensors)


def test_a_renamed_sensor_keeps_its_series_and_its_areas(conn, named):
    before = conn.execute("SELECT id, sensor_id FROM series").fetchall()
    members = [m[1:] for m in who(conn) if m[0] == "west"]
    assert registry.sync(conn, renamed(named)) is True
    assert conn.execute("SELECT id, sensor_id FROM series").fetchall() == before
    assert readings(conn) == [("quay", "dust", 1, 10.0), ("quay", "dust", 2, 20.0)]
    assert [m[1:] for m in who(conn) if m[0] == "quay"] == members
    assert conn.execute("SELECT count(*) FROM sensor WHERE key = 'west'").fetchone() == (0,)


def test_what_messages_already_brought_under_the_new_name_joins_the_history(conn, named):
    (elder,) = conn.execute("SELECT id FROM sensor WHERE key = 'west'").fetchone()
    conn.execute("INSERT INTO sensor (key, name) VALUES ('quay', '{}')")
    add(conn, "quay", "dust", (2, 99.0), (3, 30.0))
    add(conn, "quay", "noise", (3, 55.0))
    registry.sync(conn, renamed(named))
    assert conn.execute("SELECT id FROM sensor WHERE key = 'quay'").fetchone() == (elder,)
    assert readings(conn) == [("quay", "dust", 1, 10.0), ("quay", "dust", 2, 20.0), ("quay", "dust", 3, 30.0), ("quay", "noise", 3, 55.0)]  # fmt: skip
    assert conn.execute("SELECT value FROM latest JOIN series ON id = series_id WHERE metric = 'dust'").fetchall() == [
        (30.0,)
    ]
    assert conn.execute("SELECT count(*) FROM sensor_place WHERE lat IS NOT NULL").fetchone() == (2,)


def test_what_an_ingester_wrote_with_the_old_folder_in_mind_follows(conn, named):
    conn.execute("INSERT INTO sensor (key, name) VALUES ('quay', '{}')")
    add(conn, "quay", "dust", (3, 30.0))
    (stale,) = conn.execute("SELECT max(id) FROM series").fetchone()
    registry.sync(conn, renamed(named))
    conn.execute("INSERT INTO reading VALUES (%s, '2026-01-01 04:00Z', 40)", [stale])
    conn.execute("INSERT INTO latest VALUES (%s, '2026-01-01 04:00Z', 40, now())", [stale])
    conn.execute("INSERT INTO sensor (key, name) VALUES ('west', '{}')")  # another one that saw the old name only now
    add(conn, "west", "dust", (5, 50.0))
    assert registry.new_places(conn) == 2
    assert [r[2:] for r in readings(conn)] == [(1, 10.0), (2, 20.0), (3, 30.0), (4, 40.0), (5, 50.0)]
    assert {r[0] for r in readings(conn)} == {"quay"}
    conn.execute("UPDATE sensor_merge SET at = now() - interval '2 hours'")
    registry.new_places(conn)
    assert conn.execute("SELECT array_agg(key ORDER BY key) FROM sensor").fetchone() == (["bus", "east", "quay"],)


def test_rollups_follow_a_merge_exactly(conn, named):
    from datetime import timedelta

    from ioc.store import migrate, rollups

    conn.execute("INSERT INTO sensor (key, name) VALUES ('quay', '{}')")
    add(conn, "quay", "dust", (2, 99.0), (3, 30.0))
    conn.execute("INSERT INTO dirty (hour, series) SELECT DISTINCT time, ARRAY[series_id] FROM reading")
    span = rollups.Span(
        datetime.now(UTC) + timedelta(days=90), datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
    )
    rollups.run(conn, migrate.engine(conn), span)
    registry.sync(conn, renamed(named))
    rollups.run(conn, migrate.engine(conn), span)
    counted = "SELECT series_id, {} AS bucket, count(*), sum(value) FROM reading GROUP BY 1, 2 ORDER BY 1, 2"
    for table, trunc in (("rollup_1h", "date_trunc('hour', time)"), ("rollup_1d", "date_trunc('day', time)")):
        kept = conn.execute(f"SELECT series_id, bucket, count, sum FROM {table} ORDER BY 1, 2").fetchall()
        assert kept == conn.execute(counted.format(trunc)).fetchall()


def test_a_restore_brings_the_places_and_names_of_the_backup(conn, named, tmp_path, postgres):
    import uuid

    from ioc.store import backup, database, restore

    registry.sync(conn, move(renamed(named), "moved", "quay", lon=106.05))
    backup.save(conn, tmp_path / "b.zip")
    name = f"b_{uuid.uuid4().hex[:12]}"
    conn.execute(f"CREATE DATABASE {name}")
    try:
        with database.connect(postgres.url[: -len("/ioc")] + f"/{name}", autocommit=True) as copy:
            restore.load(copy, tmp_path / "b.zip")
            for table in ("sensor_place", "sensor_area", "sensor_alias"):
                query = f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1"
                assert copy.execute(query).fetchall() == conn.execute(query).fetchall() != []
            assert who(copy) == who(conn)
    finally:
        conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
