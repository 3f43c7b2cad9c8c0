"""Publishers: each may send what its feeds say and nothing else, at real brokers; added and cut off while they run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest

from ingest.address import Address
from ingest.plan import Share, client_id
from ioc.access import brokers
from ioc.access.brokers import PublisherError, User, hashed
from ioc.access.holder import Who
from ioc.embedded.broker import Broker, free_port
from ioc.errors import BrokerError, StoreError
from ioc.settings import Settings
from ioc.store import publishers
from ioc.up import admission
from ioc.up.folder import DataFolder
from ioc.up.plan import Plan, Wishes
from tests import services

WHO = Who("somebody", address="terminal")
KINDS = [pytest.param("mosquitto", marks=pytest.mark.mosquitto), "nats"]
TOPICS = ("city/{district}/air/{sensor}", "deep/#", "/lead/+", "v2.1/x")
OWN = User("ioc", hashed("own"), ("#",), ("#", "$SYS/#"))


class Peer:
    """An MQTT client that remembers what came and whether it was hung up on."""

    def __init__(self, port, user=None, password=None, *, session="", will=None, tls=None):
        self.got, self.answers, self.lost = [], [], []
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, session, clean_session=not session, reconnect_on_failure=False
        )
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self.answers.append(reason)
        self.client.on_disconnect = lambda _c, _u, _f, reason, _p: self.lost.append(str(reason))
        self.client.on_message = lambda _c, _u, m: self.got.append((m.topic, m.payload.decode()))
        if user:
            self.client.username_pw_set(user, user if password is None else password)
        if will:
            self.client.will_set(will, b"will", 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        services.wait_for(lambda: self.answers, "the broker answers")

    @property
    def accepted(self):
        return not self.answers[-1].is_failure

    def subscribe(self, *filters):
        done = []
        self.client.on_subscribe = lambda _c, _u, _m, reasons, _p: done.append(reasons[0])
        for number, one in enumerate(filters, 1):
            self.client.subscribe(one, 1)
            services.wait_for(lambda number=number: len(done) >= number, "the subscription is answered")
        return done

    def publish(self, topic, payload="x", qos=1, *, retain=False):
        info = self.client.publish(topic, payload, qos, retain)
        with suppress(RuntimeError, ValueError):
            info.wait_for_publish(2)
        return self

    def vanish(self):
        """Without a goodbye, so that the will is spoken."""
        self.client.loop_stop()
        self.client.socket().shutdown(socket.SHUT_RDWR)
        self.client.socket().close()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def peers():
    made = []

    def make(*args, **options):
        made.append(Peer(*args, **options))
        return made[-1]

    yield make
    for peer in made:
        peer.close()


@pytest.fixture(scope="module", params=KINDS)
def broker(request, tmp_path_factory):
    users = (OWN, User("air", hashed("air"), TOPICS), User("wild", hashed("wild"), ("#",)),
             User("device", hashed("device"), ("d/up",), ("d/down/{id}",)), User("nothing", hashed("nothing")))  # fmt: skip
    found = Broker(request.param, tmp_path_factory.mktemp("broker"), free_port(), users=users)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def watcher(broker, peers):
    peer = peers(broker.port, "ioc", "own")
    peer.subscribe("#")
    return peer


def told(watcher, broker, peers):
    """Everything that came up to now: a last message of our own comes after it."""
    peers(broker.port, "ioc", "own").publish("last", "last")
    services.wait_for(lambda: ("last", "last") in watcher.got, "the last message")
    found = {one for one in watcher.got if one[0] != "last"}
    watcher.got.clear()
    return found


def test_without_a_name_or_with_a_wrong_password_nobody_comes_in(broker, peers):
    assert not peers(broker.port).accepted
    assert not peers(broker.port, "air", "Air").accepted
    assert not peers(broker.port, "air", "").accepted
    assert not peers(broker.port, "nobody").accepted
    assert peers(broker.port, "air").accepted


def test_a_publisher_sends_what_its_feeds_say(broker, peers, watcher):
    for topic in ("city/d1/air/s1", "deep", "deep/a/b", "/lead/x", "v2.1/x"):
        for qos in (0, 1, 2):
            peers(broker.port, "air").publish(topic, f"q{qos}", qos)
    found = told(watcher, broker, peers)
    assert found == {
        (t, f"q{q}") for t in ("city/d1/air/s1", "deep", "deep/a/b", "/lead/x", "v2.1/x") for q in (0, 1, 2)
    }


@pytest.mark.parametrize("retain", [False, True])
def test_nothing_else_of_what_it_sends_arrives(broker, peers, watcher, retain):
    for topic in ("city/d1/air", "city/d1/air/s1/more", "city/d1/water/s1", "other", "lead/x", "v2/1/x", "v2x1/x",
                  "City/d1/air/s1"):  # fmt: skip
        for qos in (0, 1):
            peers(broker.port, "air").publish(topic, "out", qos, retain=retain)
    peers(broker.port, "nothing").publish("deep/a", "out")
    assert told(watcher, broker, peers) == set()
    late = peers(broker.port, "ioc", "own")
    late.subscribe("#")
    assert "out" not in {payload for _, payload in told(late, broker, peers)}


def test_a_retained_message_within_its_topics_waits_for_who_comes_later(broker, peers):
    peers(broker.port, "air").publish("deep/kept", "kept", retain=True)
    late = peers(broker.port, "ioc", "own")
    late.subscribe("deep/#")
    services.wait_for(lambda: ("deep/kept", "kept") in late.got, "the retained message")
    peers(broker.port, "air").publish("deep/kept", "", retain=True)


def test_not_even_one_who_may_send_everything_reaches_what_is_the_brokers_own(broker, peers, watcher):
    for topic in ("$SYS/broker/version", "$JS/API/STREAM/DELETE/$MQTT_msgs", "$MQTT/msgs/x", "$MQTT/sess/x"):
        peers(broker.port, "wild").publish(topic, "{}")
    peers(broker.port, "wild").publish("any/where", "fine")
    assert told(watcher, broker, peers) == {("any/where", "fine")}


def test_a_topic_with_a_wildcard_is_no_way_around(broker, peers, watcher):
    for raw in (b"city/+/air/+", b"#", b"deep/+", b"city/d1/air/>", b"city/*/air/*"):
        with socket.create_connection(("127.0.0.1", broker.port), timeout=5) as s:
            s.sendall(_connect("air", "air"))
            s.recv(4)
            s.sendall(b"\x30" + bytes([len(raw) + 5]) + len(raw).to_bytes(2, "big") + raw + b"out")
            s.sendall(b"\xc0\x00")
            with suppress(OSError):
                s.recv(4)
    assert {payload for topic, payload in told(watcher, broker, peers) if not topic.startswith("city/")} == set()


def _connect(user, password):
    """A CONNECT packet, as a client writes it that checks nothing."""
    body = b"\x00\x04MQTT\x04\xc2\x00\x3c\x00\x00"
    for text in (user, password):
        body += len(text).to_bytes(2, "big") + text.encode()
    return b"\x10" + bytes([len(body)]) + body


def test_a_publisher_hears_nothing_unless_its_feed_says_so(broker, peers):
    air, device = peers(broker.port, "air"), peers(broker.port, "device")
    for peer in (air, device):
        peer.subscribe("#", "deep/#", "+/+/+/+", "$SYS/#", "$share/g/#", "d/down/1", "d/up")
    late = peers(broker.port, "device")
    late.subscribe("d/down/+")
    speaker = peers(broker.port, "ioc", "own")
    for topic in ("deep/x", "city/a/air/b", "d/up", "d/down/1"):
        speaker.publish(topic, "secret")
    services.wait_for(lambda: late.got, "the command for the device")
    services.wait_for(lambda: device.got or device.lost, "the command for the other one")
    assert air.got == []
    assert set(late.got) == {("d/down/1", "secret")}
    assert set(device.got) <= {("d/down/1", "secret")}


def test_a_will_is_spoken_only_where_its_publisher_might_speak(broker, peers, watcher):
    for topic in ("elsewhere", "deep/will"):
        found = Peer(broker.port, "air", will=topic)
        if found.accepted:
            found.vanish()
    services.wait_for(lambda: ("deep/will", "will") in watcher.got, "the will that was allowed")
    assert told(watcher, broker, peers) == {("deep/will", "will")}


@pytest.mark.parametrize("kind", KINDS)
def test_users_change_while_it_runs_and_only_those_that_went_are_cut_off(kind, tmp_path, peers):
    gone, stays = User("gone", hashed("gone"), ("a/#",)), User("stays", hashed("stays"), ("b/#",))
    broker = Broker(kind, tmp_path, free_port(), users=(OWN, gone, stays))
    broker.start()
    try:
        reader = peers(broker.port, "ioc", "own", session="reader")
        reader.subscribe("#")
        first, second = peers(broker.port, "gone"), peers(broker.port, "stays")
        broker.admit([OWN, stays, User("new", hashed("new"), ("c/#",))])
        broker.process.send_signal(signal.SIGHUP)
        services.wait_for(lambda: first.lost, "the revoked one is cut off")
        services.wait_for(lambda: peers(broker.port, "new").accepted, "the new one may come")
        assert not peers(broker.port, "gone").accepted
        second.publish("b/1", "still")
        services.wait_for(lambda: ("b/1", "still") in reader.got, "who stays is heard")
        assert reader.lost == second.lost == []
    finally:
        broker.stop()


# Names, topics and the files.

BAD_NAMES = [
    "",
    "a:b",
    "a\nuser root",
    "a\r",
    "a b",
    "A",
    "é",
    "#",
    "+",
    "a/b",
    "%u",
    "-a",
    "a-",
    "a" * 64,
    'a"',
    "a\0",
]


def test_a_name_that_could_be_more_than_a_name_is_refused_everywhere(conn):
    for name in BAD_NAMES:
        with pytest.raises(PublisherError, match="cannot be a user"):
            publishers.add(conn, WHO, name, hashed("x"), topics=["a"])
        with pytest.raises(PublisherError, match="cannot be a user"):
            User(name, OWN.hashes)
        with pytest.raises(Exception, match=r"check constraint|NUL"):  # and by the database, whoever writes
            conn.execute(
                "INSERT INTO publisher (name, topics, bcrypt, pbkdf2, created_by) "
                "VALUES (%s, '{a}', '$2b$', '$7$', 'x')",
                (name,),
            )
    for name in ("ioc", "ioc-bridge", "ioc-x"):
        with pytest.raises(PublisherError, match="kept for the centre"):
            publishers.add(conn, WHO, name, hashed("x"), topics=["a"])
    assert publishers.listed(conn) == []


def test_a_topic_that_could_be_a_line_of_its_own_is_refused(conn):
    for topic in ("", "a\nuser ioc", "a\ntopic write #", "a\0", "a/#/b", "a#", "a+/b", " a", "a ", "\u2028"):
        with pytest.raises(PublisherError, match="not a topic filter"):
            publishers.add(conn, WHO, "pub", hashed("x"), topics=[topic])
        with pytest.raises(PublisherError, match="not a topic filter"):
            User("pub", OWN.hashes, (topic,))
    assert publishers.listed(conn) == []


def test_topics_become_what_each_broker_calls_them():
    user = User("pub", hashed("x"), ("city/{d}/x", "$share/g/city/{d}/x", "a/#"), ("cmd/{id}",))
    assert brokers.mosquitto_acl([user]).splitlines()[2:] == [
        "user pub", "topic write city/+/x", "topic write a/#", "topic read cmd/+"]  # fmt: skip
    assert brokers.subjects("a//b/") == ["a./.b./"]
    assert brokers.subjects("#") == [">"]
    assert brokers.subjects("with space") == brokers.subjects("star*") == brokers.subjects("more>") == []
    assert '"deny": [">"]' in brokers.nats_users([User("none", hashed("x"))])


# The store.


def feeds(conn):
    conn.execute("INSERT INTO feed (key, name, topics) VALUES ('air', '{}', '{city/+/air/+}'), ('gone', '{}', '{x}')")
    conn.execute("UPDATE feed SET enabled = false WHERE key = 'gone'")


def deeds(conn):
    return [row[0] for row in conn.execute("SELECT deed FROM audit WHERE deed LIKE 'publisher.%' ORDER BY id")]


def test_a_publisher_is_added_renewed_and_revoked_and_each_is_noted(conn):
    feeds(conn)
    first, second = hashed("one"), hashed("two")
    publishers.add(conn, WHO, "air-1", first, feeds=["air"])
    assert [(p.name, p.feeds, p.bcrypt) for p in publishers.valid(conn)] == [("air-1", ["air"], first.bcrypt)]
    publishers.renew(conn, WHO, "air-1", second, expires=datetime.now(UTC) + timedelta(days=1))
    assert publishers.valid(conn)[0].pbkdf2 == second.pbkdf2
    publishers.revoke(conn, WHO, "air-1")
    assert publishers.valid(conn) == []
    assert [p.valid for p in publishers.listed(conn)] == [False]
    assert deeds(conn) == ["publisher.add", "publisher.renew", "publisher.revoke"]
    stored = str(conn.execute("SELECT to_jsonb(a) FROM audit a WHERE deed LIKE 'publisher.%'").fetchall())
    assert "$2b$" not in stored
    assert "$7$" not in stored


def test_what_cannot_be_is_refused_and_leaves_nothing(conn):
    feeds(conn)
    publishers.add(conn, WHO, "air-1", hashed("x"), feeds=["air"], expires=datetime.now(UTC) + timedelta(days=3))
    for problem, add in {
        "did you mean air": {"feeds": ["airr"]},
        "there is no feed 'gone'": {"feeds": ["gone"]},
        "say what it may publish": {},
        "a name is never given twice": {"feeds": ["air"], "name": "air-1"},
    }.items():
        with pytest.raises(PublisherError, match=problem):
            publishers.add(conn, WHO, **{"name": "new", "hashes": hashed("x"), **add})
    with pytest.raises(PublisherError, match="say the new one"):
        publishers.renew(conn, WHO, "air-1", hashed("x"))
    publishers.revoke(conn, WHO, "air-1")
    for act in (
        lambda: publishers.revoke(conn, WHO, "air-1"),
        lambda: publishers.renew(conn, WHO, "air-1", hashed("x")),
    ):
        with pytest.raises(PublisherError, match="was revoked on"):
            act()
    with pytest.raises(PublisherError, match="no publisher 'who'"):
        publishers.revoke(conn, WHO, "who")
    assert deeds(conn) == ["publisher.add", "publisher.revoke"]
    assert len(publishers.listed(conn)) == 1


def test_one_that_expired_is_worth_nothing(conn):
    publishers.add(conn, WHO, "old", hashed("x"), topics=["a"], expires=datetime.now(UTC) - timedelta(seconds=1))
    assert publishers.valid(conn) == []


def test_topics_follow_the_folder(tmp_path):
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "air.toml").write_text('topic = ["a/{s}", "b/#"]\nlistens = "cmd/{s}"\n')
    (tmp_path / "feeds" / "pulled.toml").write_text('topic = "p"\n[http]\nurl = "http://x"\n')
    found = admission.topics(tmp_path)
    one = publishers.Valid("x", ["air", "left"], ["more/#"], "$2b$", "$7$")
    assert admission.user(one, found).publish == ("a/{s}", "b/#", "more/#")
    assert admission.user(one, found).subscribe == ("cmd/{s}",)
    own = admission.Own.of("a", "b", "c").users(found)
    assert {u.name: u.publish for u in own} == {
        "ioc": ("#",),
        "ioc-simulate": ("a/{s}", "b/#", "p"),
        "ioc-bridge": ("#",),
    }
    bad = one._replace(topics=["a\nuser ioc"])
    assert [u.name for u in admission.users([bad, one], found)] == ["x"]


# As `ioc up` keeps it.


@pytest.fixture
def city(tmp_path):
    (tmp_path / "city" / "feeds").mkdir(parents=True)
    (tmp_path / "city" / "feeds" / "air.toml").write_text('topic = "air/{sensor}"\n')
    return tmp_path / "city"


@pytest.fixture
def kept(request, tmp_path, city, database_url, monkeypatch):
    """A running broker whose users are kept."""
    monkeypatch.setattr(admission, "_LOOK", 0.1)
    own = admission.Own(OWN.hashes, hashed("simulate"), hashed("bridge"))
    broker = Broker(request.param, tmp_path / "broker", free_port(), users=tuple(own.users(admission.topics(city))))
    broker.start()
    keeper = admission.Admission(broker, own, city, database_url, lambda: broker.process.pid)
    keeper.start()
    yield broker
    keeper.close()
    broker.stop()


@pytest.mark.parametrize("kept", KINDS, indirect=True)
def test_a_publisher_comes_and_goes_while_the_city_runs(kept, conn, city, peers):
    feeds(conn)
    reader = peers(kept.port, "ioc", "own")
    reader.subscribe("#")
    publishers.add(conn, WHO, "air-1", hashed("secret"), feeds=["air"])
    services.wait_for(lambda: peers(kept.port, "air-1", "secret").accepted, "the new publisher may come")
    publisher = peers(kept.port, "air-1", "secret")
    publisher.publish("air/1", "in")
    services.wait_for(lambda: ("air/1", "in") in reader.got, "its message")
    (city / "feeds" / "air.toml").write_text('topic = "better/{sensor}"\n')
    services.wait_for(
        lambda: peers(kept.port, "air-1", "secret").publish("better/1", "new") and ("better/1", "new") in reader.got,
        "the feed's new topic",
    )
    publishers.renew(conn, WHO, "air-1", hashed("other"))
    services.wait_for(lambda: not peers(kept.port, "air-1", "secret").accepted, "the old password opens nothing")
    last = peers(kept.port, "air-1", "other")
    assert last.accepted
    conn.execute("UPDATE publisher SET expires_at = clock_timestamp()")  # its time is up
    services.wait_for(lambda: last.lost, "it is cut off at its end")
    assert reader.lost == []


@pytest.mark.parametrize("kept", KINDS[1:], indirect=True)
def test_while_the_database_is_away_those_who_were_let_in_stay(kept, conn, database_url, peers, monkeypatch):
    publishers.add(conn, WHO, "air-1", hashed("secret"), topics=["a"])
    services.wait_for(lambda: peers(kept.port, "air-1", "secret").accepted, "the new publisher may come")
    asked = []

    def away(*_):
        asked.append(1)
        raise StoreError("away")

    monkeypatch.setattr(publishers, "valid", away)
    services.wait_for(lambda: len(asked) > 2, "it looked in vain")
    assert peers(kept.port, "air-1", "secret").accepted


@pytest.mark.parametrize("kind", KINDS)
def test_what_waits_in_a_broker_from_before_there_were_users_still_arrives(kind, tmp_path, peers):
    broker = Broker(kind, tmp_path, free_port())
    broker.start()
    reader = peers(broker.port, session="reader")
    reader.subscribe("#")
    reader.close()
    peers(broker.port).publish("a/waiting", "old")
    peers(broker.port).publish("a/kept", "old", retain=True)
    broker.stop()
    broker.users = (OWN,)
    broker.start()
    try:
        reader = peers(broker.port, "ioc", "own", session="reader")
        services.wait_for(lambda: ("a/waiting", "old") in reader.got, "the message that waited")
        late = peers(broker.port, "ioc", "own")
        late.subscribe("a/kept")
        services.wait_for(lambda: ("a/kept", "old") in late.got, "the retained message")
    finally:
        broker.stop()


def planned(city, data, **settings):
    data.mkdir(exist_ok=True)
    wishes = Wishes(city=city, host="127.0.0.1", port=1, broker="nats", **settings.pop("wishes", {}))
    return Plan(wishes, DataFolder(data), Settings(**settings))


def broker_of(spec):
    return urlsplit(spec.environment["IOC_BROKER_URL"])


def test_each_part_of_ioc_up_has_the_user_it_needs(city, tmp_path):
    plan = planned(city, tmp_path / "data")
    ingest = broker_of(plan.services()[0])
    assert [one.username for one in (ingest, broker_of(plan.publishers()[0]), broker_of(plan.bridge()))] == [
        "ioc", "ioc-simulate", "ioc-bridge"]  # fmt: skip
    assert {u.name: u.publish for u in plan.broker.users}["ioc-simulate"] == ("air/{sensor}",)
    assert len(ingest.query.removeprefix("client=")) == 16
    again = planned(city, tmp_path / "data")
    assert again.settings.broker_url.partition("@")[0] == plan.settings.broker_url.partition("@")[0]
    assert (tmp_path / "data" / "machine.json").stat().st_mode & 0o077 == 0
    other = planned(city, tmp_path / "other")
    assert broker_of(other.services()[0]).password != ingest.password


def test_a_session_that_is_there_already_keeps_its_name(city, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "machine.json").write_text('{"broker_port": 1}')
    assert broker_of(planned(city, tmp_path / "data").services()[0]).query == ""


def test_a_trial_that_asks_for_it_lets_everybody_in_and_nothing_else_does(city, tmp_path):
    assert planned(city, tmp_path / "open", auth="open").broker.users is None
    assert planned(city, tmp_path / "proxy", auth="proxy").broker.users is not None
    for wrong in ("broken", 'topic = "a\\nuser ioc"'):
        (city / "feeds" / "air.toml").write_text(wrong)
        assert planned(city, tmp_path / "broken").broker.users == ()


def test_the_sample_city_goes_on_after_a_feed_was_taken_out_of_it(city, tmp_path):
    (tmp_path / "shipped" / "feeds").mkdir(parents=True)
    (tmp_path / "shipped" / "feeds" / "gone.toml").write_text('topic = "gone/{s}"')
    plan = planned(city, tmp_path / "data", wishes={"sample": tmp_path / "shipped"})
    assert {u.name: u.publish for u in plan.broker.users}["ioc-simulate"] == ("gone/{s}", "air/{sensor}")


def test_with_tls_its_parts_trust_the_authority_of_the_data_folder(city, tmp_path):
    plan = planned(city, tmp_path / "data", wishes={"tls": True})
    settings = plan.services()[0].environment
    assert settings["IOC_BROKER_URL"].startswith("mqtts://ioc:")
    assert settings["IOC_BROKER_CA"] == str(tmp_path / "data" / "tls" / "ca.pem")
    assert settings["IOC_TLS_CERT"] == f"local:{tmp_path / 'data' / 'tls'}"
    assert settings["IOC_BASE_URL"] == "https://127.0.0.1:1"
    assert plan.authority == tmp_path / "data" / "tls" / "ca.pem"
    assert planned(city, tmp_path / "plain").authority is None


# The commands.


def ioc(database_url, *words, **environment):
    environ = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")}
    given = {"IOC_DATABASE_URL": database_url, "IOC_BROKER_URL": "mqtt://ioc:own@10.0.0.9:1884", **environment}
    return subprocess.run(
        [sys.executable, "-m", "ioc", *words],
        env=environ | given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.mosquitto
def test_the_commands_add_write_and_revoke(database_url, conn, city, tmp_path, peers):
    feeds(conn)
    added = ioc(database_url, "publishers", "add", "air-1", "--feed", "air")
    password = added.stdout.strip()
    assert added.returncode == 0, added.stderr
    assert len(password) == 32
    assert f"mosquitto_pub -h 10.0.0.9 -p 1884 -u air-1 -P {password} -q 1 -t city/x/air/x -m" in added.stderr
    assert password not in str(conn.execute("SELECT publisher FROM publisher").fetchall())
    written = ioc(
        database_url, "publishers", "write", str(city), "--broker", "mosquitto", "--to", str(tmp_path / "out")
    )
    assert written.returncode == 0, written.stderr
    own = {line.split(":")[0] for line in (tmp_path / "out" / "passwd").read_text().splitlines()}
    assert own == {"ioc", "air-1"}
    assert "user air-1\ntopic write air/+\n" in (tmp_path / "out" / "acl").read_text()
    refused = ioc(database_url, "publishers", "add", "ioc", "--feed", "air")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "kept for the centre" in refused.stderr
    assert ioc(database_url, "publishers", "revoke", "air-1").returncode == 0
    assert "revoked" in ioc(database_url, "publishers", "list").stdout
    nats = ioc(database_url, "publishers", "write", str(city), "--broker", "nats", "--to", str(tmp_path / "nats"))
    assert nats.returncode == 0
    assert "air-1" not in (tmp_path / "nats" / "users.conf").read_text()
    nobody = ioc(database_url, "publishers", "write", str(city), "--broker", "nats", "--to", str(tmp_path),
                 IOC_BROKER_URL="mqtt://h")  # fmt: skip
    assert "names no user" in nobody.stderr


def test_the_session_of_the_ingester_has_a_name_nobody_can_guess():
    assert Address.parse("mqtt://a:b@h:1883?client=3f2a").client == "3f2a"
    folder = SimpleNamespace(city=SimpleNamespace(key="town"))
    assert client_id(folder, Share(mark="3f2a")) == "ioc-town-ingest-3f2a"
    assert client_id(folder, Share()) == "ioc-town-ingest"
    with pytest.raises(BrokerError, match="letters and digits"):
        Address.parse("mqtt://h?client=a%2Fb")
