"""Events near something, or several near each other: three reports of water within 200 m in half an hour."""

from __future__ import annotations

from datetime import timedelta
from math import floor
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field, model_validator

from alerts import plane
from alerts.verdict import Verdict, length, micros, moment
from ioc.config.types import Duration, Model
from ioc.store import kinds as store
from ioc.store.rules import like

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from alerts.verdict import Known, Spec, Tick, Watched
    from ioc.config.rules import Rule
    from ioc.records import Micros
    from ioc.store.database import Connection


class Spot(Model):
    name: str
    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)


class Options(Model):
    """
    kinds: event kinds, a trailing * matches the rest; severity: the least. radius: metres; within: how long an event
    counts after it was opened, closed or not. count: this many, of different reporters. reporter: the property that
    tells them apart (an event without it counts for itself). Near what: sensors (keys, a trailing * matches the rest)
    or places { name, lat, lon }; without either near each other. The rule's scope (feeds, domains, areas) is theirs.
    """

    kinds: list[str] = []
    severity: int = Field(default=0, ge=0, le=4)
    radius: float = Field(gt=0, le=100_000)
    within: Duration = Field(gt=timedelta(0))
    count: int = Field(default=1, ge=1)
    reporter: str = "reporter"
    sensors: list[str] = []
    places: list[Spot] = []

    @model_validator(mode="after")
    def _enough(self) -> Options:
        if not self.sensors and not self.places and self.count < 2:
            raise ValueError("events near each other: count must be at least 2; or name sensors or places")
        return self


class Report(NamedTuple):
    id: int
    at: Micros
    lat: float
    lon: float
    reporter: str


class Group(NamedTuple):
    """Reports that belong together, the first to come first; since: when there were enough of them."""

    members: tuple[Report, ...]
    since: Micros


def specs(rule: Rule, _options: Options, _known: Known) -> list[Spec]:
    """Raises ValueError."""
    if rule.scope.metrics or rule.scope.sensors:
        raise ValueError("scope: events are named by feeds, domains and areas; what they are near by is in options")
    return []


def window(_options: Options) -> timedelta:
    return timedelta(0)


def groups(reports: Sequence[Report], radius: float, within: Micros, count: int) -> list[Group]:
    """Around each report those that came within `within` before it and within `radius` of it; where `count` different
    reporters meet it is a group, and groups that share a report are one. Deterministic in the order of (at, id).
    """
    ordered = sorted(reports, key=lambda r: (r.at, r.id))
    cells = _Cells(radius)
    mine: list[tuple[set[int], Micros]] = []  # indexes, since
    for n, report in enumerate(ordered):
        cells.add(n, report)
        near = [i for i in cells.near(report) if ordered[i].at > report.at - within
                and plane.distance((report.lat, report.lon), (ordered[i].lat, ordered[i].lon)) <= radius]  # fmt: skip
        if len({ordered[i].reporter for i in near}) < count:
            continue
        joined, since = set(near), report.at
        for other in [g for g in mine if g[0] & joined]:
            mine.remove(other)
            joined, since = joined | other[0], min(since, other[1])
        mine.append((joined, since))
    return [Group(tuple(ordered[i] for i in sorted(members)), since) for members, since in mine]


class _Cells:
    """Reports by squares of the radius, so that not all are compared with all."""

    def __init__(self, radius: float) -> None:
        self._step = radius / 111_195.0
        self._cells: dict[tuple[int, int], list[int]] = {}

    def _cell(self, report: Report) -> tuple[int, int]:
        return floor(report.lat / self._step), floor(report.lon / self._step)

    def add(self, n: int, report: Report) -> None:
        self._cells.setdefault(self._cell(report), []).append(n)

    def near(self, report: Report) -> Iterator[int]:
        y, x = self._cell(report)
        wide = 1 if abs(report.lat) < 60 else 6  # degrees of longitude shrink towards the poles
        for dy in (-1, 0, 1):
            for dx in range(-1 - wide, 2 + wide):
                yield from self._cells.get((y + dy, x + dx), ())


