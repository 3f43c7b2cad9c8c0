"""rtl_433: radio sensors heard on 433 and 868 MHz, whole events or one field a topic; field names hold the units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest import times
from ingest.formats._devices import scalar, words
from ingest.formats._pieces import instant, text
from ingest.formats._read import json_object
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TOPIC = ["rtl_433/{host}/events", "rtl_433/{host}/devices/#"]
EXAMPLE = (
    "rtl_433/roof/events",
    b'{"time":"2026-05-04 08:02:03","model":"Fineoffset-WH2","id":8,"battery_ok":1,"temperature_C":28.1,"humidity":81}',
)

# The longest suffix that fits wins.
SUFFIXES = {
    "_C": "°C", "_F": "°F", "_hPa": "hPa", "_kPa": "kPa", "_PSI": "psi", "_bar": "bar", "_inHg": "inHg", "_mm": "mm",
    "_cm": "cm", "_m": "m", "_in": "in", "_km_h": "km/h", "_mi_h": "mph", "_m_s": "m/s", "_mm_h": "mm/h",
    "_in_h": "in/h", "_V": "V", "_mV": "mV", "_A": "A", "_W": "W", "_VA": "VA", "_kW": "kW", "_kWh": "kWh",
    "_Wh": "Wh", "_lux": "lux", "_klx": "klx", "_deg": "deg", "_ppm": "ppm", "_ppb": "ppb", "_ug_m3": "µg/m³",
    "_dB": "dB", "_Hz": "Hz", "_MHz": "MHz", "_m3": "m³", "_l": "L", "_gal": "gallon", "_km": "km", "_pct": "%",
    "_K": "K", "_kg": "kg", "_s": "s",
}  # fmt: skip
_NAMED = {"humidity": "%", "moisture": "%", "rssi": "dB", "snr": "dB", "noise": "dB"}
_BATTERY = {"OK": True, "LOW": False}
IDENTITY = ("subtype", "channel", "id", "ERTSerialNumber")
_DROPPED = frozenset(
    {
        "time",
        "model",
        "type",
        "mic",
        "protocol",
        "mod",
        "brand",
        "raw_msg",
        "data",
        "codes",
        "tag",
        "description",
        "num_rows",
        "count",
        "freq",
        "freq1",
        "freq2",
        "message_type",
        "sequence_num",
        "data_length",
        "firmware",
        *IDENTITY,
    }
)


class Options(Model):
    """zone: where the receiver's clock stands; the feed's where absent."""

    zone: str | None = None


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    read = times.reader("auto", options.zone)

    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        _, devices, path = segments.get("", "").partition("/devices/")
        if devices:
            return [_field(path, payload)]
        if segments.get("", "").endswith(("/states", "/availability")):
            raise Ignored("state")
        return _event(json_object(payload), read)

    return decode


def _event(message: dict[str, Any], read: times.Reader) -> list[Record]:
    model = text(message.get("model"))
    if model is None:
        if "src" in message or "stats" in message or "frames" in message:
            raise Ignored("state")
        raise DecodeError("no_sensor", "no model")
    sensor = "-".join([model, *(found for key in IDENTITY if (found := text(message.get(key))))])
    time = instant(message.get("time"), read)
    if (battery := _BATTERY.get(str(message.get("battery")).upper())) is not None:  # as of before 2020
        message = {"battery_ok": battery, **{k: v for k, v in message.items() if k != "battery"}}
    values: list[Record] = [
        Measurement(name, value, sensor, time, unit(name))
        for name, raw in list(message.items())[:200]
        if name not in _DROPPED and not isinstance(raw, dict | list) and (value := scalar(raw)) is not None
    ]
    if not values:
        raise Ignored("no_values")
    return values


def _field(path: str, payload: bytes) -> Measurement:
    """rtl_433/<host>/devices/<model>/<channel>/<id>/<field>."""
    *device, name = path.split("/")
    if not device:
        raise DecodeError("no_sensor", "no device in the topic")
    if name in _DROPPED:
        raise Ignored("identity")
    return Measurement(name, words(payload), "-".join(device), None, unit(name))


def unit(name: str) -> str | None:
    if name in _NAMED:
        return _NAMED[name]
    bare = name.rstrip("0123456789").rstrip("_") if name[-1:].isdigit() and not name.endswith("_m3") else name
    fits = [suffix for suffix in SUFFIXES if bare.endswith(suffix)]
    return SUFFIXES[max(fits, key=len)] if fits else None


def recognise(topic: str, payload: bytes) -> float:
    if topic.startswith("rtl_433/"):
        return 0.97
    return 0.7 if b'"model"' in payload and (b'"temperature_C"' in payload or b'"battery_ok"' in payload) else 0.0
