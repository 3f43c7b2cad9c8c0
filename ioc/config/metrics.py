"""metrics.toml: what is measured. One table a metric, its key the table's name."""

from __future__ import annotations

from typing import Literal

from ioc.config.types import Duration, Model, Text


class Metric(Model):
    """low and high bound what is physically possible; outside it a reading is suspect, never an alarm."""

    name: Text
    unit: str = ""
    decimals: int = 1
    domain: str = ""
    low: float | None = None
    high: float | None = None
    rate: float | None = None  # the largest believable change per minute
    stuck: Duration | None = None  # the same value for longer than this is a stuck sensor
    kind: Literal["gauge", "counter", "state"] = "gauge"
    states: dict[str, Text] = {}  # for kind = "state": {"0": "off", "1": "on"}
    # Default colouring on maps, rising: [[level, severity 0..4]]; rules may say otherwise for a place.
    steps: list[tuple[float, int]] = []
