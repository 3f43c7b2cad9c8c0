"""Slow reads stand aside: a lock on history stops neither the points nor the figures."""

from __future__ import annotations

import threading

from ioc.store import database
from tests.dashboards import seed
from tests.services import wait_for

LOCKED = "reading, rollup_1m, rollup_1h, dirty, dirty_hour, quality, feed_contact"


def test_deltas_go_on_while_history_quality_and_feeds_are_locked(city_url, store):
    from dashboards.hub import Hub
    from dashboards.live import Live
    from ioc.config import folder as city_folder

    hub, stop = Hub(), threading.Event()
    live = Live(city_url, city_folder.load(seed.CITY), hub, lambda f, *a: f(*a), None)
    thread = threading.Thread(target=live.run, args=(stop,), daemon=True)
    series = store.execute("SELECT id FROM series ORDER BY id LIMIT 1").fetchone()[0]
    with database.connect(city_url, name="a slow query") as slow:
        slow.execute(f"LOCK TABLE {LOCKED} IN ACCESS EXCLUSIVE MODE")
        thread.start()
        wait_for(lambda: "widget/overview/0" in hub.texts, "the figures, without history", 20)
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'ioc dashboards%%' AND wait_event_type = 'Lock' AND datname = current_database()"
        wait_for(lambda: store.execute(waiting).fetchone()[0] >= 2, "history and facts wait for the lock")
        for value in (11.25, 12.5):
            store.execute(
                "UPDATE latest SET time = clock_timestamp(), value = %s WHERE series_id = %s", [value, series]
            )
            seed.notify(store, series=[series])
            at = live.snap.slot[series]
            wait_for(lambda: live.snap.values[at] == value, f"{value} arrives", 2)  # noqa: B023
        assert "trace/overview/0" not in hub.texts
    wait_for(lambda: "trace/overview/0" in hub.texts and "feeds" in hub.texts, "history, once the lock is gone", 20)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
