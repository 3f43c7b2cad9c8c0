"""The registry -> which index is which sensor and series: kept while things come and go, so that only those travel.

Pure. A removed sensor keeps its index, empty; when too many have gone, or too much is new, everything is numbered anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ioc.store.snapshot import Registry

_MOST_GONE = 0.25  # of all indices
_MOST_NEW = 2000  # sensors or series at once: more is quicker fetched than told


class Layout(NamedTuple):
    """generation: of the numbering; revision: of what is in it. slots: (series, sensor, metric)."""

    generation: int
    revision: int
    sensors: list[Any]
    present: NDArray[np.bool_]
    slots: list[tuple[int, int, str]]


class Change(NamedTuple):
    """points: new or described otherwise; gone: removed; slots: new."""

    points: list[int]
    gone: list[int]
    slots: list[int]


def first(registry: Registry, generation: int) -> Layout:
    """Everything numbered in registry order."""
    known = {row.id for row in registry.sensors}
    slots = [row for row in registry.series if row[1] in known]
    return Layout(generation, 0, list(registry.sensors), np.ones(len(registry.sensors), np.bool_), slots)


def follow(old: Layout, registry: Registry) -> tuple[Layout, Change | None]:
    """The layout for the registry as it is now, and what of it is new; no change where the numbering is another."""
    rows = {row.id: row for row in registry.sensors}
    places = {row.id: i for i, row in enumerate(old.sensors)}
    series = {row[0] for row in old.slots}
    new = [row for row in registry.sensors if row.id not in places]
    slots = [row for row in registry.series if row[0] not in series and row[1] in rows]
    gone = [i for i, row in enumerate(old.sensors) if old.present[i] and row.id not in rows]
    lost = series - {row[0] for row in registry.series}
    empty = int((~old.present).sum()) + len(gone)
    if lost or max(len(new), len(slots)) > _MOST_NEW or empty > _MOST_GONE * (len(places) + 1):
        return first(registry, old.generation + 1), None
    return _grown(old, rows, new, slots, gone)


def _grown(
    old: Layout, rows: dict[int, Any], new: list[Any], slots: list[tuple[int, int, str]], gone: list[int]
) -> tuple[Layout, Change | None]:
    sensors = [rows.get(row.id, row) for row in old.sensors] + new
    present = np.array([row.id in rows for row in sensors], np.bool_)
    count, taken = len(old.sensors), len(old.slots)
    other = [i for i in range(count) if present[i] and (not old.present[i] or _looks(sensors[i], old.sensors[i]))]
    change = Change([*other, *range(count, len(sensors))], gone, list(range(taken, taken + len(slots))))
    if not any(change):
        return old._replace(sensors=sensors), None
    return Layout(old.generation, old.revision + 1, sensors, present, old.slots + slots), change


def _looks(one: Any, other: Any) -> bool:
    """Whether two rows of a sensor show as different points; a move alone does not."""
    return any(getattr(one, k) != getattr(other, k) for k in ("name", "domain", "area", "moves", "kind", "cadence"))
