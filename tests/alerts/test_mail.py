"""Mail lint: what a mail must be, whatever the names, languages and numbers in it."""

from __future__ import annotations

import email
import email.policy
import html
import re
import time
from dataclasses import replace
from datetime import timedelta
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest

from alerts import headers, mail
from alerts.card import card
from alerts.compose import Composer, Setting
from alerts.mail import From
from alerts.painter import Painter
from alerts.reader import Reader, clean
from ioc.store import alarms, database, mail_facts
from tests.alerts import city

EVIL = "Trạm\r\nBcc: x@evil.test\r\n\r\n<script>alert(1)</script> & \u202eabc"


def write(
    conn,
    *,
    painter=None,
    sensors=("Cầu Quay",),
    language="vi",
    zone=None,
    kind=None,
    values=(60.0,),
    minutes=180,
    **given,
):
    """One rule, some sensors with three hours of readings, an alarm each, and the mail about them, parsed."""
    rule = {
        "options": {"above": 50, "deadband": 2.5},
        "priority": "critical",
        "scope": {"metrics": ["water_level"]},
        **given,
    }
    city.add_rule(conn, **rule)
    city.add_contact(conn, language=language, zone=zone, lowest="low")
    conn.execute("""INSERT INTO area (key, name, geometry) VALUES ('w1', '{"vi": "Phường 1", "en": "Ward 1"}',
        '{"type": "Polygon", "coordinates": [[[105.95, 9.58], [105.99, 9.58], [105.99, 9.62], [105.95, 9.62], [105.95, 9.58]]]}')""")
    now = city.START + timedelta(days=8)
    for n, name in enumerate(sensors):
        series = city.add_series(conn, f"s{n}", area="w1", place=(9.6 + n / 500, 105.97))
        conn.execute("UPDATE sensor SET name = jsonb_build_object('', %s::text) WHERE key = %s", (name, f"s{n}"))
        for back in (0, 7):
            conn.execute(
                """INSERT INTO reading SELECT %s, %s::timestamptz - make_interval(days => %s, mins => i), 30 + i %% 7
                            FROM generate_series(1, %s) i ON CONFLICT DO NOTHING""",
                (series, now, back, minutes),
            )
        for m, value in enumerate(values):
            city.add_reading(conn, series, now + timedelta(seconds=m), value)
    city.evaluator(conn, now).tick(conn, now + timedelta(seconds=1))
    setting = Setting(
        zone=city.ZONE, base_url="https://ioc.test/", sender=From("ioc@city.test", "Trung tâm\r\nđiều hành")
    )
    assert Composer(setting, painter).run(conn, now + timedelta(minutes=10)) == 1
    subject, raw, plain = conn.execute("SELECT subject, mime, plain_mime FROM outbox").fetchone()
    return Parsed(subject, raw, plain)


class Parsed:
    def __init__(self, subject, raw, plain):
        self.subject, self.raw, self.plain_raw = subject, raw, plain
        self.message = email.message_from_bytes(raw, policy=email.policy.default)
        self.text = self.message.get_body(("plain",)).get_content()
        self.html = self.message.get_body(("html",)).get_content()
        self.pictures = {
            p["Content-ID"].strip("<>"): p.get_content()
            for p in self.message.walk()
            if p.get_content_type() == "image/png"
        }

    def lint(self):
        """What holds for every mail."""
        assert not self.message.defects
        assert [str(part.defects) for part in self.message.walk() if part.defects] == []
        assert "\n" not in self.subject
        assert "\r" not in self.subject
        assert len(self.html.encode()) < 100_000
        assert len(self.raw) < 400_000
        assert set(re.findall(r'src="cid:([^"]+)"', self.html)) == set(self.pictures), (
            "every picture is shown, every cid resolves"
        )
        assert all(len(png) <= 150_000 and png[:4] == b"\x89PNG" for png in self.pictures.values())
        assert all(link.startswith("https://ioc.test/") for link in re.findall(r'href="([^"]+)"', self.html))
        assert "http" not in re.sub(r'href="[^"]+"', "", self.html), "nothing is loaded from elsewhere"
        assert all(alt for alt in re.findall(r'<img[^>]* alt="([^"]*)"', self.html))
        shown = html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", self.html, flags=re.DOTALL))
        numbers = set(re.findall(r"\d[\d.,:/]*\d|\d", shown))
        assert numbers <= set(re.findall(r"\d[\d.,:/]*\d|\d", self.text)), "the text has every number of the HTML"
        assert self.message["Message-ID"] in email.message_from_bytes(self.plain_raw)["Message-ID"]


