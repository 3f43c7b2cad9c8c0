"""The sample city's sensors, from the tables in geography/: stations as listed, the rest along streets and in wards."""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

Point = dict[str, Any]


class Kind(NamedTuple):
    """One kind of sensor: prefix of its keys, domain, feed, and how people call it in Vietnamese and English."""

    code: str
    domain: str
    feed: str
    vi: str
    en: str


KINDS = {
    "tide": Kind("muc-nuoc", "water_level", "tide_gauges", "Trạm đo mực nước {}", "Water level gauge {}"),
    "salt": Kind("do-man", "salinity", "salinity", "Trạm đo mặn {}", "Salinity station {}"),
    "sluice": Kind("cong", "sluices", "sluices", "Cống {}", "{} sluice"),
    "weather": Kind("thoi-tiet", "weather", "weather", "Trạm khí tượng {}", "Weather station {}"),
    "airref": Kind("khong-khi", "air", "air_reference", "Trạm quan trắc không khí {}", "Air monitoring station {}"),
    "aircom": Kind("bui", "air", "air_community", "Cảm biến bụi {}", "Dust sensor {}"),
    "parking": Kind("bai-xe", "parking", "parking", "Bãi xe {}", "Parking {}"),
    "noise": Kind("tieng-on", "noise", "noise", "Trạm đo tiếng ồn {}", "Noise station {}"),
    "hospital": Kind("benh-vien", "health", "hospitals", "{}", "{}"),
    "power": Kind("dien", "power", "power", "{}", "{}"),
    "water": Kind("cap-nuoc", "water_supply", "water_supply", "{}", "{}"),
    "drain": Kind("ngap", "drainage", "flood_depth", "Điểm đo ngập {}", "Flood gauge {}"),
    "rack": Kind("tu-may", "data_centre", "data_centre", "{}", "{}"),
    "ups": Kind("ups", "data_centre", "ups", "{}", "{}"),
    "desk": Kind("phan-anh", "reports", "hotline", "{}", "{}"),
    "junction": Kind("giao-thong", "traffic", "traffic", "Giao lộ {}", "Junction {}"),
    "count": Kind("giao-thong", "traffic", "traffic", "Trạm đếm xe {}", "Traffic count {}"),
    "lamp": Kind("den", "lighting", "lighting", "Tủ chiếu sáng {}", "Lighting cabinet {}"),
    "bin": Kind("thung-rac", "waste", "waste_bins", "Thùng rác {}", "Waste bin {}"),
    "counter": Kind("mot-cua", "one_stop", "one_stop", "Bộ phận Một cửa {}", "One-stop shop {}"),
    "cell": Kind("tram-5g", "telecom", "cells_5g", "Trạm 5G {}", "5G cell {}"),
    "bus": Kind("xe-buyt", "transit", "buses", "Xe buýt {}", "Bus {}"),
}
TOWN = (105.93, 106.03, 9.54, 9.65)  # west, east, south, north
GATEWAYS = ("lora-chua-kleang", "lora-buu-dien-tinh")  # LoRa, of the community dust sensors: west and east of the town
SECOND_CELLS = 14  # wards that have two 5G cells: the town and the busiest communes


def _point(kind: str, vi: str, en: str, at: tuple[float, float], size: float, **more: Any) -> Point:
    k = KINDS[kind]
    names = {"name_vi": _title(k.vi.format(vi)), "name_en": _title(k.en.format(en))}
    return {"code": k.code, "place": vi, **names, "domain": k.domain, "feed": k.feed, "kind": kind,
            "lon": at[0], "lat": at[1], "size": size, **more}  # fmt: skip


def _title(text: str) -> str:
    return text[:1].upper() + text[1:]


def sensors(stations: list[dict[str, str]], wards: list[dict[str, str]], drawn: dict[str, Any]) -> list[Point]:
    """Every sensor of the city with its place; the order is fixed and the simulation depends on it."""
    listed = [
        _point(r["kind"], r["place_vi"], r["place_en"], (float(r["lon"]), float(r["lat"])), float(r["size"]), **more)
        for r, more in zip(stations, map(_hangs_on, stations), strict=True)
    ]
    return [
        *listed,
        *junctions(drawn),
        *lamps(drawn),
        *bins(stations, drawn),
        *counters(wards),
        *cells(wards),
        *buses(drawn),
    ]


