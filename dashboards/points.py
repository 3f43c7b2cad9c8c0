"""The set of points as browsers load it: one column a property, in the order the wire's indices mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ioc.config.types import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.snapshot import Frame, Snapshot


def columns(snap: Snapshot, frame: Frame, language: str) -> dict[str, Any]:
    """Ids, names, places and headline metrics of every point; small tables for what repeats."""
    domains, domain = _table([row.domain for row in snap.sensors])
    areas, area = _table([row.area for row in snap.sensors])
    metric_of = {at: metric for slots in snap.slots_of.values() for at, metric in slots}
    metrics, metric = _table([metric_of.get(int(at), "") for at in snap.head])
    return {
        "generation": snap.generation,
        "id": [row.id for row in snap.sensors],
        "key": [row.key for row in snap.sensors],
        "name": [say(row.name, language) or row.key for row in snap.sensors],
        "lat": [round(float(x), 6) for x in frame.lat],
        "lon": [round(float(x), 6) for x in frame.lon],
        "moves": [int(i) for i in snap.movers],
        "domains": domains, "domain": domain, "areas": areas, "area": area,
        "metrics": [_metric(key, snap.metrics.get(key) or {}, language) for key in metrics], "metric": metric,
    }  # fmt: skip


def _table(values: Sequence[str]) -> tuple[list[str], list[int]]:
    """Distinct values, and each one's place among them."""
    distinct = {value: i for i, value in enumerate(dict.fromkeys(values))}
    return list(distinct), [distinct[value] for value in values]


def _metric(key: str, metric: dict[str, Any], language: str) -> dict[str, Any]:
    states = metric.get("settings", {}).get("states") or {}
    return {
        "key": key, "name": say(metric.get("name") or {"": key}, language), "unit": metric.get("unit", ""),
        "decimals": metric.get("decimals", 1), "states": {k: say(text, language) for k, text in states.items()},
    }  # fmt: skip
