"""What an operator sees, in a real Chromium: points change, nothing blinks, a cut is said and heals."""

from __future__ import annotations

import pytest

from tests import services
from tests.dashboards import seed
from tests.dashboards.conftest import Window

pytestmark = pytest.mark.chromium

GAUGE = "muc-nuoc-dai-ngai-song-hau"
STATE = "IOC.live.states[IOC.live.points.key.indexOf('%s')]"
MAP = "document.getElementById('map').city.map"
DRAWN = "window.IOC && IOC.live.painted > 0"


def test_points_change_when_the_store_changes_and_the_view_stays(window, touch):
    touch(GAUGE, 1.0)
    page = window.open("/?sensor=" + GAUGE, "document.querySelector('#trend .js-plotly-plot')")
    window.until(STATE % GAUGE + " === 1")
    page.mouse.move(600, 500)
    page.mouse.wheel(0, -300)
    window.until("document.querySelector('.maplibregl-canvas') && true")
    page.evaluate("window.here = 1; document.querySelector('#map canvas').kept = 1")
    touch(GAUGE, 2.5)  # above every step of water_level: noteworthy, as there is no alarm
    window.until(STATE % GAUGE + " === 5")
    window.until("document.querySelector('#values b').textContent.startsWith('2,50')")  # the open panel follows
    assert page.evaluate("[window.here, document.querySelector('#map canvas').kept]") == [1, 1]
    assert "Đại Ngãi" in page.locator("#sensor h2").inner_text()


def test_the_map_keeps_zoom_and_pan_through_updates_and_new_sensors(window, touch, store):
    page = window.open("/wall")
    window.until("IOC.live.points && document.querySelectorAll('#legend b').length === 8")
    window.until("document.getElementById('map').city.ready")
    page.mouse.move(900, 400)
    page.mouse.wheel(0, -600)
    window.until(f"{MAP}.getZoom() > {page.evaluate(MAP + '.getZoom()')} + 0.1")
    window.until(f"!{MAP}.isMoving()")
    view = f"JSON.stringify([{MAP}.getZoom(), {MAP}.getCenter()])"
    before = page.evaluate(view)
    touch(GAUGE, 1.2)
    store.execute(
        "INSERT INTO sensor (key, name, domain, lat, lon) VALUES ('new-one', '{\"en\": \"New\"}', 'air', 9.61, 105.97)"
    )
    seed.notify(store, registry=True)
    window.until("IOC.live.points.key.includes('new-one')")
    assert page.evaluate(view) == before


def test_a_moving_bus_moves(window, store):
    bus, lat, lon = (
        store.execute("SELECT id, lat, lon FROM sensor WHERE domain = 'transit' AND lat IS NOT NULL LIMIT 1").fetchone()
        or (None,) * 3
    )
    if bus is None:
        bus, lat, lon = *store.execute("SELECT id FROM sensor LIMIT 1").fetchone(), 9.6, 105.97
    window.open("/wall")
    at = f"IOC.live.points.lat[IOC.live.points.id.indexOf({bus})]"
    window.until(f"{at} !== undefined")
    store.execute(
        "INSERT INTO latest_position VALUES (%s, now(), %s, %s, 8, 90, now()) ON CONFLICT (sensor_id) DO UPDATE SET lat = excluded.lat, time = now()",
        [bus, lat + 0.05, lon],
    )
    seed.notify(store, sensors=[bus])
    window.until(f"Math.abs({at} - {lat + 0.05}) < 1e-4")


def test_a_cut_connection_is_announced_within_three_seconds_and_heals_by_itself(browser, screens, touch):
    window = Window(browser, screens)
    page = window.open("/wall")
    page.evaluate("""window.loadedOnce = 1; new MutationObserver(() => {
        if (!window.said && document.body.classList.contains('broken')) window.said = [performance.now() - window.cut, document.getElementById('pill').dataset.state];
    }).observe(document.body, {attributes: true}); window.cut = performance.now()""")
    screens.kill()
    try:
        window.until("window.said")
        waited, state = page.evaluate("window.said")  # by the browser's own clock, since the end of the connection
        assert (state, waited < 3000) == ("cut", True)
        assert "Mất kết nối" in page.locator("#broken-text").inner_text()
    finally:
        screens.start()
    touch(GAUGE, 2.6)
    window.until(STATE % GAUGE + " === 5")
    window.until("!document.body.classList.contains('broken')")
    assert page.evaluate("window.loadedOnce") == 1  # without a reload
    window.close()
    assert [f for f in window.faults if "WebSocket" not in f and "ERR_CONNECTION" not in f] == []


