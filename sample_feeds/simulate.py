"""The sample city live: who speaks when. The state is a function of seed and time; only faults know the start.

simulation = CitySimulation(folder)
for topic, payload, time in simulation.messages(datetime.now(UTC), None): ...
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from sample_feeds import reports, world
from sample_feeds.chance import uniform
from sample_feeds.faults import Faults, Message, schedule, storms, timetable
from sample_feeds.payloads import Rows
from sample_feeds.payloads.services import citizen_report
from sample_feeds.sources import SOURCES

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sample_feeds.chance import Floats, Ints
    from sample_feeds.sources import Source
    from sample_feeds.world import World

SEED = 2025
ROUND = 8.0  # seconds in which every sensor speaks for the first time
AGAIN = 15.0  # seconds after which the slow ones say it once more, to an ingester that was still starting
SLOW = 60  # seconds between readings from which a sensor is slow
STRIDE = 5.0  # seconds worked out at once: what the quickest sensor waits, so that none speaks twice in it
BLOCK = 600.0  # seconds of citizen reports worked out at once
LAGGING = 30.0  # seconds behind the clock after which the rest is skipped


class CitySimulation:
    """One city. folder: one that sample_feeds.build wrote sensors.geojson into, as a path or as loaded settings."""

    def __init__(self, folder: Path | Any, seed: int = SEED) -> None:
        self._folder: Path = getattr(folder, "path", folder)
        self._seed = seed
        self._calm = world.load(self._folder, seed)

    def messages(self, start: datetime, stop: datetime | None = None) -> Iterator[Message]:
        """Live messages in time order from `start`, with what misbehaves on the way; endless without `stop`."""
        began, until = start.timestamp(), stop.timestamp() if stop else float("inf")
        plan = schedule()
        town = world.load(self._folder, self._seed, storms(plan, began))
        voice = Voice(town, Faults(town, plan, began))
        yield from _until(sorted([*voice.first_round(began), *_still_open(town, began)], key=_when), until)
        tempo, at, calls = Tempo(town), float(np.ceil(began + ROUND)), _Calls(town)
        again = voice.first_round(began + AGAIN, SLOW)
        while at < until:
            due = [m for m in again if at <= m.time / 1e6 < at + STRIDE] if at < began + 60 else []
            due += [m for source, which, time in tempo.due(at, at + STRIDE) for m in voice.say(source, which, time)]
            due += calls.between(at, at + STRIDE)
            yield from _until(sorted(due, key=_when), until)
            at += STRIDE

    def history(self, start: datetime, end: datetime) -> Iterator[Message]:
        """The past, calm and coarser, in time order: [start, end). Joins what `messages` says from `end` on."""
        chunk, at = 6 * 3600.0, start.timestamp()
        voice = Voice(self._calm, None)
        phases = _phases(self._calm, "past")
        while at < end.timestamp():
            upto = min(at + chunk, end.timestamp())
            found = [m for s in SOURCES for m in voice.say(s, *_past(self._calm, s, phases, at, upto))]
            found += _Calls(self._calm).between(at, upto)
            yield from sorted(found, key=_when)
            at = upto


def _when(message: Message) -> int:
    return message.time


def _until(messages: list[Message], stop: float) -> Iterator[Message]:
    yield from (m for m in messages if m.time < stop * 1e6)


def _phases(town: World, tempo: str) -> Floats:
    """Seconds by which each sensor speaks later than a full period; 0 where all speak together."""
    found = np.zeros(len(town.keys))
    for source in SOURCES:
        if not source.together:
            which = town.of(*source.kinds)
            found[which] = np.floor(uniform(town.seed, 801, which) * getattr(source, tempo) * 1000) / 1000
    return np.floor(found) if tempo == "past" else found


def _past(town: World, source: Source, phases: Floats, start: float, stop: float) -> tuple[Ints, Floats]:
    """All readings of a source in [start, stop): sensors that speak together are kept together."""
    which = town.of(*source.kinds)
    ticks = np.arange(np.floor(start / source.past) - 1, np.ceil(stop / source.past) + 1) * source.past
    time = (ticks[:, None] + phases[which][None, :]).ravel()
    who = np.tile(which, len(ticks))
    mine = (time >= start) & (time < stop)
    return who[mine], time[mine]


class Tempo:
    """Says which sensors speak in a span of time."""

    def __init__(self, town: World) -> None:
        self._phase = _phases(town, "live")
        self._members = [town.of(*source.kinds) for source in SOURCES]
        self._period = np.ones(len(town.keys))
        for source, which in zip(SOURCES, self._members, strict=True):
            self._period[which] = source.live

    def due(self, start: float, stop: float) -> Iterator[tuple[Source, Ints, Floats]]:
        """(source, sensors, times) of what is to be said in [start, stop)."""
        turn = np.ceil((start - self._phase) / self._period)
        time = self._phase + turn * self._period
        for source, which in zip(SOURCES, self._members, strict=True):
            speaks = which[time[which] < stop]
            if len(speaks):
                yield source, speaks, time[speaks]


class Voice:
    """Turns "these sensors, at these times" into messages, with the faults that are on."""

    def __init__(self, town: World, faults: Faults | None) -> None:
        self._town, self._faults = town, faults

    def say(self, source: Source, which: Ints, time: Floats) -> list[Message]:
        if not len(which):
            return []
        town, faults = self._town, self._faults
        columns = source.model(town, which, faults.times(which, time) if faults else time)
        if faults:
            faults.values(which, time, columns)
        numbers = which.tolist()
        said = faults.said(which, time) if faults else np.floor(time).astype(np.int64).tolist()
        rows = Rows(
            numbers,
            [town.keys[n] for n in numbers],
            said,
            [town.properties[n] for n in numbers],
            {name: column.tolist() for name, column in columns.items()},
        )
        moments = (time * 1e6).astype(np.int64).tolist()
        found = [(Message(d.topic, d.payload, moments[d.rows[0]]), d.rows) for d in source.render(rows)]
        if faults is None:
            return [message for message, _ in found]
        return [m for message, run in found for m in faults.messages(message, numbers[run[0]])]

    def first_round(self, start: float, slowest: int = 0) -> list[Message]:
        """Every sensor once within ROUND seconds; only those that speak no oftener than every `slowest` seconds."""
        found: list[Message] = []
        for number, source in enumerate(SOURCES):
            if source.live < slowest:
                continue
            which = self._town.of(*source.kinds)
            part = (
                uniform(self._town.seed, 802, which)
                if not source.together
                else np.full(len(which), number / len(SOURCES))
            )
            found += self.say(source, which, start + 0.3 + np.asarray(part) * (ROUND - 1.0))
        return found


class _Calls:
    """Citizen reports as messages: opened, taken up, closed."""

    def __init__(self, town: World) -> None:
        self._town = town
        self._known: tuple[float, float, reports.Reports] | None = None

    def between(self, start: float, stop: float) -> list[Message]:
        found = self._reports(start, stop)
        sent = []
        for stage, column in enumerate((found.opened, found.changed, found.closed)):
            sent += [
                _report(self._town, found, int(n), stage) for n in np.flatnonzero((column >= start) & (column < stop))
            ]
        return sent

    def _reports(self, start: float, stop: float) -> reports.Reports:
        if self._known is None or not (self._known[0] <= start and stop <= self._known[1]):
            begin = np.floor(start / BLOCK) * BLOCK
            end = max(begin + BLOCK, stop)
            self._known = (begin, end, reports.between(self._town, begin - reports.LONGEST, end))
        return self._known[2]


def _still_open(town: World, now: float) -> list[Message]:
    """At the start the service tells what is open, with the times it happened."""
    found = reports.between(town, now - reports.LONGEST, now)
    sent = []
    for n in np.flatnonzero(found.closed > now):
        message = _report(town, found, int(n), 1 if found.changed[n] <= now else 0)
        sent.append(message._replace(time=int((now + 0.5 + (int(n) % 50) / 10.0) * 1e6)))
    return sent


def _report(town: World, found: reports.Reports, n: int, stage: int) -> Message:
    service, site = reports.SERVICES[int(found.service[n])], int(found.site[n])
    when = (found.opened, found.changed, found.closed)[stage][n]
    street = town.properties[site].get("street") or town.properties[site]["name_vi"]
    shift = uniform(town.seed, 803, found.slot[n], np.arange(2)) * 0.0012 - 0.0006
    topic, payload = citizen_report(
        f"1022-{int(found.slot[n])}",
        "closed" if stage == 2 else "open",
        service.code,
        service.name,
        f"{service.says} – {street}",
        round(float(town.lat[site] + shift[0]), 6),
        round(float(town.lon[site] + shift[1]), 6),
        int(found.opened[n]),
        int(when),
    )
    return Message(topic, payload, int(when * 1e6))


def run(
    folder: Path | Any,
    publish: Callable[[str, bytes], None],
    stop: threading.Event,
    now: Callable[[], float],
    seed: int = SEED,
) -> None:
    """Publish the city at the tempo of `now` (seconds since 1970) until `stop`; after a sleep, skip what was missed."""
    simulation = CitySimulation(folder, seed)
    while not stop.is_set():
        for message in simulation.messages(datetime.fromtimestamp(now(), UTC)):
            while (early := message.time / 1e6 - now()) > 0 and not stop.wait(min(early, 0.5)):
                pass
            if stop.is_set() or -early > LAGGING:
                break
            publish(message.topic, message.payload)


__all__ = ["CitySimulation", "Message", "run", "timetable"]
