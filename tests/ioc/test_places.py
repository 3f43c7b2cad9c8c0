"""Areas and sensors from any file that geopandas reads, in any reference system; what is wrong is named with its remedy."""

from __future__ import annotations

import json
import shutil
import zipfile

import geopandas as gpd
import pytest
from shapely.geometry import Polygon, shape

from ioc.city import read_areas, read_sensors
from ioc.config import folder as folders
from ioc.config.geometry import faults as places
from ioc.store import areas as memberships
from ioc.store import registry
from tests import services

WEST = Polygon([(105.9, 9.6), (106.0, 9.6), (106.0, 9.7), (105.9, 9.7)])
EAST = Polygon([(106.0, 9.6), (106.1, 9.6), (106.1, 9.7), (106.0, 9.7)])
GEO = services.FEEDS / "geo"


def frame(*shapes, crs=4326, **columns):
    keys = [f"a{n}" for n in range(len(shapes))]
    return gpd.GeoDataFrame({"key": keys, "name": keys, **columns}, geometry=list(shapes), crs=crs)


def read(folder, reader=read_areas):
    """(things, what was said of them)."""
    faults = []
    return reader(folder, faults), [str(f) for f in faults]


def save(areas, folder, suffix):
    file = folder / f"areas{suffix}"
    if suffix == ".parquet":
        areas.to_parquet(file)
    elif suffix == ".zip":
        (folder / "made").mkdir()
        areas.to_file(folder / "made" / "wards.shp")
        with zipfile.ZipFile(file, "w") as made:
            for part in (folder / "made").iterdir():
                made.write(part, part.name)
        shutil.rmtree(folder / "made")
    elif suffix == ".csv":
        areas.to_wkt().rename(columns={"geometry": "wkt"}).to_csv(file, index=False)
    elif suffix == ".geojsonl":
        areas.to_file(file, driver="GeoJSONSeq")
    else:
        areas.to_file(file)
    return file


def same(found, wanted):
    return all(shape(a.geometry).symmetric_difference(w).area < 1e-9 for a, w in zip(found, wanted, strict=True))


@pytest.mark.parametrize(
    "suffix", [".geojson", ".gpkg", ".fgb", ".shp", ".zip", ".parquet", ".gml", ".kml", ".csv", ".geojsonl"]
)
def test_areas_are_the_same_from_every_format(tmp_path, suffix):
    save(frame(WEST, EAST, valid_from=["2025-07-01"] * 2), tmp_path, suffix)
    found, said = read(tmp_path)
    assert said == []
    found.sort(key=lambda a: a.key)  # FlatGeobuf keeps its own order
    assert [(a.key, str(a.valid_from)) for a in found] == [("a0", "2025-07-01"), ("a1", "2025-07-01")]
    assert same(found, [WEST, EAST])


def test_topojson(tmp_path):
    topology = {"type": "Topology", "objects": {"areas": {"type": "GeometryCollection", "geometries": [
        {"type": "Polygon", "properties": {"key": "a0", "name": "A"}, "arcs": [[0]]}]}},
        "arcs": [[[105.9, 9.6], [106.0, 9.6], [106.0, 9.7], [105.9, 9.7], [105.9, 9.6]]]}  # fmt: skip
    (tmp_path / "areas.topojson").write_text(json.dumps(topology))
    found, said = read(tmp_path)
    assert same(found, [WEST])
    assert (
        said == ["areas.topojson: has no reference system: taken for WGS 84 (EPSG:4326) (save it with one)"]
        or said == []
    )


