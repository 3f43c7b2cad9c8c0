"""What a feed would make of messages, told message by message; nothing is stored, nothing but files is read.

The messages go the way they go in the ingester: router, feed, format, batch, and the judgement before the commit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest import formats, ledger, topics, values
from ingest.batch import IGNORED, OPEN
from ingest.client import Message
from ingest.commit import judged
from ingest.pipeline import Decoder
from ingest.registry import Registry
from ingest.router import Router
from ingest.times import moment
from ioc.records import Measurement
from ioc.units import UnitError, conversion, known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.batch import Batch
    from ingest.samples import Sample
    from ioc.config.feeds import Feed
    from ioc.config.folder import CityFolder
    from ioc.records import Micros

_HARMLESS = frozenset({"no_value", "sentinel", "renamed_away", "not_wanted", "retained_without_time"})


class Reading(NamedTuple):
    """A value as it would be stored. said: the payload's value where its unit was converted. fault: why not stored."""

    sensor: str
    metric: str
    value: float
    unit: str
    said: float | None
    time: Micros
    time_from: str
    sensor_from: str
    fault: str = ""


class Outcome(NamedTuple):
    """What became of one message. fate: stored, duplicate, quarantined, ignored."""

    topic: str
    feed: str
    fate: str
    why: str
    readings: list[Reading]
    dropped: Counter[str]
    others: list[str]  # positions, events and facts, in words
    words: str = ""  # metrics whose value is no number, with what it is


class Report(NamedTuple):
    """faults: what is wrong with the declaration itself, before any message."""

    faults: list[str]
    outcomes: list[Outcome]

    @property
    def fates(self) -> Counter[str]:
        return Counter(outcome.fate for outcome in self.outcomes)

    @property
    def unusable(self) -> int:
        """Messages, or readings of a message, that could not be used."""
        return sum(map(_unusable, self.outcomes))

    @property
    def good(self) -> bool:
        return not self.faults and not self.unusable


def _unusable(outcome: Outcome) -> int:
    lost = sum(count for reason, count in outcome.dropped.items() if reason not in _HARMLESS)
    return int(outcome.fate == "quarantined") + sum(bool(r.fault) for r in outcome.readings) + lost


def check(folder: CityFolder, feed: str, samples: Iterable[Sample], now: Micros) -> Report:
    """Try the samples on one feed of the folder; `now` is when they arrive. Raises ConfigError."""
    numbers = {key: number for number, key in enumerate([*folder.feeds, "unclaimed"], 1)}
    registry = Registry(None, numbers)
    calm = folder.feeds[feed].model_copy(update={"max_per_sensor_minute": 0})  # a file is no flood
    folder = replace(folder, feeds={**folder.feeds, feed: calm})
    decoder = Decoder(Router(folder, registry, only={feed}))
    names, seen = {number: key for key, number in numbers.items()}, set[Any]()
    outcomes = [_outcome(decoder, sample, names, folder, seen, now) for sample in samples]
    return Report(faults(folder.feeds[feed], folder), outcomes)


def faults(feed: Feed, folder: CityFolder) -> list[str]:
    """Units that nobody knows, or that cannot become the metric's."""
    found = []
    for place, metric, unit in feed.declared_units:
        target = folder.metrics[metric].unit if metric in folder.metrics else ""
        try:
            conversion(unit, target or unit)
            why = "" if known(unit) or unit == target else f"unknown unit {unit!r}"
        except UnitError as error:
            why = str(error)
        if why:
            found.append(f"{'.'.join(place)}: {why}")
    return found


