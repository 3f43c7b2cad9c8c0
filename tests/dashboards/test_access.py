"""Who gets in: sessions, keys, tokens, foreign pages, names and proxies, sizes; and the headers every answer carries."""

from __future__ import annotations

import gzip
import http.client
import socket
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from dashboards.doors import Doors, Flooding
from dashboards.names import Names, clean
from dashboards.viewer import Viewer
from ioc.access.door import refuse_open_door
from ioc.access.holder import Holder
from ioc.access.rights import PEOPLE, RIGHTS, SCOPES, Bounds, Right, Role, rights
from ioc.errors import StartError, StoreAway
from ioc.settings import Settings
from ioc.store import people, tokens
from tests import services
from tests.dashboards import accounts, seed
from tests.dashboards.conftest import Screens, Window

DASH = "/_dash-update-component"


@pytest.fixture(scope="module")
def locked(city_url, tmp_path_factory):
    log = tmp_path_factory.mktemp("locked") / "log"
    served = Screens(
        city_url, log, IOC_AUTH="", IOC_SECRET=accounts.SECRET, IOC_HOSTS="city.example", IOC_PROXY="127.0.0.1"
    ).start()
    yield served
    served.stop()


@pytest.fixture
def operator(store):
    return accounts.session(store, Role.OPERATOR)


def listens(served, **headers) -> bool:
    try:
        with connect(f"ws://127.0.0.1:{served.port}/ws/live", additional_headers=headers, open_timeout=5, max_queue=None) as one:  # fmt: skip
            return bool(one.recv(5))
    except (InvalidStatus, ConnectionClosed):
        return False


def test_without_a_session_a_person_is_sent_to_the_login_and_a_program_is_told(locked):
    status, headers, _ = locked.get("/alarms?priority=1")
    assert (status, headers["location"]) == (303, "/login?next=/alarms%3Fpriority%3D1")
    assert locked.get("/wall/water")[1]["location"] == "/pair?next=/wall/water"
    for path in ("/api/points", "/_dash-layout", "/metrics"):
        assert locked.get(path)[0] == 401
    assert not listens(locked, Origin=locked.url)
    assert locked.get("/healthz")[0] == 200


def test_a_forged_cookie_opens_nothing_and_its_session_goes_on(locked, operator):
    assert locked.get("/alarms", Cookie=operator)[0] == 200
    name, _, value = operator.partition("=")
    handle, secret, signature = value.split(".")
    for forged in (f"{handle}.{secret}.{'A' * 43}", f"{handle}.{'A' * 43}.{signature}", f"{'A' * 22}.{secret}.{signature}",
                   value[:-1], value + "A", "", "." * 2, "é" * 9, "A" * 9000, f"{value}; ioc_session={value}x"):  # fmt: skip
        assert locked.get("/alarms", Cookie=f"{name}={forged}".encode().decode("latin-1"))[0] == 303, forged
    assert locked.get("/alarms", Cookie=operator)[0] == 200


def test_a_disabled_account_is_out_within_seconds(locked, store, operator):
    assert locked.get("/alarms", Cookie=operator)[0] == 200
    with store.transaction():
        newest = max((p for p in people.everybody(store)), key=lambda p: p.id)
        people.disable(store, accounts.TEST, newest, newest.created_at)
    services.wait_for(lambda: locked.get("/alarms", Cookie=operator)[0] == 303, "the session is over", 15, 0.2)


def test_a_page_of_another_site_can_change_and_hear_nothing(locked, operator):
    sent = {"data": b"{}", "Cookie": operator, "Content_Type": "application/json"}
    for origin in (
        "http://evil.example",
        "null",
        f"{locked.url}.evil.example",
        f"ftp://127.0.0.1:{locked.port}",
        "http://[",
        "",
    ):
        assert locked.get(DASH, Origin=origin, **sent)[0] == 403, origin
        assert not listens(locked, Cookie=operator, Origin=origin)
    assert locked.get(DASH, **sent)[0] == 403
    assert locked.get("/logout", data=b"", Cookie=operator, Origin="http://evil.example")[0] == 403
    assert not listens(locked, Cookie=operator)
    assert listens(locked, Cookie=operator, Origin=locked.url)


