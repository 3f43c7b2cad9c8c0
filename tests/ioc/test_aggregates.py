from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from statistics import fmean
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Jsonb

from ioc.store import aggregates, migrate, rollups
from ioc.store.aggregates import Beyond
from tests.ioc.store_parts import add_series, ago, store, this_hour

LONG_AGO = ago(days=4000)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def roll(conn):
    rollups.run(conn, migrate.engine(conn), rollups.Span(this_hour(), LONG_AGO, LONG_AGO), seconds=100)


def the_city(conn):
    conn.execute("""INSERT INTO city VALUES (true, 'c', '{}', 'Asia/Ho_Chi_Minh', '{}', 'd', '2026-01-01')
                    ON CONFLICT DO NOTHING""")


def area(conn, key, kind, first="-infinity", last="infinity"):
    """Its polygon is far from every sensor: who is in it is said by put_in."""
    query = """INSERT INTO area (key, name, kind, valid_from, valid_to, geometry) VALUES (%s, '{}', %s, %s, %s, %s)
               RETURNING id"""
    far = {"type": "Polygon", "coordinates": [[[0, 0], [0.01, 0], [0.01, 0.01], [0, 0]]]}
    return conn.execute(query, (key, kind, first, last, Jsonb(far))).fetchone()[0]


def put_in(conn, series, kind, *stays, since="-infinity", until="infinity"):
    """The sensor of a series stands at one place for a while; stays: (area id, map from, map to)."""
    place = conn.execute(
        """INSERT INTO sensor_place (sensor_id, since, until, lat, lon)
           SELECT sensor_id, %s, %s, 9.6, 106 FROM series WHERE id = %s RETURNING id""",
        (since, until, series),
    ).fetchone()[0]
    for area_id, first, last in stays:
        conn.execute("INSERT INTO sensor_area VALUES (%s, %s, %s, %s, %s)", (place, kind, first, last, area_id))


@pytest.fixture
def districts(either):
    """Metric and kind of their own, two areas; the first was abolished five local days ago: the second took its sensor."""
    the_city(either)
    n = random.randrange(10**9)
    metric, kind = f"m{n}", f"k{n}"
    cut = (datetime.now(ZONE) - 5 * DAY).date()
    old, new = area(either, f"old{n}", kind, last=cut), area(either, f"new{n}", kind)
    one, two = (add_series(either, metric=metric, cadence=HOUR) for _ in range(2))
    put_in(either, one, kind, (old, "-infinity", cut), (new, cut, "infinity"))
    put_in(either, two, kind, (new, "-infinity", "infinity"))
    midnight = datetime(cut.year, cut.month, cut.day, tzinfo=ZONE).astimezone(UTC)
    return metric, kind, {one: (f"old{n}", f"new{n}"), two: (f"new{n}", f"new{n}")}, midnight, cut


def test_areas_over_time_are_what_brute_force_says_by_the_map_of_then_and_of_a_day(either, districts):
    metric, kind, areas, midnight, cut = districts
    dice, start = random.Random(1), ago(days=9).replace(hour=0)
    rows = [(s, start + 40 * MINUTE * n + MINUTE, float(dice.randrange(1000))) for s in areas for n in range(36 * 8)]
    store(either, rows)
    roll(either)
    for step in (HOUR, 6 * HOUR, DAY, 7 * DAY):
        for map_day in (None, cut - DAY, cut):
            found = aggregates.areas_over(
                either, metric, start, this_hour(), step, kind=kind, map_day=map_day, beyond=Beyond(900)
            )
            expected = areas_by_force(rows, areas, lambda t, day=map_day: day < cut if day else t < midnight, step)
            assert {(r.area, r.at): r[2:] for r in found} == {k: pytest.approx(v) for k, v in expected.items()}
    name = areas[max(areas)][1]
    only = aggregates.areas_over(either, metric, start, this_hour(), DAY, kind=kind, areas=[name])
    assert {r.area for r in only} == {name}


def areas_by_force(rows, areas, old, step):
    """(area, step) -> mean, low, high, total, series, beyond 900; old: whether the old map holds at a time."""
    parts, origin = defaultdict(lambda: defaultdict(list)), datetime(2000, 1, 1, tzinfo=UTC)
    for series, time, value in rows:
        at = origin + (time - origin) // step * step
        for name in (areas[series][0 if old(time) else 1], None):
            parts[name, at][series].append(value)
    found = {}
    for key, by_series in parts.items():
        means = [fmean(v) for v in by_series.values()]
        every = [v for values in by_series.values() for v in values]
        beyond = sum(max(v) >= 900 for v in by_series.values())
        found[key] = (fmean(means), min(every), max(every), sum(means), len(means), beyond)
    return found


