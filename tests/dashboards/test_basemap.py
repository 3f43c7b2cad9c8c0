"""The base map: built from a drawing, served in ranges, and said to be missing or damaged where it is."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest
from pmtiles.reader import MmapSource, Reader

from dashboards import basemap, basemap_build, guard, mvt
from ioc.config import folder as city_folder
from ioc.config.city import TileServer
from ioc.errors import ConfigError
from tests.dashboards import seed


def test_the_sample_citys_tiles_are_what_its_drawing_gives(tmp_path):
    city = city_folder.load(seed.CITY)
    basemap_build.build(seed.CITY / "basemap.geojson", tmp_path / "made.pmtiles", city.city.map.attribution)
    assert (tmp_path / "made.pmtiles").read_bytes() == (seed.CITY / "basemap.pmtiles").read_bytes(), (
        "run `ioc basemap build sample_feeds/soc_trang`"
    )


def test_a_tile_holds_what_lies_on_it(tmp_path):
    drawing = {"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"layer": "road", "name": "QL1A"}, "geometry": {"type": "LineString", "coordinates": [[105.9, 9.6], [106.0, 9.6]]}},
        {"type": "Feature", "properties": {"layer": "place", "name": "Đại Ngãi", "rank": 1}, "geometry": {"type": "Point", "coordinates": [105.95, 9.61]}},
        {"type": "Feature", "properties": {"layer": "nothing"}, "geometry": {"type": "Point", "coordinates": [0, 0]}},
    ]}  # fmt: skip
    (tmp_path / "d.geojson").write_text(json.dumps(drawing), encoding="utf-8")
    basemap_build.build(tmp_path / "d.geojson", tmp_path / "d.pmtiles", "whose")
    found = basemap.inspect(tmp_path / "d.pmtiles", 1, (tmp_path / "d.pmtiles").stat().st_size)
    assert found.places == [["Đại Ngãi", 105.95, 9.61, 1]]
    assert found.attribution == "whose"
    with (tmp_path / "d.pmtiles").open("rb") as file:
        import gzip

        data = gzip.decompress(Reader(MmapSource(file)).get(8, 203, 121))
    assert "Đại Ngãi".encode() in data
    assert b"QL1A" in data
    assert b"nothing" not in data


def test_geometry_is_written_as_the_specification_says():
    from shapely import LineString, Point, Polygon

    assert mvt._commands(1, [[(25, 17)]]) == [9, 50, 34]
    assert mvt._commands(2, [[(2, 2), (2, 10), (10, 10)]]) == [9, 4, 4, 18, 0, 16, 16, 0]
    assert mvt._commands(3, [[(3, 6), (8, 12), (20, 34)]]) == [9, 6, 12, 18, 10, 12, 24, 44, 15]
    kinds = [
        kind
        for shape in (Point(1, 1), LineString([(0, 0), (9, 9)]), Polygon([(0, 0), (9, 0), (9, 9)]))
        for kind, _ in mvt._shapes(shape)
    ]
    assert kinds == [1, 2, 3]


def city(tmp_path, **view):
    for name in ("basemap.geojson", "basemap.pmtiles"):
        shutil.copy(seed.CITY / name, tmp_path / name)
    settings = SimpleNamespace(**{"basemap": "basemap.geojson", "tiles": "basemap.pmtiles", "attribution": ""} | view)
    return SimpleNamespace(path=tmp_path, city=SimpleNamespace(map=settings))


def test_tiles_that_are_missing_or_damaged_are_said_and_the_drawing_stands_in(tmp_path):
    assert basemap.facts(city(tmp_path)).kind == "pmtiles"
    assert basemap.facts(city(tmp_path, tiles="other.pmtiles"))[:4] == ("geojson", "geojson", "", "missing")
    assert basemap.facts(city(tmp_path, tiles="../x.pmtiles")).fault == "missing"
    whole = (tmp_path / "basemap.pmtiles").read_bytes()
    for damaged in (
        b"",
        b"no tiles at all",
        whole[:400],
        whole[: len(whole) // 2],
        whole[:10] + b"\xff" * 200 + whole[210:],
    ):
        (tmp_path / "bad.pmtiles").write_bytes(damaged)
        found = basemap.facts(city(tmp_path, tiles="bad.pmtiles", basemap=None))
        assert (found.kind, found.fault) == ("plain", "damaged")


def test_a_tile_server_is_let_in_by_name_and_nothing_else_is(tmp_path):
    served = city(tmp_path, tiles=TileServer(url="https://tiles.city.example:8443/v/{z}/{x}/{y}.pbf"))
    assert basemap.origins(served) == ["https://tiles.city.example:8443"]
    allowed = guard.policy([], basemap.origins(served))
    assert "connect-src 'self' https://tiles.city.example:8443;" in allowed
    assert "script-src 'self';" in allowed
    assert "connect-src 'self';" in guard.policy([], basemap.origins(city(tmp_path)))
    with pytest.raises(ValueError, match="url"):
        TileServer(url="https://a;script-src */{z}/{x}/{y}")


def test_tiles_are_served_in_ranges(screens):
    status, headers, body = screens.get("/api/basemap/tiles?v=1", Range="bytes=0-6")
    assert (status, body, headers["Content-Range"].split("/")[0]) == (206, b"PMTiles", "bytes 0-6")


def test_a_folder_whose_tile_file_is_missing_is_loaded(tmp_path):
    shutil.copytree(seed.CITY, tmp_path / "city")
    (tmp_path / "city" / "basemap.pmtiles").unlink()
    try:
        found = city_folder.load(tmp_path / "city")
    except ConfigError as error:  # pragma: no cover  what this test is about
        raise AssertionError(error) from error
    assert basemap.facts(found).fault == "missing"
