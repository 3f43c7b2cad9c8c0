"""Places near each other on a flat patch of the earth: distances, and how far inside an outline a place is. Pure.

Good to a few per mille over some hundred kilometres, which a city is smaller than.
"""

from __future__ import annotations

from math import cos, hypot, radians
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Array = np.ndarray[Any, Any]
Place = tuple[float, float]  # latitude, longitude
_DEGREE_M = 111_195.0  # of latitude


def distance(a: Place, b: Place) -> float:
    """Metres; across the date line too."""
    east = (b[1] - a[1] + 180.0) % 360.0 - 180.0
    return hypot((b[0] - a[0]) * _DEGREE_M, east * _DEGREE_M * cos(radians((a[0] + b[0]) / 2)))


def rings(geometry: dict[str, Any]) -> list[Array]:
    """The rings (lat, lon) of a GeoJSON polygon or of several, outer ones and holes alike. Raises ValueError."""
    kind, found = geometry.get("type"), geometry.get("coordinates") or []
    if kind == "GeometryCollection":
        return [ring for part in geometry.get("geometries", []) for ring in rings(part)]
    if kind not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"an outline must be a polygon, not {kind}")
    polygons = [found] if kind == "Polygon" else found
    return [np.asarray(ring, dtype=float)[:, [1, 0]] for polygon in polygons for ring in polygon if len(ring) > 2]


def depth(outline: Sequence[Array], lat: float, lon: float) -> float:
    """Metres to the nearest border: positive inside, negative outside. -inf without an outline."""
    nearest, inside = float("inf"), False
    east = _DEGREE_M * cos(radians(lat))
    for ring in outline:
        y, x = (ring[:, 0] - lat) * _DEGREE_M, (ring[:, 1] - lon) * east
        y2, x2 = np.roll(y, -1), np.roll(x, -1)
        with np.errstate(divide="ignore", invalid="ignore"):
            crosses = ((y > 0) != (y2 > 0)) & (x - y * (x2 - x) / (y2 - y) > 0)
        inside ^= bool(crosses.sum() % 2)
        nearest = min(nearest, _to_edges(x, y, x2 - x, y2 - y))
    return nearest if inside else -nearest


def _to_edges(x: Array, y: Array, dx: Array, dy: Array) -> float:
    """From the origin to the nearest of these edges."""
    long = dx * dx + dy * dy
    share = np.clip(-(x * dx + y * dy) / np.where(long == 0, 1, long), 0, 1)
    return float(np.sqrt(np.min((x + share * dx) ** 2 + (y + share * dy) ** 2)))


def deepest(outlines: Iterable[Sequence[Array]], lat: float, lon: float) -> float:
    """How far inside the one of these outlines that the place is deepest in."""
    return max((depth(outline, lat, lon) for outline in outlines), default=float("-inf"))
