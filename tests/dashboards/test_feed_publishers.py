"""A feed's publishers on its page: an integrator adds, renews and ends one; a password is seen once; bounds bound it."""

from __future__ import annotations

import pytest

from ioc.access.rights import Role
from tests import services
from tests.dashboards import accounts
from tests.dashboards.conftest import Screens
from tests.dashboards.test_access import Desk

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def served(city_url, tmp_path_factory):
    found = Screens(city_url, tmp_path_factory.mktemp("publishers") / "log", IOC_AUTH="", IOC_SECRET=accounts.SECRET)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def desk(browser, served, store):
    found = Desk(browser, served, accounts.session(store, Role.INTEGRATOR, feeds=("air_reference",)))
    yield found
    found.own.close()
    assert found.faults == []


def one(store, name, column):
    found = store.execute(f"SELECT {column} FROM publisher WHERE name = %s", [name]).fetchone()
    return found and found[0]


def test_an_integrator_lets_a_publisher_in_and_out(desk, store):
    page = desk.open("/feeds/air_reference", "document.querySelector('#publisher-do')")
    page.locator("#publisher-name").fill("bad name:x")
    page.locator("#publisher-do").click()
    page.locator("#publisher-said .bad", has_text="cannot be a user of the broker").wait_for()
    page.locator("#publisher-name").fill("school-1")
    page.locator("#publisher-days").fill("30")
    page.locator("#publisher-do").click()
    first = page.locator("#publisher-password").inner_text()
    assert len(first) == 32
    assert "mosquitto_pub" in page.locator("#publisher-said").inner_text()
    assert one(store, "school-1", "feeds") == ["air_reference"]
    assert one(store, "school-1", "created_by").startswith("integrator ")
    assert one(store, "school-1", "expires_at") is not None
    assert one(store, "school-1", "bcrypt || pbkdf2").find(first) == -1
    row = page.locator("#publishers tr", has_text="school-1")
    row.locator("summary").click()
    row.get_by_role("button", name="New password").click()
    services.wait_for(
        lambda: (
            page.locator("#publisher-password").count() and page.locator("#publisher-password").inner_text() != first
        ),
        "another password",
    )
    page.reload()
    page.locator("#publishers tr", has_text="school-1").wait_for()
    assert first not in page.content()
    assert page.locator("#publisher-password").count() == 0
    row = page.locator("#publishers tr", has_text="school-1")
    row.locator("summary").click()
    row.get_by_role("button", name="Revoke for ever").click()
    page.locator("#publishers tr", has_text="revoked").wait_for()
    assert one(store, "school-1", "revoked_at") is not None
    deeds = store.execute("SELECT deed FROM audit WHERE subject = 'school-1' ORDER BY id").fetchall()
    assert [deed for (deed,) in deeds] == ["publisher.add", "publisher.renew", "publisher.revoke"]


def test_beyond_the_feeds_of_the_account_nothing_is_done(desk, store):
    page = desk.open("/feeds/water_supply", "document.querySelector('#publisher-do')")
    page.locator("#publisher-name").fill("mine-too")
    page.locator("#publisher-do").click()
    page.locator("#publisher-said .bad", has_text="air").wait_for()
    assert one(store, "mine-too", "name") is None


def test_who_may_not_change_feeds_sees_none_of_it(desk, store):
    desk.carry(accounts.session(store, Role.OPERATOR))
    page = desk.open("/feeds/air_reference", "document.querySelector('#quarantine')")
    assert page.locator("#publisher-do").count() == 0
    assert page.locator("#publishers").count() == 0
