"""Desks that list the city: the table of all sensors, areas, events, figures against targets; now and then."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from dashboards.moment import Moment
from dashboards.pages import sensors
from dashboards.snapshot import Snapshot
from dashboards.widgets import kpi
from ioc.store.snapshot import Latest, Registry
from tests.dashboards.test_snapshot import METRICS, NOW, SECOND, alarm, sensor

READY = "document.querySelector('.table td')"


@pytest.fixture
def shown(monkeypatch):
    """Four sensors: one in alarm, one old, one without data, one well."""
    monkeypatch.setattr(sensors, "current", lambda: SimpleNamespace(caches=caches))
    caches: dict = {}
    rows = [sensor(n) for n in range(1, 5)]
    for row, name in zip(rows, ("Đại Ngãi", "An Lạc", "Trần Đề", "Bến Giá"), strict=True):
        row.name, row.domain = {"vi": name}, "water" if row.id < 3 else "air"
    snap = Snapshot(Registry(rows, [(10 * r.id, r.id, "level") for r in rows], METRICS), generation=1)
    snap.apply([Latest(10, NOW, NOW, 1.0), Latest(20, NOW - 9000 * SECOND, NOW, 5.0), Latest(40, NOW, NOW, 0.5)])
    snap.alarm([alarm(4, 1)])
    return Moment(datetime.fromtimestamp(NOW / 1e6, UTC), snap, snap.frame(NOW), [], [])


@pytest.mark.parametrize(
    ("wanted", "found"),
    [({}, [3, 1, 2, 0]), ({"sort": "name"}, [1, 3, 0, 2]), ({"sort": "value"}, [1, 0, 3, 2]), ({"words": "dai NGAI"}, [0]), ({"words": "đại"}, [0]), ({"words": "s3"}, [2]),
     ({"domain": "air"}, [3, 2]), ({"state": "4"}, [1]), ({"words": "%"}, []), ({"sort": "nonsense"}, [3, 1, 2, 0])],
)  # fmt: skip
def test_sensors_are_found_by_plain_letters_and_ordered_worst_first(shown, wanted, found):
    assert list(sensors.order(shown, sensors.Wanted(**wanted))) == found


def test_a_hundred_thousand_sensors_are_one_page_at_a_time(monkeypatch, shown):
    many = 100_000
    rows = [SimpleNamespace(**{**vars(sensor(1)), "id": n, "key": f"s{n}"}) for n in range(many)]
    snap = Snapshot(Registry(rows, [(n, n, "level") for n in range(many)], METRICS), generation=2)
    big = shown._replace(snap=snap, frame=snap.frame(NOW))
    found = sensors.order(big, sensors.Wanted(words="s9999"))
    assert set(found) == {9999, *range(99990, 100_000)}
    assert len(np.unique(sensors.order(big, sensors.Wanted()))) == many


@pytest.mark.parametrize(
    ("points", "change"), [([[NOW / 1000 - 86_400_000, 2.0]], -1.0), ([], None), ([[NOW / 1000, 2.0]], None)]
)
def test_the_change_since_yesterday(points, change):
    assert kpi.change(points, 1.0, NOW) == change


@pytest.mark.chromium
def test_the_table_of_sensors_narrows_as_somebody_types(window, store):
    page = window.open("/sensors", READY)
    everybody = store.execute("SELECT count(*) FROM sensor WHERE lat IS NOT NULL").fetchone()[0]
    assert str(everybody) in page.locator("#sensors-table .lead").inner_text()
    page.locator("#sensors-words").fill("dai ngai song hau")
    window.until("document.querySelectorAll('#sensors-table tbody tr').length < 10")
    assert "Đại Ngãi" in page.locator("#sensors-table tbody").inner_text()


@pytest.mark.chromium
def test_before_anything_was_heard_nothing_is_known(window):
    page = window.open("/sensors?at=2020-01-01T00:00:00Z", "document.querySelector('#sensors-table .lead')")
    window.until("document.body.classList.contains('past')")
    states = (
        "[...new Set([...document.querySelectorAll('#sensors-table tbody td:first-child')].map(e => e.textContent))]"
    )
    assert len(page.evaluate(states)) == 1


@pytest.mark.chromium
def test_an_event_is_listed_as_text(window, store):
    feed = store.execute("SELECT id FROM feed ORDER BY id LIMIT 1").fetchone()[0]
    store.execute(
        "INSERT INTO event (feed_id, key, kind, title, status, opened_at, changed_at, lat, lon) "
        "VALUES (%s, 'desk', 'roadworks', '<b>Sửa đường</b>', 'open', now(), now(), 9.6, 105.9) ON CONFLICT DO NOTHING", [feed],
    )  # fmt: skip
    window.open("/events", "document.querySelector('#events-table')")
    window.until("document.querySelector('#events-table').textContent.includes('<b>Sửa đường</b>')")


@pytest.mark.chromium
def test_an_area_is_a_click_away_from_all_areas(window):
    page = window.open("/areas?metric=pm25", READY)
    page.locator(".table td a").first.click()
    window.until("location.search.includes('key=') && document.querySelector('.js-plotly-plot')")


@pytest.mark.chromium
@pytest.mark.parametrize("path", ["/city", "/sensors", "/areas", "/events", "/explore"])
def test_desks_fit_a_phone(browser, screens, path):
    from tests.dashboards.conftest import Window

    window = Window(browser, screens, 390, 844)
    page = window.open(path, "document.querySelector('h1')")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    window.close()
    assert window.faults == []
