"""From an alarm to a mailbox over real SMTP, with servers that refuse, hang, and close without a word."""

from __future__ import annotations

import base64
import re
import ssl
import threading
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts import smtp
from alerts.compose import Composer, Setting
from alerts.mail import From
from alerts.sender import Sender
from ioc.store import outbox
from tests.alerts import city
from tests.alerts.mail_server import MailServer, accept_everybody, refuse_everybody

S = timedelta(seconds=1)
SCOPE = {"metrics": ["water_level"]}


class Town:
    """One gauge, one rule, one engine, and time that passes when told."""

    def __init__(self, conn, url, *, priority="critical", contacts=("mai",), gauges=1, family="", painter=None):
        self.conn, self.now = conn, city.START
        self.rule = {"options": {"above": 50}, "scope": SCOPE, "priority": priority, "family": family}
        city.add_rule(conn, **self.rule)
        self.people = {key: city.add_contact(conn, key, lowest="low") for key in contacts}
        self.series = [city.add_series(conn, f"gauge-{n}", area=f"area-{n}") for n in range(gauges)]
        self.engine = city.evaluator(conn)
        self.composer = Composer(
            Setting(
                zone=ZoneInfo("Asia/Ho_Chi_Minh"), base_url="https://ioc.test", sender=From("ioc@city.test", "IOC")
            ),
            painter,
        )
        self.sender = Sender(smtp.server(url), "ioc@city.test")

    def measure(self, *values):
        self.now += 60 * S
        for series, value in zip(self.series, values, strict=False):
            city.add_reading(self.conn, series, self.now, value)
        self.engine.tick(self.conn, self.now)

    def write(self, after=0):
        self.now += after * S
        return self.composer.run(self.conn, self.now)

    def send(self, after=0):
        self.now += after * S
        return self.sender.run(self.conn, now=self.now)

    def raise_and_write(self):
        self.measure(30)
        self.measure(60)
        assert self.write(after=5) == len(self.people)

    @property
    def states(self):
        return [row[0] for row in self.conn.execute("SELECT state FROM outbox ORDER BY created_at, email")]

    @property
    def channel(self):
        return outbox.channel(self.conn).state


@pytest.fixture
def town(conn, mail_server):
    return Town(conn, mail_server.url)


def ids(server):
    return [m["Message-ID"] for _, m, _ in server.mails]


def test_a_mail_arrives_and_says_what(town, mail_server):
    town.raise_and_write()
    assert town.send() == 1
    [(to, mail, raw)] = mail_server.mails
    assert to == "mai@city.test"
    assert mail["Subject"].startswith("[CRITICAL] Water level 60.00 m > 50.00 m")
    assert mail["Auto-Submitted"] == "auto-generated"
    stored = town.conn.execute("SELECT mime FROM outbox").fetchone()[0]
    assert raw.replace(b"\r\n", b"\n").rstrip() == stored.replace(b"\r\n", b"\n").rstrip()
    assert town.states == ["sent"]
    assert town.send(after=1) == 0


def test_an_address_that_does_not_exist_is_flagged_and_somebody_else_is_told(conn, mail_server):
    town = Town(conn, mail_server.url)
    city.add_contact(conn, "other", lowest="critical", domains=["air"])  # would not be told otherwise
    town.raise_and_write()
    mail_server.answer("RCPT mai@city.test", "550 5.1.1 no such user")
    town.send()
    assert town.states == ["failed"]
    state = conn.execute("SELECT state, state_note FROM contact WHERE key = 'mai'").fetchone()
    assert state == ("refused", "550 5.1.1 no such user")
    town.write(after=1)
    town.send()
    assert [to for to, _, _ in mail_server.mails] == ["other@city.test"]


@pytest.mark.parametrize(
    ("step", "reply"), [("RCPT", "451 4.7.1 greylisted"), ("DATA", "452 4.3.1 full"), ("MAIL", "421 4.3.2 closing")]
)
def test_later_means_later_and_the_same_mail(town, mail_server, step, reply):
    town.raise_and_write()
    mail_server.answer(step, reply)
    town.send()
    assert town.states == ["ready"]
    assert town.send(after=30) == 0, "not before a minute"
    assert town.send(after=60) == 1
    assert len(mail_server.mails) == 1
    assert mail_server.mails[0][1]["Message-ID"] == town.conn.execute("SELECT message_id FROM outbox").fetchone()[0]


