"""The sample city's folder: sound, rich enough, named in Vietnamese, and made by its own generator."""

from __future__ import annotations

import json
import unicodedata
from itertools import combinations

import pytest
from shapely.geometry import Point, shape
from shapely.ops import unary_union

from sample_feeds import build
from tests.sample_feeds.conftest import CITY


def test_the_city_is_large_and_varied_enough(city):
    assert len(city.sensors) >= 400
    assert len({s.domain for s in city.sensors.values()}) >= 14
    assert len({f.format for f in city.feeds.values()}) >= 6
    assert 40 <= len(city.rules) <= 90
    assert len(city.contacts) >= 4
    assert {c.language for c in city.contacts.values()} == {"vi", "en"}


def test_every_domain_is_declared_and_named_in_three_languages(city):
    assert {s.domain for s in city.sensors.values()} <= set(city.city.domains)
    for domain in city.city.domains.values():
        assert {"vi", "en", "lo"} <= set(domain.name)


def test_every_metric_has_bounds_and_names(city):
    for key, metric in city.metrics.items():
        assert {"vi", "en"} <= set(metric.name), key
        assert metric.low is not None, key
        assert metric.high is not None or metric.kind == "counter", key


def test_sensors_are_named_as_people_say_it_and_no_name_comes_twice(city):
    names = [s.name["vi"] for s in city.sensors.values()]
    assert len(set(names)) == len(names)
    for name in names:
        assert name == unicodedata.normalize("NFC", name)
    marked = [n for n in names if any(unicodedata.combining(c) for c in unicodedata.normalize("NFD", n))]
    assert len(marked) > 0.99 * len(names)
    assert all(s.name["en"] for s in city.sensors.values())


@pytest.mark.parametrize("name", ["Trạm đo mực nước Đại Ngãi – sông Hậu", "Bãi xe chợ Sóc Trăng", "Cống Cái Quanh"])
def test_places_people_know_are_there(city, name):
    assert name in {s.name["vi"] for s in city.sensors.values()}


def test_contacts_are_roles_at_example_domains(city):
    assert all(c.email.endswith(".example") for c in city.contacts.values())


def test_every_rule_says_what_an_operator_needs(city):
    for rule in city.rules.values():
        for part in (rule.name, rule.cause, rule.consequence, rule.action):
            assert part.get("vi"), rule.key
            assert part.get("en"), rule.key
        assert rule.owner, rule.key
        assert rule.source, rule.key
        assert rule.respond_within.total_seconds() > 0, rule.key


def test_few_rules_are_critical(city):
    priorities = [r.priority for r in city.rules.values()]
    assert priorities.count("critical") <= 4
    assert priorities.count("low") + priorities.count("medium") > 0.7 * len(priorities)


def test_scenes_start_with_an_overview_and_a_tide_chart(city):
    first = min(city.scenes.values(), key=lambda s: s.order)
    assert not first.domains
    chart = next(w for w in first.widget if w.kind == "chart")
    assert chart.options["metric"] == "water_level"
    assert 3 <= len(city.scenes) <= 6


def test_the_wards_tile_the_outline_without_overlap(city):
    wards = [shape(a.geometry) for a in city.areas if a.kind == "ward"]
    assert len(wards) == 43
    assert all(w.is_valid for w in wards)
    assert max(a.intersection(b).area for a, b in combinations(wards, 2)) < 1e-6  # square degrees: about a hectare
    whole, outline = unary_union(wards), shape({"type": "Polygon", "coordinates": [build.shapes()["outline"]]})
    assert whole.symmetric_difference(outline).area < 1e-4 * outline.area


def test_each_ward_is_around_its_own_centre_and_says_that_it_is_derived(city):
    features = json.loads((CITY / "areas.geojson").read_text())["features"]
    centres = {w["code"]: Point(float(w["lon"]), float(w["lat"])) for w in build.table("wards")}
    for feature in (f for f in features if f["properties"]["kind"] == "ward"):
        assert shape(feature["geometry"]).contains(centres[feature["properties"]["code"]])
        assert "Voronoi" in feature["properties"]["derived"]
        assert "vietnamadminunits" in feature["properties"]["attribution"]
        assert feature["properties"]["valid_from"] == "2025-07-01"


def test_the_districts_before_the_merger_hold_the_communes_they_had(city):
    districts = {a.key: shape(a.geometry) for a in city.areas if a.kind == "district"}
    assert len(districts) == 11
    assert {str(a.valid_to) for a in city.areas if a.kind == "district"} == {"2025-07-01"}
    assert max(a.intersection(b).area for a, b in combinations(districts.values(), 2)) < 1e-6
    for row in build.table("communes_before_2025"):
        key = f"{build.KINDS[row['type']][0]}-{build.slug(row['district'])}"
        assert districts[key].buffer(1e-5).contains(Point(float(row["lon"]), float(row["lat"])))


def test_nearly_every_sensor_stands_in_a_ward(city):
    whole = unary_union([shape(a.geometry) for a in city.areas]).buffer(0.01)
    outside = [s.key for s in city.sensors.values() if not whole.contains(Point(s.lon, s.lat))]
    assert outside == []


def test_the_base_map_is_small_and_has_every_layer():
    file = CITY / "basemap.geojson"
    assert file.stat().st_size < 150_000
    properties = [f["properties"] for f in json.loads(file.read_text())["features"]]
    assert {"water", "coast", "river", "canal", "road", "place"} == {p["layer"] for p in properties}
    assert {"Sông Hậu", "QL1A", "QL60", "Nam Sông Hậu", "Sông Maspero", "Trần Đề"} <= {p["name"] for p in properties}


def test_the_committed_files_are_what_the_generator_writes(tmp_path):
    build.build(tmp_path)
    for name in ("areas.geojson", "basemap.geojson", "sensors.geojson"):
        assert (tmp_path / name).read_bytes() == (CITY / name).read_bytes(), (
            f"run `python -m sample_feeds.build`: {name}"
        )
