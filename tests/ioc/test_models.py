"""What series usually do and will do next: tides, hours of the week, trends; and the forecast that charts ask for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ioc.models import ahead, clock, profile, tide, trend
from ioc.store import forecast, models
from tests.alerts import city

UTC_ZONE, DELTA, BERLIN = ZoneInfo("UTC"), ZoneInfo("Asia/Ho_Chi_Minh"), ZoneInfo("Europe/Berlin")
START = clock.start_of(date(2026, 3, 2), UTC_ZONE)  # a Monday
TERMS = {"M2": (0.6, 0.3), "S2": (0.2, 1.1), "K1": (0.4, 4.1), "O1": (0.3, 5.0), "N2": (0.1, 2.0)}


def swing(times):
    hours = times / clock.HOUR
    return 0.2 + sum(a * np.cos(np.deg2rad(tide.SPEEDS[n]) * hours - p) for n, (a, p) in TERMS.items())


def every(minutes, days, start=START):
    return start + np.arange(int(days * 1440 / minutes)) * minutes * 60 * clock.SECOND


def test_a_month_of_tide_foretells_the_next_days_within_centimetres():
    times = every(15, 30)
    noise = np.random.default_rng(1).normal(0, 0.03, len(times))
    found = tide.fit(times, swing(times) + noise)
    ahead_of_it = every(15, 3, START + 30 * clock.DAY)
    assert np.abs(found.level(ahead_of_it) - swing(ahead_of_it)).max() < 0.03
    assert found.explained > 0.99
    phase = 0.3 - np.deg2rad(tide.SPEEDS["M2"]) * found.epoch / clock.HOUR
    assert found.terms["M2"] == pytest.approx((0.6 * np.cos(phase), 0.6 * np.sin(phase)), abs=0.01)
    assert tide.from_json(found.as_json()) == found


def test_constituents_that_history_is_too_short_for_are_left_out():
    assert tide.constituents(9 * 24) == ["M2", "K1", "M4"]
    assert {"S2", "O1"} <= set(tide.constituents(15 * 24))
    assert "P1" not in tide.constituents(60 * 24)
    assert {"P1", "K2"} <= set(tide.constituents(200 * 24))
    assert tide.fit(every(15, 5), swing(every(15, 5))) is None, "less than a week"


def test_what_wind_adds_now_fades_as_it_usually_does():
    times = every(60, 40)
    rng, surge = np.random.default_rng(2), np.zeros(40 * 24)
    for n in range(1, len(surge)):
        surge[n] = 0.9 * surge[n - 1] + rng.normal(0, 0.05)
    found = tide.fit(times, swing(times) + surge)
    assert found.fading == pytest.approx(0.9, abs=0.07)
    now = times[-1:] + clock.HOUR
    line = ahead.by_tide(found, now, found.level(now) + 0.5, now, np.array([1.0, 24.0]))
    extra = line.level[0] - found.level(now[0] + np.array([clock.HOUR, clock.DAY]))
    assert 0.35 < extra[0] < 0.5
    assert extra[1] < 0.2
    assert line.error[0, 0] < line.error[0, 1]


def test_when_it_crosses_a_level():
    times = every(15, 60)
    found = tide.fit(times, swing(times))
    hours = ahead.steps(12 * clock.HOUR, 144)
    line = ahead.by_tide(found, times, swing(times), times[-1:], hours)
    coming = times[-1] + np.round(hours * clock.HOUR).astype(np.int64)
    high = float(swing(coming).max()) - 0.1
    crossing = ahead.crossing(line, high, 1, width=1.0)
    truth = hours[(swing(coming) > high).argmax()]
    assert crossing.hours[0] == pytest.approx(truth, abs=0.2)
    assert crossing.earliest[0] <= crossing.hours[0] <= crossing.latest[0]
    assert ahead.crossing(line, 9.0, 1).hours[0] == np.inf


def test_the_same_hour_is_the_one_the_clock_on_the_wall_shows():
    """Berlin puts its clocks forward on 29 March 2026: eight o'clock comes an hour earlier by UTC."""
    times = every(15, 40, clock.start_of(date(2026, 2, 23), BERLIN))
    hour = clock.local(times, BERLIN)[1] // clock.HOUR
    values = np.where(hour == 8, 100.0, 10.0)
    found = profile.same_hour(times, values, date(2026, 3, 30), BERLIN, weeks=4, least=4)
    at = np.array([clock.start_of(date(2026, 3, 30), BERLIN) + 8 * clock.HOUR])
    assert found.at(at, BERLIN)[0][0] == 100.0
    assert found.at(at + clock.HOUR, BERLIN)[0][0] == 10.0
    assert datetime.fromtimestamp(at[0] / 1e6, UTC).hour == 6


def test_the_same_hour_is_not_moved_by_one_odd_week_nor_by_holidays():
    times = every(30, 42)
    values = np.full(len(times), 50.0)
    days = clock.local(times, UTC_ZONE)[0]
    odd, feast = date(2026, 3, 9), date(2026, 3, 16)
    values[days == clock.number(odd)] = 500.0
    values[days == clock.number(feast)] = 0.0
    day = date(2026, 4, 13)
    assert profile.same_hour(times, values, day, UTC_ZONE, 6, 4).middle[9] == 50.0
    assert profile.same_hour(times, values, day, UTC_ZONE, 6, 4, {feast}).days[9] == 5
    short = profile.same_hour(times, values, day, UTC_ZONE, 6, 6, {feast})
    assert np.isnan(short.middle).all(), "five weeks are known, six are asked for: nothing is said"


