"""What the status page says of the disk: room, growth, the day it is used up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from dashboards.pages import status
from ioc.store.growth import FeedSize, Forecast, Growth

GB = 10**9


@pytest.fixture
def shown(monkeypatch):
    """{what is said: how} of a growth; lag: of the replica that charts read from."""

    def make(forecast, *, lag=None, **given):
        known = {"bytes": 5 * GB, "tables": [], "feeds": [], "free": 40 * GB, "source": "disk", "warn": 30, **given}
        monkeypatch.setattr(status, "current", lambda: SimpleNamespace(past=SimpleNamespace(lag=lag)))
        monkeypatch.setattr(status.parts, "now", lambda: datetime(2026, 3, 1, tzinfo=UTC))
        return dict(status._disk(Growth(forecast=forecast, **known)))

    return make


def test_a_day_that_is_near_is_a_sign_and_a_far_one_is_a_date(shown):
    near = shown(Forecast(2 * GB, date(2026, 3, 21)), feeds=[FeedSize("air", 3 * GB, GB), FeedSize("none", 0, 0)])
    assert (near["Room left"], near["Grows a day by"], near["Largest feeds"]) == ("40 GB", "2 GB", "air 3 GB")
    assert "2026-03-21" in str(near["Disk full on"])
    assert not isinstance(near["Disk full on"], str)
    assert shown(Forecast(GB, date(2026, 6, 1)))["Disk full on"] == "2026-06-01"


def test_what_is_not_known_is_not_said(shown):
    assert shown(Forecast(GB), free=None, source="") == {"Grows a day by": "1 GB"}


def test_the_age_of_a_replica_is_shown(shown):
    assert shown(Forecast(0), lag=timedelta(seconds=4))["Charts read from a replica, behind by"] == "4 s"
