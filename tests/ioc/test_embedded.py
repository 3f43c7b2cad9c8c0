"""The embedded PostgreSQL, brokers and mail catcher, as `ioc up` runs them."""

from __future__ import annotations

import smtplib
import subprocess
import sys
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage

import paho.mqtt.client as mqtt
import psycopg
import pytest

from ioc.embedded import broker as brokers
from ioc.embedded import mail
from ioc.embedded.broker import Broker
from ioc.embedded.postgres import Postgres
from ioc.errors import StartError
from ioc.health import Health
from ioc.settings import Settings
from tests import services


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    found = Postgres(tmp_path_factory.mktemp("pg") / "data", services.free_port(), "s3cret")
    found.start()
    yield found
    found.stop()


def test_the_database_asks_for_its_password(server):
    psycopg.connect(server.url).close()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url.replace("s3cret", "guess"))


def test_its_url_is_not_shown_by_repr(server):
    assert "s3cret" not in repr(server)


def test_killed_at_work_it_starts_again_with_all_that_was_committed(server):
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS n")
    server.process.kill()
    server.process.wait()
    server.start()
    with psycopg.connect(server.url) as conn:
        assert conn.execute("SELECT n FROM kept").fetchone() == (1,)


def test_a_server_that_outlived_its_supervisor_is_ended_and_replaced(server):
    orphan = server.process
    second = Postgres(server.folder, services.free_port(), server.password)
    second.start()
    try:
        assert orphan.wait(10) is not None
        assert second.answers()
    finally:
        second.stop()
        server.start()


def test_a_lock_file_whose_number_went_to_another_process_does_not_stand_in_the_way(server):
    server.stop()
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        lock = server.folder / "postmaster.pid"
        lock.write_text(f"{other.pid}\n{server.folder}\n0\n{server.port}\n\n127.0.0.1\n0 0\nready\n")
        server.start()
        assert other.poll() is None
    finally:
        other.communicate()
    assert server.answers()


def test_a_folder_of_another_major_version_is_refused_with_what_to_do(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("15\n")
    with pytest.raises(StartError, match=r"made by PostgreSQL 15.*pg_dump.*--data"):
        Postgres(folder, services.free_port()).start()


def test_a_folder_whose_making_was_cut_short_is_made_anew(tmp_path):
    (tmp_path / "data.new" / "base").mkdir(parents=True)
    (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")
    fresh = Postgres(tmp_path / "data", services.free_port())
    fresh.prepare()
    assert (tmp_path / "data" / "global" / "pg_control").exists()
    assert not (tmp_path / "data.new").exists()


def test_a_server_that_cannot_start_says_its_last_words(tmp_path):
    with pytest.raises(StartError, match="shared_buffers"):
        Postgres(tmp_path / "data", services.free_port()).start(shared_buffers="a lot")


BROKERS = [pytest.param("mosquitto", marks=pytest.mark.mosquitto), "nats"]


@pytest.fixture
def broker(request, tmp_path):
    found = Broker(request.param, tmp_path / "broker", services.free_port())
    found.start()
    yield found
    found.stop()


def _session(broker, client_id="keeper", seconds=10.0, wanted=0):
    """Connect with a kept session, subscribe, and return the topics that came."""
    got, ready = [], threading.Event()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    client.on_connect = lambda c, *_: c.subscribe("city/#", qos=1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _c, _u, message: got.append(message.topic)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    assert ready.wait(seconds)
    if wanted:
        services.wait_for(lambda: len(set(got)) >= wanted, f"{wanted} messages", seconds)
    client.loop_stop()
    client.disconnect()
    return sorted(set(got))


def _publish(broker, count):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    for n in range(count):
        client.publish(f"city/{n}", b"x", qos=1).wait_for_publish(10)
    client.loop_stop()
    client.disconnect()


@pytest.mark.parametrize("broker", BROKERS, indirect=True)
def test_messages_wait_for_a_subscriber_that_is_away_also_through_a_restart(broker):
    _session(broker)
    _publish(broker, 5)
    broker.stop()
    broker.start()
    assert _session(broker, wanted=5) == [f"city/{n}" for n in range(5)]


@pytest.mark.parametrize("broker", ["nats"], indirect=True)
def test_nats_keeps_acknowledged_messages_through_its_own_kill(broker):
    _session(broker)
    _publish(broker, 5)
    broker.kill()
    broker.start()
    assert _session(broker, wanted=5) == [f"city/{n}" for n in range(5)]


def test_a_broker_that_cannot_start_says_its_last_words(tmp_path):
    (tmp_path / "jetstream").write_text("a file where its folder should be")
    with pytest.raises(StartError, match=r"(?s)last words.*not a directory"):
        Broker("nats", tmp_path, services.free_port()).start()


@pytest.mark.parametrize("broker", ["nats"], indirect=True)
def test_a_taken_port_is_told(broker, tmp_path):
    with pytest.raises(StartError, match=f"port {broker.port} is taken"):
        Broker("nats", tmp_path / "second", broker.port).start()


def test_without_mosquitto_the_wheel_is_taken_and_asking_for_it_says_how(monkeypatch):
    monkeypatch.setattr(brokers, "_mosquitto", lambda: None)
    assert brokers.choose("auto") == "nats"
    with pytest.raises(StartError, match="apt install mosquitto"):
        brokers.choose("mosquitto")


@pytest.fixture
def catcher(tmp_path):
    port, stop = services.free_port(), threading.Event()
    health = Health("mail")
    run = threading.Thread(target=mail.part(port), args=(tmp_path / "mail", Settings(), stop, health))
    run.start()
    services.wait_for(lambda: health.state()["ready"], "the catcher listens")
    yield port, tmp_path / "mail"
    stop.set()
    run.join(10)


def test_a_mail_is_kept_whole_with_whom_it_was_for(catcher):
    port, folder = catcher
    message = EmailMessage()
    message["Subject"] = "Mực nước cao"
    message["To"] = "duty@town.example"
    message.set_content("Cầu tàu ngập.\n")
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
        smtp.send_message(message, from_addr="ioc@town.example", to_addrs=["duty@town.example", "second@town.example"])
    [file] = folder.glob("*.eml")
    text = file.read_bytes()
    assert text.count(b"X-Envelope-To: ") == 2
    assert "Cầu tàu ngập." in message_from_bytes(text, policy=policy.default).get_content()
    assert not list(folder.glob("*.part"))


def test_only_the_newest_mails_are_kept(catcher, monkeypatch):
    monkeypatch.setattr(mail, "KEEP", 3)
    port, folder = catcher
    for n in range(5):
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
            smtp.sendmail("a@b.example", ["c@d.example"], f"Subject: {n}\r\n\r\nx")
    assert sorted(f.read_bytes().split(b"Subject: ")[1][:1] for f in folder.glob("*.eml")) == [b"2", b"3", b"4"]
