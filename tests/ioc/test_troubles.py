"""A database that will not work: each trouble is a message that names the remedy, nothing is half done, nothing is lost."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import threading
import uuid
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from ioc.errors import StoreAway
from ioc.store import database
from ioc.store.database import Purpose
from tests.ingest import rig
from tests.services import wait_for

QUICK = Purpose(statement=0.2, lock=0.2, idle=0.2)


def test_a_query_that_does_not_end_is_given_up(database_url):
    with (
        database.connect(database_url, autocommit=True, purpose=QUICK) as conn,
        pytest.raises(StoreAway, match="a query took too long and was given up: look in pg_stat_activity"),
        database.transaction(conn),
    ):
        conn.execute("SELECT pg_sleep(60)")


def test_a_lock_that_somebody_keeps_is_given_up_and_says_who_to_look_for(database_url):
    with psycopg.connect(database_url) as other, database.connect(database_url, purpose=Purpose(lock=0.2)) as conn:
        other.execute("LOCK TABLE latest")
        with (
            pytest.raises(StoreAway, match=r"a lock was not had in time.*pg_blocking_pids"),
            database.transaction(conn),
        ):
            conn.execute("SELECT * FROM latest")


def test_an_idle_transaction_is_ended_and_said(database_url):
    with database.connect(database_url, purpose=QUICK) as conn:
        conn.execute("SELECT 1")
        wait_for(lambda: conn.pgconn.socket and _readable(conn), "the server ends it")
        with pytest.raises(StoreAway, match="a transaction stood idle for too long"), database.translated():
            conn.execute("SELECT 1")


def _readable(conn):
    conn_socket = socket.socket(fileno=conn.pgconn.socket)
    try:
        conn_socket.settimeout(0.01)
        return bool(conn_socket.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False
    finally:
        conn_socket.detach()


def test_a_server_that_takes_the_call_and_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        with pytest.raises(StoreAway, match="cannot be reached"):
            database.connect(f"postgresql://ioc@127.0.0.1:{port}/ioc?connect_timeout=2")


def test_every_purpose_sets_its_time_outs(database_url):
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    for purpose in (database.ORDINARY, database.WRITER, database.SCREENS, database.UPKEEP, database.WHOLE):
        with database.connect(database_url, purpose=purpose) as conn:
            set_ = [
                conn.execute("SELECT setting::int FROM pg_settings WHERE name = %s", (n,)).fetchone()[0] for n in names
            ]
        assert set_ == [1000 * seconds for seconds in purpose]
        assert purpose.lock > 0
    with database.pool(database_url, size=1) as pool, pool.connection() as conn:
        assert conn.execute("SHOW statement_timeout").fetchone() == ("20s",)


def test_a_pool_whose_connections_are_all_busy_says_so(database_url, monkeypatch):
    monkeypatch.setattr(database, "_POOL_WAIT", 0.2)
    with (
        database.pool(database_url, size=1) as pool,
        database.transaction(pool),
        pytest.raises(StoreAway, match="no database connection was free in time"),
        database.transaction(pool),
    ):
        pass


@pytest.fixture
def modest(database_url):
    """The URL of a user that is no superuser, who may be given no connection at all."""
    name = f"u_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
        conn.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {name}")
    yield name, database_url.replace("ioc@", f"{name}@")
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


class Ingest:
    """A message that is being stored, through whatever trouble."""

    def __init__(self, path, url):
        path.committer.close()
        path.committer._url = url
        self.path, self.counts = path, None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        self.counts = self.path.send(("air/s1", {"t": rig.now_us() / 1e6, "pm": 7}))

    def start(self):
        self.thread.start()
        return self

    def says(self, *words):
        wait_for(
            lambda: all(w in self.path.committer.away for w in words), f"it says {words}: {self.path.committer.away}"
        )
        assert self.counts is None, "nothing is acknowledged meanwhile"

    def goes_on(self):
        self.thread.join(30)
        assert self.counts is not None
        assert self.path.one("SELECT count(*) FROM reading") == 1
        assert self.path.ledger()["received"] == 1


@pytest.fixture
def path(tmp_path, database_url):
    made = rig.Path(rig.city(tmp_path / "city"), database_url)
    yield made
    made.close()


def test_out_of_connections_ingest_waits_and_says_what_to_raise(path, modest):
    name, url = modest
    path.conn.execute(f"ALTER ROLE {name} CONNECTION LIMIT 0")
    ingest = Ingest(path, url).start()
    ingest.says("no connection left", "max_connections", "too many connections for role")
    path.conn.execute(f"ALTER ROLE {name} CONNECTION LIMIT -1")
    ingest.goes_on()


@pytest.mark.parametrize(
    "said", ["sorry, too many clients already", "remaining connection slots are reserved for roles"]
)
def test_every_way_to_be_out_of_connections_is_known(said):
    with pytest.raises(StoreAway, match="raise max_connections"), database.translated():
        raise psycopg.OperationalError(f'connection failed: connection to server at "x" failed: FATAL:  {said}')


def test_a_database_that_became_read_only_is_waited_for(path, database_url):
    name = database_url.rpartition("/")[2]
    path.conn.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    ingest = Ingest(path, database_url).start()
    ingest.says("takes no writes now", "allow writes")
    path.conn.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    ingest.goes_on()


def test_a_connection_that_became_read_only_is_given_up(path, database_url):
    """As when a primary is made a standby without the connection being cut."""
    writer = path.committer._connected()
    writer.conn.execute("SET default_transaction_read_only = on")
    first = writer.conn
    ingest = Ingest.__new__(Ingest)
    ingest.path, ingest.counts = path, None
    ingest._run()
    assert ingest.counts is not None
    assert first.closed
    assert path.one("SELECT count(*) FROM reading") == 1


@pytest.fixture
def small_disk(database_url):
    """Moves the test's database to a disk of 40 MB; the server's log stays elsewhere."""
    folder = Path(tempfile.mkdtemp())  # the server looks at it as `nobody`, to whom pytest's folders are closed
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m,uid=65534,gid=65534,mode=700", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"SKIPPED PART: no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    name, space = database_url.rpartition("/")[2], f"s_{uuid.uuid4().hex[:10]}"
    admin = database_url.rpartition("/")[0] + "/postgres"
    try:
        with psycopg.connect(admin, autocommit=True) as conn:
            conn.execute(f"CREATE TABLESPACE {space} LOCATION '{folder}'")
            conn.execute(f"ALTER DATABASE {name} SET TABLESPACE {space}")
        yield folder
        with psycopg.connect(admin, autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")
            conn.execute(f"DROP TABLESPACE {space}")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def test_a_full_disk_is_named_and_ingest_goes_on_once_there_is_room(small_disk, tmp_path, database_url):
    path = rig.Path(rig.city(tmp_path / "city"), database_url)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    ingest = Ingest(path, database_url).start()
    ingest.says("disk is full", "free room", "[history]", "wait at the broker")
    filler.unlink()
    ingest.goes_on()
    path.close()
