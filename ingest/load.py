"""History -> store, by the same decode and the same commit as live messages, without a broker between."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from ingest import client
from ingest.pipeline import MOST_ROWS, Committer, Decoder
from ingest.plan import Share, plan
from ioc.config.folder import CityFolder
from ioc.config.folder import load as read_folder
from ioc.errors import StoreAway
from ioc.store import database

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ioc.records import Micros


class Message(NamedTuple):
    """received: when it would have arrived; None is now. Future and past are judged against it."""

    topic: str
    payload: bytes
    received: Micros | None = None


class Progress(NamedTuple):
    messages: int
    readings: int


def load(
    messages: Iterable[Message],
    folder: Path | CityFolder,
    database_url: str,
    progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> Counter[str]:
    """Store the messages; returns the ledger's counters over all of them.

    Idempotent: what is there already is a duplicate. progress is called after every commit with what is done so far.
    Raises ConfigError, StoreAway when the database is away at the start; later it waits for it.
    """
    city = folder if isinstance(folder, CityFolder) else read_folder(folder)
    stop = stop or threading.Event()
    with database.connect(database_url, name="ioc load", autocommit=True) as conn:
        made = plan(conn, city, Share(name="load"))
    decoder, committer = Decoder(made.router), Committer(database_url, made.limits, stop=stop)
    writing = _Writing(committer, progress)
    try:
        batch = decoder.batch()
        for message in messages:
            decoder.take(_as_received(message), batch)
            if len(batch.slot) >= MOST_ROWS or len(batch) >= MOST_ROWS:
                writing.put(batch)
                batch = decoder.batch()
            if stop.is_set():
                break
        writing.put(batch)
        return writing.finish()
    finally:
        committer.close()


def _as_received(message: Message) -> client.Message:
    received = time.time_ns() // 1000 if message.received is None else message.received
    size = len(message.payload)
    return client.Message(message.topic.encode(), message.payload, 0, False, False, received, 0, size)


class _Writing:
    """Commits one batch in a thread of its own while the next is decoded."""

    def __init__(self, committer: Committer, progress: Callable[[Progress], None] | None) -> None:
        from collections import Counter

        self._committer, self._progress = committer, progress
        self._totals: Counter[str] = Counter()
        self._thread: threading.Thread | None = None
        self._failed: BaseException | None = None

    def put(self, batch: object) -> None:
        self._join()
        self._thread = threading.Thread(target=self._store, args=(batch,), name="load", daemon=True)
        self._thread.start()

    def finish(self) -> Counter[str]:
        self._join()
        return self._totals

    def _join(self) -> None:
        if self._thread:
            self._thread.join()
            self._thread = None
        if self._failed:
            raise self._failed

    def _store(self, batch: object) -> None:
        try:
            counts = self._committer.store(batch)  # type: ignore[arg-type]
        except BaseException as error:  # noqa: BLE001  raised again in the thread that waits
            self._failed = error
            return
        if counts is not None:
            self._totals.update(counts.totals)
            if self._progress:
                self._progress(Progress(self._totals["received"], self._totals["readings"]))


__all__ = ["Message", "Progress", "StoreAway", "load"]
