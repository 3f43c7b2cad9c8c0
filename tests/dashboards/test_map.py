"""The live map in a real browser: what is on it is what the store says, and everything a person does with it."""

from __future__ import annotations

import json
import time

import pytest

from tests.dashboards import seed

pytestmark = pytest.mark.chromium

CITY = "document.getElementById('map').city"
READY = f"window.IOC && IOC.live.painted > 0 && {CITY} && {CITY}.ready && {CITY}.points.grid"
VIEW = f"JSON.stringify([{CITY}.map.getZoom(), {CITY}.map.getCenter()])"


def at(key):
    return f"IOC.registry.at(IOC.live.points, '{key}')"


def series_of(store, key):
    return store.execute(
        "SELECT se.id FROM series se JOIN sensor s ON s.id = se.sensor_id WHERE s.key = %s ORDER BY se.id", [key]
    ).fetchone()[0]


def add(store, key, name="New", lat=9.61, lon=105.97, metric="water_level", **more):
    """A sensor with one series, as a discovered feed makes it."""
    columns = {"key": key, "name": json.dumps({"": name}), "domain": "air", "lat": lat, "lon": lon, **more}
    names = ", ".join(columns)
    sensor = store.execute(
        f"INSERT INTO sensor ({names}) VALUES ({', '.join(['%s'] * len(columns))}) RETURNING id", list(columns.values())
    ).fetchone()[0]
    feed = store.execute("SELECT id FROM feed ORDER BY id LIMIT 1").fetchone()[0]
    return sensor, store.execute(
        "INSERT INTO series (sensor_id, metric, feed_id) VALUES (%s, %s, %s) RETURNING id", [sensor, metric, feed]
    ).fetchone()[0]


def drop(store, *sensors):
    for sensor in sensors:
        store.execute("DELETE FROM latest WHERE series_id IN (SELECT id FROM series WHERE sensor_id = %s)", [sensor])
        store.execute("DELETE FROM latest_position WHERE sensor_id = %s", [sensor])
        store.execute("UPDATE sensor SET lat = NULL, lon = NULL WHERE id = %s", [sensor])
    seed.notify(store, registry=True)


def test_zoom_and_panel_outlive_sixty_updates_and_the_map_says_what_the_store_says(window, store):
    key = "muc-nuoc-dai-ngai-song-hau"
    page = window.open(f"/?sensor={key}", READY)
    page.locator("#sensor h2").wait_for()
    window.until(f"!{CITY}.map.isMoving()")
    page.evaluate(
        f"{CITY}.map.jumpTo({{zoom: 11.25, center: [106.02, 9.71]}}); window.here = document.querySelector('#sensor h2')"
    )
    before, series = page.evaluate(VIEW), series_of(store, key)
    for n in range(60):
        seed.put(store, [(series, time.time(), 1.0 + n / 100)])
    window.until(f"Math.abs(IOC.live.values[{at(key)}] - 1.59) < 1e-6")
    assert page.evaluate(VIEW) == before
    assert page.evaluate("window.here.isConnected")
    rows = store.execute("SELECT series_id, value FROM latest JOIN series se ON se.id = series_id JOIN sensor s ON s.id = se.sensor_id WHERE s.lat IS NOT NULL").fetchall()  # fmt: skip
    shown = dict(
        page.evaluate("Array.from(IOC.live.slotValues).map((v, s) => [s, v]).filter(x => !Number.isNaN(x[1]))")
    )
    assert sorted(round(v, 5) for v in shown.values()) == pytest.approx(sorted(round(r[1], 5) for r in rows), rel=1e-6)
    # what is drawn is what is known: the look of every point is that of its state
    assert (
        page.evaluate(
            f"(() => {{ const p = {CITY}.points; return [...Array(p.count).keys()].filter(i => p.seen[i] && p.look[8 * i + 4] !== IOC.MapPoints.SHAPE[IOC.live.states[i]]).length; }})()"
        )
        == 0
    )


