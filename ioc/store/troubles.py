"""What PostgreSQL says when it will not work -> our errors, in words that name the remedy.

Whether to try again is decided here: StoreAway is the state of a server, StoreRefused the fault of rows, StoreError a
fault that waiting does not mend.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
from psycopg_pool import PoolTimeout

from ioc.errors import StoreAway, StoreError, StoreRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

# SQLSTATE -> what it means here and what to do. The server's own words follow.
_REMEDIES = {
    "53100": "the database's disk is full: free room on its server, or keep less ([history] in city.toml; `ioc status`"
    " shows what takes the room); messages wait at the broker meanwhile",
    "53200": "the database server is out of memory: give it more, or lower its work_mem and max_connections",
    "53300": "the database has no connection left: raise max_connections there, or end sessions that nobody needs"
    " (pg_stat_activity lists them by application_name)",
    "25006": "the database takes no writes now: it is a standby, or default_transaction_read_only is on. Name every"
    " server in IOC_DATABASE_URL (postgresql://user@one:5432,two:5432/ioc), promote a standby, or allow writes",
    "55P03": "a lock was not had in time: another session holds it; pg_blocking_pids(pid) of the waiting row in"
    " pg_stat_activity names that one, pg_terminate_backend(pid) ends it",
    "57014": "a query took too long and was given up: look in pg_stat_activity for what else the server does, and"
    " whether autovacuum and ANALYZE run",
    "25P03": "a transaction stood idle for too long and the server ended it: this process was paused, or its machine is"
    " overloaded",
    "58P01": "a library that this database needs is not on its server: install the same version of that extension again"
    " (for TimescaleDB also shared_preload_libraries = 'timescaledb', then restart PostgreSQL)",
}
# A refused connection carries no SQLSTATE; these are PostgreSQL's words, in English as IOC makes its servers.
_SAID = (
    (re.compile("too many clients|connection slots are reserved|too many connections for"), "53300"),
    (re.compile("session is read-only|server is in hot standby mode"), "25006"),
    (re.compile('must be preloaded|could not access file "[^"]*timescaledb'), "58P01"),
    (re.compile("No space left on device|could not extend file"), "53100"),
)


def translated(error: Exception) -> StoreError:
    """Ours for one of psycopg's."""
    if isinstance(error, PoolTimeout):
        return StoreAway(
            f"no database connection was free in time ({_words(error)}): every one is busy with slow queries, or the "
            "database is away"
        )
    code = _code(error)
    if code in _REMEDIES:
        return StoreAway(f"{_REMEDIES[code]}. It says: {_words(error)}")
    if isinstance(error, psycopg.OperationalError):
        return StoreAway(_away(error))
    if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
        return StoreRefused(first_line(error))
    return StoreError(first_line(error))


def _code(error: Exception) -> str:
    told = getattr(error, "sqlstate", None)
    if told is not None and told in _REMEDIES:
        return str(told)
    text = str(error)
    return next((code for pattern, code in _SAID if pattern.search(text)), "")


def _away(error: Exception) -> str:
    """What the server itself said, where it answered at all: a wrong password is not a broken network."""
    said = _words(error)
    refused = said.partition("FATAL:")[2].strip()
    if refused:
        return f"the database refuses us: {refused}"
    answered = getattr(error, "sqlstate", None) is not None  # it runs, and something in it does not
    return f"the database {'cannot work now' if answered else 'cannot be reached'}: {said}"


def _words(error: Exception) -> str:
    """The first line; of several servers what each of them said."""
    return "; ".join(_each_server(error)) or first_line(error)


def _each_server(error: Exception) -> Iterator[str]:
    lines = str(error).strip().split("\n")
    for line in lines[1:]:
        if line.startswith("- host: "):
            yield line.removeprefix("- ").replace("connection failed: ", "")


def first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