def evaluate(conn: Connection, tick: Tick) -> list[Verdict]:
    """All rules of this kind at once."""
    mine = tick.of("nearby")
    if not mine:
        return []
    rows: dict[int, list[dict[str, Any]]] = {}
    for row in store.reports(conn, [_wanted(w) for w in mine.values()], tick.at):
        rows.setdefault(row["rule_id"], []).append(row)
    opened = store.open_targets(conn, sorted(mine))
    patterns = sorted({like(s) for w in mine.values() for s in w.options.sensors})
    spots = store.spots(conn, patterns) if patterns else []
    found: list[Verdict] = []
    for i, watched in mine.items():
        reports = [Report(r["id"], r["at"], r["lat"], r["lon"], r["reporter"]) for r in rows.get(i, [])]
        standing = opened.get(i, {})
        around = _named(watched)
        now = dict(_around(watched, reports, spots, tick) if around else _together(watched, reports, standing, tick))
        found += _difference(watched, now, standing, tick)
    return found


def _named(watched: Watched) -> bool:
    return bool(watched.options.sensors or watched.options.places)


def _wanted(watched: Watched) -> dict[str, Any]:
    """Twice as far back as counts, so that a group keeps its first report while new ones come."""
    scope, options = watched.rule.scope, watched.options
    return {"rule_id": watched.id, "kinds": [like(k) for k in options.kinds], "severity": options.severity,
            "feeds": scope.feeds, "domains": scope.domains, "areas": scope.areas, "reporter": options.reporter,
            "seconds": 2 * options.within.total_seconds()}  # fmt: skip


def _together(
    watched: Watched, reports: Sequence[Report], opened: Mapping[str, Any], tick: Tick
) -> Iterator[tuple[str, Verdict]]:
    """Groups with a report that is not too old. One that shares a report with an open alarm is that alarm."""
    options, width = watched.options, length(watched.options.within)
    known = {i: target for target, (_, detail) in sorted(opened.items()) for i in detail.get("events", [])}
    for group in groups(reports, options.radius, width, options.count):
        if group.members[-1].at <= micros(tick.at) - width:
            continue
        target = next((known[r.id] for r in group.members if r.id in known), f"event:{group.members[0].id}")
        yield target, _verdict(watched, target, group.members, group.since, tick)


def _around(
    watched: Watched, reports: Sequence[Report], spots: Sequence[dict[str, Any]], tick: Tick
) -> Iterator[tuple[str, Verdict]]:
    options = watched.options
    wanted = [like(s) for s in options.sensors]
    places = [(f"place:{p.name}", None, p.lat, p.lon) for p in options.places]
    places += [(f"sensor:{s['id']}", s["id"], s["lat"], s["lon"]) for s in spots if _fits(s["key"], wanted)]
    begin = micros(tick.at) - length(options.within)
    lately = sorted((r for r in reports if r.at > begin), key=lambda r: (r.at, r.id))
    for target, sensor, lat, lon in places:
        near = [r for r in lately if plane.distance((lat, lon), (r.lat, r.lon)) <= options.radius]
        since = _enough(near, options.count)
        if since is not None:
            yield target, _verdict(watched, target, near, since, tick)._replace(sensor_id=sensor, lat=lat, lon=lon)


def _fits(key: str, patterns: Sequence[str]) -> bool:
    plain = [p.replace("\\_", "_").replace("\\%", "%").replace("\\\\", "\\") for p in patterns]
    return any(key.startswith(p[:-1]) if p.endswith("%") else key == p for p in plain)


def _enough(reports: Sequence[Report], count: int) -> Micros | None:
    """When there were reports of so many different people."""
    seen: set[str] = set()
    for report in reports:
        seen.add(report.reporter)
        if len(seen) >= count:
            return report.at
    return None


def _verdict(watched: Watched, target: str, members: Sequence[Report], since: Micros, tick: Tick) -> Verdict:
    ids = [r.id for r in members]
    people = len({r.reporter for r in members})
    event = int(target.removeprefix("event:")) if target.startswith("event:") else None
    return Verdict(watched.id, target, "true", tick.at, value=float(people), threshold=float(watched.options.count),
                   since=moment(since), event_id=event, detail={"events": ids}, note=f"{len(ids)} events",
                   lat=sum(r.lat for r in members) / len(ids), lon=sum(r.lon for r in members) / len(ids))  # fmt: skip


def _difference(
    watched: Watched, now: Mapping[str, Verdict], opened: Mapping[str, Any], tick: Tick
) -> Iterator[Verdict]:
    """What the open alarms do not say yet; an alarm whose group grew learns of its new members."""
    for target, verdict in now.items():
        condition, detail = opened.get(target, (None, {}))
        if condition != "true" or set(verdict.detail["events"]) - set(detail.get("events", [])):  # type: ignore[index]
            yield verdict
    for target, (condition, _) in opened.items():
        if target not in now and condition != "false":
            yield Verdict(watched.id, target, "false", tick.at)
