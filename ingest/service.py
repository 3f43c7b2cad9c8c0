"""The ingester as a process: broker and database come and go, the city folder changes, and nothing is lost meanwhile.

Three threads: this one receives and decodes, the pipeline's commits, and `Watch` looks after everything slow.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from ingest.address import Address
from ingest.arrivals import Arrivals
from ingest.client import Client
from ingest.metrics import Metrics
from ingest.pipeline import Committer, Decoder, Done, Pipeline
from ingest.plan import Share, learns, plan
from ingest.watch import Watch
from ioc.config import folder as folders
from ioc.errors import StoreAway
from ioc.store import database, process, upkeep, write

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection
    from pathlib import Path

    from ingest.plan import Plan
    from ioc.config.folder import CityFolder
    from ioc.health import Health
    from ioc.settings import Settings

log = logging.getLogger(__name__)


def run(folder: Path, settings: Settings, stop: threading.Event, health: Health, share: Share = Share()) -> None:  # noqa: B008
    """Ingest until `stop`. Raises ConfigError when the folder is wrong at the start; later it is refused."""
    settings.require("database_url", "broker_url")
    sys.setswitchinterval(0.001)  # the committing thread is mostly waiting: let it in quickly when it is not
    first = folders.load(folder)
    share = share._replace(mark=Address.parse(settings.broker_url).client)
    opened = _open(settings, first, share, stop, health)
    if opened is not None:
        Service(settings, stop, health, share, *opened).run()


def _open(
    settings: Settings, folder: CityFolder, share: Share, stop: threading.Event, health: Health
) -> tuple[Plan, Arrivals, list[str]] | None:
    """Wait for the database; returns the plan, the last arrivals, and what this client had subscribed to before."""
    told = ""
    while not stop.is_set():
        try:
            with database.connect(settings.database_url, name="ioc ingest", autocommit=True) as conn:
                made = plan(conn, folder, share)
                before = process.detail(conn, share.process).get("filters", [])
                return made, Arrivals(write.arrivals(conn, made.limits.client)), before
        except StoreAway as error:
            health.ready(ok=False, why=str(error))
            health.beat()
            if str(error) != told:
                log.warning("%s; trying again", error)
            told = str(error)
            stop.wait(1.0)
    return None


class Service:
    """The parts of one ingester, wired together."""

    def __init__(
        self, settings: Settings, stop: threading.Event, health: Health, share: Share,
        first: Plan, arrivals: Arrivals, subscribed_before: Collection[str],
    ) -> None:  # fmt: skip
        self.stop, self.health = stop, health
        self.metrics = Metrics()
        relearn = learns(first)
        self.client = Client(settings, first.limits.client, first.filters, group=share.group, relearn=relearn)
        self.client.leave(set(subscribed_before) - set(first.filters))
        committer = Committer(settings.database_url, first.limits, stop=stop)
        self.pipeline = Pipeline(Decoder(first.router, arrivals), committer, self._done)
        self.watch = Watch(settings, share, first, self)
        self.keeper = upkeep.Keeper(settings.database_url, lambda: self.watch.plan.folder, stop)

    def run(self) -> None:
        """Receive until told to stop; then store what was decoded, acknowledge it and leave."""
        self.watch.start()
        self.keeper.start()
        client, pipeline = self.client, self.pipeline
        try:
            while not self.stop.is_set():
                self.watch.adopt()
                client.hold(pipeline.stalled)
                messages = client.poll(pipeline.push(), reading=not pipeline.full)
                if messages:
                    pipeline.offer(messages)
                if pipeline.failed:
                    raise pipeline.failed
                self._report()
        finally:
            self.stop.set()  # an error ends the other threads too, at once
            pipeline.close()
            client.close()
            self.watch.join(5)
            self.keeper.join(5)
            pipeline.committer.close()

    def adopt(self, made: Plan) -> None:
        """Go on with a new reading of the folder. Called by the receiving thread."""
        decoder = Decoder(made.router, self.pipeline.decoder.arrivals)
        made.router.go_on_from(self.pipeline.decoder.router)
        self.pipeline.use(decoder, made.limits)
        self.client.subscribe(made.filters, relearn=learns(made))
        log.info("the city folder changed: %d feeds", len(made.router.feeds))

    def _done(self, done: Done) -> None:
        """A batch is in the database: only now may the broker forget it. Called by the committing thread."""
        by_connection: dict[int, list[int]] = {}
        for message in done.batch.messages:
            if message.mid:
                by_connection.setdefault(message.connection, []).append(message.mid)
        for connection, mids in by_connection.items():
            self.client.ack(connection, mids)
        self.watch.heard(done)
        self.metrics.count(done, self.pipeline.decoder.router)

    def _report(self) -> None:
        self.health.beat()
        why = self.pipeline.committer.away or self.client.why
        self.health.ready(ok=not why, why=why)
        self.metrics.gauge(waiting=self.pipeline.waiting, connected=self.client.connected)
