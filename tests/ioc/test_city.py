"""Places are the same, whatever format they come in."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import geopandas as gpd
import pytest

from ioc.city import AreaIndex, read_areas, read_sensors

SOUND = Path(__file__).parents[1] / "configs" / "sound"


def read(folder, reader):
    faults = []
    found = reader(folder, faults)
    assert faults == []
    return found


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".shp"])
def test_sensors_are_the_same_from_every_vector_format(tmp_path, suffix):
    gpd.read_file(SOUND / "sensors.geojson").to_file(tmp_path / f"sensors{suffix}")
    key = lambda sensors: sorted((s.key, s.domain, s.feed, s.lat, s.lon) for s in sensors)  # noqa: E731
    assert key(read(tmp_path, read_sensors)) == key(read(SOUND, read_sensors))


def test_another_reference_system_is_brought_to_wgs_84(tmp_path):
    frame = gpd.read_file(SOUND / "sensors.geojson").to_crs(32648)
    frame.to_file(tmp_path / "sensors.geojson", driver="GeoJSON")
    quay = next(s for s in read(tmp_path, read_sensors) if s.key == "quay")
    assert (quay.lat, quay.lon) == (pytest.approx(9.60, abs=1e-6), pytest.approx(105.97, abs=1e-6))


def test_a_table_with_lat_and_lon_will_do(tmp_path):
    (tmp_path / "sensors.csv").write_text(
        "key,name,feed,lat,lon,depth\nwell,Well,gauges,9.6,105.9,12\nbus,Bus,buses,,,\n"
    )
    well, bus = read(tmp_path, read_sensors)
    assert (well.lat, well.lon, well.properties) == (9.6, 105.9, {"depth": "12"})
    assert (bus.lat, bus.lon, bus.properties) == (None, None, {})


def test_a_broken_row_is_told_and_the_others_are_kept(tmp_path):
    (tmp_path / "sensors.csv").write_text("key,name,lat,lon\na,A,9.6,105.9\nb,B,north,105.9\n")
    faults = []
    assert [s.key for s in read_sensors(tmp_path, faults)] == ["a"]
    assert [str(f) for f in faults] == ["sensors.csv: row 2 (b): could not convert string to float: 'north'"]


def test_a_point_is_in_the_area_that_is_valid_that_day():
    areas = read(SOUND, read_areas)
    assert AreaIndex(areas, date(2025, 7, 1)).area_of(9.6, 106.05) == "new_town"
    assert AreaIndex(areas, date(2025, 6, 30)).area_of(9.6, 106.05) is None
    assert AreaIndex(areas, date(2026, 1, 1)).area_of(9.6, 105.95) == "old_town"
    assert AreaIndex(areas, date(2026, 1, 1)).area_of(None, None) is None
