"""A frame of the map -> bytes for every screen, encoded once for all of them.

One binary message, little endian:

    u8 kind (1 whole, 2 changed), u8 store away, 2 spare, u32 generation, u32 revision, u32 sequence,
    u32 wide, u32 narrow, u32 states, u32 moved, f64 server's clock ms, f64 newest data ms,

whole:    f64 value[wide], u32 time[wide] seconds; u8 state[states] padded to 4
changed:  f64 value[wide], u32 slot[wide], u32 time[wide];
          u32 slot[narrow], f32 value[narrow], u16 age[narrow] seconds before the clock, padded to 4;
          u32 state[states]: point x 8 + state
both:     u32 point[moved], i32 lat[moved], i32 lon[moved] in 1e-7 degrees, u32 age[moved] ms before the clock

A value is narrow, 10 bytes, where nothing of it that is shown is lost; else wide, 16. What changes slowly (figures,
alarms, charts) travels as JSON text beside it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboards.snapshot import Delta, Frame

WHOLE, CHANGED = 1, 2
_HEAD = struct.Struct("<BBxxIIIIIIIdd")
_EXACT = 1e-6  # of a value: less of it is lost in 4 bytes than anybody reads
_FIGURES = 1e6  # from here on a reader may count units, so that all of it must arrive
_OLDEST = 0xFFFF  # seconds that fit into a narrow age
_UNKNOWN = 0xFFFFFFFF  # age of a place: nobody said when


class Clock(NamedTuple):
    """now, data: milliseconds, the database's clock and the newest commit; away: the store cannot be reached."""

    now: float
    data: float
    away: bool


def whole(frame: Frame, movers: NDArray[np.intp], sequence: int, clock: Clock) -> bytes:
    """Everything: what a screen gets when it connects."""
    state = frame.state.tobytes()
    head = _head(WHOLE, frame, sequence, (len(frame.value), 0, len(state), len(movers)), clock)
    body = [frame.value.tobytes(), frame.since.tobytes(), state, bytes(-len(state) % 4)]
    return b"".join([head, *body, *_moved(frame, movers, clock)])


def changed(frame: Frame, what: Delta, sequence: int, clock: Clock) -> bytes:
    """Only what changed; with nothing changed, the heartbeat."""
    age = int(clock.now // 1000) - frame.since[what.values].astype(np.int64)
    fits = _narrow(frame.value[what.values]) & (age >= 0) & (age <= _OLDEST)
    wide, narrow = what.values[~fits], what.values[fits]
    ages = age[fits].astype(np.uint16).tobytes()
    states = (what.states.astype(np.uint32) << np.uint32(3)) | frame.state[what.states]
    head = _head(CHANGED, frame, sequence, (len(wide), len(narrow), len(states), len(what.moved)), clock)
    body = [
        frame.value[wide].tobytes(), wide.astype(np.uint32).tobytes(), frame.since[wide].tobytes(),
        narrow.astype(np.uint32).tobytes(), frame.value[narrow].astype(np.float32).tobytes(), ages,
        bytes(-len(ages) % 4), states.astype(np.uint32).tobytes(),
    ]  # fmt: skip
    return b"".join([head, *body, *_moved(frame, what.moved, clock)])


def _narrow(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which values four bytes can carry."""
    with np.errstate(over="ignore", invalid="ignore"):
        short = values.astype(np.float32).astype(np.float64)
        near = np.abs(short - values) <= _EXACT * np.abs(values)
        return (near & (np.abs(values) < _FIGURES)) | np.isnan(values)


def _head(kind: int, frame: Frame, sequence: int, counts: tuple[int, int, int, int], clock: Clock) -> bytes:
    return _HEAD.pack(kind, clock.away, frame.generation, frame.revision, sequence, *counts, clock.now, clock.data)


def _moved(frame: Frame, points: NDArray[np.intp], clock: Clock) -> list[bytes]:
    at = frame.at[points]
    age = np.where(at > 0, (int(clock.now) - at).clip(0, _UNKNOWN - 1), _UNKNOWN).astype(np.uint32)
    return [points.astype(np.uint32).tobytes(), frame.lat[points].tobytes(), frame.lon[points].tobytes(), age.tobytes()]
