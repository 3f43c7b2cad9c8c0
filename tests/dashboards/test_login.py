"""The way in and out on a real server: passwords, codes, links, the account's own page, and what must not let anybody in."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pyotp
import pytest

from dashboards import service
from dashboards.login import path_of
from ioc.access import codes, passwords
from ioc.access.rights import Role
from ioc.errors import StartError
from ioc.settings import Settings
from ioc.store import entering, people
from tests.dashboards import accounts
from tests.dashboards.conftest import Screens

GOOD, BETTER = "chín con cá tra dưới cầu", "mười hai bó rau muống xanh"


@pytest.fixture(scope="module")
def locked(city_url, tmp_path_factory):
    log = tmp_path_factory.mktemp("login") / "log"
    served = Screens(city_url, log, IOC_AUTH="", IOC_SECRET=accounts.SECRET).start()
    yield served
    served.stop()


class Browser:
    """Cookies kept, redirects followed by hand."""

    def __init__(self, served: Screens) -> None:
        self.served, self.jar = served, {"ioc_language": "en"}

    def ask(self, path, form=None, **headers):
        """(status, headers, text)"""
        data = None if form is None else form if isinstance(form, bytes) else urlencode(form).encode()
        if data is not None:
            headers.setdefault("Origin", self.served.url)
        if self.jar:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        status, head, body = self.served.get(path, data=data, **headers)
        for line in (head.get_all("Set-Cookie") or []) if status else []:
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0" or not morsel.value:
                    self.jar.pop(name, None)
                else:
                    self.jar[name] = morsel.value
        return status, head, body.decode()

    def login(self, name, password, to="/"):
        return self.ask("/login", {"name": name, "password": password, "next": to})

    @property
    def inside(self) -> bool:
        return self.ask("/api/city")[0] == 200


@pytest.fixture
def browser_of(locked):
    return lambda: Browser(locked)


@pytest.fixture
def me(locked):
    return Browser(locked)


@pytest.fixture
def lan(store):
    """An operator with a password."""
    with store.transaction():
        return accounts.person(store, Role.OPERATOR, password=hash_of_good())


_HASHES = []


def hash_of_good():
    if not _HASHES:
        _HASHES.append(passwords.hashed(GOOD))
    return _HASHES[0]


def invite(store, person):
    with store.transaction():
        return people.link(store, accounts.TEST, person, datetime.now(UTC))


def deeds(store, subject):
    return [row[0] for row in store.execute("SELECT deed FROM audit WHERE subject = %s ORDER BY id", [subject])]


def test_the_right_password_leads_on_and_a_wrong_one_does_not(me, lan, store):
    status, _, page = me.login(lan.name, "wrong " + GOOD, "/alarms")
    assert status == 401
    assert "The name or the password is wrong" in page
    assert f'value="{lan.name}"' in page  # the name need not be typed again
    assert not me.inside
    status, head, _ = me.login(lan.name.upper(), GOOD, "/alarms?priority=1")
    assert (status, head["location"]) == (303, "/alarms?priority=1")
    assert me.inside
    assert deeds(store, lan.name)[-2:] == ["login.refused", "login.done"]


def test_the_session_s_cookie_is_for_the_server_only_and_logging_out_ends_it_there(me, lan):
    _, head, _ = me.login(lan.name, GOOD)
    line = next(v for v in head.get_all("Set-Cookie") if v.startswith("ioc_session="))
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(line.split("; "))
    kept = dict(me.jar)
    assert me.ask("/logout", {})[0] == 303
    assert "ioc_session" not in me.jar
    me.jar = kept  # a copy that somebody took
    assert not me.inside


def test_a_second_log_in_replaces_the_session_of_this_browser(me, lan, store):
    me.login(lan.name, GOOD)
    me.login(lan.name, GOOD)
    assert store.execute("SELECT count(*) FROM session WHERE person_id = %s", [lan.id]).fetchone() == (1,)


def test_a_session_made_up_before_the_log_in_is_not_taken_over(me, lan):
    me.jar["ioc_session"] = "A" * 22 + "." + "A" * 43 + "." + "A" * 43
    me.login(lan.name, GOOD)
    assert not me.jar["ioc_session"].startswith("AAAA")
    assert me.inside


@pytest.mark.parametrize(
    "to", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "/x\r\nSet-Cookie: a=b",
           "javascript:alert(1)", "/login?next=/", "/logout", "", "x", "/" + "a" * 3000, "/\x00"],
)  # fmt: skip
def test_one_is_led_nowhere_but_into_this_server(to):
    assert path_of(to) == "/"


def test_a_name_full_of_markup_is_shown_as_it_was_typed(me):
    _, _, page = me.login("\"><script>alert(1)</script><b x='", "x")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_form_of_ten_megabytes_is_refused_and_others_are_served(me, lan, browser_of):
    assert me.ask("/login", b"name=" + b"a" * 10_000_000)[0] in {0, 413}
    assert me.ask("/login", b"name=" + b"a" * 100_000)[0] == 413
    assert me.ask("/login", b"&".join(b"a=1" for _ in range(1000)))[0] == 413
    assert me.ask("/login", b"\xff\xfe=\x00&name=%00%ff&password=%00")[0] == 401
    other = browser_of()
    assert other.login(lan.name, GOOD)[0] == 303


def test_a_form_from_another_page_logs_nobody_in(me, lan):
    assert me.ask("/login", {"name": lan.name, "password": GOOD}, Origin="https://evil.example")[0] == 403
    assert not me.inside


# Codes


@pytest.fixture
def coded(store, lan):
    seed = codes.seed()
    with store.transaction():
        spare = entering.set_codes(store, accounts.TEST, accounts.SECRET, lan, seed, 0)
    return lan, pyotp.TOTP(seed), spare


def test_with_codes_a_password_alone_opens_nothing_and_a_code_is_good_once(coded, browser_of):
    lan, clock, spare = coded
    me, other = browser_of(), browser_of()
    status, _, page = me.login(lan.name, GOOD, "/alarms")
    assert status == 200
    assert 'action="/login/code"' in page
    assert not me.inside
    assert me.ask("/login/code", {"code": "000000", "next": "/alarms"})[0] == 401
    code = clock.now()
    status, head, _ = me.ask("/login/code", {"code": code, "next": "/alarms"})
    assert (status, head["location"]) == (303, "/alarms")
    assert me.inside
    other.login(lan.name, GOOD)
    assert other.ask("/login/code", {"code": code})[0] == 401
    assert other.ask("/login/code", {"code": spare[0]})[0] == 303
    assert other.inside


def test_a_code_without_the_password_before_is_nothing(coded, me, browser_of):
    lan, clock, _ = coded
    assert "That took too long" in me.ask("/login/code", {"code": clock.now()})[2]
    me.jar["ioc_half"] = f"{lan.id}.9999999999.AAAAAAAAAAAA.{'A' * 43}"
    assert "That took too long" in me.ask("/login/code", {"code": clock.now()})[2]
    assert not me.inside


# Links


def test_a_link_is_not_burnt_by_looking_and_lets_in_once(me, lan, store, browser_of):
    path = f"/first/{invite(store, lan)}"
    for _ in range(2):
        status, head, page = browser_of().ask(path)
        assert (status, head["cache-control"]) == (200, "no-store")
        assert lan.name in page
    status, head, _ = me.ask(path, {})
    assert (status, head["location"]) == (303, "/")
    assert me.inside
    late = browser_of()
    assert late.ask(path, {})[0] == late.ask(path)[0] == 410
    assert not late.inside


@pytest.mark.parametrize("path", ["x", "A" * 43, "%00", "..%2f..%2fetc", "'; DROP TABLE person; --", "a" * 5000])
def test_a_made_up_link_is_no_way_in(me, path):
    from urllib.parse import quote

    assert me.ask(f"/first/{quote(path)}")[0] in {404, 410}
    assert me.ask(f"/first/{quote(path)}", {})[0] in {404, 410}
    assert not me.inside


def test_the_first_to_come_chooses_a_name_and_a_password(me, store, browser_of):
    boss = accounts.person(store, Role.ADMINISTRATOR)
    _, head, _ = me.ask(f"/first/{invite(store, boss)}", {})
    assert head["location"] == "/account/first"
    assert boss.name in me.ask("/account/first")[2]
    name = f"Trưởng <i>{boss.id}</i>"
    for form, why in (
        ({"new": "password1234", "repeat": "password1234"}, "too easy to guess"),
        ({"new": GOOD, "repeat": GOOD + "x"}, "differ"),
        ({"new": "short", "repeat": "short"}, "at least 12"),
        ({"new": GOOD, "repeat": GOOD, "name": "a\u202eb"}, "This name is taken"),
    ):
        status, _, page = me.ask("/account/first", {"name": name, **form})
        assert status == 400
        assert why in page
    assert me.ask("/account/first", {"name": name, "new": GOOD, "repeat": GOOD})[1]["location"] == "/"
    assert me.inside  # the session goes on
    assert browser_of().login(name, GOOD)[0] == 303
    assert "<i>" not in me.ask("/account")[2]


def test_only_an_administrator_chooses_a_name(me, store):
    viewer = accounts.person(store, Role.VIEWER)
    me.ask(f"/first/{invite(store, viewer)}", {})
    me.ask("/account/first", {"name": "somebody else", "new": GOOD, "repeat": GOOD})
    assert people.by_id(store, viewer.id).name == viewer.name
    assert people.by_id(store, viewer.id).password


# The account's own page


def test_a_new_password_wants_the_old_one_and_logs_out_everywhere_else(lan, browser_of):
    me, other = browser_of(), browser_of()
    me.login(lan.name, GOOD)
    other.login(lan.name, GOOD)
    form = {"current": "wrong", "new": BETTER, "repeat": BETTER}
    assert me.ask("/account/password", form)[0] == 400
    assert other.inside
    status, _, page = me.ask("/account/password", {**form, "current": GOOD})
    assert status == 200
    assert "The password is changed" in page
    assert me.inside
    deadline = time.monotonic() + 10
    while other.inside and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not other.inside
    assert other.login(lan.name, GOOD)[0] == 401
    assert other.login(lan.name, BETTER)[0] == 303


def test_codes_are_switched_on_by_scanning_and_off_by_the_password(me, lan, store, browser_of):
    me.login(lan.name, GOOD)
    assert me.ask("/account/codes/start", {"current": "wrong"})[0] == 400
    page = me.ask("/account/codes/start", {"current": GOOD})[2]
    assert "<svg" in page
    seed = re.search(r"<code class=\"num\">([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")
    offer = re.search(r'name="offer" value="([0-9a-f]+)"', page)[1]
    assert seed not in offer
    assert me.ask("/account/codes/confirm", {"offer": offer, "code": "000000"})[0] == 400
    assert me.ask("/account/codes/confirm", {"offer": offer[:-2] + "00", "code": pyotp.TOTP(seed).now()})[0] == 400
    page = me.ask("/account/codes/confirm", {"offer": offer, "code": pyotp.TOTP(seed).now()})[2]
    spare = re.findall(r"<li>([a-z2-7-]{19})</li>", page)
    assert len(spare) == 8
    assert seed not in me.ask("/account")[2]
    other = browser_of()
    assert 'action="/login/code"' in other.login(lan.name, GOOD)[2]
    assert other.ask("/login/code", {"code": spare[0]})[0] == 303
    assert me.ask("/account/codes/remove", {"current": "wrong"})[0] == 400
    me.ask("/account/codes/remove", {"current": GOOD})
    assert people.by_id(store, lan.id).totp is None


def test_an_offered_key_is_nothing_on_another_account(me, lan, store):
    me.login(lan.name, GOOD)
    page = me.ask("/account/codes/start", {"current": GOOD})[2]
    offer = re.search(r'name="offer" value="([0-9a-f]+)"', page)[1]
    seed = re.search(r"<code class=\"num\">([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")
    other = accounts.person(store, Role.VIEWER, password=hash_of_good())
    me.login(other.name, GOOD)
    assert me.ask("/account/codes/confirm", {"offer": offer, "code": pyotp.TOTP(seed).now()})[0] == 400
    assert people.by_id(store, other.id).totp is None


def test_one_sees_where_one_is_logged_in_and_ends_the_others(lan, browser_of):
    me, other = browser_of(), browser_of()
    me.login(lan.name, GOOD)
    other.login(lan.name, GOOD)
    page = me.ask("/account")[2]
    assert page.count('<b class="num">127.0.0.1</b>') == 2
    assert page.count('class="this"') == 1
    assert "Ended: 1." in me.ask("/account/sessions", {})[2]
    assert me.inside
    assert not other.inside


def test_nobody_s_account_is_nobody_s(me, store):
    assert me.ask("/account")[1]["location"].startswith("/login?next=/account")
    assert me.ask("/account/password", {"new": GOOD, "repeat": GOOD})[0] == 401
    me.jar["ioc_display"] = accounts.display(store).partition("=")[2]
    assert me.ask("/account")[0] != 200


def test_an_open_centre_has_no_accounts_and_no_log_in(screens):
    me = Browser(screens)
    assert me.ask("/login")[1]["location"] == "/"
    assert "IOC_AUTH=open" in me.ask("/account")[2]


# As a person sees it


def test_a_person_comes_by_a_link_chooses_a_password_and_logs_in_on_a_phone(browser, locked, store):
    """Through the real pages, without a script; nothing is fetched from elsewhere, and the policy is kept."""
    boss, faults = accounts.person(store, Role.ADMINISTRATOR), []
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False, locale="lo")
    page = context.new_page()
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.on("request", lambda r: None if r.url.startswith(locked.url) else faults.append(r.url))
    page.goto(f"{locked.url}/language/en?next=/first/{invite(store, boss)}")
    page.get_by_role("button", name="Go in").click()
    page.get_by_label("Name").fill(f"Trần Văn Hải {boss.id}")
    page.get_by_label("Password", exact=True).fill(GOOD)
    page.get_by_label("New password again").fill(GOOD)
    page.get_by_role("button", name="Save").click()
    page.goto(f"{locked.url}/account")
    assert page.get_by_role("heading", name=f"Trần Văn Hải {boss.id}").is_visible()
    page.get_by_role("button", name="Log out").click()
    page.goto(f"{locked.url}/alarms")
    assert page.url == f"{locked.url}/login?next=/alarms"
    page.get_by_label("Name or e-mail address").fill(f"trần văn hải {boss.id}")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    assert page.get_by_role("alert").inner_text() == "The name or the password is wrong."
    page.get_by_label("Password").fill(GOOD)
    page.get_by_role("button", name="Log in").click()
    assert page.url == f"{locked.url}/alarms"
    page.goto(f"{locked.url}/account")
    for width in (320, 390, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.locator("main").bounding_box()["width"] <= width
    context.close()
    assert [f for f in faults if "401" not in f] == []


@pytest.mark.parametrize("language", ["en", "vi", "lo"])
def test_every_page_of_the_way_in_speaks_the_reader_s_language(me, coded, language):
    lan, _, spare = coded
    me.jar["ioc_language"] = language
    pages = [me.ask("/login")[2], me.login(lan.name, "wrong")[2], me.login(lan.name, GOOD)[2], me.ask("/first/x")[2]]
    me.ask("/login/code", {"code": spare[0]})
    pages.append(me.ask("/account")[2])
    for page in pages:
        assert f'<html lang="{language}">' in page
        assert not re.search(r">\s*(login|account|first|nav|role)\.[a-z_]+", page)
    if language != "en":
        assert not [p for p in pages if "Log in" in p or "Password" in p]


def test_the_first_account_of_an_unattended_server_is_made_of_the_settings(conn, database_url):
    """A password nobody may choose stops the start; a good one is `admin`'s, once."""
    settings = Settings(database_url=database_url, password="password1234")
    with pytest.raises(StartError, match="IOC_PASSWORD cannot be the first account's"):
        service._first_account(settings)
    service._first_account(replace(settings, password=GOOD))
    service._first_account(settings)  # there is one: the setting means nothing now
    assert entering.password(conn, "admin", GOOD, datetime.now(UTC)).outcome == "right"


