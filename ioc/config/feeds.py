"""feeds/*.toml: one declared source of messages a file, its key the file's stem."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from ioc.config.types import Duration, Model, Text, parse_duration


class Http(Model):
    """Where a pulled feed comes from; the bridge publishes it to `topic` (no wildcards there)."""

    url: str  # "{env:NAME}" in it is read from the environment
    every: Duration = Field(default=parse_duration("60s"), validate_default=True)
    deadline: Duration = Field(default=parse_duration("20s"), validate_default=True)
    headers: dict[str, str] = {}  # a value "env:NAME" is read from the environment
    max_bytes: int = 16_000_000


class Feed(Model):
    """
    topic: MQTT filter with named segments: `city/{district}/air/{sensor}/#`; `{name}` stands for `+`.
    listens: filters of the same form that the feed's publisher may subscribe to, as commands for its devices.
    format: a file in ingest/formats; `options` are that format's own, checked by its `Options` model.
    The rest is the same for every format and fills or corrects what the payload says.
    """

    name: Text
    topic: str | list[str]
    listens: str | list[str] = []
    format: str
    options: dict[str, Any] = {}
    http: Http | None = None
    owner: str = ""
    domain: str = ""
    licence: str = ""
    enabled: bool = True
    priority: int = 0  # a message that several feeds' filters match goes to the highest, then the longest filter

    sensor: str | None = None  # sensor id template over topic segments and payload id: "{district}-{sensor}"
    prefix: str = ""  # put before every sensor id, so that two feeds cannot collide
    rename: dict[str, str] = {}  # payload's metric name -> ours; "" drops it
    only: list[str] | None = None  # keep just these of our metrics; others are counted as ignored
    units: dict[str, str] = {}  # our metric -> the unit the payload uses, where it does not say
    states: dict[str, float] = {}  # text values -> number, for every metric
    constants: dict[str, float] = {}  # metrics every message carries though its payload does not
    sentinels: list[float] = []  # values that mean "no value": -999, 0x7FFF
    zone: str | None = None  # for local times without a zone; the city's where absent
    oldest: date = date(2000, 1, 1)  # a time before this is a device without a clock
    cadence: Duration | None = None  # how often one sensor is expected to speak
    silent_after: Duration | None = None  # the whole feed is silent after this; 5 x cadence where absent
    retained: Literal["store", "ignore"] = "store"
    corrections: bool = False  # True: another value for a time that is stored puts it right; else it is a duplicate
    discover: bool = True  # False: readings of sensors that are not in the registry are quarantined
    max_sensors: int = 10_000  # a scanner cannot fill the registry
    max_per_sensor_minute: int | None = None  # above this a publisher is flooding: counted, named, ignored
    qos: Literal[0, 1] = 1

    @property
    def topics(self) -> list[str]:
        return [self.topic] if isinstance(self.topic, str) else self.topic

    @property
    def heard(self) -> list[str]:
        """`listens` as a list."""
        return [self.listens] if isinstance(self.listens, str) else self.listens

    @property
    def declared_units(self) -> list[tuple[tuple[str, ...], str, str]]:
        """(where in the file, our metric, the unit the payload uses), from `units` and from a mapping's `values`."""
        found: list[tuple[tuple[str, ...], str, str]] = [(("units", m), m, unit) for m, unit in self.units.items()]
        values = self.options.get("values")
        for name, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, dict) and isinstance(unit := value.get("unit"), str):
                found.append((("options", "values", str(name), "unit"), self.rename.get(str(name), str(name)), unit))
        return found
