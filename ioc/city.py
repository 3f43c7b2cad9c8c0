"""Areas and sensor places: reads them with geopandas, and says which area a point is in."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ioc.config.places import Area, Sensor
from ioc.errors import Fault

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

VECTOR_FORMATS = (".geojson", ".gpkg", ".fgb", ".shp", ".parquet", ".kml", ".csv")
SENSOR_COLUMNS = {"key", "domain", "feed", "kind", "moves", "cadence", "name"}


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
            frame = _read(file)
        except Exception as error:  # noqa: BLE001  geopandas raises whatever its driver raises
            faults.append(Fault(file.name, "", f"cannot be read: {error}"))
            continue
        for number, row in enumerate(frame.to_dict("records"), 1):
            try:
                found.append(build({k: v for k, v in row.items() if not _missing(v)}))
            except (ValidationError, ValueError, KeyError) as error:
                faults.append(Fault(file.name, f"row {number}", _short(error)))
    return found


def _read(file: Path) -> gpd.GeoDataFrame:
    import geopandas as gpd

    if file.suffix == ".csv":
        import pandas as pd

        table = pd.read_csv(file)
        return gpd.GeoDataFrame(table.drop(columns=["lat", "lon"]), geometry=gpd.points_from_xy(table.lon, table.lat))
    frame = gpd.read_parquet(file) if file.suffix == ".parquet" else gpd.read_file(file)
    return frame.to_crs(4326) if frame.crs is not None else frame


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)  # noqa: PLR0124  NaN


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return f"missing {error}" if isinstance(error, KeyError) else str(error)


def _names(row: dict[str, Any]) -> dict[str, str]:
    named = {k[5:]: str(v) for k, v in row.items() if k.startswith("name_")}
    return named or {"": str(row.get("name", row["key"]))}


def _sensor(row: dict[str, Any]) -> Sensor:
    point = row.pop("geometry", None)
    known = {k: v for k, v in row.items() if k in SENSOR_COLUMNS and k != "name"}
    extra = {k: v for k, v in row.items() if k not in SENSOR_COLUMNS and not k.startswith("name_")}
    place = {} if point is None or point.is_empty else {"lat": point.y, "lon": point.x}
    return Sensor(**known, **place, name=_names(row), properties=extra)


def _area(row: dict[str, Any]) -> Area:
    from shapely.geometry import mapping

    known = {k: row[k] for k in ("key", "kind") if k in row}
    dates = {k: date.fromisoformat(str(row[k])[:10]) for k in ("valid_from", "valid_to") if row.get(k)}
    return Area(**known, **dates, name=_names(row), geometry=mapping(row["geometry"]))


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
