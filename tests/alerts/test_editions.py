"""Briefs, digests and weekly reports: at the city's time, once each, and true."""

from __future__ import annotations

import email
import email.policy
import threading
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Json

from alerts import report, schedule
from alerts.compose import Composer, Setting
from alerts.editions import Editor
from alerts.mail import From
from alerts.reader import Reader
from ioc.signing import Links
from ioc.store import database, digests
from tests.alerts import city

H = timedelta(hours=1)
SEVEN = {"brief": "07:00"}
DOMAINS = {"water": {"vi": "Mực nước, triều", "en": "Water level"}}


def names(settings, zone, *moments):
    """Slots that become due at these moments, each once."""
    found = []
    for at in moments:
        found += [f"{s.kind} {s.name}" for s in schedule.due(settings, zone, at) if s.kind != "digest"]
    return list(dict.fromkeys(found))


def hours(start, count, step=H / 4):
    return [start + n * step for n in range(int(count * 4))]


def test_seven_in_the_citys_zone_and_for_four_hours():
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    at = datetime(2026, 3, 1, 0, 0, tzinfo=UTC)  # 07:00 there
    assert names(SEVEN, zone, at - timedelta(seconds=1)) == []
    assert names(SEVEN, zone, at, at + 3.9 * H) == ["brief 2026-03-01"]
    assert names(SEVEN, zone, at + 4 * H) == [], "a brief at noon is none"
    days = [f"brief 2026-03-0{day}" for day in (1, 2, 3, 4, 5)]
    assert names({"brief": "05:00"}, zone, *hours(at, 96)) == days, "also where it is still yesterday in UTC"


@pytest.mark.parametrize("clock", ["02:30", "07:00", "03:00"])
def test_clock_changes_neither_double_nor_lose_a_day(clock):
    zone = ZoneInfo("Europe/Berlin")
    for start, days in ((datetime(2026, 3, 27, tzinfo=UTC), 4), (datetime(2026, 10, 23, tzinfo=UTC), 4)):
        found = names({"brief": clock}, zone, *hours(start, 24 * days))
        assert len(found) == len(set(found)) == days, found
    assert schedule.moment(date(2026, 3, 29), "02:30", zone) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # as 03:30
    assert schedule.moment(date(2026, 10, 25), "02:30", zone) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # the first


def test_weekly_and_hourly_slots():
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    start = datetime(2026, 3, 1, tzinfo=UTC)  # a Sunday
    assert names({"report": "mon 08:00"}, zone, *hours(start, 24 * 15)) == ["report 2026-03-02", "report 2026-03-09"]
    found = [s.name for at in hours(start, 3) for s in schedule.due({"digest": "hourly"}, zone, at)]
    assert list(dict.fromkeys(found)) == ["2026-03-01T00+00:00", "2026-03-01T01+00:00", "2026-03-01T02+00:00"]