def test_sensors_come_move_and_go_without_a_reload(window, store):
    page = window.open("/", READY)
    page.evaluate("window.here = 1")
    before, generation = page.evaluate(VIEW), page.evaluate("IOC.live.generation")
    sensor, series = add(store, "bus-x", "Xe buýt Đặc Biệt")
    seed.notify(store, registry=True)
    window.until(f"{at('bus-x')} >= 0 && {CITY}.points.seen[{at('bus-x')}]")
    seed.put(store, [(series, time.time(), 123456789.25)])
    window.until(f"IOC.live.values[{at('bus-x')}] === 123456789.25")
    for n in range(3):  # a glide never passes what was seen last
        store.execute(
            "INSERT INTO latest_position VALUES (%s, now(), %s, 105.9, 8, 90, now()) ON CONFLICT (sensor_id) DO UPDATE SET lat = excluded.lat, time = now()",
            [sensor, 9.62 + n / 100],
        )
        seed.notify(store, sensors=[sensor])
        window.until(f"Math.abs(IOC.live.points.lat[{at('bus-x')}] - {9.62 + n / 100}) < 1e-6")
    window.until(f"!{CITY}.moves.gliding.size && !{CITY}.moves.timer")  # nothing goes on once it has arrived
    late = "{from: [105.9, 9.6], to: [105.91, 9.6], began: performance.now() - 60000, took: 1000}"
    assert page.evaluate(
        f"(m => {{ m.gliding.set(0, {late}); const at = m.where(0, performance.now()); m.gliding.delete(0); return at; }})({CITY}.moves)"
    ) == pytest.approx([105.91, 9.6])  # however long nothing was heard, it stands where it was seen last
    drop(store, sensor)
    window.until(f"{at('bus-x')} < 0")
    assert page.evaluate("[window.here, IOC.live.generation]") == [1, generation]
    assert page.evaluate(VIEW) == before


def test_bad_places_names_and_values_are_shown_as_what_they_are(window, store):
    long = "Trạm quan trắc " + "rất dài " * 25
    null, _ = add(store, "at-null", "Ở đảo không", 0.0, 0.0)
    lost, _ = add(store, "lost", "Không chỗ", None, None)
    big, series = add(store, "big", long[:200], 9.58, 105.93)
    seed.notify(store, registry=True)
    seed.put(store, [(series, time.time(), 1e300)])
    page = window.open("/", READY)
    window.until(f"IOC.live.values[{at('big')}] === 1e300")
    assert page.evaluate(f"[{at('at-null')}, {at('lost')}]") == [-1, -1]
    window.until("document.querySelectorAll('.lost a').length >= 2")
    said = page.locator("#map-side").inner_text()
    assert "Ở đảo không" in said
    assert "Không chỗ" in said
    page.evaluate(f"{CITY}.look({{mode: 'water_level', areas: 'mean'}})")
    assert page.evaluate(f"{CITY}.points.scaleOf.high") < 1e6  # one value beyond sense does not take the scale away
    page.locator("#tools input").fill("tram quan trac rat dai")
    page.locator("#tools .found button.sensor").first.wait_for()
    assert len(page.locator("#tools .found .more").first.inner_text()) < 20
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    drop(store, null, lost, big)


def test_places_and_sensors_are_found_without_marks_and_near_things_in_metres(window):
    from pyproj import Geod

    page = window.open("/", READY)
    for text, kind in (
        ("dai ngai", "place"),
        ("ĐẠI NGÃI", "place"),
        ("phuong phu loi", "area"),
        ("do man dai ngai", "sensor"),
    ):
        page.locator("#tools input").fill(text)
        page.locator(f"#tools .found button.{kind}").first.wait_for()
    page.locator("#tools input").fill("9,60; 105,97")
    page.locator("#tools input").press("Enter")
    window.until(f"{CITY}.tools.near.found")
    near = page.evaluate(
        f"{CITY}.tools.near.found.near.map(f => [IOC.live.points.lon[f.i], IOC.live.points.lat[f.i], f.metres])"
    )
    exact = [Geod(ellps="WGS84").inv(105.97, 9.6, lon, lat)[2] for lon, lat, _ in near]
    assert [m for _, _, m in near] == pytest.approx(exact, abs=0.01)
    assert exact == sorted(exact)
    every = page.evaluate(
        "IOC.live.points.lon.map((lon, i) => [lon, IOC.live.points.lat[i]]).filter((_, i) => !IOC.live.points.gone.has(i))"
    )
    assert exact[0] == pytest.approx(min(Geod(ellps="WGS84").inv(105.97, 9.6, *p)[2] for p in every), abs=0.01)


