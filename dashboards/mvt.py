"""Shapes on a tile -> a vector tile, as Mapbox's specification 2.1 writes them: the few parts that a base map needs.

Written here because the library for it holds protobuf back by a major version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EXTENT = 4096
_POINT, _LINE, _POLYGON = 1, 2, 3
_MOVE, _DRAW, _CLOSE = 1, 2, 7

Ring = list[tuple[int, int]]
Shape = tuple[int, list[Ring]]  # what it is, and its lines, rings or points


def tile(layers: dict[str, list[tuple[Any, dict[str, str | int]]]]) -> bytes:
    """layers: name -> (shapely geometry in units of the tile, y down, 0..4096; properties)."""
    return b"".join(_field(3, _layer(name, features)) for name, features in layers.items() if features)


def _layer(name: str, features: list[tuple[Any, dict[str, str | int]]]) -> bytes:
    keys: dict[str, int] = {}
    values: dict[str | int, int] = {}
    body = b""
    for geometry, properties in features:
        tags = [
            n for k, v in properties.items() for n in (keys.setdefault(k, len(keys)), values.setdefault(v, len(values)))
        ]
        for kind, parts in _shapes(geometry):
            body += _field(2, _field(2, _packed(tags)) + _number(3, kind) + _field(4, _packed(_commands(kind, parts))))
    table = b"".join(_field(3, key.encode()) for key in keys) + b"".join(_field(4, _value(v)) for v in values)
    return _number(15, 2) + _field(1, name.encode()) + body + table + _number(5, EXTENT)


def _value(value: str | int) -> bytes:
    return _field(1, value.encode()) if isinstance(value, str) else _number(4, value)


def _shapes(geometry: Any) -> Iterable[Shape]:
    """A geometry as point, line or polygon; parts that vanish on the tile's grid are left out."""
    kind = geometry.geom_type
    if kind == "Point":
        yield _POINT, [[_grid(geometry.coords[0])]]
    elif kind == "LineString":
        line = _clean(geometry.coords)
        if len(line) > 1:
            yield _LINE, [line]
    elif kind == "Polygon":
        rings = [
            _turned(_clean(ring.coords)[:-1], outer=n == 0)
            for n, ring in enumerate([geometry.exterior, *geometry.interiors])
        ]
        rings = [ring for ring in rings if len(ring) > 2]
        if rings:
            yield _POLYGON, rings
    else:
        for part in getattr(geometry, "geoms", ()):
            yield from _shapes(part)


def _grid(point: Sequence[float]) -> tuple[int, int]:
    return round(point[0]), round(point[1])


def _clean(points: Iterable[Sequence[float]]) -> Ring:
    found: Ring = []
    for point in map(_grid, points):
        if not found or point != found[-1]:
            found.append(point)
    return found


def _turned(ring: Ring, *, outer: bool) -> Ring:
    """Outer rings turn to the right as seen on the screen (y down), holes to the left."""
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], *ring[:1]], strict=True))
    return ring if (area > 0) == outer else ring[::-1]


def _commands(kind: int, parts: list[Ring]) -> list[int]:
    found: list[int] = []
    x = y = 0
    for part in parts:
        for n, (px, py) in enumerate(part):
            if n == 0:
                found.append(_MOVE | 1 << 3)
            elif n == 1:
                found.append(_DRAW | (len(part) - 1) << 3)
            found += [_zigzag(px - x), _zigzag(py - y)]
            x, y = px, py
        if kind == _POLYGON:
            found.append(_CLOSE | 1 << 3)
    return found


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _packed(values: Iterable[int]) -> bytes:
    return b"".join(map(_varint, values))
