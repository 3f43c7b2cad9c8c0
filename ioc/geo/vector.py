"""Any vector file in, rows of WGS 84 out: {column: value, ..., "geometry": GeoJSON or None}.

GeoJSON and CSV in degrees are read as they are; everything else with geopandas, whose import costs every process half a
second and 60 MB. What cannot be is a VectorError that names the remedy; what was assumed is a warning.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ioc.errors import IocError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import geopandas as gpd

FORMATS = (
    ".geojson", ".json", ".topojson", ".geojsonl", ".gpkg", ".fgb", ".shp", ".zip", ".shz", ".parquet", ".geoparquet",
    ".kml", ".kmz", ".gml", ".gpx", ".gdb", ".tab", ".mif", ".sqlite", ".dxf", ".csv", ".tsv", ".txt",
)  # fmt: skip
# Parts of a shapefile or MapInfo table, and what editors and desktops leave beside a file.
BESIDE = (
    ".shx", ".dbf", ".prj", ".cpg", ".qix", ".sbn", ".sbx", ".qpj", ".qmd", ".qml", ".xml", ".dat", ".map", ".id",
    ".ind", ".mid", ".md", ".bak", ".orig", ".swp", ".license", ".xsd", ".gfs",
)  # fmt: skip
_LAT, _LON = ("lat", "latitude", "y"), ("lon", "lng", "long", "longitude", "x")
_WKT = ("wkt", "geometry", "geom", "the_geom", "wkt_geom")
_REMEDY = "save it as GeoPackage or GeoJSON in WGS 84: ogr2ogr -t_srs EPSG:4326 {stem}.gpkg {file}"


class VectorError(IocError):
    """A file of places cannot be used; hint is the remedy."""

    def __init__(self, what: str, hint: str = "") -> None:
        self.hint = hint
        super().__init__(what)


class Warned(NamedTuple):
    what: str
    hint: str = ""


Rows = list[dict[str, Any]]


def files(folder: Path, part: str) -> Iterator[Path]:
    """The files `part.*` of a folder, in order, without those that only stand beside another one."""
    yield from sorted(
        f for f in folder.glob(f"{part}.*") if f.suffix.lower() not in BESIDE and not f.name.endswith("~")
    )


def read(file: Path, part: str) -> tuple[Rows, list[Warned]]:
    """The rows of a file; of several layers the one called `part`, else the first. Raises VectorError, OSError."""
    suffix = file.suffix.lower()
    if suffix not in FORMATS:
        raise VectorError(
            f"{suffix or 'a file without ending'} is no format of places", f"known are {' '.join(FORMATS)}"
        )
    reader = _READERS.get(suffix, _frame)
    return reader(file, part)


def _geojson(file: Path, part: str) -> tuple[Rows, list[Warned]]:
    try:
        data = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise VectorError(f"not JSON: {error}") from error
    kind = data.get("type") if isinstance(data, dict) else None
    if kind == "Feature":
        data, kind = {"features": [data]}, "FeatureCollection"
    if kind == "Topology" or (isinstance(data, dict) and "spatialReference" in data):
        return _frame(file, part)
    if kind != "FeatureCollection" or not isinstance(data.get("features"), list):
        raise VectorError(
            "not a GeoJSON FeatureCollection", 'it begins with {"type": "FeatureCollection", "features": ['
        )
    if _foreign(data.get("crs")):
        _sound_crs((data["crs"].get("properties") or {}).get("name") or data["crs"], file)
        return _frame(file, part)
    return [{**(f.get("properties") or {}), "geometry": f.get("geometry")} for f in data["features"]], []


def _foreign(crs: Any) -> bool:
    """Old GeoJSON may name another reference system than WGS 84."""
    return isinstance(crs, dict) and not any(known in str(crs) for known in ("CRS84", "4326"))


def _sound_crs(name: Any, file: Path) -> None:
    """GDAL takes what it does not know for WGS 84 without a word: sensors would stand in another country."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        CRS.from_user_input(name)
    except CRSError as error:
        raise VectorError(f"its reference system {str(name)[:80]!r} is not known", _remedy(file)) from error


