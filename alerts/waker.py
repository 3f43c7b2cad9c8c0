"""Wakes the jobs when the database tells that there is something to do, instead of at their next beat.

Readings are evaluated a moment after their commit, many together; what alarms owe is written as soon as it
is due, and what was written is sent. Were nothing told, the beats of the metronome would do all of it a little later.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from ioc.errors import StoreError
from ioc.store import database, hearing

if TYPE_CHECKING:
    from collections.abc import Callable

    from ioc.store.database import Connection

COALESCE_S = 0.25  # commits that come together are looked at together
REST = 4.0  # times as long as a look took nothing is looked at, so that looking never takes more than a fifth of a core
DUE_S = 1.05  # after which a critical message is due
log = logging.getLogger(__name__)


class Waker(threading.Thread):
    """look: evaluates what spoke; soon: (job, seconds) -> that job runs then, if not before."""

    def __init__(
        self, url: str, look: Callable[[], object], soon: Callable[[str, float], None], stop: threading.Event
    ) -> None:
        super().__init__(name="alerts waker", daemon=True)
        self._url, self._look, self._soon, self._stopped = url, look, soon, stop

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                with database.connect(self._url, name="ioc alerts waker", autocommit=True) as conn:
                    hearing.listen(conn)
                    self._hear(conn)
            except StoreError as error:
                log.debug("not woken: %s", error)
                self._stopped.wait(2.0)

    def _hear(self, conn: Connection) -> None:
        while not self._stopped.is_set():
            told = hearing.heard(conn, 1.0)
            if hearing.READINGS in told:
                self._stopped.wait(COALESCE_S)
                told |= hearing.heard(conn, 0)
                self._readings()
            if hearing.ALARMS in told:
                self._soon("write", DUE_S)
            if hearing.TESTS in told:
                self._soon("test", 0.0)

    def _readings(self) -> None:
        began = time.monotonic()
        try:
            self._look()
        except Exception as error:  # noqa: BLE001  the metronome meets and tells the same fault at its next beat
            log.debug("not looked at what spoke: %s", error)
        self._stopped.wait(min(REST * (time.monotonic() - began), 2.0))
