# ruff: noqa: F811  a fixture of another file
"""The engine is killed at any statement and any step of a mail, again and again; another sleeps while it leads.

IOC_KILLS=200 for the long run.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from alerts import grouping, service
from ioc.config import folder as folders
from ioc.health import Health
from ioc.settings import Settings
from ioc.store import leader, registry
from tests.alerts import city
from tests.alerts.quick import hurry
from tests.alerts.test_service import town  # noqa: F401  the fixture
from tests.services import wait_for

KILLS = int(os.environ.get("IOC_KILLS", "12"))
PEOPLE = {f"{k}@city.test" for k in ("an", "binh", "chi")}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Ticks and turns in quick succession, every group its own mail: what is tested is what a kill does."""
    hurry(monkeypatch, timedelta(seconds=0.25))
    for limit in ("GROUPS", "BUCKET", "STORM", "STORM_MAILS", "SINGLE_CRITICALS"):
        monkeypatch.setattr(grouping, limit, 10**6, raising=False)
    monkeypatch.setattr(grouping, "PAUSE", timedelta(0))


def engine(town, url, smtp_url, statement=0, mark=0):
    """The engine as a process of its own; it kills itself at the n-th statement, or at the n-th step of a mail."""
    statements, marks = itertools.count(1), itertools.count(1)

    def die_at(count, number):
        if next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def run():
        real = psycopg.Connection.execute

        def execute(self, *args, **more):
            die_at(statements, statement)
            result = real(self, *args, **more)
            die_at(statements, statement)
            return result

        psycopg.Connection.execute = execute
        settings = Settings(database_url=url, smtp_url=smtp_url, base_url="https://ioc.test")
        service.run(town, settings, threading.Event(), Health("alerts"), lambda _: die_at(marks, mark))

    process = multiprocessing.get_context("fork").Process(target=run, daemon=True)
    process.start()
    return process


@pytest.fixture
def processes():
    started = []
    yield started
    for process in started:
        if process.is_alive():
            os.kill(process.pid, signal.SIGCONT)
            process.kill()
        process.join(10)


def say(conn, gauge, value):
    city.add_reading(conn, gauge, datetime.now(UTC), value)


def settled(conn):
    conn.execute("UPDATE outbox SET lease_until = now() WHERE state = 'leased'")  # instead of waiting two minutes
    owed = conn.execute("SELECT count(*) FROM intent WHERE state = 'open'").fetchone()[0]
    waiting = conn.execute("SELECT count(*) FROM outbox WHERE state NOT IN ('sent', 'superseded')").fetchone()[0]
    return not owed and not waiting


def test_killed_again_and_again_nothing_is_lost_and_nothing_is_done_twice(
    conn,
    town,
    database_url,
    mail_server,
    processes,
):
    registry.sync(conn, folders.load(town))
    dice = random.Random(7)
    gauges = [city.add_series(conn, f"gauge-{n}", at=datetime.now(UTC), area=f"area-{n}") for n in range(KILLS)]
    killed = 0
    for n, gauge in enumerate(gauges):
        say(conn, gauge, 60)
        if n:
            say(conn, gauges[n - 1], 40)
        where = {"mark": dice.randrange(1, 16)} if n % 2 else {"statement": dice.randrange(20, 1200)}
        process = engine(town, database_url, mail_server.url, **where)
        processes.append(process)
        process.join(30)
        killed += process.exitcode == -signal.SIGKILL
        conn.execute("UPDATE outbox SET lease_until = now() WHERE state = 'leased'")
    assert killed == KILLS
    say(conn, gauges[-1], 40)
    processes.append(engine(town, database_url, mail_server.url))
    try:
        wait_for(lambda: not unfinished(conn), "every alarm was opened and is over", 60)
    except AssertionError:
        pytest.fail(f"not opened, or not over: {unfinished(conn)}")
    wait_for(lambda: settled(conn), "all that is owed was mailed", 60)
    check(conn, mail_server)