def test_a_selection_counts_what_is_inside_and_follows_it(window, store):
    key = "muc-nuoc-dai-ngai-song-hau"
    series = series_of(store, key)
    seed.put(store, [(series, time.time(), 1.0)])
    page = window.open("/", READY)
    lon, lat = page.evaluate(f"[IOC.live.points.lon[{at(key)}], IOC.live.points.lat[{at(key)}]]")
    ring = [[lon - 0.02, lat - 0.02], [lon + 0.02, lat - 0.02], [lon + 0.02, lat + 0.02], [lon - 0.02, lat + 0.02]]
    page.evaluate(f"{CITY}.tools.select.metric = 'water_level'; {CITY}.tools.select.close({ring})")
    found = page.evaluate(f"(s => [s.count, s.states.reduce((a, b) => a + b, 0)])({CITY}.tools.select.found)")
    inside = store.execute("SELECT count(*) FROM sensor WHERE lat BETWEEN %s AND %s AND lon BETWEEN %s AND %s",
                           [lat - 0.02, lat + 0.02, lon - 0.02, lon + 0.02]).fetchone()[0]  # fmt: skip
    assert found == [inside, inside]
    seed.put(store, [(series, time.time(), 1.5)])
    window.until("document.querySelector('.selection .sensor-rows').textContent.includes('1,50')")


def test_many_alarms_at_one_place_are_one_sign_that_opens_as_a_list(window, store):
    sensors = [add(store, f"pile-{n}", f"Cọc {n}", 9.35, 105.75) for n in range(10)]
    rule = seed.rule(store, "pile", "Mười cảnh báo", 1)
    alarms = [
        seed.alarm(store, rule, series=series, sensor=sensor, priority=1, value=2.0, domain="air")
        for sensor, series in sensors
    ]
    seed.notify(store, registry=True)
    page = window.open("/", READY)
    window.until(
        f"{at('pile-9')} >= 0 && [...document.querySelectorAll('.ping .many')].some(b => b.textContent === '10')"
    )
    page.evaluate("[...document.querySelectorAll('.ping')].find(b => b.textContent.endsWith('10')).click()")
    assert page.locator(".map-popup li").count() == 10
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator("#sensor h2", has_text="Cọc").wait_for()
    store.execute("UPDATE alarm SET closed_at = now(), condition = 'false' WHERE id = ANY(%s)", [alarms])
    drop(store, *(s for s, _ in sensors))


def test_without_webgl_there_is_a_picture_and_a_list(window, touch):
    touch("muc-nuoc-dai-ngai-song-hau", 1.0)
    window.page.add_init_script(
        "const made = HTMLCanvasElement.prototype.getContext; HTMLCanvasElement.prototype.getContext = function (kind, ...more) { return /webgl/.test(kind) ? null : made.call(this, kind, ...more); };"
    )
    page = window.open(
        "/",
        "window.IOC && IOC.live.painted > 0 && document.querySelector('.plain-map img') && document.querySelector('.plain-map img').naturalWidth > 100",
    )
    page.locator("#map-side .sensor-rows button").first.wait_for()
    assert "WebGL" in page.locator(".plain-map .base-said").inner_text()
    page.locator("#tools input").fill("dai ngai song hau")
    page.locator("#tools .found button.sensor").first.click()
    page.locator("#sensor h2").wait_for()
