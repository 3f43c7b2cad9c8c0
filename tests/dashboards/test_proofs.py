"""What must hold on a wall for months: restarts, cuts, wrong clocks, several tabs, by keyboard, under the policy."""

from __future__ import annotations

import time

import pytest

from tests import services
from tests.dashboards import eyes
from tests.dashboards.conftest import ROOT, Screens, Window
from tests.dashboards.test_languages import STANDS

pytestmark = pytest.mark.chromium

GAUGE = "muc-nuoc-dai-ngai-song-hau"
VALUE = f"IOC.live.values[IOC.live.points.key.indexOf('{GAUGE}')]"


class Cable:
    """The network between a page and its server: out, nothing passes and nobody is told, as with a cable pulled."""

    def __init__(self, page) -> None:
        self.out, self.tries = False, 0
        page.route_web_socket("**/ws/**", self._socket)
        page.route("**/*", lambda route: route.abort("internetdisconnected") if self.out else route.continue_())

    def _socket(self, socket) -> None:
        if self.out:
            self.tries += 1
            socket.close()
            return
        server = socket.connect_to_server()
        socket.on_message(lambda message: None if self.out else server.send(message))
        server.on_message(lambda message: None if self.out else socket.send(message))


def test_five_minutes_without_network_are_said_within_three_seconds_and_heal_by_themselves(browser, screens, touch):
    """The cable is pulled; the page's own clock is moved on five minutes instead of waiting for them."""
    touch(GAUGE, 1.0)
    window = Window(browser, screens, 1920, 1080)
    window.page.add_init_script(
        "{ const real = performance.now.bind(performance); window.later = 0; performance.now = () => real() + window.later; }"
    )
    cable = Cable(window.page)
    page = window.open("/wall/overview", STANDS)
    window.until("IOC.live.state().link === 'ok'")
    page.evaluate("""window.here = 1; new MutationObserver(() => {
        if (!window.said && document.body.classList.contains('broken')) window.said = performance.now() - IOC.live.heard;
    }).observe(document.body, {attributes: true})""")
    cable.out = True
    window.until("window.said", 15)
    assert page.evaluate("window.said") < 3000  # since the last word of the server, by the page's own clock
    assert "Mất kết nối" in page.locator("#broken-text").inner_text()
    page.evaluate("window.later = 310000")
    services.wait_for(lambda: page.evaluate("1") and cable.tries >= 2, "it goes on trying", 30, 0.2)
    touch(GAUGE, 2.75)
    cable.out = False
    window.until(f"!document.body.classList.contains('broken') && Math.abs({VALUE} - 2.75) < 1e-6", 30)
    assert page.evaluate("window.here") == 1  # without a reload
    window.close()
    assert [f for f in window.faults if "ERR_INTERNET_DISCONNECTED" not in f and "WebSocket" not in f] == []


def test_a_pc_whose_clock_is_an_hour_wrong_shows_the_servers(browser, screens, touch):
    touch(GAUGE, 1.0)
    window = Window(browser, screens, 1920, 1080)
    wrong = "{ const real = Date, now = () => real.now() - 3600000; Date = class extends real { constructor(...a) { if (a.length) super(...a); else super(now()); } static now() { return now(); } }; }"
    window.page.add_init_script(wrong)
    page = window.open("/wall/overview", STANDS)
    assert page.evaluate("Date.now()") / 1000 < time.time() - 3500
    assert abs(page.evaluate("IOC.live.now()") / 1000 - time.time()) < 5
    shown = page.locator("#clock").inner_text()
    seconds = sum(int(x) * w for x, w in zip(shown.split(":"), (3600, 60, 1), strict=True))
    off = abs(seconds - (time.time() + 7 * 3600) % 86400)
    assert min(off, 86400 - off) < 10, shown  # the city's zone is UTC+7
    window.until("IOC.live.state().link === 'ok'")
    ages = page.evaluate("[...document.querySelectorAll('.alarm .ago')].map(e => e.textContent)")
    assert ages
    window.close()
    assert window.faults == []


def test_a_server_that_is_killed_and_comes_back_is_followed_by_two_tabs_without_a_reload(
    browser, city_url, tmp_path, touch
):
    served = Screens(city_url, tmp_path / "log").start()
    tabs = [Window(browser, served), Window(browser, served)]
    try:
        touch(GAUGE, 1.0)
        for tab, path in zip(tabs, ("/wall/overview", "/"), strict=True):
            tab.open(path, "IOC.live.painted > 0")
            tab.page.evaluate("window.here = 1")
        served.kill()
        for tab in tabs:
            tab.until("document.body.classList.contains('broken')", 30)
        touch(GAUGE, 2.25)
        served.start()
        for tab in tabs:
            tab.until(f"!document.body.classList.contains('broken') && Math.abs({VALUE} - 2.25) < 1e-6", 30)
            assert tab.page.evaluate("window.here") == 1
        touch(GAUGE, 2.5)
        for tab in tabs:
            tab.until(f"Math.abs({VALUE} - 2.5) < 1e-6")
            tab.page.close()
    finally:
        served.stop()


