"""What a migration would touch, read from its SQL and the sizes of the tables that are there: for `migrate --check`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import class_row

from ioc.store import queries
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ioc.store.database import Connection
    from ioc.store.migrate import Step

# What a statement does to a table that is there already: the strength of its lock, weakest first.
_WRITES, _BLOCKS_WRITES, _BLOCKS_ALL = "rows are changed", "writes wait", "reads and writes wait"
_STATEMENTS = (
    (re.compile(r"^\s*(?:UPDATE|DELETE\s+FROM|INSERT\s+INTO)\s+(\w+)", re.IGNORECASE | re.MULTILINE), _WRITES),
    (re.compile(r"\bCREATE (?:UNIQUE )?INDEX (?:IF NOT EXISTS )?\w+\s+ON\s+(\w+)", re.IGNORECASE), _BLOCKS_WRITES),
    (re.compile(r"\bCREATE (?:OR REPLACE )?TRIGGER\b[^;]*?\bON\s+(\w+)", re.IGNORECASE), _BLOCKS_WRITES),
    (re.compile(r"\bREFERENCES\s+(\w+)", re.IGNORECASE), _BLOCKS_WRITES),
    (re.compile(r"\bALTER\s+TABLE\s+(?:IF EXISTS )?(?:ONLY )?(\w+)", re.IGNORECASE), _BLOCKS_ALL),
    (re.compile(r"\bDROP TABLE (?:IF EXISTS )?(\w+)", re.IGNORECASE), _BLOCKS_ALL),
)
_COMMENT = re.compile(r"--[^\n]*")


class Size(NamedTuple):
    """A table: rows as the planner knows them, bytes on disk with its indexes and parts."""

    name: str
    rows: int
    bytes: int


class Touch(NamedTuple):
    """A table that a step touches, and who waits meanwhile."""

    table: Size
    lock: str


def sizes(conn: Connection) -> dict[str, Size]:
    """Every table of ours."""
    with transaction(conn), conn.cursor(row_factory=class_row(Size)) as cursor:
        return {row.name: row for row in cursor.execute(queries.load("migrate")["sizes"])}


def touches(step: Step, there: Mapping[str, Size]) -> list[Touch]:
    """The tables, of those that are there, that a step locks or changes; the strongest lock of each."""
    text, found = _COMMENT.sub("", step.sql.decode()), dict[str, str]()
    for pattern, lock in _STATEMENTS:  # in rising order of strength
        found.update({name.lower(): lock for name in pattern.findall(text)})
    return [Touch(there[name], lock) for name, lock in sorted(found.items()) if name in there]


def about(step: Step) -> str:
    """The first sentence of a step's own words."""
    said = ""
    for line in step.sql.decode().splitlines():
        if not line.startswith("--"):
            break
        said += line.removeprefix("--")
    return re.split(r"[.;:](?:\s|$)", said.strip(), maxsplit=1)[0]
