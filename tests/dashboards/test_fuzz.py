"""The described addresses and everything behind them, asked with what nobody means: short and the same each time.

python -m tests.fuzz --minutes 30     goes on for longer, with other numbers each time
"""

from __future__ import annotations

import csv
import io
import threading
import time
import uuid

import psycopg
import pytest
import uvicorn
from websockets.exceptions import InvalidStatus

from dashboards import faults, lines, surface
from dashboards.lines import OF_ADDRESS, OF_ALL, OF_ONE, PAST_OF_ONE, Sockets
from ioc.access.holder import Holder
from ioc.access.rights import Role
from ioc.errors import StoreAway, StoreError
from ioc.store import database, tokens
from tests import services
from tests.dashboards import accounts, seed
from tests.dashboards.conftest import Screens
from tests.fuzz import callbacks, http, sockets


@pytest.fixture(scope="module")
def url(postgres):
    """A city of its own: what these tests press by accident is pressed here."""
    name, server = f"fuzz_{uuid.uuid4().hex[:8]}", postgres.url[: -len("/ioc")]
    with psycopg.connect(server + "/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE ioc")
        with database.connect(f"{server}/{name}", autocommit=True) as conn:
            seed.city(conn, hours=1)
        yield f"{server}/{name}"
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def served(url, tmp_path_factory):
    log = tmp_path_factory.mktemp("fuzz") / "log"
    one = Screens(url, log, IOC_AUTH="", IOC_SECRET=accounts.SECRET).start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def administrator(url):
    with database.connect(url, autocommit=True) as conn:
        return {"Cookie": accounts.session(conn, Role.ADMINISTRATOR)}


@pytest.fixture(scope="module")
def program(url):
    with database.connect(url, autocommit=True) as conn:
        return {"Authorization": accounts.token(conn, "read", "export", "metrics")}


def test_what_programs_may_read_is_described_with_the_right_it_needs(served, program):
    found = http.described(served, program)
    paths = found["paths"]
    assert {"/api/city", "/api/points", "/api/areas", "/export", "/metrics", "/healthz", "/readyz"} <= set(paths)
    assert not [path for path in paths if path.startswith(("/_dash", "/login", "/a/", "/pair"))]
    for path, item in paths.items():
        assert item["get"]["responses"]["200"]["content"], path
        assert (item["get"]["security"] == []) == (surface.needed(path) is None), path
    assert "scope export" in paths["/export"]["get"]["description"]
    assert {p["name"] for p in paths["/export"]["get"]["parameters"]} >= {"what", "format", "series", "start", "stop"}
    assert served.get("/api/openapi.json")[0] == 401
    for page in ("/docs", "/redoc", "/openapi.json"):
        assert b"swagger" not in served.get(page, **program)[2].lower()


def test_every_described_address_answers_as_described(served, program, administrator):
    assert http.described_fit(served, program, most=5) > 30
    assert http.described_fit(served, administrator, most=3) > 30


def test_no_hostile_parameter_gets_further_than_a_refusal(served, administrator):
    assert http.hostile(served, administrator, most=25) > 200


def test_a_token_of_one_feed_takes_its_files_and_nothing_else(served, url):
    with database.connect(url, autocommit=True) as conn:
        sent = {
            "Authorization": "Bearer "
            + tokens.add(conn, "one feed", ["export", "read"], who=accounts.TEST, feeds=["buses"])[1]
        }
    status, _, body = served.get("/export?what=readings&feed=buses&format=csv", **sent)
    feeds = {row["feed"] for row in csv.DictReader(io.StringIO(body.decode("utf-8-sig")))}
    assert (status, feeds) == (200, {"buses"})
    for path in (
        "/export",
        "/export?feed=salinity",
        "/export?feed=buses&feed=salinity",
        "/api/points",
        "/api/areas",
        "/alarms",
        "/wall",
        "/metrics",
        "/audit/export",
    ):
        assert served.get(path, **sent)[0] == 403, path
    with pytest.raises(InvalidStatus):
        sockets.opened(served, "/ws/live", sent, legacy=True)


class Pulse:
    """Somebody else, who asks meanwhile; slowest: seconds."""

    def __init__(self, served, headers) -> None:
        self.served, self.headers, self.slowest, self.wrong = served, headers, 0.0, []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        while not self._over.wait(0.1):
            began = time.monotonic()
            status = self.served.get("/api/city", **self.headers)[0]
            self.slowest = max(self.slowest, time.monotonic() - began)
            if status != 200:
                self.wrong.append(status)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join(20)
        assert self.wrong == []
        assert self.slowest < 5.0