# Many attempts


def test_a_flood_of_attempts_waits_while_others_are_served_and_the_owner_gets_in(locked, lan, store, browser_of):
    """From one address; the owner sits elsewhere, which here is a machine where they logged in before."""
    owner = browser_of()
    assert owner.login(lan.name, GOOD)[0] == 303
    statuses, slowest = [], []

    def guess(number):
        mine = browser_of()
        names = [lan.name, f"nobody {number}"] * 15
        statuses.extend(mine.login(name, f"guess {n} of {number}")[0] for n, name in enumerate(names))

    floods = [threading.Thread(target=guess, args=(n,)) for n in range(3)]
    for flood in floods:
        flood.start()
    while any(flood.is_alive() for flood in floods):
        began = time.monotonic()
        assert browser_of().ask("/readyz")[0] == 200
        slowest.append(time.monotonic() - began)
    assert set(statuses) <= {401, 429, 503}
    assert statuses.count(429) > 40
    assert statuses.count(401) < 40
    assert sorted(slowest)[len(slowest) // 2] < 1
    blocked = browser_of().login(lan.name, GOOD)
    assert blocked[0] == 429
    assert int(blocked[1]["Retry-After"]) >= 1
    owner.jar.pop("ioc_session")
    assert owner.login(lan.name, GOOD)[0] == 303
    assert "login.locked" in deeds(store, lan.name)
    assert people.by_id(store, lan.id).failures == 0