def test_a_lost_database_is_said_and_what_happened_meanwhile_is_shown_afterwards(
    window, store, city_url, postgres, touch
):
    import psycopg

    touch(GAUGE, 1.1)
    page = window.open("/wall")
    window.until(STATE % GAUGE + " === 1")
    name = city_url.rsplit("/", 1)[1]
    with psycopg.connect(postgres.url[: -len("/ioc")] + "/postgres", autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE 'ioc dashboards%%'",
            [name],
        )
        try:
            window.until("document.getElementById('pill').dataset.state === 'away'")
            assert "kho dữ liệu" in page.locator("#broken-text").inner_text()
            touch(GAUGE, 2.7)
        finally:
            admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    window.until(STATE % GAUGE + " === 5")


def test_old_data_is_called_dead_by_its_own_time_however_live_the_connection(window):
    page = window.open("/wall")
    page.evaluate("IOC.facts.late = 0.001; IOC.facts.dead = 0.002")
    window.until("document.body.classList.contains('grey') && document.getElementById('pill').dataset.state === 'dead'")
    assert "Không có dữ liệu mới" in page.locator("#broken-text").inner_text()


def test_an_alarm_is_acknowledged_with_a_name_and_a_note(window, store):
    alarm = store.execute(
        "SELECT id FROM alarm WHERE closed_at IS NULL AND acked_at IS NULL AND priority = 1 AND series_id IS NOT NULL ORDER BY id LIMIT 1"
    ).fetchone()[0]
    page = window.open(f"/alarms/{alarm}", "document.querySelector('#ack-do')")
    page.locator("#ack-do").click()
    page.get_by_text("Hãy ghi tên của bạn.").wait_for()
    page.locator("#ack-by").fill("Trực ban <b>1</b>")
    page.locator("#ack-note").fill("Đã cử đội đến")
    page.locator("#ack-note").press("Tab")
    page.locator("#ack-do").click()
    page.get_by_text("đã xác nhận lúc").first.wait_for()
    services.wait_for(
        lambda: (
            store.execute("SELECT acked_by, ack_note FROM alarm WHERE id = %s", [alarm]).fetchone()
            == ("Trực ban <b>1</b>", "Đã cử đội đến")
        ),
        "it is in the store",
    )
    assert page.locator("#ack-do:visible").count() == 0


def test_the_language_is_chosen_once_and_kept(window):
    page = window.open("/alarms", "document.querySelector('.table')")
    page.locator("#languages a", has_text="LO").click()
    window.until("document.documentElement.lang === 'lo' && document.querySelector('.table')")
    assert page.locator("h1").inner_text() == "ການແຈ້ງເຕືອນ"
    window.open("/wall")
    assert page.evaluate("document.documentElement.lang") == "lo"


PAGES = ["/", "/alarms", "/feeds/buses", "/new-feeds/1", "/mailbox", "/quality", "/status", "/wall", "/nowhere"]
SIZES = {"390x844": (PAGES, [(390, 844), (1920, 1080)]), "3840x2160": (["/wall/water"], [(3840, 2160)])}


@pytest.mark.parametrize(("paths", "sizes"), SIZES.values(), ids=SIZES)
def test_every_page_fits_every_screen_without_a_fault(browser, screens, paths, sizes):
    """Opened on the small one, then turned to the large."""
    window = Window(browser, screens)
    for path in paths:
        for n, (width, height) in enumerate(sizes):
            window.page.set_viewport_size({"width": width, "height": height})
            page = window.page if n else window.open(path, f"{DRAWN} && document.querySelector('h1')")
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, f"{path} is {wide} px too wide at {width}"
    window.close()
    assert window.faults == []


def test_a_key_walks_through_search_to_a_sensor_and_back(window):
    page = window.open("/", "document.querySelector('#tools input') && IOC.live.points")
    page.locator("#tools input").fill("dai ngai song hau")  # typed without marks
    page.locator("#tools .found button").first.wait_for()
    page.locator("#tools input").press("Enter")
    page.locator("#sensor h2").wait_for()
    assert "sensor=" in page.url
    page.keyboard.press("Escape")
    window.until("!document.querySelector('#sensor h2')")
