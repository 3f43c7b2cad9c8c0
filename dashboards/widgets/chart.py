"""Lines of some sensors over the last hours with the levels that matter, and where they go from here."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dashboards import board
from dashboards.node import el, say
from ioc.config.types import Duration, Model, parse_duration

if TYPE_CHECKING:
    from dashboards.board import Trace
    from dashboards.node import Node
    from dashboards.snapshot import Snapshot
    from dashboards.view import View

_LEAST = 60.0  # seconds


class Options(Model):
    """forecast: how far the lines go on, where something is known of their future; "0s" for not at all."""

    metric: str
    sensors: Annotated[list[str], Field(min_length=1, max_length=8)]
    hours: Annotated[float, Field(gt=0, le=24 * 366)] = 24.0
    forecast: Duration = Field(default=parse_duration("0s"), validate_default=True)
    levels: list[str] = []


def traces(options: Options, snap: Snapshot) -> list[Trace]:
    """One a sensor, in about three hundred steps."""
    step = timedelta(seconds=max(_LEAST, round(options.hours * 12) * 1.0))
    one = (board.Measure(metric=options.metric, sensor=sensor) for sensor in options.sensors)
    return [board.trace_of(asked, snap, timedelta(hours=options.hours), step) for asked in one]


def AHEAD(options: Options) -> timedelta:  # noqa: N802  a property of the kind, as its other parts are
    return options.forecast


def draw(options: Options, view: View) -> Node:
    metric = view.snap.metrics.get(options.metric) or {}
    found = [x for name in options.levels if (x := board.level(view.folder, name, view.today)) is not None]
    names = {sensor.key: sensor.name for sensor in view.snap.sensors if sensor.key in options.sensors}
    return el(
        "@chart",
        title=say(view.widget.title), unit=metric.get("unit", ""), decimals=metric.get("decimals", 1),
        hours=options.hours, ahead=options.forecast.total_seconds() / 3600,
        step=traces(options, view.snap)[0].step.total_seconds() * 1000,
        lines=[say(names.get(sensor, sensor)) for sensor in options.sensors],
        levels=[{"name": x.name, "value": x.value, "state": board.LEVEL_STATE[x.severity]} for x in found],
    )  # fmt: skip
