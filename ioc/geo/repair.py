"""A drawn shape in, a sound polygon out, with a word on what was put right: nothing is mended in silence."""

from __future__ import annotations

from typing import Any, NamedTuple

_WIDEST = 180  # degrees: what is wider goes round the back of the globe


class Mended(NamedTuple):
    """geometry: GeoJSON; word: what was put right, '' where nothing was."""

    geometry: dict[str, Any]
    word: str = ""


def polygon(geometry: dict[str, Any]) -> Mended:
    """A sound Polygon or MultiPolygon without heights. Raises ValueError that says what it is instead."""
    from shapely import force_2d
    from shapely.geometry import mapping, shape

    drawn = shape(geometry)
    if drawn.is_empty:
        raise ValueError("the polygon is empty")
    _on_earth(*drawn.bounds)
    if drawn.geom_type not in ("Polygon", "MultiPolygon", "GeometryCollection"):
        raise ValueError(f"is a {drawn.geom_type}, not a polygon")
    flat, words = force_2d(drawn), []
    if flat.bounds[2] - flat.bounds[0] > _WIDEST:
        flat = _unwrapped(flat)
        words.append("it crosses the 180th meridian: cut there")
    if not flat.is_valid:
        flat, word = _valid(flat)
        words.append(word)
    whole = _polygons(flat)
    if whole.is_empty:
        raise ValueError(f"is a {drawn.geom_type} without a polygon")
    changed = words or drawn.has_z or whole.geom_type != drawn.geom_type
    return Mended(dict(mapping(whole)) if changed else geometry, "; ".join(words))


def point(geometry: dict[str, Any]) -> tuple[float, float] | None:
    """(lat, lon) of a Point, or of a MultiPoint of one; None where it is empty. Raises ValueError."""
    at = geometry.get("coordinates") or []
    if geometry["type"] == "MultiPoint" and len(at) == 1:
        at = at[0]
    elif geometry["type"] != "Point":
        raise ValueError(f"a sensor is a Point, not a {geometry['type']}")
    return (float(at[1]), float(at[0])) if len(at) >= 2 and at[0] == at[0] else None


def _valid(drawn: Any) -> tuple[Any, str]:
    from shapely import make_valid
    from shapely.validation import explain_validity

    why = explain_validity(drawn)
    whole = _polygons(make_valid(drawn))
    if whole.is_empty:
        raise ValueError(f"the polygon is not sound: {why}")
    return whole, f"the polygon is not sound ({why}): repaired"


def _polygons(shape: Any) -> Any:
    """Only what has an area."""
    from shapely import MultiPolygon, get_parts

    if shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    flat = [p for part in get_parts(shape) for p in get_parts(part) if p.geom_type == "Polygon"]
    return flat[0] if len(flat) == 1 else MultiPolygon(flat)


def _on_earth(west: float, south: float, east: float, north: float) -> None:
    """Raises ValueError, with the usual reason where it is that."""
    if -90 <= south <= north <= 90 and -180 <= west <= east <= 180:
        return
    swapped = -90 <= west <= east <= 90 and -180 <= south <= north <= 180
    hint = "lat and lon are swapped: write [lon, lat]" if swapped else "coordinates are degrees, [lon, lat]"
    raise ValueError(f"{west:g}, {south:g} is no place on Earth; {hint}")


def _unwrapped(drawn: Any) -> Any:
    """A shape drawn from 179 to -179 as its two halves; one that really is as wide stays."""
    import numpy as np
    from shapely import box, transform, union_all

    east = transform(drawn, lambda at: np.column_stack([np.where(at[:, 0] < 0, at[:, 0] + 360, at[:, 0]), at[:, 1]]))
    if east.bounds[2] - east.bounds[0] > _WIDEST:
        return drawn
    west = transform(east.intersection(box(180, -90, 540, 90)), lambda at: at - [360, 0])
    return union_all([east.intersection(box(-180, -90, 180, 90)), west])
