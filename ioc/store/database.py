"""Connections: a pool, one transaction at a time, and psycopg's errors turned into ours.

Nothing here waits for ever: every connection gives up a slow connect, statement, lock and idle transaction after the
times of its purpose. A URL may name several servers; connections go to the one that takes writes.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool, PoolTimeout

from ioc.errors import StoreAway
from ioc.store import troubles

if TYPE_CHECKING:
    from collections.abc import Iterator

Connection = psycopg.Connection[Any]


class Purpose(NamedTuple):
    """After how many seconds a statement, a wait for a lock and an idle transaction are given up; 0: never."""

    statement: float = 120
    lock: float = 15
    idle: float = 60


ORDINARY = Purpose()
WRITER = Purpose(statement=60, lock=15, idle=60)  # one batch: a broker sends again what takes longer
SCREENS = Purpose(statement=20, lock=5, idle=20)  # somebody looks at it
UPKEEP = Purpose(statement=1800, lock=5, idle=60)  # a refresh or a prune may be long; its locks must not be
WHOLE = Purpose(statement=0, lock=15, idle=0)  # backups, migrations and the like: as long as there is data

# A half-open connection is noticed in about 20 s instead of never.
_KEEPALIVE = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3,
              "tcp_user_timeout": 20_000, "connect_timeout": 5}  # fmt: skip
# No just-in-time compiler: it takes longer over our short queries than they do.
_OPTIONS = "-c TimeZone=UTC -c client_min_messages=warning -c jit=off"
_POOL_WAIT = 10.0  # seconds for a free connection
_UNCONFIRMED = "synchronous replication"  # in the warning that a standby has not confirmed a commit


def conninfo(url: str, *, name: str = "ioc", purpose: Purpose = ORDINARY, attrs: str = "read-write") -> str:
    """The URL with our defaults: UTC, keepalives, time-outs, a name; attrs: which of its servers."""
    given = conninfo_to_dict(url)
    times = {"statement_timeout": purpose.statement, "lock_timeout": purpose.lock,
             "idle_in_transaction_session_timeout": purpose.idle}  # fmt: skip
    options = " ".join([_OPTIONS, *(f"-c {key}={round(value * 1000)}" for key, value in times.items())])
    own: dict[str, int | str] = {**_KEEPALIVE, "target_session_attrs": attrs}
    chosen = {key: value for key, value in own.items() if given.get(key) is None}  # what the URL says, counts
    options = " ".join(filter(None, [options, str(given.get("options") or "")]))
    return make_conninfo(url, application_name=name, options=options, **chosen)


def connect(url: str, *, name: str = "ioc", autocommit: bool = False, purpose: Purpose = ORDINARY) -> Connection:
    """One connection. Raises StoreAway."""
    with translated():
        return psycopg.connect(conninfo(url, name=name, purpose=purpose), autocommit=autocommit)


def pool(
    url: str, *, name: str = "ioc", size: int = 4, purpose: Purpose = SCREENS, attrs: str = "read-write"
) -> ConnectionPool[Connection]:
    """A pool that opens in the background; take connections from it with `transaction`."""
    return ConnectionPool(conninfo(url, name=name, purpose=purpose, attrs=attrs), min_size=1, max_size=size, open=True,
                          timeout=_POOL_WAIT, check=ConnectionPool.check_connection, name=name)  # fmt: skip


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
def confirmed(conn: Connection) -> Iterator[Connection]:
    """A transaction that counts only once the standbys a server waits for have it too. Raises StoreAway, StoreError.

    A wait for them that somebody cancels ends as a commit with a warning: then it is as good as lost, and done again.
    """
    warnings: list[str] = []

    def heard(notice: psycopg.errors.Diagnostic) -> None:
        warnings.append(notice.message_primary or "")

    conn.add_notice_handler(heard)
    try:
        with transaction(conn):
            yield conn
    finally:
        conn.remove_notice_handler(heard)
    if any(_UNCONFIRMED in said for said in warnings):
        raise StoreAway("no standby confirmed the last commit: look whether the standbys run and follow")


@contextmanager
def translated() -> Iterator[None]:
    """Errors of psycopg as ours, cause kept."""
    try:
        yield
    except (psycopg.Error, PoolTimeout) as error:
        raise troubles.translated(error) from error
