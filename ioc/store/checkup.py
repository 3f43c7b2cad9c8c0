"""What of the database is weak: its role, who is let in, its clock; and what of our tables `ioc doctor` reads."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  read at run time by class_row
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import class_row

from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from ioc.store.database import Connection


class Role(NamedTuple):
    """Whom the centre is at the database. others: databases it owns beside ours; files: it may read or run what the
    server may; public_create: everybody may make tables beside ours; encrypted: this connection is.
    """

    name: str
    superuser: bool
    may: list[str]
    others: list[str]
    files: bool
    public_create: bool
    encrypted: bool


class OneTime(NamedTuple):
    """A link that lets somebody in once, not used yet."""

    name: str
    ends_at: datetime


def role(conn: Connection) -> Role:
    with translated(), conn.cursor(row_factory=class_row(Role)) as cursor:
        found = cursor.execute(_sql("role")).fetchone()
    assert found is not None
    return found


def clock(conn: Connection) -> datetime:
    """The database's clock at this moment, not at the beginning of a transaction."""
    with translated():
        row = conn.execute(_sql("clock")).fetchone()
    assert row is not None
    found: datetime = row[0]
    return found


def lets_in_anybody(url: str) -> bool:
    """Whether the database takes this user with another password, that is, asks for none."""
    asked = conninfo_to_dict(url)
    if not asked.get("host") or not asked.get("user"):
        return False
    try:
        tried = make_conninfo(url, password="not-the-password", connect_timeout=3, passfile="/dev/null")  # noqa: S106
        psycopg.connect(tried).close()
    except psycopg.Error:
        return False
    return True


def last_backup(conn: Connection) -> datetime | None:
    """When `ioc backup` last saved this store; None where it never did."""
    with translated():
        row = conn.execute(_sql("last_backup")).fetchone()
    found: datetime | None = row[0] if row else None
    return found


def one_time_links(conn: Connection) -> list[OneTime]:
    """Links that still let somebody in, the one that ends last first."""
    with translated(), conn.cursor(row_factory=class_row(OneTime)) as cursor:
        return cursor.execute(_sql("one_time_links")).fetchall()


def feeds_heard(conn: Connection) -> list[tuple[str, datetime | None]]:
    """(key, when its last message came) of every feed."""
    with translated():
        return conn.execute(_sql("feeds_heard")).fetchall()


def _sql(name: str) -> bytes:
    return queries.load("checkup")[name]