def test_one_refused_person_does_not_cost_the_others_their_mail(conn, mail_server):
    town = Town(conn, mail_server.url, contacts=("a", "b", "c"))
    town.raise_and_write()
    mail_server.answer("RCPT b@city.test", "451 4.2.0 busy")
    town.send()
    assert sorted(to for to, _, _ in mail_server.mails) == ["a@city.test", "c@city.test"]
    assert sorted(town.states) == ["ready", "sent", "sent"]


def test_a_line_cut_after_the_mail_was_taken_is_tried_again_with_the_same_id(town, mail_server):
    town.raise_and_write()
    mail_server.answer("DATA", "keep+cut")
    town.send()
    assert town.states == ["ready"]
    assert town.conn.execute("SELECT ambiguous FROM outbox").fetchone()[0]
    assert town.send(after=60) == 1
    assert len(mail_server.mails) == 2
    assert len(set(ids(mail_server))) == 1, "a duplicate must be recognisable as one"
    assert mail_server.mails[0][2] == mail_server.mails[1][2]


def test_an_unsure_mail_of_low_priority_is_not_sent_twice(conn, mail_server):
    town = Town(conn, mail_server.url, priority="medium")
    town.measure(30)
    town.measure(60)
    town.write(after=180)
    mail_server.answer("DATA", "keep+cut")
    town.send()
    assert town.states == ["maybe_sent"]
    town.send(after=3600)
    assert len(mail_server.mails) == 1


def test_a_message_the_server_dislikes_is_tried_once_as_text_only(town, mail_server):
    town.raise_and_write()
    mail_server.answer("DATA", "554 5.7.1 looks like spam", "554 5.7.1 still")
    town.send()
    assert town.states == ["ready"]
    town.send(after=1)
    assert town.states == ["failed"]
    assert mail_server.mails == []


def test_text_only_gets_through(town, mail_server):
    town.raise_and_write()
    mail_server.answer("DATA", "552 5.3.4 too big")
    town.send()
    town.send(after=1)
    [(_, mail, _)] = mail_server.mails
    assert mail.get_content_type() == "text/plain"


def test_wrong_credentials_stop_the_channel_and_burn_no_attempt(conn, mail_server):
    server = MailServer(authenticator=refuse_everybody, auth_required=False, auth_require_tls=False).start()
    try:
        town = Town(conn, f"smtp://ioc:wrong@127.0.0.1:{server.port}")
        town.raise_and_write()
        town.send()
        assert (town.states, town.channel) == (["ready"], "stopped")
        assert "535" in outbox.channel(conn).reason
        town.send(after=3600)
        assert conn.execute("SELECT attempts FROM outbox").fetchone()[0] == 0
        town.sender = Sender(smtp.server(mail_server.url), "ioc@city.test")  # somebody corrected the settings
        assert town.send() == 1
        assert town.channel == "ok"
    finally:
        server.stop()


def test_a_server_that_is_away_is_probed_with_one_mail_and_nothing_is_lost(conn):
    server = MailServer()
    town = Town(conn, server.url, contacts=("a", "b", "c"))
    town.raise_and_write()
    for _ in range(5):
        town.send(after=1)
    assert (town.channel, town.states) == ("down", ["ready"] * 3)
    assert conn.execute("SELECT max(attempts) FROM outbox").fetchone()[0] == 0
    server.start()
    try:
        assert town.send(after=120) == 1
        assert town.channel == "ok"
        assert town.send() == 2
        assert len(server.mails) == 3
    finally:
        server.stop()


def test_a_server_that_hangs_is_left(town, mail_server, monkeypatch):
    monkeypatch.setattr(smtp, "READ_S", 0.3)
    town.raise_and_write()
    mail_server.answer("MAIL", "hang")
    town.send()
    assert (town.channel, town.states) == ("down", ["ready"])


