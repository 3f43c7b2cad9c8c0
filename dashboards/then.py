"""The time machine: a past moment of the store, said to one screen in the words of the live channel.

The screen draws it with the code that draws now. Frames are built in a thread, at most a few at once in the process,
so that somebody who plays yesterday at sixhundredfold speed cannot slow the walls.
"""

from __future__ import annotations

import asyncio
import copy
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from dashboards import board, scenes, wire
from dashboards.snapshot import NO_DATA, Snapshot
from ioc.store import asof

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from dashboards.context import Context
    from dashboards.hub import Message
    from dashboards.live import Live
    from dashboards.snapshot import Frame
    from ioc.store.database import Connection

FASTEST = 600.0
_PACE = 1.0  # seconds between two frames while playing
_PAST_EVERY = 5.0  # seconds between two readings of the sparklines and charts while playing
_COARSE = 3600e6  # microseconds: the past is kept coarser than it was live, so nothing fresher than this need be old
_LOCK = asyncio.Semaphore(2)  # frames being built at once
_NEVER = np.iinfo(np.int64).min


@dataclass(slots=True)
class Journey:
    """Where one screen is in the past. at: milliseconds; speed: 0 stands still; scene: whose widgets it shows; scenes:
    what a paired screen may show, empty is every one.
    """

    at: float = 0.0
    speed: float = 0.0
    scene: str = ""
    scenes: Collection[str] = ()
    since: float = field(default_factory=time.monotonic)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, asked: dict[str, Any], now: float) -> None:
        """What the screen asks for; never beyond now, never faster than there is."""
        self.at = self.moment(now)
        if isinstance(asked.get("at"), int | float):
            self.at = max(0.0, min(float(asked["at"]), now))
        if isinstance(asked.get("speed"), int | float):
            self.speed = max(0.0, min(float(asked["speed"]), FASTEST))
        if isinstance(asked.get("scene"), str):
            scene = asked["scene"][:100]
            self.scene = scene if not self.scenes or scene in self.scenes else ""
        self.since = time.monotonic()
        self.news.set()

    def moment(self, now: float) -> float:
        return min(now, self.at + (time.monotonic() - self.since) * 1000 * self.speed)


def blank(snap: Snapshot) -> Snapshot:
    """The same points without anything known of them."""
    twin = copy.copy(snap)
    twin.values = np.full(len(snap.values), np.nan)
    twin.times = np.full(len(snap.times), _NEVER, np.int64)
    twin._severity = np.zeros_like(snap._severity)  # noqa: SLF001  its own kind
    twin._doubt = np.zeros_like(snap._doubt)  # noqa: SLF001
    twin._alarm = np.full_like(snap._alarm, NO_DATA)  # noqa: SLF001
    twin.alarmed = np.full_like(snap.alarmed, NO_DATA)
    twin._lat, twin._lon, twin._at = snap._lat.copy(), snap._lon.copy(), np.zeros_like(snap._at)  # noqa: SLF001
    twin._moves = snap._moves.copy()  # noqa: SLF001
    twin.heard = 0
    return twin


class Then(NamedTuple):
    """A past moment, in the shapes of now."""

    snap: Snapshot
    frame: Frame
    city: asof.City


def read(conn: Connection, live: Live, at: datetime) -> Then:
    """The city as of `at`, drawn by the code that draws now. Raises StoreAway, StoreError."""
    assert live.snap is not None
    city, snap = asof.city(conn, at), blank(live.snap)
    snap.apply(city.latest)
    snap.move(city.places)
    snap.alarm(city.alarms)
    micros = int(at.timestamp() * 1e6)
    _be_patient(snap, micros)
    return Then(snap, snap.frame(micros), city)


def build(conn: Connection, context: Context, at: datetime, sequence: int, scene: str, *, past: bool) -> list[Message]:
    """Everything a screen shows as of `at`: alarms, events, the widgets of `scene`, every point."""
    snap, frame, city = read(conn, context.live, at)
    micros = int(at.timestamp() * 1e6)
    newest = max((row.time for row in city.latest), default=0)
    clock = wire.Clock(micros / 1000, newest / 1000, away=False)
    texts = [_text("alarms", **board.alarms(city.alarms)), _text("events", events=city.events)]
    parts = [part for part in scenes.parts(context.live.folder) if part.name.rpartition("/")[0] == scene]
    texts += _widgets(conn, parts, snap, frame, micros, city, context, past=past)
    return [*texts, wire.whole(frame, snap.movers, sequence, clock)]


def _be_patient(snap: Snapshot, now: int) -> None:
    """A sensor is out of date by what its feed's others were like then, within an hour: one that fell silent among
    talking ones shows, and a history that keeps every twentieth minute is not grey all over.
    """
    known = snap.times != _NEVER
    owner = snap.point
    feeds = np.array([row.feed for row in snap.sensors])
    if not len(owner) or not known.any():
        return
    patience = snap._patience.copy()  # noqa: SLF001
    ages = now - snap.times
    for feed in np.unique(feeds):
        mine = known & (feeds[owner] == feed)
        if mine.any():
            usual = min(3 * float(np.median(ages[mine])), _COARSE)
            patience[feeds == feed] = np.maximum(patience[feeds == feed], usual)
    snap._patience = patience  # noqa: SLF001


def _widgets(
    conn: Connection, parts: list[scenes.Part], snap: Snapshot, frame: Any, micros: int, city: asof.City,
    context: Context, *, past: bool,
) -> Iterator[str]:  # fmt: skip
    wanted = scenes.wanted(parts, snap) if past else {}
    known = scenes.read(conn, (trace for some in wanted.values() for trace in some), micros) if wanted else {}
    for name, some in wanted.items():
        yield _text(f"trace/{name}", lines=[known[trace] for trace in some])
    moment = {"folder": context.live.folder, "snap": snap, "frame": frame, "now": micros, "past": known,
              "alarms": city.alarms, "events": city.events}  # fmt: skip
    for name, drawn in scenes.draw(parts, moment):
        yield _text(f"widget/{name}", drawn=drawn)


def _text(kind: str, **content: Any) -> str:
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return orjson.dumps({"type": kind, **content}, option=options, default=str).decode()


async def run(context: Context, journey: Journey, send: Callable[[Message], Any]) -> None:
    """Frames for one screen until cancelled: at every request, once a second while it plays; a beat while it stands."""
    sequence, read_at, shown = 0, 0.0, None
    while True:
        now = context.live.now() / 1000
        at = journey.moment(now)
        if (shown is None or journey.speed > 0 or journey.news.is_set()) and context.live.snap is not None:
            asked = journey.news.is_set() or shown is None
            journey.news.clear()
            past = asked or time.monotonic() - read_at > _PAST_EVERY
            read_at = time.monotonic() if past else read_at
            sequence += 1
            shown = at
            moment = datetime.fromtimestamp(at / 1000, UTC)
            async with _LOCK:
                messages = await asyncio.to_thread(_read, context, moment, sequence, journey.scene, past)
            for message in messages:
                await send(message)
        await send('{"type":"beat"}')
        if journey.speed > 0 and at >= now - _PACE * 1000:
            await send('{"type":"arrived"}')  # caught up with now
            journey.speed = 0
        try:
            await asyncio.wait_for(journey.news.wait(), _PACE)
        except TimeoutError:
            continue


def _read(context: Context, at: datetime, sequence: int, scene: str, past: bool) -> list[Message]:
    with context.pool.connection() as conn:
        return build(conn, context, at, sequence, scene, past=past)