class Town:
    """A city with levels, readings of two days and some alarms, and an editor."""

    def __init__(self, conn, language="vi", **settings):
        self.conn = conn
        self.now = city.START + timedelta(days=7)  # a Sunday, 07:00 in the city
        self.rule = city.add_rule(
            conn, key="r", options={"above": 50}, scope={"metrics": ["water_level"]}, priority="high"
        )
        self.low = city.add_rule(
            conn, key="low", options={"above": 90}, scope={"metrics": ["water_level"]}, priority="low"
        )
        self.contact = city.add_contact(conn, language=language, lowest="low")
        conn.execute("UPDATE contact SET settings = settings || %s::jsonb", (Json(settings),))
        self.series = [city.add_series(conn, f"g{n}", area="w1") for n in range(3)]
        for series in self.series:
            conn.execute(
                "INSERT INTO rule_target (rule_id, series_id, raise, clear) VALUES (%s, %s, 50, 45)",
                (self.rule, series),
            )
            for day, worst in ((1, 40 + series), (2, 39 + series)):
                conn.execute(
                    """INSERT INTO rollup_1h (series_id, bucket, count, sum, min, max, first, last)
                    VALUES (%s, date_trunc('hour', %s::timestamptz), 1, %s, %s, %s, %s, %s)""",
                    (series, self.now - day * 24 * H + H, *[worst] * 5),
                )
        self.setting = Setting(
            zone=city.ZONE, base_url="https://ioc.test", sender=From("ioc@city.test", "IOC"), secret="a-secret-of-tests"
        )
        self.editor = Editor(lambda: self.setting, lambda: {"": "Sóc Trăng"}, lambda: DOMAINS)

    def alarm(self, n, *, hours_ago, rule=None, priority=2, over=False, value=60, acked=False, closed=False):
        at = self.now - hours_ago * H
        found = self.conn.execute(
            """INSERT INTO alarm (rule_id, rule_version, target, series_id, sensor_id, area, domain, priority, value, peak, threshold,
                   condition, event_start, event_end, opened_at, acked_at, acked_by, closed_at)
               VALUES (%s, 1, %s, %s, (SELECT sensor_id FROM series WHERE id = %s), 'w1', 'water', %s, %s, %s, 50, %s, %s, %s, %s, %s, %s, %s) RETURNING id""",
            (
                rule or self.rule,
                f"series:{n}-{hours_ago}",
                self.series[n],
                self.series[n],
                priority,
                value,
                value,
                "false" if over else "true",
                at,
                at + H if over else None,
                at,
                at if acked else None,
                "x" if acked else None,
                at + H if closed else None,
            ),
        ).fetchone()[0]
        self.conn.execute(
            "INSERT INTO alarm_change (alarm_id, seq, at, kind, value) VALUES (%s, 1, %s, 'raised', %s)",
            (found, at, value),
        )
        return found

    def owe(self, alarm, reason="raised"):
        self.conn.execute(
            """INSERT INTO intent (change_id, alarm_id, contact_id, reason, group_key, not_before)
            SELECT id, alarm_id, %s, %s, 'g', at FROM alarm_change WHERE alarm_id = %s""",
            (self.contact, reason, alarm),
        )

    def run(self, after=timedelta()):
        return self.editor.run(self.conn, self.now + after)

    def mail(self, kind):
        raw = self.conn.execute(
            "SELECT mime FROM outbox WHERE kind = %s ORDER BY created_at DESC LIMIT 1", (kind,)
        ).fetchone()[0]
        message = email.message_from_bytes(raw, policy=email.policy.default)
        text, html = (message.get_body((part,)).get_content() for part in ("plain", "html"))
        return message, text, html


@pytest.mark.parametrize("language", ["en", "vi", "lo"])
def test_a_morning_brief_says_what_happened_what_stands_and_what_was_worst(conn, language):
    town = Town(conn, language, brief="07:00")
    town.alarm(0, hours_ago=3, priority=1)
    town.alarm(1, hours_ago=5, over=True, closed=True, acked=True)
    town.alarm(2, hours_ago=40, acked=True)
    conn.execute(
        "INSERT INTO ledger (feed_id, minute, received, stored, quarantined) SELECT id, %s, 1000, 995, 5 FROM feed LIMIT 1",
        (town.now - H,),
    )
    assert town.run() == 1
    message, text, html = town.mail("brief")
    assert ("Sóc Trăng" in message["Subject"], "2" in message["Subject"], "1" in message["Subject"]) == (
        True,
        True,
        True,
    )
    for said in (text, html):
        assert all(f"https://ioc.test/alarms/{n}" in said for n in (1, 2, 3))
        assert "43" in said, "the worst of the day"
        assert "1.000" in said or "1,000" in said
        assert "0,5 %" in said or "0.5 %" in said
    assert html.count('https://ioc.test/alarms/1"') == 1, "an alarm of the night that still stands is listed once"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = message["List-Unsubscribe"].strip("<>")
    assert Links("a-secret-of-tests").unsubscribed(link.rpartition("/")[2], town.now) == (town.contact, "brief")
    assert len(html) < 30_000


def test_a_calm_city_is_said_to_be_calm(conn):
    town = Town(conn, "en", brief="07:00")
    assert town.run() == 1
    message, text, _ = town.mail("brief")
    assert "all calm" in message["Subject"]
    assert "Nothing happened" in text


def test_once_a_day_whoever_writes_it_and_however_often(conn, database_url):
    town = Town(conn, brief="07:00", report="sun 07:00")

    def work():
        with database.connect(database_url, autocommit=True) as mine:
            for minute in range(4):
                town.editor.run(mine, town.now + timedelta(minutes=minute))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert conn.execute("SELECT kind, count(*) FROM outbox GROUP BY 1 ORDER BY 1").fetchall() == [
        ("brief", 1),
        ("report", 1),
    ]
    assert town.run(after=24 * H) == 1, "the next day's brief"


def test_who_unsubscribed_gets_none_and_alarms_all_the_same(conn):
    town = Town(conn, brief="07:00")
    conn.execute("INSERT INTO unsubscribed VALUES (%s, 'brief')", (town.contact,))
    assert town.run() == 0


