from __future__ import annotations

import pytest

from ioc.embedded import broker as broker_module
from tests.ingest import rig


@pytest.fixture
def make_path(tmp_path, database_url):
    """make_path(**feeds) -> the ingest path over a city folder with these feeds."""
    made = []

    def make(**feeds):
        path = rig.Path(rig.city(tmp_path / "city", **feeds), database_url)
        made.append(path)
        return path

    yield make
    for path in made:
        path.close()


@pytest.fixture
def path(make_path):
    return make_path()


@pytest.fixture
def impatient_nats(monkeypatch):
    """NATS repeats what was not acknowledged only after `ack_wait`, even to a client that reconnects."""
    written = broker_module._nats_conf
    monkeypatch.setattr(
        broker_module, "_nats_conf", lambda *a: written(*a).replace('ack_wait: "10s"', 'ack_wait: "2s"')
    )
