"""What a running process says of itself, for the status page and for its successor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ioc.store import queries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ioc.store.database import Connection


def beat(conn: Connection, name: str, started_at: datetime, state: str, detail: Mapping[str, Any]) -> None:
    """It lives. state: ok, waiting or refused; detail: whatever helps the operator, `why` first of all."""
    values = {"name": name, "started_at": started_at, "state": state, "detail": orjson.dumps(detail).decode()}
    conn.execute(queries.load("process")["beat"], values)


def forget(conn: Connection, name: str) -> None:
    """It left in order, and nobody need miss it."""
    conn.execute(queries.load("process")["forget"], {"name": name})


def now(conn: Connection) -> datetime:
    """The database's clock."""
    row = conn.execute(queries.load("process")["now"]).fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


def detail(conn: Connection, name: str) -> dict[str, Any]:
    """What a process of that name said last; empty where there was none."""
    row = conn.execute(queries.load("process")["detail"], {"name": name}).fetchone()
    return dict(row[0]) if row else {}
