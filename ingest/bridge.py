"""The pull bridge: polls every feed with an [http] table politely and publishes the body to the feed's topic.

From there it takes the path of every other message: same decoding, same ledger, same quarantine.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ingest import bridge_metrics
from ingest.polling import Poller, pulls
from ingest.publish import Publisher
from ioc import watch
from ioc.config import folder as folders
from ioc.errors import BrokerError, ConfigError, StoreError
from ioc.store import database, process

if TYPE_CHECKING:
    from pathlib import Path

    from ioc.health import Health
    from ioc.settings import Settings

log = logging.getLogger(__name__)

_ACKNOWLEDGED = 30.0  # seconds the broker has for it
_BEAT = 5.0


def run(folder: Path, settings: Settings, stop: threading.Event, health: Health) -> None:
    """Poll until `stop`. Raises ConfigError when the folder is wrong at the start; later a wrong folder is refused."""
    settings.require("broker_url")
    wanted = pulls(folders.load(folder))
    publisher = Publisher(settings, in_flight=8)
    gate = threading.Lock()

    def send(topic: str, payload: bytes) -> None:
        with gate:
            if not publisher.publish(topic, payload, timeout=_ACKNOWLEDGED):
                raise BrokerError(f"the broker does not take the topic {topic!r}")
            publisher.wait(_ACKNOWLEDGED)

    poller = Poller(send, lambda: publisher.connected, bridge_metrics.of_this_process())
    poller.use(wanted)
    log.info("%d feeds to poll", len(wanted))
    try:
        _look_after(poller, publisher, folder, settings, stop, health)
    finally:
        poller.close()
        publisher.close()


def _look_after(
    poller: Poller, publisher: Publisher, folder: Path, settings: Settings, stop: threading.Event, health: Health
) -> None:
    """Until `stop`: follow changes of the folder, say how it goes."""
    changes, started, beat, refused = watch.Watch(folder), datetime.now(UTC), 0.0, ""
    while not stop.is_set():
        if changes.changed():
            refused = _changed(poller, folder, refused)
        health.beat()
        health.ready(ok=publisher.connected, why="" if publisher.connected else publisher.why)
        if time.monotonic() >= beat:
            beat = time.monotonic() + _BEAT
            _say(poller, settings, started, publisher.why if not publisher.connected else refused)
        stop.wait(1.0)


def _changed(poller: Poller, folder: Path, refused: str) -> str:
    try:
        poller.use(pulls(folders.load(folder)))
    except (ConfigError, OSError) as error:
        if str(error) != refused:
            log.error("the changed city folder is refused, the one before stays in force:\n%s", error)  # noqa: TRY400
        return str(error)
    log.info("the city folder changed: %d feeds to poll", len(poller.pulls))
    return ""


def _say(poller: Poller, settings: Settings, started: datetime, why: str) -> None:
    """The process row `bridge`; without a database there is none."""
    if not settings.database_url:
        return
    detail = {"why": why, "feeds": {p.key: p.said for p in poller.pulls}}
    try:
        with database.connect(settings.database_url, name="ioc bridge", autocommit=True) as conn:
            process.beat(conn, "bridge", started, "waiting" if why else "ok", detail)
    except StoreError as error:
        log.debug("no beat: %s", error)
