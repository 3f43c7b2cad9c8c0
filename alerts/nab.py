"""The Numenta anomaly benchmark's published scoring: detections and labelled windows of a file in, its score out. Pure.

A detection within a labelled window earns up to 1, the more the earlier; outside it costs, the more the further behind
the last window; a window without one costs. 0 is a detector that says nothing, 100 a perfect one. Lavin and Ahmad,
"Evaluating Real-time Anomaly Detection Algorithms", 2015.
"""

from __future__ import annotations

import csv
import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ioc.models.clock import Array

PROBATION = 0.15  # of a file, at most of 5000 rows, is not scored


class Costs(NamedTuple):
    """What a hit earns, a false alarm and a missed window cost."""

    hit: float = 1.0
    false: float = 0.11
    missed: float = 1.0


PROFILES = {"standard": Costs(), "low_fp": Costs(false=0.22), "low_fn": Costs(missed=2.0)}


class File(NamedTuple):
    """times: microseconds UTC; windows: (first, last row) of each labelled anomaly."""

    name: str
    times: Array
    values: Array
    windows: list[tuple[int, int]]


class Score(NamedTuple):
    score: float
    windows: int
    hits: int
    false: int


def load(folder: Path) -> list[File]:
    """Every file that combined_windows.json names; without a zone in the data, times count as UTC. Raises OSError."""
    found = []
    for name, windows in sorted(json.loads((folder / "combined_windows.json").read_text("utf-8")).items()):
        with (folder / name.rpartition("/")[2]).open(newline="", encoding="utf-8") as lines:
            rows = [(_micros(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)]
        times, values = (np.array(column) for column in zip(*rows, strict=True))
        edges = [(_row(times, first), _row(times, last)) for first, last in windows]
        found.append(File(name.rpartition("/")[2], times, values, edges))
    return found


def _row(times: Array, text: str) -> int:
    return int(np.searchsorted(times, _micros(text)))


def _micros(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


def score(rows: int, windows: Sequence[tuple[int, int]], detections: Iterable[int], costs: Costs) -> Score:
    """Of one file; detections: row numbers."""
    unscored = min(math.floor(PROBATION * rows), PROBATION * 5000)
    best = {window: -costs.missed for window in windows if window[1] >= unscored}
    false, lost = 0, 0.0
    for row in sorted(d for d in detections if d >= unscored):
        window = next(((a, b) for a, b in windows if a <= row <= b), None)
        if window is None:
            false, lost = false + 1, lost + _sigmoid(_behind(row, windows)) * costs.false
        else:
            inside = -(window[1] - row + 1) / (window[1] - window[0] + 1)
            best[window] = max(best[window], _sigmoid(inside) * costs.hit / _sigmoid(-1.0))
    return Score(sum(best.values()) + lost, len(best), sum(v > 0 for v in best.values()), false)


def total(scores: Sequence[Score], costs: Costs) -> float:
    """0 as a detector that says nothing, 100 as a perfect one."""
    windows = sum(s.windows for s in scores)
    nothing, perfect = -costs.missed * windows, costs.hit * windows
    return 100.0 * (sum(s.score for s in scores) - nothing) / (perfect - nothing)


def _behind(row: int, windows: Sequence[tuple[int, int]]) -> float:
    """How far behind the last window, in its lengths."""
    before = [(a, b) for a, b in windows if b < row]
    if not before:
        return 3.0
    first, last = before[-1]
    return (row - last) / (last - first)


def _sigmoid(place: float) -> float:
    """Nearly 1 at the left edge of a window (-1), 0 at its right edge (0), -1 far behind it."""
    return -1.0 if place >= 3 else 2 / (1 + math.exp(5 * place)) - 1
