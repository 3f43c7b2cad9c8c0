"""Every file in cases/ is a rule, samples in virtual time, and the alarms they must make. No code for a new case."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from alerts import learn
from alerts.timeline import letters, past, steps
from ioc.config.thresholds import ThresholdPack
from ioc.config.types import parse_duration
from ioc.store import alarms
from tests.alerts import city, surroundings

CASES = sorted((Path(__file__).parent / "cases").glob("*.toml"))


def by_alarm(changes):
    """Of one step and alarm as they happened; which of two alarms of a step comes first is nobody's business."""
    return sorted(changes, key=lambda line: line.split()[:2])


@pytest.mark.parametrize("file", CASES, ids=lambda f: f.stem)
def test_case(file, conn):
    case = tomllib.loads(file.read_text(encoding="utf-8"))
    got = play(conn, case)
    for name, row in case.get("isa", {}).items():
        assert " ".join(got.isa[name]) == " ".join(letters(row)), f"{case['about']}: {name}"
    if "changes" in case:
        assert by_alarm(got.changes) == by_alarm(case["changes"]), case["about"]
    if "told" in case:
        assert got.told == case["told"], case["about"]
    if "priorities" in case:
        assert " ".join(got.priorities) == case["priorities"], case["about"]
    for step, said in case.get("health", {}).items():
        assert got.health[int(step)] == said, case["about"]
    if "alarms" in case:
        assert sorted(got.rows) == sorted(case["alarms"]), case["about"]


class Played:
    def __init__(self):
        self.isa, self.changes, self.told, self.rows, self.priorities, self.health = {}, [], [], [], [], []


def play(conn, case):
    """Run the case step by step; one tick a step unless the evaluator is down then."""
    every = parse_duration(case.get("every", "1min"))
    cadence = case.get("cadence", f"{every.total_seconds():g} s")
    series = surroundings.series(conn, case, cadence)
    samples = {name: steps(row) for name, row in case.get("series", {}).items()}
    moving = surroundings.tracks(case)
    city.add_contact(conn)
    for rule in case.get("rules", [case.get("rule")]):
        city.add_rule(conn, **rule)
    for day in case.get("holidays", []):
        conn.execute("INSERT INTO holiday VALUES (%s, '{}')", (day,))
    for name, row in case.get("past", {}).items():
        city.add_past(conn, series[name], past(row, city.START, city.ZONE, case.get("past_days", 35)))
    packs = {k: ThresholdPack.model_validate(v) for k, v in case.get("packs", {}).items()}
    engine = city.evaluator(conn, city.START, packs, settled=case.get("settled", True))
    out, down = Played(), [tuple(map(parse_duration, span)) for span in case.get("down", [])]
    for n in range(surroundings.steps_of(case, samples, every)):
        offset = n * every
        now = city.START + offset
        for name, row in samples.items():
            if n < len(row) and row[n][0] is not None:
                city.add_reading(conn, series[name], now + row[n][1], row[n][0], now)
        surroundings.step(conn, case, moving, n, offset, now)
        for burst in (b for b in case.get("burst", []) if parse_duration(b["at"]) == offset):
            for when, value in burst["samples"]:
                city.add_reading(conn, series[burst["series"]], city.START + parse_duration(when), float(value), now)
        for action in (a for a in case.get("do", []) if parse_duration(a["at"]) == offset):
            engine = act(conn, action, engine, now, packs)
        if not any(start <= offset < end for start, end in down):
            learn.turn(conn, engine.rules.values(), city.ZONE, now, budget=60)
            engine.tick(conn, now)
        elif any(start == offset for start, _ in down):
            engine = city.evaluator(conn, now, packs, settled=case.get("settled", True))
        letter(conn, series, out, n)
        out.health.append(surroundings.health(conn))
    read(conn, out)
    return out


