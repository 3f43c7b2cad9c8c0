"""Any sequence of what happens and what people do: who was told is told the end, nobody twice the same."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta

import pytest

from ioc.store import alarms
from tests.alerts.test_people import Town

OPENS = {"raised", "worsened", "escalated", "assigned"}
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("seed", [3, 5])
def test_everybody_who_was_told_is_told_the_end_and_nobody_twice_the_same(conn, seed):
    town, dice = Town(conn), random.Random(seed)
    town.people("an", "boss", "chief")
    town.people("workshop", domains=["air"])
    town.rule(respond_within="20min", realarm="45min", latching=dice.random() < 0.3)
    town.chain((["contact:an"], None), (["contact:boss"], "10min"), (["everyone"], "20min"))
    gauge, value = town.gauge(), 60
    for _ in range(20):
        value = live(town, dice, gauge, value)
        look(conn)
    town.conn.execute("UPDATE rule SET enabled = false")  # whatever it was, it is over
    town.restart()
    town.tick({gauge: 40})
    for number, people in told(conn).items():
        for person, reasons in people.items():
            assert reasons[-1] == "resolved", (number, person, reasons)


def live(town, dice, gauge, value):
    """Time passes, and somebody may do something."""
    value = dice.choice([value, value, 60, 40])
    town.tick({gauge: value}, dice.choice([1, 3, 8]))
    if dice.random() < 0.4:
        town.mailed()
    open_now = [row["id"] for row in alarms.open_alarms(town.conn)]
    if open_now and dice.random() < 0.5:
        act = dice.choice([
            lambda i: alarms.acknowledge(town.conn, i, "an"),
            lambda i: alarms.shelve(town.conn, i, "an", "works", HOUR, until_normal=dice.random() < 0.5),
            lambda i: alarms.unshelve(town.conn, i, "an"),
            lambda i: alarms.take_out_of_service(town.conn, i, "an", "works", HOUR),
            lambda i: alarms.put_back(town.conn, i, "an"),
            lambda i: alarms.assign(town.conn, i, "workshop", "an"),
            lambda i: alarms.comment(town.conn, i, "an", "hm"),
            lambda i: alarms.reset(town.conn, i, "an"),
        ])  # fmt: skip
        act(open_now[0])
    if dice.random() < 0.1:
        town.restart()
    return value


def told(conn):
    """By alarm and person: the reasons in order; what was taken back was never said."""
    found = defaultdict(lambda: defaultdict(list))
    for number, person, reason in conn.execute(
        "SELECT alarm_id, contact_id, reason FROM intent WHERE state <> 'dropped' ORDER BY id"
    ):
        found[number][person].append(reason)
    return found


def look(conn):
    for number, people in told(conn).items():
        for person, reasons in people.items():
            knows = False
            for reason in reasons:
                where = (number, person, reasons)
                if reason == "raised":
                    assert not knows, ("told as news twice", where)
                if reason in ("reminder", "worsened", "resolved", "flapping"):
                    assert knows, ("who never heard of it hears more", where)
                knows = reason != "resolved" if reason in OPENS | {"resolved"} else knows
    hidden = conn.execute("""SELECT count(*) FROM intent i JOIN alarm a ON a.id = i.alarm_id
        WHERE i.state = 'open' AND a.suppression <> 'none' AND i.reason NOT IN ('resolved', 'assigned')""").fetchone()[
        0
    ]
    assert hidden == 0, "nothing waits to be said of what is put aside"
    holes = conn.execute("""SELECT count(*) FROM alarm a
        WHERE row_version <> (SELECT count(*) FROM alarm_change c WHERE c.alarm_id = a.id)""").fetchone()[0]
    assert holes == 0, "every step is in the history"
