"""Cables, brokers and databases that go away and come back: recovery is by itself, nothing is lost, nothing grows."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time

import psycopg
import pytest

from ingest import service
from ioc.embedded.broker import Broker, free_port
from ioc.errors import BrokerError
from ioc.health import Health
from ioc.settings import Settings
from tests import services
from tests.ingest import rig
from tests.ingest.live import FEEDS, Ingester, Proxy, Sender, assert_exactly_once, ledger, numbers

METRICS = '[n]\nname = "n"\n'
BOTH = pytest.mark.parametrize(
    "broker", [pytest.param("mosquitto", marks=pytest.mark.mosquitto), "nats"], indirect=True
)
MOSQUITTO = pytest.mark.parametrize("broker", [pytest.param("mosquitto", marks=pytest.mark.mosquitto)], indirect=True)


@pytest.fixture
def broker(request, tmp_path, impatient_nats):
    made = Broker(request.param, tmp_path / "broker", free_port())
    made.start()
    yield made
    made.stop()


@pytest.fixture
def folder(tmp_path):
    return rig.city(tmp_path / "city", metrics=METRICS, **FEEDS)


@pytest.fixture
def ingesters(folder, database_url):
    """ingesters(broker_url, *args) -> a running one; all are stopped at the end."""
    made = []

    def start(broker_url, *args, **environment):
        one = Ingester(folder, database_url, broker_url, *args, **environment)
        made.append(one)
        return one.start()

    yield start
    for one in made:
        one.stop()


@pytest.fixture
def senders():
    made = []

    def start(port, **options):
        one = Sender(port, **options)
        made.append(one)
        one.start()
        return one

    yield start
    for one in made:
        one._ending.set()
        one.client.loop_stop()


def stored(database_url, kind="timed"):
    return len(numbers(database_url, kind))


@BOTH
def test_a_wire_that_is_cut_heals_and_loses_nothing(broker, ingesters, senders, database_url):
    wire = Proxy(broker.port)
    ingester = ingesters(f"mqtt://127.0.0.1:{wire.port}")
    sender = senders(broker.port, kinds=("timed",))
    for _ in range(3):
        before = stored(database_url)
        services.wait_for(lambda before=before: stored(database_url) > before + 50, "messages flow")
        wire.cut()
    sender.finish()
    assert_exactly_once(database_url, sender, ("timed",))
    assert ingester.stop() == 0
    wire.end()


@BOTH
def test_a_crash_between_commit_and_acknowledgement_stores_nothing_twice(broker, ingesters, senders, database_url):
    """Also where messages have no time of their own: the redelivery must find its first arrival again."""
    wire = Proxy(broker.port)
    ingester = ingesters(f"mqtt://127.0.0.1:{wire.port}")
    wire.deaf = True  # everything is stored from here on, no acknowledgement arrives
    sender = senders(broker.port, kinds=("bare", "timed"))
    services.wait_for(lambda: stored(database_url, "bare") > 100, "messages flow")
    sender.finish()
    services.wait_for(lambda: stored(database_url, "bare") == sender.sent // 2 + sender.sent % 2, "all is stored")
    ingester.kill()
    wire.deaf = False
    wire.cut()
    ingester.start()
    services.wait_for(lambda: ledger(database_url, "bare")["duplicate"] > 50, "the broker sends again", 30)
    services.wait_for(lambda: ledger(database_url, "timed")["duplicate"] > 50, "the broker sends again", 30)
    assert_exactly_once(database_url, sender)
    wire.end()


@MOSQUITTO
def test_a_wire_that_goes_silent_is_noticed(broker, ingesters, senders, database_url, monkeypatch):
    """Half-open: nothing comes and nothing closes. Only the keepalive finds out."""
    wire = Proxy(broker.port)
    ingester = ingesters(f"mqtt://127.0.0.1:{wire.port}?keepalive=1")
    sender = senders(broker.port, kinds=("timed",))
    services.wait_for(lambda: stored(database_url) > 50, "messages flow")
    wire.silent = True
    services.wait_for(lambda: not ingester.ready(), "the silence is noticed", 15)
    wire.silent = False
    services.wait_for(ingester.ready, "the connection heals", 20)
    sender.finish()
    assert_exactly_once(database_url, sender, ("timed",))
    wire.end()


@MOSQUITTO
@pytest.mark.parametrize("keeps_state", [True, False])
def test_a_broker_that_restarts_with_or_without_its_state_is_taken_up_again(
    broker, ingesters, senders, database_url, keeps_state
):
    ingester = ingesters(broker.url)
    sender = senders(broker.port, kinds=("timed",))
    services.wait_for(lambda: stored(database_url) > 50, "messages flow")
    if keeps_state:
        broker.stop()
    else:
        sender.finish()  # a broker that loses its state loses what it had taken: nobody can bring that back
        assert_exactly_once(database_url, sender, ("timed",))
        broker.kill()
        for file in broker.folder.glob("*.db*"):
            file.unlink()
    broker.start()
    services.wait_for(lambda: ingester.log.read_text().count("connected to") == 2, "it connects again", 30)
    if not keeps_state:
        services.wait_for(ingester.ready, "it subscribes again by itself, though the broker forgot")
        before = stored(database_url)
        sender = senders(broker.port, kinds=("timed",), first=10_000)
        services.wait_for(lambda: stored(database_url) > before + 50, "it subscribed again by itself", 30)
    sender.finish()
    services.wait_for(lambda: set(sender.acknowledged) <= set(numbers(database_url, "timed")), "all is stored", 30)


@BOTH
def test_while_the_database_is_away_nothing_is_acknowledged_and_memory_is_bounded(
    broker, tmp_path, folder, senders, postgres, database_url
):
    """The database is cut off at its wire: the ingester waits, says so, and catches up by itself."""
    wire = Proxy(postgres.port)
    ingester = Ingester(folder, database_url.replace(f":{postgres.port}/", f":{wire.port}/"), broker.url).start()
    try:
        sender = senders(broker.port, kinds=("timed", "bare"), rate=2_000)
        services.wait_for(lambda: stored(database_url) > 50, "messages flow")
        wire.end()
        services.wait_for(lambda: not ingester.ready(), "it says that it waits", 20)
        before = stored(database_url)
        rss = ingester.rss_mb()
        time.sleep(12 if broker.kind == "nats" else 3)  # longer than NATS waits before it sends again
        assert stored(database_url) == before
        assert ingester.rss_mb() < rss + 60
        again = Proxy(postgres.port, port=wire.port)
        services.wait_for(ingester.ready, "it comes back by itself", 30)
        sender.finish()
        assert_exactly_once(database_url, sender)
        again.end()
    finally:
        ingester.stop()


def test_an_error_in_the_settings_ends_the_process_at_once(folder, database_url):
    settings = Settings(database_url=database_url, broker_url="mqtts://127.0.0.1:1", broker_ca="/nowhere/ca.pem")
    began, stop = time.monotonic(), threading.Event()
    with pytest.raises(BrokerError, match="IOC_BROKER_CA, _CERT or _KEY cannot be used"):
        service.run(folder, settings, stop, Health("ingest"))
    assert stop.is_set()  # so that its other threads ended too
    assert time.monotonic() - began < 5


@MOSQUITTO
def test_two_ingesters_share_the_messages(broker, ingesters, senders, database_url):
    ingesters(broker.url, "--group", "town", "--name", "1")
    second = ingesters(broker.url, "--group", "town", "--name", "2")
    sender = senders(broker.port, rate=800)
    services.wait_for(lambda: stored(database_url) > 300, "messages flow")
    second.kill()  # what it had not acknowledged goes to the other, or to it when it is back
    time.sleep(0.5)
    second.start()
    sender.finish()
    assert_exactly_once(database_url, sender)
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT count(*) FROM process WHERE name LIKE 'ingest/%'").fetchone() == (2,)


@BOTH
def test_two_ingesters_divide_the_feeds(broker, ingesters, senders, database_url):
    one, two = (
        ingesters(broker.url, "--feeds", "timed", "--name", "1"),
        ingesters(broker.url, "--feeds", "bare", "--name", "2"),
    )
    sender = senders(broker.port)
    services.wait_for(lambda: stored(database_url) > 50 and stored(database_url, "bare") > 50, "messages flow")
    sender.finish()
    assert_exactly_once(database_url, sender)
    assert one.metric('ioc_ingest_messages_total{fate="stored",feed="bare"}') is None
    assert two.metric('ioc_ingest_messages_total{fate="stored",feed="bare"}') == ledger(database_url, "bare")["stored"]


@MOSQUITTO
def test_a_changed_folder_is_taken_up_live_and_a_wrong_one_refused_as_a_whole(
    broker, ingesters, senders, folder, database_url
):
    ingesters(broker.url)
    sender = senders(broker.port, kinds=("timed", "late"))

    def state():
        with psycopg.connect(database_url) as conn:
            return conn.execute("SELECT state, detail->>'refused' FROM process WHERE name = 'ingest'").fetchone() or (
                "",
                "",
            )

    services.wait_for(lambda: stored(database_url) > 20, "messages flow")
    (folder / "feeds" / "late.toml").write_text("nonsense = 1\n")
    services.wait_for(
        lambda: state()[0] == "refused" and "late.toml" in state()[1], "the wrong folder is refused with its reason"
    )
    before = stored(database_url)
    services.wait_for(lambda: stored(database_url) > before, "the old folder stays in force")
    (folder / "feeds" / "late.toml").write_text(
        FEEDS["timed"].replace("timed/", "late/").replace('name = "Timed"', 'name = "Late"\nprefix = "late-"')
    )
    services.wait_for(lambda: stored(database_url, "late") > 20, "the new feed is live")
    services.wait_for(lambda: state()[0] == "ok", "the state is well again")
    with psycopg.connect(
        database_url, autocommit=True
    ) as conn:  # a desk asks for a replay of what had come before the feed was declared
        conn.execute(
            "INSERT INTO request (kind, feed_id, by) SELECT 'replay', id, 'desk' FROM feed WHERE key = 'unclaimed'"
        )
        result = services.wait_for(
            lambda: (conn.execute("SELECT result FROM request WHERE done_at IS NOT NULL").fetchone() or [None])[0],
            "it is done",
        )
        assert result["tried"] == result["stored"] > 10
        assert conn.execute("SELECT count(*) FROM quarantine WHERE replayed_at IS NULL").fetchone() == (0,)
    sender.finish()


@MOSQUITTO
@pytest.mark.skipif(shutil.which("openssl") is None, reason="SKIPPED PART: openssl is not installed")
def test_tls_with_client_certificates_and_a_password(tmp_path, broker, ingesters, database_url):
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=tmp_path)

    openssl(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
        "-days",
        "2",
        "-subj",
        "/CN=ca",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    )
    for name, extra in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
        openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            f"/CN={name}",
        )
        (tmp_path / f"{name}.ext").write_text(extra)
        openssl(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-out",
            f"{name}.crt",
            "-days",
            "2",
            "-extfile",
            f"{name}.ext",
        )
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(tmp_path / "passwords"), "ioc", "s3cret"], check=True, capture_output=True
    )
    port = services.free_port()
    secure = services.Mosquitto(
        tmp_path / "secure",
        f"listener {port} 127.0.0.1",
        f"cafile {tmp_path}/ca.crt",
        f"certfile {tmp_path}/server.crt",
        f"keyfile {tmp_path}/server.key",
        "require_certificate true",
        f"password_file {tmp_path}/passwords",
    ).start()
    certificates = {
        "IOC_BROKER_CA": f"{tmp_path}/ca.crt",
        "IOC_BROKER_CERT": f"{tmp_path}/client.crt",
        "IOC_BROKER_KEY": f"{tmp_path}/client.key",
    }
    try:
        ingesters(f"mqtts://ioc:s3cret@127.0.0.1:{port}", **certificates)
        send = [
            "mosquitto_pub",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "--cafile",
            f"{tmp_path}/ca.crt",
            "--cert",
            f"{tmp_path}/client.crt",
            "--key",
            f"{tmp_path}/client.key",
            "-u",
            "ioc",
            "-P",
            "s3cret",
            "-q",
            "1",
            "-t",
            "bare/s",
            "-l",
        ]
        subprocess.run(
            send, input="\n".join(f'{{"n": {n}}}' for n in range(3_000)), text=True, check=True, capture_output=True
        )
        services.wait_for(lambda: stored(database_url, "bare") == 3_000, "all is stored")
        wrong = Ingester(
            tmp_path / "city", database_url, f"mqtts://ioc:wrong@127.0.0.1:{port}", "--name", "2", **certificates
        ).start(wait=False)
        services.wait_for(
            lambda: wrong.log.exists() and "not auth" in wrong.log.read_text().lower(), "the refusal is said"
        )
        assert "wrong@" not in wrong.log.read_text()
        assert wrong.stop() == 0
    finally:
        secure.stop()
