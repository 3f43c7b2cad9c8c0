"""One declared feed, compiled: a message goes in, rows are added to the batch.

A format says what the payload holds; everything that is the same for all formats happens here: unpacking, sensor names,
renames, units, texts to numbers, constants, the arrival time, retained messages, floods.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest import formats, topics, values
from ingest.batch import Place
from ingest.flood import Flood
from ingest.names import Namer, clean
from ingest.registry import Sensor, Slot
from ioc import plugins
from ioc.errors import DecodeError, Ignored
from ioc.records import Event, Measurement, Position, SensorFacts
from ioc.units import UnitError, conversion, known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.batch import Batch
    from ingest.client import Message
    from ingest.registry import Registry
    from ioc.config.feeds import Feed
    from ioc.config.folder import CityFolder
    from ioc.records import Micros, Record

LARGEST_PAYLOAD = 1_048_576  # bytes as received
_MOST_SLOT_KEYS = 500_000  # spellings remembered for a feed
_MOST_METRICS = 1_000  # a payload of random keys cannot fill the registry
_INFINITY = float("inf")
_NAN = float("nan")
_DROPS = ("", "renamed_away", "not_wanted", "bad_unit", "too_many_metrics")  # slot -n: why readings are dropped


class Route(NamedTuple):
    """A topic that a feed claims. hint: what of the topic the sensor's name depends on."""

    feed: CompiledFeed
    segments: Mapping[str, str]
    hint: str


