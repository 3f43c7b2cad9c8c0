"""FIWARE UltraLight 2.0: `t|25.1|h|62#t|25.3|h|61`, each group with an ISO time in front where the device has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest import times
from ingest.formats._read import text_of
from ingest.formats._values import number_or_text, place_of, read_time
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.formats import Decode, Segments
    from ioc.records import Micros, Record

TOPIC = ["/ul/{key}/{sensor}/attrs", "/ul/{key}/{sensor}/attrs/{metric}", "/{key}/{sensor}/attrs"]
EXAMPLE = ("/ul/4jggokgpepnvsb2uv4s40d59ov/pole-7/attrs", b"2026-05-01T03:00:00Z|t|27.4|h|81")


class Options(Model):
    """places: attributes that hold `lat,lon`. zone: of times without one; UltraLight means UTC."""

    places: list[str] = ["location", "loc", "gps"]
    zone: str | None = "UTC"


def compile(options: Options) -> Decode:  # noqa: A001
    when = times.reader("auto", options.zone or "UTC")

    def decode(payload: bytes, segments: Segments) -> Iterable[Record]:
        sensor, attribute, command = _of_topic(segments[""])
        if command:
            raise Ignored("command")
        text = text_of(payload).strip()
        if not text:
            raise Ignored("empty")
        if attribute is not None:
            return [Measurement(attribute, number_or_text(text), sensor)]
        return [r for group in text.split("#") if group.strip() for r in _group(group, sensor, when, options)]

    return decode


def recognise(topic: str, payload: bytes) -> float:
    parts = topic.split("/")
    shaped = b"|" in payload and not {b"{", b"<", b"\n"} & {payload[i : i + 1] for i in range(min(len(payload), 400))}
    if parts[-2:-1] == ["attrs"] and "ul" in parts[:2] and payload[:1] not in (b"{", b"["):
        return 0.9  # one measure: /ul/key/device/attrs/t
    return 0.95 if shaped and "attrs" in parts else 0.4 if shaped and len(payload) < 1000 else 0.0


def _of_topic(topic: str) -> tuple[str | None, str | None, bool]:
    """(device, attribute of a single-measure topic, whether it is a command's)."""
    parts = topic.strip("/").split("/")
    if "attrs" in parts[1:]:
        at = parts.index("attrs", 1)
        return parts[at - 1], parts[at + 1] if len(parts) > at + 1 else None, False
    return None, None, parts[-1] in ("cmd", "cmdexe", "configuration")


def _group(group: str, sensor: str | None, when: times.Reader, options: Options) -> Iterator[Record]:
    parts = [part.strip() for part in group.strip().split("|")]
    time: Micros | None = None
    if len(parts) % 2 == 1:
        time, parts = read_time(parts[0], when), parts[1:]
    elif "TimeInstant" in parts[::2]:
        time = read_time(parts[2 * parts[::2].index("TimeInstant") + 1], when)
    if not parts:
        raise DecodeError("not_ultralight", "names and values, parted by |, are expected")
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        if not name:
            raise DecodeError("no_name", f"a value without a name in {group[:60]!r}")
        if name == "TimeInstant":
            continue
        if name in options.places and (point := place_of(value)):
            yield SensorFacts(sensor, None, *point)
        else:
            yield Measurement(name, number_or_text(value), sensor, time)