def unfinished(conn):
    """Gauges whose alarm was never opened, or is not over, with what is known of them."""
    return conn.execute("""SELECT e.key, a.condition, l.value, now() - l.time AS age, a.last_event, l.time, a.event_start
        FROM sensor e JOIN series s ON s.sensor_id = e.id JOIN latest l ON l.series_id = s.id
        LEFT JOIN alarm a ON a.series_id = s.id WHERE a.condition IS DISTINCT FROM 'false'""").fetchall()


def check(conn, mail_server):
    assert conn.execute("SELECT count(*), count(DISTINCT target) FROM alarm").fetchone() == (KILLS, KILLS)
    kinds = Counter(conn.execute("SELECT kind FROM alarm_change").fetchall())
    assert kinds["raised",] == kinds["cleared",] == KILLS, "each opened once and cleared once"
    gaps = conn.execute(
        "SELECT count(*) FROM alarm a WHERE row_version <> (SELECT count(*) FROM alarm_change c WHERE c.alarm_id = a.id)"
    )
    assert gaps.fetchone()[0] == 0, "the history has no hole"
    told = Counter(
        conn.execute("SELECT i.alarm_id, i.contact_id, i.reason FROM intent i WHERE i.state <> 'dropped'").fetchall()
    )
    assert set(told.values()) == {1}, "nobody is owed the same twice"
    assert len(told) == KILLS * len(PEOPLE) * 2, "everybody is told the beginning and the end of each"
    sent = {row[0] for row in conn.execute("SELECT message_id FROM outbox WHERE state = 'sent'")}
    took = [(to, m["Message-ID"], raw) for to, m, raw in mail_server.mails]
    assert {ident for _, ident, _ in took} >= sent, "what counts as sent was taken"
    assert len({(ident, raw) for _, ident, raw in took}) == len({ident for _, ident, _ in took}), (
        "a double is the same mail"
    )
    doubles = len(took) - len({ident for _, ident, _ in took})
    assert doubles <= KILLS, "and comes only where a kill left it open whether the first was taken"


def test_a_leader_that_slept_finds_itself_deposed_and_mails_nothing(
    conn,
    town,
    database_url,
    mail_server,
    processes,
    monkeypatch,
):
    monkeypatch.setattr(leader, "STALE", timedelta(seconds=4))
    registry.sync(conn, folders.load(town))
    gauge = city.add_series(conn, "gauge", at=datetime.now(UTC), area="w1")
    for _ in range(2):
        processes.append(engine(town, database_url, mail_server.url))
        wait_for(lambda: conn.execute("SELECT 1 FROM tick WHERE finished_at IS NOT NULL").fetchone(), "one leads", 30)
    holder = conn.execute("SELECT holder FROM leader").fetchone()[0]
    sleeper = next(p for p in processes if holder.endswith(f":{p.pid}"))
    wait_for(
        lambda: conn.execute("SELECT 1 FROM process WHERE name = 'alerts/standby'").fetchone(), "the other waits", 30
    )
    os.kill(sleeper.pid, signal.SIGSTOP)
    say(conn, gauge, 60)
    wait_for(lambda: len(mail_server.mails) >= 3, "the other took over, and everybody is told", 60)
    os.kill(sleeper.pid, signal.SIGCONT)
    before = conn.execute("SELECT epoch, holder FROM leader").fetchone()
    assert before[1] != holder
    beats = "SELECT count(*) FROM process WHERE name = 'alerts/standby' AND beat_at > %s"
    woken = datetime.now(UTC)
    wait_for(lambda: conn.execute(beats, (woken,)).fetchone()[0], "the sleeper stands by", 30)
    say(conn, gauge, 40)
    wait_for(lambda: len(mail_server.mails) >= 6, "everybody is told the end", 60)
    wait_for(lambda: settled(conn), "nothing waits", 30)
    assert conn.execute("SELECT epoch, holder FROM leader").fetchone() == before
    assert Counter(to for to, _, _ in mail_server.mails) == dict.fromkeys(PEOPLE, 2)
    assert [k for (k,) in conn.execute("SELECT kind FROM alarm_change ORDER BY id")] == ["raised", "cleared"]
