"""A day looked at without pause, and the same day by an engine that is killed in the middle of its work again and again."""

from __future__ import annotations

import math
import random
from datetime import timedelta

import pytest

from ioc.store import leader
from ioc.store.database import transaction
from tests.alerts import city

STEP = timedelta(minutes=5)
STEPS = 200
GAUGES = ("a", "b", "c")


class KilledError(Exception):
    pass


def recorded(seed=3):
    """A day of three gauges: a tide, noise, gaps. The same each time."""
    dice = random.Random(seed)
    for n in range(STEPS):
        for place, gauge in enumerate(GAUGES):
            if dice.random() > 0.04:
                tide = 50 + 12 * math.sin(2 * math.pi * (n / 140 + place / 3))
                yield n, gauge, round(tide + dice.gauss(0, 1.5), 2)


def rules(conn, prefix):
    scope = {"metrics": ["water_level"], "sensors": [f"{prefix}*"]}
    city.add_rule(conn, key=f"{prefix}plain", options={"above": 55, "deadband": 3}, scope=scope)
    city.add_rule(conn, key=f"{prefix}slow", options={"above": 54}, scope=scope, on_delay="20min", off_delay="15min")
    city.add_rule(conn, key=f"{prefix}low", options={"below": 42}, scope=scope, latching=True)
    return {gauge: city.add_series(conn, prefix + gauge, cadence="5 min") for gauge in GAUGES}


def play(conn, prefix, start, dice=None):
    """Run the day; with dice, die now and then somewhere within a tick and be away for up to 50 minutes."""
    series, samples = rules(conn, prefix), {}
    for n, gauge, value in recorded():
        samples.setdefault(n, []).append((gauge, value))
    engine, asleep, kills = city.evaluator(conn, start), 0, 0
    for n in range(STEPS):
        at = start + n * STEP
        for gauge, value in samples.get(n, []):
            city.add_reading(conn, series[gauge], at, value)
        if n < asleep:
            continue
        left = dice.choice([0, 1, 2, 3, 4]) if dice is not None and dice.random() < 0.12 else None
        engine.guard = _dies_after(left)
        try:
            engine.tick(conn, at)
        except KilledError:
            kills += 1
            asleep = n + dice.randrange(1, 10)
            engine = city.evaluator(conn, at)
    engine.guard = lambda _: None
    engine.tick(conn, start + STEPS * STEP)
    return log(conn, prefix, start), kills


def _dies_after(transactions):
    """kill -9 between two transactions of a tick, or before the first: what was not committed is not there."""
    count = [transactions]

    def guard(_):
        if count[0] is not None:
            if count[0] == 0:
                raise KilledError
            count[0] -= 1

    return guard


def log(conn, prefix, start):
    """What opened, cleared and closed, by alarm, up to ids. When flapping is called over is a matter of the clock alone."""
    rows = conn.execute(
        """SELECT r.key, s.key, a.event_start, array_agg(ARRAY[c.kind, (c.at - %s)::text, (c.event_time - %s)::text,
               c.value::text, c.note, c.actor] ORDER BY c.seq)
           FROM alarm_change c JOIN alarm a ON a.id = c.alarm_id JOIN rule r ON r.id = a.rule_id
           JOIN sensor s ON s.id = a.sensor_id WHERE r.key LIKE %s AND c.kind NOT IN ('flapping', 'steady') GROUP BY r.key, s.key, a.id, a.event_start ORDER BY 1, 2, 3""",
        (start, start, prefix + "%"),
    )
    return [
        (r.removeprefix(prefix), s.removeprefix(prefix), str(begin - start), changes) for r, s, begin, changes in rows
    ]


def test_a_day_with_kills_has_the_same_history_as_one_without(conn):
    undisturbed, _ = play(conn, "u-", city.START)
    assert len(undisturbed) >= 8, "there is something to compare"
    kinds = {change[0] for _, _, _, changes in undisturbed for change in changes}
    assert {"raised", "cleared", "reraised"} <= kinds
    killed, kills = play(conn, "k-", city.START + timedelta(days=7), random.Random(11))
    assert kills >= 12
    assert len(killed) == len(undisturbed)
    for one, other in zip(killed, undisturbed, strict=True):
        assert one == other


def test_a_tick_of_a_deposed_leader_changes_nothing(conn):
    series = rules(conn, "d-")
    city.add_reading(conn, series["a"], city.START, 99)
    engine = city.evaluator(conn, city.START)
    epoch = leader.lead(conn, "alerts", "old")
    engine.guard = lambda c: leader.hold(c, "alerts", epoch)
    conn.execute("UPDATE leader SET epoch = epoch + 1")  # it slept, and another one took over
    with pytest.raises(leader.Deposed), transaction(conn):
        engine.tick(conn, city.START)
    assert conn.execute("SELECT (SELECT count(*) FROM alarm), (SELECT count(*) FROM tick)").fetchone() == (0, 0)
