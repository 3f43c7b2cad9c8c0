"""Rows of the audit in, the first broken link out: the same hashes as the database made, without asking it.

hash = sha256(UTF-8 of: the hash before it as 64 hexadecimal digits, 64 zeros for the first; a line feed; the text).
The text is a JSON array: number, time in UTC as 2026-01-31T06:00:00.000000Z, who, role, address, deed, subject, before
and after. It is written as PostgreSQL writes jsonb: a space after each comma and colon, shorter keys first and then by
their bytes, numbers as digits without an exponent, nothing escaped but quotes, backslashes and control characters.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from json.encoder import encode_basestring as _quoted  # as json.dumps does, without all around it
from typing import Any, Literal, NamedTuple

ZERO = "0" * 64  # before the first row
_WORDS = ("who", "role", "address", "deed", "subject")
Fault = Literal["missing", "changed", "added"]


class Row(NamedTuple):
    """One row as the database or an exported file has it. before, after: JSON text as jsonb prints it, or None."""

    id: int
    at: datetime
    who: str
    role: str
    address: str
    deed: str
    subject: str
    before: str | None
    after: str | None
    hash: str

    @property
    def text(self) -> str:
        words = ", ".join(_quoted(part) for part in (time(self.at), *self[2:7]))
        return f"[{self.id}, {words}, {self.before or 'null'}, {self.after or 'null'}]"


class Broken(NamedTuple):
    """missing: rows `first` to `last` are not there. changed: row `first` is not what was written.
    added: rows from `first` on are none of the chain's.
    """

    fault: Fault
    first: int
    last: int


class Mark(NamedTuple):
    """How far the chain was followed."""

    id: int = 0
    hash: str = ZERO


@dataclass(slots=True)
class Follower:
    """Takes row after row, oldest first, and stops being whole at the first that does not fit. Constant memory."""

    mark: Mark = Mark()  # noqa: RUF009  immutable
    broken: Broken | None = None
    rows: int = 0

    def take(self, row: Row) -> bool:
        """False where it does not fit."""
        if row.id != self.mark.id + 1:
            self.broken = Broken("missing", self.mark.id + 1, row.id - 1)
        elif linked(self.mark.hash, row.text) != row.hash:
            self.broken = Broken("changed", row.id, row.id)
        else:
            self.mark, self.rows = Mark(row.id, row.hash), self.rows + 1
        return self.broken is None

    def end(self, head: Mark) -> None:
        """No row is left. head: where the database says the chain ends."""
        if self.broken is None and head.id > self.mark.id:
            self.broken = Broken("missing", self.mark.id + 1, head.id)
        elif self.broken is None and head != self.mark:
            self.broken = Broken("changed", self.mark.id, self.mark.id)


def linked(before: str, text: str) -> str:
    """The hash of a row: before as 64 hexadecimal digits."""
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()


def time(at: datetime) -> str:
    """2026-01-31T06:00:00.000000Z."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse(line: str | bytes) -> tuple[Row, str]:
    """A line of an exported file -> its row, and the hash before it. Raises ValueError where it is none."""
    try:
        said = json.loads(line, parse_float=Decimal)
        before, after = (None if said[side] is None else canonical(said[side]) for side in ("before", "after"))
        who, role, address, deed, subject = (str(said[word]) for word in _WORDS)
        row = Row(int(said["id"]), datetime.fromisoformat(said["at"]), who, role, address, deed, subject, before, after,
                  str(said["hash"]))  # fmt: skip
        return row, str(said["previous"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("this is no line of `ioc audit export`") from error


def line(row: Row, previous: str) -> str:
    """The row as a line of an exported file."""
    said = "".join(f', "{name}": {_quoted(getattr(row, name))}' for name in _WORDS)
    sides = f', "before": {row.before or "null"}, "after": {row.after or "null"}'
    return f'{{"id": {row.id}, "at": "{time(row.at)}"{said}{sides}, "previous": "{previous}", "hash": "{row.hash}"}}'


def canonical(value: Any) -> str:
    """A JSON value as jsonb prints it. Numbers: int, or Decimal as it was written."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return "{" + ", ".join(f"{_quoted(key)}: {canonical(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(canonical, value)) + "]"
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=False)
