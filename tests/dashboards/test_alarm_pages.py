"""The alarm pages in a storm of ten thousand: found, looked through, acknowledged, put aside, tried on the past."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from alerts import tester
from dashboards import alarm_list, rule_test, week
from dashboards.pages import rules
from ioc.store import alarms, database, duty
from tests import services
from tests.dashboards import seed
from tests.dashboards.conftest import Screens, Window

pytestmark = pytest.mark.chromium
EVIL = "<img src=x onerror='window.hacked=1'>"
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture(scope="module")
def storm_url(postgres):
    """The sample city with ten thousand open alarms of forty rules."""
    name, base = f"storm_{uuid.uuid4().hex[:8]}", postgres.url[: -len("/ioc")]
    with psycopg.connect(base + "/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE ioc")
    with database.connect(f"{base}/{name}", autocommit=True) as conn:
        seed.sync(conn)
        series = seed.make_series(
            conn, conn.execute("SELECT id, domain FROM sensor ORDER BY domain <> 'drainage', id LIMIT 50").fetchall()
        )
        seed.put(conn, [(s, datetime.now(UTC).timestamp() - 5, 70.0) for s, _, _ in series])
        conn.execute("""INSERT INTO rule (key, kind, name, settings, priority)
            SELECT 'storm-' || g, 'threshold', jsonb_build_object('', 'Storm ' || g), r.settings || jsonb_build_object('key', 'storm-' || g), 1 + g % 4
            FROM generate_series(1, 40) g, rule r WHERE r.key = 'flood_60'""")  # fmt: skip
        conn.execute("""WITH a AS (INSERT INTO alarm (rule_id, rule_version, target, series_id, sensor_id, domain, area, priority, value, threshold, event_start, opened_at, row_version)
            SELECT r.id, 1, 'x:' || g, se.id, se.sensor_id, s.domain, s.area, r.priority, 5, 4, now() - g * interval '1 s', now() - g * interval '1 s', 1
            FROM generate_series(1, 10000) g JOIN rule r ON r.key = 'storm-' || 1 + g % 40 JOIN series se ON se.id = 1 + g % 50 JOIN sensor s ON s.id = se.sensor_id RETURNING id, opened_at)
            INSERT INTO alarm_change (alarm_id, seq, at, kind, value) SELECT id, 1, opened_at, 'raised', 5 FROM a""")  # fmt: skip
        conn.execute("ANALYZE")
    yield f"{base}/{name}"
    with psycopg.connect(base + "/postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def served(storm_url, tmp_path_factory):
    found = Screens(storm_url, tmp_path_factory.mktemp("storm") / "log").start()
    yield found
    found.stop()


@pytest.fixture
def conn(storm_url):
    with database.connect(storm_url, autocommit=True) as found:
        yield found


@pytest.fixture
def window(browser, served):
    found = Window(browser, served)
    yield found
    found.close()
    assert found.faults == []


def fill(page, field, text):
    page.locator(field).fill(text)
    page.locator(field).press("Tab")


def acked(conn, rule):
    return conn.execute("SELECT count(*) FROM alarm a JOIN rule r ON r.id = a.rule_id WHERE r.key = %s AND acked_by = 'Trực ban' AND ack_note = 'bão'", [rule]).fetchone()[0]  # fmt: skip


def test_ten_thousand_alarms_are_looked_through_and_many_acknowledged_at_once(window, conn):
    page = window.open(
        "/alarms?text=storm&sort=newest", "document.querySelectorAll('#alarm-table tbody tr').length === 100"
    )
    assert "1–100 trong 10.000" in page.locator(".pager").inner_text()
    first = page.locator("td.c-alarm small").first.inner_text()
    page.evaluate("window.told = 0; dash_stores[0].subscribe(() => { window.told++; })")
    page.get_by_role("button", name="Trang sau").click()
    window.until("document.querySelector('.pager').textContent.includes('101–200')")
    assert page.evaluate("window.told") < 300, (
        "each of 1,500 parts of the list makes all of them look: the page stands still"
    )
    assert "page=2" in page.url
    assert page.locator("td.c-alarm small").first.inner_text() != first
    page.locator(".head", has_text="Cảnh báo").click()  # the head: sorts, on the first page again
    window.until("location.search.includes('sort=rule') && !location.search.includes('page=')")


def test_what_is_ticked_is_acknowledged_at_once_with_name_and_note(window, conn):
    page = window.open(
        "/alarms?rule=storm-7&state=unacked", "document.querySelectorAll('#alarm-table tbody tr').length === 100"
    )
    boxes = page.locator("tbody .tick")
    boxes.nth(0).focus()
    page.keyboard.press("Space")
    boxes.nth(4).click(modifiers=["Shift"])
    window.until("document.getElementById('picked-count').textContent === '5'")
    page.locator("#bulk-ack").click()
    page.get_by_text("Hãy ghi tên của bạn.").wait_for()
    assert acked(conn, "storm-7") == 0, "nobody acknowledges without a name"
    fill(page, "#bulk-by", "Trực ban")
    fill(page, "#bulk-note", "bão")
    page.locator("#bulk-ack").click()
    services.wait_for(lambda: acked(conn, "storm-7") == 5, "five are acknowledged")
    window.until("document.getElementById('bulk').classList.contains('empty')")
    page.locator("tbody .tick").first.click()
    page.locator("#bulk-fitting").click()
    window.until("document.getElementById('picked-count').textContent === '245'")
    page.locator("#bulk-ack").click()
    services.wait_for(lambda: acked(conn, "storm-7") == 250, "all of the rule are acknowledged", 60)
    window.until("document.querySelectorAll('#alarm-table tbody tr').length === 0")


def test_a_past_moment_shows_the_list_of_then_and_lets_nobody_act(window, conn):
    then = datetime.now(UTC) - timedelta(seconds=7000)
    page = window.open(
        f"/alarms?at={then:%Y-%m-%dT%H:%M:%SZ}&rule=storm-8",
        "document.querySelectorAll('#alarm-table tbody tr').length > 0",
    )
    assert page.locator(".tick").count() == page.locator("#bulk").count() == 0
    total = conn.execute("SELECT count(*) FROM alarm a JOIN rule r ON r.id = a.rule_id WHERE r.key = 'storm-8' AND opened_at <= %s", [then]).fetchone()[0]  # fmt: skip
    assert abs(page.locator("tbody tr").count() - total) <= 1
    alarm = page.locator("td.c-alarm a").first.get_attribute("href").partition("?")[0].rpartition("/")[2]
    alarms.acknowledge(conn, int(alarm), "Trực ban")
    page = window.open(f"/alarms/{alarm}?at={then:%Y-%m-%dT%H:%M:%SZ}", "document.querySelector('.story')")
    assert page.locator("#ack-form button:visible").count() == 0
    assert page.locator("#alarm-state").inner_text() == "Chưa xác nhận"
    assert page.locator(".story > li").count() == 1


def one(conn, rule, n=0):
    return conn.execute("SELECT a.id FROM alarm a JOIN rule r ON r.id = a.rule_id WHERE r.key = %s AND closed_at IS NULL ORDER BY a.id OFFSET %s LIMIT 1", [rule, n]).fetchone()[0]  # fmt: skip


def test_who_was_slower_is_told_what_the_other_did_and_the_time_line_follows(window, conn):
    alarm = one(conn, "storm-9")
    conn.execute("""WITH m AS (INSERT INTO outbox (id, contact_id, email, thread_key, seq, priority, message_id, subject, alarms, state, due_at, last_reply, sent_at)
        SELECT gen_random_uuid(), id, email, 'one', 1, 1, '<one@x>', 'x', %s, 'sent', now(), %s, now() FROM contact ORDER BY id LIMIT 1 RETURNING id, contact_id)
        INSERT INTO intent (change_id, alarm_id, contact_id, reason, group_key, not_before, state, outbox_id, via)
        SELECT c.id, c.alarm_id, m.contact_id, 'raised', 'g', now(), 'mailed', m.id, 'roster:flood_room' FROM alarm_change c, m WHERE c.alarm_id = %s""",
        [[alarm], f"250 {EVIL}", alarm])  # fmt: skip
    page = window.open(
        f"/alarms/{alarm}", "document.querySelector('#shelve-do') && document.querySelector('.told-list')"
    )
    told = page.locator(".told-list").inner_text()
    assert f"250 {EVIL}" in told
    assert "Phòng trực phòng chống thiên tai" in told
    assert "Đã gửi" in told
    fill(page, "#ack-by", "Ca A")
    fill(page, "#ack-note", "đã báo")
    # Somebody else, without our hearing of it yet.
    page.evaluate("dash_clientside.set_props('alarm-beat', {disabled: true})")
    conn.execute("UPDATE alarm SET row_version = 2 WHERE id = %s", [alarm])
    conn.execute(
        "INSERT INTO alarm_change (alarm_id, seq, kind, actor, note) VALUES (%s, 2, 'comment', 'Ca B', %s)",
        [alarm, EVIL],
    )
    page.locator("#ack-do").click()
    page.get_by_text("Có người vừa thay đổi trước").wait_for()
    assert EVIL in page.locator("#ack-said").inner_text()
    assert "Ca B" in page.locator("#ack-said").inner_text()
    assert conn.execute("SELECT acked_at FROM alarm WHERE id = %s", [alarm]).fetchone()[0] is None
    assert page.locator("#ack-note").input_value() == "đã báo"
    page.locator("#ack-do").click()
    services.wait_for(lambda: alarms.one(conn, alarm)["acked_by"] == "Ca A", "looked at again, it is acknowledged")
    # What others do shows by itself, and what is being typed stays.
    page.evaluate("dash_clientside.set_props('alarm-beat', {disabled: false, interval: 300})")
    page.locator("#ack-do[hidden]").wait_for(state="attached")
    page.locator("#ack-note").fill("đang gõ")
    alarms.comment(conn, alarm, "Ca B", "tôi đang đến")
    page.locator(".story").get_by_text("tôi đang đến").wait_for()
    assert page.locator("#ack-note").input_value() == "đang gõ"
    page.locator("#assign-do").click()
    page.get_by_text("Hãy chọn người nhận.").wait_for()
    page.locator("#assign-to").click()
    page.locator(".dash-dropdown-option", has_text="Giám đốc Trung tâm điều hành").first.click()
    page.locator("#assign-do").click()
    services.wait_for(lambda: alarms.one(conn, alarm)["assigned_to"] is not None, "it is somebody's")
    assert page.evaluate("[window.hacked, document.querySelectorAll('img[src=x]').length]") == [None, 0]


def test_the_shelf_lists_what_is_aside_and_gives_it_back_and_maintenance_is_planned(window, conn):
    alarm = one(conn, "storm-10")
    alarms.shelve(conn, alarm, "Ca A", f"đang sửa {EVIL}", timedelta(hours=2))
    page = window.open("/shelf", "document.querySelector('#shelf-list tbody tr')")
    row = page.locator("#shelf-list tbody tr", has_text=f"#{alarm}")
    assert f"đang sửa {EVIL}" in row.inner_text()
    assert "Ca A" in row.inner_text()
    row.get_by_role("button").click()
    page.get_by_text("Hãy ghi tên của bạn.").wait_for()
    fill(page, "#shelf-by", "Ca B")
    row.get_by_role("button").click()
    services.wait_for(lambda: alarms.one(conn, alarm)["suppression"] == "none", "it is given back")
    fill(page, "#window-rules", "storm-11, storm-12*")
    fill(page, "#window-ends", "hôm nào đó")
    page.locator("#window-do").click()
    page.get_by_text("kết thúc sau khi bắt đầu").wait_for()
    fill(page, "#window-ends", f"{datetime.now(ZONE) + timedelta(days=1):%Y-%m-%d %H:%M}")
    fill(page, "#window-reason", "thay cảm biến")
    fill(page, "#window-by", "Ca B")
    page.locator("#window-do").click()
    planned = page.locator("#shelf-list tr", has_text="thay cảm biến")
    planned.wait_for()
    assert "storm-12*" in planned.inner_text()
    assert "đang bảo trì" in planned.inner_text()
    planned.get_by_role("button", name="Kết thúc ngay").click()
    services.wait_for(lambda: not [w for w in duty.maintenance(conn) if w["reason"] == "thay cảm biến"], "it is over")


def test_a_rule_is_tried_on_the_past_from_its_page_and_faults_are_told(window, conn):
    id_ = conn.execute("SELECT id FROM rule WHERE key = 'flood_60'").fetchone()[0]
    conn.execute("INSERT INTO rule_health (rule_id, evaluated_at, targets, error, error_at, errors) VALUES (%s, now(), 3, %s, now(), 2)", [id_, EVIL])  # fmt: skip
    page = window.open("/rules?which=bad", "document.querySelector('#rules-table tbody tr')")
    assert EVIL in page.locator("#rules-table").inner_text()
    assert page.locator("#rules-table tbody tr").count() == 1
    page = window.open("/rules/flood_60", "document.querySelector('#test-do')")
    assert 'key = "flood_60"' in page.locator("pre").inner_text()
    fill(page, "#test-delay", "bald")
    page.locator("#test-do").click()
    page.get_by_text("not a duration").wait_for()
    for delay, band in (("5min", "1"), ("5min", "-1")):
        fill(page, "#test-delay", delay)
        fill(page, "#test-band", band)
        page.locator("#test-do").click()
        services.wait_for(
            lambda: conn.execute("SELECT count(*) FROM rule_test WHERE done_at IS NULL").fetchone()[0], "it is asked"
        )
        asked = conn.execute("SELECT rule FROM rule_test ORDER BY id DESC LIMIT 1").fetchone()[0]
        assert asked["on_delay"] == "300s"
        assert asked["options"]["deadband"] == float(band)
        assert tester.turn(conn, {}, ZONE)
        if band == "1":
            page.locator("#test-chart").wait_for()
            assert "đối tượng" in page.locator(".sum").inner_text()
            assert "test=" in page.url
        else:
            page.get_by_text("Không thử được:").wait_for()


def test_somebody_stands_in_and_no_longer_does(window, conn):
    page = window.open("/roster", "document.querySelector('.week')")
    assert "Ngay lập tức: người đang trực: Phòng trực phòng chống thiên tai" in page.locator(".chains").inner_text()
    for menu in ("#stand-roster", "#stand-person"):
        page.locator(menu).click()
        page.locator(".dash-dropdown-option").last.click()
    fill(page, "#stand-reason", "ốm")
    fill(page, "#stand-by", "Ca A")
    page.locator("#stand-do").click()
    page.locator("#roster-now").get_by_text("ốm").wait_for()
    assert len(duty.stand_ins(conn)) == 1
    page.get_by_role("button", name="Hủy trực thay").click()
    services.wait_for(lambda: not duty.stand_ins(conn), "it is taken back")


def test_deliveries_are_turned_and_filtered_and_everything_fits_a_phone(browser, served, conn):
    conn.execute("""INSERT INTO outbox (id, contact_id, email, thread_key, seq, priority, message_id, subject, state, due_at, created_at, channel, last_reply)
        SELECT gen_random_uuid(), c.id, 'x', 'many', n, 1 + n %% 4, 'many' || n, %s || n, CASE WHEN n = 7 THEN 'failed' ELSE 'sent' END, now(), now() - n * interval '1 s',
        CASE WHEN n %% 10 = 7 THEN 'sms' ELSE 'mail' END, repeat('z', 300) FROM generate_series(1, 120) n, (SELECT id FROM contact ORDER BY id LIMIT 1) c""", [EVIL + "w" * 120])  # fmt: skip
    window = Window(browser, served, 390, 844)
    page = window.open("/mailbox", "document.querySelectorAll('#mail-table tbody tr').length === 50")
    page.get_by_role("button", name="Trang sau").click()
    window.until("document.querySelector('#mail-table .pager').textContent.includes('51–100')")
    page = window.open(
        "/mailbox?channel=sms&state=failed", "document.querySelectorAll('#mail-table tbody tr').length === 1"
    )
    wide = """document.documentElement.scrollWidth > 391
        || [...document.querySelectorAll('.listing')].some(x => x.scrollWidth > x.clientWidth + 1)"""
    for path, there in (
        ("/mailbox", ".listing"), ("/alarms", "#alarm-table .listing"), ("/shelf", "#window-do"), ("/rules", "#rules-table .listing"),
        ("/roster", ".week"),
    ):  # fmt: skip
        page.evaluate(f"document.querySelector('#pages a[href=\"{path}\"]').click()")  # without loading it all again
        window.until(f"location.pathname === '{path}' && document.querySelector('{there}')")
        assert not page.evaluate(wide), f"{path} must be scrolled sideways on a phone"
    for path, there in ((f"/alarms/{one(conn, 'storm-9')}", ".story"), ("/rules/flood_60", "#test-do")):
        window.open(path, f"document.querySelector('{there}')")
        assert not page.evaluate(wide), f"{path} must be scrolled sideways on a phone"
    assert not page.locator("#pages").is_visible()
    page.locator("#menu").click()
    page.locator("#pages summary").first.wait_for(state="visible")
    page.locator("#pages > a[href='/alarms']").click()
    window.until("location.pathname === '/alarms' && document.querySelector('#alarm-table')")
    assert not page.locator("#pages").is_visible()
    faults = window.faults
    window.close()
    assert faults == []


def test_addresses_that_make_no_sense_show_the_usual_list():
    usual = alarm_list.Asked()
    assert alarm_list.asked({"state": "x", "priority": "9,a", "sort": "drop", "page": "-1"}) == usual
    assert alarm_list.asked({"page": "0"}) == alarm_list.asked({"page": "²"}) == usual
    wanted = alarm_list.Asked(which="shelved", priorities=(1, 3), rule="a&b", text="Đại Ngãi", sort="oldest", page=4)
    assert alarm_list.address(usual) == ""
    from urllib.parse import parse_qsl

    assert alarm_list.asked(dict(parse_qsl(alarm_list.address(wanted)))) == wanted


def test_a_week_knows_gaps_and_days_of_23_hours():
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 28, 12, tzinfo=UTC)
    lengths = [(b - a).total_seconds() / 3600 for a, b in week.days(start, berlin)]
    assert lengths == [24, 23, 24, 24, 24, 24, 24]
    span = {"person": "an", "person_name": "An", "via": "override", "starts": start, "ends": start + timedelta(hours=6)}
    day = week.days(start, UTC)[0]
    held, nobody = week.pieces([span], day, start, UTC)
    assert (held.said, held.person, held.stands_in) == ("12:00–18:00", "An", True)
    assert (nobody.said, nobody.person, nobody.start) == ("18:00–24:00", None, 0.75)


def test_a_changed_rule_is_what_was_typed():
    settings = {"key": "a", "on_delay": "120s", "options": {"above": 5, "clear": 4, "deadband": None}}
    changed = rule_test.changed(settings, "1,5h", "", "0,5")
    assert (changed["on_delay"], changed["options"]) == ("5400s", {"above": 5, "deadband": 0.5})
    assert rule_test.changed(settings, "", "", "")["options"] == settings["options"]
    with pytest.raises(ValueError, match="not a duration"):
        rule_test.changed(settings, "soon", "", "")
    assert (
        rules.written({"key": "a", "realarm": None, "scope": {"tags": []}, "review": str(date(2026, 1, 1))}).count("\n")
        == 3
    )
