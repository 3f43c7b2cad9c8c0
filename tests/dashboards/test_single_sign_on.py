"""Single sign-on through a certified provider (npm's oidc-provider), as browsers go: there, back, out, and every wrong way."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.parse
from datetime import timedelta

import httpx
import pytest
from joserfc.jwk import RSAKey

from ioc.access.holder import Who
from ioc.store import database, people
from tests import oidc, services
from tests.dashboards import seed
from tests.dashboards.conftest import ROOT, Screens

pytestmark = pytest.mark.node
SECRET = "a secret of these tests"
ROLES = "groups:ioc-admins=administrator, groups:tran-de=operator@area:tran-de, realm_access.roles:look=viewer"
FIRST, SECOND = (
    {"keys": [RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}).as_dict(private=True)]} for kid in "ab"
)
PEOPLE = {
    "binh": {"name": "Lê Thị Bình", "email": "binh@city.example", "email_verified": True, "groups": ["tran-de"], "birthdate": "1980-01-01"},
    "dung": {"name": "Dũng", "groups": ["ioc-admins"]},
    "khoa": {"name": "Khoa", "realm_access": {"roles": ["look"]}},
    "nobody": {"name": "Nobody", "groups": ["others"]},
    "closed": {"name": "Closed", "groups": ["ioc-admins"]},
}  # fmt: skip


@pytest.fixture(scope="module")
def provider():
    if why := oidc.missing():
        pytest.skip(f"SKIPPED PART: {why}")
    running = oidc.Provider()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def centre(city_url, provider, tmp_path_factory):
    given = {"IOC_AUTH": "", "IOC_SECRET": "s" * 32, "IOC_OIDC_ISSUER": provider.url, "IOC_OIDC_CLIENT": "ioc",
             "IOC_OIDC_SECRET": SECRET, "IOC_OIDC_ROLES": ROLES, "IOC_OIDC_NAME": "VNeID <&>"}  # fmt: skip
    served = Screens(city_url, tmp_path_factory.mktemp("sso") / "log", **given)
    client = {"client_id": "ioc", "client_secret": SECRET, "redirect_uris": [f"{served.url}/oidc/back"],
              "post_logout_redirect_uris": [f"{served.url}/login"],
              "backchannel_logout_uri": f"{served.url}/oidc/backchannel"}  # fmt: skip
    provider.start(clients=[client], jwks=FIRST, people=PEOPLE)
    yield served.start()
    served.stop()
    with database.connect(city_url, autocommit=True) as conn:
        conn.execute("DELETE FROM person WHERE issuer = %s", [provider.url])


@pytest.fixture(autouse=True)
def calm(provider, centre):
    """The provider as it was, whatever a test made of it."""
    yield
    if provider.process.poll() is not None:
        provider.start()
    if (provider.told.get("skew", 0), provider.told["people"]) != (0, PEOPLE):
        provider.tell(skew=0, people=PEOPLE)


class Browser(httpx.Client):
    """Keeps cookies, as a browser does; goes where it is sent, one step at a time."""

    def __init__(self, centre):
        super().__init__(timeout=10, trust_env=False)
        self.centre = centre
        self.cookies.set("ioc_language", "en", domain="127.0.0.1")

    def go(self, address: str, stop: str = "\0"):
        """Follow redirects until a page comes, or an address that begins with `stop`: that one is not asked for."""
        while True:
            answer = self.get(address)
            if not answer.is_redirect:
                return answer
            address = str(answer.next_request.url)
            if address.startswith(stop):
                return address

    def begin(self, to="/feeds"):
        return self.go(f"{self.centre.url}/oidc/login?next={urllib.parse.quote(to)}")

    def log_in_there(self, who, page=None) -> str:
        """Log in at the provider and agree; returns the address that leads back to the centre."""
        page = page or self.begin()
        for _ in range(4):
            action, fields = oidc.form(page.text)
            answer = self.post(
                urllib.parse.urljoin(str(page.url), action), data={**fields, "login": who, "password": "x"}
            )
            page = self.go(str(answer.next_request.url), f"{self.centre.url}/oidc/back")
            if isinstance(page, str):
                return page
        raise AssertionError("the provider asked for ever")

    def log_in(self, who):
        return self.get(self.log_in_there(who))

    @property
    def inside(self) -> bool:
        return self.get(f"{self.centre.url}/feeds").status_code == 200

    def log_out(self):
        return self.post(f"{self.centre.url}/logout", headers={"Origin": self.centre.url})


@pytest.fixture
def browser(centre):
    with Browser(centre) as browser:
        yield browser


@pytest.fixture
def other(centre):
    with Browser(centre) as browser:
        yield browser


def account(store, name):
    return next((p for p in people.everybody(store) if p.name == name), None)


def deeds(store, deed):
    return store.execute("SELECT after FROM audit WHERE deed = %s ORDER BY id", [deed]).fetchall()


def noted(store, deed):
    found = deeds(store, deed)
    return found[-1][0] if found else None


def test_a_person_of_the_city_s_directory_logs_in_there_and_is_in_here(browser, centre, store):
    assert not browser.inside
    answer = browser.log_in("binh")
    assert (answer.status_code, answer.headers["location"]) == (303, "/feeds")
    session = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("ioc_session="))
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert browser.inside
    person = account(store, "Lê Thị Bình")
    assert (person.role, person.address, person.areas, person.issuer) == (
        "operator", "binh@city.example", ("tran-de",), centre.settings["IOC_OIDC_ISSUER"])  # fmt: skip
    assert "1980" not in str(store.execute("SELECT to_jsonb(p) FROM person p WHERE id = %s", [person.id]).fetchone())
    assert noted(store, "login.done") == {"how": "oidc"}
    longest = store.execute("SELECT ends_at - created_at FROM session WHERE person_id = %s", [person.id]).fetchone()[0]
    assert longest == timedelta(hours=12)


def test_the_way_there_is_bound_to_this_browser_and_shows_no_verifier(browser, centre):
    answer = browser.get(f"{centre.url}/oidc/login?next=/feeds")
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer.headers["location"]).query))
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=lax", "Path=/oidc/", "Max-Age=600"):
        assert part in cookie


def test_the_next_log_in_brings_another_role_name_and_bounds(browser, provider, store):
    browser.log_in("khoa")
    assert account(store, "Khoa").role == "viewer"
    told = {"name": "Khoa Trần", "groups": ["ioc-admins"]}
    provider.tell(people={**PEOPLE, "khoa": told})
    again = browser.go(f"{browser.centre.url}/oidc/login?next=/", f"{browser.centre.url}/oidc/back")
    assert isinstance(again, str), "the provider still knows this browser and asks for nothing"
    assert browser.get(again).status_code == 303
    assert account(store, "Khoa") is None
    assert account(store, "Khoa Trần").role == "administrator"
    assert browser.inside


def test_who_has_no_role_is_told_and_gets_no_account(browser, store):
    answer = browser.log_in("nobody")
    assert answer.status_code == 403
    assert "nobody has given you a role" in answer.text
    assert "calls you nobody" in answer.text, "what an administrator needs for a line about this person"
    assert "VNeID &lt;&amp;&gt;" in answer.text
    assert "ioc_session" not in str(answer.headers)
    assert account(store, "Nobody") is None
    assert noted(store, "login.refused") == {"how": "oidc", "why": "no_role"}


def test_who_is_disabled_here_stays_so_whatever_the_provider_says(browser, other, centre, store):
    with Browser(centre) as third:
        third.log_in("dung")  # there must be one more administrator
    browser.log_in("closed")
    with store.transaction():
        people.disable(store, Who("a test"), account(store, "Closed"), account(store, "Closed").created_at)
    assert services.wait_for(lambda: not browser.inside, "the session is over")
    answer = other.log_in("closed")
    assert (answer.status_code, "disabled" in answer.text) == (403, True)
    assert not other.inside
    assert not account(store, "Closed").active


def test_out_is_out_here_at_once_and_then_there(browser, provider, centre):
    browser.log_in("dung")
    kept = browser.cookies.get("ioc_session", domain="127.0.0.1")
    answer = browser.log_out()
    assert (answer.status_code, answer.headers["location"]) == (303, "/oidc/out")
    page = browser.get(f"{centre.url}/oidc/out")
    assert "logged out of the centre" in page.text
    with Browser(centre) as copy:
        copy.cookies.set("ioc_session", kept)
        assert not copy.inside
    onward = page.text.split("url=")[1].split('"')[0].replace("&amp;", "&")
    assert onward.startswith(f"{provider.url}/session/end?client_id=ioc&post_logout_redirect_uri=")
    there = browser.go(onward)
    action, fields = oidc.form(there.text)
    gone = browser.post(action, data={**fields, "logout": "yes"})
    assert gone.headers["location"] == f"{centre.url}/login"
    assert 'name="login"' in browser.begin().text, "the provider asks who it is"
    assert browser.get(f"{centre.url}/oidc/out").headers["location"] == "/login", "without its cookie it leads nowhere"


def test_out_there_is_out_here(browser, other, provider, store):
    """Back-channel logout: the provider tells us, and every session of the person ends."""
    browser.log_in("dung")
    other.log_in("dung")
    assert browser.inside
    assert other.inside
    action, fields = oidc.form(browser.get(f"{provider.url}/session/end").text)
    browser.post(action, data={**fields, "logout": "yes"})
    services.wait_for(lambda: not browser.inside and not other.inside, "both sessions ended")
    assert noted(store, "logout") == {"how": "oidc"}


def test_a_logout_token_that_is_none_ends_nothing(browser, centre):
    browser.log_in("dung")
    for form in ({}, {"logout_token": "a.b.c"}, {"logout_token": "x" * 90_000}, {"logout_token": "é" * 60_000}):
        assert browser.post(f"{centre.url}/oidc/backchannel", data=form).status_code == 400
    assert browser.inside


def test_new_keys_of_the_provider_are_taken(browser, other, provider, centre):
    browser.log_in("dung")
    before = provider.asked("/jwks")
    provider.tell(jwks=SECOND)
    assert other.log_in("dung").status_code == 303
    assert provider.asked("/jwks") == before + 1
    assert browser.inside


@pytest.mark.parametrize("skew", [-600, 600])
def test_a_provider_whose_clock_is_wrong_is_named(browser, provider, store, skew):
    provider.tell(skew=skew)
    answer = browser.log_in("dung")
    assert (answer.status_code, "the clock of VNeID &lt;&amp;&gt; that is wrong" in answer.text) == (403, True)
    assert noted(store, "login.refused")["why"].startswith("clock+clock_provider")
    assert not browser.inside


def test_a_clock_that_is_a_little_off_lets_people_in(browser, provider):
    provider.tell(skew=90)
    assert browser.log_in("dung").status_code == 303


def test_a_way_back_is_good_once(browser, centre, store):
    back = browser.log_in_there("dung")
    kept = {cookie.name: cookie.value for cookie in browser.cookies.jar if cookie.name.startswith("ioc_")}
    assert browser.get(back).status_code == 303
    sessions = store.execute("SELECT count(*) FROM session").fetchone()
    browser.log_out()
    for name, value in kept.items():  # a thief who has the address and every cookie of then
        assert name != "ioc_session"
        browser.cookies.set(name, value, domain="127.0.0.1", path="/oidc/")
    answer = browser.get(back)
    assert (answer.status_code, "used already" in answer.text) == (403, True)
    assert not browser.inside
    assert store.execute("SELECT count(*) FROM session").fetchone() < sessions


def test_another_state_another_browser_or_none_is_refused(browser, other, store):
    back = browser.log_in_there("dung")
    address, _, query = back.partition("?")
    asked = dict(urllib.parse.parse_qsl(query))
    for state in (
        "",
        "x",
        asked["state"][:-1] + ("A" if asked["state"][-1] != "A" else "B"),
        "é" * 43,
        asked["state"] * 2,
    ):
        assert browser.get(address, params={**asked, "state": state}).status_code == 403
    other.begin()
    assert other.get(back).status_code == 403
    assert not other.inside
    assert noted(store, "login.refused")["why"] == "strange"
    assert browser.get(back).status_code == 303, "whoever began it is still let in"


def test_a_code_put_into_another_s_log_in_is_refused_by_the_verifier(browser, other):
    """Code injection: the state fits this browser, the code is of another's log-in."""
    stolen = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(browser.log_in_there("dung")).query))
    own = other.log_in_there("khoa")
    address, _, query = own.partition("?")
    answer = other.get(address, params={**dict(urllib.parse.parse_qsl(query)), "code": stolen["code"]})
    assert (answer.status_code, "(code)" in answer.text) == (403, True)
    assert not other.inside


