"""One connection to each engine: what both must do alike is tested on both."""

from __future__ import annotations

import pytest

from ioc.store import database


@pytest.fixture(params=["plain", pytest.param("timescale", marks=pytest.mark.node)])
def either(request):
    """An autocommit connection to a migrated database on one engine. TimescaleDB's is shared by all tests."""
    return request.getfixturevalue("conn" if request.param == "plain" else "hyper")


@pytest.fixture
def hyper(timescale):
    """An autocommit connection to TimescaleDB; its database is shared by all tests."""
    with database.connect(timescale, autocommit=True) as connection:
        if "emcc" in connection.execute("SELECT version()").fetchone()[0]:
            connection.prepare_threshold = None  # PGlite is one session: it still knows the last one's statements
        yield connection