def test_a_token_does_what_its_scope_says_and_needs_no_page(locked, store):
    bound = accounts.token(store, "export", feeds=["buses"])
    assert locked.get("/export?what=readings&feed=buses&start=2026-01-01", Authorization=bound)[0] == 200
    for beyond in ("", "&feed=tide_gauges", "&feed=buses&feed=tide_gauges"):
        assert locked.get(f"/export?what=readings&series=1{beyond}", Authorization=bound)[0] == 403, beyond
    read, export = accounts.token(store, "read"), accounts.token(store, "export")
    assert locked.get("/api/points", Authorization=read)[0] == 200
    assert locked.get("/export?what=readings&series=1", Authorization=read)[0] == 403
    assert locked.get("/export?what=readings&series=1", Authorization=export)[0] in {200, 400}
    assert locked.get("/metrics", Authorization=export)[0] == 403
    for forged in (
        f"{read}x",
        "Bearer ",
        "Bearer ioc_",
        "Bearer " + "x" * 10_000,
        "Basic " + "eDp4",
        read.replace("ioc_", "ico_"),
    ):
        assert locked.get("/api/points", Authorization=forged)[0] == 401, forged[:40]
    with store.transaction():
        named = max(tokens.every(store), key=lambda t: t.created_at).name
        tokens.revoke(store, named, who=accounts.TEST)
    services.wait_for(
        lambda: locked.get("/export?what=readings&series=1", Authorization=export)[0] == 401, "it is revoked", 15, 0.2
    )


def test_ten_thousand_wrong_keys_stop_at_the_door_and_others_are_served(locked, operator):
    """The flood comes from another address (our proxy says so): others, and those who are in, notice nothing."""
    seen = set()

    def flood() -> None:
        for n in range(120):
            seen.add(locked.get("/api/points", Authorization=f"Bearer ioc_{n:043d}", X_Forwarded_For="203.0.113.9")[0])

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    served = [locked.get("/api/points", Cookie=operator)[0] for _ in range(20)]
    for thread in threads:
        thread.join(60)
    assert served == [200] * 20
    assert 429 in seen
    assert seen <= {401, 429}


def test_the_server_answers_to_its_own_names_only(screens, locked):
    for host in ("rebound.example", f"evil.example:{screens.port}", "localhost.evil.example", "[", ""):
        assert screens.get("/api/city", Host=host)[0] in {400, 421}, host
    assert screens.get("/api/city", Host=f"localhost:{screens.port}")[0] == 200
    assert locked.get("/login", Host="city.example")[0] == 200
    assert locked.get("/login", Host="other.example")[0] == 421