@pytest.mark.parametrize("epsg", [32648, 3405, 3857, 9210])
@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".geojson"])
def test_any_reference_system_is_brought_to_wgs_84(tmp_path, epsg, suffix):
    save(frame(WEST).to_crs(epsg), tmp_path, suffix)
    found, said = read(tmp_path)
    assert said == []
    assert same(found, [WEST])


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_a_missing_reference_system_is_assumed_only_where_it_can_be(tmp_path):
    frame(WEST, crs=None).to_file(tmp_path / "areas.shp")
    found, said = read(tmp_path)
    assert same(found, [WEST])
    assert said == ["areas.shp: has no reference system: taken for WGS 84 (EPSG:4326) (save it with one)"]
    frame(WEST).to_crs(32648).set_crs(None, allow_override=True).to_file(tmp_path / "areas.shp")
    found, said = read(tmp_path)
    assert found == []
    assert "has no reference system, and 598729, 1061317 is no place in degrees" in said[0]
    assert "ogr2ogr -a_srs EPSG:NUMBER" in said[0]


def collection(*features, **more):
    return {"type": "FeatureCollection", **more, "features": [
        {"type": "Feature", "properties": {"key": f"a{n}", "name": "A"}, "geometry": g} for n, g in enumerate(features)]}  # fmt: skip


def ring(*corners):
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}


def test_an_unknown_reference_system_is_a_fault_and_not_wgs_84(tmp_path):
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::999999"}}
    (tmp_path / "areas.geojson").write_text(json.dumps(collection(ring([1, 1], [2, 1], [2, 2]), crs=crs)))
    found, said = read(tmp_path)
    assert found == []
    assert said[0].startswith(
        "areas.geojson: its reference system 'urn:ogc:def:crs:EPSG::999999' is not known (save it as"
    )


@pytest.mark.parametrize(
    ("geometry", "says", "kept"),
    [
        (ring([105.9, 9.6], [106.0, 9.7], [106.0, 9.6], [105.9, 9.7]), "not sound (Self-intersection[105.95 9.65]): repaired", 1),
        (ring([9.6, 105.9], [9.7, 105.9], [9.7, 106.0]), "lat and lon are swapped: write [lon, lat]", 0),
        (ring([598776, 1061312], [598976, 1061312], [598976, 1061512]), "is no place on Earth; coordinates are degrees", 0),
        ({"type": "LineString", "coordinates": [[1, 1], [2, 2]]}, "is a LineString, not a polygon", 0),
        ({"type": "Polygon", "coordinates": []}, "the polygon is empty", 0),
        (None, "has no polygon", 0),
        (ring([1, 1], [2, 2]), "row 1 (a0): ", 0),
        (ring([179, -10], [-179, -10], [-179, -9], [179, -9]), "it crosses the 180th meridian: cut there", 1),
        ({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 1]}, ring([1, 1], [2, 1], [2, 2])]}, "", 1),
        (ring([105.9, 9.6, 3], [106.0, 9.6, 3], [106.0, 9.7, 3]), "", 1),
    ],
)  # fmt: skip
def test_a_wrong_polygon_is_named_with_what_is_wrong(tmp_path, geometry, says, kept):
    (tmp_path / "areas.geojson").write_text(json.dumps(collection(geometry)))
    found, said = read(tmp_path)
    assert (len(found), bool(said)) == (kept, bool(says))
    if says:
        assert says in said[0]
        assert said[0].startswith("areas.geojson: row 1 (a0)")
    for area in found:
        drawn = shape(area.geometry)
        assert drawn.is_valid
        assert not drawn.has_z
        assert drawn.geom_type in ("Polygon", "MultiPolygon")
        assert drawn.bounds[2] - drawn.bounds[0] < 180 or len(drawn.geoms) == 2


def test_files_beside_and_files_of_no_format(tmp_path):
    frame(WEST).to_file(tmp_path / "areas.shp")
    (tmp_path / "areas.md").write_text("where these are from")
    assert read(tmp_path)[1] == []
    (tmp_path / "areas.docx").write_bytes(b"PK")
    assert read(tmp_path)[1][0].startswith("areas.docx: .docx is no format of places (known are .geojson .json")
    (tmp_path / "areas.gpkg").write_bytes(b"nothing")
    assert any(line.startswith("areas.gpkg: cannot be read: ") and "QGIS" in line for line in read(tmp_path)[1])