@pytest.mark.parametrize("language", ["en", "vi", "lo"])
def test_one_alarm(conn, painter, language):
    found = write(conn, painter=painter, language=language)
    found.lint()
    assert len(found.pictures) == 2
    decimal = {"en": "60.00 m", "vi": "60,00 m", "lo": "60,00 ມ"}[language]
    assert decimal in found.subject
    assert decimal in found.text
    for said in ("open the sluice", "flooded streets", "rain", "https://ioc.test/alarms/1"):
        assert said in found.text
    assert found.message["Content-Language"] == language
    assert (found.message["X-IOC-Alarm-Id"], found.message["X-IOC-Severity"], found.message["X-IOC-State"]) == (
        "1",
        "1",
        "raised",
    )


def test_local_time_of_the_reader_and_utc(conn):
    city_time = write(conn)
    assert "07:00 09/03/2026 (00:00 UTC)" in city_time.text


def test_a_reader_in_another_zone(conn):
    assert "20:00 08/03/2026 (00:00 09/03/2026 UTC)" in write(conn, zone="America/New_York").text


@pytest.mark.parametrize("name", [EVIL, "x" * 5000, "🌊" * 40, "", "\x00\x01"])
def test_names_from_feeds_do_no_harm(conn, name):
    name = name.replace("\x00", "")  # PostgreSQL refuses it before us
    found = write(conn, sensors=[name])
    found.lint()
    assert found.message["Bcc"] is None
    assert "<script" not in found.html
    assert len(found.subject) <= 160
    assert "\u202e" not in found.text + found.html


def test_a_group_is_a_table(conn, painter):
    found = write(conn, painter=painter, sensors=["Trạm A", "Trạm B", "Trạm C"])
    found.lint()
    assert found.subject.startswith("[NGUY CẤP] 3 cảnh báo")
    assert all(f"https://ioc.test/alarms/{n}" in found.text for n in (1, 2, 3))


def test_without_a_painter_the_mail_goes_and_says_so(conn):
    found = write(conn, language="en")
    found.lint()
    assert found.pictures == {}
    assert "chart could not be drawn" in found.text
    assert "chart could not be drawn" in found.html


def test_a_painter_that_hangs_delays_a_mail_by_its_budget_only(conn):
    slow = Painter(budget=0.3, command=["sleep", "60"])
    begun = time.monotonic()
    found = write(conn, painter=slow, language="en")
    slow.close()
    assert time.monotonic() - begun < 5
    assert found.pictures == {}
    assert found.subject.startswith("[CRITICAL]")


def test_a_silence_mail(conn, painter):
    city.add_contact(conn, language="en", lowest="low")
    city.add_rule(conn, kind="silence", options={"after": "5min"}, priority="high", name="Gauge silent")
    city.add_series(conn, "gauge")
    now = city.START + timedelta(minutes=12)
    city.evaluator(conn).tick(conn, now)
    setting = Setting(zone=ZoneInfo("UTC"), base_url="https://ioc.test", sender=From("ioc@city.test", "IOC"))
    assert Composer(setting, painter).run(conn, now + timedelta(minutes=1)) == 1
    found = Parsed(*conn.execute("SELECT subject, mime, plain_mime FROM outbox").fetchone())
    found.lint()
    assert found.subject == "[HIGH] Gauge silent: no data for 13 min – gauge (#1)"
    assert [c.partition(".")[0] for c in found.pictures] == ["map"]


def test_a_mail_is_the_same_bytes_twice(conn):
    reader = Reader("en", city.ZONE, "https://ioc.test", city.START)
    write(conn)
    from ioc.store import mail_facts

    cards = [card(row, reader) for row in mail_facts.alarms(conn, [1])]
    envelope = mail.Envelope(message_id="<ioc.1@city.test>", to_name="Mai", to_address="mai@city.test",
                             at=city.START, sender=From("ioc@city.test", "IOC"), kind="alarm")  # fmt: skip
    picture = mail.Picture("chart.1@city.test", "alt", b"\x89PNG" * 100)
    content = mail.Content(cards=cards, total=1, chart=picture)
    assert mail.build(content, envelope, reader) == mail.build(content, envelope, reader)


