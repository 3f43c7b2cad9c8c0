"""Who is told what, when: chains along duty posts, quiet hours, acknowledgements, maintenance, parents, shelves."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Json

from ioc.store import alarms, duty, telling
from tests.alerts import city

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Town:
    """A gauge and its rule, people, and time that passes in ticks of a minute."""

    def __init__(self, conn):
        self.conn, self.at = conn, city.START
        self.engine = None

    def people(self, *keys, **wishes):
        for key in keys:
            city.add_contact(self.conn, key, **{"lowest": "low", **wishes})

    def rule(self, key="r", **given):
        return city.add_rule(self.conn, **{"key": key, "options": {"above": 50}, "scope": {"metrics": ["water_level"]},
                                           "priority": "high", **given})  # fmt: skip

    def chain(self, *steps, **fits):
        fits = {"priorities": [], "domains": [], "areas": [], "feeds": [], "families": [], "rules": [], **fits}
        count = self.conn.execute("SELECT count(*) FROM chain").fetchone()[0]
        self.conn.execute(
            """INSERT INTO chain (key, place, priorities, domains, areas, feeds, families, rules, steps)
               VALUES (%(key)s, %(n)s, %(priorities)s, %(domains)s, %(areas)s, %(feeds)s, %(families)s, %(rules)s, %(steps)s)""",
            {"key": f"c{count}", "n": count, "steps": Json([{"notify": n, "after": a} for n, a in steps]), **fits},
        )

    def on_duty(self, roster, who, start=-HOUR, end=HOUR):
        self.conn.execute("INSERT INTO roster VALUES (%s, '{}', '{}') ON CONFLICT DO NOTHING", (roster,))
        self.conn.execute(
            "INSERT INTO duty SELECT %s, id, %s, %s FROM contact WHERE key = %s",
            (roster, city.START + start, city.START + end, who),
        )

    def gauge(self, name="gauge", **given):
        return city.add_series(self.conn, name, **given)

    def tick(self, values=None, minutes=1):
        """Some minutes pass in which every gauge in `values` says its value; looked at in the first and the last."""
        for minute in range(minutes):
            for series, value in (values or {}).items():
                city.add_reading(self.conn, series, self.at, value)
            if minute in (0, minutes - 1):
                self.engine = self.engine or city.evaluator(self.conn, self.at)
                self.engine.tick(self.conn, self.at)
            self.at += MINUTE

    def restart(self):
        self.engine = None

    def told(self):
        """reason and person, in the order of their making; what was taken back is left out."""
        rows = self.conn.execute("""SELECT i.reason, c.key FROM intent i JOIN contact c ON c.id = i.contact_id
                                    WHERE i.state <> 'dropped' ORDER BY i.change_id, c.key""")
        return [f"{reason} {key}" for reason, key in rows]

    def mailed(self):
        """The mails that are owed leave."""
        self.conn.execute("UPDATE intent SET state = 'mailed' WHERE state = 'open'")

    def log(self, number=1):
        return [c["kind"] for c in alarms.changes(self.conn, number)]


@pytest.fixture
def town(conn):
    return Town(conn)


def test_a_chain_goes_on_until_somebody_acknowledges_and_all_told_hear_the_end(town):
    town.people("an", "boss", "chief", "other")
    town.on_duty("desk", "an")
    town.rule()
    town.chain((["roster:desk"], None), (["contact:boss"], "600s"), (["contact:chief"], "1200s"))
    gauge = town.gauge()
    town.tick({gauge: 60}, 10)
    assert town.told() == ["raised an"]
    town.tick({gauge: 60}, 2)
    assert town.told() == ["raised an", "escalated boss"]
    assert alarms.acknowledge(town.conn, 1, "boss", "on it")
    town.tick({gauge: 60}, 30)
    assert town.told() == ["raised an", "escalated boss"], "nobody is called out for what somebody has taken on"
    town.tick({gauge: 40})
    assert town.told() == ["raised an", "escalated boss", "resolved an", "resolved boss"]
    assert town.log() == ["raised", "escalated", "acked", "cleared", "closed"]
    [detail] = [c["detail"] for c in alarms.changes(town.conn, 1) if c["kind"] == "escalated"]
    assert detail == {"chain": "c0", "step": 1}


def test_a_restart_loses_no_step_and_repeats_none(town):
    town.people("an", "boss", "chief")
    town.rule()
    town.chain((["contact:an"], None), (["contact:boss"], "600s"), (["contact:chief"], "1200s"))
    gauge = town.gauge()
    town.tick({gauge: 60}, 5)
    town.at += 20 * MINUTE  # nobody evaluates, and two steps fall due
    town.restart()
    town.tick({gauge: 60}, 3)
    assert town.told() == ["raised an", "escalated boss", "escalated chief"]
    town.restart()
    town.tick({gauge: 60}, 10)
    assert len(town.told()) == 3


def test_steps_without_a_time_are_spread_over_the_time_to_respond(town):
    town.people("an", "boss", "chief")
    town.rule(respond_within="20min")
    town.chain((["contact:an"], None), (["contact:boss"], None), (["contact:chief"], None))
    gauge = town.gauge()
    town.tick({gauge: 60}, 10)
    assert town.told() == ["raised an"]
    town.tick({gauge: 60}, 2)
    assert town.told() == ["raised an", "escalated boss"]
    town.tick({gauge: 60}, 10)
    assert town.told() == ["raised an", "escalated boss", "escalated chief"]


def test_without_a_chain_an_urgent_alarm_nobody_answers_goes_to_everybody_else(town):
    town.people("water")
    town.people("air", domains=["air"])
    town.rule(respond_within="20min")
    gauge = town.gauge()
    town.tick({gauge: 60}, 20)
    assert town.told() == ["raised water"]
    town.tick({gauge: 60}, 30)
    assert town.told() == ["raised water", "escalated air"], "once, and only those who did not know"


def test_a_post_that_nobody_holds_costs_no_time(town):
    town.people("boss")
    town.conn.execute("INSERT INTO roster VALUES ('desk', '{}', '{}')")
    town.rule(priority="medium")
    town.chain((["roster:desk"], None), (["contact:boss"], "7200s"))
    gauge = town.gauge()
    town.tick({gauge: 60}, 2)
    assert town.told() == ["escalated boss"]


def test_an_urgent_alarm_that_reaches_nobody_goes_to_everybody_at_once(town):
    town.people("air", "noise", domains=["air"])
    town.conn.execute("INSERT INTO roster VALUES ('desk', '{}', '{}')")
    town.rule(priority="critical")
    town.chain((["roster:desk"], None))
    town.tick({town.gauge(): 60})
    assert town.told() == ["raised air", "raised noise"]


def test_the_chain_under_way_is_not_bent_by_an_edit(town):
    town.people("an", "boss", "chief")
    town.rule()
    town.chain((["contact:an"], None), (["contact:boss"], "600s"))
    gauge = town.gauge()
    town.tick({gauge: 60}, 5)
    town.conn.execute("UPDATE chain SET steps = %s", (Json([{"notify": ["contact:chief"], "after": None}]),))
    town.tick({gauge: 60}, 8)
    assert town.told() == ["raised an", "escalated boss"]


def test_the_first_chain_that_fits_counts(town):
    town.people("critical", "flood", "rest")
    town.rule(family="flood")
    town.rule("other", options={"above": 55})
    town.chain((["contact:critical"], None), priorities=[1])
    town.chain((["contact:flood"], None), families=["flood"])
    town.chain((["contact:rest"], None))
    town.tick({town.gauge(): 60})
    assert sorted(town.told()) == ["raised flood", "raised rest"]


def test_a_reminder_calls_whoever_is_on_duty_then(town):
    town.people("an", "binh")
    town.on_duty("desk", "an", end=30 * MINUTE)
    town.on_duty("desk", "binh", start=30 * MINUTE, end=5 * HOUR)
    town.rule(realarm="45min")
    town.chain((["roster:desk"], None))
    gauge = town.gauge()
    town.tick({gauge: 60}, 47)
    assert town.told() == ["raised an", "raised binh"], "who has not heard of it hears it as news"
    town.tick({gauge: 40})
    assert town.told()[2:] == ["resolved an", "resolved binh"]


def test_realarm_takes_an_acknowledgement_back_or_leaves_it_as_the_rule_says(town):
    town.people("an", "boss")
    town.rule(realarm="30min")
    town.rule("gentle", realarm="30min", realarm_acknowledged=False, options={"above": 55})
    town.chain((["contact:an"], None), (["contact:boss"], "600s"))
    gauge = town.gauge()
    town.tick({gauge: 60}, 2)
    for number in (1, 2):
        alarms.acknowledge(town.conn, number, "an")
    town.tick({gauge: 60}, 28)
    assert [row["isa"] for row in alarms.open_alarms(town.conn)] == ["C", "C"]
    town.tick({gauge: 60}, 2)
    assert {row["rule"]: row["isa"] for row in alarms.open_alarms(town.conn)} == {"r": "B", "gentle": "C"}
    town.tick({gauge: 60}, 10)
    assert town.told() == ["raised an", "raised an", "reminder an", "escalated boss"], "and its chain began anew"


def test_quiet_hours_put_off_what_does_not_pass(town):
    town.people("an", "binh")
    town.conn.execute("INSERT INTO quiet SELECT id, NULL, 2, %s, %s FROM contact WHERE key = 'an'",
                      (city.START - HOUR, city.START + 5 * HOUR))  # fmt: skip
    for key, priority, level in (("c", "critical", 70), ("h", "high", 60), ("m", "medium", 50)):
        town.rule(key, priority=priority, options={"above": level})
    town.tick({town.gauge(): 99})
    rows = town.conn.execute("""SELECT r.key, c.key, i.quiet, i.not_before FROM intent i JOIN contact c ON c.id = i.contact_id
                                JOIN alarm a ON a.id = i.alarm_id JOIN rule r ON r.id = a.rule_id""").fetchall()
    assert {(rule, who) for rule, who, quiet, _ in rows if quiet} == {("m", "an")}
    assert [at for rule, who, quiet, at in rows if quiet] == [city.START + 5 * HOUR]


def test_quiet_hours_of_a_person_do_not_count_on_duty_but_those_of_the_post_do(town):
    town.people("an")
    town.on_duty("desk", "an")
    span = (city.START - HOUR, city.START + HOUR)
    town.conn.execute("INSERT INTO quiet SELECT id, NULL, 1, %s, %s FROM contact", span)
    town.rule()
    town.chain((["roster:desk"], None))
    town.tick({town.gauge(): 60})
    assert town.conn.execute("SELECT quiet, via FROM intent").fetchall() == [(False, "roster:desk")]
    town.conn.execute("DELETE FROM intent")
    town.conn.execute("INSERT INTO quiet VALUES (NULL, 'desk', 1, %s, %s)", span)
    town.rule("again", options={"above": 55})
    town.restart()
    town.tick({1: 60})
    assert town.conn.execute("SELECT quiet FROM intent").fetchall() == [(True,)]


def test_what_was_put_aside_before_the_mail_left_is_news_when_it_comes_back(town):
    town.people("an")
    town.rule()
    gauge = town.gauge()
    town.tick({gauge: 60})
    alarms.shelve(town.conn, 1, "boss", "works", HOUR)
    assert town.told() == []
    town.tick({gauge: 60}, 3)
    alarms.unshelve(town.conn, 1, "boss")
    assert town.told() == ["raised an"]


def test_who_was_told_before_a_shelf_is_reminded_after_it(town):
    town.people("an")
    town.rule()
    gauge = town.gauge()
    town.tick({gauge: 60})
    town.mailed()
    alarms.shelve(town.conn, 1, "boss", "works", HOUR)
    alarms.unshelve(town.conn, 1, "boss")
    assert town.told() == ["raised an", "reminder an"]


def test_a_shelf_until_normal_ends_with_the_condition_and_the_next_time_is_told(town):
    town.people("an")
    town.rule()
    gauge = town.gauge()
    town.tick({gauge: 60})
    town.mailed()
    assert alarms.shelve(town.conn, 1, "an", "known", HOUR, until_normal=True)
    town.tick({gauge: 60}, 2)
    town.tick({gauge: 40})
    assert town.log() == ["raised", "shelved", "cleared", "unshelved", "closed"]
    assert town.told() == ["raised an", "resolved an"]
    town.tick({gauge: 60})
    assert town.told()[2:] == ["raised an"]


def test_assigning_tells_that_person_who_then_is_owed_the_end(town):
    town.people("an")
    town.people("workshop", domains=["air"])
    town.rule()
    gauge = town.gauge()
    town.tick({gauge: 60})
    assert alarms.assign(town.conn, 1, "workshop", by="an", note="please look")
    assert not alarms.assign(town.conn, 1, "workshop", by="an"), "nothing changed"
    assert alarms.one(town.conn, 1)["assigned_to"] == "workshop"
    town.tick({gauge: 40})
    assert town.told() == ["raised an", "assigned workshop", "resolved an", "resolved workshop"]
    with pytest.raises(alarms.NobodyError):
        alarms.assign(town.conn, 1, "nobody", by="an")


def test_comments_are_kept_also_when_it_is_over(town):
    town.rule()
    gauge = town.gauge()
    town.tick({gauge: 60})
    assert alarms.comment(town.conn, 1, "an", "the pump is on")
    alarms.acknowledge(town.conn, 1, "an")
    town.tick({gauge: 40})
    assert alarms.comment(town.conn, 1, "an", "it was the pump")
    assert not alarms.comment(town.conn, 99, "an", "x")
    assert town.log() == ["raised", "comment", "acked", "cleared", "closed", "comment"]
    assert alarms.one(town.conn, 1)["closed_at"] == city.START + MINUTE
    with pytest.raises(alarms.NoteError):
        alarms.comment(town.conn, 1, "an", "  ")


def test_history_cannot_be_rewritten_except_as_a_whole_long_after(town):
    town.rule()
    gauge = town.gauge()
    town.tick({gauge: 60})
    alarms.acknowledge(town.conn, 1, "an")
    town.tick({gauge: 40})
    for statement in (
        "UPDATE alarm_change SET actor = 'x'",
        "DELETE FROM alarm_change",
        "TRUNCATE alarm_change CASCADE",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            town.conn.execute(statement)
    assert alarms.forget(town.conn, city.START) == 0
    assert alarms.forget(town.conn, city.START + HOUR) == 1
    assert town.conn.execute("SELECT count(*) FROM alarm_change").fetchone() == (0,)


def maintain(town, scope, start, end):
    return duty.plan_maintenance(town.conn, scope, city.START + start, city.START + end, by="works", reason="greasing")


def test_maintenance_of_an_area_keeps_its_alarms_quiet_and_tells_what_still_holds_after(town):
    town.people("an")
    town.rule()
    inside, outside = town.gauge("in", area="w1"), town.gauge("out", area="w2")
    maintain(town, {"areas": ["w1"]}, -HOUR, 10 * MINUTE)
    town.tick({inside: 60, outside: 60}, 5)
    rows = {row["sensor"]: row for row in alarms.open_alarms(town.conn)}
    assert (rows["in"]["isa"], rows["in"]["suppress_reason"], rows["in"]["suppressed_by"]) == ("I", "greasing", "works")
    assert rows["out"]["isa"] == "B"
    assert town.told() == ["raised an"]
    town.tick({inside: 60, outside: 60}, 7)
    assert town.told() == ["raised an", "raised an"]
    assert town.log(rows["in"]["id"]) == ["raised", "taken_out", "put_back"]


def test_maintenance_that_is_over_early_brings_alarms_back(town):
    town.rule()
    gauge = town.gauge()
    town.tick({gauge: 60})
    number = maintain(town, {"feeds": ["gauges"], "sensors": ["gau*"]}, -HOUR, HOUR)
    town.tick({gauge: 60})
    assert alarms.one(town.conn, 1)["isa"] == "I"
    town.conn.execute("UPDATE maintenance SET ended_at = %s WHERE id = %s", (town.at, number))
    town.tick({gauge: 60})
    assert alarms.one(town.conn, 1)["isa"] == "B"


def test_a_window_that_names_two_things_means_what_they_have_in_common(town):
    town.rule()
    gauge = town.gauge(area="w1")
    maintain(town, {"areas": ["w2"], "feeds": ["gauges"]}, -HOUR, HOUR)
    town.tick({gauge: 60})
    assert alarms.one(town.conn, 1)["isa"] == "B"


def test_a_person_who_shelves_is_not_overruled_by_less_and_maintenance_ends_on_a_shelf(town):
    town.rule()
    gauge = town.gauge()
    town.tick({gauge: 60})
    alarms.take_out_of_service(town.conn, 1, "an", "mine", HOUR)
    town.tick({gauge: 60}, 2)
    assert alarms.one(town.conn, 1)["isa"] == "I", "put there by a person: no window need say so"


@pytest.fixture
def gateway(town):
    """A gateway whose failure hides the gauge behind it."""
    town.people("an")
    town.rule("gateway_down", options={"below": 1}, scope={"metrics": ["power"]})
    town.rule("level", suppressed_by=[{"rule": "gateway_down", "same": "gateway"}])
    town.power = town.gauge("gw-1", metric="power")
    town.behind, town.beside = town.gauge("behind"), town.gauge("beside")
    town.conn.execute("""UPDATE sensor SET properties = '{"gateway": "gw-1"}' WHERE key = 'behind'""")
    return town


def isa(town):
    return {row["sensor"]: row["isa"] for row in alarms.open_alarms(town.conn)}


def test_a_parent_hides_its_children_and_only_those(gateway):
    gateway.tick({gateway.power: 0, gateway.behind: 60, gateway.beside: 60}, 2)
    assert isa(gateway) == {"gw-1": "B", "behind": "H", "beside": "B"}
    assert gateway.told() == ["raised an", "raised an"]
    child = next(row for row in alarms.open_alarms(gateway.conn) if row["sensor"] == "behind")
    assert child["suppress_reason"].startswith("gateway_down #")
    gateway.tick({gateway.power: 5, gateway.behind: 60, gateway.beside: 60})
    assert isa(gateway)["behind"] == "B"
    assert gateway.told().count("raised an") == 3, "what still holds is told when the larger fault is over"


def test_nothing_leaks_when_the_engine_starts_anew(gateway):
    gateway.tick({gateway.power: 0, gateway.behind: 60}, 2)
    before = gateway.told()
    gateway.restart()
    gateway.tick({gateway.power: 0, gateway.behind: 60}, 3)
    assert gateway.told() == before
    assert isa(gateway)["behind"] == "H"


def test_a_child_that_was_told_before_its_parent_fell_is_not_told_again(gateway):
    gateway.tick({gateway.behind: 60, gateway.power: 5})
    gateway.mailed()
    gateway.tick({gateway.behind: 60, gateway.power: 0}, 2)
    gateway.tick({gateway.behind: 60, gateway.power: 5})
    assert gateway.told() == ["raised an", "raised an", "resolved an"], "the child once, the parent and its end"


def test_maintenance_that_ends_under_a_parent_leaks_nothing(gateway):
    maintain(gateway, {"sensors": ["behind"]}, -HOUR, 5 * MINUTE)
    gateway.tick({gateway.power: 0, gateway.behind: 60}, 8)
    assert isa(gateway)["behind"] == "H"
    assert gateway.told() == ["raised an"]


def test_many_alarms_find_their_people_in_one_breath(town):
    town.people("an", "boss")
    town.rule(respond_within="5min")
    gauges = [town.gauge(f"g{n}") for n in range(120)]
    town.tick(dict.fromkeys(gauges, 60))
    assert len(town.told()) == 240
    town.tick(dict.fromkeys(gauges, 60), 6)
    assert telling.late(town.conn, town.at) == [], "everybody was told before: the chain ends"
    assert isinstance(town.at, datetime)