def test_an_answer_in_another_provider_s_name_is_refused(browser):
    address, _, query = browser.log_in_there("dung").partition("?")
    asked = dict(urllib.parse.parse_qsl(query))
    assert asked["iss"] == browser.centre.settings["IOC_OIDC_ISSUER"]
    answer = browser.get(address, params={**asked, "iss": "https://evil.example"})
    assert (answer.status_code, "(issuer)" in answer.text) == (403, True)


def test_an_answer_that_leaves_out_who_it_is_from_is_refused(browser):
    """The provider promises to say it (RFC 9207)."""
    address, _, query = browser.log_in_there("dung").partition("?")
    asked = dict(urllib.parse.parse_qsl(query))
    del asked["iss"]
    assert "(issuer)" in browser.get(address, params=asked).text


def test_who_turns_back_at_the_provider_is_told_and_nothing_sent_along_is_shown(browser, provider, store, centre):
    page = browser.begin()
    abort = next(part for part in page.text.split('"') if part.endswith("/abort"))
    back = browser.go(urllib.parse.urljoin(str(page.url), abort), f"{centre.url}/oidc/back")
    answer = browser.get(back + "&error_description=" + urllib.parse.quote("<script>alert(1)</script>"))
    assert (answer.status_code, "did not let you in" in answer.text) == (403, True)
    assert "<script>" not in answer.text
    assert noted(store, "login.refused")["why"] == "denied access_denied"


