"""Areas in, lighter drawings of them out where they are too heavy for screens; what is joined stays as it was drawn."""

from __future__ import annotations

from typing import Any

_HEAVY = 20_000  # corners of all areas of a map together
_TOLERANCE = 0.0002  # degrees, about 20 m: less than a pixel where a city fills a wall


def drawings(maps: dict[Any, list[dict[str, Any]]]) -> dict[Any, list[dict[str, Any] | None]]:
    """GeoJSON polygons by map -> their drawings, None where the polygon itself will do.

    Neighbours of a map keep their common border: they are simplified together.
    """
    return {name: _map(shapes) for name, shapes in maps.items()}


def _map(shapes: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    from shapely import coverage_simplify, get_num_coordinates
    from shapely.geometry import mapping, shape

    drawn = [shape(s) for s in shapes]
    if get_num_coordinates(drawn).sum() <= _HEAVY:
        return [None] * len(shapes)
    light = coverage_simplify(drawn, _TOLERANCE)
    return [None if s.is_empty else dict(mapping(s)) for s in light]