class CompiledFeed:
    """`take` turns messages into rows. Raises ValueError where the feed's options are wrong."""

    def __init__(self, key: str, feed: Feed, folder: CityFolder, registry: Registry) -> None:
        self.key = key
        self.id = registry.feed_ids[key]
        self._feed, self._folder, self._registry = feed, folder, registry
        self.filters = [topics.parse(text) for text in feed.topics]
        self._zone = feed.zone or folder.city.zone
        self._decode = formats.compiled(feed.format, feed.options, self._zone)
        module = plugins.load("ingest.formats", feed.format)
        self.teaches = getattr(module, "teaches", None)  # whether a topic holds what later messages need
        self._relative = formats.RELATIVE_BELOW if getattr(module, "RELATIVE_TIMES", False) else None
        own = [s.key for s in folder.sensors.values() if s.feed == key]
        self._namer = Namer(feed.sensor, feed.prefix, own)
        self._aliases = folder.aliases
        self._texts: dict[str, dict[str, float]] = {}  # metric -> text -> number
        self._sentinels = frozenset(feed.sentinels)
        self._oldest = int(datetime.combine(feed.oldest, time(), UTC).timestamp()) * 1_000_000
        self._slots: dict[tuple[str, str | None, str, str | None], int] = {}
        self._metrics: set[str] = set()
        self._flood = Flood(feed)
        for metric, unit in feed.units.items():
            self._conversion(metric, unit)

    def route(self, filter_: topics.Filter, topic: str) -> Route:
        segments = topics.segments(filter_, topic)
        return Route(self, segments, self._namer.hint(segments))

    def take(self, message: Message, route: Route, batch: Batch, received: Micros) -> bool:
        """Add what the message says; returns whether it leans on its arrival time.

        Raises DecodeError, Ignored, and whatever a format raises; rows already added are the caller's to undo.
        """
        if message.retain and self._feed.retained == "ignore":
            raise Ignored("retained")
        if message.size > LARGEST_PAYLOAD:
            raise DecodeError("too_large", f"{message.size} bytes; at most {LARGEST_PAYLOAD} are taken")
        began, arrived = len(batch.slot), False
        for record in self._decode(values.unpacked(message.payload), route.segments):
            if record.__class__ is Measurement:
                arrived |= self._take_reading(record, message.retain, route, batch, received)
            else:
                arrived |= self._take_other(record, route, batch, received)
        if self._feed.constants:
            self._add_constants(began, batch)
        if len(batch.slot) > began and self._flood.is_over(self._registry.slots[batch.slot[began]].sensor, received):
            batch.floods[batch.slot[began]] += 1
            raise Ignored("flood")
        if self.teaches and self.teaches(route.segments[""]):
            batch.lessons.append((len(batch),))
        return arrived

    def remember(self, route: Route, payload: bytes) -> None:
        """Let the decoder learn from a message that was stored long ago."""
        with suppress(Exception):  # it may be of a time when the feed meant something else
            list(self._decode(values.unpacked(payload), route.segments))

    def go_on_from(self, before: CompiledFeed) -> None:
        """Know what this feed's decoder knew, where it is still the same."""
        old, new = before._feed, self._feed
        if (old.format, old.options, before._zone) == (new.format, new.options, self._zone):
            self._decode = before._decode

    def _take_reading(self, record: Measurement, retained: bool, route: Route, batch: Batch, received: Micros) -> bool:
        """One value, as fast as can be: what depends on sensor, metric and unit was worked out once, for the slot."""
        metric, value, sensor, when, unit = record
        slot = self._slots.get((route.hint, sensor, metric, unit))
        if slot is None:
            slot = self._new_slot(route, record)
        if value.__class__ is not float and slot >= 0:
            value = self._number(value, slot)
        arrived = when is None or (self._relative is not None and when < self._relative)
        if why := self._why_not(slot, value, unknown_age=retained and arrived):
            batch.dropped.append((len(batch), why))
            return False
        batch.slot.append(slot)
        batch.time.append(received + (when or 0) if arrived else when)  # type: ignore[arg-type]
        batch.value.append(value)  # type: ignore[arg-type]
        return arrived

    def _why_not(self, slot: int, value: Any, *, unknown_age: bool) -> str:
        """Why a value is dropped; empty when it is not."""
        if slot < 0:
            return _DROPS[-slot]
        if value.__class__ is str:
            return str(value)
        if value in self._sentinels:
            return "sentinel"
        return "retained_without_time" if unknown_age and self._was_there(slot) else ""

    # Once a new kind of reading.

    def _new_slot(self, route: Route, record: Measurement) -> int:
        if len(self._slots) >= _MOST_SLOT_KEYS:
            self._slots.clear()
        slot = self._slot_for(route, record)
        self._slots[route.hint, record.sensor, record.metric, record.unit] = slot
        return slot

    def _slot_for(self, route: Route, record: Measurement) -> int:
        feed = self._feed
        metric = clean(feed.rename.get(record.metric, record.metric))[:120]
        if unwanted := self._unwanted(metric):
            return unwanted
        try:
            factor, offset = self._conversion(metric, record.unit or feed.units.get(metric))
        except UnitError:
            return -3
        sensor = self._sensor(route, record.sensor)
        self._metrics.add(metric)
        about = self._folder.metrics.get(metric)
        low = about.low if about and about.low is not None else -_INFINITY
        high = about.high if about and about.high is not None else _INFINITY
        time_from = "arrival" if record.time is None else "payload"
        corrects = self._feed.corrections
        return self._registry.slot(
            Slot(sensor, metric, self.id, low, high, factor, offset, self._oldest, time_from, corrects)
        )

    def _unwanted(self, metric: str) -> int:
        if not metric:
            return -1
        if self._feed.only is not None and metric not in self._feed.only:
            return -2
        return -4 if metric not in self._metrics and len(self._metrics) >= _MOST_METRICS else 0

    def _conversion(self, metric: str, unit: str | None) -> tuple[float, float]:
        """What nobody knows is taken as the metric's own unit; what contradicts it raises UnitError."""
        target = self._folder.metrics[metric].unit if metric in self._folder.metrics else ""
        if not unit or not target or not known(unit):
            return 1.0, 0.0
        return conversion(unit, target)

    def _sensor(self, route: Route, said: str | None) -> int:
        key, id_from = self._namer.name(route.segments, said)
        key = self._aliases.get(key, key)
        registry, feed = self._registry, self._feed
        if not feed.discover and key not in self._folder.sensors:
            raise DecodeError("unknown_sensor", f"{key} is not in the registry, and this feed discovers none")
        if not registry.has(key) and registry.count(self.id) >= feed.max_sensors:
            raise DecodeError("too_many_sensors", f"{key} would be one more than max_sensors = {feed.max_sensors}")
        cadence = feed.cadence.total_seconds() if feed.cadence else None
        return registry.sensor(Sensor(key, self.id, feed.domain, cadence, id_from))

    def _was_there(self, slot: int) -> bool:
        made = self._registry.slots[slot]
        return (self._registry.key(made.sensor), made.metric) in self._registry.known_series

    def _number(self, value: Any, slot: int) -> float | str:
        metric = self._registry.slots[slot].metric
        texts = self._texts.get(metric)
        if texts is None:
            texts = self._texts[metric] = values.texts(self._feed.states, self._folder.metrics.get(metric))
        return values.number(value, texts)

    def _add_constants(self, began: int, batch: Batch) -> None:
        """Every sensor and time of the message also gets the constants."""
        seen = {
            (self._registry.slots[s].sensor, t) for s, t in zip(batch.slot[began:], batch.time[began:], strict=True)
        }
        for sensor, when in sorted(seen):
            for metric, value in self._feed.constants.items():
                key = self._registry.key(sensor)
                slot = self._slots.get(("", key, metric, ""))
                if slot is None:
                    slot = self._registry.slot(
                        Slot(sensor, metric, self.id, -_INFINITY, _INFINITY, 1.0, 0.0, self._oldest, "payload", False)
                    )
                    self._slots["", key, metric, ""] = slot
                batch.slot.append(slot)
                batch.time.append(when)
                batch.value.append(value)

    # Positions, events and facts.

    def _take_other(self, record: Record, route: Route, batch: Batch, received: Micros) -> bool:
        number = len(batch)
        if isinstance(record, SensorFacts):
            batch.facts.append((number, self._sensor(route, record.sensor), record))
            return False
        said = record.time
        arrived = said is None or bool(self._relative and said < self._relative)
        when = received + (said or 0) if arrived else said or 0
        if isinstance(record, Position):
            self._take_position(record, when, route, batch, received)
        elif isinstance(record, Event):
            batch.events.append((number, _event_row(record, self.id, when, timed=not arrived)))
        return arrived

    def _take_position(self, record: Position, when: Micros, route: Route, batch: Batch, received: Micros) -> None:
        if not (-90 <= record.lat <= 90 and -180 <= record.lon <= 180) or (record.lat == 0 and record.lon == 0):
            batch.dropped.append((len(batch), "bad_place"))
        elif when > received + FUTURE or when < self._oldest:
            batch.dropped.append((len(batch), "bad_time"))
        else:
            sensor = self._sensor(route, record.sensor)
            speed = _NAN if record.speed is None else float(record.speed)
            heading = _NAN if record.heading is None else float(record.heading)
            batch.positions.append(
                Place(len(batch), sensor, when, float(record.lat), float(record.lon), speed, heading)
            )


FUTURE: Micros = 120_000_000  # a clock may be two minutes ahead


def _event_row(record: Event, feed_id: int, when: Micros, *, timed: bool) -> dict[str, Any]:
    key = clean(record.key)[:200]
    if not key:
        raise DecodeError("no_event_key")
    if record.status not in ("open", "changed", "closed"):
        raise DecodeError("bad_status", record.status)
    return {
        "feed_id": feed_id, "key": key, "kind": clean(record.kind)[:80], "title": clean(record.title)[:300],
        "status": record.status, "severity": max(0, min(4, int(record.severity))), "timed": timed,
        "time": datetime.fromtimestamp(when / 1e6, UTC).isoformat(),
        "lat": record.lat, "lon": record.lon, "area": None, "properties": record.properties or {},
    }  # fmt: skip
