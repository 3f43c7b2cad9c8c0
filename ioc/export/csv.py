"""Batches in, CSV out: exact numbers, ISO 8601 times, UTF-8, and no text that a spreadsheet would run as a formula."""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from ioc.export.contract import Options
    from ioc.store.export_rows import Column

_MARK = b"\xef\xbb\xbf"
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # what spreadsheets take for a formula


class Writer:
    """An empty cell is no value; a text that a spreadsheet would run gets an apostrophe in front."""

    def __init__(self, out: BinaryIO, columns: Sequence[Column], options: Options) -> None:
        self._out = out
        out.write(_MARK if options.mark else b"")
        self._ways = [self._way(column.type, options) for column in columns]
        self._lines([[column.name for column in columns]])

    def write(self, columns: Sequence[Sequence[Any]]) -> None:
        done = [way(column) for way, column in zip(self._ways, columns, strict=True)]
        self._lines(zip(*done, strict=True))

    def close(self) -> None:
        pass

    def _lines(self, rows: Iterable[Sequence[Any]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        self._out.write(text.getvalue().encode())

    @staticmethod
    def _way(kind: str, options: Options) -> Callable[[Sequence[Any]], list[Any]]:
        zone = options.zone

        def local(moment: datetime | None) -> str:
            return "" if moment is None else moment.astimezone(zone).isoformat()

        def utc(moment: datetime | None) -> str:
            return "" if moment is None else moment.astimezone(UTC).isoformat()[:-6] + "Z"

        if kind == "time":
            return lambda column: list(map(local if zone else utc, column))
        if kind in ("text", "json"):
            return lambda column: [safe(text) if text else "" for text in column]
        return lambda column: [None if value is None or _no_number(value) else value for value in column]


def _no_number(value: float) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def safe(text: str) -> str:
    """The text as a cell that every spreadsheet shows and none runs."""
    return "'" + text if text.lstrip(" ").startswith(_RUNS) else text
