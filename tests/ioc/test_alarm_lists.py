"""What alarm pages and the terminal read: pages of ten thousand alarms, a time line, deliveries; two operators at once."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from ioc import cli
from ioc.store import alarms
from ioc.store.alarms import Filter
from tests.alerts import city

MANY = 10_000


@pytest.fixture
def crowd(conn):
    """Ten thousand open alarms over 50 areas and 4 priorities, and as many that are over."""
    rule = city.add_rule(conn, options={"above": 50}, scope={"metrics": ["water_level"]})
    city.add_series(conn, "gauge-7", area="area-7")
    conn.execute(
        """INSERT INTO alarm (rule_id, rule_version, target, sensor_id, priority, event_start, opened_at, area, domain, condition,
               closed_at, value, threshold)
           SELECT %s, 1, 'x:' || n, CASE WHEN n %% 100 = 7 THEN 1 END, 1 + n %% 4, %s, %s + n * interval '1 s', 'area-' || n %% 50,
               'water', CASE WHEN n %% 10 = 0 THEN 'false' ELSE 'true' END, CASE WHEN n > %s THEN %s + interval '1 d' END, 60, 50
           FROM generate_series(1, %s) n""",
        (rule, city.START, city.START, MANY, city.START, 2 * MANY),
    )
    conn.execute("ANALYZE alarm")


def test_pages_hold_everything_once_the_worst_first(conn, crowd):
    seen, began = [], time.monotonic()
    for offset in range(0, 1000, 100):
        rows, total = alarms.open_page(conn, limit=100, offset=offset)
        assert total == MANY
        seen += rows
    assert time.monotonic() - began < 20, "ten pages; on a quiet machine half a second"
    order = [(row["condition"] == "false", row["priority"], -row["opened_at"].timestamp(), -row["id"]) for row in seen]
    assert order == sorted(order)
    assert len({row["id"] for row in seen}) == 1000
    assert alarms.open_page(conn, limit=10, offset=MANY + 5) == ([], MANY)


def test_filters_join(conn, crowd):
    rows, total = alarms.open_page(conn, Filter(priorities=[1], areas=["area-0", "area-4"]), limit=500)
    assert total == len(rows) == MANY // 50, "every fiftieth is in such an area and critical"
    assert {(row["priority"], row["area"] in ("area-0", "area-4")) for row in rows} == {(1, True)}
    assert alarms.open_page(conn, Filter(text="gauge-7"), limit=1)[1] == MANY // 100
    assert alarms.open_page(conn, Filter(text="100% _"), limit=1) == ([], 0), "what is typed is no pattern"
    assert alarms.open_page(conn, Filter(isa=["B"]), limit=1)[1] == MANY * 9 // 10
    assert alarms.open_page(conn, Filter(assigned="an"), limit=1) == ([], 0)
    tally = {(row["priority"], row["isa"]): row["count"] for row in alarms.tally(conn)}
    assert sum(tally.values()) == MANY


def test_a_page_far_back_costs_no_more_than_the_first(conn, crowd):
    first = alarms.past_page(conn, limit=50)
    second = alarms.past_page(conn, limit=50, before=(first[-1]["opened_at"], first[-1]["id"]))
    order = [row["opened_at"] for row in first + second]
    assert order == sorted(order, reverse=True)
    assert len({row["id"] for row in first + second}) == 100
    span = alarms.past_page(conn, since=city.START, until=city.START + timedelta(seconds=11), limit=50)
    assert len(span) == 10
    plan = conn.execute(
        "EXPLAIN SELECT id FROM alarm WHERE (opened_at, id) < (now(), 5) ORDER BY opened_at DESC, id DESC LIMIT 50"
    )
    assert "alarm_opened" in str(plan.fetchall())


@pytest.fixture
def gauge(conn):
    city.add_contact(conn, "an")
    city.add_rule(conn, options={"above": 50}, scope={"metrics": ["water_level"]}, priority="high")
    series = city.add_series(conn, "gauge", area="w1")
    city.add_reading(conn, series, city.START, 60)
    city.evaluator(conn).tick(conn, city.START)
    return series


def test_the_time_line_says_who_was_told_of_what_and_what_comes_next(conn, gauge):
    alarms.comment(conn, 1, "an", "looking")
    raised, comment = alarms.time_line(conn, 1)
    [told] = raised["told"]
    assert (told["contact"], told["reason"], told["via"], told["state"]) == ("an", "raised", "subscribers", "open")
    assert (comment["kind"], comment["note"], comment["told"]) == ("comment", "looking", [])
    step = alarms.next_step(conn, 1)
    assert (step["step"], step["notify"], step["due_at"]) == (1, ["everyone"], city.START + timedelta(minutes=30))
    assert [row["contact"] for row in alarms.waiting(conn)] == ["an"]
    alarms.acknowledge(conn, 1, "an")
    assert alarms.next_step(conn, 1)["due_at"] is None


def test_who_looked_at_something_older_changes_nothing(conn, gauge):
    version = alarms.one(conn, 1)["row_version"]
    assert alarms.acknowledge(conn, 1, "an", version=version)
    with pytest.raises(alarms.MovedError, match="look again"):
        alarms.shelve(conn, 1, "binh", "works", timedelta(hours=1), version=version)
    assert alarms.one(conn, 1)["isa"] == "C"


def test_deliveries_of_one_alarm_newest_first(conn, gauge):
    for n in range(3):
        conn.execute(
            """INSERT INTO outbox (id, contact_id, email, thread_key, seq, priority, message_id, subject, alarms, state, due_at, created_at)
               VALUES (gen_random_uuid(), 1, 'an@city.test', 't', %s, 2, %s, %s, %s, 'sent', now(), now() + %s * interval '1 s')""",
            (n, f"<{n}>", f"s{n}", [1] if n else [2], n),
        )
    assert [row["subject"] for row in alarms.deliveries(conn, alarm=1)] == ["s2", "s1"]
    rows = alarms.deliveries(conn, contact="an", states=["sent"], limit=2)
    older = alarms.deliveries(conn, before=(rows[-1]["created_at"], rows[-1]["id"]))
    assert [row["subject"] for row in rows + older] == ["s2", "s1", "s0"]
    assert alarms.deliveries(conn, states=["failed"]) == []


@pytest.fixture
def ioc(monkeypatch, capsys, database_url):
    def run(*words):
        monkeypatch.setenv("IOC_DATABASE_URL", database_url)
        code = cli.main(["alarms", *words])
        return code, capsys.readouterr().out

    return run


def test_an_operator_at_a_terminal(conn, gauge, ioc):
    code, said = ioc("list")
    assert code == 0
    assert "#1" in said
    assert "1 alarms" in said
    assert ioc("list", "--priority", "low")[1] == "no alarms\n"
    assert ioc("comment", "1", "looking at it", "--by", "an")[0] == 0
    assert ioc("assign", "1", "an", "--by", "boss") == (0, "#1 is an's\n")
    assert ioc("ack", "1", "--by", "an", "--note", "on it") == (0, "#1 acknowledged\n")
    code, said = ioc("ack", "1", "99", "--by", "binh")
    assert code == 1
    assert "somebody was first" in said
    assert ioc("shelve", "1", "--for", "2h", "--reason", "works", "--by", "an")[0] == 0
    assert ioc("unshelve", "1", "--by", "an")[0] == 0
    said = ioc("show", "1")[1]
    for words in (
        "looking at it",
        "acked by an: on it",
        "shelved by an: works",
        "raised: An (subscribers)",
        "next, unless",
    ):
        assert words in said
    code, said = ioc("maintenance", "--area", "w1", "--for", "1h", "--reason", "works", "--by", "an")
    assert "window 1 from" in said
    assert "areas: w1" in ioc("maintenance")[1]
    assert ioc("maintenance", "--end", "1")[0] == 0
    assert ioc("maintenance", "--end", "1")[0] == 1
    assert ioc("show", "99")[0] == 1


def test_what_is_judged_has_a_unit_of_its_own(conn):
    said = {
        kind: conn.execute("SELECT alarm_unit(%s, '°C')", [kind]).fetchone()[0]
        for kind in ("threshold", "rate", "duration", "count")
    }
    assert said == {"threshold": "°C", "rate": "°C/h", "duration": "s", "count": ""}
