"""One message in, every screen out: keeps the newest frame, hands a new screen everything and then what changes.

Runs on the event loop. A screen that is too slow loses its oldest messages and is sent everything afresh.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import numpy as np

from dashboards import metrics, snapshot, wire

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboards.snapshot import Frame

Message = bytes | str
_QUEUE = 16  # messages a screen may be behind
HEARTBEAT = 1.0  # seconds: a screen that hears nothing for three of these says so
_NO_POINTS = snapshot.Delta(np.zeros(0, np.intp), np.zeros(0, np.intp))


class Screen:
    """One connected browser."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Message | None] = asyncio.Queue(_QUEUE)

    def offer(self, message: Message) -> None:
        if self.queue.full():
            self.offer_everything()
        else:
            self.queue.put_nowait(message)

    def offer_everything(self) -> None:
        """Whatever still waits is out of date: send everything afresh."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Hub:
    def __init__(self) -> None:
        self.screens: set[Screen] = set()
        self.frame: Frame | None = None
        self.movers: NDArray[np.intp] = np.zeros(0, np.intp)
        self.texts: dict[str, str] = {}  # the newest JSON of each kind
        self.sequence = 0
        self.heard = 0  # newest commit, microseconds
        self.away = True
        self.offset = 0.0  # the database's clock minus ours, seconds
        self.quiet_since = 0.0

    def clock(self) -> wire.Clock:
        return wire.Clock((time.time() + self.offset) * 1000, self.heard / 1000, self.away)

    def everything(self) -> list[Message]:
        """What a screen needs to show the city, texts first."""
        points = [] if self.frame is None else [wire.whole(self.frame, self.movers, self.sequence, self.clock())]
        return [*self.texts.values(), *points]

    def show(self, frame: Frame, movers: NDArray[np.intp], heard: int) -> None:
        """A new frame: tell every screen what changed in it."""
        old, self.frame, self.movers, self.heard = self.frame, frame, movers, heard
        metrics.FRAMES.inc()
        metrics.POINTS.set(len(frame.state))
        metrics.HEARD.set(heard / 1e6)
        if old is None or old.generation != frame.generation:
            self.sequence += 1
            self._tell(wire.whole(frame, movers, self.sequence, self.clock()))
            return
        what = snapshot.delta(old, frame)
        if len(what.changed) or len(what.moved):
            self.sequence += 1
            self._tell(wire.changed(frame, what, self.sequence, self.clock()))

    def say(self, kind: str, text: str) -> None:
        """JSON of one kind; told only when it differs from the last."""
        if self.texts.get(kind) != text:
            self.texts[kind] = text
            self._tell(text)

    def forget(self, prefix: str) -> None:
        """Kinds that are no more."""
        for kind in [k for k in self.texts if k.startswith(prefix)]:
            del self.texts[kind]

    def reach(self, away: bool, offset: float | None = None) -> None:
        """Whether the store can be reached; a change is told at once."""
        self.offset = self.offset if offset is None else offset
        metrics.AWAY.set(away)
        if away != self.away:
            self.away = away
            self.beat()

    def beat(self) -> None:
        """The heartbeat: clock and age, no points."""
        if self.frame is not None:
            self._tell(wire.changed(self.frame, _NO_POINTS, self.sequence, self.clock()))
        else:
            self._tell('{"type":"wait"}')

    async def pulse(self) -> None:
        """Beat whenever nothing else was said for a second; runs until cancelled."""
        while True:
            await asyncio.sleep(HEARTBEAT / 4)
            metrics.SCREENS.set(len(self.screens))
            if time.monotonic() - self.quiet_since >= HEARTBEAT:
                self.beat()

    def _tell(self, message: Message) -> None:
        if isinstance(message, bytes):  # JSON carries no clock, so it is no heartbeat
            self.quiet_since = time.monotonic()
        for screen in self.screens:
            screen.offer(message)
