"""Places of a city folder: areas that are whole and do not overlap, sensors that are where the city is."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import pairwise
from math import cos, radians
from typing import TYPE_CHECKING, Any

from ioc.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ioc.config.folder import CityFolder, Reading
    from ioc.config.places import Area

_SHOWN = 10  # of the same kind of slip
_OVERLAP = 0.01  # share of the smaller area; neighbours drawn by hand overlap by less
_SLIVER = 1e-4  # km²: what rounding of coordinates makes is less


def faults(found: Reading, city: CityFolder) -> Iterator[Fault]:
    """Faults and warnings of areas, sensors and the map view."""
    yield from _view(found, city)
    yield from _areas(city)
    yield from _sensors(city)
    yield from _aliases(city)


def _view(found: Reading, city: CityFolder) -> Iterator[Fault]:
    view = city.city.map
    lon, lat = view.center
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        hint = "swap them" if abs(lon) <= 90 else ""
        yield found.fault("city", "", ("map", "center"), f"[{lon:g}, {lat:g}] is not [lon, lat]", hint)
    if view.bounds and not (view.bounds[0] < view.bounds[2] and view.bounds[1] < view.bounds[3]):
        yield found.fault("city", "", ("map", "bounds"), "is not [west, south, east, north]")
    elif view.bounds and not _inside(lat, lon, view.bounds):
        yield found.fault("city", "", ("map", "center"), "is outside the bounds", "it is [lon, lat]")
    if view.basemap and not (city.path / view.basemap).is_file():
        yield found.fault("city", "", ("map", "basemap"), f"there is no file {view.basemap!r} in the folder")
    elif view.basemap and not view.basemap.endswith((".geojson", ".json")):
        hint = "convert it: ogr2ogr basemap.geojson FILE"
        if view.basemap.endswith(".pmtiles"):
            hint = f"tiles go beside the drawing: tiles = {view.basemap!r}"
        yield found.fault("city", "", ("map", "basemap"), f"{view.basemap!r} is not GeoJSON", hint)
    if isinstance(view.tiles, str) and not (city.path / view.tiles).is_file():
        hint, what = (
            "ioc basemap build makes one; until then the map is plain",
            f"there is no file {view.tiles!r} in the folder",
        )
        yield found.fault("city", "", ("map", "tiles"), what, hint, warning=True)


def _areas(city: CityFolder) -> Iterator[Fault]:
    """The polygons themselves are sound: what was not was repaired or refused when it was read."""
    if not city.areas:
        return
    from shapely.geometry import shape

    for area in city.areas:
        if area.valid_from and area.valid_to and area.valid_from >= area.valid_to:
            yield Fault("areas", area.key, f"valid_from {area.valid_from} is not before valid_to {area.valid_to}")
    drawn = [(area, shape(area.geometry)) for area in city.areas]
    yield from _elsewhere(city, drawn)
    yield from _versions(city)
    yield from _overlaps(drawn)


def _elsewhere(city: CityFolder, drawn: list[tuple[Area, Any]]) -> Iterator[Fault]:
    """Degrees that are swapped are still degrees: only the map's bounds tell."""
    if city.city.map.bounds is None:
        return
    from shapely import box

    here, turned = box(*city.city.map.bounds), box(*[city.city.map.bounds[n] for n in (1, 0, 3, 2)])
    outside = [(area, polygon) for area, polygon in drawn if not polygon.intersects(here)]
    for area, polygon in outside[:_SHOWN]:
        hint = "lat and lon are swapped" if polygon.intersects(turned) else "correct it, or widen map.bounds"
        yield Fault("areas", area.key, "is outside the map's bounds", hint, warning=True)
    if len(outside) > _SHOWN:
        yield Fault("areas", "", f"{len(outside) - _SHOWN} more areas are outside the map's bounds", warning=True)


