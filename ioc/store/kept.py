"""The secret that sessions are signed with: IOC_SECRET, or where none is set one that this database made for itself."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ioc.store import queries

if TYPE_CHECKING:
    from ioc.store.database import Connection

_NAME = "sessions"


def secret(conn: Connection, given: str) -> bytes:
    """given: IOC_SECRET. One kept here survives restarts and is shared by every process on this database."""
    if given:
        return given.encode()
    sql, asked = queries.load("sessions"), {"name": _NAME}
    row = conn.execute(sql["kept"], asked).fetchone()
    if row is None:
        conn.execute(sql["keep"], {**asked, "value": secrets.token_bytes(32)})
        row = conn.execute(sql["kept"], asked).fetchone()
    assert row is not None
    return bytes(row[0])
