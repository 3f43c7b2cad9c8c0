"""Something that moves is inside a fence, or outside of it, for so long."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from alerts import plane
from alerts.judge import Case, gap, verdicts
from alerts.verdict import length, micros, moment
from alerts.walk import Delays, Level
from ioc.config.types import Model
from ioc.store import kinds as store
from ioc.store.rules import like

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from alerts.verdict import Known, Point, Spec, Tick, Verdict, Watched
    from ioc.config.rules import Rule
    from ioc.records import Micros
    from ioc.store.database import Connection

_FASTEST = 70.0  # m/s: a jump faster than this is an error of the receiver


class Circle(Model):
    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    radius: float = Field(gt=0)  # metres


class Options(Model):
    """
    when: inside or outside. areas: keys of areas; circles: { lat, lon, radius (m) }; being in any of them is inside.
    For how long it must be so says the rule's on_delay (dwell). buffer: it clears this many metres on the other side of
    the border (25), more than the error of the receiver. fastest: m/s, a position that would need more is none (70).
    The rule's scope says what moves: feeds, domains, sensors, tags.
    """

    when: Literal["inside", "outside"] = "inside"
    areas: list[str] = []
    circles: list[Circle] = []
    buffer: float = Field(default=25.0, ge=0)
    fastest: float = Field(default=_FASTEST, gt=0)

    @model_validator(mode="after")
    def _fenced(self) -> Options:
        if not self.areas and not self.circles:
            raise ValueError("give areas or circles: where is the fence?")
        return self


class Fence(NamedTuple):
    """Outlines of the areas, and circles."""

    outlines: list[list[plane.Array]]
    circles: Sequence[Circle]

    def depth(self, lat: float, lon: float) -> float:
        """Metres inside, negative outside."""
        rounds = [c.radius - plane.distance((lat, lon), (c.lat, c.lon)) for c in self.circles]
        return max([plane.deepest(self.outlines, lat, lon), *rounds])


def specs(rule: Rule, _options: Options, _known: Known) -> list[Spec]:
    """Raises ValueError where the scope says what a position does not have."""
    if rule.scope.metrics or rule.scope.areas:
        raise ValueError("scope: what moves is named by feeds, domains, sensors or tags; the fence is options.areas")
    return []


def window(_options: Options) -> timedelta:
    return timedelta(0)


def signal_of(track: Sequence[tuple[Micros, float, float]], fence: Fence, options: Options) -> list[Point]:
    """Metres beyond the border into where it must not be, at each believable position."""
    way = 1 if options.when == "inside" else -1
    return [(at, way * fence.depth(lat, lon)) for at, lat, lon in believable(track, options.fastest)]


def believable(track: Sequence[tuple[Micros, float, float]], fastest: float) -> list[tuple[Micros, float, float]]:
    """Without single positions that lie too far from the ones before and after them."""
    kept = list(track[:1])
    for here, after in pairwise([*track[1:], *track[-1:]] if len(track) > 1 else []):
        if _too_fast(kept[-1], here, fastest) and (here is after or _too_fast(here, after, fastest)):
            continue
        kept.append(here)
    return kept


def _too_fast(a: tuple[Micros, float, float], b: tuple[Micros, float, float], fastest: float) -> bool:
    return plane.distance(a[1:], b[1:]) > fastest * max((b[0] - a[0]) / 1e6, 1.0)


def evaluate(conn: Connection, tick: Tick) -> list[Verdict]:
    """All rules of this kind at once; of what was heard since the last look. Late positions are not judged again."""
    mine = tick.of("geofence")
    if not mine:
        return []
    rows = store.movers(conn, [_wanted(w) for w in mine.values()], tick.at, tick.since, full=tick.full)
    cases = [(row, _case(row, mine[row["rule_id"]])) for row in rows]
    tracks = store.track(conn, _spans(cases, tick))
    fences = _fences(conn, mine, tick)
    return [
        v
        for row, case in cases
        for v in _judged(case, tracks.get(row["sensor_id"], []), fences.get(case.rule_id), mine[case.rule_id], tick)
    ]


def _wanted(watched: Watched) -> dict[str, Any]:
    scope = watched.rule.scope
    return {"rule_id": watched.id, "feeds": scope.feeds, "domains": scope.domains, "keys": [],
            "patterns": [like(s) for s in scope.sensors], "tags": scope.tags}  # fmt: skip


def _case(row: dict[str, Any], watched: Watched) -> Case:
    expected = None if row["expected"] is None else round(row["expected"] * 1e6)
    rule = watched.rule
    return Case(
        rule_id=watched.id, target=f"sensor:{row['sensor_id']}", levels=[Level(0.0, -watched.options.buffer)],
        delays=Delays(length(rule.on_delay), length(rule.off_delay), gap(expected)), condition=row["condition"],
        held=1, used=None if row["used"] is None else micros(row["used"]), until=micros(row["newest"]),
        stale=not row["fresh"], ids={"sensor_id": row["sensor_id"], "feed_id": row["feed_id"]},
    )  # fmt: skip


def _spans(cases: Sequence[tuple[dict[str, Any], Case]], tick: Tick) -> list[Any]:
    """From a position before the first new one, and as far back as a delay looks."""
    wide: dict[int, tuple[Micros, Micros]] = {}
    for row, case in cases:
        reach = max(case.delays.on, case.delays.off) + case.delays.gap
        begin = min(micros(tick.since), case.until) - reach
        old = wide.get(row["sensor_id"], (begin, case.until))
        wide[row["sensor_id"]] = (min(old[0], begin), max(old[1], case.until))
    return [(sensor, moment(begin), moment(until)) for sensor, (begin, until) in wide.items()]


def _fences(conn: Connection, mine: Mapping[int, Watched], tick: Tick) -> dict[int, Fence]:
    """By rule. One that names an area which is not valid today has none: its owner is told."""
    keys = sorted({key for w in mine.values() for key in w.options.areas})
    shapes = store.shapes(conn, keys, tick.at.astimezone(tick.zone).date()) if keys else {}
    found = {}
    for rule, watched in mine.items():
        missing = [key for key in watched.options.areas if key not in shapes]
        if missing:
            tick.faults[rule] = f"no such area today: {', '.join(missing)}"
            continue
        found[rule] = Fence([plane.rings(shapes[key]) for key in watched.options.areas], watched.options.circles)
    return found


def _judged(
    case: Case, track: list[tuple[Micros, float, float]], fence: Fence | None, watched: Watched, tick: Tick
) -> Iterator[Verdict]:
    if fence is None:
        return
    points = [] if case.stale else signal_of(track, fence, watched.options)
    where = {at: (lat, lon) for at, lat, lon in track}
    for verdict in verdicts(case, points, tick):
        place = where.get(micros(verdict.time))
        yield verdict if place is None else verdict._replace(lat=place[0], lon=place[1])
