"""Messages -> batch -> commit -> acknowledgement, in two threads that overlap.

The receiving thread decodes into the batch that is filling; the committing thread stores the one before it. While the
database is slow the filling batch grows to its limit and then reading stops: the broker keeps the rest.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from ingest.arrivals import Arrivals
from ingest.batch import IGNORED, OPEN, QUARANTINED, Batch, Refusal
from ingest.commit import commit
from ioc.errors import DecodeError, Ignored, StoreError, StoreRefused
from ioc.store import database, migrate, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.batch import Mark
    from ingest.client import Message
    from ingest.commit import Limits
    from ingest.ledger import Counts
    from ingest.router import Router
    from ioc.store.write import Writer

log = logging.getLogger(__name__)

MOST_MESSAGES = 20_000  # in one batch
MOST_ROWS = 60_000
MOST_BYTES = 32 << 20
_AGE = 0.05  # seconds a batch waits for company
_CALM = 0.12  # the same while hardly anything comes: a commit for every single message would cost the database more
_QUIET = 0.005  # seconds of silence after which a batch of some size goes: the broker's window may be full
_SOME = 20  # mosquitto's window for MQTT 3.1.1
UNUSABLE = frozenset({"not_a_number", "bad_unit", "bad_place", "bad_time"})  # dropped values that are somebody's fault
_STALLED = 4.0  # seconds; the embedded NATS sends again after 10
_SLOWEST_RETRY = 5.0  # seconds between attempts while the database is away


class Decoder:
    """Turns messages into the rows of a batch, whatever they hold; nothing here raises."""

    def __init__(self, router: Router, arrivals: Arrivals | None = None) -> None:
        self.router = router
        self.arrivals = arrivals or Arrivals()

    def batch(self) -> Batch:
        return Batch(self.router.registry)

    def take(self, message: Message, batch: Batch) -> None:
        """Decode one message into the batch, with its fate."""
        route = self.router.route(message.topic)
        mark = batch.mark()
        number = len(batch)
        received = self.arrivals.first(message) if message.dup else message.received
        try:
            arrived = route.feed.take(message, route, batch, received)
        except Ignored as why:
            self._undo(batch, mark, message, route.feed.id, IGNORED)
            batch.ignored.append((number, why.reason))
        except DecodeError as why:
            self._undo(batch, mark, message, route.feed.id, QUARANTINED)
            batch.refusals.append(Refusal(number, why.reason, why.detail))
        except Exception as error:  # noqa: BLE001  bytes nobody thought of: the message is kept, the loop lives
            self._undo(batch, mark, message, route.feed.id, QUARANTINED)
            batch.refusals.append(Refusal(number, "bad_payload", f"{type(error).__name__}: {error}"))
        else:
            self._kept(batch, mark, message, route.feed.id, received, arrived=arrived)

    def _undo(self, batch: Batch, mark: Mark, message: Message, feed_id: int, fate: int) -> None:
        batch.undo(mark)
        batch.end(message, feed_id, fate, 0)

    def _kept(self, batch: Batch, mark: Mark, message: Message, feed: int, received: int, *, arrived: bool) -> None:
        number, rows = len(batch), len(batch.slot) - mark.rows
        if arrived:
            batch.arrivals.append((number, self.arrivals.note(message, received), received))
        if rows or batch.mark()[1:4] != mark[1:4]:
            batch.end(message, feed, OPEN, rows)
        elif bad := [why for _, why in batch.dropped[mark.dropped :] if why in UNUSABLE]:
            self._undo(batch, mark, message, feed, QUARANTINED)  # a mapping that fits nothing must be seen
            batch.refusals.append(Refusal(number, bad[0], "no value of the message can be used"))
        else:
            batch.end(message, feed, IGNORED, 0)
            batch.ignored.append((number, "nothing_to_store"))


class Committer:
    """One writing connection: stores batches, waits while the database is away, isolates what it refuses."""

    def __init__(self, database_url: str, limits: Limits, *, stop: threading.Event) -> None:
        self._url, self._stop = database_url, stop
        self.limits = limits
        self.away = ""  # why the database cannot be reached; empty when it can
        self._writer: Writer | None = None

    def store(self, batch: Batch) -> Counts | None:
        """Store the batch, however long that takes; None when told to stop before it was."""
        delay = 0.1
        while True:
            try:
                found = commit(self._connected(), batch, self.limits)
            except (StoreRefused, OverflowError, TypeError, ValueError) as error:
                return self._isolate(batch, error)
            except StoreError as error:  # away, full, or not migrated yet: no fault of these messages
                self._lost(error)
            else:
                self.away = ""
                return found
            if self._stop.wait(delay):
                return None
            delay = min(delay * 1.7, _SLOWEST_RETRY)

    def close(self) -> None:
        if self._writer:
            self._writer.conn.close()
            self._writer = None

    def _connected(self) -> Writer:
        if self._writer is None or self._writer.conn.closed:
            conn = database.connect(self._url, name="ioc ingest", autocommit=True, purpose=database.WRITER)
            migrate.sound(conn)
            self._writer = write.Writer(conn)
        return self._writer

    def _lost(self, error: StoreError) -> None:
        if not self.away:
            log.warning("%s; messages wait, none is acknowledged", error)
        self.away = str(error)
        self.close()

    def _isolate(self, batch: Batch, error: Exception) -> Counts | None:
        """Halve the batch until what the database refuses stands alone, and quarantine that."""
        if len(batch) == 1:
            if OPEN not in batch.fates:
                raise error  # even its refusal is refused: that is our fault, and must be seen
            log.warning("the database refused a message of feed %s: %s", batch.feeds[0], error)
            return self.store(batch.refuse("refused_by_store", str(error)))
        middle = len(batch) // 2
        first = self.store(batch.part(0, middle))
        second = self.store(batch.part(middle, len(batch))) if first else None
        return first + second if first and second else None


class Done(NamedTuple):
    """A batch that is in the database."""

    batch: Batch
    counts: Counts
    seconds: float


class Pipeline:
    """Feeds batches to a committing thread; `offer` and `ready` are for the receiving thread."""

    def __init__(self, decoder: Decoder, committer: Committer, done: Callable[[Done], None]) -> None:
        self.decoder, self.committer, self._done = decoder, committer, done
        self._filling = decoder.batch()
        self._began = self._last = self._handed = 0.0
        self._turn = threading.Condition()
        self._committing: Batch | None = None
        self._ended = False
        self.failed: BaseException | None = None  # ended the committing thread: our own fault
        self._thread = threading.Thread(target=self._run, name="commit", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether reading must stop: the batch being filled is as large as it may be."""
        filling = self._filling
        return len(filling) >= MOST_MESSAGES or len(filling.slot) >= MOST_ROWS or filling.bytes >= MOST_BYTES

    @property
    def waiting(self) -> int:
        """Messages decoded and not yet stored."""
        committing = self._committing
        return len(self._filling) + (len(committing) if committing else 0)

    @property
    def stalled(self) -> bool:
        """Whether a batch waits for the database for so long that the broker may soon send its messages again."""
        return self._committing is not None and time.monotonic() - self._handed > _STALLED

    def offer(self, messages: list[Message]) -> None:
        """Decode these into the filling batch."""
        now = time.monotonic()
        if not len(self._filling):
            self._began = now
        self._last = now
        take, filling = self.decoder.take, self._filling
        for message in messages:
            take(message, filling)

    def push(self) -> float:
        """Hand the batch over if it is due and the committer is free; returns when to ask again, in seconds."""
        if not len(self._filling):
            return 0.5
        now = time.monotonic()
        some = len(self._filling) >= _SOME
        due = min(self._last + _QUIET, self._began + _AGE) if some else self._began + _CALM
        if now < due and not self.full:
            return max(due - now, 0.001)
        with self._turn:
            if self._committing is not None:
                return 0.02
            self._committing, self._filling = self._filling, self.decoder.batch()
            self._handed = now
            self._turn.notify()
        return 0.5

    def use(self, decoder: Decoder, limits: Limits) -> None:
        """From now on decode with another reading of the city folder; what is decoded stays."""
        if len(self._filling):
            with self._turn:
                self._turn.wait_for(lambda: self._committing is None or self._ended)
                self._committing = self._filling
                self._turn.notify()
                self._turn.wait_for(lambda: self._committing is None or self._ended)
        self.decoder, self.committer.limits = decoder, limits
        self._filling = decoder.batch()

    def close(self, seconds: float = 10.0) -> None:
        """Store what was decoded, if that is possible within `seconds`, and end the thread."""
        deadline = time.monotonic() + seconds
        while self.waiting and not self.committer.away and time.monotonic() < deadline:
            self._began = 0.0
            time.sleep(min(self.push(), 0.01))
        with self._turn:
            self._ended = True
            self._turn.notify_all()
        self._thread.join(2)

    def _run(self) -> None:
        try:
            self._commit_batches()
        except BaseException as error:  # noqa: BLE001  the receiving thread ends the process with it
            self.failed = error
            with self._turn:
                self._ended = True
                self._turn.notify_all()

    def _commit_batches(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._committing is not None or self._ended)
                batch = self._committing
            if batch is None:
                return
            began = time.perf_counter()
            counts = self.committer.store(batch)
            with self._turn:
                self._committing = None
                self._turn.notify_all()
            if counts is not None:
                self._done(Done(batch, counts, time.perf_counter() - began))
