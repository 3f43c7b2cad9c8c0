"""Areas and sensor places: reads them from any vector format, and says which area a point is in.

GeoJSON and CSV, which are always WGS 84, are read as they are; the other formats with geopandas, whose import costs
every process half a second and 60 MB.
"""

from __future__ import annotations

import csv
from datetime import date
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from ioc.config.places import Area, Sensor
from ioc.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

VECTOR_FORMATS = (".geojson", ".gpkg", ".fgb", ".shp", ".kml", ".csv")
SENSOR_COLUMNS = {"key", "domain", "feed", "kind", "moves", "cadence", "name", "was"}


def read_sensors(folder: Path, faults: list[Fault]) -> list[Sensor]:
    """The registry's sensors; a row that is wrong becomes a fault and is left out."""
    return _rows(folder, "sensors", _sensor, faults)


def read_areas(folder: Path, faults: list[Fault]) -> list[Area]:
    """The city's areas; a row that is wrong becomes a fault and is left out."""
    return _rows(folder, "areas", _area, faults)


def _rows(folder: Path, part: str, build: Any, faults: list[Fault]) -> list[Any]:
    found = []
    for file in sorted(f for f in folder.glob(f"{part}.*") if f.suffix in VECTOR_FORMATS):
        try:
            rows = _READERS.get(file.suffix, _geopandas)(file)
        except Exception as error:  # noqa: BLE001  geopandas raises whatever its driver raises
            faults.append(Fault(file.name, "", f"cannot be read: {type(error).__name__}: {error}"))
            continue
        for number, row in enumerate(rows, 1):
            try:
                found.append(build({k: v for k, v in _placed(row).items() if not _missing(v)}))
            except Exception as error:  # noqa: BLE001  shapely raises whatever GEOS makes of a broken geometry
                name = f" ({row['key']})" if row.get("key") else ""
                faults.append(Fault(file.name, f"row {number}{name}", _short(error)))
    return found


def _geojson(file: Path) -> list[dict[str, Any]]:
    """Rows {property: value, geometry: GeoJSON}."""
    data = orjson.loads(file.read_bytes())
    if not isinstance(data, dict) or data.get("type") != "FeatureCollection":
        raise ValueError("not a GeoJSON FeatureCollection")
    if _foreign(data.get("crs")):
        return _geopandas(file)
    return [{**(f.get("properties") or {}), "geometry": f.get("geometry")} for f in data["features"]]


def _foreign(crs: Any) -> bool:
    """Old GeoJSON may name another reference system than WGS 84."""
    return crs is not None and not any(known in str(crs) for known in ("CRS84", "4326"))


def _csv(file: Path) -> list[dict[str, Any]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def _placed(row: dict[str, Any]) -> dict[str, Any]:
    """A table's lat and lon as the geometry that other formats have; its empty cells are no values."""
    if "geometry" in row:
        return row
    lat, lon = row.pop("lat", ""), row.pop("lon", "")
    point = {"type": "Point", "coordinates": [float(lon), float(lat)]} if lat and lon else None
    return {**{k: v for k, v in row.items() if v != ""}, "geometry": point}


def _geopandas(file: Path) -> list[dict[str, Any]]:
    import geopandas as gpd
    from shapely.geometry import mapping

    frame: gpd.GeoDataFrame = gpd.read_file(file)
    if frame.crs is not None:
        frame = frame.to_crs(4326)
    shapes = [None if g is None or g.is_empty else mapping(g) for g in frame.geometry]
    table = frame.drop(columns=frame.geometry.name).to_dict("records")
    return [{**row, "geometry": g} for row, g in zip(table, shapes, strict=True)]


_READERS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {".geojson": _geojson, ".csv": _csv}


def _missing(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124  NaN and NaT


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _names(row: dict[str, Any]) -> dict[str, str]:
    named = {k[5:]: str(v) for k, v in row.items() if k.startswith("name_")}
    return named or {"": str(row.get("name", row["key"]))}


def _sensor(row: dict[str, Any]) -> Sensor:
    point = row.pop("geometry", None)
    if point is not None and point["type"] != "Point":
        raise ValueError(f"a sensor is a Point, not a {point['type']}")
    known = {k: v for k, v in row.items() if k in SENSOR_COLUMNS and k != "name"}
    extra = {k: v for k, v in row.items() if k not in SENSOR_COLUMNS and not k.startswith("name_")}
    place = (
        {}
        if point is None or not point["coordinates"]
        else dict(zip(("lon", "lat"), point["coordinates"], strict=False))
    )
    return Sensor(**known, **place, name=_names(row), properties=extra)


def _area(row: dict[str, Any]) -> Area:
    known = {k: row[k] for k in ("key", "kind") if k in row}
    dates = {k: date.fromisoformat(str(row[k])[:10]) for k in ("valid_from", "valid_to") if row.get(k)}
    return Area(**known, **dates, name=_names(row), geometry=row["geometry"])


class AreaIndex:
    """Which area a point is in, on a day. Built once a folder; a look-up takes microseconds."""

    def __init__(self, areas: list[Area], day: date) -> None:
        from shapely import STRtree
        from shapely.geometry import shape

        valid = [a for a in areas if (a.valid_from or day) <= day < (a.valid_to or date.max)]
        self._areas = valid
        self._tree = STRtree([shape(a.geometry) for a in valid])

    def area_of(self, lat: float | None, lon: float | None) -> str | None:
        """The key of the area that holds the point, the first in file order; None outside all of them."""
        if lat is None or lon is None or not self._areas:
            return None
        from shapely import Point

        hits = self._tree.query(Point(lon, lat), predicate="intersects")
        return self._areas[min(hits)].key if len(hits) else None
