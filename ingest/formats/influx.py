"""Influx line protocol: `air,station=aq-7 pm2_5=31.4,ok=t 1767225600000000000`, many lines a message."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from ingest import times
from ingest.formats._read import text_of
from ingest.formats._values import number, place
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.formats import Decode, Segments
    from ioc.records import Micros, Record

EXAMPLE = ("telegraf/air", b"air,station=aq-7 pm2_5=31.4,humidity=77i 1767225600000000000\n")
_SENSOR_TAGS = ("sensor", "sensor_id", "device", "device_id", "deveui", "station", "id", "name", "host")
_HEAD = re.compile(r"((?:[^,\s\\=]|\\.|=)+)")
_TAG = re.compile(r",((?:[^,=\s\\]|\\.)+)=((?:[^,=\s\\]|\\.)+)")
_FIELD = re.compile(r'((?:[^,=\s\\]|\\.)+)=("(?:[^"\\]|\\.)*"|[^,\s"]+)')
_ESCAPE = re.compile(r"\\([,= \"\\])")
_INTEGER = re.compile(r"[+-]?\d{1,20}[iu]")
_WORDS = {"t": True, "T": True, "true": True, "True": True, "TRUE": True,
          "f": False, "F": False, "false": False, "False": False, "FALSE": False}  # fmt: skip


class Options(Model):
    """sensor: the tag that names the sensor, or a template "{site}-{device}". metric: a template over measurement and
    field; without it the field's name, or the measurement where the field is called `value`.
    """

    sensor: str | None = None
    metric: str | None = None
    precision: Literal["ns", "us", "ms", "s", "auto"] = "auto"  # by its size: no reading is from 1970
    measurements: list[str] = []


class Line(NamedTuple):
    measurement: str
    tags: dict[str, str]
    fields: dict[str, float | bool | str]
    time: str | None


def compile(options: Options) -> Decode:  # noqa: A001
    when = times.reader(options.precision)

    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        lines = [parse(raw) for raw in text_of(payload).split("\n") if raw.strip() and not raw.startswith("#")]
        if not lines:
            raise Ignored("empty")
        wanted = [line for line in lines if not options.measurements or line.measurement in options.measurements]
        return [record for line in wanted for record in _records(line, when, options)]

    return decode


def recognise(_: str, payload: bytes) -> float:
    try:
        line = parse(text_of(payload[:2000]).split("\n")[0])
    except DecodeError:
        return 0.0
    return 0.9 if line.time or line.tags else 0.5


def parse(line: str) -> Line:
    """One line. Raises DecodeError `not_influx`."""
    line = line.strip()
    head = _HEAD.match(line)
    at = head.end() if head else 0
    tags: dict[str, str] = {}
    while tag := _TAG.match(line, at):
        tags[_plain(tag[1])], at = _plain(tag[2]), tag.end()
    if head is None or line[at : at + 1] != " ":
        raise DecodeError("not_influx", f"measurement, tags and fields are expected: {line[:60]!r}")
    fields: dict[str, float | bool | str] = {}
    at += len(line[at:]) - len(line[at:].lstrip(" "))
    while field := _FIELD.match(line, at):
        fields[_plain(field[1])], at = _value(field[2]), field.end()
        if line[at : at + 1] != ",":
            break
        at += 1
    rest = line[at:].strip()
    if not fields or (rest and not rest.lstrip("-").isdigit()):
        raise DecodeError("not_influx", f"cannot be read from character {at}: {line[at : at + 40]!r}")
    return Line(_plain(head[1]), tags, fields, rest or None)


def _plain(text: str) -> str:
    return _ESCAPE.sub(r"\1", text) if "\\" in text else text


def _value(text: str) -> float | bool | str:
    if text.startswith('"'):
        return _plain(text[1:-1])
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text[:-1])
    try:
        return float(text)
    except ValueError:
        raise DecodeError("not_influx", f"not a value: {text[:40]!r}") from None


def _records(line: Line, when: times.Reader, options: Options) -> Iterator[Record]:
    at = _time(line.time, when)
    sensor = _sensor(line, options.sensor)
    if point := _place(line.fields):
        yield Position(*point, sensor, at, number(line.fields.get("speed")), number(line.fields.get("heading")))
    for field, value in line.fields.items():
        if point is None or field not in ("lat", "lon", "latitude", "longitude", "speed", "heading"):
            yield Measurement(_metric(line.measurement, field, options.metric), value, sensor, at)


def _time(text: str | None, when: times.Reader) -> Micros | None:
    try:
        return None if text is None else when(text)
    except ValueError as error:
        raise DecodeError("bad_time", str(error)) from error


def _place(fields: dict[str, float | bool | str]) -> tuple[float, float] | None:
    for north, east in (("lat", "lon"), ("latitude", "longitude")):
        if north in fields and east in fields:
            return place(fields[north], fields[east])
    return None


def _sensor(line: Line, declared: str | None) -> str | None:
    if declared is None:
        return next((line.tags[tag] for tag in _SENSOR_TAGS if tag in line.tags), None)
    try:
        return declared.format_map(line.tags) if "{" in declared else line.tags[declared]
    except (KeyError, ValueError, IndexError, AttributeError):
        raise DecodeError("no_sensor", f"the line has no tag for {declared!r}") from None


def _metric(measurement: str, field: str, template: str | None) -> str:
    if template is not None:
        return template.replace("{measurement}", measurement).replace("{field}", field)
    return measurement if field == "value" else field