def test_resolved_reaches_everybody_who_was_told_and_in_the_same_conversation(town, mail_server):
    town.raise_and_write()
    town.send()
    town.measure(40)
    town.write(after=5)
    town.send()
    (_, first, _), (_, second, _) = mail_server.mails
    assert (second["In-Reply-To"], second["References"]) == (first["Message-ID"], first["Message-ID"])
    assert second["Subject"] == f"Re: {first['Subject']}", "or Gmail and Apple Mail begin another conversation"
    assert second["Thread-Topic"] == first["Thread-Topic"] == first["Subject"]
    assert base64.b64decode(second["Thread-Index"])[:22] == base64.b64decode(first["Thread-Index"])
    assert (first["X-IOC-State"], second["X-IOC-State"]) == ("raised", "resolved")


def test_resolved_never_overtakes_raised(town, mail_server):
    town.raise_and_write()
    mail_server.answer("DATA", "keep+cut", "keep+cut")
    town.send()  # unsure: it must go again, so "resolved" may not replace it
    town.measure(40)
    town.write(after=5)
    town.send(after=5)
    town.send(after=600)
    town.send(after=600)
    assert [m["X-IOC-State"] for _, m, _ in mail_server.mails] == ["raised", "raised", "raised", "resolved"]


def test_raised_that_never_left_is_merged_with_resolved(conn):
    server = MailServer()
    town = Town(conn, server.url)
    town.raise_and_write()
    town.send()
    town.measure(40)
    town.write(after=5)
    assert town.states == ["superseded", "ready"]
    server.start()
    try:
        town.send(after=300)
        [(_, mail, _)] = server.mails
        assert mail["Subject"].startswith("[RESOLVED]")
    finally:
        server.stop()


def test_an_alarm_that_flaps_is_at_most_four_mails_and_a_whole_history(town, mail_server):
    for n in range(120):
        town.now += timedelta(seconds=20)
        city.add_reading(town.conn, town.series[0], town.now, 60 if n % 2 else 40)
        town.engine.tick(town.conn, town.now)
        town.write()
        town.send()
    assert 1 < len(mail_server.mails) <= 4
    recorded = "SELECT count(*) FROM alarm_change WHERE kind IN ('raised', 'reraised', 'cleared')"
    assert town.conn.execute(recorded).fetchone()[0] == 119


def test_a_storm_over_fifty_places_is_one_mail_each_and_names_all(conn, mail_server):
    town = Town(conn, mail_server.url, contacts=("a", "b"), gauges=50)
    town.measure(*[30] * 50)
    town.measure(*[60] * 50)
    town.write(after=5)
    town.send(after=1)
    assert sorted(to for to, _, _ in mail_server.mails) == ["a@city.test", "b@city.test"]
    text = mail_server.mails[0][1].get_body(("plain",)).get_content()
    assert "50 critical" in mail_server.mails[0][1]["Subject"]
    assert text.count("https://ioc.test/alarms/") == 40
    assert "and 10 more" in text
    assert {n for n in range(50) if not re.search(rf"gauge-{n}\b", text)} == set(), "every critical is named"
    assert conn.execute("SELECT count(*) FROM alarm").fetchone()[0] == 50


def test_a_shelved_alarm_is_not_sent_any_more(town, mail_server):
    from ioc.store import alarms

    town.raise_and_write()
    alarms.shelve(town.conn, 1, "duty", "works", timedelta(hours=1))
    town.send()
    assert (town.states, mail_server.mails) == (["superseded"], [])


