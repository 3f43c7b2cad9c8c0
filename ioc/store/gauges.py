"""The store's size and growth for Prometheus, shown by the process that did the upkeep last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Gauge

if TYPE_CHECKING:
    from datetime import datetime

    from ioc.store.growth import Growth

BYTES = Gauge("ioc_store_bytes", "Size of the database")
GROWTH = Gauge("ioc_store_growth_bytes_per_day", "Growth of the database of late")
FREE = Gauge("ioc_store_free_bytes", "Room left on its disk or in its budget; -1 where unknown")
FULL = Gauge("ioc_store_full_in_days", "Days until that room is used up; -1 where no such day is foreseen")
FEED = Gauge("ioc_store_feed_bytes", "Estimated size of what a feed has stored", ["feed"])


def show(found: Growth, now: datetime) -> None:
    left = found.days_left(now.date())
    BYTES.set(found.bytes)
    GROWTH.set(found.forecast.per_day)
    FREE.set(-1 if found.free is None else found.free)
    FULL.set(-1 if left is None else left)
    for feed in found.feeds:
        FEED.labels(feed.key).set(feed.bytes)
