"""The time machine: a past minute on the screens is what the store says of it, marked as past, and never beyond now."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from dashboards import then
from dashboards.guard import _moment
from tests.dashboards import seed

pytestmark = pytest.mark.chromium
GAUGE = "muc-nuoc-dai-ngai-song-hau"
SHOWN = f"IOC.live.values[IOC.live.points.key.indexOf('{GAUGE}')]"


@pytest.mark.parametrize(
    ("asked", "elapsed", "at"),
    [({"at": 1000.0}, 5, 1000), ({"at": 1000.0, "speed": 60}, 5, 301_000), ({"at": 9e15}, 5, 1_000_000), ({"at": "x", "speed": None}, 0, 0),
     ({"at": -5}, 0, 0), ({"at": 0, "speed": 1e9}, 1, 600_000)],
)  # fmt: skip
def test_a_journey_keeps_its_pace_and_never_passes_now(asked, elapsed, at, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(then.time, "monotonic", lambda: clock[0])
    journey = then.Journey()
    journey.take(asked, 1_000_000)
    clock[0] += elapsed
    assert journey.moment(1_000_000) == at


@pytest.mark.parametrize(
    ("query", "referer", "at"),
    [(b"at=2026-11-20T08:05:00Z", "", datetime(2026, 11, 20, 8, 5, tzinfo=UTC)), (b"", "http://x/alarms?at=2026-11-20T15:05%2B07:00", datetime(2026, 11, 20, 8, 5, tzinfo=UTC)),
     (b"at=2026-11-20T08:05", "", None), (b"at=yesterday", "", None), (b"at=0001-01-01T00:00%2B14:00", "", None), (b"", "", None)],
)  # fmt: skip
def test_the_moment_of_a_page_is_that_of_its_address(query, referer, at):
    assert _moment({"query_string": query}, {"referer": referer}) == at


@pytest.fixture
def told(store):
    """The gauge's values an hour and half an hour ago."""
    series = store.execute(
        "SELECT se.id FROM series se JOIN sensor s ON s.id = se.sensor_id WHERE s.key = %s ORDER BY se.id LIMIT 1",
        [GAUGE],
    ).fetchone()[0]
    now = time.time()
    seed.put(store, [(series, now - 3601.5, 0.111)])
    seed.put(store, [(series, now - 1801.5, 0.222)])
    seed.put(store, [(series, now, 1.0)])
    return now


def iso(at):
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_wall_shows_a_past_minute_marked_as_past_and_comes_back(window, told):
    page = window.open(
        f"/wall/overview?at={iso(told - 3600)}", f"IOC.live.painted > 0 && Math.abs({SHOWN} - 0.111) < 1e-6"
    )
    assert page.evaluate("document.body.classList.contains('past')")
    assert "QUÁ KHỨ" in page.locator("#pill-text").inner_text()
    window.until(
        "document.querySelector('.widget .value') && document.querySelector('.widget .value').textContent.startsWith('0,11')"
    )
    page.evaluate(f"IOC.live.travel({(told - 1800) * 1000}, 0)")
    window.until(f"Math.abs({SHOWN} - 0.222) < 1e-6")
    page.locator("#time-bar button").last.click()  # back to now
    window.until(f"!document.body.classList.contains('past') && Math.abs({SHOWN} - 1) < 1e-6")
    assert "at=" not in page.url
    assert page.evaluate("Math.abs(IOC.live.now() - Date.now()) < 60000")


def test_the_past_plays_at_speed_and_arrives_at_now(window, told):
    page = window.open(
        f"/wall/overview?at={iso(told - 3700)}", "IOC.live.painted > 0 && document.querySelector('#time-bar select')"
    )
    page.locator("#time-bar select").select_option("600")
    page.locator("#time-bar button", has_text="▶").click()
    window.until(
        f"document.body.classList.contains('past') && IOC.live.now() > {(told - 3000) * 1000} && IOC.live.painted > 2"
    )
    window.until("!document.body.classList.contains('past')")  # arrived
    assert page.evaluate("Math.abs(IOC.live.now() - Date.now()) < 60000")
    assert "at=" not in page.url


def test_the_citys_clock_is_read_wherever_the_browser_stands(window):
    page = window.open("/wall", "window.IOC && IOC.instant")
    assert page.evaluate("new Date(IOC.instant('2026-11-21T14:05')).toISOString()") == "2026-11-21T07:05:00.000Z"
    assert page.evaluate("IOC.minute(Date.parse('2026-11-20T18:30:00Z'))") == "2026-11-21T01:30"


def test_in_the_past_a_sensor_is_old_by_what_its_feed_was_like(store):
    """A coarse history is not grey all over, a silent feed is."""
    from dashboards.snapshot import NORMAL, STALE, Snapshot
    from ioc.store.snapshot import Latest, Registry
    from tests.dashboards.test_snapshot import METRICS, NOW, SECOND, sensor

    rows = [sensor(n) for n in range(1, 5)]
    for row in rows:
        row.feed = "f" if row.id < 4 else "g"
    snap = Snapshot(Registry(rows, [(10 * r.id, r.id, "level") for r in rows], METRICS), generation=1)
    minutes = {10: 8, 20: 10, 30: 55, 40: 70}  # ages; the feed's median is ten, so half an hour is its patience
    snap.apply(
        [Latest(s, NOW - int(timedelta(minutes=m).total_seconds()) * SECOND, NOW, 1.0) for s, m in minutes.items()]
    )
    then._be_patient(snap, NOW)
    assert list(snap.frame(NOW).state) == [NORMAL, NORMAL, STALE, STALE]
