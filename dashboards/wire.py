"""A frame of the map -> bytes for every screen, encoded once for all of them.

One binary message, little endian:

    u8 kind (1 whole, 2 changed), u8 store away, 2 spare, u32 generation, u32 sequence, u32 n, u32 m, 4 spare,
    f64 server's clock ms, f64 newest data ms,
    u32 index[n] (changed only), f32 value[n], u32 time[n] seconds, u8 state[n] padded to 4,
    u32 index[m], f32 lat[m], f32 lon[m]                       of points that moved

What changes slowly (figures, alarms, charts) travels as JSON text beside it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboards.snapshot import Delta, Frame

WHOLE, CHANGED = 1, 2
_HEAD = struct.Struct("<BBxxIIIIxxxxdd")


class Clock(NamedTuple):
    """now, data: milliseconds, the database's clock and the newest commit; away: the store cannot be reached."""

    now: float
    data: float
    away: bool


def whole(frame: Frame, movers: NDArray[np.intp], sequence: int, clock: Clock) -> bytes:
    """Everything: what a screen gets when it connects."""
    every = np.arange(len(frame.state), dtype=np.intp)
    return _message(WHOLE, frame, sequence, clock, every, movers)


def changed(frame: Frame, what: Delta, sequence: int, clock: Clock) -> bytes:
    """Only what changed; with nothing changed, the heartbeat."""
    return _message(CHANGED, frame, sequence, clock, what.changed, what.moved)


def _message(
    kind: int, frame: Frame, sequence: int, clock: Clock, points: NDArray[np.intp], moved: NDArray[np.intp]
) -> bytes:
    head = _HEAD.pack(kind, clock.away, frame.generation, sequence, len(points), len(moved), clock.now, clock.data)
    state = frame.state[points].tobytes()
    parts = [head, frame.value[points].tobytes(), frame.time[points].tobytes(), state, bytes(-len(state) % 4)]
    if kind == CHANGED:
        parts.insert(1, points.astype(np.uint32).tobytes())
    parts += [moved.astype(np.uint32).tobytes(), frame.lat[moved].tobytes(), frame.lon[moved].tobytes()]
    return b"".join(parts)