def test_two_senders_share_the_work_and_send_nothing_twice(conn, database_url, mail_server):
    from ioc.store import database

    town = Town(conn, mail_server.url, contacts=[f"p{n}" for n in range(24)])
    town.raise_and_write()

    def work():
        with database.connect(database_url, autocommit=True) as mine:
            sender = Sender(smtp.server(mail_server.url), "ioc@city.test")
            while sender.run(mine, now=town.now):
                pass

    threads = [threading.Thread(target=work) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert sorted(to for to, _, _ in mail_server.mails) == sorted(f"p{n}@city.test" for n in range(24))


def test_certificates_are_checked(conn, tmp_path):
    """A server with a certificate nobody vouches for is a wrong setting, not a server to retry."""
    key = tmp_path / "key.pem"
    import subprocess

    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            str(key),
            "-out",
            str(key) + ".crt",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(str(key) + ".crt", str(key))
    server = MailServer(tls_context=context).start()
    try:
        town = Town(conn, f"smtp+starttls://127.0.0.1:{server.port}")
        town.raise_and_write()
        town.send()
        assert (town.channel, server.mails) == ("stopped", [])
    finally:
        server.stop()


def test_an_unknown_user_is_one_also_where_the_server_says_so_after_the_text(town, mail_server):
    town.raise_and_write()
    mail_server.answer("DATA", "554 5.1.1 mailbox unknown")
    town.send()
    assert town.states == ["failed"]
    assert town.conn.execute("SELECT state FROM contact").fetchone()[0] == "refused"


def test_a_policy_refusal_of_the_recipient_is_not_a_missing_person(town, mail_server):
    town.raise_and_write()
    mail_server.answer("RCPT", "550 5.7.1 relaying denied")
    town.send()
    assert town.conn.execute("SELECT state FROM contact").fetchone()[0] == "ok"


def test_a_server_that_hangs_with_the_text_holds_up_nobody_for_long(conn, mail_server, monkeypatch):
    """It may have the mail: the same one goes again later, and the others wait for a probe instead of a minute each."""
    monkeypatch.setattr(smtp, "READ_S", 0.3)
    town = Town(conn, mail_server.url, contacts=("a", "b", "c"))
    town.raise_and_write()
    mail_server.answer("DATA", "hang")
    town.send()
    assert (town.channel, sorted(town.states)) == ("down", ["ready"] * 3)
    assert conn.execute("SELECT count(*) FROM outbox WHERE ambiguous").fetchone()[0] == 1
    town.send(after=30)
    town.send(after=30)
    assert town.states == ["sent"] * 3


def test_a_server_that_answers_a_byte_a_minute_is_left_in_time(town, mail_server, monkeypatch):
    monkeypatch.setattr(smtp, "WHOLE_S", 0.5)
    town.raise_and_write()
    mail_server.answer("MAIL", "hang")
    town.send()
    assert town.states == ["ready"]


def test_an_account_corrected_at_the_server_is_found_within_half_an_hour(conn):
    server = MailServer(authenticator=refuse_everybody, auth_required=False, auth_require_tls=False).start()
    try:
        town = Town(conn, f"smtp://ioc:right@127.0.0.1:{server.port}")
        town.raise_and_write()
        town.send()
        assert town.channel == "stopped"
        server.stop()
        server.options = {"authenticator": accept_everybody, "auth_required": False, "auth_require_tls": False}
        server.start()
        assert town.send(after=60) == 0, "not at once: a wrong password again and again locks an account"
        assert town.send(after=1800) == 1
        assert town.channel == "ok"
    finally:
        server.stop()


def test_a_reminder_that_waited_is_not_sent_once_somebody_acknowledged(conn):
    from ioc.store import alarms

    server = MailServer()
    town = Town(conn, server.url)
    town.measure(30)
    town.measure(60)
    conn.execute("UPDATE intent SET reason = 'reminder'")
    assert town.write(after=5) == 1
    town.send()
    alarms.acknowledge(conn, 1, "duty")
    server.start()
    try:
        town.send(after=60)
        assert (town.states, server.mails) == (["superseded"], [])
    finally:
        server.stop()


def test_a_letter_whose_lease_somebody_else_holds_is_not_sent(conn, mail_server):
    town = Town(conn, mail_server.url, contacts=("a", "b"))
    town.raise_and_write()
    sender = town.sender
    plain = sender._channel.send

    def slow(letter, mark):  # while the first is on its way another engine takes over the second
        conn.execute(
            "UPDATE outbox SET lease_token = gen_random_uuid() WHERE id <> %s AND state = 'leased'", (letter.id,)
        )
        return plain(letter, mark)

    sender._channel.send = slow
    town.send()
    assert len(mail_server.mails) == 1


def test_bounces_name_their_mail_where_the_mailbox_takes_it(town, mail_server):
    senders = []
    original = mail_server.handle_MAIL

    async def noted(server, session, envelope, address, options):
        senders.append(address)
        return await original(server, session, envelope, address, options)

    mail_server.handle_MAIL = noted
    town.sender = Sender(smtp.server(mail_server.url), "ioc@city.test", verp=True)
    town.raise_and_write()
    town.send()
    ident = town.conn.execute("SELECT id FROM outbox").fetchone()[0]
    assert senders == [f"ioc+{ident.hex}@city.test"]


def test_a_template_that_fails_still_tells_which_alarms_and_who_must_mend_it_is_told(town, mail_server, monkeypatch):
    from alerts import mail

    def broken(*_):
        raise KeyError("no such word")

    monkeypatch.setattr(mail, "_render", broken)
    town.raise_and_write()
    assert "no such word" in town.composer.problems["template"]
    assert "no such word" in town.conn.execute("SELECT last_reply FROM outbox").fetchone()[0]
    town.send()
    [(_, said, _)] = mail_server.mails
    assert "CRITICAL" in said["Subject"]
    assert "https://ioc.test/alarms/1" in said.get_content()
    monkeypatch.undo()
    town.measure(40)
    town.write(after=120)
    assert town.composer.problems.get("template") is None


def test_one_alarm_without_words_does_not_silence_the_others(conn, mail_server):
    town = Town(conn, mail_server.url, gauges=3, family="tide")
    conn.execute("UPDATE sensor SET area = 'one'")
    town.measure(*[30] * 3)
    town.measure(*[60] * 3)
    conn.execute("UPDATE alarm SET detail = '[]' WHERE id = 2")
    conn.execute("UPDATE sensor SET name = '5' WHERE id = (SELECT sensor_id FROM alarm WHERE id = 2)")
    assert town.write(after=5) == 1
    town.send()
    text = mail_server.mails[0][1].get_body(("plain",)).get_content()
    assert text.count("Water level 60.00 m > 50.00 m") >= 2
    assert "r #2" in text
    assert "alarm 2 could not be put into words" in conn.execute("SELECT last_reply FROM outbox").fetchone()[0]


def test_ten_thousand_alarms_are_one_mail_that_names_every_critical_one(conn, mail_server):
    city.add_contact(conn, lowest="low", language="vi")
    rules = [
        city.add_rule(conn, key=f"r{n}", name={"vi": f"Mực nước vượt báo động {n}"}, options={"above": 50}, priority=p)
        for n, p in enumerate(["critical", "high", "critical", "medium"])
    ]
    feed = city.add_feed(conn)
    conn.execute(
        """INSERT INTO sensor (key, name, domain, feed_id) SELECT 's' || n,
        jsonb_build_object('', 'Trạm quan trắc số ' || n), 'water', %s FROM generate_series(1, 10000) n""",
        (feed,),
    )
    conn.execute(
        """INSERT INTO alarm (rule_id, rule_version, target, sensor_id, area, domain, priority, event_start, opened_at)
        SELECT %s + n %% 4, 1, 's:' || n, e.id, 'a' || n %% 50, 'water', r.priority, %s, %s FROM generate_series(1, 10000) n
        JOIN sensor e ON e.key = 's' || n JOIN rule r ON r.id = %s + n %% 4""",
        (rules[0], city.START, city.START, rules[0]),
    )
    conn.execute(
        "INSERT INTO alarm_change (alarm_id, seq, at, kind) SELECT id, 1, %s, 'raised' FROM alarm", (city.START,)
    )
    conn.execute(
        """INSERT INTO intent (change_id, alarm_id, contact_id, reason, group_key, not_before)
        SELECT c.id, a.id, 1, 'raised', 'w|' || a.area, %s FROM alarm a JOIN alarm_change c ON c.alarm_id = a.id""",
        (city.START,),
    )
    setting = Setting(zone=ZoneInfo("UTC"), base_url="https://ioc.test", sender=From("ioc@city.test", "IOC"))
    assert Composer(setting, None).run(conn, city.START + S) == 1
    assert Sender(smtp.server(mail_server.url), "ioc@city.test").run(conn, now=city.START + S) == 1
    [(_, mail, raw)] = mail_server.mails
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "10000" in mail["Subject"]
    assert "5000" in mail["Subject"]
    named = set(re.findall(r"Trạm quan trắc số (\d+)", text))
    assert {str(n) for n in range(1, 10_001) if n % 4 in (0, 2)} <= named
    assert len(html.encode()) < 100_000
    assert len(raw) < 400_000
