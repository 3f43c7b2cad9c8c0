"""SenML, RFC 8428, as JSON or CBOR: base fields, relative times, sums, and lat and lon as a position.

A resolved name `urn:dev:ow:10e2073a01080063:voltage` or `2001:db8::2/temperature` is split at its last separator into
sensor and metric; so is a device's base name that forgot its separator, and `_` after a device's number (RFC 9039). A
name without one is the sensor where it looks like a device's number, else the metric, and the topic must say the
sensor; `names` settles it either way.
"""

from __future__ import annotations

import io
import re
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import cbor2

from ingest.formats._read import json_data
from ingest.formats._values import number, place, plain
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Position, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.formats import Decode, Segments

EXAMPLE = ("devices/aq-7/senml", b'[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1}]')
RELATIVE_TIMES = True

_LABELS = {-1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb",
           5: "s", 6: "t", 7: "ut", 8: "vd"}  # fmt: skip
_KNOWN_VERSION = 10
_PART = re.compile(r"(urn:dev:[^_/]+)_([^/:]+)")  # a device's number and one of its parts
_OLD = {"bv": "vb", "sv": "vs"}  # as drafts before RFC 8428 called them
_NUMBERED = re.compile(r"\d{4}|^[0-9A-Fa-f]{8,}$")  # a device's number, rather than a quantity
_MOST = 100_000  # records in a message


class Options(Model):
    """names: how a resolved name is read. metric: for names that say no metric. sum: what a sum `s` is called."""

    names: Literal["split", "sensor", "metric"] = "split"
    separators: str = "/:"
    metric: str = "value"
    sum: str = "{metric}_sum"
    positions: bool = True  # lat and lon of one sensor and time become a position


def compile(options: Options) -> Decode:  # noqa: A001
    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        pack = _listed(_pack(payload))
        if not isinstance(pack, list):
            raise DecodeError("not_senml", "SenML is an array of records")
        resolved = [r for r in _resolved(pack) if r[1]]
        records = [r for said in resolved for r in _records(*said, options)]
        if not records:
            raise Ignored("no_values")
        return _placed(records) if options.positions else records

    return decode


def recognise(_: str, payload: bytes) -> float:
    try:
        pack = _listed(_pack(payload))
    except DecodeError:
        return 0.0
    records = [r for r in pack if isinstance(r, dict)] if isinstance(pack, list) else []
    keys = set[str]().union(*records)
    known = bool(records) and len(records) == len(pack) and keys <= {*_LABELS.values()}
    return 0.9 if known and {"bn", "n"} & keys and {"v", "vs", "vb", "s", "bv"} & keys else 0.0


def _listed(pack: Any) -> Any:
    """The pack; also of a lone record, and of the drafts before RFC 8428: {"bn": .., "e": [{"n": .., "v": ..}]}."""
    if not isinstance(pack, dict):
        return pack
    if not isinstance(inner := pack.get("e"), list):
        return [pack] if "n" in pack else pack
    base = {key: pack[key] for key in ("bn", "bt", "bu") if key in pack}
    return [base, *({_OLD.get(k, k): v for k, v in r.items()} if isinstance(r, dict) else r for r in inner)]


def _pack(payload: bytes) -> Any:
    if payload[:1] in (b"[", b" ", b"\n", b"\r", b"\t", b"{", b"\xef"):
        return json_data(payload)
    try:
        pack = cbor2.load(io.BytesIO(payload))
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise DecodeError("not_senml", f"neither JSON nor CBOR: {error}") from error
    if not isinstance(pack, list):
        return pack
    return [{_LABELS.get(k, k): _plain(v) for k, v in r.items()} if isinstance(r, dict) else r for r in pack]


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal | Fraction) else value


