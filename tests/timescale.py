"""Which TimescaleDB the tests use: PGlite's in WebAssembly, or the server that IOC_TEST_TIMESCALE_DSN names.

On a server of one's own the tests make a database `ioc_test_...` and drop it afterwards. A user who may not create
databases gets a schema `ioc_test_...` in the DSN's own database instead, dropped likewise; the head of pytest's report says which.
Nothing else there is touched, and a database that holds IOC's own tables is refused.
"""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests import pglite

DSN = os.environ.get("IOC_TEST_TIMESCALE_DSN", "")  # read before conftest clears IOC_*


def missing() -> str | None:
    """Why there is no TimescaleDB for the tests, or None."""
    return None if DSN else pglite.missing()


def said():
    """For the head of the report: where the tests of TimescaleDB run."""
    if not DSN:
        return pglite.missing() or "PGlite in WebAssembly, in memory"
    with psycopg.connect(DSN, autocommit=True) as admin:
        where = f"{admin.info.host}:{admin.info.port}, PostgreSQL {admin.info.server_version // 10000}"
        if _may_create(admin):
            return f"{where}, in a database of its own"
        return f"{where}, in a schema of its own in {admin.info.dbname}: {admin.info.user} may not create databases"


@contextmanager
def server(dsn=""):
    """The address of an empty database on a TimescaleDB that is gone afterwards."""
    if not (dsn or DSN):
        wasm = pglite.Pglite().start()
        try:
            yield wasm.url
        finally:
            wasm.stop()
        return
    with psycopg.connect(dsn or DSN, autocommit=True) as admin:
        place = _database if _may_create(admin) else _schema
        with place(admin, dsn or DSN, f"ioc_test_{uuid.uuid4().hex[:12]}") as url:
            yield url


def _may_create(admin):
    row = admin.execute("SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user").fetchone()
    return row[0]


@contextmanager
def _database(admin, dsn, name):
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield make_conninfo(dsn, dbname=name)
    finally:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _schema(admin, dsn, name):
    """By the role's own search path in this database, since an address cannot carry one past our own options."""
    whole = conninfo_to_dict(dsn).get("dbname") or admin.info.dbname
    if admin.execute("SELECT to_regclass('schema_step') IS NOT NULL").fetchone()[0]:
        pytest.exit(f"IOC_TEST_TIMESCALE_DSN: {whole} holds a city's store; name a database without IOC's tables", 2)
    if not admin.execute("SELECT has_database_privilege(current_database(), 'CREATE')").fetchone()[0]:
        pytest.exit(f"IOC_TEST_TIMESCALE_DSN: its user may create neither databases nor schemas in {whole}: "
                    f"GRANT CREATE ON DATABASE {whole} TO {admin.info.user}", 2)  # fmt: skip
    path = sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} ").format(sql.Identifier(whole))
    admin.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
    try:
        admin.execute(path + sql.SQL("SET search_path = {}, public").format(sql.Identifier(name)))
        yield dsn
    finally:
        admin.execute(path + sql.SQL("RESET search_path"))
        admin.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
