"""Messages of city systems: NGSI-v2, SenML, HFP, Open311, and the plain JSON of several makers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from sample_feeds.payloads import Draft, Rows, clock, one

if TYPE_CHECKING:
    from collections.abc import Iterator

dumps = orjson.dumps
_PUMP = ("IDLE", "RUN", "FAULT")
_PACK = (
    ("rain_rate", "mm/h", 2),
    ("rain_today", "mm", 1),
    ("temperature", "Cel", 1),
    ("humidity", "%RH", 0),
    ("wind_speed", "m/s", 1),
    ("wind_direction", "deg", 0),
)


def air_reference(rows: Rows) -> Iterator[Draft]:
    """An NGSI-v2 notification, one entity each."""
    names = ("pm25", "pm10", "no2", "so2", "o3", "co", "temperature", "humidity")
    codes = {
        "pm25": "GQ",
        "pm10": "GQ",
        "no2": "GQ",
        "so2": "GQ",
        "o3": "GQ",
        "co": "GP",
        "temperature": "CEL",
        "relativeHumidity": "P1",
    }
    for n, key, said, *values in rows.each(*names):
        entity: dict[str, Any] = {
            "id": f"urn:ngsi-ld:AirQualityObserved:{key}",
            "type": "AirQualityObserved",
            "stationCode": {"type": "Text", "value": key, "metadata": {}},
            "dateObserved": {"type": "DateTime", "value": clock.utc(said), "metadata": {}},
        }
        for (name, code), value in zip(codes.items(), values, strict=True):
            unit = {"unitCode": {"type": "Text", "value": code}}
            entity[name] = {"type": "Number", "value": round(value, 2), "metadata": unit}
        yield Draft(
            "soctrang/ngsi/v2/AirQualityObserved", dumps({"subscriptionId": "5f1e8soctrang", "data": [entity]}), one(n)
        )


def weather(rows: Rows) -> Iterator[Draft]:
    """A SenML pack; pressure in Pa as the standard has it."""
    names = [name for name, _, _ in _PACK]
    for n, key, said, pressure, *values in rows.each("pressure", *names):
        pack: list[dict[str, Any]] = [
            {"bn": f"{key}:", "bt": said, "n": "pressure", "u": "Pa", "v": round(pressure * 100.0)}
        ]
        pack += [
            {"n": name, "u": unit, "v": round(v, digits)} for (name, unit, digits), v in zip(_PACK, values, strict=True)
        ]
        yield Draft(f"soctrang/weather/{key}", dumps(pack), one(n))


def sluices(rows: Rows) -> Iterator[Draft]:
    for n, key, said, opening, inside, outside in rows.each("gate_opening", "level_inside", "level_outside"):
        level = {"inside_cm": round(inside * 100.0, 1), "outside_cm": round(outside * 100.0, 1)}
        payload = dumps({"ts": said * 1000, "gate": {"opening": opening / 100.0}, "level": level})
        yield Draft(f"soctrang/thuy-loi/cong/{key}", payload, one(n))


def flood_depth(rows: Rows) -> Iterator[Draft]:
    for n, key, said, depth, pump in rows.each("flood_depth", "pump"):
        data = [{"n": "depth", "v": round(depth * 10.0), "u": "mm"}, {"n": "pump", "v": _PUMP[round(pump)]}]
        yield Draft(f"soctrang/thoat-nuoc/{key}/telemetry", dumps({"id": key, "t": said, "data": data}), one(n))


def traffic(rows: Rows) -> Iterator[Draft]:
    for n, key, said, flow, speed, share, bikes in rows.each("flow", "speed", "occupancy", "motorbike_share"):
        payload = dumps(
            {
                "time": clock.offset(said),
                "flow": round(flow),
                "speed": round(speed, 1),
                "occ": round(share / 100.0, 3),
                "mc": round(bikes / 100.0, 2),
            }
        )
        yield Draft(f"soctrang/giao-thong/{key}", payload, one(n))


def water_supply(rows: Rows) -> Iterator[Draft]:
    """Vietnamese names, local date and time in two fields, decimal commas in text."""
    for n, key, said, flow, bar, mud, acid, chlorine in rows.each(
        "water_flow", "water_pressure", "turbidity", "ph", "chlorine"
    ):
        date, _, time = clock.day_first(said).partition(" ")
        comma = [f"{v:.2f}".replace(".", ",") for v in (flow, bar, mud, acid, chlorine)]
        names = ("luu_luong", "ap_luc", "do_duc", "ph", "clo_du")
        yield Draft(
            f"soctrang/cap-nuoc/{key}",
            dumps({"ngay": date, "gio": time, **dict(zip(names, comma, strict=True))}),
            one(n),
        )


def data_centre(rows: Rows) -> Iterator[Draft]:
    for n, key, said, warm, wet, kilowatts in rows.each("inlet_temperature", "inlet_humidity", "rack_power"):
        payload = dumps(
            {"ts": clock.utc(said), "inlet": {"t": round(warm, 2), "rh": round(wet, 1)}, "w": round(kilowatts * 1000.0)}
        )
        yield Draft(f"soctrang/dc/rack/{key}", payload, one(n))


def ups(rows: Rows) -> Iterator[Draft]:
    for n, key, said, load, battery, pue, volts in rows.each("ups_load", "ups_battery", "pue", "voltage"):
        payload = dumps(
            {
                "ts": clock.utc(said),
                "load_pct": round(load, 1),
                "battery_pct": round(min(battery, 100.0), 1),
                "pue": round(pue, 3),
                "input": {"v": round(volts, 1)},
            }
        )
        yield Draft(f"soctrang/dc/ups/{key}", payload, one(n))


def hotline(rows: Rows) -> Iterator[Draft]:
    for n, key, said, opened, late, today, answer in rows.each(
        "reports_open", "reports_overdue", "reports_today", "first_response"
    ):
        payload = dumps(
            {
                "id": key,
                "at": clock.utc(said),
                "open": round(opened),
                "overdue": round(late),
                "today": round(today),
                "first_response_s": round(answer * 60.0),
            }
        )
        yield Draft("soctrang/1022/tong-hop", payload, one(n))


def buses(rows: Rows) -> Iterator[Draft]:
    """Helsinki's HFP v2, as a vendor abroad would sell it."""
    names = ("lat", "lon", "speed", "heading", "schedule_offset", "bus_load")
    for n, key, said, lat, lon, speed, heading, ahead, load in rows.each(*names):
        vehicle, about = key.removeprefix("xe-buyt-"), rows.properties[n]
        body = {
            "desi": about["route"],
            "dir": "1",
            "oper": 83,
            "veh": int(vehicle),
            "tst": clock.utc(said),
            "tsi": said,
            "spd": round(speed, 2),
            "hdg": round(heading) % 360,
            "lat": round(lat, 6),
            "long": round(lon, 6),
            "dl": round(ahead),
            "occu": round(load),
            "drst": 0,
            "route": f"83{about['route']}",
        }
        topic = f"/hfp/v2/journey/ongoing/vp/bus/0083/{vehicle}/83{about['route']}/1/Soc-Trang"
        yield Draft(topic, dumps({"VP": body}), one(n))


def citizen_report(
    number: str, status: str, code: str, name: str, title: str, lat: float, lon: float, opened: int, updated: int
) -> tuple[str, bytes]:
    """One Open311 service request."""
    request = {
        "service_request_id": number,
        "status": status,
        "service_code": code,
        "service_name": name,
        "description": title,
        "requested_datetime": clock.offset(opened),
        "updated_datetime": clock.offset(updated),
        "lat": lat,
        "long": lon,
    }
    return "soctrang/1022/open311", dumps([request])