def test_two_tabs_do_not_take_each_other_s_log_in_away(browser, centre):
    first, second = (
        browser.get(f"{centre.url}/oidc/login?next=/{to}").headers["location"] for to in ("feeds", "quality")
    )
    back = browser.log_in_there("dung", browser.go(first))
    later = browser.go(second, f"{centre.url}/oidc/back")
    assert browser.get(later).headers["location"] == "/quality"
    assert browser.get(back).headers["location"] == "/feeds"


def test_a_browser_that_begins_for_ever_keeps_few_cookies(browser, centre):
    for _ in range(12):
        browser.get(f"{centre.url}/oidc/login")
    assert len([c for c in browser.cookies.jar if c.name.startswith("ioc_oidc_")]) <= 6


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)",
                                "/x\r\nSet-Cookie: a=b", "/oidc/login"])  # fmt: skip
def test_the_way_on_is_a_path_of_ours(browser, to):
    page = browser.begin(to)
    answer = browser.get(browser.log_in_there("dung", page))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_while_the_provider_is_away_the_page_says_so_and_all_else_goes_on(browser, other, provider, centre):
    browser.log_in("dung")
    back = other.log_in_there("khoa")
    provider.stop()
    answer = other.get(back)
    assert (answer.status_code, "does not answer" in answer.text) == (503, True)
    assert answer.headers["retry-after"]
    assert "/login" in answer.text
    assert browser.inside
    assert browser.get(f"{centre.url}/healthz").status_code == 200
    provider.start()
    services.wait_for(
        lambda: other.go(f"{centre.url}/oidc/login").status_code == 200, "the provider is asked again", 30
    )
    assert other.log_in("khoa").status_code == 303


