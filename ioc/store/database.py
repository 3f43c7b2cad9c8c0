"""Connections: a pool, one transaction at a time, and psycopg's errors turned into ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool, PoolTimeout

from ioc.errors import StoreAway, StoreError, StoreRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

Connection = psycopg.Connection[Any]

# A half-open connection is noticed in about 20 s instead of never.
_KEEPALIVE = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3,
              "tcp_user_timeout": 20_000, "connect_timeout": 5}  # fmt: skip
_OPTIONS = "-c TimeZone=UTC -c client_min_messages=warning"


def conninfo(url: str, *, name: str = "ioc") -> str:
    """The URL with our defaults: UTC, keepalives, and a name that shows in pg_stat_activity."""
    return make_conninfo(url, application_name=name, options=_OPTIONS, **_KEEPALIVE)


def connect(url: str, *, name: str = "ioc", autocommit: bool = False) -> Connection:
    """One connection. Raises StoreAway."""
    with translated():
        return psycopg.connect(conninfo(url, name=name), autocommit=autocommit)


def pool(url: str, *, name: str = "ioc", size: int = 4) -> ConnectionPool[Connection]:
    """A pool that opens in the background; take connections from it with `transaction`."""
    return ConnectionPool(conninfo(url, name=name), min_size=1, max_size=size, open=True, timeout=10,
                          check=ConnectionPool.check_connection, name=name)  # fmt: skip


@contextmanager
def transaction(source: ConnectionPool[Connection] | Connection) -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back on an error. Raises StoreAway, StoreError."""
    with translated():
        if isinstance(source, ConnectionPool):
            with source.connection() as conn, conn.transaction():
                yield conn
        else:
            with source.transaction():
                yield source


@contextmanager
def translated() -> Iterator[None]:
    """Errors of psycopg as ours, cause kept."""
    try:
        yield
    except (psycopg.OperationalError, PoolTimeout) as error:
        raise StoreAway(_away(error)) from error
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise StoreRefused(_first_line(error)) from error
    except psycopg.Error as error:
        raise StoreError(_first_line(error)) from error


def _away(error: Exception) -> str:
    """What the server itself said, where it answered at all: a wrong password is not a broken network."""
    said = _first_line(error)
    refused = said.partition("FATAL:")[2].strip()
    if refused:
        return f"the database refuses us: {refused}"
    answered = getattr(error, "sqlstate", None) is not None  # as with a full disk
    return f"the database {'cannot work now' if answered else 'cannot be reached'}: {said}"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
