"""A drawing of the city (GeoJSON, each feature with its `layer`) -> one PMTiles file: `ioc basemap build CITY`.

Layers: water, coast, river, canal, road (`ref` "street" for small ones), place (`name`, `rank` 1 to 3). The same
drawing gives the same bytes.
"""

from __future__ import annotations

import gzip
import json
import math
from typing import TYPE_CHECKING, Any

from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from dashboards import mvt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEAST_ZOOM, MOST_ZOOM = 6, 13
_BUFFER = 80  # units of a tile drawn beyond its edge, so that lines and their ends meet
_LAYERS = ("water", "coast", "river", "canal", "road", "place")
_FROM_ZOOM = {"canal": 8, "street": 11}

Feature = tuple[str, Any, dict[str, str | int]]  # layer, geometry on the unit square of the world, properties


def build(drawing: Path, target: Path, attribution: str = "") -> int:
    """Write `target`; returns how many tiles. Raises ValueError on a drawing that has none of the layers."""
    features = _features(json.loads(drawing.read_text(encoding="utf-8")))
    if not features:
        raise ValueError(f"{drawing.name} has no feature with a `layer` of {', '.join(_LAYERS)}")
    tiles = dict(_tiles(features))
    part = target.with_suffix(".part")
    with part.open("wb") as out:
        writer = Writer(out)
        for id_ in sorted(tiles):
            writer.write_tile(id_, tiles[id_])
        writer.finalize(_header(features), _metadata(features, attribution))
    part.replace(target)
    return len(tiles)


def _features(collection: dict[str, Any]) -> list[Feature]:
    from shapely import make_valid, transform
    from shapely.geometry import shape

    found = []
    for feature in collection.get("features", []):
        properties = feature.get("properties") or {}
        if properties.get("layer") in _LAYERS and feature.get("geometry"):
            kept = {k: v for k, v in properties.items() if isinstance(v, str | int) and v != ""}
            world = transform(make_valid(shape(feature["geometry"])), _world, interleaved=False)
            found.append((properties["layer"], world, kept))
    return found


def _world(lon: Any, lat: Any) -> tuple[Any, Any]:
    """Degrees -> Mercator on the unit square, y down."""
    import numpy as np

    return (lon + 180) / 360, (1 - np.arcsinh(np.tan(np.radians(lat))) / math.pi) / 2


def _box(features: list[Feature]) -> tuple[float, float, float, float]:
    from shapely import total_bounds

    west, north, east, south = total_bounds([geometry for _, geometry, _ in features])
    return west, north, east, south


def _tiles(features: list[Feature]) -> Iterator[tuple[int, bytes]]:
    west, north, east, south = _box(features)
    for zoom in range(LEAST_ZOOM, MOST_ZOOM + 1):
        n = 2**zoom
        known = _simplified(features, zoom)
        for x in range(int(west * n), int(east * n) + 1):
            for y in range(int(north * n), int(south * n) + 1):
                layers = _on(known, zoom, x, y)
                if layers:
                    yield zxy_to_tileid(zoom, x, y), gzip.compress(mvt.tile(layers), 9, mtime=0)


def _simplified(features: list[Feature], zoom: int) -> tuple[Any, list[Feature]]:
    from shapely import STRtree

    step = 1 / 2**zoom / mvt.EXTENT
    kept = [
        (layer, geometry if layer == "place" else geometry.simplify(1.5 * step), properties)
        for layer, geometry, properties in features
        if zoom >= _FROM_ZOOM.get(str(properties.get("ref")) if layer == "road" else layer, 0)
    ]
    return STRtree([geometry for _, geometry, _ in kept]), kept


def _on(
    known: tuple[Any, list[Feature]], zoom: int, x: int, y: int
) -> dict[str, list[tuple[Any, dict[str, str | int]]]]:
    from shapely import box, clip_by_rect
    from shapely.affinity import affine_transform

    tree, features = known
    n, edge = 2**zoom, _BUFFER / mvt.EXTENT / 2**zoom
    sides = (x / n - edge, y / n - edge, (x + 1) / n + edge, (y + 1) / n + edge)
    layers: dict[str, list[tuple[Any, dict[str, str | int]]]] = {}
    for i in sorted(tree.query(box(*sides))):
        layer, geometry, properties = features[i]
        clipped = geometry if layer == "place" else clip_by_rect(geometry, *sides)
        if not clipped.is_empty:
            scale = mvt.EXTENT * n
            drawn = affine_transform(clipped, (scale, 0, 0, scale, -x * mvt.EXTENT, -y * mvt.EXTENT))
            layers.setdefault(layer, []).append((drawn, properties))
    return layers


def _header(features: list[Feature]) -> dict[str, Any]:
    west, north, east, south = _box(features)
    lon = [round((x * 360 - 180) * 1e7) for x in (west, east)]
    lat = [round(math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y)))) * 1e7) for y in (south, north)]
    return {
        "tile_type": TileType.MVT, "tile_compression": Compression.GZIP, "min_zoom": LEAST_ZOOM, "max_zoom": MOST_ZOOM,
        "min_lon_e7": lon[0], "max_lon_e7": lon[1], "min_lat_e7": lat[0], "max_lat_e7": lat[1], "center_zoom": 10,
        "center_lon_e7": sum(lon) // 2, "center_lat_e7": sum(lat) // 2,
    }  # fmt: skip


def _metadata(features: list[Feature], attribution: str) -> dict[str, Any]:
    """places: what people search for, so that no tile need be read for it."""
    places = [
        [str(p.get("name", "")), *(round(v, 5) for v in _degrees(g)), p.get("rank", 9)]
        for layer, g, p in features
        if layer == "place" and p.get("name")
    ]
    layers = [{"id": name, "fields": {"layer": "String", "name": "String"}} for name in _LAYERS]
    return {"name": "base map", "attribution": attribution, "vector_layers": layers, "places": places}


def _degrees(point: Any) -> tuple[float, float]:
    return point.x * 360 - 180, math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * point.y))))