def _hangs_on(station: dict[str, str]) -> dict[str, str]:
    """The gateway a sensor speaks through, where it has no line of its own."""
    return {"gateway": GATEWAYS[float(station["lon"]) > 105.972]} if station["kind"] == "aircom" else {}


def junctions(drawn: dict[str, Any]) -> list[Point]:
    """Where two streets of the town cross, and the counting sites on the roads outside."""
    from shapely import LineString

    lines = [(s["name"], LineString(s["line"])) for s in drawn["street"]]
    found: list[Point] = []
    places: list[Any] = []
    for (one, a), (two, b) in combinations(lines, 2):
        if not a.intersects(b):
            continue
        at = a.intersection(b).centroid
        if any(at.distance(other) < 0.0007 for other in places):
            continue
        places.append(at)
        found.append(_point("junction", f"{one} – {two}", f"{one} – {two}", (at.x, at.y), 1100, street=one))
    outside = [_point("count", c["name"], c["name_en"], tuple(c["at"]), 700, street=c["name"]) for c in drawn["count"]]
    return [*found[:34], *outside]


def _along(line: list[list[float]], count: int) -> list[tuple[float, float]]:
    from shapely import LineString

    whole = LineString(line)
    points = [whole.interpolate((n + 0.5) / count, normalized=True) for n in range(count)]
    return [(p.x, p.y) for p in points]


def lamps(drawn: dict[str, Any]) -> list[Point]:
    return [
        _point("lamp", f"{s['name']} {n}", f"{s['name']} {n}", at, 3.2, street=s["name"])
        for s in drawn["street"]
        for n, at in enumerate(_along(s["line"], 2), 1)
    ]


def bins(stations: list[dict[str, str]], drawn: dict[str, Any]) -> list[Point]:
    """Two along each street, one at each car park (markets, schools, landings)."""
    found = [
        _point("bin", f"{s['name']} – số {n}", f"{s['name']} no. {n}", at, 1.0, street=s["name"])
        for s in drawn["street"][:22]
        for n, at in enumerate(_along(s["line"], 2), 1)
    ]
    for row in (r for r in stations if r["kind"] == "parking"):
        at = (float(row["lon"]) + 0.0003, float(row["lat"]) - 0.0002)
        found.append(_point("bin", row["place_vi"], row["place_en"], at, 1.3))
    for n, point in enumerate(found, 1):  # LoRaWAN devices are known by their EUI
        point["place"] = f"a840410001{n:06x}"
    return found


def counters(wards: list[dict[str, str]]) -> list[Point]:
    found = []
    for w in wards:
        vi, at = f"{w['type'].lower()} {w['name']}", (float(w["lon"]) + 0.0004, float(w["lat"]) + 0.0003)
        found.append(_point("counter", vi, w["name"], at, 90 if w["type"] == "Phường" else 45))
    return found


def cells(wards: list[dict[str, str]]) -> list[Point]:
    order = sorted(wards, key=lambda w: (w["type"] != "Phường", w["code"]))
    first = [_cell(ward, 1, -0.002, 0.0015, 1.0) for ward in wards]
    return [*first, *(_cell(ward, 2, 0.0035, -0.0025, 1.2) for ward in order[:SECOND_CELLS])]


def _cell(ward: dict[str, str], number: int, east: float, north: float, size: float) -> Point:
    name = f"{ward['name']} {number}"
    return _point("cell", name, name, (float(ward["lon"]) + east, float(ward["lat"]) + north), size)


def buses(drawn: dict[str, Any]) -> list[Point]:
    found = []
    for route in drawn["route"]:
        for n in range(1, route["buses"] + 1):
            line, name = route["number"], route["name"]
            vi, en, start = f"tuyến {line} xe {n} ({name})", f"route {line} no. {n} ({name})", tuple(route["line"][0])
            plate = f"83B-00{line}.{n * 7 + 4:02d}"
            found.append(_point("bus", vi, en, start, 40, moves=True, route=line, plate=plate))
            found[-1]["place"] = f"{int(line) * 100 + n:05d}"  # the vehicle number of its messages
    return found
