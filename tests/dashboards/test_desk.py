"""What an operator does at a desk: put an alarm aside with a reason, take it back, look at an event."""

from __future__ import annotations

import json

import pytest

from tests import services
from tests.dashboards import seed

pytestmark = pytest.mark.chromium

EVIL = "<img src=x onerror='window.hacked=1'>"


def state(store, alarm):
    return store.execute(
        "SELECT suppression, suppressed_by, suppress_reason FROM alarm WHERE id = %s", [alarm]
    ).fetchone()


def test_an_alarm_is_put_aside_with_name_reason_and_end_and_taken_back(window, store):
    series, sensor = store.execute(
        "SELECT se.id, s.id FROM series se JOIN sensor s ON s.id = se.sensor_id WHERE se.metric = 'flood_depth' LIMIT 1"
    ).fetchone()
    rule = seed.rule(store, "aside", "Aside", 2)
    store.execute("INSERT INTO rule_target (rule_id, series_id, raise) VALUES (%s, %s, 1.5)", [rule, series])
    alarm = seed.alarm(store, rule, series=series, sensor=sensor, priority=2, value=2.0, domain="drainage")
    page = window.open(f"/alarms/{alarm}", "document.querySelector('#shelve-do')")
    page.locator("#ack-form summary").click()
    page.locator("#ack-by").fill("Trực ban")
    page.locator("#ack-by").press("Tab")
    # News that is looked for all the time, while answers are on their way, takes none of them away, nor what is typed.
    page.evaluate("dash_clientside.set_props('alarm-beat', {interval: 30})")
    page.locator("#shelve-do").click()
    page.get_by_text("Hãy ghi lý do vào ghi chú.").wait_for()
    page.locator("#ack-note").fill("Đang sửa bơm")
    page.locator("#shelve-do").click()
    page.get_by_text("tạm gác đến").wait_for()
    assert state(store, alarm) == ("shelved", "Trực ban", "Đang sửa bơm")
    window.until(f"!IOC.live.texts.alarms.alarms.some(a => a.id === {alarm}) && IOC.live.texts.alarms.aside === 1")
    page.locator("#back-do").click()
    services.wait_for(lambda: state(store, alarm) == ("none", None, None), "it is back")
    window.until(f"IOC.live.texts.alarms.alarms.some(a => a.id === {alarm})")
    page.locator("#out-do:not([hidden])").wait_for(state="attached")
    store.execute("UPDATE alarm SET closed_at = now(), condition = 'false' WHERE id = %s", [alarm])


def test_an_open_event_is_on_the_map_and_tells_its_story_as_text(window, store):
    store.execute("DELETE FROM event_change")
    store.execute("DELETE FROM event")
    event = store.execute(
        """INSERT INTO event (feed_id, key, kind, title, status, opened_at, changed_at, lat, lon, properties)
        SELECT id, 'R-1', 'report', %s, 'open', now() - interval '2 hours', now(), 9.45, 106.3, %s FROM feed ORDER BY id LIMIT 1 RETURNING id""",
        [EVIL, json.dumps({EVIL: EVIL})],
    ).fetchone()[0]
    store.execute("INSERT INTO event_change (event_id, time, status, severity, title) VALUES (%s, now(), 'open', 0, %s)", [event, EVIL])  # fmt: skip
    page = window.open("/", "IOC.live.texts.events && IOC.live.texts.events.events.length === 1")
    window.until("document.getElementById('count-event').textContent === '1'")
    city = "document.getElementById('map').city"
    window.until(f"{city}.ready && {city}.map.queryRenderedFeatures({{layers: ['events']}}).length === 1")
    x, y = (
        page.evaluate(f"""() => {{ const map = {city}.map, p = map.project([106.3, 9.45]), r = map.getContainer().getBoundingClientRect();
        return [p.x + r.x, p.y + r.y]; }}""")
    )
    page.mouse.click(x, y)
    page.locator("#event-state").wait_for()
    assert page.locator("#sensor h2").inner_text() == EVIL
    assert f"event={event}" in page.url
    assert page.evaluate("[window.hacked, document.querySelectorAll('img[src=x]').length]") == [None, 0]
    store.execute("UPDATE event SET status = 'closed', closed_at = now()")
    window.until("document.getElementById('count-event').textContent === '0'")
