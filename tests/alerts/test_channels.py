"""Channels beside mail against real HTTP servers that take, refuse, redirect, hang and ask to come back."""

from __future__ import annotations

import json
import shutil
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from psycopg.types.json import Json

from alerts import web
from alerts.channels import sms, telegram, webhook
from alerts.compose import Composer, Setting
from alerts.fate import Fate
from alerts.mail import From
from alerts.sender import Courier, Sender
from alerts.smtp import server as smtp_server
from alerts.ways import ways
from ioc.config.city import ChannelSettings
from ioc.store import outbox
from tests.alerts import city

S = timedelta(seconds=1)


class Gateway:
    """`got` is what was asked: (path, headers, body). `answers` are given one after another, then 200."""

    def __init__(self):
        self.got, self.answers = [], []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                gateway.got.append((self.path, dict(self.headers), body))
                status, headers, text = gateway.answers.pop(0) if gateway.answers else (200, {}, "ok")
                if status == "hang":
                    time.sleep(2)
                    return
                if status == "cut":
                    self.connection.close()
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


@pytest.fixture
def gateway():
    started = Gateway()
    yield started
    started.stop()


class Town:
    """One critical alarm, and a person who is told of it over three channels beside mail."""

    def __init__(self, conn, gateway, monkeypatch, **contact):
        for name in ("HOOK_SECRET", "SMS_TOKEN", "BOT_TOKEN"):
            monkeypatch.setenv(name, f"secret-of-{name.lower()}")
        declared = {
            "hook": {"kind": "webhook", "options": {"url": f"{gateway.url}/hook", "secret": "env:HOOK_SECRET"}},
            "sms": {
                "kind": "sms",
                "options": {"url": f"{gateway.url}/sms", "headers": {"Authorization": "Bearer env:SMS_TOKEN"}},
            },
            "tele": {"kind": "telegram", "options": {"base": gateway.url, "token": "env:BOT_TOKEN"}},
        }
        self.conn, self.now = conn, city.START
        self.ways = ways({key: ChannelSettings.model_validate(one) for key, one in declared.items()})
        city.add_rule(
            conn,
            options={"above": 50},
            scope={"metrics": ["water_level"]},
            priority=contact.pop("priority", "critical"),
        )
        self.person = city.add_contact(conn, lowest="low", language="vi")
        reach = contact.pop(
            "channels",
            [
                {"by": "hook", "to": "desk", "lowest": "high"},
                {"by": "sms", "to": "+84900000001"},
                {"by": "tele", "to": "4711"},
            ],
        )
        conn.execute("UPDATE contact SET settings = settings || %s::jsonb", (Json({"channels": reach}),))
        self.series = city.add_series(conn, "gauge")
        self.engine = city.evaluator(conn)
        setting = Setting(
            zone=city.ZONE,
            base_url="https://ioc.test",
            sender=From("ioc@city.test", "IOC"),
            secret="a-secret-of-tests",
            ways=self.ways,
        )
        self.composer = Composer(setting, None)

    def raise_alarm(self):
        for value in (30, 60):
            self.now += 60 * S
            city.add_reading(self.conn, self.series, self.now, value)
            self.engine.tick(self.conn, self.now)
        self.now += 40 * S
        return self.composer.run(self.conn, self.now)

    def send(self, key, after=0):
        self.now += after * S
        return Courier(self.ways[key]).run(self.conn, now=self.now)

    def state(self, key):
        row = self.conn.execute(
            "SELECT state, attempts, last_reply FROM outbox WHERE channel = %s ORDER BY created_at", (key,)
        )
        return row.fetchone()


@pytest.fixture
def town(conn, gateway, monkeypatch):
    return Town(conn, gateway, monkeypatch)


def test_one_alarm_goes_out_once_over_each_channel(town, gateway):
    assert town.raise_alarm() == 1
    rows = town.conn.execute("SELECT channel, email, twin IS NULL FROM outbox ORDER BY channel").fetchall()
    assert rows == [
        ("hook", "desk", False),
        ("mail", "mai@city.test", True),
        ("sms", "+84900000001", False),
        ("tele", "4711", False),
    ]
    for key in ("hook", "sms", "tele"):
        assert town.send(key) == 1
        assert town.send(key, after=3600) == 0
    hook, text, tele = gateway.got
    said = json.loads(hook[2])
    assert hook[1]["webhook-signature"] == webhook.sign(
        "secret-of-hook_secret", hook[1]["webhook-id"], hook[1]["webhook-timestamp"], hook[2]
    )
    assert (said["id"], said["priority"], said["alarms"][0]["id"]) == (hook[1]["webhook-id"], 1, 1)
    assert said["link"].startswith("https://ioc.test/a/")
    assert text[1]["Authorization"] == "Bearer secret-of-sms_token"
    assert json.loads(text[2])["to"] == "+84900000001"
    assert sms.size(json.loads(text[2])["text"])[0] <= sms.size(json.loads(text[2])["text"])[1], "one SMS"
    assert tele[0] == "/botsecret-of-bot_token/sendMessage"
    assert json.loads(tele[2])["chat_id"] == "4711"