def test_the_usual_is_learned_from_before_yesterday_and_from_days_alike():
    times = every(10, 35)
    days, since = clock.local(times, UTC_ZONE)
    rng = np.random.default_rng(3)
    values = 20 + 10 * (since // clock.HOUR == 8) * ~clock.weekend(days) + rng.normal(0, 1, len(times))
    day = date(2026, 3, 31)  # a Tuesday
    values[days >= clock.number(day) - 1] = 1e6  # yesterday and later teach nothing
    found = profile.usual(times, values, day, UTC_ZONE, 28, 7)
    assert 22 < found.middle[8] < 25, "an hour to either side counts"
    assert found.middle[3] == pytest.approx(20, abs=0.3)
    sunday = profile.usual(times, np.where(values > 1e5, 20, values), date(2026, 4, 5), UTC_ZONE, 28, 4)
    assert sunday.middle[8] == pytest.approx(20, abs=0.4)
    assert profile.usual(times, values, date(2026, 3, 8), UTC_ZONE, 28, 7).days.max() == 5
    assert np.isnan(profile.usual(times, values, date(2026, 3, 8), UTC_ZONE, 28, 7).middle).all()
    assert found.rarity(50) > found.rarity(2.5) > 1


def test_a_trend_is_not_turned_by_one_wild_value_and_is_silent_where_it_does_not_fit():
    times = every(5, 0.25)
    rising = 2.0 + 0.5 * (times - times[-1]) / clock.HOUR
    wild = rising.copy()
    wild[-3] = 900.0
    for values in (rising, wild):
        line = trend.lines(times, values, 3 * clock.HOUR, times[-1:])
        assert line.level[0] == pytest.approx(2.0, abs=0.02)
        assert line.slope[0] == pytest.approx(0.5, abs=0.02)
    assert line.quality[0] > 0.95
    noise = np.random.default_rng(4).normal(0, 1, len(times))
    assert trend.lines(times, noise, 3 * clock.HOUR, times[-1:]).quality[0] < 0.5
    flat = trend.lines(times, np.full(len(times), 7.0), 3 * clock.HOUR, times[-1:])
    assert (flat.level[0], flat.slope[0]) == (7.0, 0.0)
    late = trend.lines(times, rising, 3 * clock.HOUR, times[-1:] + 2 * clock.HOUR)
    assert np.isnan(late.level[0]), "most of the window is empty"
    assert len(trend.lines(times[:0], rising[:0], clock.HOUR, times[:0]).level) == 0


def fill(conn, values_of, days=40):
    """A series with weeks of readings."""
    series, now = city.add_series(conn, "gauge"), datetime(2026, 4, 12, 9, tzinfo=UTC)
    end = round(now.timestamp() * 1e6)
    times = end - np.arange(days * 24 * 4)[::-1] * 900 * clock.SECOND
    rows = [
        (series, datetime.fromtimestamp(t / 1e6, UTC), float(v)) for t, v in zip(times, values_of(times), strict=True)
    ]
    with conn.cursor().copy("COPY reading FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    return series, now


def test_the_forecast_of_a_gauge_is_its_tide_with_a_band(conn):
    series, now = fill(conn, swing)
    found = forecast.forecast(conn, series, now, DELTA)
    assert found.by == "tide"
    assert found.start == now
    at = found.time.astype("i8")
    assert at[-1] - round(now.timestamp() * 1e6) == 12 * clock.HOUR
    assert np.abs(found.level - swing(at)).max() < 0.02
    assert (found.low < found.level).all()
    assert (found.level < found.high).all()
    assert forecast.forecast(conn, series, now + timedelta(hours=4), DELTA) is None, "nothing was heard lately"


def test_the_forecast_of_traffic_is_the_usual_day_and_that_of_a_tank_its_trend(conn):
    def rush(times):
        hour = clock.local(times, DELTA)[1] / clock.HOUR
        return 100 + 400 * np.exp(-(((hour - 17) / 1.5) ** 2)) + np.random.default_rng(5).normal(0, 5, len(times))

    series, now = fill(conn, rush)
    found = forecast.forecast(conn, series, now, DELTA, by=("usual",))
    hour = clock.local(found.time.astype("i8"), DELTA)[1] / clock.HOUR
    assert hour[found.level.argmax()] == pytest.approx(17, abs=1)
    assert models.newest(conn, series, "tide") is None, "a chart leaves nothing behind"
    tank = city.add_series(conn, "tank")
    for n in range(36):
        city.add_reading(conn, tank, now - timedelta(minutes=5 * n), 3.0 + 0.02 * n)
    found = forecast.forecast(conn, tank, now, DELTA, span=timedelta(hours=2))
    assert found.by == "trend"
    assert found.level[-1] == pytest.approx(3.0 - 0.02 * 24, abs=0.02)
    odd = city.add_series(conn, "odd")
    rng = np.random.default_rng(6)
    for n in range(36):
        city.add_reading(conn, odd, now - timedelta(minutes=5 * n), float(rng.normal()))
    assert forecast.forecast(conn, odd, now, DELTA) is None
