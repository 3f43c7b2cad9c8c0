"""The primary is killed and its standby promoted: everything goes on by itself, and nothing that was committed is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from dashboards.hub import Hub
from dashboards.live import Live
from ioc.config import folder as folders
from ioc.embedded import postgres
from ioc.embedded.postgres import Postgres
from ioc.errors import StoreAway
from ioc.store import backup, database, migrate, process
from ioc.store.replica import Past
from tests import services
from tests.ingest import rig
from tests.ingest.live import FEEDS, Ingester, Sender, assert_exactly_once

SETTINGS = {"fsync": "off", "wal_level": "replica", "max_wal_senders": "4", "max_connections": "40"}


class Pair:
    """A primary with a streaming standby that confirms every commit."""

    def __init__(self, folder):
        self.primary = Postgres(folder / "one" / "data", services.free_port())
        self.standby = Postgres(folder / "two" / "data", services.free_port())
        ports = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        self.url = f"postgresql://ioc@{ports}/ioc"

    def start(self):
        self.primary.start(**SETTINGS)
        with database.connect(self.primary.url, autocommit=True) as conn:
            migrate.migrate(conn)
        self._copy()
        with psycopg.connect(self.primary.url, autocommit=True) as conn:
            conn.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            conn.execute("SELECT pg_reload_conf()")
        return self

    def whole(self):
        """With a standby that follows, also after a test that stopped it."""
        if self.standby.process is None or self.standby.process.poll() is not None:
            self.standby.start(**SETTINGS)
        with psycopg.connect(self.primary.url, autocommit=True) as conn:
            confirming = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
            services.wait_for(lambda: conn.execute(confirming).fetchone(), "the standby confirms commits")
        return self

    def _copy(self):
        folder = self.standby.folder
        folder.mkdir(parents=True)
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
        folder.chmod(0o700)
        command = [*postgres._unprivileged(folder), str(postgres.binaries() / "pg_basebackup"), "-D", str(folder), "-R"]
        subprocess.run([*command, "-c", "fast", "-d", self.primary.url], check=True, capture_output=True)

    def kill(self):
        os.killpg(self.primary.process.pid, signal.SIGKILL)
        self.primary.process.wait()

    def promote(self):
        with psycopg.connect(self.standby.url, autocommit=True) as conn:
            assert conn.execute("SELECT pg_promote(true, 30)").fetchone() == (True,)

    def stop(self):
        self.standby.stop()
        self.primary.stop()


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    made = Pair(tmp_path_factory.mktemp("servers"))
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def pair(servers):
    """The same two servers for every test; the test that kills the primary is the last of them."""
    return servers.whole()


def stored(url):
    with psycopg.connect(url) as conn:
        return set(conn.execute("SELECT series_id, time FROM reading").fetchall())


def alerts(folder, url, log):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")} | {"IOC_DATABASE_URL": url}
    return subprocess.Popen(
        [sys.executable, "-m", "ioc", "alerts", str(folder)], env=environment, stdout=log, stderr=log
    )


def beats(url, name):
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT 1 FROM process WHERE name = %s AND beat_at > now() - interval '3 s'", (name,)
        ).fetchone()


def test_no_commit_counts_that_no_standby_confirmed(pair):
    """Somebody who cancels the wait for a standby must not make us acknowledge what only the primary has."""
    conn = database.connect(pair.url, autocommit=True)
    pid = conn.info.backend_pid
    pair.standby.stop()

    def impatient():
        waiting = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'SyncRep'"
        with psycopg.connect(pair.primary.url, autocommit=True) as other:
            services.wait_for(lambda: other.execute(waiting, (pid,)).fetchone(), "the commit waits for the standby")

    helper = threading.Thread(target=impatient)
    helper.start()
    with pytest.raises(StoreAway, match="no standby confirmed the last commit"), database.confirmed(conn):
        conn.execute("INSERT INTO feed (key, name) VALUES ('x', '{}')")
    helper.join()
    conn.close()


def test_the_past_is_read_from_a_replica_that_follows_and_from_the_primary_else(pair, tmp_path):
    port = lambda conn: conn.info.port  # noqa: E731
    with database.pool(pair.url, size=2) as primary:
        past = Past(primary, pair.url, most=timedelta(seconds=3))
        try:
            beat(pair.primary.url)
            assert past.read(port) == pair.standby.port
            assert past.lag < timedelta(seconds=3)
            with database.connect(f"{pair.standby.url}?target_session_attrs=any", autocommit=True) as standby:
                assert backup.save(standby, tmp_path / "of_the_standby").rows > 0
            with psycopg.connect(pair.standby.url, autocommit=True) as standby:
                standby.execute("SELECT pg_wal_replay_pause()")
                services.wait_for(lambda: past.read(port) == pair.primary.port, "it lags, and is not asked")
                assert past.lag is None
                standby.execute("SELECT pg_wal_replay_resume()")
                beat(pair.primary.url)
                services.wait_for(lambda: past.read(port) == pair.standby.port, "it follows again")
            pair.standby.stop()
            assert past.read(port) == pair.primary.port
        finally:
            past.close()


@pytest.mark.mosquitto
def test_ingest_screens_and_alerts_move_to_the_promoted_standby_and_nothing_is_lost(pair, tmp_path):
    broker = services.Mosquitto(tmp_path / "broker").start()
    folder = rig.city(tmp_path / "city", metrics='[n]\nname = "n"\n', **FEEDS)
    ingester = Ingester(folder, pair.url, f"mqtt://127.0.0.1:{broker.port}").start()
    stop, hub = threading.Event(), Hub()
    live = Live(pair.url, folders.load(folder), hub, lambda f, *a: f(*a), None)
    screens = threading.Thread(target=live.run, args=(stop,), daemon=True)
    sender, log = Sender(broker.port, kinds=("timed",)), (tmp_path / "alerts.log").open("wb")
    judge = alerts(folder, pair.url, log)
    try:
        screens.start()
        sender.start()
        services.wait_for(lambda: len(stored(pair.primary.url)) > 200, "readings come in", 30)
        services.wait_for(lambda: live.snap and live.snap.heard, "screens hear of them")
        services.wait_for(lambda: beats(pair.primary.url, "alerts"), "somebody evaluates", 40)
        committed = stored(pair.primary.url)
        pair.kill()
        services.wait_for(lambda: not ingester.ready(), "the ingester says that it waits")
        a_standby_alone_says_what_to_do(pair)
        pair.promote()
        promoted = time.time_ns() // 1000
        services.wait_for(ingester.ready, "the ingester goes on", 40, 0.05)
        services.wait_for(lambda: live.snap.heard > promoted, "screens hear of new commits", 40)
        services.wait_for(lambda: beats(pair.standby.url, "alerts"), "somebody evaluates again", 40)
        sender.finish(60)
        assert committed <= stored(pair.standby.url)
        assert_exactly_once(pair.standby.url, sender, ("timed",))
        assert ingester.stop() == 0
    finally:
        stop.set()
        ingester.stop()
        judge.terminate()
        judge.wait(20)
        log.close()
        broker.stop()
        screens.join(10)


def beat(url):
    """As every part does every few seconds."""
    with database.connect(url, autocommit=True) as conn:
        process.beat(conn, "ingest", datetime.now(UTC), "ok", {})


def a_standby_alone_says_what_to_do(pair):
    with pytest.raises(StoreAway, match=r"takes no writes now.*promote a standby"):
        database.connect(pair.url)
    with pytest.raises(StoreAway, match="takes no writes now"):
        database.connect(pair.standby.url)
