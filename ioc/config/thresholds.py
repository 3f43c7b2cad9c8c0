"""thresholds/*.toml: dated packs of levels with their legal source. A rule refers to one as "pack.level"."""

from __future__ import annotations

from datetime import date

from ioc.config.types import Key, Model, Text


class Level(Model):
    """One level of a metric; `sensors` limits it to stations. severity: 1 caution .. 4 extreme."""

    key: Key
    name: Text
    metric: str
    value: float
    severity: int = 2
    sensors: list[str] = []
    valid_from: date | None = None
    valid_to: date | None = None


class ThresholdPack(Model):
    name: Text
    source: str
    url: str = ""
    note: str = ""
    level: list[Level] = []