def test_nothing_moves_for_ever(window):
    for path in ("/wall/overview", "/"):
        page = window.open(path, STANDS)
        assert page.evaluate(eyes.ENDLESS) == []
    ours = list((ROOT / "dashboards" / "assets").glob("[1-9]*.css"))
    assert [p.name for p in ours if "infinite" in p.read_text(encoding="utf-8")] == []


def test_who_wants_no_motion_gets_none(window):
    window.page.emulate_media(reduced_motion="reduce")
    page = window.open("/wall/overview", STANDS)
    page.evaluate(
        "const e = document.createElement('button'); e.className = 'ping new crit'; e.id = 'probe'; document.body.append(e)"
    )
    assert page.evaluate("getComputedStyle(document.getElementById('probe'), '::after').animationName") == "none"
    window.page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate("getComputedStyle(document.getElementById('probe'), '::after').animationName") == "ping"


def test_a_wall_that_needs_too_much_memory_begins_afresh(window):
    window.page.add_init_script(
        "Object.defineProperty(performance, 'memory', {get: () => ({usedJSHeapSize: window.heavy ? 9e8 : 1e7})});"
        "{ const real = setInterval; window.setInterval = (f, ms, ...a) => real(f, ms === 60000 ? 200 : ms, ...a); }"
        "{ const real = performance.now.bind(performance); performance.now = () => real() + (window.later || 0); }"
    )
    page = window.open("/wall/overview", STANDS)
    page.evaluate("window.here = 1; window.heavy = true")
    page.evaluate("new Promise(done => setTimeout(done, 700))")
    assert page.evaluate("window.here") == 1  # not within ten minutes of beginning
    page.evaluate("window.later = 601000")
    window.until("window.here === undefined && window.IOC && IOC.live.painted > 0")


def test_every_state_and_value_on_screen_is_the_stores(window, city_url):
    """All sensors, against what Python makes of the same store at the same moment."""
    from dashboards.snapshot import Snapshot
    from ioc.store import database
    from ioc.store import snapshot as stored

    window.open("/", "window.IOC && IOC.live.painted > 0 && IOC.live.points")

    def differing() -> list[str]:
        with database.connect(city_url, autocommit=True) as conn:
            snap = Snapshot(stored.registry(conn), generation=1)
            snap.apply(stored.latest(conn))
            snap.alarm(stored.alarms(conn))
            snap.doubt(stored.doubtful(conn))
            frame = snap.frame(int(time.time() * 1e6))
        # Those that went keep their number, so that the others keep theirs: they are known, and not shown.
        shown = window.page.evaluate(
            "(p => Object.fromEntries(p.key.map((key, i) => [key, IOC.live.states[i]]).filter((_, i) => !p.gone.has(i))))(IOC.live.points)"
        )
        ours = {s.key: int(frame.state[i]) for i, s in enumerate(snap.sensors)}
        return [
            f"{k}: {ours.get(k)} in the store, {shown.get(k)} on screen"
            for k in ours.keys() | shown.keys()
            if ours.get(k) != shown.get(k)
        ] + ([] if len(shown) > 300 else ["few"])

    try:
        services.wait_for(lambda: not differing(), "the screen is the store", 60, 0.3)
    except AssertionError:
        assert differing() == []


@pytest.mark.parametrize("path", ["/", "/alarms"])
def test_the_keyboard_reaches_everything(window, path):
    page = window.open(path, STANDS)
    window.until("document.querySelectorAll('#bar a').length > 3")
    reached = page.evaluate("""() => [...document.querySelectorAll('a[href], button, input, select, textarea, [role=button], [role=checkbox], summary')]
        .filter(e => e.checkVisibility({visibilityProperty: true}) && !e.disabled && e.tabIndex < 0 && !e.closest('[inert], .maplibregl-map, .dash-dropdown-wrapper, .dash-options-list, .modebar'))
        .map(e => e.outerHTML.slice(0, 120))""")
    assert reached == []
    page.evaluate("document.activeElement && document.activeElement.blur()")
    seen = set()
    for _ in range(14):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("(e => e.id || e.className || e.textContent.slice(0, 20))(document.activeElement)"))
    assert len(seen) > 8
    ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring != "none"
