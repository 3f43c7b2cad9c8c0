"""Messages of devices behind LoRaWAN servers, Tasmota, Zigbee2MQTT, UltraLight and Sensor.Community."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from sample_feeds.payloads import Draft, Rows, clock, one

if TYPE_CHECKING:
    from collections.abc import Iterator

dumps = orjson.dumps


def tide_gauges(rows: Rows) -> Iterator[Draft]:
    """The Things Stack v3."""
    for n, key, said, level, warm, volts in rows.each("water_level", "water_temperature", "battery"):
        number = rows.which[n]
        decoded = {"water_level": round(level, 3), "water_temperature": round(warm, 1), "battery": round(volts, 2)}
        payload = dumps(
            {
                "end_device_ids": {
                    "device_id": key,
                    "application_ids": {"application_id": "soctrang-water"},
                    "dev_eui": f"70B3D57ED{number:07X}",
                },
                "received_at": clock.utc(said),
                "uplink_message": {
                    "session_key_id": "AY8soctrang",
                    "f_port": 2,
                    "f_cnt": said % 16_777_216,
                    "decoded_payload": decoded,
                    "rx_metadata": [
                        {
                            "gateway_ids": {"gateway_id": f"gw-soctrang-{number % 5 + 1}"},
                            "rssi": -90 - number % 25,
                            "snr": 7.5 - number % 9,
                        }
                    ],
                    "received_at": clock.utc(said),
                },
            }
        )
        yield Draft(f"v3/soctrang-water@ttn/devices/{key}/up", payload, one(n))


def waste_bins(rows: Rows) -> Iterator[Draft]:
    """ChirpStack v4."""
    for n, key, said, fill, warm, volts in rows.each("fill", "bin_temperature", "battery"):
        eui, number = key.removeprefix("thung-rac-"), rows.which[n]
        payload = dumps(
            {
                "deduplicationId": f"{number:08x}-0000-4000-8000-{said:012x}",
                "time": clock.utc(said),
                "deviceInfo": {
                    "tenantName": "Sóc Trăng",
                    "applicationId": "soctrang-rac",
                    "applicationName": "Thu gom rác",
                    "deviceProfileName": "fill-level",
                    "deviceName": rows.properties[n]["name_vi"],
                    "devEui": eui,
                },
                "devAddr": f"01{number:06x}",
                "fCnt": said % 16_777_216,
                "fPort": 85,
                "object": {"fill": round(fill), "temperature": round(warm, 1), "battery": round(volts, 2)},
                "rxInfo": [
                    {"gatewayId": f"0016c001f1{number % 4:06x}", "rssi": -88 - number % 28, "snr": 8.2 - number % 10}
                ],
            }
        )
        yield Draft(f"application/soctrang-rac/device/{eui}/event/up", payload, one(n))


def power(rows: Rows) -> Iterator[Draft]:
    """Tasmota telemetry; its clock is local and does not say so."""
    for n, key, said, volts, amps, kilowatts, factor, energy in rows.each(
        "voltage", "current", "active_power", "power_factor", "energy"
    ):
        watts = kilowatts * 1000.0
        payload = dumps(
            {
                "Time": clock.local(said),
                "ENERGY": {
                    "TotalStartTime": "2025-01-01T00:00:00",
                    "Total": round(energy, 3),
                    "Power": round(watts),
                    "ApparentPower": round(watts / max(factor, 0.1)),
                    "Factor": round(factor, 2),
                    "Voltage": round(volts, 1),
                    "Current": round(amps, 2),
                },
            }
        )
        yield Draft(f"tele/{key}/SENSOR", payload, one(n))


def lighting(rows: Rows) -> Iterator[Draft]:
    """Zigbee2MQTT."""
    for n, key, said, state, dim, watts, faults in rows.each("lamp_state", "dimming", "lamp_power", "lamp_faults"):
        payload = dumps(
            {
                "state": "ON" if state else "OFF",
                "dim": round(dim),
                "power": round(watts, 1),
                "faults": round(faults),
                "linkquality": 90 + rows.which[n] % 120,
                "last_seen": clock.offset(said),
            }
        )
        yield Draft(f"zigbee2mqtt/{key}", payload, one(n))


def salinity(rows: Rows) -> Iterator[Draft]:
    """FIWARE UltraLight 2.0."""
    for n, key, said, salt, siemens, warm, volts in rows.each(
        "salinity", "conductivity", "water_temperature", "battery"
    ):
        text = f"{clock.utc(said)}|s|{salt:.3f}|c|{siemens:.2f}|t|{warm:.1f}|b|{volts:.2f}"
        yield Draft(f"/ul/soctrang-man/{key}/attrs", text.encode(), one(n))


def air_community(rows: Rows) -> Iterator[Draft]:
    """Sensor.Community; its time is UTC without saying so."""
    for n, key, said, fine, coarse, warm, wet in rows.each("pm25", "pm10", "temperature", "humidity"):
        values = (
            ("SDS_P1", f"{coarse:.2f}"),
            ("SDS_P2", f"{fine:.2f}"),
            ("BME280_temperature", f"{warm:.2f}"),
            ("BME280_humidity", f"{wet:.2f}"),
            ("signal", f"{-50 - rows.which[n] % 30} dBm"),
        )
        payload = dumps(
            {
                "software_version": "NRZ-2024-135",
                "timestamp": clock.utc_plain(said),
                "sensordatavalues": [{"value_type": name, "value": value} for name, value in values],
            }
        )
        yield Draft(f"airrohr/{key}", payload, one(n))


def noise(rows: Rows) -> Iterator[Draft]:
    """One bare value a message; the time is when it arrives."""
    for n, key, _, level, peak in rows.each("laeq", "lamax"):
        yield Draft(f"soctrang/noise/{key}/laeq", f"{level:.1f}".encode(), one(n))
        yield Draft(f"soctrang/noise/{key}/lamax", f"{peak:.1f}".encode(), one(n))