def raw(served, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
        line.sendall(request)
        line.settimeout(5)
        answer = b""
        try:
            while part := line.recv(65536):
                answer += part
        except TimeoutError:
            pass
        return answer


def test_a_request_that_could_be_read_two_ways_is_refused(locked):
    host = f"Host: 127.0.0.1:{locked.port}\r\n".encode()
    two = raw(locked, b"GET /healthz HTTP/1.1\r\n" + host + b"Host: evil.example\r\nConnection: close\r\n\r\n")
    assert two.split(b"\r\n")[0].split()[1] in {b"400", b"421"}
    smuggled = b"GET /metrics HTTP/1.1\r\n" + host + b"\r\n"
    for lengths in (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n",
                    b"Transfer-Encoding: chunked, identity\r\n", b"Content-Length: -1\r\n", b"Content-Length: +5\r\n"):  # fmt: skip
        answer = raw(
            locked, b"POST /login HTTP/1.1\r\n" + host + lengths + b"Connection: close\r\n\r\n0\r\n\r\n" + smuggled
        )
        assert answer.count(b"HTTP/1.1") <= 1, lengths
        assert b" 200 " not in answer[:20], lengths


def test_a_name_that_only_the_proxy_may_say_is_ignored_from_elsewhere(city_url, store, tmp_path):
    """IOC_AUTH=proxy with a proxy that is not us: the header counts for nothing."""
    name = accounts.person(store, Role.OPERATOR).name
    for proxy, status in (("192.0.2.1", 303), ("127.0.0.1", 200)):
        served = Screens(
            city_url, tmp_path / proxy, IOC_AUTH="proxy", IOC_PROXY=proxy, IOC_SECRET=accounts.SECRET
        ).start()
        try:
            assert served.get("/alarms", X_Forwarded_User=name)[0] == status
            assert served.get("/alarms", X_Forwarded_User="nobody we know")[0] == 303
            assert served.get("/alarms")[0] == 303
        finally:
            served.stop()


def test_what_is_too_large_is_not_taken(locked, operator):
    big = b"x" * 10_000_000
    try:
        status = locked.get(DASH, data=big, Cookie=operator, Origin=locked.url)[0]
    except http.client.HTTPException:
        status = 413
    assert status in {413, 0}  # refused before it was sent whole
    chunks = b"POST /_dash-update-component HTTP/1.1\r\nHost: 127.0.0.1\r\n" + (
        f"Origin: http://127.0.0.1\r\nCookie: {operator}\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
    ).encode() + b"100000\r\n" + b"y" * 0x100000 + b"\r\n" + b"100000\r\n" + b"y" * 0x100000 + b"\r\n0\r\n\r\n"  # fmt: skip
    assert b" 413 " in raw(locked, chunks)[:40]
    assert locked.get("/alarms", Cookie=operator)[0] == 200


def test_no_path_leads_out_of_its_folder(locked, operator):
    for path in ("/assets/../app.py", "/assets/..%2fapp.py", "/assets/%2e%2e/app.py", "/images/..%2fcity.toml", "/images/%2e%2e%2fcity.toml",
                 "/assets/....//app.py", "/assets/..%5capp.py", "/assets/%00", "/mail/..%2f..%2fetc/passwd", "/images/%2fetc%2fpasswd"):  # fmt: skip
        answer = raw(
            locked,
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {operator}\r\nConnection: close\r\n\r\n".encode(),
        )
        assert b"add_middleware" not in answer, path
        assert b"[city]" not in answer, path
        assert b"root:" not in answer, path


def test_what_is_refused_stands_in_the_log_as_one_line(locked):
    locked.get("/metrics%0d%0aFORGED%1b[31m%20line")
    locked.get("/metrics", Host="evil.example")
    text = locked.log.read_text(encoding="utf-8", errors="replace")
    assert "refused 421" in text
    assert "\nFORGED" not in text
    assert "\x1b" not in text
    assert clean("a\r\nb\x1b[2Jc\u2028d") == "a??b?[2Jc?d"


def test_every_answer_carries_the_headers_that_keep_foreign_code_out(screens):
    for path in ("/", "/wall", "/api/city", "/assets/20-say.js"):
        headers = screens.get(path)[1]
        csp = headers["content-security-policy"]
        assert "default-src 'self'" in csp
        assert "unsafe-eval" not in csp
        assert "script-src 'self' 'unsafe-inline'" not in csp
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["referrer-policy"] == "same-origin"
    assert screens.get("/")[1]["cache-control"] == "no-store"
    assert (
        screens.get("/")[1]["strict-transport-security"] is None
    )  # not over plain HTTP, where it would lock people out


def test_over_tls_the_browser_is_told_to_stay_there(locked, operator):
    secure = {"X_Forwarded_Proto": "https", "X_Forwarded_For": "203.0.113.5"}
    assert "max-age=31536000" in locked.get("/login", **secure)[1]["strict-transport-security"]
    origin = {"Origin": f"http://127.0.0.1:{locked.port}"}
    assert locked.get(DASH, data=b"{}", Cookie=operator, **origin, **secure)[0] == 403  # a plain page of the same name


def test_what_is_not_there_is_not_found(screens):
    assert screens.get("/api/nope")[0] == 404
    assert screens.get("/assets/nope.js")[0] == 404
    assert screens.get("/wall/nope")[0] == 404
    assert screens.get("/mail/00000000-0000-0000-0000-000000000000/html")[0] == 404


def test_an_open_door_is_refused_at_the_start():
    outside = {"http_host": "0.0.0.0"}
    for wrong, why in ((Settings(**outside), "IOC_TLS_CERT"), (Settings(**outside, auth="open", tls_cert="x"), "IOC_AUTH=open"),
                       (Settings(**outside, password="x"), "IOC_TLS_CERT"), (Settings(http_host="city.example"), "IOC_PROXY")):  # fmt: skip
        with pytest.raises(StartError, match=why):
            refuse_open_door(wrong)
    with pytest.raises(StartError, match="ioc users add"):
        refuse_open_door(Settings(**outside, tls_cert="local"), accounts=False)
    for fine in (Settings(), Settings(http_host="::1"), Settings(auth="open"), Settings(**outside, tls_cert="x", tls_key="y"),
                 Settings(**outside, proxy="10.0.0.1")):  # fmt: skip
        refuse_open_door(fine)
    with pytest.raises(StartError, match="IOC_PROXY=nginx"):
        Names.of(Settings(proxy="nginx"))


class Away:
    """A pool whose database comes and goes."""

    def __init__(self) -> None:
        self.away, self.asked = False, 0


def test_those_who_are_in_stay_in_while_the_database_is_away(monkeypatch):

    pool, now = Away(), [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def look(self, look_, key, address):
        pool.asked += 1
        if pool.away:
            raise StoreAway("gone")
        return Holder(Role.VIEWER, "An") if key == "right" * 5 else None

    monkeypatch.setattr(Doors, "_look", look)

    async def story() -> None:
        doors = Doors(None, "")
        cookies = {"ioc_session": "right" * 5}
        assert (await doors.find(cookies, "", "a")).name == "An"
        assert (await doors.find(cookies, "", "a")).name == "An"
        assert pool.asked == 1  # within seconds the store is not asked again
        pool.away = True
        now[0] += 10
        assert (await doors.find(cookies, "", "a")).name == "An"
        asked = pool.asked
        with pytest.raises(StoreAway):
            await doors.find({"ioc_session": "never seen"}, "", "a")
        assert pool.asked == asked  # somebody has just waited for it in vain
        now[0] += 3601
        with pytest.raises(StoreAway):
            await doors.find(cookies, "", "a")
        pool.away = False
        now[0] += 3
        for n in range(30):
            assert await doors.find({"ioc_session": f"wrong{n}"}, "", "b") is None
        with pytest.raises(Flooding):
            await doors.find({"ioc_session": "wrong again"}, "", "b")
        assert (await doors.find(cookies, "", "c")).name == "An"

    services.run(story())


def test_roles_hold_what_the_table_says_and_bounds_bound_deeds():
    assert [len(RIGHTS[role]) for role in PEOPLE] == sorted(len(RIGHTS[role]) for role in PEOPLE)
    assert RIGHTS[Role.ADMINISTRATOR] == frozenset(Right)
    assert rights(Role.TOKEN, ("read", "nonsense")) == SCOPES["read"]
    assert rights(Role.VIEWER, ("export",)) == RIGHTS[Role.VIEWER]  # scopes are a token's
    assert not Viewer(role=Role.DISPLAY).may(Right.LOOK)
    bounds = Bounds(frozenset({"soc-trang"}), frozenset({"water"}))
    assert bounds.reaches_area(frozenset({"ward-1", "soc-trang"}))
    assert not bounds.reaches_area(frozenset({"ward-2"}))
    assert not bounds.reaches_area(frozenset())
    assert bounds.reaches_feed("water")
    assert not bounds.reaches_feed("air")
    assert Bounds().reaches_area(frozenset())


def test_scripts_come_packed_and_are_kept_for_a_year_where_their_address_changes_with_them(screens):
    page = screens.get("/")[2].decode()
    plotly = next(
        (part.split('"')[0] for part in page.split('src="') if "plotly" in part[:120]),
        "/_dash-component-suites/plotly/package_data/plotly.min.js",
    )
    for path in ("/assets/00-maplibre-gl.js?b=1", plotly):
        status, headers, packed = screens.get(path, Accept_Encoding="gzip")
        assert (status, headers["content-encoding"], headers["vary"]) == (200, "gzip", "Accept-Encoding")
        assert "content-security-policy" in headers
        plain = screens.get(path, Accept_Encoding="identity")
        assert plain[1]["content-encoding"] is None
        assert gzip.decompress(packed) == plain[2]
        assert len(packed) < 0.4 * len(plain[2])
        assert screens.get(path, If_None_Match=headers["etag"])[0] == 304
    assert "immutable" in screens.get("/assets/00-maplibre-gl.js?b=1")[1]["cache-control"]
    assert screens.get("/assets/00-maplibre-gl.js")[1]["cache-control"] == "no-cache"
    assert screens.get("/assets/nothing.js")[0] == 404


def test_prometheus_is_told_what_the_screens_show(screens):
    def points():
        lines = screens.get("/metrics")[2].decode().splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith("ioc_dashboards_points ")), 0.0)

    assert services.wait_for(points, "the map has points") > 10


