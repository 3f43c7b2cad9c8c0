"""Follows the store and keeps the hub current: whole once, then what each commit touched, whole again after a loss.

One thread and one connection for what moves the map. It rests four times as long as it worked, a quarter of a second
at most: about a fifth of a core however fast the commits come, and never a picture that stands still. What may take
longer (history, quality, feeds) has threads of its own, see `aside`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from dashboards import aside, board, layouts, points, presence, scenes, wall
from dashboards.snapshot import Snapshot
from ioc.errors import StoreError
from ioc.store import alarm_watch, database, process, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboards.hub import Hub
    from dashboards.snapshot import Frame
    from ioc.config.folder import CityFolder
    from ioc.health import Health
    from ioc.store.database import Connection

log = logging.getLogger(__name__)
_NAME = "ioc dashboards live"
_WAIT = 0.2  # seconds without a notice before the clock work is done anyway
_LEAST_PAUSE = 0.03
_MOST_PAUSE = 0.25
_WORK_SHARE = 4
_EVERY = {
    "figures": 1.0,
    "doubt": 5.0,
    "feeds": 5.0,
    "events": 3.0,
    "traces": 20.0,
    "ahead": 600.0,
    "whole": 300.0,
    "beat": 5.0,
    "judging": 1.0,
}  # seconds
_REGISTRY_PAUSE = 3.0  # seconds between two reloads of the registry while sensors are being discovered


class Live:
    """call: runs a function on the event loop where the hub lives."""

    def __init__(self, url: str, folder: CityFolder, hub: Hub, call: Callable[..., Any], health: Health | None) -> None:
        self._url, self.folder, self._hub, self._call, self._health = url, folder, hub, call, health
        self.snap: Snapshot | None = None
        self._said: dict[str, Any] | None = None  # about points that came or went, until the next frame takes it along
        self._generation = int(time.time()) & 0x7FFFFFFF  # differs after a restart, so that screens ask for the points
        self._due: dict[str, float] = defaultdict(float)
        self._reload_at: float | None = None
        self._alarms_changed = True
        self._doubtful: list[int] = []
        self.alarm_rows: list[dict[str, Any]] = []
        self.event_rows: list[dict[str, Any]] = []
        self._past: dict[Any, Any] = {}  # replaced whole: another thread may be drawing
        self._parts = scenes.parts(folder)
        self._offset = 0.0
        self._started = datetime.now(UTC)
        self._why_away = ""  # said once, not at every attempt

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; a lost store is said, and tried again every second."""
        for name, jobs in (("history", self._history_jobs()), ("facts", self._fact_jobs())):
            threading.Thread(target=aside.run, args=(self._url, name, jobs, stop), name=name, daemon=True).start()
        paired = (self._url, self._hub, self._call, stop)
        threading.Thread(target=presence.run, args=paired, name="displays", daemon=True).start()
        while not stop.is_set():
            try:
                with (
                    database.translated(),
                    database.connect(self._url, name="ioc dashboards live", autocommit=True) as conn,
                ):
                    self._follow(conn, stop)
            except StoreError as error:
                if str(error) != self._why_away:
                    log.warning("the store is away: %s", error)
                self._why_away = str(error)
                self._tell_away()
                stop.wait(1.0)

    def _tell_away(self) -> None:
        self._call(self._hub.reach, True)
        if self._health:
            self._health.ready(False, "the database cannot be reached")

    def _follow(self, conn: Connection, stop: threading.Event) -> None:
        snapshot.listen(conn)
        self._why_away = ""
        self._due.clear()
        self._load(conn)
        while not stop.is_set():
            changes, alarmed = self._wait(conn)
            began = time.monotonic()
            if changes:
                self._fetch(conn, changes)
            self._alarms_changed |= alarmed
            self._clockwork(conn)
            stop.wait(min(_MOST_PAUSE, max(_LEAST_PAUSE, (time.monotonic() - began) * _WORK_SHARE)))

    def _wait(self, conn: Connection) -> tuple[list[int], bool]:
        found = list(snapshot.notices(conn, _WAIT))
        return [int(p) for channel, p in found if channel == "ioc_change" and p.isdigit()], any(
            channel == "ioc_alarm" for channel, _ in found
        )

    def _load(self, conn: Connection) -> None:
        """Everything afresh; the generation moves on only when the set of points is another."""
        began = time.monotonic()
        registry = snapshot.registry(conn)
        old = self.snap
        layout, change = (
            layouts.follow(old.layout, registry) if old else (layouts.first(registry, self._generation), None)
        )
        snap = Snapshot(registry, layout.generation, layout)
        snap.heard = old.heard if old else 0
        snap.apply(snapshot.latest(conn))
        snap.move(snapshot.places(conn))
        snap.doubt(self._doubtful)
        self.snap, self._said = snap, points.said(snap, change) if change else None
        self._offset = snapshot.now(conn) / 1e6 - time.time()
        self._alarms_changed, self._reload_at = True, None
        self._due["whole"] = time.monotonic() + _EVERY["whole"]
        self._due["registry"] = time.monotonic() + max(_REGISTRY_PAUSE, 10 * (time.monotonic() - began))
        self._clockwork(conn)
        self._call(self._hub.reach, False, self._offset)
        if self._health:
            self._health.ready(True)

    def _fetch(self, conn: Connection, changes: list[int]) -> None:
        assert self.snap is not None
        what = snapshot.touched(conn, changes)
        if what.series:
            self.snap.apply(snapshot.latest(conn, what.series))
        if what.sensors:
            self.snap.move(snapshot.places(conn, what.sensors))
        self.snap.heard = max(self.snap.heard, what.at)
        unknown = any(s not in self.snap.slot for s in what.series)
        if (what.registry or unknown) and self._reload_at is None:
            self._reload_at = self._due["registry"]

    def _clockwork(self, conn: Connection) -> None:
        """What time alone makes due, then the new frame to every screen."""
        now = time.monotonic()
        if (self._reload_at is not None and now >= self._reload_at) or now >= self._due["whole"]:
            self._load(conn)
            return
        assert self.snap is not None
        if self._alarms_changed:
            self._alarms_changed = False
            self._alarms(conn)
        frame = self.snap.frame(self.now())
        said, self._said = orjson.dumps(self._said).decode() if self._said else "", None
        self._call(self._hub.show, frame, self.snap.movers, self.snap.heard, said)
        if self._is_due("figures"):
            self._draw(frame)
        if self._health:
            self._health.beat()

    def now(self) -> int:
        """The database's clock, microseconds."""
        return int((time.time() + self._offset) * 1e6)

    def take(self, folder: CityFolder) -> None:
        """A changed city folder, checked by the caller: walls that are open load themselves anew."""
        self.folder, self._parts = folder, scenes.parts(folder)
        self._call(self._hub.forget, "widget/")
        self._call(self._hub.forget, "trace/")
        self._call(self._hub.forget, "ahead/")
        self._say("hello", build=wall.build(self.folder))

    def _is_due(self, what: str) -> bool:
        now = time.monotonic()
        if now < self._due[what]:
            return False
        self._due[what] = now + _EVERY[what]
        return True

    def _say(self, kind: str, **content: Any) -> None:
        text = orjson.dumps({"type": kind, **content}, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
        self._call(self._hub.say, kind, text.decode())

    def _alarms(self, conn: Connection) -> None:
        assert self.snap is not None
        rows = self.alarm_rows = snapshot.alarms(conn)
        self.snap.alarm(rows)
        self._say("alarms", **board.alarms(rows))

    def _draw(self, frame: Frame) -> None:
        """Every widget of every scene; only what differs is told."""
        moment = {"folder": self.folder, "snap": self.snap, "frame": frame, "now": self.now(), "past": self._past,
                  "alarms": self.alarm_rows, "events": self.event_rows}  # fmt: skip
        for name, drawn in scenes.draw(self._parts, moment):
            self._say(f"widget/{name}", drawn=drawn)

    def _history_jobs(self) -> list[aside.Job]:
        version = lambda: (self.snap is None, id(self.folder))  # noqa: E731
        return [aside.Job(_EVERY["traces"], self._traces, version), aside.Job(_EVERY["ahead"], self._ahead, version)]

    def _fact_jobs(self) -> list[aside.Job]:
        return [
            aside.Job(_EVERY["doubt"], self._doubt),
            aside.Job(_EVERY["events"], self._events),
            aside.Job(_EVERY["feeds"], self._feeds),
            aside.Job(_EVERY["beat"], self._beat),
            aside.Job(_EVERY["judging"], self._judging),
        ]

    def _traces(self, conn: Connection) -> None:
        if self.snap is None:
            return
        wanted = scenes.wanted(self._parts, self.snap)
        self._past = scenes.read(conn, (trace for some in wanted.values() for trace in some), self.now())
        for name, some in wanted.items():
            self._say(f"trace/{name}", lines=[self._past[trace] for trace in some])

    def _ahead(self, conn: Connection) -> None:
        if self.snap is None:
            return
        now = datetime.fromtimestamp(self.now() / 1e6, UTC)
        for name, lines in scenes.ahead(conn, self._parts, self.snap, now, self.folder.city.tz).items():
            self._say(f"ahead/{name}", lines=lines)

    def _doubt(self, conn: Connection) -> None:
        self._doubtful = snapshot.doubtful(conn)
        if self.snap is not None:
            self.snap.doubt(self._doubtful)

    def _events(self, conn: Connection) -> None:
        self.event_rows = snapshot.events(conn)
        self._say("events", events=self.event_rows)

    def _feeds(self, conn: Connection) -> None:
        self._say("feeds", feeds=snapshot.feeds(conn), processes=snapshot.processes(conn))

    def _judging(self, conn: Connection) -> None:
        """Whether somebody judges the rules, and whether mails about it arrive."""
        found = alarm_watch.look(snapshot.judging(conn), self.now(), self.folder.city.watchdog.missed)
        self._say("judging", **found._asdict())

    def _beat(self, conn: Connection) -> None:
        process.beat(conn, "dashboards", self._started, "ok", {"screens": len(self._hub.screens)})
