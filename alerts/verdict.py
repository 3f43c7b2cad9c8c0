"""What passes between a rule kind and the engine: what to watch, and what was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ioc.config.rules import Rule
    from ioc.lifecycle import Condition
    from ioc.records import Micros

SECOND: Micros = 1_000_000


class Spec(NamedTuple):
    """One level of a rule, for the sensors named (all in the rule's scope where empty)."""

    raise_at: float | None = None
    clear_at: float | None = None
    direction: int = 1  # 1: too high, -1: too low
    sensors: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()  # a pack's level is of one metric; the scope's where empty
    quiet_after: float | None = None  # seconds; silence: no reading for this long, from the cadence where None


class Watched(NamedTuple):
    """A rule as it is in force: its row's id, what it says, its kind's own options."""

    id: int
    rule: Rule
    options: Any


@dataclass(frozen=True, slots=True)
class Tick:
    """One evaluation. at: logical time, aligned; rules: by id; after: the newest time already seen, by series."""

    at: datetime
    rules: Mapping[int, Watched] = field(default_factory=dict)
    after: Mapping[int, datetime] = field(default_factory=dict)
    settling: bool = False  # just started, or a part just came back: silence is not judged
    replay: bool = False  # catching up: what happened is dated when it happened


class Verdict(NamedTuple):
    """One rule is true, false or unknown for one target, as of `time` (the data's own)."""

    rule_id: int
    target: str
    truth: Condition
    time: datetime
    value: float | None = None
    threshold: float | None = None
    since: datetime | None = None  # when the condition began, where a delay had to pass first
    peak: float | None = None
    series_id: int | None = None
    sensor_id: int | None = None
    feed_id: int | None = None
    event_id: int | None = None
    by_design: bool | None = None  # hidden behind a larger fault, no longer so, or (None) not said
    late: bool = False  # found from history: it counts from its own time
    note: str = ""


def micros(when: datetime) -> Micros:
    return round(when.timestamp() * SECOND)


def moment(at: Micros) -> datetime:
    return datetime.fromtimestamp(at // SECOND, UTC) + timedelta(microseconds=at % SECOND)
