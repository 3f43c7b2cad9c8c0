"""5G cells, and the data centre with a small cooling fault every few days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sample_feeds.chance import curve, read, uniform, wobble
from sample_feeds.world import DAY, hour, weekday

if TYPE_CHECKING:
    from sample_feeds.chance import Floats, Ints
    from sample_feeds.models import Columns
    from sample_feeds.world import World

_PHONES = curve("30 18 12 10 12 22 38 50 55 56 58 66 64 56 54 56 60 66 74 88 100 98 80 52")
FAULT_EVERY, FAULT_LASTS = 2.6 * DAY, 1500.0


def cell(world: World, which: Ints, time: Floats) -> Columns:
    share = read(_PHONES, hour(time)) * np.where(weekday(time) < 5, 1.0, 1.08)
    own = world.size[which] * (0.75 + 0.5 * uniform(world.seed, 500, which))
    load = np.clip(6.0 + 58.0 * share * own + 5.0 * wobble(world.seed, which + 501, time, 600.0), 1.0, 93.0)
    full = load / 100.0
    return {
        "cell_load": load,
        "cell_users": np.round(420.0 * share * own * (1 + 0.08 * wobble(world.seed, which + 502, time, 900.0))),
        "downlink": 880.0 * (1 - 0.78 * full) + 25.0 * wobble(world.seed, which + 503, time, 300.0),
        "latency": 9.0 + 26.0 * full**4 + 1.2 * wobble(world.seed, which + 504, time, 200.0),
        "availability": 99.97 - 0.05 * np.abs(wobble(world.seed, which + 505, time, 2 * DAY)),
    }


def rack(world: World, which: Ints, time: Floats) -> Columns:
    """The standby unit takes over within 25 minutes: inlets reach 27 °C and come back."""
    since = (time - 41_000.0) % FAULT_EVERY
    fault = np.where(since < FAULT_LASTS, np.sin(np.pi * np.clip(since / FAULT_LASTS, 0, 1)), 0.0)
    work = 0.74 + 0.16 * read(_PHONES, hour(time)) + 0.03 * wobble(world.seed, which + 510, time, 300.0)
    warm = (
        21.6
        + 1.8 * uniform(world.seed, 511, which)
        + 1.5 * (work - 0.74)
        + 0.25 * wobble(world.seed, which + 512, time, 420.0)
    )
    return {
        "inlet_temperature": warm + 3.4 * fault,
        "inlet_humidity": 49.0 - 4.0 * fault + 3.0 * wobble(world.seed, which + 513, time, 3600.0),
        "rack_power": world.size[which] * work,
    }


def ups(world: World, which: Ints, time: Floats) -> Columns:
    work = 0.74 + 0.16 * read(_PHONES, hour(time))
    hot = 0.01 * (world.sky.temperature(which, time) - 27.0)
    return {
        "ups_load": 52.0 * work + 2.0 * wobble(world.seed, which + 520, time, 600.0),
        "ups_battery": 99.5 + 0.5 * wobble(world.seed, which + 521, time, 3 * 3600.0),
        "pue": 1.58 + hot + 0.03 * wobble(world.seed, which + 522, time, 1800.0),
        "voltage": 221.0 + 1.5 * wobble(world.seed, which + 523, time, 120.0),
    }
