"""The Audit page: newest first, found by who, what and when; before and after; whether the chain is whole."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from dashboards import audit_watch
from dashboards.audit_watch import Watched
from dashboards.pages import audit as page_of
from ioc.access.chain import Broken, Mark
from ioc.access.holder import Who
from ioc.store import audit, audit_files, audit_read
from tests.dashboards.test_languages import city_says, looked  # noqa: F401  a fixture of another file

HOSTILE = "<img src=x onerror=alert(1)>[x](javascript:alert(1))"
ROWS = "document.querySelectorAll('#audit-table tbody tr')"
pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def noted(city_url):
    """A log of several pages, with a stranger's text in it."""
    from ioc.store import database

    with database.connect(city_url) as conn:
        audit.note_all(conn, Who("Trần Minh", "operator", "10.0.0.9"), [
            audit.Deed("alarm.acknowledge", f"alarm:{n}", {"state": "B"}, {"state": "C", "note": f"no. {n}"}) for n in range(250)])  # fmt: skip
        long = {"lines": [f"line {n} = {HOSTILE}" for n in range(40)]}
        audit.note(
            conn, Who("city", "program", "host"), "config.file", "config:feeds/new.toml", before=long, after=long
        )
        audit.note(conn, Who(HOSTILE, "", "203.0.113.5"), "login.refused", f"person:{HOSTILE}", after={"why": HOSTILE})
        return audit_read.read_head(conn)


def english(window):
    window.context.add_cookies([{"name": "ioc_language", "value": "en", "url": window.served.url}])


def test_newest_first_searched_turned_and_taken_away(window, noted, store):
    english(window)
    page = window.open("/audit", f"{ROWS}.length === 100")
    first = page.locator("#audit-table tbody tr").first
    assert HOSTILE in first.inner_text()
    assert page.locator("#audit-table img").count() == 0, "what a stranger typed is text"
    window.until("document.querySelector('#audit-chain code')?.title.length === 64")
    assert "Whole up to no." in page.locator("#audit-chain").inner_text()
    page.locator("#audit-table .pager button").last.click()
    window.until(f"!{ROWS}[0].innerText.includes('login.refused')")
    assert page.locator("#audit-table .pager .num").inner_text().startswith("101")
    page.locator("#audit-subject").fill("alarm:17")
    window.until(f"{ROWS}.length === 11")  # 17, and 170 to 179
    cells = page.locator("#audit-table tbody tr", has_text="no. 17").last.locator("td")
    assert [cells.nth(n).inner_text().strip() for n in (3, 4)] == ["#17", "state: B"]
    assert "note: no. 17" in cells.nth(5).inner_text()
    with page.expect_download() as taken:
        page.locator("#audit-table a[href*=jsonl]").click()
    lines = taken.value.path().read_bytes().splitlines()
    assert (len(lines), audit_files.follow(lines).wrong) == (11, None)
    [row] = audit_read.search(store, audit_read.Search(deed="export.take"), 1)
    assert (row.subject, json.loads(row.after)) == ("audit", {"format": "jsonl", "rows": 11, "subject": "alarm:17"})
    page.locator("#audit-since").fill("tomorrow")
    window.until("document.querySelector('#audit-table [role=alert]')?.innerText.includes('tomorrow')")


def test_an_address_holds_a_search_and_nothing_found_is_said(window, noted):
    english(window)
    page = window.open(
        "/audit?who=tr%E1%BA%A7n&deed=alarm.&until=2001-01-01", "document.querySelector('#audit-table .empty-list')"
    )
    assert "Nothing like it" in page.locator("#audit-table").inner_text()
    assert page.locator("#audit-who").input_value() == "trần"


@pytest.mark.parametrize("lang", ["vi", "lo"])
def test_it_is_said_in_every_language_and_fits_every_screen(window, noted, city_says, lang):  # noqa: F811
    window.context.add_cookies([{"name": "ioc_language", "value": lang, "url": window.served.url}])
    window.page.set_viewport_size({"width": 3840, "height": 2160})
    assert looked(window, "/audit", lang, city_says) == []


def test_a_bad_wish_for_a_file_is_refused(screens):
    for query in ("format=xls", "since=yesterday", f"who={'x' * 300}"):
        assert screens.get(f"/audit/export?{query}")[0] in (400, 422), query


def test_a_broken_chain_is_an_alert_and_a_long_one_says_how_far_it_is():
    broken = audit_watch.said(Watched(broken=Broken("missing", 4, 7)))
    assert broken.role == "alert"
    assert "Numbers 4 to 7 are missing." in str(broken)
    assert "20,000" in str(audit_watch.said(Watched(mark=Mark(20_000, "a"), head=Mark(50_000, "b"))))
    assert audit_watch.said(Watched()) is None


@pytest.fixture
def here(conn, monkeypatch):
    """audit_watch on a store of its own, without a server."""
    caches = {}

    async def read(what, *args):
        with conn.transaction():
            return what(conn, *args)

    monkeypatch.setattr(audit_watch, "current", lambda: SimpleNamespace(caches=caches, read=read))
    return caches


def test_the_chain_is_followed_a_piece_at_a_time_and_what_breaks_stays_told(here, conn, monkeypatch, caplog):
    monkeypatch.setattr(audit_watch, "_MOST", 2)
    with conn.transaction():
        audit.note_all(conn, Who("x"), [audit.Deed("logout", str(n)) for n in range(3)])

    async def three_looks():
        return [(await audit_watch.look()).mark.id for _ in range(3)]

    def looks():
        with ThreadPoolExecutor() as threads:  # the browser's loop runs in this one
            return threads.submit(lambda: asyncio.run(three_looks())).result()

    assert looks() == [2, 3, 3]
    conn.execute("SET session_replication_role = replica; DELETE FROM audit WHERE id = 3")
    looks()
    assert here["audit-watch"].broken == Broken("missing", 3, 3)
    assert caplog.text.count("the audit is not whole") == 1


def test_kinds_of_deeds_that_share_a_noun_can_be_chosen_together():
    assert page_of.kinds(["alarm.reset", "alarm.shelve", "logout", "token.add"]) == [
        "alarm.",
        "alarm.reset",
        "alarm.shelve",
        "logout",
        "token.add",
    ]
    assert [page_of.deed(kind) for kind in ("alarm.", "alarm.reset", "other.deed")] == [
        "Alarms: everything",
        "Reset a latched alarm",
        "other.deed",
    ]