def act(conn, action, engine, now, packs):
    """What people and the folder do between the ticks."""
    if "rule" in action:
        city.add_rule(conn, **action["rule"])
        engine.reload(conn, now)
    if "ack" in action:
        row = find(conn, action["ack"])
        assert alarms.acknowledge(conn, row, "duty", "seen")
    if "reset" in action:
        assert alarms.reset(conn, find(conn, action["reset"]), "duty")
    if "shelve" in action:
        row = find(conn, action["shelve"])
        assert alarms.shelve(conn, row, "duty", "works", parse_duration(action["for"]))
        until = now + parse_duration(action["for"])
        conn.execute("UPDATE alarm SET suppressed_until = %s WHERE id = %s", (until, row))
    if "quality" in action:
        conn.execute(
            """INSERT INTO quality (series_id, kind, since, last) SELECT se.id, %s, %s, %s FROM series se
                        JOIN sensor s ON s.id = se.sensor_id WHERE s.key = %s""",
            (action["quality"], now, now, action["sensor"]),
        )
    if action.get("restart"):
        return city.evaluator(conn, now, packs, settled=False)
    return engine


def find(conn, name):
    return conn.execute(
        """SELECT a.id FROM alarm a JOIN sensor s ON s.id = a.sensor_id
                           WHERE s.key = %s AND a.closed_at IS NULL""",
        (name,),
    ).fetchone()[0]


def letter(conn, series, out, n):
    """One ISA letter a target: of its open alarm, `-` where there is none; feeds as `feed:KEY`."""
    rows = alarms.open_alarms(conn)
    found = {_name(conn, row): row["isa"] for row in rows}
    out.priorities.append(("critical", "high", "medium", "low")[min(r["priority"] for r in rows) - 1] if rows else "-")
    for name in {s.partition("/")[0] for s in series} | set(found) | set(out.isa):
        out.isa.setdefault(name, ["-"] * n).append(found.get(name, "-"))


def _name(conn, row):
    """The sensor where the target is one, else what the target is: feed:KEY, area:KEY, rule:KEY, event:KEY."""
    if row["sensor"] and row["target"].partition(":")[0] in ("series", "sensor"):
        return row["sensor"]
    return f"feed:{row['feed']}" if row["target"].startswith("feed:") else surroundings.name_of(conn, row["target"])


_TARGET = """CASE split_part(a.target, ':', 1) WHEN 'feed' THEN 'feed:' || f.key
    WHEN 'rule' THEN 'rule:' || (SELECT key FROM rule WHERE 'rule:' || id = a.target)
    WHEN 'event' THEN 'event:' || (SELECT key FROM event WHERE 'event:' || id = a.target)
    WHEN 'series' THEN s.key WHEN 'sensor' THEN s.key ELSE a.target END"""


def read(conn, out):
    def minutes(when):
        return f"{(when - city.START) / timedelta(minutes=1):g}"

    rows = conn.execute(f"""
        SELECT c.kind, {_TARGET}, c.at, c.event_time, c.value, c.actor, c.note FROM alarm_change c
        JOIN alarm a ON a.id = c.alarm_id LEFT JOIN sensor s ON s.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id
        ORDER BY c.id""").fetchall()
    for kind, name, at, event, value, actor, note in rows:
        when = minutes(at) if actor == "ioc" else "by hand"
        shown = "" if value is None else f" {value:g}"
        seen = f" (data {minutes(event)})" if event is not None and event != at and actor == "ioc" else ""
        out.changes.append(f"{when} {name} {kind}{shown}{seen}" + (f": {note}" if note and kind == "closed" else ""))
    out.told = [
        f"{reason} {name}"
        for reason, name in conn.execute(f"""
        SELECT i.reason, {_TARGET} FROM intent i JOIN alarm a ON a.id = i.alarm_id
        LEFT JOIN sensor s ON s.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id
        WHERE i.state <> 'dropped' ORDER BY 2, i.id""")
    ]
    out.rows = [
        f"{s} {minutes(a)}..{'' if b is None else minutes(b)} peak {'-' if p is None else f'{p:g}'}"
        + (" late" if late else "")
        for s, a, b, p, late in conn.execute(f"""
        SELECT {_TARGET}, a.event_start, a.event_end, a.peak, a.detected_late FROM alarm a
        LEFT JOIN sensor s ON s.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id ORDER BY a.id""")
    ]
