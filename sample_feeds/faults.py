"""Misbehaviour on purpose, from misbehaviour.toml: changes values and messages while a fault is on."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from ioc.config.types import Duration, Model, Text, parse_duration
from sample_feeds.chance import uniform
from sample_feeds.sky import Storm
from sample_feeds.world import MISBEHAVIOUR

if TYPE_CHECKING:
    from pathlib import Path

    from sample_feeds.chance import Floats, Ints
    from sample_feeds.models import Columns
    from sample_feeds.world import World

_GARBAGE = b'\xff\xfe\x00{"broken": \x80\x81 <b>not json</b>'


class Message(NamedTuple):
    """What is published when. time: microseconds since 1970, UTC."""

    topic: str
    payload: bytes
    time: int


class Fault(Model):
    """One thing that goes wrong for a while. sensors, gateway or feed say where; the rest belongs to its kind."""

    at: Duration
    lasts: Duration
    kind: Literal["offset", "stuck", "spikes", "silent", "duplicates", "garbage", "clock", "drift", "storm"]
    sensors: list[str] = []
    feed: str | None = None
    gateway: str | None = None
    metric: str | None = None
    amount: float = 0.0
    ramp: Duration = Field(default=parse_duration("1s"), validate_default=True)
    share: float = 1.0
    count: int = 1
    seconds: int = 0
    replace: dict[str, str] = {}
    lat: float = 0.0
    lon: float = 0.0
    radius: float = 0.0
    rate: float = 0.0
    depth: float = 0.0
    note: Text


class Schedule(Model):
    every: Duration
    standing: dict[str, float] = {}
    fault: list[Fault]


def schedule(file: Path = MISBEHAVIOUR) -> Schedule:
    return Schedule.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))


def storms(plan: Schedule, start: float) -> tuple[Storm, ...]:
    """The show storms of a simulation that started at `start` (seconds since 1970)."""
    every = plan.every.total_seconds()
    return tuple(
        Storm(start + f.at.total_seconds(), f.lasts.total_seconds(), every, f.lat, f.lon, f.radius, f.rate, f.depth)
        for f in plan.fault
        if f.kind == "storm"
    )


class Faults:
    """The schedule, tied to a world and a start. Every question is answered from the time alone."""

    def __init__(self, world: World, plan: Schedule, start: float) -> None:
        self._start, self._every, self._seed = start, plan.every.total_seconds(), world.seed
        number = {key: n for n, key in enumerate(world.keys)}
        self._plan = [(f, self._targets(f, number, world.properties)) for f in plan.fault if f.kind != "storm"]

    @staticmethod
    def _targets(fault: Fault, number: dict[str, int], rows: list[dict[str, Any]]) -> frozenset[int]:
        named = {number[key] for key in fault.sensors}
        named |= {n for n, row in enumerate(rows) if fault.feed is not None and row["feed"] == fault.feed}
        named |= {n for n, row in enumerate(rows) if fault.gateway is not None and row.get("gateway") == fault.gateway}
        return frozenset(named)

    def since(self, fault: Fault, time: float) -> float | None:
        """Seconds that the fault has been on, None while it is off."""
        if time < self._start:
            return None
        found = (time - self._start) % self._every - fault.at.total_seconds()
        return found if 0 <= found < fault.lasts.total_seconds() else None

    def times(self, which: Ints, time: Floats) -> Floats:
        """The moments that the sensors believe in: a stuck one stays where it stuck."""
        found = time
        for fault, targets in self._plan:
            for n in self._hit(fault, targets, which, time, "stuck"):
                found = found.copy() if found is time else found
                found[n] = time[n] - (self.since(fault, time[n]) or 0.0)
        return found

    def values(self, which: Ints, time: Floats, columns: Columns) -> None:
        """Add offsets and spikes to the columns in place."""
        for fault, targets in self._plan:
            if fault.metric not in columns:
                continue
            for n in self._hit(fault, targets, which, time, "offset"):
                grown = min(1.0, ((self.since(fault, time[n]) or 0.0) + 1.0) / fault.ramp.total_seconds())
                columns[fault.metric][n] += fault.amount * grown
            for n in self._hit(fault, targets, which, time, "spikes"):
                if uniform(self._seed, 701, which[n], int(time[n])) < fault.share:
                    columns[fault.metric][n] = fault.amount

    def said(self, which: Ints, time: Floats) -> list[int]:
        """The times that the payloads tell, in whole seconds."""
        found = np.floor(time).astype(np.int64)
        for fault, targets in self._plan:
            for n in self._hit(fault, targets, which, time, "clock"):
                found[n] += fault.seconds
        return [int(second) for second in found]

    def messages(self, message: Message, which: int) -> list[Message]:
        """What becomes of a message of this sensor: itself, many, something else or nothing."""
        found = [message]
        for fault, targets in self._plan:
            if which in targets and self.since(fault, message.time / 1e6) is not None:
                found = [changed for m in found for changed in _changed(m, fault)]
        return found

    def _hit(self, fault: Fault, targets: frozenset[int], which: Ints, time: Floats, kind: str) -> list[int]:
        if fault.kind != kind:
            return []
        return [n for n, w in enumerate(which) if int(w) in targets and self.since(fault, float(time[n])) is not None]


def _changed(message: Message, fault: Fault) -> list[Message]:
    if fault.kind == "silent":
        return []
    if fault.kind == "duplicates":
        return [message] * fault.count
    if fault.kind == "garbage":
        return [message._replace(payload=_GARBAGE)]
    if fault.kind == "drift":
        payload = message.payload
        for old, new in fault.replace.items():
            payload = payload.replace(old.encode(), new.encode())
        return [message._replace(payload=payload)]
    return [message]


def timetable(plan: Schedule | None = None) -> list[dict[str, Any]]:
    """The schedule as rows for people: at, until, kind, where, note; `every` beside them."""
    shown = plan or schedule()
    return [
        {
            "at": fault.at, "until": fault.at + fault.lasts, "every": shown.every, "kind": fault.kind,
            "where": fault.feed or fault.gateway or ", ".join(fault.sensors) or "nội ô Sóc Trăng", "note": fault.note,
        }
        for fault in sorted(shown.fault, key=lambda f: f.at)
    ]  # fmt: skip


__all__ = ["Fault", "Faults", "Message", "Schedule", "schedule", "storms", "timetable"]
