"""python -m tests.fuzz --minutes 30: a city of its own, attacked for so long with other numbers each time."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from ioc.access.rights import Role
from ioc.embedded.postgres import Postgres
from ioc.store import database, migrate
from tests import services
from tests.dashboards import accounts, seed
from tests.dashboards.conftest import Screens
from tests.fuzz import callbacks, http, payloads, sockets

PARTS = ("payloads", "http", "callbacks", "sockets")


@contextmanager
def city():
    """(screens, headers of an administrator, headers of a token) of a server that ends with the block."""
    with tempfile.TemporaryDirectory(prefix="ioc-fuzz-") as folder:
        postgres = Postgres(Path(folder) / "data", services.free_port())
        postgres.start(fsync="off", synchronous_commit="off", full_page_writes="off")
        try:
            with database.connect(postgres.url, autocommit=True) as conn:
                migrate.migrate(conn)
                seed.city(conn, hours=1)
                settings = {"IOC_AUTH": "", "IOC_SECRET": accounts.SECRET}
                served = Screens(postgres.url, Path(folder) / "log", **settings).start()
                token = accounts.token(conn, "read", "export", "metrics")
                try:
                    yield served, {"Cookie": accounts.session(conn, Role.ADMINISTRATOR)}, {"Authorization": token}
                finally:
                    served.stop()
                    faults = [line for line in served.log.read_text(errors="replace").splitlines() if " ERROR " in line]
                    print(*faults[:20], sep="\n")
        finally:
            postgres.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    parser.add_argument("--only", choices=PARTS, action="append")
    asked = parser.parse_args()
    until, number, only = time.monotonic() + 60 * asked.minutes, asked.seed, set(asked.only or PARTS)
    if only == {"payloads"}:
        while time.monotonic() < until:
            print("seed", number, "payloads", payloads.run(rounds=100, seed=number), flush=True)
            number += 1
        return
    with city() as (served, administrator, token):
        while time.monotonic() < until:
            print("seed", number, *attack(served, administrator, token, only, number), flush=True)
            number += 1


def attack(served, administrator, token, only: set[str], number: int):
    """One round of each; what fails is raised, with the seed printed before it. Yields what was done."""
    for who in (administrator, token):
        if "http" in only:
            yield (
                "http",
                http.described_fit(served, who, most=10, seed=number),
                http.hostile(served, who, most=20, seed=number),
            )
    if "callbacks" in only:
        yield "callbacks", callbacks.attack(served, administrator, rounds=5, seed=number)
    if "sockets" in only:
        sockets.garbage(served, administrator, rounds=10, seed=number)
        yield "sockets"
    if "payloads" in only:
        yield "payloads", payloads.run(rounds=50, seed=number)


if __name__ == "__main__":
    main()
