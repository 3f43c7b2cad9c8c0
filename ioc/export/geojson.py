"""Batches in, GeoJSON out (RFC 7946): one feature a row, written as it comes; a row without a place has no geometry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.export.contract import Options
    from ioc.store.export_rows import Column


class Writer:
    """Times are ISO 8601 in UTC, or in the zone asked for; what is no finite number is null."""

    def __init__(self, out: BinaryIO, columns: Sequence[Column], options: Options) -> None:
        self._out, self._zone = out, options.zone or UTC
        names = [column.name for column in columns]
        self._lat, self._lon = names.index("lat"), names.index("lon")
        self._others = [(n, name) for n, name in enumerate(names) if n not in (self._lat, self._lon)]
        self._first = True
        out.write(b'{"type":"FeatureCollection","features":[')

    def write(self, columns: Sequence[Sequence[Any]]) -> None:
        for row in zip(*columns, strict=True):
            self._out.write(b"\n" if self._first else b",\n")
            self._out.write(orjson.dumps(self._feature(row), option=orjson.OPT_SERIALIZE_NUMPY))
            self._first = False

    def close(self) -> None:
        self._out.write(b"\n]}\n")

    def _feature(self, row: Sequence[Any]) -> dict[str, Any]:
        lat, lon = row[self._lat], row[self._lon]
        placed = lat is not None and lon is not None
        return {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [lon, lat]} if placed else None,
            "properties": {name: self._said(row[n]) for n, name in self._others},
        }

    def _said(self, value: Any) -> Any:
        return value.astimezone(self._zone).isoformat() if isinstance(value, datetime) else value