def test_less_urgent_alarms_stay_off_the_phone(conn, gateway, monkeypatch):
    town = Town(conn, gateway, monkeypatch, priority="high")
    town.raise_alarm()
    rows = conn.execute("SELECT channel FROM outbox ORDER BY channel").fetchall()
    assert rows == [("hook",), ("mail",)]


def test_a_gateway_that_asks_to_come_back_gets_the_same_bytes_and_key_then(town, gateway):
    town.raise_alarm()
    gateway.answers = [(429, {"Retry-After": "300"}, "slow down"), (503, {}, "busy")]
    assert town.send("hook") == 0
    assert town.send("hook", after=299) == 0
    assert len(gateway.got) == 1
    town.send("hook", after=70)
    assert town.send("hook", after=200) == 1
    assert len({(body, headers["webhook-id"]) for _, headers, body in gateway.got}) == 1
    assert town.state("hook")[:2] == ("sent", 3)


def test_telegram_says_how_long_in_its_answer(town, gateway):
    town.raise_alarm()
    gateway.answers = [(429, {}, '{"ok":false,"parameters":{"retry_after":120}}')]
    town.send("tele")
    assert town.send("tele", after=115) == 0
    assert town.send("tele", after=40) == 1


def test_who_blocked_the_bot_is_noted_and_still_gets_mail(town, gateway):
    town.raise_alarm()
    gateway.answers = [(403, {}, '{"ok":false,"description":"Forbidden: bot was blocked by the user"}')]
    town.send("tele")
    assert town.state("tele")[0] == "failed"
    assert town.conn.execute("SELECT state, state_note FROM contact").fetchone()[0] == "ok"
    assert "tele:" in town.conn.execute("SELECT state_note FROM contact").fetchone()[0]
    assert outbox.contact(town.conn, town.person).refused == ["tele 4711"]


def test_whoever_has_no_mailbox_is_told_over_the_other_channel(town, mail_server):
    town.raise_alarm()
    mail_server.answer("RCPT", "550 5.1.1 no such user")
    Sender(smtp_server(mail_server.url), "ioc@city.test").run(town.conn, now=town.now)
    assert town.state("mail")[0] == "failed"
    assert town.conn.execute("SELECT state FROM contact").fetchone()[0] == "ok"
    assert town.send("sms") == 1


@pytest.mark.parametrize(
    ("answer", "state", "channel"),
    [
        ((302, {"Location": "http://169.254.169.254/"}, ""), "ready", "stopped"),
        ((401, {}, "who are you"), "ready", "stopped"),
        ((404, {}, "nothing here"), "ready", "stopped"),
        ((400, {}, "bad body"), "failed", "ok"),
    ],
)
def test_what_a_refusal_means(town, gateway, answer, state, channel):
    town.raise_alarm()
    gateway.answers = [answer]
    town.send("sms")
    assert (town.state("sms")[0], outbox.channel(town.conn, "sms").state) == (state, channel)
    assert len(gateway.got) == 1, "a redirect is not followed"
    assert "secret-of" not in town.state("sms")[2]


def test_a_gateway_that_echoes_a_secret_does_not_put_it_into_the_log(town, gateway):
    town.raise_alarm()
    gateway.answers = [(401, {}, "wrong token secret-of-bot_token")]
    town.send("tele")
    assert "***" in town.state("tele")[2]
    assert "secret-of" not in town.state("tele")[2] + outbox.channel(town.conn, "tele").reason


def test_one_that_hangs_is_left_and_tried_later(town, gateway, monkeypatch):
    monkeypatch.setattr(web, "READ_S", 0.2)
    town.raise_alarm()
    gateway.answers = [("hang", {}, "")]
    town.send("sms")
    assert town.state("sms")[:2] == ("ready", 1)
    assert outbox.channel(town.conn, "sms").state == "down"
    assert town.send("sms", after=30) == 1
    assert len({body for _, _, body in gateway.got}) == 1


def test_nobody_listens_costs_no_attempt(conn, gateway, monkeypatch):
    town = Town(conn, gateway, monkeypatch)
    town.raise_alarm()
    gateway.stop()
    town.send("sms")
    assert town.state("sms")[:2] == ("ready", 0)
    gateway.stop = lambda: None


def test_a_secret_that_is_not_there_stops_its_channel_alone(town, monkeypatch):
    town.raise_alarm()
    monkeypatch.delenv("SMS_TOKEN")
    town.send("sms")
    assert "SMS_TOKEN is not set" in outbox.channel(town.conn, "sms").reason
    assert town.send("hook") == 1


