"""The sample city's physics: tides with the right spectrum, salt that follows them, rain that slows and floods."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from sample_feeds import reports
from sample_feeds.models import air, networks, roads, town, water
from sample_feeds.sky import Sky

DAY = 86_400.0
NOVEMBER = datetime(2026, 11, 2, tzinfo=UTC).timestamp()  # a Monday
HOUR_LOCAL = 7 * 3600.0


def every(step, days, start=NOVEMBER):
    return np.arange(start, start + days * DAY, step)


def correlation(a, b):
    return float(np.corrcoef(a, b)[0, 1])


def amplitude(level, times, period_hours):
    """Of one constituent, by least squares against all that the model has."""
    waves = [1.0 / (p * 3600.0) for p, _, _ in water.CONSTITUENTS.values()]
    columns = [np.ones_like(times), times - times[0]]
    for f in waves:
        columns += [np.cos(2 * np.pi * f * times), np.sin(2 * np.pi * f * times)]
    found = np.linalg.lstsq(np.stack(columns, 1), level, rcond=None)[0]
    n = [p for p, _, _ in water.CONSTITUENTS.values()].index(period_hours)
    return float(np.hypot(found[2 + 2 * n], found[3 + 2 * n]))


def test_the_tide_has_its_constituents_in_the_right_order():
    times = every(1800.0, 370)
    level = water.tide(times, 3.0)
    found = {name: amplitude(level, times, period) for name, (period, _, _) in water.CONSTITUENTS.items()}
    assert found["M2"] > found["K1"] > found["O1"] > found["S2"] > found["N2"] > found["Q1"]
    for name, (_, expected, _) in water.CONSTITUENTS.items():
        assert found[name] == pytest.approx(expected * np.exp(-3 / water.FADES), abs=0.03), name


def test_high_water_comes_twice_a_day_and_springs_twice_a_month(series):
    times = every(600.0, 30)
    level = series(water.gauge, "muc-nuoc-tran-de-cua-song-hau", times)["water_level"]
    smooth = np.convolve(level, np.ones(9) / 9, "valid")
    peaks = np.sum((smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] > smooth[2:]))
    assert 54 <= peaks <= 62
    ranges = np.array([np.ptp(level[n * 144 : (n + 1) * 144]) for n in range(30)])
    assert ranges.max() > 1.7 * ranges.min()


def test_the_tide_travels_up_the_river_and_fades(series):
    times = every(300.0, 20)
    mouth, up = (
        series(water.gauge, k, times)["water_level"]
        for k in ("muc-nuoc-tran-de-cua-song-hau", "muc-nuoc-dai-ngai-song-hau")
    )
    lags = [correlation(mouth[: len(mouth) - n], up[n:]) for n in range(40)]
    assert 40 <= np.argmax(lags) * 5 <= 110  # minutes for 31 km
    assert up.std() < 0.9 * mouth.std()


def test_salt_falls_up_the_river_rises_with_the_tide_and_with_the_dry_season(series):
    november, march = every(900.0, 14), every(900.0, 14, datetime(2026, 3, 5, tzinfo=UTC).timestamp())
    places = [
        "do-man-tran-de-cua-song-hau",
        "do-man-long-phu-song-hau",
        "do-man-dai-ngai-song-hau",
        "do-man-nga-nam-kenh-quan-lo",
    ]
    for times in (november, march):
        means = [series(water.salinity, p, times)["salinity"].mean() for p in places]
        assert means == sorted(means, reverse=True)
    wet, dry = (series(water.salinity, places[0], t)["salinity"] for t in (november, march))
    assert dry.mean() > 3 * wet.mean()
    assert 9 < dry.mean() < 19  # the gauge showed 11 to 15.6 g/l in a February
    salt, an_hour_before = series(water.salinity, places[1], march)["salinity"], water.tide(march - 3600.0, 18.0)
    assert correlation(an_hour_before, salt) > 0.8


def test_rain_is_showers_more_in_the_afternoon_and_in_the_wet_season(town):
    stations = town.of("weather")
    sums = {}
    for month in (2, 9):
        times = every(600.0, 25, datetime(2026, month, 1, tzinfo=UTC).timestamp())
        which, at = np.repeat(stations, len(times)), np.tile(times, len(stations))
        rain = town.sky.rain(which, at)
        sums[month] = rain.sum() / 6 / len(stations)  # mm
        assert 0.0 < (rain > 0).mean() < 0.3
        if month == 9:
            hour = ((at + HOUR_LOCAL) % DAY) / 3600
            assert rain[(hour > 13) & (hour < 19)].mean() > 2 * rain[(hour > 1) & (hour < 7)].mean()
    assert 120 < sums[9] < 450
    assert sums[9] > 3 * sums[2]


def test_rain_since_midnight_is_the_sum_of_the_rate_and_starts_anew(town):
    which = np.array([town.keys.index("thoi-tiet-soc-trang")])
    midnights = np.floor((NOVEMBER + DAY * np.arange(14)) / DAY) * DAY - HOUR_LOCAL
    fell = [town.sky.rain_today(which, np.array([m + DAY - 60.0]))[0] for m in midnights]
    times = midnights[int(np.argmax(fell))] + np.arange(0, DAY, 60.0)
    rate = town.sky.rain(np.repeat(which, len(times)), times)
    fallen = town.sky.rain_today(np.repeat(which, len(times)), times)
    assert fallen[0] == 0.0
    assert np.all(np.diff(fallen) >= -1e-9)
    assert fallen[-1] == pytest.approx(rate.sum() / 60.0, rel=0.03, abs=0.05)
    assert fallen[-1] > 1.0, "two weeks of November without rain"


def rainy(town, model, kind, days=18):
    """(rain, columns, place) of all sensors of a kind in a wet month."""
    which = town.of(*kind)
    times = every(600.0, days, datetime(2026, 8, 20, tzinfo=UTC).timestamp())
    where, at = np.repeat(which, len(times)), np.tile(times, len(which))
    return town.sky.rain(where, at).reshape(len(which), -1), {
        k: v.reshape(len(which), -1) for k, v in model(town, where, at).items()
    }


def test_heavy_rain_floods_streets_and_the_water_runs_off(town):
    rain, found = rainy(town, water.flood, ["drain"])
    depth = found["flood_depth"]
    assert depth[rain < 1].mean() < 0.2
    assert depth[rain > 30].mean() > 2.0
    assert depth.max() < 60
    place, peak = np.unravel_index(depth.argmax(), depth.shape)
    assert depth[place, peak + 18] < 0.35 * depth[place, peak]  # three hours later
    assert np.all(found["pump"][depth > 4] >= 1)


class Dry(Sky):
    """The same places under a sky without rain."""

    def _rain(self, times):
        return np.zeros_like(super()._rain(times))


def against_dry(town, model, *kind):
    """(rain, water on the street, each column's ratio to what it were without rain) of a wet month."""
    which = town.of(*kind)
    times = every(600.0, 18, datetime(2026, 8, 20, tzinfo=UTC).timestamp())
    where, at = np.repeat(which, len(times)), np.tile(times, len(which))
    dry = replace(town)
    dry.sky = Dry(town.seed, town.lat, town.lon)
    wet_day, dry_day = model(town, where, at), model(dry, where, at)
    ratios = {name: wet_day[name] / dry_day[name] for name in wet_day}
    return town.sky.rain(where, at), town.sky.puddle(where, at), ratios


def test_rain_slows_traffic_and_keeps_motorbikes_at_home_even_where_no_water_stands(town):
    rain, water_on_street, ratio = against_dry(town, roads.detector, "junction")
    wet = (rain > 10) & (water_on_street < 3)
    assert wet.sum() > 20
    assert ratio["speed"][wet].mean() < 0.95
    assert ratio["flow"][wet].mean() < 0.95
    assert np.allclose(ratio["speed"][(rain == 0) & (water_on_street == 0)], 1.0)


def test_rain_washes_the_air(town):
    rain, _, ratio = against_dry(town, air.reference, "airref")
    assert ratio["pm25"][rain > 5].mean() < 0.7


def test_traffic_has_two_rush_hours_on_workdays_and_none_at_night(series):
    times = every(300.0, 5)
    flow = series(roads.detector, "giao-thong-ql1a-tra-men", times)["flow"].reshape(5, -1).mean(0)
    hour = ((times[:288] + HOUR_LOCAL) % DAY) / 3600
    at = lambda h: flow[np.abs(hour - h) < 0.5].mean()  # noqa: E731
    assert min(at(7), at(17)) > 1.25 * at(14.5)
    assert at(2) < 0.1 * at(7)


def test_noise_and_car_parks_follow_traffic(series):
    times = every(900.0, 5)
    flow = series(roads.detector, "giao-thong-ql1a-tra-men", times)["flow"]
    noise = series(air.noise, "tieng-on-nga-ba-tra-men", times)["laeq"]
    office = series(roads.parking, "bai-xe-benh-vien-da-khoa-tinh", times)["parking_occupancy"]
    assert correlation(flow, noise) > 0.7
    assert correlation(flow, office) > 0.35


def test_lamps_burn_from_sunset_to_sunrise(series):
    times = every(300.0, 3)
    lit = series(town.lamps, "den-hung-vuong-1", times)["lamp_state"] > 0
    hour = ((times + HOUR_LOCAL) % DAY) / 3600
    assert lit[(hour > 18.6) | (hour < 5.2)].all()
    assert not lit[(hour > 6.3) & (hour < 17.1)].any()


def test_power_follows_hour_and_heat_and_the_meter_only_rises(series):
    times = every(900.0, 14)
    found = series(town.power, "dien-tram-110-kv-soc-trang", times)
    assert np.all(np.diff(found["energy"]) > 0)
    used = (found["energy"][-1] - found["energy"][0]) / ((times[-1] - times[0]) / 3600)
    assert used == pytest.approx(found["active_power"].mean(), rel=0.08)
    hour = ((times + HOUR_LOCAL) % DAY) / 3600
    assert (
        found["active_power"][np.abs(hour - 19) < 1].mean() > 1.4 * found["active_power"][np.abs(hour - 3) < 1].mean()
    )


def test_bins_fill_and_the_lorry_empties_them_at_night(series):
    times = every(600.0, 6)
    fill = series(town.bins, "thung-rac-a840410001000001", times)["fill"]
    drops = np.flatnonzero(np.diff(fill) < -30)
    assert 2 <= len(drops) <= 6
    hours = ((times[drops] + HOUR_LOCAL) % DAY) / 3600
    assert np.all((hours > 3) & (hours < 6.5))


def test_one_stop_shops_work_in_office_hours(series):
    times = every(600.0, 7)
    found = series(town.one_stop, "mot-cua-phuong-phu-loi", times)
    hour, weekend = ((times + HOUR_LOCAL) % DAY) / 3600, np.floor((times + HOUR_LOCAL) / DAY) % 7
    working = found["files_waiting"] > 0
    assert working.any()
    assert not working[(hour < 7) | (hour > 17)].any()
    assert not working[np.isin((weekend + 3) % 7, [5, 6])].any()


def test_the_data_centre_has_a_small_cooling_fault_every_few_days(series):
    inlet = series(networks.rack, "tu-may-trung-tam-du-lieu-tu-a2", every(300.0, 14))["inlet_temperature"]
    starts = np.sum((inlet[1:] > 24.5) & (inlet[:-1] <= 24.5))
    assert 3 <= starts <= 8
    assert inlet.max() < 28.0


def test_citizen_reports_rise_with_rain_and_are_taken_up_before_they_are_closed(town):
    found = reports.between(town, NOVEMBER - 60 * DAY, NOVEMBER)
    rain = town.sky.rain(found.site, found.opened)
    sites, at = np.tile(town.of("drain"), 3000), np.repeat(NOVEMBER - 60 * DAY * np.linspace(0, 1, 3000), 26)
    assert (rain > 2).mean() > 1.4 * (town.sky.rain(sites, at) > 2).mean()
    assert np.all((found.opened < found.changed) & (found.changed < found.closed))
    assert 15 < len(found.opened) / 60 < 60  # a day


def test_buses_stay_on_their_roads_and_drive_like_buses(town):
    which = town.of("bus")
    times = NOVEMBER + np.arange(0, 6 * 3600.0, 5.0)
    for bus in which[::5]:
        found = roads.bus(town, np.full(len(times), bus), times)
        metres = np.hypot(np.diff(found["lat"]) * 111_200, np.diff(found["lon"]) * 111_200 * np.cos(np.radians(9.6)))
        assert metres.max() < 5 * 25  # 90 km/h
        moving = found["speed"][:-1] > 3
        assert moving.mean() > 0.5
        assert np.abs(metres[moving] / 5 - found["speed"][:-1][moving]).mean() < 1.5
