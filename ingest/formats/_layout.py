"""Declarative binary layouts: what a TOML table says about bytes, and the named values in them.

A layout is `fixed` (fields one after another, or at their offsets) or `tlv` (items that begin with a channel, a type or
both, then a value whose length the type or the message gives).
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from ioc.config.types import Model

INTEGERS = {f"{sign}{bits}": bits // 8 for sign in "ui" for bits in (8, 16, 24, 32, 40, 48, 64)}
FLOATS = {"f16": (2, "e"), "f32": (4, "f"), "f64": (8, "d")}
Kind = Literal["u8", "i8", "u16", "i16", "u24", "i24", "u32", "i32", "u40", "i40", "u48", "i48", "u64", "i64",
               "f16", "f32", "f64", "bcd", "hex", "text", "skip"]  # fmt: skip


def _numbers(value: Any) -> Any:
    """5, [5, 6] or "0x05..0x09"."""
    if isinstance(value, str) and ".." in value:
        first, last = (int(part, 0) for part in value.split("..", 1))
        return list(range(first, min(last, first + 255) + 1))
    return [value] if isinstance(value, int) else value


Numbers = Annotated[list[int], BeforeValidator(_numbers, json_schema_input_type=int | str | list[int])]


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
    """One kind of item of a tlv layout: which channels and types (all where none is named), its length, what is in it.

    reply: it answers a command and holds no reading.
    """

    channel: Numbers = []
    type: Numbers = []
    size: Annotated[int, Field(ge=0, le=255)] | Literal["rest"] = 1
    field: list[Place] = []
    reply: bool = False


class Layout(Model):
    """
    kind: fixed or tlv. head: the bytes before each tlv value, in order, of channel, type and length.
    skip: bytes before the first item. unknown: `refuse` an unknown item (the whole message is quarantined, to be
    replayed once the layout knows it) or `stop` there and keep what came before. variant: items by model, which go
    before the common ones, or the name of a variant that is the same. short: whether a message may end early (fields
    beyond its end are absent).
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
    variant: dict[str, list[Item] | str] = {}

    @model_validator(mode="after")
    def _complete(self) -> Layout:
        if self.kind == "fixed" and not self.field:
            raise ValueError("a fixed layout needs [[field]] tables")
        if self.kind == "tlv" and not (self.item or self.variant):
            raise ValueError("a tlv layout needs [[item]] tables")
        return self


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
    """A layout by name, `milesight` or `milesight/ws301`; a variant also serves names that begin with its own.

    Raises ValueError that lists what there is.
    """
    stem, _, variant = name.partition("/")
    file = files("ingest.formats") / "layouts" / f"{stem}.toml"
    if not stem.replace("_", "").isalnum() or not file.is_file():
        raise ValueError(f"no layout {name!r}; there are: {', '.join(names())}")
    layout = Layout.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    if not variant:
        return layout
    fitting = max((key for key in layout.variant if variant.startswith(key)), key=len, default=None)
    if fitting is None:
        raise ValueError(f"layout {stem} has no variant {variant!r}; there are: {', '.join(layout.variant)}")
    own = layout.variant[fitting]
    own = layout.variant[own] if isinstance(own, str) else own
    return layout.model_copy(update={"item": [*own, *layout.item]})


def resolve(value: Any) -> Any:
    """For option models: a layout's name becomes the layout, a table is checked as one."""
    if isinstance(value, str):
        return load(value)
    try:
        return value if isinstance(value, Layout) else Layout.model_validate(value)
    except ValidationError as error:
        raise ValueError("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())) from error


LayoutOption = Annotated[Layout, BeforeValidator(resolve, json_schema_input_type=str | dict[str, Any])]
