"""What passes between a rule kind and the engine: what to watch, and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from alerts.learned import Learned
    from alerts.walk import Level
    from ioc.config.rules import Rule
    from ioc.config.thresholds import ThresholdPack
    from ioc.lifecycle import Condition
    from ioc.records import Micros

SECOND: Micros = 1_000_000


class Limit(NamedTuple):
    """One level of a rule. A text instead of a number names the sensor's property that holds it.

    clear_at: None means `band` back from the level. priority: 1..4, the rule's where None. factor, offset: from a
    property's number to the metric's unit.
    """

    raise_at: float | str
    clear_at: float | str | None = None
    direction: int = 1  # 1: too high, -1: too low
    band: float = 0.0
    priority: int | None = None
    name: str = ""  # 'pack.level' it comes from
    factor: float = 1.0
    offset: float = 0.0

    @property
    def own(self) -> bool:
        """Whether it differs from sensor to sensor."""
        return isinstance(self.raise_at, str) or isinstance(self.clear_at, str)


class Spec(NamedTuple):
    """What a rule watches, with its levels. The rule's scope is applied to it.

    sensors, metrics: narrower than the scope; what the scope says where empty. per: what a target is. `each` is an
    input of every target of the rule, as the river's one gauge is for all sluices.
    """

    levels: tuple[Limit, ...] = ()
    sensors: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    quiet_after: float | None = None  # seconds; silence: no reading for this long, from the cadence where None
    name: str = ""  # which input this is, where a target has several
    per: Literal["series", "sensor", "area", "rule", "each"] = "series"


class Known(NamedTuple):
    """What a kind may ask when it makes its specs. units: metric -> unit; rules: every rule of the city by key."""

    packs: Mapping[str, ThresholdPack]
    day: date
    units: Mapping[str, str] = {}
    rules: Mapping[str, Rule] = {}
    zone: ZoneInfo = ZoneInfo("UTC")


class Watched(NamedTuple):
    """A rule as it is in force: its row's id, what it says, its kind's own options, its specs."""

    id: int
    rule: Rule
    options: Any
    specs: tuple[Spec, ...] = ()


class Wrong(str):
    """A value that could not be worked out, and why: the condition is `error` there, neither true nor false."""

    __slots__ = ()


class Input(NamedTuple):
    """One series as a signal gets it: usable samples, oldest first, how often it should speak; where the kind learns
    (`model_of`), what was learned of it; the levels of the target.
    """

    samples: Sequence[tuple[Micros, float]]
    expected: Micros | None = None
    learned: Learned | None = None
    levels: Sequence[Level | None] = ()
    members: int = 1  # how many series the target has in all, also those without samples here


Inputs: TypeAlias = Mapping[str, Input]  # by the name its Spec gave it; '' where there is one
Value: TypeAlias = "float | Wrong | None"  # None: no data there
Point: TypeAlias = "tuple[Micros, Value]"


@dataclass(frozen=True, slots=True)
class Tick:
    """One evaluation. at: logical time, aligned; rules: by id; after: the newest time already seen, by series.

    spoke: series with new samples since the last tick. full: everything is looked at, not only what spoke. late: the
    oldest sample of each series that came after newer ones. faults: what kinds find wrong with a rule is left here, by
    rule id, for its owner to read.
    """

    at: datetime
    rules: Mapping[int, Watched] = field(default_factory=dict)
    after: Mapping[int, datetime] = field(default_factory=dict)
    settling: bool = False  # just started, or a part just came back: silence is not judged
    replay: bool = False  # catching up: what happened is dated when it happened
    since: datetime = datetime(1970, 1, 1, tzinfo=UTC)  # what was received later was not looked at yet
    spoke: AbstractSet[int] = frozenset()
    full: bool = True
    quick: bool = False  # between two ticks: only rules on series, and only those that spoke
    late: Mapping[int, datetime] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))  # the city's
    kinds: Mapping[str, Mapping[int, Watched]] | None = None  # the rules by kind, where worked out already

    @property
    def looked_at(self) -> list[int] | None:
        """Series to look at, None where all are."""
        return None if self.full else sorted(self.spoke)

    def of(self, kind: str) -> Mapping[int, Watched]:
        """The rules of one kind."""
        return (by_kind(self.rules) if self.kinds is None else self.kinds).get(kind, {})


def by_kind(rules: Mapping[int, Watched]) -> dict[str, dict[int, Watched]]:
    found: dict[str, dict[int, Watched]] = {}
    for rule_id, watched in rules.items():
        found.setdefault(watched.rule.kind, {})[rule_id] = watched
    return found


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
    priority: int | None = None  # of the worst level that holds, where a rule has several
    held: int | None = None  # which levels hold, a bit each
    area: str | None = None
    lat: float | None = None
    lon: float | None = None
    detail: dict[str, Any] | None = None  # what the kind says of it, for pages and mails


def micros(when: datetime) -> Micros:
    return round(when.timestamp() * SECOND)


def length(span: timedelta) -> Micros:
    return round(span.total_seconds() * SECOND)


def moment(at: Micros) -> datetime:
    return datetime.fromtimestamp(at // SECOND, UTC) + timedelta(microseconds=at % SECOND)
