"""The sample city as arrays: where its sensors are, and the local clock that its life follows."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sample_feeds.sky import Sky

if TYPE_CHECKING:
    from sample_feeds.chance import Floats, Ints
    from sample_feeds.sky import Storm

OFFSET = 7 * 3600.0  # Vietnam keeps UTC+7 all year
DAY = 86_400.0
MISBEHAVIOUR = Path(__file__).parent / "misbehaviour.toml"


@dataclass(slots=True)
class World:
    """Sensors in file order; every model works on index arrays into these and on times of the same length."""

    seed: int
    keys: list[str]
    kinds: list[str]
    lat: Floats
    lon: Floats
    size: Floats
    properties: list[dict[str, Any]]
    standing: Floats  # how much is wrong with a sensor all the time, 0 for nearly all
    storms: tuple[Storm, ...] = ()
    sky: Sky = field(init=False)

    def __post_init__(self) -> None:
        self.sky = Sky(self.seed, self.lat, self.lon, self.storms)

    def of(self, *kinds: str) -> Ints:
        """The indices of all sensors of these kinds."""
        return np.array([n for n, kind in enumerate(self.kinds) if kind in kinds], dtype=np.int64)


def load(folder: Path, seed: int, storms: tuple[Storm, ...] = ()) -> World:
    """Read sensors.geojson of a city folder that sample_feeds.build wrote."""
    features = json.loads((folder / "sensors.geojson").read_text(encoding="utf-8"))["features"]
    rows = [f["properties"] for f in features]
    wrong = tomllib.loads(MISBEHAVIOUR.read_text(encoding="utf-8"))["standing"]
    places = np.array([f["geometry"]["coordinates"] for f in features], dtype=np.float64)
    return World(
        seed=seed,
        keys=[r["key"] for r in rows],
        kinds=[r["kind"] for r in rows],
        lat=places[:, 1],
        lon=places[:, 0],
        size=np.array([float(r["size"]) for r in rows]),
        properties=rows,
        standing=np.array([wrong.get(r["key"], 0.0) for r in rows]),
        storms=storms,
    )


def hour(time: Floats) -> Floats:
    """Local hour of the day, 0..24."""
    return ((time + OFFSET) % DAY) / 3600.0


def day(time: Floats) -> Ints:
    """Local day number since 1970-01-01."""
    return np.floor((time + OFFSET) / DAY).astype(np.int64)


def weekday(time: Floats) -> Ints:
    """0 is Monday."""
    return (day(time) + 3) % 7


def season(time: Floats, peak_day: float) -> Floats:
    """0..1 over the year, 1 on `peak_day` of it."""
    of_year = (time / DAY) % 365.2425
    return np.asarray(0.5 + 0.5 * np.cos(2 * np.pi * (of_year - peak_day) / 365.2425))
