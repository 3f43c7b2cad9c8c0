"""A database per test from a template, brokers on demand; skips say what is missing."""

from __future__ import annotations

import os
import uuid

import psycopg
import pytest

from ioc.embedded.postgres import Postgres
from ioc.store import database, migrate
from tests import services
from tests import timescale as timescales

for _name in [n for n in os.environ if n.startswith("IOC_") and n != "IOC_KILLS"]:  # that one is the crash test's
    del os.environ[_name]


def pytest_report_header():
    return f"TimescaleDB: {timescales.said()}"


def pytest_collection_modifyitems(items):
    missing = {
        "chromium": None
        if services.find("chromium", "chromium-browser", "google-chrome")
        else "Chromium is not installed",
        "mosquitto": None if services.find("mosquitto") else "mosquitto is not installed",
        "node": None if services.find("node") or timescales.DSN else "Node.js is not installed",
        "feeds": None if services.FEEDS.is_dir() else "the recorded input ../shared/feeds is absent",
    }
    for item in items:
        for marker, why in missing.items():
            if why and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"SKIPPED PART: {why}"))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """The session's PostgreSQL, with a migrated template database `ioc`."""
    server = Postgres(tmp_path_factory.mktemp("postgres") / "data", services.free_port())
    server.start(fsync="off", synchronous_commit="off", full_page_writes="off", max_connections="100")
    with database.connect(server.url, autocommit=True) as conn:
        migrate.migrate(conn)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def timescale():
    """URL of the session's TimescaleDB, migrated: one database, one connection at a time. Use with the mark `node`."""
    if why := timescales.missing():
        pytest.skip(f"SKIPPED PART: {why}")
    with timescales.server() as url:
        with database.connect(url, autocommit=True) as conn:
            migrate.migrate(conn)
        yield url


@pytest.fixture
def database_url(postgres):
    """A fresh, migrated database of its own; dropped afterwards."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    admin = postgres.url[: -len("/ioc")] + "/postgres"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE ioc STRATEGY FILE_COPY")  # three times as fast as WAL
    yield postgres.url[: -len("/ioc")] + f"/{name}"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def conn(database_url):
    """An autocommit connection to the test's own database."""
    with database.connect(database_url, autocommit=True) as connection:
        yield connection
