"""Other rules' alarms together: this and that in one ward, one but not the other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field, field_validator

from alerts import boolean
from alerts.verdict import Verdict
from ioc.config.report import nearest
from ioc.config.types import Duration, Model
from ioc.store import kinds as store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alerts.verdict import Known, Spec, Tick, Watched
    from ioc.config.rules import Rule
    from ioc.store.database import Connection

AFTER_OTHERS = True


class Options(Model):
    """
    when: keys of rules with and, or, not, ( ). by: what must be the same for the alarms taken together: `area`,
    `sensor`, `feed` or `city` (anywhere). within: an alarm that is over counts on for this long.
    """

    when: str = Field(min_length=1)
    by: Literal["area", "sensor", "feed", "city"] = "area"
    within: Duration = timedelta(0)

    @field_validator("when")
    @classmethod
    def _readable(cls, value: str) -> str:
        if boolean.truth(boolean.parse(value), {}):
            raise ValueError("it would be true while nothing is wrong")
        return value


class State(NamedTuple):
    """A rule in one group. known: False where its alarm has no data; since: when it became so, by the data's time."""

    held: bool
    known: bool
    since: datetime


def specs(rule: Rule, options: Options, known: Known) -> list[Spec]:
    """Raises ValueError for rules that are not there, and for those that ask each other in a circle."""
    for key in sorted(boolean.names(boolean.parse(options.when))):
        if known.rules and key not in known.rules:
            hint = nearest(key, known.rules) or "write the key of another rule"
            raise ValueError(f"when: there is no rule {key!r}; {hint}")
    circle = _circle(rule.key, options.when, known.rules)
    if circle:
        raise ValueError(f"when: rules that ask each other: {' -> '.join(circle)}")
    return []


def _circle(key: str, when: str, rules: Mapping[str, Rule], way: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The rules from `key` back to itself, () where there is no such way."""
    for other in sorted(boolean.names(boolean.parse(when))):
        start = way[0] if way else key
        if other == start:
            return (*way, key, other)
        rule = rules.get(other)
        if rule is None or rule.kind != "composite" or other in way:
            continue
        asks = rule.options.get("when")
        try:
            found = _circle(other, asks, rules, (*way, key)) if isinstance(asks, str) else ()
        except ValueError:
            continue  # told of that rule
        if found:
            return found
    return ()


def window(options: Options) -> timedelta:
    return options.within


def evaluate(conn: Connection, tick: Tick) -> list[Verdict]:
    """All rules of this kind at once. One that asks another composite sees it as of the tick before."""
    mine = tick.of("composite")
    if not mine:
        return []
    asked = {i: sorted(boolean.names(boolean.parse(w.options.when))) for i, w in mine.items()}
    longest = max(w.options.within for w in mine.values())
    rows = store.alarms_of(conn, sorted({k for keys in asked.values() for k in keys}), tick.at - longest)
    opened = store.open_targets(conn, sorted(mine))
    return [v for i, w in mine.items() for v in _judged(w, rows, opened.get(i, {}), tick)]


def _judged(watched: Watched, rows: list[dict[str, Any]], opened: Mapping[str, Any], tick: Tick) -> Iterator[Verdict]:
    options, names = watched.options, boolean.names(boolean.parse(watched.options.when))
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        target = _target(row, options.by)
        if row["rule"] in names and target and _counts(row, tick.at - options.within):
            groups.setdefault(target, []).append(row)
    for target in sorted({*groups, *opened}):
        yield from _verdict(watched, target, groups.get(target, []), opened.get(target, (None,))[0], tick)


def _counts(row: dict[str, Any], since: datetime) -> bool:
    """An alarm that holds, or that did until lately."""
    return bool(row["condition"] != "false" or row["until"] > since)


def _target(row: dict[str, Any], by: str) -> str:
    if by == "city":
        return "city:"
    key = row["area"] if by == "area" else row[f"{by}_id"]
    return f"{by}:{key}" if key is not None else ""


def state(rows: list[dict[str, Any]]) -> dict[str, State]:
    """Rule -> how it stands, from its alarms in one group: held where any is, unknown where none is known to be."""
    found: dict[str, State] = {}
    for row in rows:
        known = row["condition"] in ("true", "false")
        before = found.get(row["rule"])
        if before is None or (known and not before.known):
            found[row["rule"]] = State(held=True, known=known, since=row["event_start"])
        elif known == before.known:
            found[row["rule"]] = before._replace(since=min(before.since, row["event_start"]))
    return found


def _verdict(
    watched: Watched, target: str, rows: list[dict[str, Any]], condition: str | None, tick: Tick
) -> Iterator[Verdict]:
    states = state(rows)
    now = boolean.truth(
        boolean.parse(watched.options.when), {k: s.held if s.known else None for k, s in states.items()}
    )
    since = max((s.since for s in states.values()), default=tick.at)
    if now is None:
        if condition not in (None, "false"):
            yield Verdict(watched.id, target, "nodata", tick.at)
        return
    if now and condition != "true" and tick.at - since >= watched.rule.on_delay:
        yield _raised(watched, target, rows, since, tick)
    elif not now and condition not in (None, "false"):
        yield Verdict(watched.id, target, "false", tick.at)


def _raised(watched: Watched, target: str, rows: list[dict[str, Any]], since: datetime, tick: Tick) -> Verdict:
    kind, _, key = target.partition(":")
    placed = [row for row in rows if row["lat"] is not None]
    said = Verdict(watched.id, target, "true", tick.at, since=since, detail={"alarms": sorted(r["id"] for r in rows)},
                   note=", ".join(sorted({r["rule"] for r in rows})))  # fmt: skip
    if placed:
        lat, lon = (sum(r[c] for r in placed) / len(placed) for c in ("lat", "lon"))
        said = said._replace(lat=lat, lon=lon)
    areas = {row["area"] for row in rows}
    said = said._replace(area=areas.pop() if len(areas) == 1 else None)
    if kind == "sensor":
        return said._replace(sensor_id=int(key))
    return said._replace(feed_id=int(key)) if kind == "feed" else said
