"""`ioc bench anomaly`: how well the anomaly kind does on the Numenta benchmark's files, by that benchmark's scoring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson

from alerts import judge, learned, nab
from alerts.rules import anomaly
from alerts.rules.same_hour import CLEAR
from alerts.verdict import SECOND, Input
from alerts.walk import Delays, Level

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from alerts.nab import File

_HOLD, _GAP = 3600 * SECOND, 86_400 * SECOND
# What others reach on the seven files of realTraffic, standard profile: the benchmark's own published score of each
# file, summed and scaled as here. Their thresholds were tuned on the whole corpus, as its rules allow.
PUBLISHED = {"ARTime": 86.9, "Numenta HTM": 67.7, "Twitter ADVec": 57.7, "KNN-CAD": 49.9, "windowed Gaussian": 17.6}


def command(args: argparse.Namespace) -> int:
    """Prints one JSON object as the last line. Raises OSError."""
    files = nab.load(args.data)
    found = {
        "files": len(files), "rows": sum(len(f.times) for f in files), **scores(files, rule(least=2)),
        "with_default_least_7_days": _short(files, rule(least=7)),
        "z_score": _short(files, z_score(4.0, 288)), "says_nothing": _short(files, lambda _: []),
        "published_standard": PUBLISHED,
    }  # fmt: skip
    print(orjson.dumps(found).decode())
    return 0


def scores(files: Sequence[File], detect: Callable[[File], list[int]]) -> dict[str, Any]:
    """All profiles, and what was found; one setting for all files."""
    detections = {f.name: detect(f) for f in files}
    by_profile = {}
    for name, costs in nab.PROFILES.items():
        each = [nab.score(len(f.times), f.windows, detections[f.name], costs) for f in files]
        by_profile[name] = round(nab.total(each, costs), 1)
    return {**by_profile, "windows": sum(s.windows for s in each), "found": sum(s.hits for s in each),
            "false": sum(s.false for s in each)}  # fmt: skip


def _short(files: Sequence[File], detect: Callable[[File], list[int]]) -> dict[str, Any]:
    found = scores(files, detect)
    return {name: found[name] for name in ("standard", "found", "false")}


def rule(least: int) -> Callable[[File], list[int]]:
    """The kind with its own defaults and an off_delay of an hour, raised alarms being its detections."""
    options = anomaly.Options(least=least)

    def detect(file: File) -> list[int]:
        zone, past = ZoneInfo("UTC"), learned.Past(file.times, file.values)
        samples = list(zip(file.times.tolist(), file.values.tolist(), strict=True))
        given = {"": Input(samples, learned=learned.from_past(anomaly.model_of(options), past, zone))}
        points = list(anomaly.signal(given, options, 0))
        found = judge.episodes(points, [Level(1.0, CLEAR)], Delays(0, _HOLD, _GAP))
        return [int(np.searchsorted(file.times, episode.decided)) for episode in found]

    return detect


def z_score(times: float, window: int) -> Callable[[File], list[int]]:
    """The simple thing: so many standard deviations from the mean of the last `window` values; the same hold."""

    def detect(file: File) -> list[int]:
        values = file.values
        odd = [(n, abs(values[n] - values[max(0, n - window) : n].mean())
                / max(values[max(0, n - window) : n].std(), 1e-9)) for n in range(30, len(values))]  # fmt: skip
        points = [(int(file.times[n]), float(score) / times) for n, score in odd]
        found = judge.episodes(points, [Level(1.0, CLEAR)], Delays(0, _HOLD, _GAP))
        return [int(np.searchsorted(file.times, episode.decided)) for episode in found]

    return detect
