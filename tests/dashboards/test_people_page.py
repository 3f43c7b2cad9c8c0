"""The page of accounts, as an administrator uses it, in a real browser; and what a made-up callback cannot do."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from ioc.access.rights import Role
from ioc.store import people
from tests import services
from tests.dashboards import accounts
from tests.dashboards.conftest import Screens
from tests.dashboards.test_languages import AXE, LISTEN


@pytest.fixture(scope="module")
def locked(city_url, tmp_path_factory):
    log = tmp_path_factory.mktemp("people") / "log"
    served = Screens(
        city_url, log, IOC_AUTH="", IOC_SECRET=accounts.SECRET, IOC_BASE_URL="https://ioc.example.org"
    ).start()
    yield served
    served.stop()


@pytest.fixture
def page(browser, locked, store):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    name, _, value = accounts.session(store, Role.ADMINISTRATOR).partition("=")
    context.add_cookies(
        [{"name": n, "value": v, "url": locked.url} for n, v in ((name, value), ("ioc_language", "en"))]
    )
    yield context.new_page()
    context.close()


def test_an_account_is_made_given_a_link_changed_and_disabled(page, locked, store):
    page.goto(f"{locked.url}/people")
    page.locator("#person-name").fill("Lê <b>Thị</b> Mai")
    page.locator("#person-add").click()
    link = page.locator("#person-added code")
    link.wait_for()
    assert re.fullmatch(r"https://ioc\.example\.org/first/[\w-]{43}", link.inner_text())
    mai = people.find(store, "Lê <b>Thị</b> Mai")
    assert mai.role is Role.VIEWER
    page.locator("#people-list").get_by_text("Lê <b>Thị</b> Mai").click()
    page.wait_for_url(f"{locked.url}/people/{mai.id}")
    page.get_by_role("button", name="Disable").click()
    page.get_by_text("Disabled: nobody logs in").wait_for()
    assert not people.by_id(store, mai.id).active
    page.reload()
    page.get_by_role("button", name="Enable").click()
    page.get_by_text("Enabled: its owner may log in").wait_for()
    assert people.by_id(store, mai.id).active


def test_a_name_that_is_taken_is_told_in_the_reader_s_language(page, locked, store):
    taken = accounts.person(store, Role.VIEWER)
    page.goto(f"{locked.url}/language/vi?next=/people")
    page.locator("#person-name").fill(taken.name.upper())
    page.locator("#person-add").click()
    page.get_by_text("Đã có tài khoản tên này.").wait_for()


@pytest.mark.parametrize("role", ["viewer", "manager", "token read"])
def test_nobody_else_sees_or_changes_accounts(locked, store, role):
    head = accounts.headers(store, role)
    assert locked.get("/people", **head)[0] == 403
    body = {"output": "person-said.children", "inputs": [], "changedPropIds": []}
    answer = locked.get("/_dash-update-component", data=json.dumps(body).encode(), Origin=locked.url,
                        Content_Type="application/json", **head)  # fmt: skip
    assert answer[0] >= 400


def test_the_page_of_a_number_that_is_nobody_s_says_so(page, locked):
    for number in ("999999", "x", "-1", "99999999999999999999"):
        page.goto(f"{locked.url}/people/{number}")
        services.wait_for(lambda: "This account is gone" in page.content(), "the page says so")


def test_the_pages_of_the_way_in_can_be_read_out(page, locked, store):
    """Judged by axe: names of fields, contrast, headings."""
    boss = accounts.person(store, Role.ADMINISTRATOR)
    with store.transaction():
        link = people.link(store, accounts.TEST, boss, datetime.now(UTC))
    faults = {}
    for path in ("/people", f"/people/{boss.id}", "/account", f"/first/{link}", "/login/code", "/logout"):
        page.goto(f"{locked.url}{path}" if path != "/logout" else f"{locked.url}/account")
        if path == "/logout":
            page.get_by_role("button", name="Log out").click()
            page.wait_for_url(f"{locked.url}/login")
        elif path.startswith("/people"):
            page.locator("h1").wait_for()
        page.evaluate(AXE.read_text(encoding="utf-8"))
        if found := page.evaluate(LISTEN):
            faults[path] = found
    assert faults == {}
