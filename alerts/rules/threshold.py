"""A value has passed a level: too high or too low, with its own level to clear; of several levels the worst counts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from alerts import levels, signals
from alerts.judge import Case, gap, verdicts
from alerts.verdict import Verdict, length, micros, moment
from alerts.walk import Delays
from ioc.store import rules as store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from alerts.judge import Span
    from alerts.verdict import Known, Spec, Tick
    from ioc.config.rules import Rule
    from ioc.records import Micros
    from ioc.store.database import Connection

_DAY = timedelta(minutes=30)  # how far back alarms are looked up that late samples may tell of


class Options(levels.Steps):
    """
    above or below: the level to raise at: a number, "pack.level" of thresholds/*.toml, or "sensor.name", a property of
    the sensor. clear: the level to clear at; or deadband: how far back it must come, in the unit (never percent: that
    breaks at zero). unit: of the numbers here, where it is not the metric's.
    levels: several of these, each with a priority: one alarm whose severity moves.
    """


def specs(rule: Rule, options: Options, known: Known) -> list[Spec]:
    """One Spec a set of stations; levels of a pack for named stations come first. Raises ValueError."""
    return levels.specs(rule, options, known)


def window(_options: Options) -> timedelta:
    """A sample is judged on its own."""
    return timedelta(0)


def evaluate(conn: Connection, tick: Tick) -> list[Verdict]:
    """All threshold rules at once; samples are read only for pairs that may change."""
    series = tick.looked_at
    crossed = store.crossed(conn, tick.at, dict(tick.after), newest=tick.replay)
    found = [*crossed, *store.rising(conn, tick.at, series), *store.standing(conn, tick.at, series)]
    found += crossed if tick.replay else []  # what was said while nobody looked comes before that nothing is said now
    pairs = {(c.rule_id, c.series_id): c for c in found if c.rule_id in tick.rules}
    store.follow_peaks(conn, series)
    overdue = {(c.rule_id, c.series_id): c for c in store.overdue(conn, dict(tick.late)) if c.rule_id in tick.rules}
    pairs = {**{p: c for p, c in overdue.items() if p not in pairs}, **pairs}
    recorded = _recorded(conn, tick, list(overdue))
    spans = {pair: _span(c, tick) for pair, c in pairs.items() if c.fresh}
    samples = store.samples(conn, _merged(spans))
    return [
        v
        for pair, c in pairs.items()
        for v in _judge(c, samples.get(c.series_id, []), spans.get(pair), recorded.get(pair), tick)
    ]


def _recorded(conn: Connection, tick: Tick, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[Span]]:
    """When the pairs with late samples were true already."""
    if not pairs:
        return {}
    found = store.recorded(conn, [(rule, f"series:{series}") for rule, series in pairs], tick.at - _DAY)
    return {(rule, series): found.get((rule, f"series:{series}"), []) for rule, series in pairs}


def _delays(candidate: store.Candidate, tick: Tick) -> Delays:
    rule, expected = tick.rules[candidate.rule_id].rule, candidate.expected
    return Delays(length(rule.on_delay), length(rule.off_delay), gap(None if expected is None else length(expected)))


def _span(candidate: store.Candidate, tick: Tick) -> tuple[Micros, Micros]:
    """(after, until]: the newest sample, what came since the last tick or late, and as far back as a delay looks."""
    delays, newest = _delays(candidate, tick), micros(candidate.time)
    longest = max(delays.on, delays.off)
    seen = [micros(when) for by in (tick.after, tick.late) if (when := by.get(candidate.series_id)) is not None]
    reach = longest + delays.gap if longest or candidate.series_id in tick.late else 0
    return min([newest - reach - 1, *(s - reach for s in seen)]), newest


def _merged(spans: Mapping[tuple[int, int], tuple[Micros, Micros]]) -> list[tuple[int, datetime, datetime]]:
    """One span a series, wide enough for all its rules."""
    wide: dict[int, tuple[Micros, Micros]] = {}
    for (_, series), (after, until) in spans.items():
        old = wide.get(series, (after, until))
        wide[series] = (min(old[0], after), max(old[1], until))
    return [(series, moment(after), moment(until)) for series, (after, until) in wide.items()]


def _judge(
    c: store.Candidate, samples: list[tuple[Micros, float]], span: tuple[Micros, Micros] | None,
    recorded: list[Span] | None, tick: Tick,
) -> Iterator[Verdict]:  # fmt: skip
    target = f"series:{c.series_id}"
    if span is None:
        yield Verdict(c.rule_id, target, "nodata", tick.at, threshold=c.raise_at, series_id=c.series_id)
        return
    watched = tick.rules[c.rule_id]
    own = watched.specs[c.place].levels if c.place < len(watched.specs) else ()
    several = c.levels is not None
    case = Case(
        rule_id=c.rule_id, target=target, delays=_delays(c, tick), condition=c.condition, until=span[1],
        levels=signals.walked(c.levels or [[c.raise_at, c.clear_at, c.direction]]),
        ranks=signals.ranks(watched, own) if several else (), held=c.held if several else 1,
        used=None if c.used is None else micros(c.used), recorded=recorded or (),
        late=None if recorded is None else micros(tick.late[c.series_id]), ids={"series_id": c.series_id},
    )  # fmt: skip
    yield from verdicts(case, [s for s in samples if span[0] < s[0] <= span[1]], tick)
