"""scenes/*.toml: one wall page a file, its key the file's stem."""

from __future__ import annotations

from typing import Literal

from ioc.config.types import Duration, Model, Text


class Tile(Model):
    """A figure that matters: one series (`sensor` + `metric`), or an aggregate of a metric over the city or an area."""

    title: Text
    metric: str
    sensor: str | None = None
    area: str | None = None
    aggregate: Literal["last", "mean", "max", "min", "sum", "count"] = "last"
    level: str | None = None  # "pack.level": shown under the figure, and colours it
    note: Text = {}


class Chart(Model):
    title: Text
    metric: str
    sensors: list[str]
    hours: float = 24.0
    levels: list[str] = []


class Scene(Model):
    title: Text
    order: int = 100
    domains: list[str] = []  # which points the map shows; empty means all
    tiles: list[Tile] = []
    chart: Chart | None = None
    rotate_after: Duration | None = None