def test_a_channel_that_cannot_write_costs_nobody_the_mail(town, monkeypatch):
    monkeypatch.setattr(sms, "write", lambda *_: 1 / 0)
    assert town.raise_alarm() == 1
    rows = town.conn.execute("SELECT channel FROM outbox ORDER BY channel").fetchall()
    assert rows == [("hook",), ("mail",), ("tele",)]
    assert "ZeroDivisionError" in town.composer.problems["sms"]


@pytest.mark.parametrize("host", ["169.254.169.254", "0.0.0.0", "[::ffff:169.254.169.254]", "224.0.0.1"])
def test_addresses_nobody_may_make_us_ask(host):
    asked = web.Request("POST", f"http://{host}:1/x", {}, b"")
    result = web.send(asked, datetime.now(UTC), web.meaning)
    assert result.fate is Fate.STOPPED
    assert "never asked" in result.reply


@pytest.mark.parametrize("send_as", ["form", "query"])
def test_an_sms_gateway_of_another_shape(gateway, send_as, monkeypatch):
    monkeypatch.setenv("SMS_TOKEN", "k&y")
    options = sms.compile(sms.Options(url=f"{gateway.url}/send?v=2", method="GET" if send_as == "query" else "POST",
                                      send_as=send_as, fields={"phone": "{to}", "msg": "{text}", "api_key": "env:SMS_TOKEN"},
                                      accepted='"code": ?0'))  # fmt: skip
    letter = SimpleNamespace(id="7", email="+84 90&x=1", mime="Mực nước & {to} env:SMS_TOKEN".encode())
    asked = sms.request(letter, options, ways.__globals__["secret"], datetime.now(UTC))
    gateway.answers = [(200, {}, '{"code": 0}'), (200, {}, '{"code": 104, "why": "no money"}')]
    first, second = (web.send(asked, datetime.now(UTC), lambda a: sms.meaning(a, options)) for _ in range(2))
    assert (first.fate, second.fate) == (Fate.SENT, Fate.REJECTED)
    path, _, body = gateway.got[0]
    fields = parse_qs(body.decode() if send_as == "form" else urlsplit(path).query)
    assert (fields["phone"], fields["msg"], fields["api_key"]) == (
        ["+84 90&x=1"],
        ["Mực nước & {to} env:SMS_TOKEN"],
        ["k&y"],
    )


def test_the_length_of_one_sms():
    assert sms.size("abc€") == (5, 160)
    assert sms.size("Mực nước") == (8, 70)
    assert sms.size("🌊") == (2, 70)
    long = "Nguy cấp: mực nước sông Hậu tại trạm Đại Ngãi vượt báo động III, đề nghị đóng cống ngay và báo dân"
    cut = sms.cut(long, "https://ioc.test/alarms/1")
    assert sms.size(cut) == (70, 70)
    assert cut.endswith("...")
    whole = sms.cut(sms.plain(long), "https://ioc.test/alarms/1")
    assert (
        whole
        == "Nguy cap: muc nuoc song Hau tai tram Dai Ngai vuot bao dong III, de nghi dong cong ngay va bao dan https://ioc.test/alarms/1"
    )
    assert sms.size(whole)[1] == 160


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (webhook, {"url": "ftp://x/y", "secret": "env:A"}),
        (webhook, {"url": "https://x/y", "secret": "plain-text-secret"}),
        (telegram, {"token": "123:abc"}),
        (sms, {"url": "https://x/y", "fields": {"to": "{to}"}}),
        (sms, {"url": "https://x/y", "accepted": "("}),
    ],
)
def test_options_that_cannot_work_are_refused(kind, options):
    with pytest.raises(ValueError):
        kind.compile(kind.Options.model_validate(options))


def test_the_folder_is_checked_down_to_a_channels_options(tmp_path):
    from ioc.compose import check_folder, sample_city
    from ioc.errors import ConfigError

    copied = tmp_path / "city"
    shutil.copytree(sample_city(), copied)
    with (copied / "city.toml").open("a") as file:
        file.write("""
[channels.text]
kind = "sms"
options = { url = "https://gateway.example/send", fields = { to = "{to}" } }
[channels.chat]
kind = "telegramm"
""")
    with (copied / "contacts.toml").open("a") as file:
        file.write("""
[[contact]]
key = "extra"
name = "Extra"
email = "x@city.example"
brief = "25:00"
channels = [{ by = "sms", to = "1" }]
""")
    with pytest.raises(ConfigError) as found:
        check_folder(copied, quiet=True)
    said = str(found.value)
    assert "brief" in said
    fixed = (copied / "contacts.toml").read_text().replace("25:00", "06:30")
    (copied / "contacts.toml").write_text(fixed)
    with pytest.raises(ConfigError) as found:
        check_folder(copied, quiet=True)
    said = str(found.value)
    for part in ("channels.text", "no field holds {text}", "telegram", "there is no channel 'sms'"):
        assert part in said, said