def _outcome(
    decoder: Decoder, sample: Sample, names: dict[int, str], folder: CityFolder, seen: set[Any], now: Micros
) -> Outcome:
    batch, topic = decoder.batch(), sample.topic.encode()
    decoder.take(Message(topic, sample.payload, 0, False, sample.retained, now, 0, len(sample.payload)), batch)
    fate, why = batch.fates[0], ""
    if batch.refusals:
        why = f"{batch.refusals[0].reason}: {batch.refusals[0].detail}".removesuffix(": ")
    elif batch.ignored:
        why = batch.ignored[0][1]
    others, readings = _others(batch, folder), _readings(batch, folder, now)
    keys = {*((r.sensor, r.metric, r.time, bool(r.fault)) for r in readings), *others}
    word = "stored" if fate == OPEN else "ignored" if fate == IGNORED else "quarantined"
    if fate == OPEN and keys and keys <= seen:
        word, why = "duplicate", "the same came before"
    seen |= keys
    dropped = Counter(reason for _, reason in batch.dropped)
    said = "not_a_number" in dropped or why.startswith("not_a_number")
    words = _words(sample, folder, folder.feeds[names[batch.feeds[0]]]) if said else ""
    return Outcome(sample.topic, names[batch.feeds[0]], word, why, readings, dropped, others, words)


def _words(sample: Sample, folder: CityFolder, feed: Feed) -> str:
    """`gate = 'ajar', level = 'n.a.'`: what the payload has where a number belongs."""
    tree: topics.Topics[None] = topics.Topics()
    for text in feed.topics:
        tree.add(topics.parse(text), None)
    hit = tree.match(sample.topic)
    segments = topics.segments(hit[0], sample.topic) if hit else formats.NO_SEGMENTS
    about = {m: values.texts(feed.states, folder.metrics.get(m)) for m in [*folder.metrics, *feed.rename.values()]}
    found = []
    for record in formats.compiled(feed.format, feed.options)(values.unpacked(sample.payload), segments):
        if isinstance(record, Measurement):
            metric = feed.rename.get(record.metric, record.metric)
            texts = about.get(metric) or values.texts(feed.states, None)
            if values.number(record.value, texts) == "not_a_number":
                found.append(f"{metric} = {str(record.value)[:40]!r}")
    return ", ".join(found[:5])


def _readings(batch: Batch, folder: CityFolder, now: Micros) -> list[Reading]:
    registry = batch.registry
    rows = judged(batch, registry.paper())
    found = []
    for number, (slot, time, value) in enumerate(
        zip(batch.slot, batch.time, rows.readings.value.tolist(), strict=True)
    ):
        about = registry.slots[slot]
        sensor = registry.sensors[about.sensor]
        metric = folder.metrics.get(about.metric)
        converted = (about.factor, about.offset) != (1.0, 0.0)
        code = int(rows.code[number])
        found.append(Reading(
            registry.key(about.sensor), about.metric, value, metric.unit if metric else "",
            batch.value[number] if converted else None, time, "arrival" if time == now else about.time_from,
            sensor.id_from if sensor else "registry", ledger.SUSPECT[code] if code else "",
        ))  # fmt: skip
    return found


def _others(batch: Batch, folder: CityFolder) -> list[str]:
    """Positions, events and facts, each a line."""
    key, zone = batch.registry.key, folder.city.tz
    lines = [f"position of {key(p.sensor)}: {p.lat:.5f}, {p.lon:.5f} at {local(p.time, zone)}" for p in batch.positions]
    for _, event in batch.events:
        place = "" if event["lat"] is None else f" at {event['lat']:.5f}, {event['lon']:.5f}"
        lines.append(f"event {event['key']}: {event['kind']}, {event['status']}, severity {event['severity']}{place}: "
                     f"{event['title']}")  # fmt: skip
    for _, sensor, facts in batch.facts:
        said = [facts.name] if facts.name else []
        said += [f"{facts.lat:.5f}, {facts.lon:.5f}"] if facts.lat is not None and facts.lon is not None else []
        lines.append(f"facts of {key(sensor)}: {'; '.join(said) or facts.properties}")
    return lines


def local(time: Micros, zone: Any) -> str:
    """The city's time with its offset, and UTC behind it."""
    try:
        said = moment(time)
    except (OverflowError, ValueError):
        return f"{time} µs, which no calendar holds"
    here = said.astimezone(zone)
    return f"{here:%Y-%m-%d %H:%M:%S%z} ({said.astimezone(UTC):%H:%M:%SZ})"
