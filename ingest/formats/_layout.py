"""Declarative binary layouts: what a TOML table says about bytes, and the named values in them.

A layout is `fixed` (fields one after another, or at their offsets) or `tlv` (items that begin with a channel, a type or
both, then a value whose length the type or the message gives).
"""

from __future__ import annotations

import struct
import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from ioc.config.types import Model
from ioc.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ITEMS = 1000  # of one message
INTEGERS = {f"{sign}{bits}": bits // 8 for sign in "ui" for bits in (8, 16, 24, 32, 40, 48, 64)}
_DIGITS = {"f16": 4, "f32": 7, "f64": 15}  # that a number of so few bits has
FLOATS = {"f16": (2, "e"), "f32": (4, "f"), "f64": (8, "d")}
Kind = Literal["u8", "i8", "u16", "i16", "u24", "i24", "u32", "i32", "u40", "i40", "u48", "i48", "u64", "i64",
               "f16", "f32", "f64", "bcd", "hex", "text", "skip"]  # fmt: skip
Numbers = Annotated[list[int], BeforeValidator(lambda v: [v] if isinstance(v, int) else v)]


class Place(Model):
    """One value in the bytes.

    at: offset; where absent, right after the field before. mask, then shift to the right, then sign (`signed` says how
    many bits are left), then x scale + add. metric may hold `{channel}`. name: keeps the raw value for conditions
    without reporting it. role: the value is no metric but a coordinate or the time (seconds since 1970).
    when: {other field's name or metric: raw value or values}; bit: {name: bit number that must be set}.
    without: raw values that mean "no value". repeat: read again until the value's bytes end (lists of samples).
    """

    at: int | None = None
    type: Kind = "u8"
    size: int | None = None
    endian: Literal["big", "little"] | None = None
    mask: int | None = None
    shift: int = 0
    signed: int | None = None
    scale: float = 1.0
    add: float = 0.0
    metric: str = ""
    name: str = ""
    role: Literal["lat", "lon", "altitude", "speed", "heading", "time"] | None = None
    unit: str | None = None
    states: dict[int, str] = {}
    without: Numbers = []
    when: dict[str, Numbers] = {}
    bit: dict[str, int] = {}

    @property
    def width(self) -> int:
        if self.size is not None:
            return self.size
        return INTEGERS.get(self.type) or (FLOATS[self.type][0] if self.type in FLOATS else 1)


class Item(Model):
    """One kind of item of a tlv layout: which channels and types, how many bytes its value has, what is in it."""

    channel: Numbers = []
    type: Numbers = []
    size: Annotated[int, Field(ge=0, le=255)] | Literal["rest"] = 1
    field: list[Place] = []


class Layout(Model):
    """
    kind: fixed or tlv. head: the bytes before each tlv value, in order, of channel, type and length.
    skip: bytes before the first item. unknown: `refuse` an unknown item (the whole message is quarantined, to be
    replayed once the layout knows it) or `stop` there and keep what came before. variant: items by model, which go
    before the common ones. short: whether a message may end early (fields beyond its end are absent).
    """

    note: str = ""
    kind: Literal["fixed", "tlv"]
    endian: Literal["big", "little"] = "big"
    field: list[Place] = []
    head: list[Literal["channel", "type", "length"]] = ["channel", "type"]
    item: list[Item] = []
    skip: int = 0
    unknown: Literal["refuse", "stop"] = "refuse"
    short: bool = True
    variant: dict[str, list[Item]] = {}

    @model_validator(mode="after")
    def _complete(self) -> Layout:
        if self.kind == "fixed" and not self.field:
            raise ValueError("a fixed layout needs [[field]] tables")
        if self.kind == "tlv" and not (self.item or self.variant):
            raise ValueError("a tlv layout needs [[item]] tables")
        return self


class Value(NamedTuple):
    """One decoded value; `raw` is the integer before scale, for states and conditions."""

    place: Place
    channel: int
    value: float | str
    group: int  # values of one item, or of one whole fixed message, belong together


def names() -> list[str]:
    """The layouts that come with the program, variants as `layout/variant`."""
    found = []
    for file in sorted((files("ingest.formats") / "layouts").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            stem = file.name[:-5]
            found += [stem, *(f"{stem}/{variant}" for variant in load(stem).variant)]
    return found


@cache
def load(name: str) -> Layout:
    """A layout by name, `milesight` or `milesight/ws301`. Raises ValueError that lists what there is."""
    stem, _, variant = name.partition("/")
    file = files("ingest.formats") / "layouts" / f"{stem}.toml"
    if not stem.replace("_", "").isalnum() or not file.is_file():
        raise ValueError(f"no layout {name!r}; there are: {', '.join(names())}")
    layout = Layout.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    if not variant:
        return layout
    if variant not in layout.variant:
        raise ValueError(f"layout {stem} has no variant {variant!r}; there are: {', '.join(layout.variant)}")
    return layout.model_copy(update={"item": [*layout.variant[variant], *layout.item]})


def resolve(value: Any) -> Any:
    """For option models: a layout's name becomes the layout, a table is checked as one."""
    if isinstance(value, str):
        return load(value)
    try:
        return value if isinstance(value, Layout) else Layout.model_validate(value)
    except ValidationError as error:
        raise ValueError("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())) from error


LayoutOption = Annotated[Layout, BeforeValidator(resolve, json_schema_input_type=str | dict[str, Any])]


def read(layout: Layout, data: bytes, known: dict[str, int]) -> Iterator[Value]:
    """The values of one message. known: raw values that conditions may use from the start, such as `port`.

    Raises DecodeError `short_message`, `unknown_item`, `too_many_items`.
    """
    if layout.kind == "fixed":
        yield from _fields(layout, layout.field, data, dict(known), 0, 0)
        return
    for group, (item, channel, body) in enumerate(_items(layout, data)):
        if group >= MOST_ITEMS:
            raise DecodeError("too_many_items", f"more than {MOST_ITEMS}")
        yield from _fields(layout, item.field, body, dict(known), channel, group)


def _items(layout: Layout, data: bytes) -> Iterator[tuple[Item, int, bytes]]:
    at, width = layout.skip, len(layout.head)
    while at < len(data):
        if at + width > len(data):
            raise DecodeError("short_message", f"{len(data)} bytes end inside the head of an item at {at}")
        head: dict[str, int] = dict(zip(layout.head, data[at : at + width], strict=True))
        item = _find(layout, head)
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
