"""The jobs the metronome calls: evaluate, write mails, send them, tidy up; each with a connection of its own.

A job that loses its database drops its connection and tries again at its next turn.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from alerts import metrics, room
from alerts.evaluator import aligned
from ioc.config.types import say
from ioc.errors import StoreAway
from ioc.store import alarms, database, leader, outbox, rules
from ioc.store.alarm_write import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from alerts.compose import Composer
    from alerts.engine import Outcome
    from alerts.evaluator import Evaluator, Gap
    from alerts.sender import Courier
    from ioc.config.folder import CityFolder
    from ioc.store.database import Connection

log = logging.getLogger(__name__)


class Link:
    """One job's connection, opened when needed and given up when broken."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        self._conn: Connection | None = None

    def get(self) -> Connection:
        """Raises StoreAway."""
        if self._conn is None or self._conn.closed:
            self._conn = database.connect(self._url, name=self._name, autocommit=True)
        return self._conn

    def drop(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None


class Ticker:
    """Evaluates on the grid, and tells the watchers when nothing was evaluated for long."""

    def __init__(self, url: str, evaluator: Evaluator, composer: Composer) -> None:
        self._link = Link(url, "ioc alerts tick")
        self._evaluator, self._composer = evaluator, composer
        self._loaded = self._away = False
        self._folder: CityFolder | None = None
        self.last: datetime | None = None
        self._one = threading.Lock()  # a tick and a look in between share the connection and what is remembered

    def adopt(self, folder: CityFolder) -> None:
        """Rules changed: the next tick reads them anew."""
        self._folder, self._loaded = folder, False

    def run(self) -> None:
        started = time.monotonic()
        with self._one:
            try:
                with database.translated():
                    outcome = self._tick(self._link.get())
            except StoreAway:
                self._away = True
                self._link.drop()
                raise
        if outcome is not None:
            metrics.TICK.observe(time.monotonic() - started)
            metrics.OPENED.inc(outcome.opened)
            if outcome.errors:
                metrics.ERRORS.labels("rules").inc(len(outcome.errors))

    def look(self) -> None:
        """Between two ticks: only what spoke."""
        with self._one, database.translated():
            if not self._loaded or self._away:
                return
            conn = self._link.get()
            outcome = self._evaluator.look(conn, clock(conn))
            metrics.OPENED.inc(outcome.opened if outcome is not None else 0)

    def _tick(self, conn: Connection) -> Outcome | None:
        at = aligned(clock(conn))
        if self._away:
            self._evaluator.settle(at)
        self._load(conn, at)
        outcome = self._evaluator.tick(conn, at)
        self._away = False
        if outcome is not None:
            self.last = at
            metrics.TICKED.set(at.timestamp())
            if self._evaluator.gap is not None:
                self._tell_gap(conn, self._evaluator.gap, at)
        return outcome

    def _tell_gap(self, conn: Connection, gap: Gap, at: datetime) -> None:
        """What came and went meanwhile will not be mailed: people must know that nobody looked."""
        log.warning("nothing was evaluated from %s to %s", gap.start, gap.end)
        self._composer.notice(conn, "system.gap", "system.gap_text", at, start=gap.start, end=gap.end)

    def _load(self, conn: Connection, at: datetime) -> None:
        if not self._loaded:
            self._evaluator.reload(conn, at, self._folder.thresholds if self._folder else None)
            self._loaded = True

    def close(self) -> None:
        self._link.drop()


class Turn:
    """A job that does `work(conn)` at each turn."""

    def __init__(self, url: str, name: str, work: Callable[[Connection], object]) -> None:
        self._link, self._work = Link(url, f"ioc alerts {name}"), work

    def run(self) -> None:
        try:
            with database.translated():
                self._work(self._link.get())
        except StoreAway:
            self._link.drop()
            raise

    def close(self) -> None:
        self._link.drop()


def writing(composer: Composer, told: Callable[[], object] = lambda: None) -> Callable[[Connection], object]:
    """Everything owed that is due, into the outbox; told: called where anything was."""

    def work(conn: Connection) -> None:
        written = composer.run(conn)
        metrics.WRITTEN.inc(written)
        if written:
            told()

    return work


def sending(sender: Courier) -> Callable[[Connection], object]:
    """What is due, out; on and on while there is more."""

    def work(conn: Connection) -> None:
        for _ in range(20):
            sent = sender.run(conn)
            metrics.SENT.inc(sent)
            if not sent:
                return

    return work


def tidying(folder: Callable[[], CityFolder], composer: Composer) -> Callable[[Connection], object]:
    """Old ticks and old bytes are forgotten; the state of mail is shown; a disk that fills is told."""

    def work(conn: Connection) -> None:
        now = clock(conn)
        leader.forget_ticks(conn, now)
        rules.forget_late(conn, now - timedelta(hours=1))
        outbox.forget_bodies(conn, now)
        alarms.forget(conn, now - folder().city.alarms.keep)
        room.warn(conn, composer, now)
        for state, count in outbox.counts(conn, now).items():
            metrics.WAITING.labels(state).set(count)
        for key, state, _ in outbox.channels(conn):
            metrics.CHANNEL.labels(key).set(state == "ok")
        log.debug("%s tidied", say(folder().city.name, "en"))

    return work
