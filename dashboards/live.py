"""Follows the store and keeps the hub current: whole once, then what each commit touched, whole again after a loss.

One thread, one connection. It sleeps at least four times as long as it worked, so it never takes more than a fifth of
a core however fast the commits come.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from dashboards import board
from dashboards.snapshot import Snapshot
from ioc.errors import StoreError
from ioc.store import database, process, snapshot

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from dashboards.hub import Hub
    from ioc.config.folder import CityFolder
    from ioc.health import Health
    from ioc.store.database import Connection
    from ioc.store.snapshot import Registry

log = logging.getLogger(__name__)
_WAIT = 0.2  # seconds without a notice before the clock work is done anyway
_LEAST_PAUSE = 0.03
_WORK_SHARE = 4
_EVERY = {"figures": 1.0, "doubt": 5.0, "feeds": 5.0, "traces": 60.0, "whole": 300.0, "beat": 5.0}  # seconds
_REGISTRY_PAUSE = 3.0  # seconds between two reloads of the registry while sensors are being discovered


class Live:
    """call: runs a function on the event loop where the hub lives."""

    def __init__(self, url: str, folder: CityFolder, hub: Hub, call: Callable[..., Any], health: Health | None) -> None:
        self._url, self.folder, self._hub, self._call, self._health = url, folder, hub, call, health
        self.snap: Snapshot | None = None
        self._registry: Registry | None = None
        self._generation = int(time.time()) & 0x7FFFFFFF  # differs after a restart, so that screens ask for the points
        self._due: dict[str, float] = defaultdict(float)
        self._reload_at: float | None = None
        self._alarms_changed = True
        self._offset = 0.0
        self._started = datetime.now(UTC)
        self._histories: dict[Any, list[dict[str, Any]]] = {}

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; a lost store is said, and tried again every second."""
        while not stop.is_set():
            try:
                with database.connect(self._url, name="ioc dashboards live", autocommit=True) as conn:
                    self._follow(conn, stop)
            except StoreError as error:
                log.warning("the store is away: %s", error)
                self._tell_away()
                stop.wait(1.0)

    def _tell_away(self) -> None:
        self._call(self._hub.reach, True)
        if self._health:
            self._health.ready(False, "the database cannot be reached")

    def _follow(self, conn: Connection, stop: threading.Event) -> None:
        snapshot.listen(conn)
        self._due.clear()
        self._load(conn)
        while not stop.is_set():
            changes, alarmed = self._wait(conn)
            began = time.monotonic()
            if changes:
                self._fetch(conn, changes)
            self._alarms_changed |= alarmed
            self._clockwork(conn)
            stop.wait(max(_LEAST_PAUSE, (time.monotonic() - began) * _WORK_SHARE))

    def _wait(self, conn: Connection) -> tuple[list[int], bool]:
        found = list(snapshot.notices(conn, _WAIT))
        return [int(p) for channel, p in found if channel == "ioc_change" and p.isdigit()], any(
            channel == "ioc_alarm" for channel, _ in found
        )

    def _load(self, conn: Connection) -> None:
        """Everything afresh; the generation moves on only when the set of points is another."""
        began = time.monotonic()
        registry = snapshot.registry(conn)
        if _shape(registry) != _shape(self._registry):
            self._generation += 1
        self._registry = registry
        heard = self.snap.heard if self.snap else 0
        snap = self.snap = Snapshot(registry, self._generation)
        snap.heard = heard
        snap.apply(snapshot.latest(conn))
        snap.move(snapshot.places(conn))
        snap.doubt(snapshot.doubtful(conn))
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
        if self._is_due("doubt"):
            self.snap.doubt(snapshot.doubtful(conn))
        if self._alarms_changed:
            self._alarms_changed = False
            self._alarms(conn)
        frame = self.snap.frame(self.now())
        self._call(self._hub.show, frame, self.snap.movers, self.snap.heard)
        if self._is_due("traces"):
            self._traces(conn)
        if self._is_due("figures"):
            self._say("board", scenes=self._figures(frame))
        if self._is_due("feeds"):
            self._say("feeds", feeds=snapshot.feeds(conn), processes=snapshot.processes(conn))
        if self._is_due("beat"):
            process.beat(conn, "dashboards", self._started, "ok", {"screens": len(self._hub.screens)})
        if self._health:
            self._health.beat()

    def now(self) -> int:
        """The database's clock, microseconds."""
        return int((time.time() + self._offset) * 1e6)

    def take(self, folder: CityFolder) -> None:
        """A changed city folder, checked by the caller."""
        self.folder = folder
        self._due.pop("traces", None)

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
        rows = snapshot.alarms(conn)
        self.snap.alarm(rows)
        self._say("alarms", alarms=board.alarms(rows), total=len(rows))

    def _figures(self, frame: Any) -> dict[str, Any]:
        assert self.snap is not None
        today = datetime.fromtimestamp(self.now() / 1e6, self.folder.city.tz).date()
        return {
            key: [board.figure(t, self.snap, frame, self.folder, today) for t in scene.tiles]
            for key, scene in self.folder.scenes.items()
        }

    def _traces(self, conn: Connection) -> None:
        assert self.snap is not None
        self._histories.clear()
        today = datetime.fromtimestamp(self.now() / 1e6, self.folder.city.tz).date()
        scenes: dict[str, Any] = {}
        for key, scene in self.folder.scenes.items():
            traces = [board.tile_trace(t, self.snap) for t in scene.tiles]
            scenes[key] = {"sparks": [board.spark(self._history(conn, t), t.how) for t in traces], "chart": None}
            if scene.chart:
                trace = board.chart_trace(scene.chart, self.snap)
                rows = self._history(conn, trace)
                scenes[key]["chart"] = board.chart(scene.chart, trace, rows, self.snap, self.folder, today)
        self._say("traces", scenes=scenes)

    def _history(self, conn: Connection, trace: board.Trace) -> list[dict[str, Any]]:
        """Figures of several scenes often share one."""
        if not trace.sensors:
            return []
        if trace not in self._histories:
            self._histories[trace] = snapshot.history(conn, trace.metric, list(trace.sensors), trace.back, trace.step)
        return self._histories[trace]


def _shape(registry: Registry | None) -> Any:
    """What makes two registries show the same points: a move alone is no change of the set."""
    if registry is None:
        return None
    return [(r.id, r.name, r.domain, r.area, r.moves, r.kind) for r in registry.sensors], registry.series
