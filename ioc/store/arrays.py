"""numpy arrays -> PostgreSQL's binary arrays and binary COPY, without a Python object for each value.

Types go by dtype: int32, int64, float64, bool and datetime64[us] (a timestamptz).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from psycopg.adapt import Dumper
from psycopg.pq import Format

if TYPE_CHECKING:
    from ioc.store.database import Connection

Array: TypeAlias = "np.ndarray[Any, Any]"

_POSTGRES_EPOCH = np.datetime64("2000-01-01T00:00:00", "us")
_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_TRAILER = struct.pack("!h", -1)
_WIRE = {  # dtype -> (oid of the element, how it travels)
    "int32": (23, ">i4"),
    "int64": (20, ">i8"),
    "float64": (701, ">f8"),
    "bool": (16, "?"),
    "datetime64[us]": (1184, ">i8"),
}


def times(micros: Any) -> Array:
    """Microseconds since 1970 as an array that travels as timestamptz. Raises OverflowError beyond 64 bits."""
    return np.asarray(micros, dtype=np.int64).view("M8[us]")


def copy_rows(*columns: Array) -> bytes:
    """Equally long columns -> the bytes of one `COPY .. FROM STDIN (FORMAT BINARY)`."""
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for number, column in enumerate(columns):
        fields += [(f"length{number}", ">i4"), (f"value{number}", _WIRE[str(column.dtype)][1])]
    rows = np.empty(len(columns[0]), dtype=fields)
    rows["count"] = len(columns)
    for number, column in enumerate(columns):
        rows[f"length{number}"] = rows.dtype[f"value{number}"].itemsize
        rows[f"value{number}"] = _values(column)
    return _HEADER + rows.tobytes() + _TRAILER


def adapt(conn: Connection) -> None:
    """Let this connection take numpy arrays as query parameters; name the type in SQL: `%(x)s::int[]`."""
    conn.adapters.register_dumper(np.ndarray, _ArrayDumper)


class _ArrayDumper(Dumper):
    """oid 0: the cast in the query says the type, the header says it of the elements."""

    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        oid, wire = _WIRE[str(obj.dtype)]
        items = np.empty(len(obj), dtype=[("length", ">i4"), ("value", wire)])
        items["length"] = items.dtype["value"].itemsize
        items["value"] = _values(obj)
        return struct.pack("!5i", 1, 0, oid, len(obj), 1) + items.tobytes()


def _values(column: Array) -> Array:
    if column.dtype.kind == "M":
        return (column - _POSTGRES_EPOCH).view(np.int64)
    return column
