"""The engine as a process: from a reading to a mailbox, killed at every point, two at once, its database away."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from alerts import service
from alerts.painter import Painter
from ioc.config import folder as folders
from ioc.health import Health
from ioc.settings import Settings
from ioc.store import leader, registry
from tests import services
from tests.alerts import city
from tests.alerts.mail_server import MailServer, refuse_everybody
from tests.alerts.quick import hurry
from tests.services import wait_for

CITY = """key = "town"
name = "Town"
zone = "Asia/Ho_Chi_Minh"
languages = ["en"]
[map]
center = [105.97, 9.60]
[mail]
sender = "ioc@city.test"
"""
METRICS = '[water_level]\nname = "Water level"\nunit = "m"\ndecimals = 2\n'
RULE = """[[rule]]
key = "high"
kind = "threshold"
name = "High water"
scope = { metrics = ["water_level"] }
options = { above = 50.0 }
priority = "critical"
cause = "rain"
consequence = "flood"
action = "open the sluice"
respond_within = "30min"
owner = "duty"
review_by = 2027-01-01
"""
FEED = 'name = "Gauges"\ntopic = "g/{sensor}"\nformat = "value"\ncadence = "1min"\n'
CONTACTS = "".join(f'[[contact]]\nkey = "{k}"\nname = "{k}"\nemail = "{k}@city.test"\n' for k in ("an", "binh", "chi"))


@pytest.fixture
def town(tmp_path):
    for name, text in {
        "city.toml": CITY,
        "metrics.toml": METRICS,
        "rules/r.toml": RULE,
        "contacts.toml": CONTACTS,
        "feeds/gauges.toml": FEED,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def gauges(conn, town):
    registry.sync(conn, folders.load(town))
    now = datetime.now(UTC)
    return [city.add_series(conn, f"gauge-{n}", at=now, area=f"area-{n}") for n in range(3)]


def measure(conn, gauges, value):
    now = datetime.now(UTC)
    for gauge in gauges:
        city.add_reading(conn, gauge, now, value)


class Running:
    """The service in a thread."""

    def __init__(self, town, settings):
        self.stop, self.health = threading.Event(), Health("alerts")
        self.thread = threading.Thread(target=service.run, args=(town, settings, self.stop, self.health))
        self.thread.start()

    def end(self):
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """A tick twice a second, and no pictures but where they are part of the way."""
    hurry(monkeypatch, timedelta(seconds=0.5))


@pytest.fixture
def start(town, database_url, mail_server):
    started = []

    def begin(url=database_url):
        started.append(Running(town, Settings(database_url=url, smtp_url=mail_server.url, base_url="https://ioc.test")))
        return started[-1]

    yield begin
    for running in started:
        running.end()


def engine(town, database_url, smtp_url, point, after=0):
    """The engine in a process of its own that kills itself when a mail passes `point` for the (after + 1)th time."""

    def run():
        seen = []

        def mark(name):
            seen.append(name)
            if name == point and seen.count(name) > after:
                os.kill(os.getpid(), signal.SIGKILL)

        settings = Settings(database_url=database_url, smtp_url=smtp_url, base_url="https://ioc.test")
        service.run(town, settings, threading.Event(), Health("alerts"), mark)

    started = multiprocessing.get_context("fork").Process(target=run, daemon=True)
    started.start()
    return started


def test_from_a_reading_to_a_mailbox_and_back_to_normal(conn, gauges, start, mail_server, monkeypatch):
    monkeypatch.setattr(service, "Painter", Painter)
    running = start()
    wait_for(lambda: running.health.state()["ready"], "the first evaluation")
    measure(conn, gauges[:1], 60)
    wait_for(lambda: len(mail_server.mails) == 3, "three people are told")
    [(state, detail)] = conn.execute("SELECT state, detail FROM process WHERE name = 'alerts'").fetchall()
    assert (state, detail["why"]) == ("ok", "")
    measure(conn, gauges[:1], 40)
    wait_for(lambda: len(mail_server.mails) == 6, "and told that it is over")
    assert {m["X-IOC-State"] for _, m, _ in mail_server.mails[3:]} == {"resolved"}


def test_a_mail_server_that_wants_other_credentials_is_shown_with_its_own_words(conn, town, gauges, database_url):
    refusing = MailServer(authenticator=refuse_everybody, auth_required=False, auth_require_tls=False).start()
    settings = Settings(database_url=database_url, smtp_url=f"smtp://ioc:wrong@127.0.0.1:{refusing.port}")
    running = Running(town, settings)
    try:
        wait_for(lambda: running.health.state()["ready"], "the first evaluation", 60)
        measure(conn, gauges[:1], 60)
        shown = "SELECT detail->>'why' FROM process WHERE name = 'alerts'"
        wait_for(lambda: "mail is stopped: 535" in conn.execute(shown).fetchone()[0], "the fault is named", 60)
    finally:
        running.end()
        refusing.stop()


def test_the_folder_changes_while_it_runs(conn, town, gauges, start, mail_server):
    running = start()
    wait_for(lambda: running.health.state()["ready"], "the first evaluation")
    (town / "rules" / "r.toml").write_text("not toml [")
    wait_for(lambda: "refused" in running.health.state()["why"], "the broken folder is refused, with the reason")
    measure(conn, gauges[:1], 45)
    (town / "rules" / "r.toml").write_text(RULE.replace("50.0", "44.0"))
    wait_for(
        lambda: conn.execute("SELECT 1 FROM alarm WHERE threshold = 44").fetchone(), "the new level is in force", 40
    )
    wait_for(lambda: running.health.state()["why"] == "", "and nothing is wrong any more")
    assert running.health.state()["ready"]


@pytest.mark.parametrize("point", ["rendered", "written", "committed", "claimed", "data", "answered"])
def test_killed_at_any_point_nothing_is_lost_and_a_double_is_recognisable(
    conn, town, gauges, database_url, mail_server, point
):
    measure(conn, gauges[:1], 60)
    first = engine(town, database_url, mail_server.url, point, after=1)
    first.join(40)
    assert first.exitcode == -signal.SIGKILL
    conn.execute("UPDATE outbox SET lease_until = now() WHERE state = 'leased'")  # instead of waiting two minutes
    second = engine(town, database_url, mail_server.url, "never")
    try:
        wait_for(lambda: len({to for to, _, _ in mail_server.mails}) == 3, "everybody is told", 40)
        wait_for(lambda: set(conn.execute("SELECT state FROM outbox").fetchall()) == {("sent",)}, "all is sent")
    finally:
        second.kill()
        second.join(10)
    ids = {to: {m["Message-ID"] for who, m, _ in mail_server.mails if who == to} for to, _, _ in mail_server.mails}
    assert {to: len(found) for to, found in ids.items()} == {f"{k}@city.test": 1 for k in ("an", "binh", "chi")}
    assert conn.execute("SELECT count(*) FROM alarm").fetchone()[0] == 1
    assert conn.execute("SELECT count(*), count(outbox_id) FROM intent WHERE state = 'mailed'").fetchone() == (3, 3)


def test_two_engines_one_evaluates_and_the_other_takes_over(conn, town, gauges, database_url, start, mail_server):
    one = start()
    wait_for(lambda: one.health.state()["ready"], "the first leads")
    two = start()
    wait_for(lambda: "standing by" in two.health.state()["why"], "the second stands by")
    one.end()
    measure(conn, gauges, 60)
    wait_for(lambda: len(mail_server.mails) >= 3, "the second took over", 30)
    opened = Counter(conn.execute("SELECT target FROM alarm").fetchall())
    assert set(opened.values()) == {1}


def test_a_deposed_leader_writes_nothing(conn, database_url):
    from ioc.store import database

    with database.connect(database_url, autocommit=True) as other:
        epoch = leader.lead(conn, "alerts", "one")
        leader.hold(conn, "alerts", epoch)
        assert leader.lead(other, "alerts", "two") is None, "the lock is held"
        conn.execute("SELECT pg_advisory_unlock_all()")  # as when its connection broke while it slept
        assert leader.lead(other, "alerts", "two") == epoch + 1
        with pytest.raises(leader.Deposed):
            leader.hold(conn, "alerts", epoch)


def test_eight_evaluators_at_once_open_each_alarm_once(conn, database_url):
    from ioc.store import database

    city.add_rule(conn, options={"above": 50}, scope={"metrics": ["water_level"]})
    city.add_contact(conn)
    for n in range(40):
        city.add_reading(conn, city.add_series(conn, f"s{n}"), city.START, 60)
    barrier, errors = threading.Barrier(8), []

    def work(n):
        try:
            with database.connect(database_url, autocommit=True) as mine:
                engine = city.evaluator(mine)
                barrier.wait()
                engine.tick(mine, city.START + timedelta(milliseconds=n))
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert errors == []
    assert conn.execute("SELECT count(*), count(DISTINCT target) FROM alarm").fetchone() == (40, 40)
    assert conn.execute("SELECT count(*) FROM intent").fetchone()[0] == 40


def test_the_database_goes_and_comes_back(town, tmp_path_factory, mail_server):
    from ioc.embedded.postgres import Postgres
    from ioc.store import database, migrate

    server = Postgres(tmp_path_factory.mktemp("own") / "data", services.free_port())
    server.start(fsync="off")
    try:
        with database.connect(server.url, autocommit=True) as conn:
            migrate.migrate(conn)
            registry.sync(conn, folders.load(town))
            gauge = city.add_series(conn, "gauge", at=datetime.now(UTC))
        running = Running(
            town, Settings(database_url=server.url, smtp_url=mail_server.url, base_url="https://ioc.test")
        )
        try:
            wait_for(lambda: running.health.state()["ready"], "the first evaluation")
            server.stop()
            wait_for(lambda: not running.health.state()["ready"], "it says that the database is away", 40)
            server.start(fsync="off")
            with database.connect(server.url, autocommit=True) as conn:
                measure(conn, [gauge], 60)
            wait_for(lambda: len(mail_server.mails) == 3, "evaluated and mailed again")
            assert {to for to, _, _ in mail_server.mails} == {f"{k}@city.test" for k in ("an", "binh", "chi")}
        finally:
            running.end()
    finally:
        server.stop()
