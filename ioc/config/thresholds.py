"""thresholds/*.toml: dated packs of levels with their legal source. A rule refers to one as "pack.level"."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import model_validator

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


class Pollutant(Model):
    """at: concentrations at the index's steps, in `unit`. truncate: to this many decimals first, as 0.1."""

    unit: str
    averaging: Literal["1h", "8h", "24h", "nowcast"]
    at: list[float]
    truncate: float | None = None


class Index(Model):
    """An index worked out of several metrics: steps, and what concentration of each is worth each step.

    needs: it is known only with one of these.
    """

    steps: list[float]
    pollutants: dict[str, Pollutant]
    needs: list[str] = []
    valid_from: date | None = None
    valid_to: date | None = None

    @model_validator(mode="after")
    def _rising(self) -> Index:
        for name, one in self.pollutants.items():
            if not 1 < len(one.at) <= len(self.steps) or one.at != sorted(set(one.at)):
                raise ValueError(f"{name}: its concentrations must rise, one a step, at most {len(self.steps)}")
        return self


class ThresholdPack(Model):
    name: Text
    source: str
    url: str = ""
    note: str = ""
    level: list[Level] = []
    index: Index | None = None
