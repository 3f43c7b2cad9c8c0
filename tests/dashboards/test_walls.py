"""Walls in a real browser: scenes take turns by the server's clock, a critical alarm brings its own, boxes never overlap."""

from __future__ import annotations

import json
import shutil

import pytest

from tests import services
from tests.dashboards import seed
from tests.dashboards.conftest import Screens, Window

pytestmark = pytest.mark.chromium
SCENE = (
    "document.querySelector('#scenes [aria-current]') && document.querySelector('#scenes [aria-current]').dataset.scene"
)
DRAWN = "document.querySelector('.widget') && [...document.querySelectorAll('.widget')].every(b => b.firstChild)"


def test_scenes_take_turns_by_the_servers_clock_and_two_screens_show_the_same(browser, screens, window):
    second = Window(browser, screens)
    for each in (window, second):
        each.open("/wall", DRAWN)
    shift = "(at => { IOC.live.now = () => at; })"
    turns = []
    for at in (0, 44_000, 46_000, 91_000, 180_000):
        for each in (window, second):
            each.page.evaluate(f"({shift})({at})")
        expected = ["overview", "water", "mobility", "services"][at // 45_000 % 4]
        for each in (window, second):
            each.until(f"{SCENE} === '{expected}'")
        turns.append(expected)
    assert turns == ["overview", "overview", "water", "mobility", "overview"]
    second.close()
    assert second.faults == []


def test_a_new_critical_alarm_brings_its_scene_and_lets_go_again(window, store):
    window.open("/wall", DRAWN)
    window.page.evaluate(
        "IOC.live.now = (real => () => Math.floor(real() / 180000) * 180000 + 1000 + real() % 1000)(IOC.live.now)"
    )  # overview's turn
    window.until(f"{SCENE} === 'overview'")
    rule = seed.rule(store, "walls-jump", {"vi": "Cháy lớn", "en": "Large fire"}, 1)
    sensor, series = store.execute(
        "SELECT s.id, se.id FROM sensor s JOIN series se ON se.sensor_id = s.id WHERE s.domain = 'health' ORDER BY s.id LIMIT 1"
    ).fetchone()
    window.page.evaluate("IOC.facts.jump = 1e9")
    alarm = seed.alarm(store, rule, series=series, sensor=sensor, priority=1, value=5, minutes=0, domain="health")
    try:
        window.until(f"{SCENE} === 'services'")
        window.until(
            "!document.getElementById('urgent').hidden && document.getElementById('urgent-what').textContent === 'Cháy lớn'"
        )
        assert window.page.locator("#urgent").is_visible()
    finally:
        store.execute("UPDATE alarm SET acked_at = now(), acked_by = 'x' WHERE id = %s", [alarm])
        store.execute("SELECT pg_notify('ioc_alarm', %s)", [str(alarm)])
    window.until(f"{SCENE} !== 'services' || document.getElementById('urgent').hidden")
    assert window.page.locator("#urgent-what").inner_text() != "Cháy lớn" or window.page.locator("#urgent").is_hidden()
    store.execute("UPDATE alarm SET closed_at = now(), condition = 'false' WHERE id = %s", [alarm])
    store.execute("SELECT pg_notify('ioc_alarm', %s)", [str(alarm)])


@pytest.mark.parametrize("size", [(1920, 1080), (3840, 2160)], ids=str)
def test_no_box_overlaps_another_or_lets_its_words_out(browser, screens, size):
    window = Window(browser, screens, *size)
    for scene in ("overview", "services", "long_wall?screen=2") if size[0] == 1920 else ("water",):
        page = window.open(f"/wall/{scene}", DRAWN)
        boxes = page.evaluate(
            "[...document.querySelectorAll('.widget')].map(b => { const r = b.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; })"
        )
        for n, (left, top, right, bottom) in enumerate(boxes):
            assert right > left
            assert bottom > top
            for a, b, c, d in boxes[n + 1 :]:
                assert right <= a + 1 or c <= left + 1 or bottom <= b + 1 or d <= top + 1, scene
        out = page.evaluate("""[...document.querySelectorAll('.figure > *, .row > *, .head > *')].filter(e => {
            const box = e.closest('.widget').getBoundingClientRect(), r = e.getBoundingClientRect();
            return e.offsetParent && r.width && (r.right > box.right + 1 || r.bottom > box.bottom + 1 || r.left < box.left - 1 || r.top < box.top - 1);
        }).map(e => e.className + ': ' + e.textContent)""")  # fmt: skip
        assert out == [], scene
    window.close()
    assert window.faults == []


def test_each_screen_of_a_wall_shows_its_part_and_they_join(browser, screens):
    window = Window(browser, screens, 1920, 1080)
    seen = {}
    for number in (1, 2, 3):
        page = window.open(f"/wall/long_wall?screen={number}", DRAWN)
        seen[number] = (
            page.evaluate("""[...document.querySelectorAll('.widget')].filter(b => { const r = b.getBoundingClientRect(); return r.right > 0 && r.left < innerWidth; })
            .map(b => b.dataset.name)""")
        )
    assert not set(seen[1]) & set(seen[2])
    assert len(seen[1]) + len(seen[2]) + len(seen[3]) == 13
    assert page.evaluate("document.getElementById('grid').getBoundingClientRect().width") > 3 * 1800
    window.close()
    assert window.faults == []


HOSTILE = """
title = "<b>x</b>"
rotate_after = "10s"
[[widget]]
kind = "figure"
at = [1, 1, 8, 3]
title = "%s"
options = { metric = "no_such_metric" }
[[widget]]
kind = "clok"
at = [9, 1, 8, 3]
[[widget]]
kind = "image"
at = [17, 1, 8, 3]
options = { file = "absent.png" }
[[widget]]
kind = "figure"
at = [1, 4, 8, 3]
title = "Mực nước"
options = { metric = "water_level", sensor = "muc-nuoc-dai-ngai-song-hau" }
""" % ("Trạm quan trắc chất lượng nước mặt tự động liên tục kênh Xáng Phụng Hiệp – Quản Lộ " * 3)  # fmt: skip


def test_a_faulty_scene_shows_its_faults_and_the_rest_works(browser, city_url, tmp_path):
    city = tmp_path / "city"
    shutil.copytree(seed.CITY, city)
    (city / "scenes" / "faulty.toml").write_text(HOSTILE)
    served = Screens(city_url, tmp_path / "log", city).start()
    try:
        window = Window(browser, served, 1920, 1080)
        page = window.open("/wall/faulty", DRAWN)
        text = page.evaluate("[...document.querySelectorAll('.widget')].map(b => b.textContent)")
        assert "no_such_metric" in text[0]
        assert "clok" in text[1]
        assert "absent.png" in text[2]
        assert "Mực nước" in text[3]
        assert page.evaluate("document.querySelectorAll('#scenes b').length") == 0
        # a changed scene is taken by walls that are open
        page.evaluate("window.before = 1")
        (city / "scenes" / "faulty.toml").write_text(HOSTILE.replace("clok", "clock"))
        services.wait_for(lambda: _reloaded(page), "the wall loads itself anew")
        window.until(f"{DRAWN} && document.querySelector('.clock-face')")
        window.close()
        assert window.faults == []
    finally:
        served.stop()


def _reloaded(page) -> bool:
    from playwright.sync_api import Error

    try:
        return page.evaluate("window.before === undefined")
    except Error:
        return False


def test_pictures_come_from_their_folder_alone(screens):
    assert screens.get("/images/none.png")[0] == 404
    for path in ("/images/..%2fcity.toml", "/images/%2e%2e/city.toml", "/images/city.toml"):
        assert b"zone = " not in screens.get(path)[2], path
    assert json.loads(screens.get("/api/city")[2])["scenes"]["long_wall"]["screens"] == [3, 1]
