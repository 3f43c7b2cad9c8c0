"""The benchmark's scoring by hand-made cases, and what the anomaly kind reaches on recorded traffic."""

from __future__ import annotations

import numpy as np
import pytest

from alerts import bench_anomaly, nab
from tests.services import FEEDS

STANDARD = nab.PROFILES["standard"]
WINDOWS = [(50, 59), (80, 89)]


def score(*rows):
    return nab.score(100, WINDOWS, rows, STANDARD)


def test_nothing_is_nought_and_the_left_edge_of_every_window_a_hundred():
    assert nab.total([score()], STANDARD) == 0
    assert nab.total([score(50, 80)], STANDARD) == pytest.approx(100)


def test_earlier_is_better_and_only_the_best_of_a_window_counts():
    assert score(50, 51, 59, 80).score == score(50, 80).score
    assert score(50).score > score(54).score > score(59).score > score().score
    assert score(59).hits == 1


def test_a_false_alarm_costs_the_more_the_further_behind_a_window():
    cost = [score(50, 80).score - score(50, row, 80).score for row in (61, 64, 75)]
    assert 0 < cost[0] < cost[1] < cost[2]
    assert cost[2] == pytest.approx(0.11, abs=0.001)
    assert score(20).score == pytest.approx(-2 - 0.11), "before the first window it costs the whole"
    assert nab.score(100, WINDOWS, [20], nab.PROFILES["low_fp"]).score == pytest.approx(-2.22)
    assert nab.score(100, WINDOWS, [], nab.PROFILES["low_fn"]).score == -4


def test_the_first_part_of_a_file_is_not_scored():
    assert score(3).score == score().score
    assert nab.score(100, [(0, 9), (50, 59)], [], STANDARD).windows == 1


def test_windows_are_found_by_their_times(tmp_path):
    (tmp_path / "a.csv").write_text(
        "timestamp,value\n2015-01-01 00:00:00,1\n2015-01-01 00:05:00,2\n2015-01-01 00:10:00,3\n"
    )
    (tmp_path / "combined_windows.json").write_text(
        '{"x/a.csv": [["2015-01-01 00:05:00.000000", "2015-01-01 00:10:00.000000"]]}'
    )
    (file,) = nab.load(tmp_path)
    assert (file.name, file.windows, file.values.tolist()) == ("a.csv", [(1, 2)], [1, 2, 3])


@pytest.mark.feeds
def test_recorded_traffic_one_setting_for_all_files():
    files = nab.load(FEEDS / "series" / "nab_realTraffic")
    found = bench_anomaly.scores(files, bench_anomaly.rule(least=2))
    assert found["standard"] >= 80
    assert found["found"] >= 12
    assert found["false"] <= 15
    assert found["standard"] > bench_anomaly.PUBLISHED["Numenta HTM"]
    assert len(files) == 7
    assert np.isfinite(files[0].values).all()
