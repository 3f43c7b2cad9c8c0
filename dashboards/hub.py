"""One message in, every screen out: keeps the newest frame, hands a new screen everything and then what changes.

Runs on the event loop. Nothing queues: a screen remembers how far it was told, and whoever is behind is told what
changed since as it is now, in one message of its own, so old deltas are lost and the newest state never is.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dashboards import metrics, snapshot, wire

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from dashboards.presence import Said
    from dashboards.snapshot import Delta, Frame
    from ioc.store.displays import Orders

Message = bytes | str
HEARTBEAT = 1.0  # seconds: a screen that hears nothing for three of these says so
_KEPT = 240  # steps remembered: half a minute or more; who is further behind is given everything
_CLOSE = 3  # steps behind that are told one by one, in the bytes that everybody gets
_NOBODY = np.zeros(0, np.intp)
_NOTHING = snapshot.Delta(_NOBODY, _NOBODY, _NOBODY)


class Step(NamedTuple):
    """From one frame to the next. said: the message about new and removed points before it, "" where there are none."""

    sequence: int
    delta: Delta
    said: str
    encoded: bytes


class Screen:
    """One connected browser, and how far it was told.

    display: its number where it is a paired screen, which is told of its own scenes alone; scenes: empty is every one.
    live: told of the city; else only what is for it alone, as one that is shown the past.
    """

    def __init__(
        self, display: int | None = None, scenes: Iterable[str] = (), address: str = "", *, live: bool = True
    ) -> None:
        self.display, self.scenes, self.address, self.live = display, frozenset(scenes), address, live
        self.said: Said | None = None  # of itself
        self.orders: Orders | None = None  # as it was last told
        self.own: list[Message] = []  # for this one alone
        self.ended = False
        self.wake = asyncio.Event()
        self.again()

    def tell(self, message: Message) -> None:
        """To this one alone; of several that wait the newest counts."""
        self.own = [message]
        self.wake.set()

    def end(self) -> None:
        """Its key opens nothing any more."""
        self.ended = True
        self.wake.set()

    def sees(self, kind: str) -> bool:
        """Whether a text is for it: widget/SCENE/NUMBER and its like are for those who may show the scene."""
        scene = kind.partition("/")[2].rpartition("/")[0]
        return not scene or not self.scenes or scene in self.scenes

    def again(self) -> None:
        """It lost track, or is new: everything."""
        self.sequence = -1
        self.texts: dict[str, int] = {}
        self.beat = -1
        self.wake.set()


class Hub:
    def __init__(self) -> None:
        self.screens: set[Screen] = set()
        self.frame: Frame | None = None
        self.movers: NDArray[np.intp] = _NOBODY
        self.texts: dict[str, str] = {}  # the newest JSON of each kind
        self._versions: dict[str, int] = {}
        self._steps: deque[Step] = deque(maxlen=_KEPT)
        self._beats = 0
        self._beat: Message = '{"type":"wait"}'
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

    def pending(self, screen: Screen) -> list[Message]:
        """What this screen has not been told, which it now counts as told."""
        own, screen.own = screen.own, []
        if not screen.live:
            return own
        said, versions = screen.texts, self._versions
        texts: list[Message] = [
            t for kind, t in self.texts.items() if said.get(kind) != versions[kind] and screen.sees(kind)
        ]
        points = self._points(screen)
        beat: list[Message] = [self._beat] if not points and screen.beat != self._beats else []
        screen.texts, screen.sequence, screen.beat = dict(self._versions), self.sequence, self._beats
        if self.frame is None:
            screen.sequence = -1
        return [*own, *texts, *points, *beat]

    def _points(self, screen: Screen) -> list[Message]:
        if self.frame is None or screen.sequence == self.sequence:
            return []
        missed = [step for step in self._steps if step.sequence > screen.sequence]
        if screen.sequence < 0 or len(missed) != self.sequence - screen.sequence:
            return [wire.whole(self.frame, self.movers, self.sequence, self.clock())]
        if len(missed) <= _CLOSE:
            return [part for step in missed for part in (step.said, step.encoded) if part]
        metrics.CAUGHT_UP.inc()
        together = snapshot.union(step.delta for step in missed)
        said: list[Message] = [step.said for step in missed if step.said]
        return [*said, wire.changed(self.frame, together, self.sequence, self.clock())]

    def show(self, frame: Frame, movers: NDArray[np.intp], heard: int, said: str = "") -> None:
        """A new frame: tell every screen what changed in it. said: JSON about points that came or went."""
        old, self.frame, self.movers, self.heard = self.frame, frame, movers, heard
        metrics.FRAMES.inc()
        metrics.POINTS.set(len(frame.state))
        metrics.HEARD.set(heard / 1e6)
        if old is None or old.generation != frame.generation:
            self._steps.clear()
            self.sequence += 2  # so that nobody's place in the line is the one before this
            self._wake()
        elif (what := snapshot.delta(old, frame)) or said:
            self.sequence += 1
            self._steps.append(Step(self.sequence, what, said, wire.changed(frame, what, self.sequence, self.clock())))
            self.quiet_since = time.monotonic()
            self._wake()

    def say(self, kind: str, text: str) -> None:
        """JSON of one kind; told only when it differs from the last."""
        if self.texts.get(kind) != text:
            self.texts[kind] = text
            self._versions[kind] = self._versions.get(kind, 0) + 1
            self._wake()

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
            self._beat = wire.changed(self.frame, _NOTHING, self.sequence, self.clock())
        self._beats += 1
        self.quiet_since = time.monotonic()
        self._wake()

    async def pulse(self) -> None:
        """Beat whenever nothing else was said for a second; runs until cancelled."""
        while True:
            await asyncio.sleep(HEARTBEAT / 4)
            metrics.SCREENS.set(len(self.screens))
            if time.monotonic() - self.quiet_since >= HEARTBEAT:
                self.beat()

    def _wake(self) -> None:
        for screen in self.screens:
            screen.wake.set()