def test_an_acknowledgement_is_in_the_history_of_the_next_mail(conn):
    write(conn, language="en")
    alarms.acknowledge(conn, 1, "Duty\r\nofficer", "on my way")
    now = city.START + timedelta(days=8, minutes=20)
    city.add_reading(conn, 1, now, 40)
    city.evaluator(conn, now).tick(conn, now)
    setting = Setting(zone=city.ZONE, base_url="https://ioc.test/", sender=From("ioc@city.test", "IOC"))
    assert Composer(setting, None).run(conn, now + timedelta(minutes=1)) == 1
    found = Parsed(
        *conn.execute("SELECT subject, mime, plain_mime FROM outbox ORDER BY created_at DESC LIMIT 1").fetchone()
    )
    assert found.subject.startswith("[RESOLVED] Water level 40.00 m ≤ 50.00 m"), "the first mail never left"
    assert found.message["References"] is None
    assert "RESOLVED: Water level 40.00 m ≤ 50.00 m" in found.html
    assert "acknowledged by Duty officer: on my way" in found.text


def test_clean_keeps_letters_and_drops_control():
    assert clean("Mực nước\tsông\r\nHậu \u2066x") == "Mực nước sông Hậu x"
    assert len(clean("x" * 500)) == 120


def test_a_subject_keeps_its_blanks_in_every_mail_program():
    said = "[CAO] 2 cảnh báo: Nhiệt độ khí vào tủ máy 34,8 °C > 32,0 °C – Trung tâm dữ liệu – tủ A2, Phường Phú Lợi"
    message = EmailMessage(policy=headers.SMTP)
    message["To"] = Address("Ban Chỉ huy phòng thủ dân sự và tìm kiếm cứu nạn tỉnh Sóc Trăng", "ban", "st.example")
    message["Subject"] = said
    raw = message.as_bytes()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 76, raw
    assert email.message_from_bytes(raw, policy=email.policy.default)["Subject"] == said
    plain = email.message_from_bytes(raw)
    decoded = {k: str(make_header(decode_header(plain[k]))) for k in ("Subject", "To")}
    assert decoded["Subject"] == said
    assert decoded["To"] == "Ban Chỉ huy phòng thủ dân sự và tìm kiếm cứu nạn tỉnh Sóc Trăng <ban@st.example>"


def test_a_state_is_said_in_its_word_and_never_as_a_number(conn, painter):
    states = '{"0": {"en": "idle"}, "2": {"en": "fault", "vi": "hỏng"}}'
    conn.execute(
        """INSERT INTO metric (key, name, unit, decimals, settings) VALUES
           ('water_level', '{"en": "Drainage pump"}', '', 0, jsonb_build_object('states', %s::jsonb))""",
        (states,),
    )
    found = write(conn, painter=painter, language="en", values=(2.0,), options={"above": 1.5})
    found.lint()
    assert "Drainage pump: fault" in found.subject
    assert "Now: Drainage pump fault (" in found.text
    assert "Limit" not in found.text
    assert len(found.pictures) == 2


@pytest.mark.parametrize(
    ("above", "value", "said"), [(1.5, 2.0, "2 > 1.5"), (50.0, 50.3, "50.3 > 50"), (50.0, 61.0, "61 > 50")]
)
def test_a_value_never_reads_the_same_as_its_limit(conn, above, value, said):
    conn.execute("INSERT INTO metric (key, name, unit, decimals) VALUES ('water_level', '{}', '', 0)")
    found = write(conn, language="en", values=(value,), options={"above": above, "deadband": 0.5})
    assert f"{said} \N{EN DASH}" in found.subject


def test_the_chart_ends_at_the_value_itself_not_at_a_mean(conn):
    drawn = []
    painter = Painter()
    painter.paint = lambda kind, data: drawn.append((kind, data))  # type: ignore[method-assign]
    write(conn, painter=painter, values=(60.0, 75.0))
    points = dict(drawn)["chart"]["points"]
    assert points[-1][1:] == [75.0, 75.0, 75.0]
    assert points[-2][1] < 75.0


