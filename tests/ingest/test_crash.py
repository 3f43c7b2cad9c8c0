"""kill -9 at random points under load: nothing acknowledged is lost, nothing stored twice, the ledger balances.

`IOC_KILLS=200` makes it the long run. The seed is in the test's name; the points are the same every time.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from ioc.embedded.broker import Broker, free_port
from ioc.embedded.postgres import Postgres
from ioc.errors import StartError
from ioc.store import database, migrate
from tests import services
from tests.ingest import rig
from tests.ingest.live import FEEDS, Ingester, Sender, assert_exactly_once

KILLS = int(os.environ.get("IOC_KILLS", "12"))


@pytest.fixture
def own_postgres(tmp_path):
    """Safe against its own kill -9, unlike the session's; fsync is for power cuts, which no test makes."""
    server = Postgres(tmp_path / "postgres" / "data", services.free_port())
    server.start(fsync="off", full_page_writes="off")
    with database.connect(server.url, autocommit=True) as conn:
        migrate.migrate(conn)
    yield server
    server.stop()


def restart(server):
    server.process.kill()
    server.process.wait()

    def started():
        try:
            server.start(fsync="off", full_page_writes="off")
        except StartError:
            return False
        return True

    services.wait_for(started, "PostgreSQL recovers", 30, 0.1)


@pytest.mark.timeout(60 + 8 * KILLS)
@pytest.mark.parametrize(
    ("kind", "victims", "kinds"),
    [
        pytest.param("mosquitto", ("ingester", "database"), ("timed", "bare"), marks=pytest.mark.mosquitto),
        ("nats", ("ingester", "database"), ("timed", "bare")),
        ("nats", ("broker", "ingester", "database"), ("timed",)),
    ],
)
@pytest.mark.usefixtures("impatient_nats")
def test_whatever_is_killed_every_acknowledged_message_is_stored_exactly_once(
    tmp_path, own_postgres, kind, victims, kinds
):
    chance = random.Random(f"{kind} {victims} {KILLS}")
    broker = Broker(kind, tmp_path / "broker", free_port())
    broker.start()
    folder = rig.city(tmp_path / "city", metrics='[n]\nname = "n"\n', **FEEDS)
    ingester = Ingester(folder, own_postgres.url, broker.url).start()
    sender = Sender(broker.port, kinds=kinds)
    try:
        sender.start()
        for _ in range(max(KILLS // 3, 1)):
            time.sleep(chance.uniform(0.1, 1.2))
            victim = chance.choice(victims)
            if victim == "ingester":
                ingester.kill()
                ingester.start(wait=False)
            elif victim == "database":
                restart(own_postgres)
            else:
                broker.kill()
                broker.start()
            services.wait_for(ingester.ready, f"the ingester recovers after a kill of the {victim}", 40, 0.05)
        sender.finish(60)
        assert len(sender.acknowledged) == sender.sent > 100
        assert_exactly_once(own_postgres.url, sender, kinds)
        assert ingester.stop() == 0
    finally:
        ingester.stop()
        broker.stop()
