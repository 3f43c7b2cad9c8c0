from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from ioc.errors import StartError
from ioc.health import Health
from tests import services


@pytest.fixture
def health():
    served = Health("ingest", stall=0.05)
    served.serve("127.0.0.1", services.free_port())
    yield served
    served.close()


def get(health, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{health.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_lives_at_once_and_is_ready_when_it_says_so(health):
    assert get(health, "/healthz")[0] == 200
    assert get(health, "/readyz")[0] == 503
    health.ready(ok=True)
    assert get(health, "/readyz")[0] == 200
    health.ready(ok=False, why="the broker is away")
    status, body = get(health, "/readyz")
    assert (status, json.loads(body)["why"]) == (503, "the broker is away")


def test_a_loop_that_stopped_turning_is_told(health):
    health.ready(ok=True)
    health.beat()
    services.wait_for(lambda: get(health, "/healthz")[0] == 503, "the stall is seen")
    assert get(health, "/readyz")[0] == 503
    health.beat()
    assert get(health, "/healthz")[0] == 200


def test_metrics_are_prometheus_text(health):
    from prometheus_client import Counter

    Counter("ioc_test_health_things", "things").inc()
    status, body = get(health, "/metrics")
    assert status == 200
    assert "ioc_test_health_things_total 1.0" in body


def test_anything_else_is_not_found(health):
    assert get(health, "/etc/passwd")[0] == 404


def test_a_taken_port_says_which_setting_to_change(health):
    with pytest.raises(StartError, match="IOC_HEALTH_PORT"):
        Health("alerts").serve("127.0.0.1", health.port)


def test_port_0_serves_nothing():
    quiet = Health("alerts")
    quiet.serve("127.0.0.1", 0)
    assert quiet.port == 0
