"""Models of the series that rules watch, made before their day and kept in the store: a job beside the tick.

Today's come first; tomorrow's are made ahead in the course of the day, a few at a time: midnight is no rush hour.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from alerts.learned import Learned, Past
from alerts.targets import KINDS
from ioc import plugins
from ioc.models import clock
from ioc.store import models
from ioc.store.alarm_write import clock as clock_of
from ioc.store.models import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from alerts.learned import Model
    from alerts.verdict import Watched
    from ioc.store.database import Connection

KEPT = timedelta(days=3)  # for what comes late, and for ticks that are done again
BUDGET_S = 3.0  # of one turn
_AT_ONCE = 20
_AHEAD_FROM = timedelta(hours=2)  # after midnight, when what came late has come, tomorrow's models are made


def model_of(watched: Watched) -> Model | None:
    """What this rule learns, None where its kind learns nothing."""
    module = plugins.load(KINDS, watched.rule.kind)
    found: Model | None = module.model_of(watched.options) if hasattr(module, "model_of") else None
    return found


def turn(conn: Connection, rules: Iterable[Watched], zone: ZoneInfo, now: datetime, budget: float) -> int:
    """Learn what is missing, for at most about `budget` seconds; returns how many models were made."""
    asked = {w.id: m for w in rules if (m := model_of(w)) is not None}
    if not asked:
        return 0
    today = now.astimezone(zone).date()
    days = [today]
    if (now.astimezone(zone) - _AHEAD_FROM).date() == today:
        days.append(today + timedelta(days=1))
    holidays, made, deadline = models.holidays(conn), 0, time.monotonic() + budget
    for day in days:
        while found := models.missing(conn, [(i, m.name, m.key) for i, m in asked.items()], day, now, _AT_ONCE):
            for rule, series in found:
                learn(conn, asked[rule], series, day, zone, holidays)
                made += 1
                if time.monotonic() > deadline:
                    return made
    return made


def learn(conn: Connection, model: Model, series: int, day: date, zone: ZoneInfo, holidays: Container[date]) -> Any:
    """One model, made from the store and kept there; None where too little is known."""
    past = Past(*models.history(conn, series, *model.span(day, zone), coarse=model.coarse))
    found = model.learn(past, day, zone, holidays)
    models.put(conn, Wanted(series, model.name, model.key, day), None if found is None else found.as_json())
    return found


def kept(
    conn: Connection, model: Model | None, series: Iterable[int], days: Iterable[date], zone: ZoneInfo
) -> Mapping[int, Learned]:
    """What is learned of these series for these days, as far as the store has it."""
    days, ids = list(days), list(series)
    if model is None:
        return dict.fromkeys(ids, Learned(zone, lambda _: None))
    rows = models.get(conn, [Wanted(i, model.name, model.key, day) for i in ids for day in days])
    loaded = {w: model.load(state, w.day) for w, state in rows.items() if state is not None}
    holidays = models.holidays(conn)

    def of(series_id: int) -> Learned:
        return Learned(zone, lambda day: loaded.get(Wanted(series_id, model.name, model.key, day)), holidays)

    return {i: of(i) for i in ids}


def working(rules: Callable[[], Iterable[Watched]], zone: Callable[[], ZoneInfo]) -> Callable[[Connection], object]:
    """The job: what the rules in force lack."""

    def work(conn: Connection) -> None:
        now = clock_of(conn)
        turn(conn, rules(), zone(), now, BUDGET_S)
        forget(conn, zone(), now)

    return work


def forget(conn: Connection, zone: ZoneInfo, now: datetime) -> None:
    models.forget(conn, (now.astimezone(zone) - KEPT).date())


def span_days(start: int, end: int, zone: ZoneInfo) -> list[date]:
    """The local days from one moment to another (microseconds)."""
    first, last = clock.day_of(start, zone), clock.day_of(end, zone)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
