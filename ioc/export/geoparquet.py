"""Batches in, GeoParquet 1.1 out: as Parquet, with lat and lon as one column of points, a layer to GIS programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa

from ioc.export import parquet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.export.contract import Options
    from ioc.store.export_rows import Column

_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("lon", "<f8"), ("lat", "<f8")])  # well-known binary
_FIELD = pa.field("geometry", pa.binary())


class Writer(parquet.Writer):
    """A row without a place has no geometry. The reference system is OGC:CRS84: what the format means by none."""

    def __init__(self, out: BinaryIO, columns: Sequence[Column], options: Options) -> None:
        names = [column.name for column in columns]
        self._lat, self._lon = names.index("lat"), names.index("lon")
        self._others = [n for n in range(len(names)) if n not in (self._lat, self._lon)]
        self._box = np.array([np.inf, np.inf, -np.inf, -np.inf])
        super().__init__(out, columns, options)

    def fields(self, columns: Sequence[Column]) -> list[pa.Field]:
        return [*super().fields([columns[n] for n in self._others]), _FIELD]

    def arrays(self, columns: Sequence[Sequence[Any]]) -> list[pa.Array]:
        kinds = [self._columns[n].type for n in self._others]
        plain = [pa.array(columns[n], parquet.TYPES[kind]) for n, kind in zip(self._others, kinds, strict=True)]
        return [*plain, self._points(columns[self._lat], columns[self._lon])]

    def facts(self) -> dict[str, str]:
        geometry: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Point"]}
        if np.isfinite(self._box).all():
            geometry["bbox"] = self._box.tolist()
        return {
            "geo": json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}})
        }

    def _points(self, lat: Sequence[float | None], lon: Sequence[float | None]) -> pa.Array:
        points = np.empty(len(lat), dtype=_POINT)
        points["order"], points["type"] = 1, 1
        points["lat"], points["lon"] = np.array(lat, dtype=np.float64), np.array(lon, dtype=np.float64)
        known = np.isfinite(points["lat"]) & np.isfinite(points["lon"])
        if known.any():
            lons, lats = points["lon"][known], points["lat"][known]
            low, high = (
                np.minimum(self._box[:2], [lons.min(), lats.min()]),
                np.maximum(self._box[2:], [lons.max(), lats.max()]),
            )
            self._box = np.concatenate([low, high])
        data = points.tobytes()
        width = _POINT.itemsize
        return pa.array(
            [data[n * width : (n + 1) * width] if k else None for n, k in enumerate(known.tolist())], pa.binary()
        )