def _csv(file: Path, _: str) -> tuple[Rows, list[Warned]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        head = text.readline()
        text.seek(0)
        mark = max((",", ";", "\t"), key=head.count)
        rows = list(csv.DictReader(text, delimiter=mark))
    columns = {name.strip().lower(): name for name in (rows[0] if rows else {}) if name is not None}
    wkt = next((columns[n] for n in _WKT if n in columns), None)
    lat, lon = (next((columns[n] for n in names if n in columns), None) for names in (_LAT, _LON))
    if rows and wkt is None and (lat is None or lon is None) and (lat or lon):
        raise VectorError("has only one of the columns lat and lon", "name them lat and lon, or give a column wkt")
    return [_placed(row, wkt, lat, lon) for row in rows], []


def _placed(row: dict[str, Any], wkt: str | None, lat: str | None, lon: str | None) -> dict[str, Any]:
    """A table's columns of place as the geometry that other formats have; its empty cells are no values.

    A place that cannot be read stays as an exception under "geometry": its row is at fault, not the file.
    """
    named = {wkt, lat, lon}
    kept = {k: v for k, v in row.items() if k is not None and k not in named and v not in ("", None)}
    try:
        if wkt is not None:
            return {**kept, "geometry": _from_wkt(row[wkt])}
        north, east = row.get(lat or "") or "", row.get(lon or "") or ""
        point = {"type": "Point", "coordinates": [_degrees(east), _degrees(north)]} if north and east else None
    except Exception as error:  # noqa: BLE001  shapely raises whatever GEOS says
        return {**kept, "geometry": error}
    return {**kept, "geometry": point}


def _degrees(text: str) -> float:
    """Also with the comma that half of the world writes."""
    return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)


def _from_wkt(text: str) -> dict[str, Any] | None:
    from shapely import from_wkt
    from shapely.geometry import mapping

    srid, mark, rest = text.partition(";") if text.upper().startswith("SRID=") else ("", "", text)
    if mark and srid[5:] not in ("4326", "0"):
        raise ValueError(f"{srid}: a table holds WGS 84, SRID=4326")
    shape = from_wkt(rest) if rest.strip() else None
    return None if shape is None or shape.is_empty else dict(mapping(shape))


def _frame(file: Path, part: str) -> tuple[Rows, list[Warned]]:
    from shapely import force_2d
    from shapely.geometry import mapping

    frame, warned = _opened(file, part)
    frame, assumed = _wgs_84(frame, file)
    shapes = [None if g is None or g.is_empty else mapping(force_2d(g)) for g in frame.geometry]
    table = frame.drop(columns=frame.geometry.name).to_dict("records")
    return [{**row, "geometry": g} for row, g in zip(table, shapes, strict=True)], [*warned, *assumed]


def _opened(file: Path, part: str) -> tuple[gpd.GeoDataFrame, list[Warned]]:
    import warnings

    import geopandas as gpd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of drivers; what matters is asked for below
            if file.suffix.lower() in (".parquet", ".geoparquet"):
                return gpd.read_parquet(file), []
            layer, warned = _layer(file, part)
            frame = gpd.read_file(file, layer=layer) if layer else gpd.read_file(file)
    except ImportError as error:
        raise VectorError(f"this format needs another library: {error}") from error
    except Exception as error:  # geopandas raises whatever its driver raises
        raise VectorError(
            f"cannot be read: {str(error).splitlines()[0][:300]}", "open it in QGIS and save it anew"
        ) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise VectorError("holds a table without geometry", "it needs points or polygons")
    return frame, warned


def _layer(file: Path, part: str) -> tuple[str | None, list[Warned]]:
    """The layer to read, and a word where nobody said which."""
    import geopandas as gpd

    names = [str(name) for name in gpd.list_layers(file)["name"]]
    if len(names) < 2:
        return None, []
    if part in names:
        return part, []
    hint = f"name the right one {part!r}"
    return names[0], [Warned(f"holds the layers {', '.join(names[:5])}; the first of them is read", hint)]


def _wgs_84(frame: gpd.GeoDataFrame, file: Path) -> tuple[gpd.GeoDataFrame, list[Warned]]:
    import numpy as np

    if frame.crs is None:
        west, south, east, north = frame.total_bounds
        if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90) and len(frame):
            raise VectorError(
                f"has no reference system, and {west:.0f}, {south:.0f} is no place in degrees",
                f"say which: ogr2ogr -a_srs EPSG:NUMBER {file.stem}.gpkg {file.name}",
            )
        return frame.set_crs(4326), [
            Warned("has no reference system: taken for WGS 84 (EPSG:4326)", "save it with one")
        ]
    try:
        done = frame.to_crs(4326)
    except Exception as error:
        what = f"its reference system {frame.crs.name!r} cannot be brought to WGS 84: {str(error)[:120]}"
        raise VectorError(what, _remedy(file)) from error
    if len(done) and not np.isfinite(done.total_bounds).all() and np.isfinite(frame.total_bounds).all():
        raise VectorError(f"its coordinates are outside its reference system {frame.crs.name!r}", _remedy(file))
    return done, []


def _remedy(file: Path) -> str:
    return _REMEDY.format(stem=file.stem, file=file.name)


_READERS: dict[str, Callable[[Path, str], tuple[Rows, list[Warned]]]] = {
    ".geojson": _geojson, ".json": _geojson, ".csv": _csv, ".tsv": _csv, ".txt": _csv,
}  # fmt: skip
