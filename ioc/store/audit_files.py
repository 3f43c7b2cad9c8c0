"""Rows of the audit -> a file, and such a file followed again without a database."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from ioc.access import chain
from ioc.export.csv import safe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ioc.access.chain import Mark, Row

FORMATS = ("jsonl", "csv")
_HEAD = ("id", "at", "who", "role", "address", "deed", "subject", "before", "after", "previous", "hash")


class Followed(NamedTuple):
    """rows: that were sound; gaps: how often a number does not follow on the last, as in what was searched for;
    wrong: number of the line that is not what was written, and why; last: the newest row.
    """

    rows: int
    gaps: int
    wrong: tuple[int, str] | None
    last: Mark


def write(rows: Iterable[tuple[Row, str]], out: BinaryIO, form: str) -> int:
    """jsonl: each line can be followed on its own. csv: for people; what a spreadsheet would run is kept from it.

    Returns how many rows it were.
    """
    count = 0
    if form == "csv":
        out.write(b"\xef\xbb\xbf" + _cells(_HEAD))
    for row, previous in rows:
        count += 1
        if form == "csv":
            said = (safe(part or "") for part in row[2:9])
            out.write(_cells((str(row.id), chain.time(row.at), *said, previous, row.hash)))
        else:
            out.write(chain.line(row, previous).encode() + b"\n")
    return count


def follow(lines: Iterable[bytes]) -> Followed:
    """A file of JSON lines, to its end or the first line that does not fit."""
    last, rows, gaps = chain.Mark(), 0, 0
    for number, line in enumerate(lines, 1):
        try:
            row, previous = chain.parse(line)
        except ValueError as error:
            return Followed(rows, gaps, (number, str(error)), last)
        if chain.linked(previous, row.text) != row.hash:
            return Followed(rows, gaps, (number, f"row {row.id} is not what was written"), last)
        if row.id == last.id + 1 and previous != last.hash:
            return Followed(rows, gaps, (number, f"row {row.id} does not follow on row {last.id}"), last)
        if row.id <= last.id:
            return Followed(rows, gaps, (number, f"row {row.id} stands behind row {last.id}"), last)
        gaps += row.id != last.id + 1
        rows, last = rows + 1, chain.Mark(row.id, row.hash)
    return Followed(rows, gaps, None, last)


def _cells(cells: Iterable[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()