def test_nothing_of_a_token_stands_in_the_log(browser, centre):
    browser.log_in("dung")
    browser.get(f"{centre.url}/oidc/back", params={"state": "x\r\n2026 forged line", "code": "y", "error": "a\nb"})
    log = centre.log.read_text()
    assert "single sign-on refused: strange" in log
    assert "forged line" not in log
    assert "eyJ" not in log
    assert SECRET not in log
    assert "Traceback" not in log


def test_nothing_else_answers_below_the_open_paths(browser, centre):
    for path in ("", "x", "login/x", "back/../../feeds", "%2e%2e/feeds"):
        answer = browser.get(f"{centre.url}/oidc/{path}")
        assert answer.status_code in {303, 404}, path
        assert len(answer.content) < 100


def test_many_attempts_from_one_address_are_slowed_down(browser, centre):
    answers = [browser.get(f"{centre.url}/oidc/back?state=x&code=y").status_code for _ in range(300)]
    assert answers[-1] == 429
    assert browser.get(f"{centre.url}/login").status_code == 200


def test_a_wrong_setting_stops_the_start_and_says_what_to_write():
    settings = {"IOC_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "IOC_HTTP_PORT": str(services.free_port()),
                "IOC_OIDC_ISSUER": "http://id.city.example", "IOC_OIDC_CLIENT": "ioc", "IOC_OIDC_ROLES": "a=b"}  # fmt: skip
    command = [sys.executable, "-m", "ioc", "dashboards", str(seed.CITY)]
    env = os.environ | settings
    ended = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert "must be an https:// address" in ended.stderr
    assert "names no role: after = comes one of viewer" in ended.stderr