class Desk(Window):
    """A desk in a browser of its own, with somebody's cookie."""

    def __init__(self, browser, served, cookie: str) -> None:
        self.own = browser.new_context(locale="en-US", timezone_id="America/New_York")
        super().__init__(browser, served, context=self.own)
        self.carry(cookie)

    def carry(self, cookie: str) -> None:
        self.own.add_cookies([{"name": "ioc_session", "value": cookie.partition("=")[2], "url": self.served.url},
                              {"name": "ioc_language", "value": "en", "url": self.served.url}])  # fmt: skip


@pytest.fixture
def desk(browser, locked, store):
    found = Desk(browser, locked, accounts.session(store, Role.VIEWER))
    yield found
    found.own.close()


@pytest.mark.chromium
def test_a_viewer_sees_no_button_that_would_be_refused_and_is_led_back_after_the_session_ended(desk, store):
    rule = seed.rule(store, "seen", "Seen", 2)
    series, sensor = store.execute("SELECT id, sensor_id FROM series ORDER BY id LIMIT 1").fetchone()
    alarm = seed.alarm(store, rule, series=series, sensor=sensor, priority=2, value=2.0, domain="air")
    page = desk.open(f"/alarms/{alarm}", "document.querySelector('#ack-form')")
    assert page.locator("#ack-do:visible").count() == 0
    assert page.locator("nav a[href='/people'], nav a[href='/audit'], nav a[href='/displays']").count() == 0
    page.locator("#ack-do").evaluate("button => button.click()")  # who makes it visible is refused all the same
    page.locator("#denied", has_text="not change").wait_for()
    desk.faults = [fault for fault in desk.faults if "403" not in fault]
    assert store.execute("SELECT acked_by FROM alarm WHERE id = %s", [alarm]).fetchone() == (None,)
    desk.carry(accounts.session(store, Role.OPERATOR))
    desk.open(f"/alarms/{alarm}", "document.querySelector('#ack-do') && document.querySelector('#ack-do').offsetParent")
    name = page.locator("#ack-by").input_value()
    assert name.startswith("operator ")  # the account's; nobody signs with another's
    page.locator("#ack-by").evaluate(
        "input => { input.readOnly = false; input.value = 'somebody else'; input.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    page.locator("#ack-do").click()
    services.wait_for(
        lambda: store.execute("SELECT acked_by FROM alarm WHERE id = %s", [alarm]).fetchone() == (name,), "signed"
    )
    desk.carry("ioc_session=over")
    page.wait_for_url("**/login?next=/alarms/*")  # at the next thing it asks for
    store.execute("UPDATE alarm SET closed_at = now(), condition = 'false' WHERE id = %s", [alarm])


@pytest.mark.chromium
def test_somebody_bound_to_an_area_acts_there_and_nowhere_else(desk, store):
    rule = seed.rule(store, "bound", "Bound", 2)
    rows = store.execute(
        "SELECT se.id, s.id, s.area FROM series se JOIN sensor s ON s.id = se.sensor_id WHERE s.area <> '' ORDER BY s.id"
    ).fetchall()
    first, area = rows[0], rows[0][2]
    other = next(row for row in rows if row[2] != area)
    near, far = (seed.alarm(store, rule, series=series, sensor=sensor, priority=2, value=2.0, domain="air") for series, sensor, _ in (first, other))  # fmt: skip
    desk.carry(accounts.session(store, Role.OPERATOR, areas=(area,)))
    page = desk.open(f"/alarms/{far}", "document.querySelector('#ack-do')")
    page.locator("#ack-do").click()
    page.locator("#ack-said", has_text="may act only in").wait_for()
    page = desk.open(f"/alarms/{near}", "document.querySelector('#ack-do')")
    page.locator("#ack-do").click()
    acked = "SELECT acked_by FROM alarm WHERE id = %s"
    services.wait_for(lambda: store.execute(acked, [near]).fetchone()[0], "it is acknowledged")
    assert store.execute(acked, [far]).fetchone() == (None,)
    store.execute("UPDATE alarm SET closed_at = now(), condition = 'false' WHERE id = ANY(%s)", [[near, far]])
