"""Raw bytes by a declared layout, fixed or type-length-value; as they are, or spelled in base64 or hex.

`layout` names one that comes with the program (README lists them) or holds one as a table; `ports` gives
one per LoRaWAN port where the topic has a segment `port`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from ingest.formats import _layout
from ingest.formats._layout import Layout, LayoutOption, Place
from ingest.formats._layout_read import Value, read
from ingest.formats._pieces import from_base64, spot
from ioc.config.types import Model
from ioc.errors import DecodeError
from ioc.records import Measurement, Position, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

TOPIC = "raw/{sensor}"
EXAMPLE = ("raw/tank-4", bytes.fromhex("01670110"))
_HEX = re.compile(rb"\A(?:0[xX])?(?:[0-9a-fA-F]{2}[\s:-]?)+\Z")


class Layouts(Model):
    """
    layout: for every message. ports: by LoRaWAN port instead. states: report the words a layout gives for a state
    ("open") instead of its number.
    """

    layout: LayoutOption | None = None
    ports: dict[int, LayoutOption] = {}
    states: bool = False

    def choose(self, port: int | None) -> Layout | None:
        """The layout for a port; None where none is declared."""
        return self.ports.get(port, self.layout) if port is not None else self.layout


class Options(Layouts):
    """encoding: how the bytes are spelled; `auto` takes hex for hex digits, else the bytes themselves."""

    encoding: Literal["raw", "base64", "hex", "auto"] = "raw"

    @model_validator(mode="after")
    def _some_layout(self) -> Options:
        if self.layout is None and not self.ports:
            raise ValueError(f"needs `layout` or `ports`; layouts: {', '.join(_layout.names())}")
        return self


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        port = segments.get("port", "")
        return records(options, spelled(payload, options.encoding), int(port) if port.isdecimal() else None)

    return decode


def spelled(payload: bytes, encoding: str) -> bytes:
    """The bytes meant by the payload. Raises DecodeError `not_hex`, `not_base64`."""
    if encoding == "base64":
        return from_base64(payload.decode("ascii", "replace").strip())
    plain = payload.strip()
    if encoding == "hex" or (encoding == "auto" and len(plain) < 4096 and _HEX.match(plain)):
        digits = plain.decode("ascii", "replace").removeprefix("0x").removeprefix("0X")
        try:
            return bytes.fromhex(re.sub(r"[\s:-]", "", digits))
        except ValueError as error:
            raise DecodeError("not_hex", str(error)) from error
    return payload


def records(options: Layouts, data: bytes, port: int | None) -> list[Record]:
    """What the layout finds in the bytes. Raises DecodeError `no_layout`, `nothing_known`, and those of the layout."""
    layout = options.choose(port)
    if layout is None:
        raise DecodeError("no_layout", f"no layout is declared for port {port}")
    found: list[Record] = []
    for group in _groups(read(layout, data, {} if port is None else {"port": port})):
        found += _group(group, words=options.states)
    if not found:
        raise DecodeError("nothing_known", f"the layout finds no value in {len(data)} bytes")
    return found


def _groups(values: Iterator[Value]) -> Iterator[list[Value]]:
    """Values that share a time or a place: one item of a tlv message, or a whole fixed one."""
    group: list[Value] = []
    for value in values:
        if group and value.group != group[0].group:
            yield group
            group = []
        group.append(value)
    if group:
        yield group


def _group(values: list[Value], *, words: bool) -> Iterator[Record]:
    roles = {v.place.role: v.value for v in values if v.place.role}
    seconds = roles.get("time")
    time = round(seconds * 1_000_000) if isinstance(seconds, float) and seconds > 0 else None
    place = spot(_real(roles.get("lat")), _real(roles.get("lon")))
    if place is not None:
        yield Position(*place, time=time, speed=_real(roles.get("speed")), heading=_real(roles.get("heading")))
    texts = {_metric(v): v.value for v in values if isinstance(v.value, str)}
    if texts:
        yield SensorFacts(properties=texts)
    for v in values:
        if v.place.metric and not isinstance(v.value, str):
            yield Measurement(_metric(v), _word(v.place, v.value) if words else v.value, None, time, v.place.unit)


def _real(value: float | str | None) -> float | None:
    return value if isinstance(value, float) else None


def _metric(value: Value) -> str:
    return value.place.metric.replace("{channel}", str(value.channel))


def _word(place: Place, value: float) -> float | str:
    return place.states.get(int(value), value)


__all__ = ["EXAMPLE", "TOPIC", "Layouts", "Options", "compile", "records", "spelled"]
