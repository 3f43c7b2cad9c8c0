"""Writes the sample city's areas, base map and sensors from the tables in geography/: `python -m sample_feeds.build`.

The wards are NOT surveyed boundaries: each is the part of a hand-drawn outline that is nearest to that ward's centre.
The districts that ended on 1 July 2025 are made likewise, from the centres of the communes they had.
Names and centres: the open data set of the PyPI package vietnamadminunits 1.0.4 (MIT licence).
"""

from __future__ import annotations

import csv
import json
import tomllib
import unicodedata
from pathlib import Path
from typing import Any

from sample_feeds.build_sensors import sensors
from sample_feeds.lines import rounded

HERE = Path(__file__).parent
CITY = HERE / "soc_trang"
DERIVED = "derived: Voronoi cell of the ward centre, clipped to a coarse hand-drawn outline; not a legal boundary"
ATTRIBUTION = "names and centres: vietnamadminunits 1.0.4 (MIT)"
DISSOLVED = (
    "derived: Voronoi cells of the centres of its communes, clipped to a coarse hand-drawn outline; "
    "not a legal boundary"
)
KINDS = {
    "Phường": ("phuong", "Ward"), "Xã": ("xa", "Commune"), "Huyện": ("huyen", "District"), "Thị xã": ("thi-xa", "Town"),
    "Thành phố": ("thanh-pho", "City"),
}  # fmt: skip
MERGED = "2025-07-01"  # districts ended and the wards of today began


def slug(text: str) -> str:
    """'Đại Ngãi – sông Hậu' -> 'dai-ngai-song-hau'."""
    plain = unicodedata.normalize("NFD", text.replace("Đ", "D").replace("đ", "d"))
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in plain if not unicodedata.combining(c)).lower()
    return "-".join(part for part in plain.split("-") if part)


def table(name: str) -> list[dict[str, str]]:
    with (HERE / "geography" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def shapes() -> dict[str, Any]:
    return tomllib.loads((HERE / "geography" / "shapes.toml").read_text(encoding="utf-8"))


def areas(outline: list[list[float]]) -> list[dict[str, Any]]:
    """One feature a ward, then one a former district. Those of a kind share their edges and fill the outline."""
    wards = table("wards")
    return [
        *(_ward(ward, cell) for ward, cell in zip(wards, _cells(wards, outline), strict=True)),
        *districts(table("communes_before_2025"), outline),
    ]


def _cells(rows: list[dict[str, str]], outline: list[list[float]]) -> list[Any]:
    """The part of the outline nearest to each row's centre; two rows of one centre have the same."""
    from shapely import MultiPoint, Point, Polygon, set_precision, voronoi_polygons

    border = Polygon(outline)
    centres = [Point(float(r["lon"]), float(r["lat"])) for r in rows]
    cells = list(voronoi_polygons(MultiPoint(centres), extend_to=border).geoms)
    return [set_precision(next(c for c in cells if c.covers(at)).intersection(border), 1e-5) for at in centres]


def districts(communes: list[dict[str, str]], outline: list[list[float]]) -> list[dict[str, Any]]:
    """The districts until the merger of 2025, each the cells of its communes together."""
    from shapely import union_all

    parts: dict[str, list[tuple[dict[str, str], Any]]] = {}
    for commune, cell in zip(communes, _cells(communes, outline), strict=True):
        parts.setdefault(commune["district_code"], []).append((commune, cell))
    found = []
    for code, own in sorted(parts.items()):
        short, english = KINDS[own[0][0]["type"]]
        kind, name = own[0][0]["type"], own[0][0]["district"]
        properties = {
            "key": f"{short}-{slug(name)}", "name_vi": f"{kind} {name}", "name_en": f"{name} {english}",
            "kind": "district", "valid_to": MERGED, "code": code, "derived": DISSOLVED, "attribution": ATTRIBUTION,
        }  # fmt: skip
        found.append(_feature(properties, union_all([cell for _, cell in own])))
    return found


def _ward(ward: dict[str, str], cell: Any) -> dict[str, Any]:
    from shapely import get_parts

    short, english = KINDS[ward["type"]]
    properties = {
        "key": f"{short}-{slug(ward['name'])}", "name_vi": f"{ward['type']} {ward['name']}",
        "name_en": f"{ward['name']} {english}", "kind": "ward", "valid_from": MERGED,
        "code": ward["code"], "derived": DERIVED, "attribution": ATTRIBUTION,
    }  # fmt: skip
    return _feature(properties, max(get_parts(cell), key=lambda part: part.area))


def basemap(drawn: dict[str, Any]) -> list[dict[str, Any]]:
    """Water below roads below places, in drawing order."""
    from shapely import LineString, Point, Polygon

    found, water = [], Polygon()
    for shape in drawn["shape"]:
        properties = {k: shape[k] for k in ("layer", "name", "ref") if k in shape}
        if "line" in shape:  # canals are straight, here more than anywhere
            drawing = LineString(shape["line"] if shape["layer"] == "canal" else rounded(shape["line"]))
        else:
            holes = [rounded(shape["hole"], closed=True)] if "hole" in shape else []
            drawing = Polygon(rounded(shape["polygon"], closed=True), holes).difference(water)
            water = water.union(drawing)  # what is drawn twice would show darker
        found.append(_feature(properties, drawing))
    streets = [
        _feature({"layer": "road", "name": s["name"], "ref": "street"}, LineString(s["line"])) for s in drawn["street"]
    ]
    places = [
        _feature({"layer": "place", "name": p["name"], "rank": p["rank"]}, Point(p["at"])) for p in drawn["place"]
    ]
    return [*found, *streets, *places]


def _feature(properties: dict[str, Any], drawing: Any) -> dict[str, Any]:
    from shapely import set_precision
    from shapely.geometry import mapping

    exact = set_precision(drawing, 1e-5, mode="pointwise")
    return {"type": "Feature", "properties": properties, "geometry": mapping(exact)}


def _write(path: Path, features: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(f, ensure_ascii=False, separators=(",", ":")) for f in features)
    path.write_text('{"type":"FeatureCollection","features":[\n' + lines + "\n]}\n", encoding="utf-8")


def build(folder: Path = CITY) -> None:
    """Write areas.geojson, basemap.geojson and sensors.geojson into `folder`; the same bytes every time."""
    drawn = shapes()
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "areas.geojson", areas(drawn["outline"]))
    _write(folder / "basemap.geojson", basemap(drawn))
    points = sensors(table("stations"), table("wards"), drawn)
    _write(folder / "sensors.geojson", [_point(p) for p in points])


def _point(sensor: dict[str, Any]) -> dict[str, Any]:
    at = [round(sensor.pop("lon"), 5), round(sensor.pop("lat"), 5)]
    key = f"{sensor.pop('code')}-{slug(sensor.pop('place'))}"
    return {"type": "Feature", "properties": {"key": key, **sensor}, "geometry": {"type": "Point", "coordinates": at}}


if __name__ == "__main__":
    build()
