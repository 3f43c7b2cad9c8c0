"""Who gets in: passwords, display keys, foreign pages, and the headers every answer carries."""

from __future__ import annotations

import gzip
import urllib.parse

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dashboards import service
from dashboards.session import Keys
from ioc.errors import StartError
from ioc.settings import Settings
from tests import services
from tests.dashboards.conftest import Screens

SECRET, PASSWORD = "a-secret-of-the-tests", "nước lên"


@pytest.fixture(scope="module")
def locked(city_url, tmp_path_factory):
    served = Screens(
        city_url, tmp_path_factory.mktemp("locked") / "log", IOC_PASSWORD=PASSWORD, IOC_SECRET=SECRET
    ).start()
    yield served
    served.stop()


def login(served, password=PASSWORD, **headers):
    form = urllib.parse.urlencode({"password": password, "next": "/feeds"}).encode()
    return served.get("/login", data=form, **{"Origin": served.url, **headers})


def listens(served, **headers) -> bool:
    try:
        with connect(f"ws://127.0.0.1:{served.port}/ws/live", additional_headers=headers, open_timeout=5) as socket:
            return bool(socket.recv(5))
    except InvalidStatus:
        return False


def test_without_a_session_a_person_is_sent_to_the_login_and_a_program_is_told(locked):
    status, headers, _ = locked.get("/alarms")
    assert (status, headers["location"]) == (303, "/login?next=/alarms")
    assert locked.get("/api/points")[0] == 401
    assert locked.get("/_dash-layout")[0] == 401
    assert locked.get("/metrics")[0] in {303, 401}
    assert not listens(locked, Origin=locked.url)
    assert locked.get("/healthz")[0] == 200


def test_the_right_password_opens_everything_and_a_wrong_one_nothing(locked):
    assert login(locked, "wrong")[0] == 401
    status, headers, _ = login(locked)
    cookie = headers["set-cookie"]
    assert (status, headers["location"]) == (303, "/feeds")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    session = cookie.split(";")[0]
    assert locked.get("/feeds", Cookie=session)[0] == 200
    assert listens(locked, Origin=locked.url, Cookie=session)
    forged = session.replace(session.split(".")[0], "ioc_session=9999999999")
    assert locked.get("/feeds", Cookie=forged)[0] == 303


def test_a_page_of_another_site_can_change_and_hear_nothing(locked):
    session = login(locked)[1]["set-cookie"].split(";")[0]
    assert login(locked, Origin="http://evil.example")[0] == 403
    assert (
        locked.get(
            "/_dash-update-component",
            data=b"{}",
            Cookie=session,
            Origin="http://evil.example",
            Content_Type="application/json",
        )[0]
        == 403
    )
    assert locked.get("/_dash-update-component", data=b"{}", Cookie=session, Content_Type="application/json")[0] == 403
    assert not listens(locked, Cookie=session, Origin="http://evil.example")
    assert not listens(locked, Cookie=session)


def test_without_a_password_the_server_answers_to_no_foreign_name(screens, locked):
    assert screens.get("/api/city", Host="rebound.example")[0] == 421
    assert screens.get("/api/city", Host=f"localhost:{screens.port}")[0] == 200
    assert locked.get("/login", Host="city.example")[0] == 200


def test_a_display_key_opens_walls_and_nothing_else(locked):
    key = Keys(SECRET, PASSWORD).display
    status, headers, _ = locked.get(f"/wall?key={key}")
    held = headers["set-cookie"].split(";")[0]
    assert status == 200
    assert locked.get("/wall/water", Cookie=held)[0] == 200
    assert locked.get("/api/points", Cookie=held)[0] == 200
    assert listens(locked, Cookie=held, Origin=locked.url)
    assert locked.get("/alarms", Cookie=held)[0] == 303
    assert locked.get("/_dash-update-component", data=b"{}", Cookie=held, Origin=locked.url)[0] == 401
    assert locked.get("/wall?key=wrong")[0] == 303


def test_the_login_leads_nowhere_else(locked):
    for to in ("//evil.example", "https://evil.example", "/\\evil.example", "/a\nb"):
        form = urllib.parse.urlencode({"password": PASSWORD, "next": to}).encode()
        assert locked.get("/login", data=form, Origin=locked.url)[1]["location"] == "/"


def test_every_answer_carries_the_headers_that_keep_foreign_code_out(screens):
    for path in ("/", "/wall", "/api/city", "/assets/20-say.js"):
        headers = screens.get(path)[1]
        csp = headers["content-security-policy"]
        assert "default-src 'self'" in csp
        assert "unsafe-eval" not in csp
        assert "script-src 'self' 'unsafe-inline'" not in csp
        assert headers["x-content-type-options"] == "nosniff"


def test_what_is_not_there_is_not_found(screens):
    assert screens.get("/api/nope")[0] == 404
    assert screens.get("/assets/nope.js")[0] == 404
    assert screens.get("/wall/nope")[0] == 404
    assert screens.get("/mail/00000000-0000-0000-0000-000000000000/html")[0] == 404
    assert screens.get("/assets/../app.py")[0] in {404, 200}
    assert b"Guard" not in screens.get("/assets/..%2fapp.py")[2]


def test_an_open_door_is_refused_at_the_start():
    with pytest.raises(StartError, match="IOC_PASSWORD"):
        service.refuse_open_door(Settings(http_host="0.0.0.0"))
    for fine in (
        Settings(),
        Settings(http_host="::1"),
        Settings(http_host="0.0.0.0", password="x"),
        Settings(http_host="0.0.0.0", auth="proxy"),
    ):
        service.refuse_open_door(fine)


def test_a_session_ends_and_a_changed_password_ends_it_too():
    keys = Keys(SECRET, "one")
    token = keys.session(now=0)
    assert keys.session_holds(token, now=3600)
    assert not keys.session_holds(token, now=13 * 3600)
    assert not Keys(SECRET, "two").session_holds(token, now=3600)
    assert not keys.session_holds("", now=0)


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
