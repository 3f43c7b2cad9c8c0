# ruff: noqa: F811  a fixture of another file
"""The test alarm goes the whole way to a mailbox, again and again; a dead engine and a dead mail path are noticed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from alerts import ping
from ioc.config import folder as folders
from ioc.store import alarm_watch, alarms, registry, snapshot
from ioc.store.alarm_write import clock
from tests.alerts import city
from tests.alerts.test_service import Running, town  # noqa: F401  the fixture
from tests.services import wait_for

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = 3600.0


def micros(*, ago):
    return round((NOW.timestamp() - ago) * 1e6)


@pytest.mark.parametrize(
    ("row", "late", "mail_late"),
    [
        ({"judged": micros(ago=6), "mailed": micros(ago=100)}, False, False),
        ({"judged": micros(ago=10.9), "mailed": micros(ago=100)}, False, False),
        ({"judged": micros(ago=11.1), "mailed": micros(ago=100)}, True, False),
        ({"judged": None, "mailed": None}, True, False),
        ({"judged": micros(ago=6), "mailed": micros(ago=2 * HOUR + 61)}, False, True),
        ({"judged": micros(ago=6), "mailed": None}, False, True),
        ({"judged": micros(ago=6), "mailed": None, "since": micros(ago=HOUR)}, False, False),
        ({"judged": micros(ago=6), "mailed": None, "since": None}, False, False),
    ],
)
def test_when_a_wall_says_that_something_is_wrong(row, late, mail_late):
    whole = {"since": micros(ago=24 * HOUR), "every": HOUR, **row}
    found = alarm_watch.look(whole, round(NOW.timestamp() * 1e6), missed=2)
    assert (found.late, found.mail_late) == (late, mail_late)
    assert found.judged == (row["judged"] if late else None), "a time is said only when it is of use"


@pytest.fixture
def watched(town):
    path = town / "city.toml"
    path.write_text(path.read_text() + '[watchdog]\ncontact = "chi"\nevery = "1h"\nmissed = 2\n')
    return town


def test_the_test_alarm_is_mailed_to_its_mailbox_alone_and_shown_nowhere(conn, watched, database_url, mail_server):
    from ioc.settings import Settings

    running = Running(
        watched, Settings(database_url=database_url, smtp_url=mail_server.url, base_url="https://ioc.test")
    )
    try:
        wait_for(lambda: mail_server.mails, "the first test mail", 30)
        wait_for(lambda: snapshot.judging(conn)["mailed"], "its delivery is known", 30)
    finally:
        running.end()
    assert {to for to, _, _ in mail_server.mails} == {"chi@city.test"}
    assert alarms.open_alarms(conn) == []
    assert alarms.open_page(conn) == ([], 0)
    assert alarm_watch.unwell(conn, clock(conn), missed=2) == ""
    later = clock(conn) + timedelta(hours=3)
    assert "not being judged" in alarm_watch.unwell(conn, later, missed=2)
    conn.execute("INSERT INTO tick (at, finished_at) VALUES (%s, %s)", (later, later))
    assert alarm_watch.unwell(conn, later, missed=2) == "no test mail arrives"


def test_a_mail_each_hour_and_its_acknowledgement_does_not_stop_it(conn, watched):
    registry.sync(conn, folders.load(watched))
    engine = city.evaluator(conn, city.START)
    for hours in range(4):
        engine.tick(conn, city.START + timedelta(hours=hours))
        alarms.acknowledge(conn, 1, "somebody")
    told = conn.execute("SELECT reason FROM intent ORDER BY id").fetchall()
    assert [reason for (reason,) in told] == ["raised", "reminder", "reminder", "reminder"]
    assert conn.execute("SELECT count(*) FROM alarm").fetchone() == (1,)


def test_without_a_watchdog_in_the_folder_the_test_alarm_ends(conn, watched):
    registry.sync(conn, folders.load(watched))
    city.evaluator(conn, city.START).tick(conn, city.START)
    path = watched / "city.toml"
    path.write_text(path.read_text().partition("[watchdog]")[0])
    registry.sync(conn, folders.load(watched))
    city.evaluator(conn, city.START).tick(conn, city.START + timedelta(minutes=1))
    assert alarms.one(conn, 1)["close_reason"] == "rule disabled"


def test_the_watcher_outside_is_asked_only_while_all_is_well(conn, watched):
    asked = []

    class Outside(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            return

    server = HTTPServer(("127.0.0.1", 0), Outside)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = watched / "city.toml"
    path.write_text(path.read_text() + f'ping = "http://127.0.0.1:{server.server_port}/alive"\n')
    folder = folders.load(watched)
    try:
        ping.pinging(lambda: folder)(conn)
        assert asked == [], "nobody judges the rules"
        conn.execute("INSERT INTO tick (at, finished_at) VALUES (now(), now())")
        ping.pinging(lambda: folder)(conn)
        assert asked == ["/alive"]
    finally:
        server.shutdown()
        server.server_close()
    ping.pinging(lambda: folder)(conn)  # it does not answer: no harm done
