"""A frame of the map and the city's shapes -> one SVG: what a browser without WebGL shows. Pure."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from dashboards.snapshot import Frame, Snapshot

_DEGREE = 1e7
_EDGE = 14  # pixels left free around the city
_CELL = 5  # pixels: of points that would cover each other the worst is drawn
_ORDER = (0, 4, 1, 6, 5, 2, 3)  # states, the worst last and so on top
_COLOUR = {0: "#5c7087", 1: "#35a79c", 2: "#ffb833", 3: "#ff5c6c", 4: "#8291a6", 5: "#a9b8ff", 6: "#8291a6"}
_GROUND = {
    "water": 'fill="#07263f"', "coast": 'fill="#07263f"', "river": 'fill="none" stroke="#0b3454" stroke-width="3"',
    "canal": 'fill="none" stroke="#0c324f"', "road": 'fill="none" stroke="#34597c" stroke-width="1.2"',
}  # fmt: skip


_NAME = (
    'text-anchor="middle" font-family="sans-serif" font-size="12" fill="#c0d0df" stroke="#08121d" '
    'stroke-width="3" paint-order="stroke"'
)


class Shapes(NamedTuple):
    """areas: rows with `geometry`; ground: features of the drawing under them."""

    areas: list[dict[str, Any]]
    ground: list[dict[str, Any]]


class View(NamedTuple):
    """Mercator -> pixels: x = (mx - west) * scale, y = (my - north) * scale + top."""

    west: float
    north: float
    scale: float
    left: float
    top: float

    def at(self, lon: Any, lat: Any) -> tuple[Any, Any]:
        x, y = _mercator(lon, lat)
        return (x - self.west) * self.scale + self.left, (y - self.north) * self.scale + self.top


def picture(snap: Snapshot, frame: Frame, shapes: Shapes, size: tuple[int, int], domains: frozenset[str]) -> str:
    """The whole city on `size` pixels. domains: whose points to draw, none for all."""
    shown = snap.layout.present.copy()
    if domains:
        shown &= np.array([row.domain in domains for row in snap.sensors], np.bool_)
    view = _view(frame, shown, shapes, size)
    w, h = size
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}">'
    parts = [head, '<rect width="100%" height="100%" fill="#07111b"/>', *_areas(shapes, view), *_ground(shapes, view)]
    return "".join([*parts, *_points(frame, shown, view), *_places(shapes, view), "</svg>"])


def _mercator(lon: Any, lat: Any) -> tuple[Any, Any]:
    return (np.asarray(lon) + 180) / 360, (1 - np.arcsinh(np.tan(np.radians(lat))) / math.pi) / 2


def _view(frame: Frame, shown: NDArray[np.bool_], shapes: Shapes, size: tuple[int, int]) -> View:
    """Around the areas, or around the points where there are no areas."""
    at = [p for row in shapes.areas for ring in _lines(row["geometry"]) for p in ring]
    if not at:
        at = list(zip(frame.lon[shown] / _DEGREE, frame.lat[shown] / _DEGREE, strict=True)) or [(-1, -1), (1, 1)]
    x, y = _mercator([p[0] for p in at], [p[1] for p in at])
    wide, tall = max(float(np.ptp(x)), 1e-6), max(float(np.ptp(y)), 1e-6)
    scale = min((size[0] - 2 * _EDGE) / wide, (size[1] - 2 * _EDGE) / tall)
    return View(float(x.min()), float(y.min()), scale, (size[0] - wide * scale) / 2, (size[1] - tall * scale) / 2)


def _lines(geometry: dict[str, Any]) -> Iterator[list[Any]]:
    """Every ring or line of a geometry."""
    kind, found = geometry.get("type"), geometry.get("coordinates") or []
    if kind == "LineString":
        yield found
    elif kind in {"Polygon", "MultiLineString"}:
        yield from found
    elif kind == "MultiPolygon":
        for polygon in found:
            yield from polygon


def _path(geometry: dict[str, Any], view: View, end: str) -> str:
    parts = []
    for line in _lines(geometry):
        x, y = view.at([p[0] for p in line], [p[1] for p in line])
        parts.append("M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True)) + end)
    return "".join(parts)


def _areas(shapes: Shapes, view: View) -> Iterator[str]:
    for row in shapes.areas:
        yield f'<path d="{_path(row["geometry"], view, "Z")}" fill="#0f1e2d" stroke="#28465f" fill-rule="evenodd"/>'


def _ground(shapes: Shapes, view: View) -> Iterator[str]:
    for feature in shapes.ground:
        properties, geometry = feature.get("properties") or {}, feature.get("geometry") or {}
        look = _GROUND.get(str(properties.get("layer")))
        if look and properties.get("ref") != "street":
            end = "Z" if "Polygon" in str(geometry.get("type")) else ""
            yield f'<path d="{_path(geometry, view, end)}" {look} fill-rule="evenodd"/>'


def _places(shapes: Shapes, view: View) -> Iterator[str]:
    for feature in shapes.ground:
        properties, geometry = feature.get("properties") or {}, feature.get("geometry") or {}
        if properties.get("layer") == "place" and geometry.get("type") == "Point" and properties.get("rank", 9) <= 2:
            x, y = view.at(*geometry["coordinates"][:2])
            said = escape(str(properties.get("name", "")))
            yield f'<text x="{x:.0f}" y="{y - 6:.0f}" {_NAME}>{said}</text>'


def _points(frame: Frame, shown: NDArray[np.bool_], view: View) -> Iterable[str]:
    x, y = view.at(frame.lon / _DEGREE, frame.lat / _DEGREE)
    worst: dict[tuple[int, int], tuple[int, int]] = {}
    rank = {state: n for n, state in enumerate(_ORDER)}
    for i in np.flatnonzero(shown):
        cell, mine = (int(x[i] // _CELL), int(y[i] // _CELL)), (rank[int(frame.state[i])], int(i))
        worst[cell] = max(worst.get(cell, mine), mine)
    drawn = sorted(worst.values())
    return [_signs(), *(f'<use href="#s{frame.state[i]}" x="{x[i]:.1f}" y="{y[i]:.1f}"/>' for _, i in drawn)]


_SIGNS = {
    3: '<rect x="-5" y="-5" width="10" height="10" rx="2" fill="{0}" stroke="#fff" stroke-width="1.6"/>',
    2: '<path d="M0 -6l6 10.5h-12Z" fill="{0}" stroke="#08121d"/>',
    5: '<path d="M0 -4.5l4.5 4.5l-4.5 4.5l-4.5 -4.5Z" fill="{0}" stroke="#08121d"/>',
    1: '<circle r="2.4" fill="{0}"/>',
}
_HOLLOW = '<circle r="2.4" fill="none" stroke="{0}"/>'


def _signs() -> str:
    """Shapes as on the live map, never by colour alone; defined once and used by every point."""
    drawn = (f'<g id="s{s}">{_SIGNS.get(s, _HOLLOW).format(colour)}</g>' for s, colour in _COLOUR.items())
    return f"<defs>{''.join(drawn)}</defs>"