def test_of_several_layers_the_one_of_that_name(tmp_path):
    frame(WEST).to_file(tmp_path / "areas.gpkg", layer="roads")
    frame(EAST).to_file(tmp_path / "areas.gpkg", layer="areas")
    assert same(read(tmp_path)[0], [EAST])
    (tmp_path / "areas.gpkg").unlink()
    frame(WEST).to_file(tmp_path / "areas.gpkg", layer="old")
    frame(EAST).to_file(tmp_path / "areas.gpkg", layer="new")
    assert "holds the layers old, new; the first of them is read (name the right one 'areas')" in read(tmp_path)[1][0]


@pytest.mark.parametrize(
    "text",
    ["key,name,lat,lon\na,A,9.65,105.95\n", "key;name;Latitude;Longitude\na;A;9,65;105,95\n", "key,name,wkt\na,A,POINT (105.95 9.65)\n",
     "key\tname\tgeom\na\tA\tSRID=4326;POINT Z (105.95 9.65 3)\n"],
)  # fmt: skip
def test_tables_say_places_in_several_ways(tmp_path, text):
    (tmp_path / "sensors.csv").write_text(text)
    (sensor,), said = read(tmp_path, read_sensors)
    assert (sensor.key, sensor.lat, sensor.lon, sensor.properties, said) == ("a", 9.65, 105.95, {}, [])


def test_a_table_in_another_system_and_half_a_place_are_told(tmp_path):
    (tmp_path / "sensors.csv").write_text(
        "key,name,wkt\na,A,SRID=32648;POINT (598776 1061312)\nb,B,POINT (105.9 9.6)\n"
    )
    found, said = read(tmp_path, read_sensors)
    assert [s.key for s in found] == ["b"]
    assert said == ["sensors.csv: row 1 (a): SRID=32648: a table holds WGS 84, SRID=4326"]
    (tmp_path / "sensors.csv").write_text("key,name,lat\na,A,9.6\n")
    assert "has only one of the columns lat and lon" in read(tmp_path, read_sensors)[1][0]


def city(folder, areas, bounds="[105, 9, 107, 10]"):
    folder.mkdir(exist_ok=True)
    (folder / "city.toml").write_text(
        f'key = "t"\nname = "T"\nzone = "Asia/Ho_Chi_Minh"\n[map]\ncenter = [105.97, 9.6]\nbounds = {bounds}\n'
    )
    areas.to_file(folder / "areas.geojson")
    found = folders.read(folder)
    return [*map(str, found.faults), *map(str, places(found, found.folder))]


def test_maps_that_do_not_fit_together_are_told_with_sizes(tmp_path):
    wide = Polygon([(105.95, 9.6), (106.1, 9.6), (106.1, 9.7), (105.95, 9.7)])
    assert city(tmp_path, frame(WEST, wide)) == [
        "areas: a0: overlaps 'a1' by 61.1 km², 50% of the smaller one (a sensor there counts for the smaller one)"
    ]
    sliver = Polygon([(105.9999, 9.6), (106.1, 9.6), (106.1, 9.7), (105.9999, 9.7)])
    assert city(tmp_path, frame(WEST, sliver)) == [
        "areas: 1 pairs overlap a little along their borders, 0.122 km² together (a sensor there counts for the smaller one)"
    ]
    assert city(tmp_path, frame(WEST, wide, kind=["ward", "district"])) == []
    assert city(tmp_path, frame(WEST, EAST)) == []
    twice = frame(WEST, WEST, valid_from=["2020-01-01", "2024-01-01"], valid_to=["2024-06-01", None]).assign(key="a")
    assert city(tmp_path, twice) == ["areas: a: stands twice for the same days (set valid_from and valid_to)"]
    assert (
        "is on no map from 2024-01-01 to 2024-06-01"
        in city(tmp_path, twice.assign(valid_from=["2020-01-01", "2024-06-01"], valid_to=["2024-01-01", None]))[0]
    )
    here = Polygon([(48.1, 11.5), (48.2, 11.5), (48.2, 11.6)])
    assert city(tmp_path, frame(here), bounds="[11, 48, 12, 49]")[-1] == (
        "areas: a0: is outside the map's bounds (lat and lon are swapped)"
    )


