"""What passes between a rule kind and the engine: what to watch, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from ioc.records import Micros

Truth = Literal["true", "false", "nodata", "error"]
SECOND: Micros = 1_000_000


class Spec(NamedTuple):
    """One level of a rule, for the sensors named (all in the rule's scope where empty). Durations in seconds."""

    raise_at: float | None = None
    clear_at: float | None = None
    direction: int = 1  # 1: too high, -1: too low
    sensors: tuple[str, ...] = ()
    quiet_after: float | None = None  # silence: no reading for this long; None: worked out from the cadence
    metrics: tuple[str, ...] = ()  # beside the scope's own: a pack's level is of one metric


@dataclass(frozen=True, slots=True)
class Tick:
    """One evaluation. at: logical time, aligned. previous: the last one that was finished, None at the first."""

    at: datetime
    previous: datetime | None = None
    settling: bool = False  # just started, or a part just came back: silence rules hold
    replay: bool = False  # the time since `previous` is looked at sample by sample


class Verdict(NamedTuple):
    """One rule is true, false or unknown for one target, as of `time` (the data's own)."""

    rule_id: int
    target: str
    truth: Truth
    time: datetime
    value: float | None = None
    threshold: float | None = None
    since: datetime | None = None  # when the condition began, where a delay had to pass first
    series_id: int | None = None
    sensor_id: int | None = None
    feed_id: int | None = None
    by_design: bool | None = None  # hidden behind a larger fault (True), no longer so (False), not said (None)
    late: bool = False  # found from history, not as it happened
    peak: float | None = None


def micros(moment: datetime) -> Micros:
    return round(moment.timestamp() * SECOND)


def moment(at: Micros) -> datetime:
    return datetime.fromtimestamp(at // SECOND, UTC) + timedelta(microseconds=at % SECOND)
