"""What travels from a decoded message to the store.

Inside the data path a time is an integer: microseconds since 1970-01-01 UTC (`Micros`). datetimes appear only at
the edges. A format fills what its payload says and leaves the rest None; `ingest.feed` fills the blanks from the
topic, the registry or the arrival time.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

Micros: TypeAlias = int


class Measurement(NamedTuple):
    """One value as a payload gives it.

    metric: the payload's own name; the feed may rename it.
    value: a number, a bool, or text that the feed's `states` table turns into a number.
    sensor, time, unit: None where the payload does not say.
    """

    metric: str
    value: float | bool | str | None
    sensor: str | None = None
    time: Micros | None = None
    unit: str | None = None


class Position(NamedTuple):
    """Where a moving sensor was. Degrees WGS 84; speed m/s; heading degrees from north, clockwise."""

    lat: float
    lon: float
    sensor: str | None = None
    time: Micros | None = None
    speed: float | None = None
    heading: float | None = None


class Event(NamedTuple):
    """The state of something with a life of its own: a citizen report, an outage, a warning.

    key: unique within the feed. status: 'open', 'changed' or 'closed'. severity: 0 none .. 4 extreme.
    """

    key: str
    kind: str
    status: str
    title: str = ""
    time: Micros | None = None
    lat: float | None = None
    lon: float | None = None
    severity: int = 0
    properties: dict[str, Any] | None = None


class SensorFacts(NamedTuple):
    """What a payload says about a sensor itself: its name, its fixed place, anything worth keeping."""

    sensor: str | None = None
    name: str | None = None
    lat: float | None = None
    lon: float | None = None
    properties: dict[str, Any] | None = None


Record: TypeAlias = Measurement | Position | Event | SensorFacts