def _versions(city: CityFolder) -> Iterator[Fault]:
    """One area at two times: never both at once, and a pause is said."""
    by_key: dict[str, list[Area]] = {}
    for area in city.areas:
        by_key.setdefault(area.key, []).append(area)
    for key, versions in by_key.items():
        ordered = sorted(versions, key=lambda a: a.valid_from or date.min)
        for one, two in pairwise(ordered):
            if one.kind != two.kind:
                yield Fault("areas", key, f"is a {one.kind} and a {two.kind}", "give each kind its own keys")
            elif _same_time(one, two):
                yield Fault("areas", key, "stands twice for the same days", "set valid_from and valid_to")
            elif one.valid_to and two.valid_from and one.valid_to < two.valid_from:
                what = f"is on no map from {one.valid_to} to {two.valid_from}"
                yield Fault("areas", key, what, "valid_to is the first day that it is not valid any more", warning=True)


def _overlaps(drawn: list[tuple[Area, Any]]) -> Iterator[Fault]:
    """Areas of a kind on the same ground at the same time; slivers along borders are counted, not listed."""
    from shapely import STRtree

    tree, slivers, ground = STRtree([polygon for _, polygon in drawn]), 0, 0.0
    for first, second in sorted(map(tuple, tree.query([p for _, p in drawn], predicate="intersects").T.tolist())):
        (one, a), (two, b) = drawn[first], drawn[second]
        if not (first < second and one.key != two.key and one.kind == two.kind and _same_time(one, two)):
            continue
        common = a.intersection(b)
        size, share = _km2(common), common.area / (min(a.area, b.area) or 1)
        if share > _OVERLAP:
            what = f"overlaps {two.key!r} by {_size(size)}, {share:.0%} of the smaller one"
            yield Fault("areas", one.key, what, "a sensor there counts for the smaller one", warning=True)
        elif size > _SLIVER:
            slivers, ground = slivers + 1, ground + size
    if slivers:
        what = f"{slivers} pairs overlap a little along their borders, {_size(ground)} together"
        yield Fault("areas", "", what, "a sensor there counts for the smaller one", warning=True)


def _km2(shape: Any) -> float:
    """Size on the ground of something the size of a city."""
    return float(shape.area * 111.32**2 * cos(radians(shape.centroid.y))) if shape.area else 0.0


def _size(km2: float) -> str:
    return f"{km2:.3g} km²" if km2 >= 0.1 else f"{km2 * 1e6:.3g} m²"


def _same_time(one: Area, two: Area) -> bool:
    return (one.valid_from or date.min) < (two.valid_to or date.max) and (two.valid_from or date.min) < (
        one.valid_to or date.max
    )


def _sensors(city: CityFolder) -> Iterator[Fault]:
    bounds = city.city.map.bounds
    outside = []
    for sensor in city.sensors.values():
        if sensor.lat is None or sensor.lon is None:
            continue
        if not (-90 <= sensor.lat <= 90 and -180 <= sensor.lon <= 180):
            yield Fault(
                "sensors", sensor.key, f"{sensor.lat:g}, {sensor.lon:g} is no place on Earth", "lat is -90 to 90"
            )
        elif bounds and not _inside(sensor.lat, sensor.lon, bounds):
            swapped = _inside(sensor.lon, sensor.lat, bounds)
            outside.append((sensor, "lat and lon are swapped" if swapped else "correct it, or widen map.bounds"))
    for sensor, hint in outside[:_SHOWN]:
        what = f"lat {sensor.lat:g}, lon {sensor.lon:g} is outside the map's bounds"
        yield Fault("sensors", sensor.key, what, hint, warning=True)
    if len(outside) > _SHOWN:
        yield Fault("sensors", "", f"{len(outside) - _SHOWN} more sensors are outside the map's bounds", warning=True)


def _aliases(city: CityFolder) -> Iterator[Fault]:
    """An old name belongs to one sensor, and is no other one's name now."""
    claims = Counter(old for sensor in city.sensors.values() for old in set(sensor.was))
    for sensor in city.sensors.values():
        for old in sensor.was:
            if old in city.sensors:
                what = f"was {old!r}, which is a sensor of its own"
                yield Fault("sensors", sensor.key, what, f"remove {old!r} there, or from `was` here")
            elif claims[old] > 1:
                yield Fault("sensors", sensor.key, f"was {old!r}, and so was another sensor", "one of them was")


def _inside(lat: float, lon: float, bounds: tuple[float, float, float, float]) -> bool:
    west, south, east, north = bounds
    return west <= lon <= east and south <= lat <= north
