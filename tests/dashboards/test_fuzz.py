"""The described addresses and everything behind them, asked with what nobody means: short and the same each time.

python -m tests.fuzz --minutes 30     goes on for longer, with other numbers each time
"""

from __future__ import annotations

import pytest

from dashboards import surface
from ioc.access.rights import Role
from ioc.store import database
from tests.dashboards import accounts
from tests.dashboards.conftest import Screens
from tests.fuzz import http


@pytest.fixture(scope="module")
def served(city_url, tmp_path_factory):
    log = tmp_path_factory.mktemp("fuzz") / "log"
    one = Screens(city_url, log, IOC_AUTH="", IOC_SECRET=accounts.SECRET).start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def administrator(city_url):
    with database.connect(city_url, autocommit=True) as conn:
        return {"Cookie": accounts.session(conn, Role.ADMINISTRATOR)}


@pytest.fixture(scope="module")
def program(city_url):
    with database.connect(city_url, autocommit=True) as conn:
        return {"Authorization": accounts.token(conn, "read", "export", "metrics")}


def test_what_programs_may_read_is_described_with_the_right_it_needs(served, program):
    found = http.described(served, program)
    paths = found["paths"]
    assert {"/api/city", "/api/points", "/api/areas", "/export", "/metrics", "/healthz", "/readyz"} <= set(paths)
    assert not [path for path in paths if path.startswith(("/_dash", "/login", "/a/", "/pair"))]
    for path, item in paths.items():
        assert item["get"]["responses"]["200"]["content"], path
        assert (item["get"]["security"] == []) == (surface.needed(path) is None), path
    assert "scope export" in paths["/export"]["get"]["description"]
    assert {p["name"] for p in paths["/export"]["get"]["parameters"]} >= {"what", "format", "series", "start", "stop"}
    assert served.get("/api/openapi.json")[0] == 401
    for page in ("/docs", "/redoc", "/openapi.json"):
        assert b"swagger" not in served.get(page, **program)[2].lower()


def test_every_described_address_answers_as_described(served, program, administrator):
    assert http.described_fit(served, program, most=5) > 30
    assert http.described_fit(served, administrator, most=3) > 30


def test_no_hostile_parameter_gets_further_than_a_refusal(served, administrator):
    assert http.hostile(served, administrator, most=25) > 200
