"""A database for a while, on a server that is there: made, used and dropped."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, LiteralString

from psycopg import sql
from psycopg.conninfo import make_conninfo

from ioc.store import queries
from ioc.store.database import WHOLE, connect, translated

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def temporary(url: str, name: str) -> Iterator[str]:
    """The address of a new, empty database beside the one at `url`; its user must be allowed to create databases."""
    with connect(url, name="ioc", autocommit=True, purpose=WHOLE) as admin, translated():
        admin.execute(_named("make", name))
    try:
        yield make_conninfo(url, dbname=name)
    finally:
        with connect(url, name="ioc", autocommit=True, purpose=WHOLE) as admin, translated():
            admin.execute(_named("drop", name))


def _named(query: str, name: str) -> sql.Composed:
    text: LiteralString = queries.load("databases")[query].decode()  # of our own file
    return sql.SQL(text).format(name=sql.Identifier(name))
