"""Screens on walls, as they are: one pairs, an administrator approves, switches, reloads, revokes; servers come and go."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import axe_playwright_python
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from dashboards import presence
from dashboards.hub import Hub, Screen
from ioc.access.rights import Role
from ioc.store import database, displays
from ioc.store.displays import Orders
from tests import services
from tests.dashboards import accounts
from tests.dashboards.conftest import Screens, Window

SCENE = "document.querySelector('#scenes [aria-current]') && document.querySelector('#scenes [aria-current]').dataset.scene"  # fmt: skip
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
CODE = "document.getElementById('pair-code') && document.getElementById('pair-code').textContent.trim().length === 8"
UP = "document.querySelector('.widget') && [...document.querySelectorAll('.widget')].every(b => b.firstChild)"


@pytest.fixture(scope="module")
def locked(city_url, tmp_path_factory):
    log = tmp_path_factory.mktemp("displays") / "log"
    served = Screens(city_url, log, IOC_AUTH="", IOC_SECRET=accounts.SECRET).start()
    yield served
    served.stop()


@pytest.fixture
def empty(store):
    store.execute("DELETE FROM pairing")
    yield store
    store.execute("DELETE FROM display")


class Kiosk(Window):
    """A window with cookies of its own, as another machine."""

    def __init__(self, browser, served, width=1920, height=1080, cookie="") -> None:
        super().__init__(browser, served, width, height)
        self.page.close()
        self.context = browser.new_context(locale="en-US", viewport={"width": width, "height": height})
        if cookie:
            name, _, value = cookie.partition("=")
            self.context.add_cookies([{"name": name, "value": value, "url": served.url, "httpOnly": True}])
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda e: self.faults.append(f"error: {e}"))
        self.page.on("request", self._request)

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def kiosk(browser, locked):
    found = []

    def make(**more):
        found.append(Kiosk(browser, locked, **more))
        return found[-1]

    yield make
    for one in found:
        one.close()
        assert one.faults == []


def ask(served, cookie="", to="/wall", **headers):
    """One question of a screen that waits: (status, what it is told, its cookies)."""
    more = {
        "Origin": served.url,
        "Content_Type": "application/json",
        **({"Cookie": cookie} if cookie else {}),
        **headers,
    }
    status, head, body = served.get("/pair/state", data=json.dumps({"next": to}).encode(), **more)
    cookies = {m.group(1): m.group(2) for c in head.get_all("set-cookie") or [] if (m := re.match(r"(\w+)=([^;]*)", c))}
    return status, json.loads(body) if body.startswith(b"{") else body, cookies


@pytest.mark.chromium
def test_a_wall_pairs_once_and_is_switched_reloaded_and_revoked(browser, locked, kiosk, empty):
    """The whole life of a screen, with an administrator at another machine and a restart between."""
    wall = kiosk()
    page = wall.open("/wall/long_wall?screen=2", CODE)
    code = page.locator("#pair-code").text_content()
    assert page.locator("#pair-code").get_attribute("aria-label") == " ".join(code)
    assert page.evaluate("document.getElementById('pair-code').getBoundingClientRect().height") > 150  # read from 3 m
    assert "Ghép nối" in page.locator("h1").inner_text()  # the city's language
    page.reload()
    wall.until(CODE)
    assert page.locator("#pair-code").text_content() == code

    desk = kiosk(width=1280, height=900, cookie=accounts.session(empty, Role.ADMINISTRATOR))
    admin = desk.open("/displays", "document.querySelector('#displays-waiting td')")
    desk.until(f"document.getElementById('displays-waiting').textContent.includes('{code[:4]}')")
    admin.fill("#display-code", code.lower())
    admin.fill("#display-name", "Phòng trực ban")
    admin.click("#display-approve")
    wall.until(f"{UP} && {SCENE} === 'long_wall'")
    assert page.url.endswith("/wall/long_wall?screen=2")
    assert page.evaluate("document.getElementById('grid').style.getPropertyValue('--x')") == "1"
    desk.until("document.querySelector('#displays-list .sign.ok') && document.getElementById('displays-list').textContent.includes('2/3')")  # fmt: skip
    listed = admin.locator("#displays-list").inner_text()
    for said in ("Phòng trực ban", "1920×1080", "127.0.0.1"):
        assert said in listed
    held = next(c for c in wall.context.cookies() if c["name"] == "ioc_display")
    assert (held["httpOnly"], held["sameSite"]) == (True, "Strict")
    assert "ioc_pairing" not in {c["name"] for c in wall.context.cookies()}

    row = displays.listed(empty)[0]
    admin = desk.open(f"/displays/{row.id}", "document.getElementById('display-switch')")
    pick(admin, "display-to", "0:water")
    admin.click("#display-switch")
    wall.until(f"{SCENE} === 'water'")
    desk.until("document.getElementById('display-said-switch').textContent")
    services.wait_for(lambda: displays.one(empty, row.id).scene == "water", "the store knows what it shows")

    locked.kill()  # the screen keeps what it has, and heals by itself
    wall.until("IOC.live.state().link === 'cut'", 30)
    page.evaluate("window.here = 1")
    displays.switch(empty, accounts.TEST, row.id, ["mobility"])  # nobody hears that now
    locked.start()
    wall.until(f"{SCENE} === 'mobility' && IOC.live.state().link === 'ok'", 40)
    assert page.evaluate("window.here") == 1
    page.goto(locked.url + "/wall/long_wall?screen=2", wait_until="domcontentloaded")  # the screen was off and on again
    wall.until(f"{UP} && {SCENE} === 'mobility'")

    page.evaluate("window.here = 1")
    admin = desk.open(f"/displays/{row.id}", "document.getElementById('display-reload') && IOC.live.painted > 0")
    admin.click("#display-reload")
    wall.until("window.here === undefined && IOC.live.painted > 0")
    assert page.evaluate("performance.now()") < 60_000

    admin.locator("summary", has_text="Thu hồi").click()
    admin.click("#display-revoke")
    wall.until(CODE)
    assert page.url.endswith("/pair?next=%2Fwall%2Flong_wall%3Fscreen%3D2")
    assert page.locator("#pair-code").text_content() != code
    page.goto(locked.url + "/wall")
    wall.until(CODE)
    deeds = [d for (d,) in empty.execute("SELECT deed FROM audit WHERE subject = 'display Phòng trực ban' ORDER BY id")]
    assert deeds == ["display.pair", "display.switch", "display.switch", "display.reload", "display.revoke"]


def faults_for_the_ear(page) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return page.evaluate("axe.run(document).then(f => f.violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v => v.id + v.nodes[0].html))")  # fmt: skip


def pick(page, menu: str, value: str) -> None:
    """Choose of a drop-down, by its value."""
    page.evaluate("([id, value]) => dash_clientside.set_props(id, {value})", [menu, value])


def test_who_waits_is_told_its_code_until_it_is_approved(locked, empty):
    status, said, cookies = ask(locked, to="/wall/water?screen=2")
    assert (status, said["state"]) == (200, "waiting")
    mine = f"ioc_pairing={cookies['ioc_pairing']}"
    assert ask(locked, mine)[1]["code"] == said["code"]
    assert ask(locked)[1]["code"] != said["code"]
    displays.approve(empty, accounts.TEST, "Hall", code=said["code"])
    assert (
        ask(locked, "ioc_pairing=" + "A" * 43 + "." + said["code"])[1]["state"] == "waiting"
    )  # the code opens nothing
    status, told, keys = ask(locked, mine, to="/wall/water?screen=2")
    assert (told, keys["ioc_pairing"]) == ({"state": "paired", "to": "/wall/water?screen=2"}, '""')
    assert displays.find(empty, keys["ioc_display"]).name == "Hall"
    again = ask(locked, mine)  # the answer was lost on the way
    assert again[2]["ioc_display"] == keys["ioc_display"]
    assert locked.get("/wall", Cookie=f"ioc_display={keys['ioc_display']}")[0] == 200


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "/alarms", "/wall//evil", None, 7, "/wall/" + "a" * 900])  # fmt: skip
def test_pairing_leads_nowhere_else(locked, empty, to):
    key = accounts.display(empty)
    assert ask(locked, key, to=to)[1] == {"state": "paired", "to": "/wall"}
    page = locked.get(f"/pair?next={to}")[2]
    assert b"evil" not in page
    assert b"/login?next=/wall" in page


def test_a_display_opens_its_scenes_and_nothing_else(locked, empty):
    held = accounts.display(empty, ["water", "mobility"])
    status, _, page = locked.get("/wall/water", Cookie=held)
    facts = json.loads(re.search(rb'id="ioc-page">(.*?)</script>', page)[1])
    assert (status, sorted(facts["scenes"]), facts["scene"]) == (200, ["mobility", "water"], "water")
    status, headers, page = locked.get("/wall/overview", Cookie=held)
    assert status == 403
    assert sorted(json.loads(re.search(rb'id="ioc-page">(.*?)</script>', page)[1])["scenes"]) == ["mobility", "water"]
    assert "ioc_display=" in headers["set-cookie"]  # kept for longer
    assert locked.get("/wall/nowhere", Cookie=held)[0] in {403, 404}
    assert sorted(json.loads(locked.get("/api/city", Cookie=held)[2])["scenes"]) == ["mobility", "water"]
    for path in ("/", "/alarms", "/displays", "/export?series=1", "/status", "/api/nope"):
        assert locked.get(path, Cookie=held)[0] in {303, 403}, path
    assert locked.get("/_dash-update-component", data=b"{}", Cookie=held, Origin=locked.url)[0] in {401, 403}


def heard(served, cookie, path="/ws/live", say=(), until=None):
    """What a screen is told, until `until` says so or nothing comes; and the code of the end."""
    found = []
    with connect(
        f"ws://127.0.0.1:{served.port}{path}", additional_headers={"Cookie": cookie}, origin=served.url
    ) as socket:
        for one in say:
            socket.send(one)
        try:
            while not (until and until(found)):
                part = socket.recv(6)
                if isinstance(part, str):
                    found.append(json.loads(part))
        except TimeoutError:
            return found, None
        except ConnectionClosed as end:
            return found, end.rcvd.code
    return found, None


def kinds(found):
    return {m["type"].split("/")[1] for m in found if m["type"].count("/") == 2}


def test_the_push_channel_tells_a_display_of_its_own_scenes(locked, empty):
    held = accounts.display(empty, ["water"])
    whole = lambda found: any(m["type"].startswith("widget/water/") for m in found) and any(m["type"] == "show" for m in found)  # noqa: E731  # fmt: skip
    services.wait_for(lambda: kinds(heard(locked, accounts.session(empty, Role.VIEWER), until=lambda f: len(kinds(f)) > 2)[0]), "widgets are drawn")  # fmt: skip
    found, _ = heard(locked, held, until=whole)
    assert kinds(found) == {"water"}
    found, _ = heard(locked, held, "/ws/then", ['{"scene": "overview"}', '{"at": 1}'], lambda f: sum(m["type"] == "beat" for m in f) > 2)  # fmt: skip
    assert kinds(found) == set()


def test_a_revoked_display_is_cut_off_within_seconds_live_and_in_the_past(locked, empty):
    for path in ("/ws/live", "/ws/then"):
        held = accounts.display(empty)
        number = displays.find(empty, held.partition("=")[2]).display
        began = []

        def revoke(found, number=number, began=began):
            if not began and any(m["type"] == "show" for m in found):
                displays.revoke(empty, accounts.TEST, number)
                began.append(empty.execute("SELECT clock_timestamp()").fetchone()[0])
            return False

        _, code = heard(locked, held, path, until=revoke)
        took = empty.execute("SELECT clock_timestamp()").fetchone()[0] - began[0]
        assert code == 4401
        assert took < timedelta(seconds=5)
        assert locked.get("/pair/keep", data=b"", Cookie=held, Origin=locked.url)[0] == 401
        assert locked.get("/wall/water", Cookie=held)[1]["location"] == "/pair?next=/wall/water"
        services.wait_for(
            lambda held=held: locked.get("/api/points", Cookie=held)[0] == 401, "its key opens nothing", 6
        )
        with pytest.raises(InvalidStatus):
            heard(locked, held, path)


def test_what_a_screen_says_of_itself_is_taken_only_where_it_can_be(locked, empty):
    held = accounts.display(empty)
    number = displays.find(empty, held.partition("=")[2]).display
    bad = ["x" * 2000, "{", "[]", '"showing"', '{"type": "showing", "scene": "a\\u0000b"}', '{"type": "showing", "screen": -1}',
           '{"type": "showing", "screen": "many"}', '{"type": "showing", "width": 1e99}', '{"type":"showing","scene":"\\ud800"}']  # fmt: skip
    good = '{"type": "showing", "scene": "<b>water</b>", "screen": 2, "width": 3840, "height": 2160, "build": "abc"}'
    seen = lambda _: displays.one(empty, number).scene != ""  # noqa: E731
    heard(locked, held, say=[*bad, good], until=seen)
    row = displays.one(empty, number)
    assert (row.scene, row.part, row.width, row.build, row.alive) == ("<b>water</b>", 2, 3840, "abc", True)


@pytest.mark.chromium
def test_a_store_that_is_away_leads_no_wall_to_the_pairing_page(city_url, tmp_path, browser, locked, empty):
    """A browser that begins while nobody can be looked up is told so, and comes in by itself later."""
    held = accounts.display(empty)
    name = city_url.rpartition("/")[2]
    admin = city_url[: -len(name)] + "postgres"
    window = Kiosk(browser, locked, cookie=held)
    try:
        with database.connect(admin, autocommit=True) as conn:
            conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE 'ioc dashboards%%'", [name])  # fmt: skip
            try:
                status = locked.get("/wall", Cookie=held)[0]
                assert status in {200, 503}
                assert locked.get("/pair/keep", data=b"", Cookie=held, Origin=locked.url)[0] == 503
                assert ask(locked, held)[0] == 503
                window.page.goto(locked.url + "/wall/water", wait_until="domcontentloaded")
                assert "/pair" not in window.page.url
            finally:
                conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        window.until(f"window.IOC && {UP} && {SCENE} === 'water'", 40)
    finally:
        window.close()


@pytest.mark.chromium
def test_the_displays_pages_fit_every_screen_with_long_names_in_every_language(kiosk, empty):
    address, wants = "2001:db8:1234:5678:9abc:def0:1234:5678", "/wall/long_wall?screen=3"
    long, scenes = "Trung tâm điều hành đô thị thông minh thành phố Sóc Trăng – tầng 2 <b>x</b>", ["overview", "water", "mobility", "services", "long_wall"]  # fmt: skip
    code = displays.ask(empty, address, wants)[0]
    number = displays.approve(empty, accounts.TEST, long, code=code, scenes=scenes).id
    displays.ask(empty, address, wants)
    desk = kiosk(width=1920, cookie=accounts.session(empty, Role.ADMINISTRATOR))
    for lang in ("en", "vi", "lo"):
        desk.context.add_cookies([{"name": "ioc_language", "value": lang, "url": desk.served.url}])
        for path in ("/displays", f"/displays/{number}"):
            page = desk.open(path, "document.getElementById('displays-page') && IOC.live.painted > 0")
            for width, height in ((390, 844), (1280, 800), (1920, 1080), (3840, 2160)):
                page.set_viewport_size({"width": width, "height": height})
                page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
                assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (lang, path, width)
            said = page.inner_text("body")
            assert long in said
            assert not re.search(r"\b(displays|col|pair)\.[a-z_]+", said)
            assert lang != "lo" or faults_for_the_ear(page) == []


@pytest.mark.chromium
@pytest.mark.parametrize("size", [(390, 844), (1920, 1080), (3840, 2160)], ids=str)
def test_the_pairing_page_fits_every_screen(kiosk, empty, size):
    window = kiosk(width=size[0], height=size[1])
    for lang in ("en", "lo"):
        window.context.add_cookies([{"name": "ioc_language", "value": lang, "url": window.served.url}])
        page = window.open("/pair?next=/wall", CODE)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert page.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0
        letter = page.evaluate("document.querySelector('#pair-code span').getBoundingClientRect().height") / size[1]
        assert faults_for_the_ear(page) == []
        assert letter > (0.05 if size[0] < 1000 else 0.15)


def test_who_is_no_administrator_sees_no_displays(locked, empty):
    for role in (Role.VIEWER, Role.OPERATOR, Role.INTEGRATOR, Role.MANAGER):
        assert locked.get("/displays", Cookie=accounts.session(empty, role))[0] == 403
    assert locked.get("/displays", Cookie=accounts.session(empty, Role.ADMINISTRATOR))[0] == 200


def orders(number=1, *, revoked=False, scenes=(), shows=None, screen=0, reloads=0):
    return Orders(number, revoked, list(scenes), shows, screen, reloads)


def test_a_screen_is_told_once_and_again_when_something_else_stands():
    hub, screen, other = Hub(), Screen(1), Screen(2)
    hub.say("widget/water/0", "W")
    hub.say("widget/overview/0", "O")
    presence.obey([screen, other], {1: orders(scenes=["water"], shows=["water"]), 2: orders(2)})
    assert [m for m in hub.pending(screen) if m in {"W", "O"}] == ["W"]
    assert {"W", "O"} <= set(hub.pending(other))
    presence.obey([screen], {1: orders(scenes=["water"], shows=["water"])})
    assert screen.own == []
    presence.obey([screen], {1: orders(scenes=["water", "overview"], shows=["water"], reloads=1)})
    assert "O" in hub.pending(screen)
    presence.obey([screen, other], {2: orders(2, revoked=True)})
    assert (screen.ended, other.ended) == (True, True)


def test_a_question_is_small_comes_from_our_page_and_is_not_asked_for_ever(locked, empty):
    assert locked.get("/pair/state", data=b"{}")[0] == 403
    assert locked.get("/pair/state", data=b"{}", Origin="http://evil.example")[0] == 403
    for body in (b"", b"[]", b"nonsense", b'{"next": {}}', b"\xff" * 500, b"{" * 1999, b"x" * 100_000):
        assert locked.get("/pair/state", data=body, Origin=locked.url)[0] in {200, 429}
    for cookie in (
        "ioc_pairing=x",
        "ioc_pairing=" + "A" * 43,
        "ioc_pairing=" + "A" * 43 + ".<script>",
        "ioc_display=" + "x" * 43,
    ):
        status, said, _ = ask(locked, cookie)
        assert status in {200, 429}
        assert "script" not in str(said)
    answers = [ask(locked)[0] for _ in range(80)]  # the last of these tests: nobody draws a code for a while
    assert 429 in answers
    assert empty.execute("SELECT count(*) FROM pairing").fetchone()[0] <= 20
    assert locked.get("/healthz")[0] == 200
