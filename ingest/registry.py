"""(sensor, metric) -> a slot with everything one reading needs; new ones get their rows in bulk, before their readings.

The receiving thread makes slots, the committing thread gives them ids: lists only grow, so neither waits for the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ioc.store import series as store

if TYPE_CHECKING:
    from ioc.records import Micros
    from ioc.store.arrays import Array
    from ioc.store.database import Connection


class Sensor(NamedTuple):
    """A sensor as messages brought it. cadence in seconds."""

    key: str
    feed_id: int
    domain: str = ""
    cadence: float | None = None
    id_from: str = "payload"


class Slot(NamedTuple):
    """One series. A value counts as value * factor + offset; outside low..high, or before oldest, it is suspect."""

    sensor: int  # index in Registry.sensors
    metric: str
    feed_id: int
    low: float
    high: float
    factor: float
    offset: float
    oldest: Micros
    time_from: str
    corrects: bool  # whether another value for a stored time puts it right


class Registry:
    """Sensors and slots of one reading of the city folder; a new reading starts a new registry."""

    def __init__(self, conn: Connection | None, feed_ids: dict[str, int] | None = None) -> None:
        """Reads what the database knows; without one, to try feeds on paper, nothing is known. Raises StoreAway."""
        self.feed_ids = store.feed_ids(conn) if conn else feed_ids or {}
        self.known_series = store.known_series(conn) if conn else {}  # that had a row when this began
        self.sensors: list[Sensor | None] = []  # None: had a row when this began
        self.slots: list[Slot] = []
        self._keys: list[str] = []
        self._numbers: dict[str, int] = {}  # sensor key -> index
        self._counts: dict[int, int] = {}  # feed id -> sensors
        self._sensor_ids = np.zeros(0, dtype=np.int32)
        self._table = _table([], [])
        self._series_ids = dict(self.known_series)
        known = store.known_sensors(conn) if conn else []
        for key, feed_id, _ in known:
            self._note(key, feed_id, None)
        self._sensor_ids = np.array([id_ for *_, id_ in known], dtype=np.int32)

    def has(self, key: str) -> bool:
        return key in self._numbers

    def count(self, feed_id: int) -> int:
        """How many sensors the feed has."""
        return self._counts.get(feed_id, 0)

    def sensor(self, new: Sensor) -> int:
        """The index of a sensor, which is made where it is new."""
        found = self._numbers.get(new.key)
        return self._note(new.key, new.feed_id, new) if found is None else found

    def slot(self, slot: Slot) -> int:
        """The index of a new slot."""
        self.slots.append(slot)
        return len(self.slots) - 1

    def key(self, sensor: int) -> str:
        return self._keys[sensor]

    def table(self, conn: Connection) -> Array:
        """One row a slot, see `_table`; sensors and series that are new get their database rows first."""
        start, end = len(self._table), len(self.slots)  # before the sensors: a slot's sensor is older than the slot
        self.resolve_sensors(conn)
        if start < end:
            fresh = self.slots[start:end]
            wanted = [(self._keys[s.sensor], s.metric) for s in fresh]
            missing = {pair: s for pair, s in zip(wanted, fresh, strict=True) if pair not in self._series_ids}
            if missing:
                rows = [{"key": key, "metric": metric, "feed_id": s.feed_id, "time_from": s.time_from}
                        for (key, metric), s in missing.items()]  # fmt: skip
                self._series_ids |= store.add_series(conn, rows)
            ids = [self._series_ids[pair] for pair in wanted]
            self._table = np.concatenate([self._table, _table(fresh, ids)])
        return self._table

    def paper(self) -> Array:
        """The same as `table` with 0 for every id, and no database: for a trial."""
        return _table(self.slots, [0] * len(self.slots))

    def resolve_sensors(self, conn: Connection) -> Array:
        """The database ids of the sensors, by index; rows are made for new ones."""
        start, end = len(self._sensor_ids), len(self._keys)
        if start < end:
            fresh = [s for s in self.sensors[start:end] if s]
            rows = [{**s._asdict(), "moves": False} for s in fresh]
            ids = store.add_sensors(conn, rows)
            self._sensor_ids = np.append(self._sensor_ids, np.array([ids[s.key] for s in fresh], dtype=np.int32))
        return self._sensor_ids

    @property
    def unresolved(self) -> bool:
        """Whether the next `table` will write rows."""
        return len(self._table) < len(self.slots) or len(self._sensor_ids) < len(self._keys)

    def _note(self, key: str, feed_id: int | None, sensor: Sensor | None) -> int:
        number = len(self.sensors)
        self.sensors.append(sensor)
        self._keys.append(key)
        self._numbers[key] = number
        if feed_id is not None:
            self._counts[feed_id] = self._counts.get(feed_id, 0) + 1
        return number


_ROW = np.dtype([("series", "i4"), ("feed", "i4"), ("low", "f8"), ("high", "f8"), ("factor", "f8"), ("offset", "f8"),
                 ("oldest", "i8"), ("corrects", "?")])  # fmt: skip


def _table(slots: list[Slot], ids: list[int]) -> Array:
    rows = [
        (id_, s.feed_id, s.low, s.high, s.factor, s.offset, s.oldest, s.corrects)
        for s, id_ in zip(slots, ids, strict=True)
    ]
    return np.array(rows, dtype=_ROW)
