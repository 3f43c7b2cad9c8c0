"""The bridge's numbers for Prometheus."""

from __future__ import annotations

from functools import cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)


@cache
def of_this_process() -> Metrics:
    """The one set that /metrics shows."""
    return Metrics(REGISTRY)


class Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._polls = Counter("ioc_bridge_polls", "Polls by outcome", ["feed", "outcome"], registry=registry)
        self._bytes = Counter("ioc_bridge_bytes", "Bytes published, unpacked", ["feed"], registry=registry)
        self._last = Gauge("ioc_bridge_last_success_seconds", "Last good answer", ["feed"], registry=registry)
        self._seconds = Histogram("ioc_bridge_seconds", "Time of a poll", buckets=_BUCKETS, registry=registry)

    def count(self, feed: str, outcome: str, size: int, seconds: float, *, ok: bool) -> None:
        self._polls.labels(feed, outcome).inc()
        self._bytes.labels(feed).inc(size)
        self._seconds.observe(seconds)
        if ok:
            self._last.labels(feed).set_to_current_time()
