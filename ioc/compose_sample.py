"""The sample city's messages on their way: live to the broker, the past straight into the store.

Beside ioc.cli and ioc.compose the only module here that knows other packages.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ioc.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.load import Message
    from ioc.health import Health
    from ioc.settings import Settings

DAYS = 14
BEAT = 5.0  # seconds between signs of life
log = logging.getLogger(__name__)


def simulate(folder: Path, settings: Settings, stop: threading.Event, health: Health) -> None:
    """Publish the sample city at its own tempo until `stop`. Raises SettingsError."""
    from ingest.publish import Publisher
    from sample_feeds import simulate as city

    settings.require("broker_url")
    publisher = Publisher(settings, "ioc-simulate")

    def publish(topic: str, payload: bytes) -> None:
        health.beat()
        health.ready(ok=publisher.connected, why=publisher.why)
        try:
            publisher.publish(topic, payload, timeout=5)
        except BrokerError as error:  # what could not be said in time is old by then
            log.warning("left out %s: %s", topic, error)

    beats = threading.Thread(target=_beats, args=(settings.database_url, health, stop), name="beats", daemon=True)
    beats.start()
    try:
        city.run(folder, publish, stop, time.time)
    finally:
        stop.set()
        publisher.close()
        beats.join(5)


def _beats(url: str, health: Health, stop: threading.Event) -> None:
    """A row among the processes while it runs, where a database is known: `ioc status` shows who feeds the city."""
    from ioc.errors import StoreError
    from ioc.store import database, process

    started = datetime.now(UTC)
    while url:
        ended, told = stop.wait(BEAT), health.state()
        try:
            with database.connect(url, name="ioc simulate", autocommit=True) as conn:
                if ended:
                    process.forget(conn, health.name)
                else:
                    state = "ok" if told["ready"] else "waiting"
                    process.beat(conn, health.name, started, state, {"why": told["why"]})
        except StoreError as error:
            log.debug("no beat: %s", error)
        if ended:
            return


def schedule() -> None:
    """Print when what misbehaves, counted from the start of the publishers."""
    from rich.console import Console
    from rich.table import Table

    from ioc.config.types import say
    from sample_feeds.simulate import timetable

    rows = timetable()
    table = Table(title=f"What misbehaves on purpose, again every {rows[0]['every']}", title_justify="left")
    for column in ("from", "to", "what", "where", "seen as"):
        table.add_column(column, overflow="fold")
    for row in rows:
        note = row["note"]
        table.add_row(
            str(row["at"]),
            str(row["until"]),
            row["kind"],
            row["where"],
            say(note, "en") if isinstance(note, dict) else note,
        )
    Console().print(table)


@dataclass(slots=True)
class Backfill:
    """How far the past is loaded, kept in a file so that `ioc up` shows it and a restart goes on from there."""

    file: Path | None
    start: datetime
    end: datetime
    reached: datetime
    readings: int = 0
    state: str = "running"

    @classmethod
    def resume(cls, file: Path | None, now: datetime, days: int) -> Backfill:
        """The one that was cut short, or a new one that ends now."""
        try:
            known = json.loads(file.read_text(encoding="utf-8")) if file else {}
            start, end, reached = (datetime.fromisoformat(known[k]) for k in ("start", "end", "reached"))
        except (OSError, ValueError, KeyError):
            return cls(file, now - timedelta(days=days), now, now - timedelta(days=days))
        return cls(file, start, end, reached, int(known.get("readings", 0)), str(known.get("state", "running")))

    def note(self) -> None:
        """Write the file, whole."""
        if self.file is None:
            return
        total = (self.end - self.start).total_seconds()
        content = {"state": self.state, "start": self.start.isoformat(), "end": self.end.isoformat(),
                   "reached": self.reached.isoformat(), "readings": self.readings, "total": total,
                   "done": (self.reached - self.start).total_seconds()}  # fmt: skip
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(self.file)


def backfill(
    folder: Path, settings: Settings, stop: threading.Event, progress: Path | None, days: int = DAYS
) -> Backfill:
    """Load the past of the sample city through the ingester's own decode and commit.

    Goes on where an earlier run stopped; what is there already is a duplicate. Raises SettingsError, StoreAway.
    """
    from ingest.load import Progress, load

    settings.require("database_url")
    run = Backfill.resume(progress, datetime.now(UTC), days)
    if run.state == "done":
        return run
    run.note()
    before, reached = run.readings, [run.reached]

    def told(done: Progress) -> None:
        run.readings = before + done.readings
        run.reached = max(run.reached, reached[0] - _BATCH_BEHIND)
        run.note()

    load(_past(folder, run, reached), folder, settings.database_url, told, stop)
    if not stop.is_set():
        run.reached, run.state = run.end, "done"
    run.note()
    return run


# Messages come in time order, and what was made is committed at most one batch later: so far back a restart begins.
_BATCH_BEHIND = timedelta(days=1)


def _past(folder: Path, run: Backfill, reached: list[datetime]) -> Iterator[Message]:
    from ingest.load import Message
    from sample_feeds import history

    for number, said in enumerate(history.messages(folder, run.reached, run.end)):
        if number % 500 == 0:
            reached[0] = datetime.fromtimestamp(said.time / 1e6, UTC)
        yield Message(said.topic, said.payload, said.time)