def test_a_table_of_alarms_that_are_over_says_how_long_and_how_bad(conn):
    write(conn, language="en", sensors=("Cầu Quay", "Bến Ninh"), values=(60.0, 72.0))
    now = city.START + timedelta(days=8, minutes=20)
    for series in (1, 2):
        city.add_reading(conn, series, now, 40)
    city.evaluator(conn, now).tick(conn, now)
    setting = Setting(zone=city.ZONE, base_url="https://ioc.test/", sender=From("ioc@city.test", "IOC"))
    assert Composer(setting, None).run(conn, now + timedelta(minutes=1)) == 1
    found = Parsed(
        *conn.execute("SELECT subject, mime, plain_mime FROM outbox ORDER BY created_at DESC LIMIT 1").fetchone()
    )
    assert found.subject.startswith("[RESOLVED] 2 alarms over")
    assert found.text.count("Lasted: over, after 19 min. Worst: 72.00 m") == 2
    assert found.html.count("Lasted: over, after 19 min. Worst: 72.00 m") == 2


def test_the_end_of_a_flood_and_a_flood_of_one_are_not_called_a_flood(conn):
    row = write(conn, language="en", sensors=("Cầu Quay", "Bến Ninh"))
    assert row.subject.startswith("[CRITICAL] 2 alarms")
    reader = Reader("en", city.ZONE, "https://ioc.test/", city.START)
    with database.transaction(conn):
        first, second = (card(r, reader) for r in mail_facts.alarms(conn, [1, 2]))
    two = mail.Content(cards=[first, second], total=2, critical=2, flood=True)
    assert mail.subject(two, reader) == "[CRITICAL] Alarm flood: 2 alarms, 2 critical"
    assert mail.subject(replace(two, cards=[first], total=1), reader) == f"[CRITICAL] {first.subject}"
    over = [replace(one, over=True, word="RESOLVED") for one in (first, second)]
    assert mail.subject(replace(two, cards=over), reader).startswith("[RESOLVED] 2 alarms over: ")


def test_a_storm_says_what_to_do_once_and_above_the_table(conn, painter):
    found = write(conn, painter=painter, language="en", sensors=[f"Bến {n}" for n in range(6)])
    found.lint()
    for said in (found.text, found.html):
        assert said.count("open the sluice") == 1 + ("display:none" in said)  # a phone shows it under the subject too
        assert said.index("(6)") < said.index("Since")
    assert found.html.index('src="cid:map') < found.html.index("Since")


@pytest.mark.parametrize(("language", "said"), [("en", "came back since then; times: 2"), ("vi", "tái diễn 2 lần")])
def test_an_alarm_that_came_back_says_so_beside_its_first_beginning(conn, language, said):
    write(conn)
    conn.execute("UPDATE alarm SET reopened = 2")
    reader = Reader(language, city.ZONE, "https://ioc.test/", city.START)
    [row] = mail_facts.alarms(conn, [1])
    assert said in " ".join(card(row, reader).notes)
    assert card({**row, "reopened": 0}, reader).notes == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "predict", "detail": {"likely": "2026-03-01T07:20+00:00"}, "value": 1.5, "threshold": 1.8}, "1.50 m now, will pass 1.80 m about 14:20"),
        ({"kind": "nearby", "detail": {"events": [1, 2, 3]}}, "3 reports near each other"),
        ({"kind": "same_hour", "detail": {"usual": 1.1}, "value": 2.0}, "2.00 m, usually 1.10 m at this hour"),
        ({"kind": "rate", "value": 0.31, "threshold": 0.25}, "0.31 (level 0.25)"),
        ({"kind": "count", "share": "5/12", "series_id": None}, "5/12"),
        ({"kind": "composite", "share": "", "series_id": None}, "it is so now"),
        ({"kind": "geofence", "condition": "false", "series_id": None}, "normal again"),
    ],
)  # fmt: skip
def test_every_kind_of_rule_has_words_of_its_own(conn, given, said):
    write(conn)
    [row] = mail_facts.alarms(conn, [1])
    reader = Reader("en", city.ZONE, "https://ioc.test/", city.START)
    told = card({**row, **given}, reader)
    assert told.headline == f"Level: {said}"
    assert "None" not in " ".join([told.subject, *(text for _, text in told.facts)])
