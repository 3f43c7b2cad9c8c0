"""Reads bytes by a layout: the named values of one message."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Literal, NamedTuple

from ingest.formats._layout import FLOATS, Item, Layout, Place
from ioc.errors import DecodeError, Ignored

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ITEMS = 1000  # of one message
_DIGITS = {"f16": 4, "f32": 7, "f64": 15}  # that a number of so few bits has


class Value(NamedTuple):
    """One decoded value; `raw` is the integer before scale, for states and conditions."""

    place: Place
    channel: int
    value: float | str
    group: int  # values of one item, or of one whole fixed message, belong together


def read(layout: Layout, data: bytes, known: dict[str, int]) -> Iterator[Value]:
    """The values of one message. known: raw values that conditions may use from the start, such as `port`.

    Raises DecodeError `short_message`, `unknown_item`, `too_many_items`, Ignored `command_reply`, `no_values`.
    """
    if layout.kind == "fixed":
        yield from _fields(layout, layout.field, data, dict(known), 0, 0)
        return
    kinds, measures, count = set(), False, 0
    for group, (item, channel, body) in enumerate(_items(layout, data)):
        if group >= MOST_ITEMS:
            raise DecodeError("too_many_items", f"more than {MOST_ITEMS}")
        kinds.add(item.reply)
        measures |= any(place.metric for place in item.field)
        for value in _fields(layout, item.field, body, dict(known), channel, group):
            count += 1
            yield value
    if kinds == {True}:
        raise Ignored("command_reply")
    if measures and not count:
        raise Ignored("no_values")  # a probe that could not be read says so


def _items(layout: Layout, data: bytes) -> Iterator[tuple[Item, int, bytes]]:
    at, width = layout.skip, len(layout.head)
    while at < len(data):
        if at + width > len(data):
            raise DecodeError("short_message", f"{len(data)} bytes end inside the head of an item at {at}")
        head: dict[str, int] = dict(zip(layout.head, data[at : at + width], strict=True))
        item = _find(layout, head)
        if item is None and not any(data[at:]):
            return  # filled up with zeros
        if item is None and "length" not in head:
            if layout.unknown == "stop":
                return
            raise DecodeError("unknown_item", f"{_spell(head)} at byte {at}: the layout does not know its length")
        at += width
        size = _size(item, head, len(data) - at)
        if at + size > len(data):
            raise DecodeError("short_message", f"{_spell(head)} needs {size} bytes, {len(data) - at} are left")
        if item is not None:
            yield item, head.get("channel", 0), data[at : at + size]
        at += size


def _size(item: Item | None, head: dict[str, int], left: int) -> int:
    if "length" in head:
        return head["length"]
    assert item is not None
    return left if item.size == "rest" else item.size


def _spell(head: dict[str, int]) -> str:
    return " ".join(f"{key} 0x{value:02x}" for key, value in head.items())


def _find(layout: Layout, head: dict[str, int]) -> Item | None:
    for item in layout.item:
        if (not item.channel or head.get("channel") in item.channel) and (
            not item.type or head.get("type") in item.type
        ):
            return item
    return None


def _fields(
    layout: Layout, places: list[Place], data: bytes, known: dict[str, int], channel: int, group: int
) -> Iterator[Value]:
    after = 0
    for place in places:
        if not _holds(place, known):
            continue
        start = after if place.at is None else place.at if place.at >= 0 else len(data) + place.at
        after = start + place.width
        if after > len(data) or start < 0:
            if layout.short:
                continue
            raise DecodeError("short_message", f"{place.metric or place.name} ends at byte {after} of {len(data)}")
        value = _value(place, data[start:after], place.endian or layout.endian, known)
        if value is not None:
            yield Value(place, channel, value, group)


def _holds(place: Place, known: dict[str, int]) -> bool:
    equal = all(known.get(name) in wanted for name, wanted in place.when.items())
    return equal and all(known.get(name, 0) >> bit & 1 for name, bit in place.bit.items())


def _value(place: Place, data: bytes, endian: Literal["big", "little"], known: dict[str, int]) -> float | str | None:
    if place.type in ("hex", "text", "skip"):
        spelled = data.hex() if place.type == "hex" else data.rstrip(b"\0").decode("utf-8", "replace")
        return spelled if place.metric and place.type != "skip" else None
    if place.type in FLOATS:
        found: float = struct.unpack((">" if endian == "big" else "<") + FLOATS[place.type][1], data)[0]
        if found != found:  # noqa: PLR0124  NaN says "no value"
            return None
        return float(f"{_scaled(place, found):.{_DIGITS[place.type]}g}")
    if place.type == "bcd" and not data.hex().isdecimal():
        return None  # FF FF is how meters say that they have no value
    raw = _integer(place, data, endian)
    if place.name or place.metric:
        known[place.name or place.metric] = raw
    if raw in place.without or not (place.metric or place.role):
        return None
    return _scaled(place, raw)


def _integer(place: Place, data: bytes, endian: Literal["big", "little"]) -> int:
    if place.type == "bcd":
        return int(data.hex() if endian == "big" else data[::-1].hex())
    raw = int.from_bytes(data, endian, signed=place.type.startswith("i") and place.mask is None)
    if place.mask is not None:
        raw = (raw & place.mask) >> place.shift
    elif place.shift:
        raw >>= place.shift
    if place.signed and raw >> (place.signed - 1) & 1:
        raw -= 1 << place.signed
    return raw


def _scaled(place: Place, raw: float) -> float:
    """Rounded to 12 digits: 271 x 0.1 is 27.1."""
    return float(f"{raw * place.scale + place.add:.12g}")