def test_no_body_of_a_callback_breaks_or_blocks_the_server(served, administrator, program):
    with Pulse(served, program):
        assert set(callbacks.not_json(served, administrator)) == {400}
        seen = callbacks.attack(served, administrator, rounds=2)
    assert seen[400] > 50  # broken envelopes
    assert seen[200] > 50  # and values that were understood, or left alone
    assert set(seen) <= {200, 204, 400, 403, 503}
    text = served.log.read_text(errors="replace")
    assert "dashboards.faults: /_dash-update-component: " in text
    assert " ERROR " not in text


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (TypeError("a secret place"), 400, b"this request makes no sense here\n"),
        (OSError("a secret place"), 500, b"something went wrong here; the log says what\n"),
        (StoreAway("host=secret"), 503, b"the database is away: try again\n"),
        (StoreError("relation secret"), 400, b"the database does not take that\n"),
    ],
)
def test_a_fault_is_told_in_a_line_without_what_is_inside(error, status, said, caplog):
    answer = faults.answer(error, "/x\r\nforged")
    assert (answer.status_code, answer.body) == (status, said)
    assert "\n" not in "".join(record.getMessage() for record in caplog.records)


def test_nothing_said_on_a_push_channel_harms_those_who_watch(served, url, administrator, program):
    with database.connect(url, autocommit=True) as conn:
        screen = {"Cookie": accounts.display(conn)}
    with Pulse(served, program), sockets.opened(served, "/ws/live", administrator) as watching:
        sockets.garbage(served, administrator, rounds=3)
        sockets.garbage(served, screen, rounds=3)
        sockets.flood(served, screen, 1.5)
        idle = sockets.half_open(served, 200)
        newest = [watching.recv(5) for _ in range(20)]  # and goes on coming
        assert newest[-1]
        for line in idle:
            line.close()
    assert "a socket ended" not in served.log.read_text(errors="replace")


def test_one_person_holds_only_so_many_sockets_and_others_still_get_theirs(served, administrator, program):
    several, refused = sockets.many(served, administrator, OF_ONE + 20)
    past, refused_past = sockets.many(served, program, PAST_OF_ONE + 5, "/ws/then")
    try:
        assert (len(several), refused) == (OF_ONE, 20)
        assert (len(past), refused_past) == (PAST_OF_ONE, 5)
        with sockets.opened(served, "/ws/live", program) as other:
            assert other.recv(10)
        several.pop().close()
        services.wait_for(lambda: sockets.many(served, administrator, 1)[0], "there is room again", 10, 0.2)
    finally:
        for one in several + past:
            one.socket.close()


def test_sockets_are_counted_by_who_and_from_where_and_given_back():
    open_, held = Sockets(), []

    def takes(holder, address, path="/ws/live") -> bool:
        one = open_.taken(holder, address, path)
        room = one.__enter__()
        held.append(one)
        return room

    people = [Holder(Role.VIEWER, "x", person=n) for n in range(OF_ALL)]
    assert [takes(people[n], "203.0.113.7") for n in range(OF_ADDRESS + 1)] == [True] * OF_ADDRESS + [False]
    assert takes(people[0], "203.0.113.8")
    nobody = Holder(Role.ADMINISTRATOR, "")  # a trial without accounts, on this machine
    assert all(takes(nobody, "127.0.0.1") for _ in range(OF_ALL - OF_ADDRESS - 1))
    assert not takes(people[-1], "127.0.0.1")
    for one in held:
        one.__exit__(None, None, None)
    assert not open_._open


@pytest.fixture
def patient(monkeypatch):
    """A server of nothing, with very little patience."""
    monkeypatch.setattr(lines, "HEAD_S", 0.4)
    monkeypatch.setattr(lines, "BODY_S", 0.8)

    async def app(scope, receive, send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(
        app, port=services.free_port(), http=lines.Patient, lifespan="off", log_config=None, timeout_keep_alive=30
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    services.wait_for(lambda: server.started, "it listens")
    yield config
    server.should_exit = True
    thread.join(10)


def test_who_never_ends_a_request_is_let_go_and_who_rests_between_two_is_not(patient):
    idle = sockets.half_open(patient, 4)
    for line in idle:
        line.settimeout(10)
        assert line.recv(100) == b""
    with sockets.socket.create_connection(("127.0.0.1", patient.port), 5) as line:
        for pause in (1.2, 0):
            line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
            assert line.recv(1000).startswith(b"HTTP/1.1 204")
            time.sleep(pause)  # longer than any patience
    with sockets.socket.create_connection(("127.0.0.1", patient.port), 5) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: " + b"a" * (lines.LARGEST_HEAD + 10) + b"\r\n\r\n")
        assert line.recv(1000).startswith(b"HTTP/1.1 400")