def test_areas_at_a_moment_count_the_fresh_and_name_the_known(either, districts):
    metric, kind, areas, midnight, cut = districts
    one, two = areas
    store(either, [(one, midnight - HOUR, 5.0), (two, midnight - HOUR, 7.0), (one, midnight + HOUR, 50.0)])
    before = aggregates.areas_at(either, metric, midnight - MINUTE, kind=kind, beyond=Beyond(6))
    assert before[None][1:8] == (6, 5, 7, 12, 2, 2, 1)
    assert {a: r.mean for a, r in before.items() if a} == {areas[one][0]: 5, areas[two][0]: 7}
    after = aggregates.areas_at(either, metric, midnight + 3 * HOUR, kind=kind, beyond=Beyond(6, above=False))
    assert after[areas[two][1]][1:8] == (50, 50, 50, 50, 1, 2, 0), "the other is older than three cadences"
    old_map = aggregates.areas_at(either, metric, midnight + 3 * HOUR, kind=kind, map_day=cut - DAY)
    assert old_map[areas[one][0]].mean == 50
    assert aggregates.areas_at(either, "nothing", midnight, kind=kind) == {}


def test_the_top_mover_is_the_one_that_changed_most_for_what_it_is(either):
    """A river that rises by 30 cm where 10 is usual moves more than a counter of cars that rose by a hundred of 400."""
    metric = f"moves{random.randrange(10**9)}"
    river, cars, still, new = (add_series(either, metric=metric) for _ in range(4))
    at, rows = this_hour().replace(hour=12) - DAY, []  # noon: what moves is of the day that is not yet usual
    for day in range(2, 12):
        for hour in range(24):
            time = at - DAY * day + HOUR * hour
            rows += [(river, time, 1 + hour % 2 * 0.1), (cars, time, hour % 2 * 400.0), (still, time, 3.0)]
    rows += [(s, at - 2 * HOUR, v) for s, v in ((river, 1.0), (cars, 100.0), (still, 3.0), (new, 1.0))]
    rows += [(s, at - MINUTE, v) for s, v in ((river, 1.3), (cars, 200.0), (still, 3.0), (new, 99.0))]
    store(either, rows)
    roll(either)
    found = aggregates.movers(either, at, HOUR, metric=metric)
    assert [m.series_id for m in found] == [river, cars]
    assert found[0].score == pytest.approx(3.0, abs=0.01)
    assert (found[1].before, found[1].after, found[1].change, found[1].score) == (100, 200, 100, 0.25)
    assert [m.series_id for m in aggregates.movers(either, at, HOUR, metric=metric, most=1)] == [river]


def test_a_calendar_is_by_the_citys_clock_even_when_clocks_change(either):
    """Berlin put its clocks back on 26 October 2025, a day of 25 hours; hour 2 holds both."""
    series, zone = add_series(either), "Europe/Berlin"
    start = datetime(2025, 10, 24, 22, tzinfo=UTC)  # 25 October, midnight there
    rows = [(series, start + 30 * MINUTE * n, float(n)) for n in range(2 * (24 + 25))]
    store(either, rows)
    roll(either)
    found = aggregates.hours_of_days(either, series, date(2025, 10, 25), date(2025, 10, 26), zone)
    assert len(found) == 48
    assert [(h.hour, h.readings) for h in found if h.day.day == 26][:4] == [(0, 2), (1, 2), (2, 4), (3, 2)]
    first = found[0]
    assert (first.day, first.hour, first.mean, first.low, first.high) == (date(2025, 10, 25), 0, 0.5, 0, 1)
    days = aggregates.days_of_year(either, series, 2025, zone)
    assert [(d.day.day, d.readings, d.low, d.high) for d in days] == [(25, 48, 0, 47), (26, 50, 48, 97)]


def test_a_year_whose_hours_are_gone_is_drawn_from_days(conn):
    series, start = add_series(conn), ago(days=30).replace(hour=0)
    store(conn, [(series, start + HOUR * n, float(n)) for n in range(24 * 20)])
    roll(conn)
    conn.execute("DELETE FROM rollup_1h WHERE bucket < %s", (start + 10 * DAY,))
    found = aggregates.days(conn, series, start.date(), start.date() + 19 * DAY, "UTC")
    assert [(d.day, d.readings) for d in found] == [(start.date() + n * DAY, 24) for n in range(20)]


def test_the_latest_by_area_metric_and_feed(conn):
    the_city(conn)
    ward = area(conn, "ward-9", "ward")
    mine, other = add_series(conn, metric="pm"), add_series(conn, metric="noise")
    put_in(conn, mine, "ward", (ward, "-infinity", "infinity"))
    store(conn, [(mine, ago(hours=1), 4.0), (other, ago(hours=2), 5.0)])
    feed = conn.execute(
        "SELECT f.key FROM feed f JOIN series s ON s.feed_id = f.id WHERE s.id = %s", (other,)
    ).fetchone()[0]

    def ids(**which):
        return [row.series_id for row in aggregates.latest_by(conn, **which)]

    assert ids() == [mine, other]
    assert ids(area="ward-9") == ids(metric="pm") == [mine]
    assert ids(feed=feed) == [other]
    assert ids(area="ward-9", feed=feed) == []
    assert ids(most=1) == [mine]
