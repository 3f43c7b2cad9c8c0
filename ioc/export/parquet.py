"""Batches in, Parquet out: typed columns, times in UTC to the microsecond, row groups of bounded size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.export.contract import Options
    from ioc.store.export_rows import Column

GROUP = 100_000  # rows of a row group: what is held in memory
TYPES = {
    "text": pa.string(), "json": pa.string(), "int": pa.int64(), "float": pa.float64(),
    "time": pa.timestamp("us", tz="UTC"),
}  # fmt: skip


class Writer:
    def __init__(self, out: BinaryIO, columns: Sequence[Column], options: Options) -> None:  # noqa: ARG002
        self._columns = list(columns)
        self._schema = pa.schema(self.fields(self._columns))
        self._file = pq.ParquetWriter(out, self._schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, columns: Sequence[Sequence[Any]]) -> None:
        batch = pa.record_batch(self.arrays(columns), schema=self._schema)
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        if self.facts():
            self._file.add_key_value_metadata(self.facts())
        self._file.close()

    def fields(self, columns: Sequence[Column]) -> list[pa.Field]:
        return [pa.field(column.name, TYPES[column.type]) for column in columns]

    def arrays(self, columns: Sequence[Sequence[Any]]) -> list[pa.Array]:
        return [pa.array(values, TYPES[c.type]) for c, values in zip(self._columns, columns, strict=True)]

    def facts(self) -> dict[str, str]:
        """What the file says of itself, known once all is written."""
        return {}

    def _flush(self) -> None:
        if self._waiting:
            self._file.write_table(pa.Table.from_batches(self._waiting))
        self._waiting, self._rows = [], 0