def test_low_priority_comes_in_the_digest_alone(conn):
    town = Town(conn, "en")
    low = [town.alarm(n, hours_ago=2 + n, rule=town.low, priority=4) for n in range(2)]
    for alarm in low:
        town.owe(alarm)
    assert Composer(town.setting, None).run(conn, town.now) == 0, "no mail of its own"
    assert town.run() == 1
    message, text, _ = town.mail("digest")
    assert message["Subject"] == "Sóc Trăng: 2 alarms of low priority"
    assert all(f"https://ioc.test/alarms/{n}" in text for n in low)
    assert conn.execute("SELECT DISTINCT state FROM intent").fetchall() == [("mailed",)]
    assert town.run(after=24 * H) == 0, "nothing new is no mail"


def test_one_mail_that_fails_does_not_cost_the_others_theirs(conn, monkeypatch):
    from alerts import brief

    town = Town(conn, brief="07:00", report="sun 07:00")
    monkeypatch.setattr(brief, "values", lambda *_: 1 / 0)
    assert town.run() == 1
    assert "ZeroDivisionError" in town.editor.problems["brief"]
    monkeypatch.undo()
    assert town.run(after=timedelta(minutes=1)) == 1
    assert town.editor.problems == {}


def test_the_weekly_figures_are_those_of_a_recount(conn):
    town = Town(conn, "en", report="sun 07:00")
    start, end = town.now - timedelta(days=7), town.now
    ids = [town.alarm(n % 3, hours_ago=1 + n, priority=1 + n % 4, closed=n % 2, over=n % 2) for n in range(20)]
    noisy = ids[1]
    base = town.now - 50 * H
    for n in range(12):  # one that chatters: raised every 20 s, over after 10
        for seq, kind, after in ((2 * n + 2, "reraised", 20 * n), (2 * n + 3, "cleared", 20 * n + 10)):
            conn.execute(
                "INSERT INTO alarm_change (alarm_id, seq, at, kind) VALUES (%s, %s, %s, %s)",
                (noisy, seq, base + timedelta(seconds=after), kind),
            )
    town.alarm(0, hours_ago=30, acked=True)
    found = digests.health(conn, start, end)
    assert (found["raised"], found["opened"], found["chattering"], found["fleeting"]) == (33, 21, 1, 12)
    assert (found["peak"], found["floods"], found["stale"]) == (12, 1, 1)
    assert found["never_acked"] == 10, "those that were closed without anybody"
    assert digests.priorities(conn, start, end) == {1: 5, 2: 18, 3: 5, 4: 5}
    assert digests.bad_actors(conn, start, end)[0] == (noisy, 13)
    assert town.run() == 1
    message, text, html = town.mail("report")
    assert "targets met" in message["Subject"]
    assert "33 alarms in a week" in text
    assert "13x (39 %)" in text
    assert "Alarms chatter" in text
    assert len(html) < 60_000


def test_advice_follows_the_figures():
    calm = {
        "raised": 10,
        "positions": 1,
        "floods": 0,
        "chattering": 0,
        "fleeting": 0,
        "stale": 0,
        "opened": 10,
        "never_acked": 0,
    }
    fine = {"failed": 0}
    assert report.advice(calm, {4: 10}, 4.0, 168, fine) == ["none"]
    bad = {**calm, "raised": 4000, "floods": 20, "chattering": 2, "stale": 9, "never_acked": 5}
    assert report.advice(bad, {1: 3000, 4: 1000}, 80.0, 168, {"failed": 1}) == [
        "top", "chattering", "rate", "flood", "stale", "unseen", "urgent", "mails"]  # fmt: skip
    reader = Reader("en", city.ZONE, "https://ioc.test", city.START)
    states = {line.label: line.state for line in report.lines_of({**bad, "peak": 3}, {1: 1}, 80.0, 168, reader)}
    assert set(states.values()) == {"good", "fair", "bad"}


def test_a_preview_shows_a_persons_mail_and_writes_nothing(conn, database_url, monkeypatch, capsys, tmp_path):
    from ioc.cli import main
    from ioc.compose import sample_city
    from ioc.config import folder
    from ioc.store import registry

    monkeypatch.setenv("IOC_DATABASE_URL", database_url)
    registry.sync(conn, folder.load(sample_city()))
    page = tmp_path / "out.html"
    for kind in ("brief", "report", "digest"):
        asked = ["brief", str(sample_city()), "--contact", "ioc_manager", "--kind", kind]
        assert main([*asked, "--preview", str(page)]) == 0
        assert '<html lang="vi">' in page.read_text()
        assert main(asked) == 0
    assert conn.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
    capsys.readouterr()
    assert main(["brief", str(sample_city()), "--contact", "nobody"]) == 1
    assert "there are: duty_disaster, ioc_manager" in capsys.readouterr().err