@pytest.mark.feeds
@pytest.mark.parametrize(("file", "count"), [("can_tho_city_wards_2025_simplified", 103), ("soc_trang_area_wards_2025", 43),
    ("vientiane_capital_districts_geoboundaries", 9), ("laos_adm1_geoboundaries_simplified", 18)])  # fmt: skip
def test_real_boundaries_in_many_formats_and_systems(tmp_path, file, count):
    real = gpd.read_file(GEO / f"{file}.geojson")
    real["key"] = [f"a{n}" for n in range(len(real))]
    real = real[["key", "geometry"]]
    wanted = dict(zip(real["key"], real.geometry, strict=True))
    for suffix, epsg in ((".gpkg", 3405), (".fgb", 32648), (".parquet", 3857), (".csv", 4326)):
        for old in tmp_path.glob("areas*"):
            old.unlink()
        save(real.to_crs(epsg), tmp_path, suffix)
        found, said = read(tmp_path)
        assert len(found) == count
        assert [line for line in said if "repaired" not in line] == []
        off = {
            a.key: shape(a.geometry).symmetric_difference(wanted[a.key].buffer(0)).area / wanted[a.key].area
            for a in found
        }
        assert max(off.values()) < 1e-4, "a datum shift there and back is not exact"


@pytest.mark.feeds
def test_the_real_map_after_the_merger_against_a_map_before_it(tmp_path, conn):
    """Wards of 1 July 2025 as the new map; a made-up district over the north of them as the old one."""
    wards = gpd.read_file(GEO / "soc_trang_area_wards_2025.geojson")
    new = wards[["geometry"]].assign(
        key=wards["codeName"], name=wards["name"], kind="ward", valid_from="2025-07-01", valid_to=None
    )
    north = new.cx[:, 9.7:].geometry.union_all()
    old = gpd.GeoDataFrame({"key": ["north"], "name": ["North"], "kind": ["district"], "valid_from": [None], "valid_to": ["2025-07-01"]}, geometry=[north], crs=4326)  # fmt: skip
    spots = wards.geometry.representative_point()
    rows = [f"{key},{key},{p.y},{p.x}" for key, p in zip(wards["codeName"], spots, strict=True)]
    import pandas as pd

    said = city(tmp_path / "town", pd.concat([new, old]), bounds="[105, 9, 107, 10.2]")
    assert [line for line in said if "along their borders" not in line] == []
    (tmp_path / "town" / "sensors.csv").write_text("\n".join(["key,name,lat,lon", *rows]))
    registry.sync(conn, folders.load(tmp_path / "town"))
    from datetime import date

    now = {m.sensor: m.area for m in memberships.members(conn, map_day=date(2025, 7, 1))}
    assert now == {key: key for key in wards["codeName"]}
    before = {m.sensor for m in memberships.members(conn, ["north"], map_day=date(2025, 6, 30))}
    assert before == set(wards["codeName"][spots.within(north)])
    assert len(memberships.members(conn)) == len(wards) + len(before)


def test_heavy_polygons_are_drawn_lighter_and_joined_as_they_are(tmp_path, conn):
    from shapely import Point, get_num_coordinates

    round_, centre = Point(105.95, 9.65).buffer(0.05, quad_segs=6000), Point(105.95, 9.65)
    assert city(tmp_path, frame(round_)) == []
    (tmp_path / "sensors.csv").write_text(f"key,name,lat,lon\nmid,Mid,{centre.y},{centre.x}\n")
    registry.sync(conn, folders.load(tmp_path))
    shape_, drawing = conn.execute("SELECT geometry, drawing FROM area").fetchone()
    assert get_num_coordinates(shape(shape_)) > 20_000 > 500 > get_num_coordinates(shape(drawing))
    assert [m.area for m in memberships.members(conn)] == ["a0"]
    assert registry.sync(conn, folders.load(tmp_path)) is False
