"""What may take long, away from the thread that moves the map: one thread and one connection for each group of jobs.

A slow history query, or a lock in the store, delays what it draws and nothing else.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from ioc.errors import StoreError
from ioc.store import database

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from ioc.store.database import Connection

log = logging.getLogger(__name__)
_LOOK = 0.25  # seconds between two looks at what is due
_REST = 10  # times as long as it worked a job rests at least


class Job(NamedTuple):
    """work: what to do every `every` seconds, rarer if it takes long, and at once when `version` answers otherwise."""

    every: float
    work: Callable[[Connection], None]
    version: Callable[[], object] = lambda: None


def run(url: str, name: str, jobs: Sequence[Job], stop: threading.Event) -> None:
    """Until `stop`; a lost store is waited for. The live thread is the one that tells people about it."""
    while not stop.is_set():
        try:
            with database.translated(), database.connect(url, name=f"ioc dashboards {name}", autocommit=True) as conn:
                _work(conn, jobs, stop)
        except StoreError as error:
            log.debug("%s waits for the store: %s", name, error)
            stop.wait(1.0)


def _work(conn: Connection, jobs: Sequence[Job], stop: threading.Event) -> None:
    due: list[tuple[float, object]] = [(0.0, None)] * len(jobs)
    while not stop.is_set():
        for at, job in enumerate(jobs):
            version = job.version()
            began = time.monotonic()
            if began >= due[at][0] or version != due[at][1]:
                job.work(conn)
                took = time.monotonic() - began
                due[at] = (began + took + max(job.every, _REST * took), version)
        stop.wait(_LOOK)
