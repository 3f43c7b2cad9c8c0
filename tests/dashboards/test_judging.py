"""Every wall says within two ticks that nobody judges the rules, and that the test mail does not arrive."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.chromium

SIGN = "document.getElementById('judging')"
HIDDEN = f"{SIGN} && {SIGN}.hidden"


def tick(store, ago="0 s"):
    store.execute("DELETE FROM tick")
    store.execute("INSERT INTO tick (at, finished_at) SELECT now() - %s::interval, now() - %s::interval", (ago, ago))


def said(window):
    window.until(f"{SIGN} && !{SIGN}.hidden && {SIGN}.textContent")
    return window.page.evaluate(f"{SIGN}.textContent")


def test_a_dead_engine_is_said_beside_the_pill_and_taken_back_when_it_lives(window, store):
    store.execute("DELETE FROM tick")
    page = window.open("/wall")
    window.page = page
    assert said(window) == "BÁO ĐỘNG KHÔNG ĐƯỢC XÉT"
    assert page.evaluate(f"{SIGN}.previousElementSibling.id") == "pill"
    tick(store)
    window.until(HIDDEN)  # for 11 seconds nobody misses a tick
    tick(store, "3 min")
    assert said(window).startswith("BÁO ĐỘNG KHÔNG ĐƯỢC XÉT từ ")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it fits"


def test_a_test_mail_that_does_not_arrive_is_said(window, store):
    store.execute("DELETE FROM tick")
    store.execute("""INSERT INTO rule (key, kind, name, settings, priority) VALUES ('ioc.test_alarm', 'heartbeat', '{}',
                     '{"realarm": "60s", "options": {"contact": "nobody"}}', 3) ON CONFLICT DO NOTHING""")
    [number] = store.execute("""INSERT INTO alarm (rule_id, rule_version, target, priority, event_start, opened_at)
        SELECT id, 1, 'test', 3, now() - interval '3 h', now() - interval '3 h' FROM rule WHERE kind = 'heartbeat'
        RETURNING id""").fetchone()
    try:
        store.execute("INSERT INTO tick (at, finished_at) VALUES (now() + interval '1 min', now())")
        window.page = window.open("/wall")
        assert said(window) == "Chưa từng gửi được thư thử"
    finally:
        store.execute("DELETE FROM alarm WHERE id = %s", (number,))
