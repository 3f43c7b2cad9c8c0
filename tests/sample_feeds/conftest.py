"""The sample city, and a way to read its messages with the real decoder, without a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import sample_feeds
from ingest import client
from ingest.pipeline import Decoder
from ingest.registry import Registry
from ingest.router import Router
from ioc.config import folder
from sample_feeds import history, world
from sample_feeds.simulate import CitySimulation

CITY = Path(sample_feeds.__file__).parent / "soc_trang"
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def city():
    return folder.load(CITY)


@pytest.fixture(scope="session")
def town():
    return world.load(CITY, 2025)


@pytest.fixture(scope="session")
def half_hour():
    """The live messages of the first thirty minutes."""
    return list(CitySimulation(CITY).messages(START, START + timedelta(minutes=30)))


@pytest.fixture(scope="session")
def past_day():
    """The last day of history before START."""
    return list(history.messages(CITY, START - timedelta(days=1), START))


@dataclass
class Decoded:
    """Readings as (sensor, metric) -> [(time, value in the metric's unit)], and what became of the messages."""

    readings: dict = field(default_factory=dict)
    rows: list = field(default_factory=list)  # (message's time, sensor, metric, time, value)
    suspects: list = field(default_factory=list)  # (sensor, metric, value) outside the metric's range
    refusals: list = field(default_factory=list)  # (topic, reason)
    ignored: list = field(default_factory=list)
    events: list = field(default_factory=list)
    positions: list = field(default_factory=list)  # (sensor, time, lat, lon, speed, heading)
    dropped: list = field(default_factory=list)  # reasons
    sensors: set = field(default_factory=set)


@pytest.fixture(scope="session")
def decode(city):
    """messages -> Decoded, through routes, formats and feeds as the ingester has them."""

    def run(messages):
        ids = {key: n for n, key in enumerate([*city.feeds, "unclaimed"], 1)}
        registry = Registry(None, ids)
        decoder = Decoder(Router(city, registry))
        batch = decoder.batch()
        for m in messages:
            decoder.take(client.Message(m.topic.encode(), m.payload, 0, False, False, m.time, 0, len(m.payload)), batch)
        return _read(batch, registry)

    return run


def _read(batch, registry):
    found = Decoded()
    arrived = [m.received for m, n in zip(batch.messages, batch.counts, strict=True) for _ in range(n)]
    for came, slot, time, raw in zip(arrived, batch.slot, batch.time, batch.value, strict=True):
        about = registry.slots[slot]
        value, name = raw * about.factor + about.offset, (registry.key(about.sensor), about.metric)
        found.readings.setdefault(name, []).append((time, value))
        found.rows.append((came, *name, time, value))
        if not about.low <= value <= about.high:
            found.suspects.append((*name, value))
    found.refusals = [(batch.messages[r.message].topic.decode(), r.reason) for r in batch.refusals]
    found.ignored = [reason for _, reason in batch.ignored]
    found.events = [row for _, row in batch.events]
    found.positions = [(registry.key(p.sensor), p.time, p.lat, p.lon, p.speed, p.heading) for p in batch.positions]
    found.dropped = [reason for _, reason in batch.dropped]
    found.sensors = {key for key, _ in found.readings}
    return found


@pytest.fixture(scope="session")
def series(town):
    """(model, sensor key, times) -> the model's columns for one sensor."""

    def run(model, key, times):
        return model(town, np.full(len(times), town.keys.index(key)), np.asarray(times, dtype=float))

    return run
