"""Shelly Gen2, Gen3, Gen4 (Plus, Pro, BLU): component status, RPC notifications, online; BTHome sensors behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.formats._devices import scalar, words
from ingest.formats._pieces import instant, leaves, number, table, text
from ingest.formats._read import json_object
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ioc.records import Micros

TOPIC = ["{device}/status/+", "{device}/events/rpc", "{device}/online"]
EXAMPLE = (
    "shellyplus1pm-a8032abe54dc/status/switch:0",
    b'{"id":0,"source":"init","output":true,"apower":118.4,"voltage":228.1,"current":0.53,"aenergy":{"total":812.2}}',
)

UNITS = {
    "apower": "W", "act_power": "W", "aprt_power": "VA", "voltage": "V", "current": "A", "freq": "Hz",
    "tC": "°C", "target_C": "°C", "current_C": "°C", "rh": "%", "lux": "lux", "brightness": "%", "current_pos": "%",
    "rssi": "dBm", "uptime": "s", "aenergy.total": "Wh", "ret_aenergy.total": "Wh", "battery.V": "V",
    "battery.percent": "%", "percent": "%", "slat_pos": "%",
    "total_act": "Wh", "total_act_ret": "Wh", "total_act_energy": "Wh",
    "total_act_ret_energy": "Wh", "total_act_power": "W", "total_aprt_power": "VA", "total_current": "A",
    "battery": "%", "temperature": "°C", "humidity": "%", "illuminance": "lux", "pressure": "hPa", "rotation": "deg",
}  # fmt: skip
_DROPPED = frozenset(
    {
        "id",
        "source",
        "tF",
        "minute_ts",
        "by_minute",
        "errors",
        "flags",
        "illumination",
        "timer_started_at",
        "timer_duration",
        "move_started_at",
        "move_timeout",
        "last_updated_ts",
        "packet_id",
        "target_F",
        "current_F",
        "last_direction",
        "xby_minute",
        "rgb",
        "etag",
    }
)
_HOUSEKEEPING = frozenset(
    {
        "mqtt",
        "cloud",
        "ble",
        "ws",
        "eth",
        "script",
        "schedule",
        "knx",
        "matter",
        "bthome",
        "zigbee",
        "ui",
        "modbus",
        "serial",
        "webhook",
        "kvs",
    }
)
_KEPT_OF = {"sys": ("uptime",), "wifi": ("rssi",)}
_CLOCK_SET = 1_000_000_000  # seconds; below it the device counts from its start


class Options(Model):
    """Nothing to choose."""


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    del options

    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        topic = segments.get("", "")
        sensor, what = _split(topic)
        if what == "online":
            return [Measurement("online", words(payload), sensor)]
        if what.startswith("command"):
            raise Ignored("command")
        if topic.endswith("/debug/log"):
            raise Ignored("log")
        message = json_object(payload)
        if "BTHome_version" in message:
            return _bluetooth(message)
        found = _components(message, what, sensor)
        if not found:
            raise Ignored("housekeeping")
        return found

    return decode


def _split(topic: str) -> tuple[str | None, str]:
    """(device, rest) of <device>/status/<component>, /events/rpc and /online; a device may hold slashes."""
    for mark in ("/status/", "/events/", "/command", "/rpc"):
        device, found, rest = topic.rpartition(mark)
        if found:
            return device, mark.strip("/") + "/" + rest
    device, _, last = topic.rpartition("/")
    return device or None, last


def _components(message: dict[str, Any], what: str, sensor: str | None) -> list[Record]:
    if what.startswith("status/"):
        component = what.removeprefix("status/")
        time = _time(message.get("unixtime")) if component == "sys" else None
        return list(_values(component, message, sensor, time))
    method = message.get("method")
    if method == "NotifyEvent":
        raise Ignored("event")
    params = (
        table(message.get("params")) if method in ("NotifyStatus", "NotifyFullStatus") else table(message.get("result"))
    )
    if not params:
        if method is None and "result" not in message and "error" not in message:
            raise DecodeError("unknown_message", f"no Shelly message on {what!r}")
        raise Ignored("rpc")
    device = (None if "result" in message else sensor) or text(message.get("src"))  # answers come on the asker's topic
    time = _time(params.get("ts"))
    return [m for component, status in params.items() for m in _values(component, table(status), device, time)]


def _time(seconds: Any) -> Micros | None:
    found = number(seconds)
    return instant(found) if found is not None and found > _CLOCK_SET else None


def _values(component: str, status: dict[str, Any], sensor: str | None, time: Micros | None) -> Iterator[Measurement]:
    kind = component.partition(":")[0]
    if kind in _HOUSEKEEPING:
        return
    time = _time(status.get("last_updated_ts")) or time  # of sensors behind a gateway
    for name, leaf in leaves(status):
        if kind in _KEPT_OF and name not in _KEPT_OF[kind]:
            continue
        if _DROPPED.intersection(name.split(".")):
            continue
        value = scalar(leaf)
        if value is not None:
            yield Measurement(f"{component}.{name}", value, sensor, time, _unit(name))


def _unit(name: str) -> str | None:
    """By the whole name or its last word; phases (`a_voltage`, `n_current`) as the plain field."""
    bare = name[2:] if name[:2] in ("a_", "b_", "c_", "n_") else name
    return UNITS.get(bare) or UNITS.get(bare.rpartition(".")[2])


def _bluetooth(message: dict[str, Any]) -> list[Record]:
    """A BTHome sensor as the usual gateway script publishes it."""
    sensor = text(message.get("address"))
    if sensor is None:
        raise DecodeError("no_sensor", "BTHome without an address")
    dropped = {"encryption", "BTHome_version", "pid", "address", "local_name"}
    found: list[Record] = [
        Measurement(name, value, sensor, None, _unit(name))
        for name, leaf in leaves({k: v for k, v in message.items() if k not in dropped})
        if (value := scalar(leaf)) is not None
    ]
    name = text(message.get("local_name"))
    return [SensorFacts(sensor, name), *found] if name else found


def recognise(topic: str, payload: bytes) -> float:
    if b'"NotifyStatus"' in payload or b'"NotifyFullStatus"' in payload:
        return 0.98
    device, what = _split(topic)
    named = bool(device) and "shelly" in str(device).lower()
    if what.startswith("status/") and payload[:1] == b"{" and (named or (b'"id"' in payload and ":" in what)):
        return 0.95 if named else 0.7
    return 0.9 if named and what in ("online", "events/rpc") else 0.0
