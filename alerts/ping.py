"""A dead man's switch: an address outside is asked for while all is well; its owner notices when that stops."""

from __future__ import annotations

import logging
import urllib.request
from typing import TYPE_CHECKING

from ioc.settings import named
from ioc.store import alarm_watch
from ioc.store.alarm_write import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from ioc.config.folder import CityFolder
    from ioc.store.database import Connection

_PATIENCE_S = 10.0
log = logging.getLogger(__name__)


def pinging(folder: Callable[[], CityFolder]) -> Callable[[Connection], object]:
    """The job: ask once, if rules are judged and the test mail arrives. Failing is for the watcher outside to miss."""

    def work(conn: Connection) -> None:
        watchdog = folder().city.watchdog
        url = address(watchdog.ping)
        if url is None:
            return
        why = alarm_watch.unwell(conn, clock(conn), missed=watchdog.missed)
        if why:
            log.warning("the watcher outside is not told that all is well: %s", why)
            return
        try:
            with urllib.request.urlopen(url, timeout=_PATIENCE_S) as answer:  # noqa: S310  http(s), see city.toml
                answer.read(1000)
        except OSError as error:
            log.warning("the watcher outside does not answer: %s", error)

    return work


def address(ping: str | None) -> str | None:
    """The address, from the environment where it is secret; None where there is none."""
    if ping is None or not ping.startswith("env:"):
        return ping
    return named(ping.removeprefix("env:"))
