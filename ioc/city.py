"""Areas and sensor places: reads them from any vector format, and says which area a point is in."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ioc.config.places import Area, Sensor
from ioc.errors import Fault
from ioc.geo import repair, vector

if TYPE_CHECKING:
    from pathlib import Path

SENSOR_COLUMNS = {"key", "domain", "feed", "kind", "moves", "cadence", "name", "was"}


def read_sensors(folder: Path, faults: list[Fault]) -> list[Sensor]:
    """The registry's sensors; a row that is wrong becomes a fault and is left out."""
    return _rows(folder, "sensors", _sensor, faults)


def read_areas(folder: Path, faults: list[Fault]) -> list[Area]:
    """The city's areas; a row that is wrong becomes a fault and is left out, one that was repaired a warning."""
    return _rows(folder, "areas", _area, faults)


def _rows(folder: Path, part: str, build: Any, faults: list[Fault]) -> list[Any]:
    found = []
    for file in vector.files(folder, part):
        try:
            rows, warned = vector.read(file, part)
        except vector.VectorError as error:
            faults.append(Fault(file.name, "", str(error), error.hint))
            continue
        except (OSError, UnicodeDecodeError) as error:
            faults.append(Fault(file.name, "", f"cannot be read: {type(error).__name__}: {error}"))
            continue
        faults += [Fault(file.name, "", what, hint, warning=True) for what, hint in warned]
        for number, row in enumerate(rows, 1):
            place = f"row {number}" + (f" ({row['key']})" if row.get("key") else "")
            try:
                thing, word = build({k: v for k, v in row.items() if not _missing(v)})
            except Exception as error:  # noqa: BLE001  shapely raises whatever GEOS makes of a broken geometry
                faults.append(Fault(file.name, place, _short(error)))
                continue
            found.append(thing)
            if word:
                faults.append(
                    Fault(file.name, place, word, "draw it anew in QGIS where that is not meant", warning=True)
                )
    return found


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value) or str(value) == "NaT"  # noqa: PLR0124


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _names(row: dict[str, Any]) -> dict[str, str]:
    named = {k[5:]: str(v) for k, v in row.items() if k.startswith("name_")}
    return named or {"": str(row.get("name", row["key"]))}


def _geometry(row: dict[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] | Exception | None = row.pop("geometry", None)
    if isinstance(found, Exception):
        raise found
    return found


def _sensor(row: dict[str, Any]) -> tuple[Sensor, str]:
    geometry = _geometry(row)
    at = repair.point(geometry) if geometry is not None else None
    known = {k: v for k, v in row.items() if k in SENSOR_COLUMNS and k != "name"}
    extra = {k: v for k, v in row.items() if k not in SENSOR_COLUMNS and not k.startswith("name_")}
    place = {} if at is None else dict(zip(("lat", "lon"), at, strict=True))
    return Sensor(**known, **place, name=_names(row), properties=extra), ""


def _area(row: dict[str, Any]) -> tuple[Area, str]:
    geometry = _geometry(row)
    if geometry is None:
        raise ValueError("has no polygon")
    mended = repair.polygon(geometry)
    known = {k: str(row[k]) for k in ("key", "kind") if k in row}
    dates = {k: date.fromisoformat(str(row[k])[:10]) for k in ("valid_from", "valid_to") if row.get(k)}
    return Area(**known, **dates, name=_names(row), geometry=mended.geometry), mended.word


class AreaIndex:
    """Which area a point is in, on a day. Built once a folder; a look-up takes microseconds."""

    def __init__(self, areas: list[Area], day: date) -> None:
        from shapely import STRtree
        from shapely.geometry import shape

        valid = [(shape(a.geometry), a) for a in areas if (a.valid_from or day) <= day < (a.valid_to or date.max)]
        ordered = sorted(valid, key=lambda pair: (pair[0].area, pair[1].key))
        self._areas = [area for _, area in ordered]
        self._tree = STRtree([polygon for polygon, _ in ordered])

    def area_of(self, lat: float | None, lon: float | None) -> str | None:
        """The key of the area that holds the point, the smallest of several; None outside all of them."""
        if lat is None or lon is None or not self._areas:
            return None
        from shapely import Point

        hits = self._tree.query(Point(lon, lat), predicate="intersects")
        return self._areas[min(hits)].key if len(hits) else None
