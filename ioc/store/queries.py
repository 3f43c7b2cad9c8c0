"""Splits sql/queries/<noun>.sql into named queries.

A file is blocks of `-- name --`, one or more comment lines, and the query. Queries are bytes: psycopg takes them as
they are, and no type checker needs a cast.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_HEAD = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def split(text: str) -> dict[str, bytes]:
    """{name: query} of one file's text. Raises ValueError on a name that stands twice."""
    parts = _HEAD.split(text)
    found: dict[str, bytes] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        if name in found:
            raise ValueError(f"query {name} stands twice")
        found[name] = body.strip().encode()
    return found


@cache
def load(noun: str) -> dict[str, bytes]:
    """The named queries of sql/queries/<noun>.sql."""
    return split((files("ioc.store") / "sql" / "queries" / f"{noun}.sql").read_text(encoding="utf-8"))
