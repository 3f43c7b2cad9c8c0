from __future__ import annotations

import pytest

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
