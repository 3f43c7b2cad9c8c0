"""The set of points as browsers load it, and what of it changes: one column a property, in the order of the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ioc.config.types import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.layouts import Change
    from dashboards.snapshot import Frame, Snapshot

_DEGREE = 1e7


def columns(snap: Snapshot, frame: Frame, language: str) -> dict[str, Any]:
    """Ids, names, places and series of every point; small tables for what repeats. A removed point is in `gone`."""
    domains, domain = _table([row.domain for row in snap.sensors])
    areas, area = _table([row.area for row in snap.sensors])
    metrics, metric = _table([metric for _, _, metric in snap.layout.slots])
    return {
        "generation": snap.generation, "revision": snap.revision,
        "id": [row.id for row in snap.sensors],
        "key": [row.key for row in snap.sensors],
        "name": [say(row.name, language) or row.key for row in snap.sensors],
        "lat": [x / _DEGREE for x in frame.lat.tolist()],
        "lon": [x / _DEGREE for x in frame.lon.tolist()],
        "moves": snap.movers.tolist(),
        "gone": [i for i, there in enumerate(snap.layout.present) if not there],
        "domains": domains, "domain": domain, "areas": areas, "area": area,
        "metrics": [_metric(key, snap.metrics.get(key) or {}) for key in metrics],
        "slots": {"point": snap.point.tolist(), "metric": metric}, "head": snap.head.tolist(),
    }  # fmt: skip


def said(snap: Snapshot, change: Change) -> dict[str, Any]:
    """What came, went or looks otherwise, in all languages: one message for every screen."""
    heads = {int(snap.point[at]) for at in change.slots}
    names = {snap.layout.slots[at][2] for at in change.slots}
    return {
        "type": "set", "generation": snap.generation, "revision": snap.revision, "gone": change.gone,
        "points": [_point(snap, i) for i in change.points],
        "slots": [[at, int(snap.point[at]), snap.layout.slots[at][2]] for at in change.slots],
        "heads": [[i, int(snap.head[i])] for i in sorted(heads)],
        "metrics": [_metric(key, snap.metrics.get(key) or {}) for key in sorted(names)],
    }  # fmt: skip


def _point(snap: Snapshot, i: int) -> dict[str, Any]:
    row = snap.sensors[i]
    return {"i": i, "id": row.id, "key": row.key, "name": row.name, "lat": row.lat, "lon": row.lon,
            "moves": bool(row.moves), "domain": row.domain, "area": row.area}  # fmt: skip


def _table(values: Sequence[str]) -> tuple[list[str], list[int]]:
    """Distinct values, and each one's place among them."""
    distinct = {value: i for i, value in enumerate(dict.fromkeys(values))}
    return list(distinct), [distinct[value] for value in values]


def _metric(key: str, metric: dict[str, Any]) -> dict[str, Any]:
    """Names in all languages. steps: [[level, severity], ...] as the metric's file says."""
    settings = metric.get("settings", {})
    return {
        "key": key, "name": metric.get("name") or {"": key}, "unit": metric.get("unit", ""),
        "decimals": metric.get("decimals", 1), "domain": metric.get("domain", ""),
        "states": settings.get("states") or {}, "steps": settings.get("steps") or [],
    }  # fmt: skip
