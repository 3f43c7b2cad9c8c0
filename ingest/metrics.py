"""The ingester's numbers for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from ingest.pipeline import Done
    from ingest.router import Router

FATES = ("stored", "duplicate", "quarantined", "ignored")
READING_FATES = ("readings_stored", "readings_duplicate", "readings_suspect", "readings_ignored")
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """One set a process; a second one (tests) needs a registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        where = registry or (REGISTRY if "ioc_ingest_waiting" not in _names() else CollectorRegistry())
        self._messages = Counter("ioc_ingest_messages", "Messages by fate", ["feed", "fate"], registry=where)
        self._readings = Counter("ioc_ingest_readings", "Readings by fate", ["feed", "fate"], registry=where)
        self._heard = Gauge("ioc_ingest_last_message_seconds", "When the feed last spoke", ["feed"], registry=where)
        self._commit = Histogram("ioc_ingest_commit_seconds", "Time of a commit", buckets=_BUCKETS, registry=where)
        self._waiting = Gauge("ioc_ingest_waiting", "Messages received and not yet stored", registry=where)
        self._connected = Gauge("ioc_ingest_connected", "1 while connected to the broker", registry=where)

    def count(self, done: Done, router: Router) -> None:
        """A batch was stored."""
        self._commit.observe(done.seconds)
        names = {id_: key for key, id_ in router.registry.feed_ids.items()}
        for feed_id, delta in done.counts.feeds.items():
            feed = names.get(feed_id, str(feed_id))
            self._heard.labels(feed).set_to_current_time()
            for fate in FATES:
                self._messages.labels(feed, fate).inc(delta[fate])
            for fate in READING_FATES:
                self._readings.labels(feed, fate.removeprefix("readings_")).inc(delta[fate])

    def gauge(self, *, waiting: int, connected: bool) -> None:
        self._waiting.set(waiting)
        self._connected.set(connected)


def _names() -> set[str]:
    return set(REGISTRY._names_to_collectors)  # noqa: SLF001  it has no public question for this
