"""What runs a town: lamps, power, waste rounds, hospitals, one-stop shops, the hotline's totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sample_feeds.chance import area_under, curve, read, uniform, wobble
from sample_feeds.models.roads import busy
from sample_feeds.world import DAY, OFFSET, day, hour, weekday

if TYPE_CHECKING:
    from sample_feeds.chance import Floats, Ints
    from sample_feeds.models import Columns
    from sample_feeds.world import World

_LOAD = curve("52 49 47 46 47 52 58 64 71 76 79 78 72 74 77 76 74 77 86 88 83 75 66 58")
_LOAD_AREA = area_under(_LOAD)
_THROWN = curve("30 20 20 30 70 120 150 140 120 100 100 120 110 90 80 90 120 160 170 150 120 90 60 40")
_THROWN_AREA = area_under(_THROWN)
_EPOCH = 1_735_664_400.0  # 2025-01-01 local: the meters were set to zero


def lamps(world: World, which: Ints, time: Floats) -> Columns:
    on = world.sky.night(time)
    local = hour(time)
    dim = on * np.where((local >= 22.0) | (local < 4.5), 60.0, 100.0)
    weeks = wobble(world.seed, which + 400, time, 9 * DAY)
    faults = np.floor(np.clip(3.4 * uniform(world.seed, 401, which) + 1.2 * weeks, 0, 5.4)) + world.standing[which]
    watts = world.size[which] * 1000.0 * dim / 100.0 * (1 - 0.03 * faults)
    return {
        "lamp_state": on,
        "dimming": dim,
        "lamp_power": watts * (1 + 0.01 * wobble(world.seed, which + 402, time, 300.0)) + 4.0,
        "lamp_faults": faults,
    }


def power(world: World, which: Ints, time: Floats) -> Columns:
    """Load follows the hour, the weekday and the heat; voltage sags under it; lightning makes it nervous."""
    share = read(_LOAD, hour(time)) * np.where(weekday(time) < 5, 1.0, 0.93)
    hot = 0.012 * (world.sky.temperature(which, time) - 28.0)
    share = np.clip(share + hot + 0.02 * wobble(world.seed, which + 410, time, 300.0), 0.15, 1.1)
    kilowatts = world.size[which] * 1000.0 * share
    storm = 1.2 * (1 - np.exp(-world.sky.rain(which, time) / 20.0))
    volts = 224.5 - 5.5 * share + (1.1 + storm) * wobble(world.seed, which + 411, time, 90.0)
    factor = 0.945 - world.standing[which] - 0.03 * share + 0.012 * wobble(world.seed, which + 412, time, 1200.0)
    local = time + OFFSET - (_EPOCH + OFFSET)
    days, rest = np.floor(local / DAY), (local % DAY) / 3600.0
    used = world.size[which] * 1000.0 * (days * _LOAD_AREA[-1] + np.interp(rest, np.arange(25.0), _LOAD_AREA))
    return {
        "voltage": volts,
        "current": kilowatts * 1000.0 / (3 * volts * factor),
        "active_power": kilowatts,
        "power_factor": factor,
        "energy": used,
    }


def bins(world: World, which: Ints, time: Floats) -> Columns:
    """Filled by the hour since the lorry came: every night, for half of them every other night."""
    turn = 1 + (uniform(world.seed, 420, which) < 0.5).astype(np.int64)
    comes = (3.6 + 2.2 * uniform(world.seed, 421, which)) * 3600.0
    local = time + OFFSET - comes
    since_day = np.floor(local / DAY).astype(np.int64)
    last = (since_day - (since_day + which) % turn) * DAY + comes  # local time of the last round
    rate = 100.0 * (0.5 + 0.34 * uniform(world.seed, 422, which)) / (_THROWN_AREA[-1] * turn)
    fill = 3.0 + rate * (_thrown(time + OFFSET) - _thrown(last)) * (
        1 + 0.05 * wobble(world.seed, which + 423, time, 5400.0)
    )
    warm = world.sky.temperature(which, time) + 2.5 + 1.5 * wobble(world.seed, which + 424, time, 3600.0)
    volts = 3.55 + 0.06 * uniform(world.seed, 425, which) + 0.01 * wobble(world.seed, which + 426, time, 7200.0)
    return {"fill": np.clip(fill, 2.0, 96.0), "bin_temperature": warm, "battery": volts}


def _thrown(local: Floats) -> Floats:
    days = np.floor(local / DAY)
    today = np.interp((local - days * DAY) / 3600.0, np.arange(25.0), _THROWN_AREA)
    return np.asarray(days * _THROWN_AREA[-1] + today)


def hospital(world: World, which: Ints, time: Floats) -> Columns:
    """Discharges before noon, admissions in the evening, fuller in the week; accidents with traffic and rain."""
    beds, local = world.size[which], hour(time)
    share = 0.80 + 0.12 * (uniform(world.seed, 430, which) - 0.5) + 0.045 * np.cos(2 * np.pi * (local - 7.0) / 24.0)
    share = share + 0.05 * wobble(world.seed, which + 431, time, 3 * DAY) - np.where(weekday(time) < 5, 0.0, 0.03)
    occupied = np.round(beds * share)
    wet = 1 - np.exp(-world.sky.rain(which, time) / 20.0)
    waiting = (
        (1.5 + beds / 90.0)
        * (0.35 + busy(time) + 0.8 * wet)
        * (1 + 0.35 * wobble(world.seed, which + 432, time, 1500.0))
    )
    intensive = np.maximum(np.round(beds / 45.0), 2.0)
    free = np.round(intensive * (0.35 + 0.2 * wobble(world.seed, which + 433, time, DAY)))
    return {
        "beds_occupied": occupied,
        "beds_free": np.maximum(beds - occupied, 0.0),
        "bed_occupancy": 100.0 * occupied / beds,
        "emergency_waiting": np.round(np.clip(waiting, 0, 30)),
        "icu_free": np.maximum(free, 1.0),
    }


def one_stop(world: World, which: Ints, time: Floats) -> Columns:
    """Counters are open on workdays 7:00 to 11:30 and 13:00 to 17:00; Monday is the busiest."""
    local, today = hour(time), weekday(time)
    works = (today < 5).astype(np.float64) * np.array([1.25, 1.0, 0.95, 0.95, 1.1, 0.0, 0.0])[today]
    done = np.clip((local - 7.0) / 4.5, 0, 1) * 0.6 + np.clip((local - 13.0) / 4.0, 0, 1) * 0.4
    files = np.round(world.size[which] * works * done * (0.8 + 0.4 * uniform(world.seed, 440, which, day(time))))
    open_now = ((local >= 7.0) & (local < 11.5)) | ((local >= 13.0) & (local < 17.0))
    queue = np.exp(-(((local - 8.6) / 1.2) ** 2)) + 0.7 * np.exp(-(((local - 14.3) / 1.1) ** 2)) + 0.12
    waiting = (
        open_now * works * queue * world.size[which] / 7.0 * (1 + 0.3 * wobble(world.seed, which + 441, time, 1200.0))
    )
    waiting = np.round(np.maximum(waiting, 0.0))
    on_time = (
        97.2
        - world.standing[which]
        + 2.0 * wobble(world.seed, which + 442, time, 12 * DAY)
        + 0.5 * uniform(world.seed, 443, which)
    )
    online = (
        66.0 + 16.0 * (uniform(world.seed, 444, which) - 0.5) + 4.0 * wobble(world.seed, which + 445, time, 5 * DAY)
    )
    return {
        "files_received": files,
        "files_waiting": waiting,
        "wait_time": np.round(waiting * 2.6),
        "on_time_share": np.minimum(on_time, 99.9),
        "online_share": online,
    }
