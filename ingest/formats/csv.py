"""Comma, semicolon or tab separated rows: one message is one row or many, with its header or with declared columns.

    header = true                        the first row names the columns; else columns = ["time", "level", ...]
    sensor = "station", time = ["date", "clock"], values = { level = { path = "WL (cm)", unit = "cm" } }
    wide = { metric = "speed", exclude = ["time"] }    every other column is a sensor of that name

Paths are column names; one with a dot or a bracket in it need not be quoted when it names a column.
"""

from __future__ import annotations

import csv
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from ingest import times
from ingest.formats import _json_parts as parts
from ingest.formats._json_parts import Value, ValuesFrom
from ingest.formats._mapping import Mapping, builders
from ingest.formats._read import text_of
from ingest.formats._scope import Get, Scope, filters
from ingest.formats._values import number_or_text
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.formats import Decode, Segments

EXAMPLE = ("city/gauges/csv", b"station,time,level\nmy-thanh,2026-05-01 10:00,1.72\n")
_MOST_CELLS = 1_000_000


class Wide(Model):
    """A table with a column a sensor: each cell is `metric` of the sensor the column is named after."""

    metric: str
    unit: str | None = None
    exclude: list[str] = []


class Options(Mapping):
    header: bool = True
    columns: list[str] = []  # names where there is no header row, or other names than it has
    delimiter: str | None = None  # found out where absent
    skip: int = 0  # rows above the header
    wide: Wide | None = None

    @model_validator(mode="before")
    @classmethod
    def _all_columns(cls, data: Any) -> Any:
        """Without values every column that nothing else uses is one."""
        wants = ("values", "values_from", "wide", "array", "event")
        if isinstance(data, dict) and data.get("kind", "readings") == "readings" and not any(map(data.get, wants)):
            return {**data, "values_from": ValuesFrom(exclude=_used(data))}
        return {**data, "values_from": ValuesFrom(include=[])} if isinstance(data, dict) and data.get("wide") else data

    @model_validator(mode="after")
    def _named(self) -> Options:
        if not self.header and not self.columns:
            raise ValueError("without a header, columns must name them")
        return self


def compile(options: Options) -> Decode:  # noqa: A001
    when = times.reader(options.time_format, options.zone)
    build = builders(_quoted(options), when)
    wanted = filters(options.where)
    time = parts.timed(_quoted(options).time, when)

    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        rows = [Scope(row) for row in _rows(text_of(payload), options)]
        if not rows:
            raise Ignored("no_rows")
        if options.wide is not None:
            return [record for row in rows for record in _spread(row, options.wide, time, options)]
        found = [record for row in rows if wanted(row) for make in build for record in make(row)]
        if not found:
            _explain(rows[0].data, options)
        return found

    return decode


def _rows(text: str, options: Options) -> Iterator[dict[str, str]]:
    """Each row as {column: cell}; empty cells are left out, so that they are no value."""
    lines = [line for line in text.splitlines()[options.skip :] if line.strip() and not line.startswith(("#", "sep="))]
    if len(text) > _MOST_CELLS * 20:
        raise DecodeError("too_large", "a CSV message may have a million cells")
    table = csv.reader(lines, delimiter=options.delimiter or _delimiter(lines[0] if lines else ","))
    try:
        first = next(table, []) if options.header else []
        names = options.columns or [name.strip() for name in first]
        for row in table:
            yield {name: cell.strip() for name, cell in zip(names, row, strict=False) if cell.strip()}
    except csv.Error as error:
        raise DecodeError("not_csv", str(error)) from error


def _delimiter(line: str) -> str:
    return max(";\t|,", key=lambda mark: (line.count(mark), mark != ","))


def _spread(row: Scope, wide: Wide, time: Get, options: Options) -> Iterator[Record]:
    at, used = time(row), {*_used({"time": options.time}), *wide.exclude}
    for column, cell in row.data.items():
        if not any(fnmatchcase(column, pattern) for pattern in used):
            value = number_or_text(cell, comma=options.decimal == ",")
            yield Measurement(wide.metric, value, column, at, wide.unit)


def _explain(row: dict[str, str], options: Options) -> None:
    """Rows without a value: an empty table is nothing to store, wrong columns are a fault to be told."""
    asked = [v.path if isinstance(v, Value) else v for v in options.values.values()]
    if asked and not any(column in row for column in asked):
        raise DecodeError("no_columns", f"none of {', '.join(asked)} among the columns {', '.join(list(row)[:20])}")
    raise Ignored("no_values")


def _used(data: dict[str, Any]) -> list[str]:
    names = [data.get(key) for key in ("sensor", "sensor_name", "lat", "lon", "place", "speed", "heading")]
    time = data.get("time")
    return [n for n in [*names, *(time if isinstance(time, list) else [time])] if isinstance(n, str)]


def _quoted(options: Options) -> Options:
    """Column names are taken as they are: `WL (cm)` and `pm2.5` are names, not paths."""
    values = {m: v.model_copy(update={"path": _quote(v.path)}) if isinstance(v, Value) else _quote(v)
              for m, v in options.values.items()}  # fmt: skip
    time = (
        [_quote(t) for t in options.time] if isinstance(options.time, list) else options.time and _quote(options.time)
    )
    fields = {f: _quote(p) for f in ("sensor", "sensor_name", "lat", "lon", "place", "heading")
              if isinstance(p := getattr(options, f), str)}  # fmt: skip
    return options.model_copy(update={**fields, "values": values, "time": time if options.time else None})


def _quote(name: str) -> str:
    return name if name[:1] in {"=", '"'} else '"' + name.replace('"', '\\"') + '"'