def _resolved(pack: list[Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    """(time in s, record) with base name, unit, value, sum and time added."""
    base: dict[str, Any] = {}
    for record in pack[:_MOST]:
        if not isinstance(record, dict):
            raise DecodeError("not_senml", "a record is not an object")
        base |= {key: record[key] for key in ("bn", "bt", "bu", "bv", "bs", "bver") if key in record}
        if (number(base.get("bver", _KNOWN_VERSION)) or 0) > _KNOWN_VERSION:
            raise DecodeError("senml_version", f"version {base['bver']} is newer than 10")
        strange = [key for key in record if isinstance(key, str) and key.endswith("_")]
        if strange:
            raise DecodeError("senml_version", f"the field {strange[0]} must be understood, and is not")
        yield _sum(base, record, "bt", "t") or 0.0, _filled(base, record)


def _filled(base: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """The record's own fields with the base's added; empty when it holds no value."""
    out: dict[str, Any] = {
        "n": _name(str(base.get("bn", "")), str(record.get("n", ""))),
        "u": record.get("u", base.get("bu")),
    }
    if "v" in record or ("bv" in base and "n" in record and not {"vs", "vb", "vd", "s"} & record.keys()):
        out["v"] = _sum(base, record, "bv", "v")
    if "s" in record or "bs" in base:
        out["s"] = _sum(base, record, "bs", "s")
    out |= {key: record[key] for key in ("vb", "vs") if key in record}
    return out if {"v", "s", "vb", "vs"} & out.keys() else {}


def _name(base: str, name: str) -> str:
    """Base and name; a device's number that forgot its separator gets one: urn:dev:mac:b4e62dfffe28e081, temp."""
    forgot = name and base.startswith("urn:dev:") and base[-1].isalnum() and name[0].isalnum()
    return f"{base}:{name}" if forgot and len(base.split(":")) == 4 else base + name


def _sum(base: dict[str, Any], record: dict[str, Any], base_key: str, key: str) -> float | None:
    first, second = number(base.get(base_key)), number(record.get(key))
    return None if first is None and second is None else (first or 0.0) + (second or 0.0)


def _records(time: float, said: dict[str, Any], options: Options) -> Iterator[Measurement]:
    if abs(time) > 1e11:
        raise DecodeError("bad_time", f"no such time: {time} s")
    sensor, metric = _names(said["n"], options)
    unit = said["u"] if isinstance(said["u"], str) and said["u"] else None
    at = round(time * 1_000_000)
    for key in ("v", "vb", "vs"):
        if key in said:
            value = said[key] if isinstance(said[key], str) else plain(said[key])
            yield Measurement(metric, value, sensor, at, None if key == "vb" else unit)
    if said.get("s") is not None:
        yield Measurement(options.sum.format(metric=metric), said["s"], sensor, at, f"{unit}*s" if unit else None)


def _names(name: str, options: Options) -> tuple[str | None, str]:
    if options.names == "sensor":
        return name or None, options.metric
    if options.names == "metric":
        return None, name or options.metric
    if part := _PART.fullmatch(name):
        return part[1], part[2]
    cut = max(name.rfind(mark) for mark in options.separators)
    if cut < 0:
        return (name, options.metric) if _NUMBERED.search(name) else (None, name or options.metric)
    tail, head = name[cut + 1 :], name[:cut]
    # urn:dev:ow:10e2073a01080063 and 2001:db8::3 name a device and no quantity
    if not tail or _is_device(name):
        return name.rstrip(options.separators) or None, options.metric
    return head or None, tail


def _is_device(name: str) -> bool:
    parts = name.split(":")
    if name.startswith("urn:dev:"):
        return len(parts) <= 4 and "_" not in parts[-1] and "/" not in name
    return "::" in name and "/" not in name


def _placed(records: list[Measurement]) -> list[Record]:
    """Lat and lon of one sensor and time as a Position, everything else as it is."""
    halves: dict[tuple[str | None, int | None], dict[str, Any]] = {}
    rest: list[Record] = []
    for record in records:
        if record.unit in ("lat", "lon"):
            halves.setdefault((record.sensor, record.time), {})[record.unit] = record.value
        else:
            rest.append(record)
    for (sensor, time), pair in halves.items():
        if point := place(pair.get("lat"), pair.get("lon")):
            rest.append(Position(point[0], point[1], sensor, time))
    return rest
