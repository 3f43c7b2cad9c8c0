"""Citizen reports to the hotline 1022: born by the hour and the rain, taken up, closed. A function of seed and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sample_feeds.chance import curve, read, uniform
from sample_feeds.world import DAY, OFFSET, hour

if TYPE_CHECKING:
    from sample_feeds.chance import Floats, Ints
    from sample_feeds.models import Columns
    from sample_feeds.world import World

SLOT = 300.0  # one report may be made in each
LONGEST = 5 * DAY  # the slowest office
DUE = 2 * DAY  # promised time; later is overdue
_CALLS = curve("3 2 2 2 4 12 35 62 80 85 74 55 42 50 66 72 70 62 55 50 40 26 14 7")


class Service(NamedTuple):
    """code, name, how often on a dry day, how much more in rain, hours to close at best and at worst."""

    code: str
    name: str
    often: float
    rain: float
    fastest: float
    slowest: float
    says: str


SERVICES = (
    Service("GARBAGE", "Rác thải, vệ sinh", 0.26, 0.2, 4, 72, "Rác chưa thu gom, bốc mùi"),
    Service("POTHOLE", "Hư hỏng mặt đường", 0.17, 0.4, 20, 118, "Ổ gà sâu, nguy hiểm cho xe máy"),
    Service("LIGHT", "Chiếu sáng công cộng", 0.16, 0.3, 8, 100, "Đèn đường không sáng"),
    Service("NOISE", "Tiếng ồn, loa kéo", 0.15, 0.0, 2, 30, "Loa kéo quá giờ quy định"),
    Service("TRAFFIC", "Giao thông, lấn chiếm vỉa hè", 0.12, 0.1, 4, 60, "Lấn chiếm vỉa hè, cản trở đi lại"),
    Service("WATER", "Cấp nước, rò rỉ đường ống", 0.08, 0.1, 4, 40, "Nước yếu, rò rỉ trước nhà"),
    Service("TREE", "Cây xanh gãy đổ", 0.03, 1.6, 2, 26, "Cành cây gãy chắn đường"),
    Service("FLOOD", "Ngập nước", 0.02, 6.0, 2, 20, "Đường ngập, cống không thoát"),
    Service("POWER", "Sự cố điện, dây chùng", 0.01, 0.5, 0.5, 2, "Dây điện chùng sát mặt đường"),
)


class Reports(NamedTuple):
    """Arrays, in order of opening; `site` is the sensor the place is next to."""

    slot: Ints
    opened: Floats
    changed: Floats
    closed: Floats
    service: Ints
    site: Ints


def between(world: World, start: float, stop: float) -> Reports:
    """The reports opened in [start, stop)."""
    slots = np.arange(np.floor(start / SLOT), np.ceil(stop / SLOT)).astype(np.int64)
    born = slots * SLOT + uniform(world.seed, 601, slots) * SLOT
    sites = world.of("junction", "lamp", "bin", "drain")
    site = sites[(uniform(world.seed, 602, slots) * len(sites)).astype(np.int64)]
    wet = 1 - np.exp(-(world.sky.rain(site, born) + 4 * world.sky.puddle(site, born)) / 12.0)
    often = 0.24 * read(_CALLS, hour(born)) + 0.30 * wet
    made = (uniform(world.seed, 603, slots) < often) & (born >= start) & (born < stop)
    slots, born, site, wet = slots[made], born[made], site[made], wet[made]
    service = _services(world.seed, slots, wet)
    first, last = (np.array([getattr(s, name) for s in SERVICES])[service] for name in ("fastest", "slowest"))
    takes = 3600.0 * first * (last / first) ** uniform(world.seed, 605, slots)
    taken_up = np.minimum(600.0 + 7200.0 * uniform(world.seed, 606, slots) ** 2, 0.6 * takes)
    return Reports(slots, born, born + taken_up, born + takes, service, site)


def _services(seed: int, slots: Ints, wet: Floats) -> Ints:
    dry, rain = (np.array([getattr(s, name) for s in SERVICES]) for name in ("often", "rain"))
    weights = np.cumsum(dry + rain * wet[:, None] * 0.5, axis=1)
    pick = uniform(seed, 604, slots)[:, None] * weights[:, -1:]
    return np.asarray((weights < pick).sum(axis=1), dtype=np.int64)


def totals(world: World, _: Ints, time: Floats) -> Columns:
    """What the hotline's own screen shows: open, overdue, today, minutes to the first answer."""
    if not len(time):
        return dict.fromkeys(("reports_open", "reports_overdue", "reports_today", "first_response"), time)
    found = between(world, float(time.min()) - LONGEST, float(time.max()) + 1.0)
    opened, closed = np.sort(found.opened), np.sort(found.closed)
    late = np.sort(np.where(found.closed > found.opened + DUE, found.opened + DUE, np.inf))
    late_done = np.sort(np.where(found.closed > found.opened + DUE, found.closed, np.inf))
    midnight = np.floor((time + OFFSET) / DAY) * DAY - OFFSET
    count = np.searchsorted
    answers = np.cumsum(np.concatenate([[0.0], (found.changed - found.opened) / 60.0]))
    upto = count(found.opened, time)
    mean = (answers[upto] - answers[np.maximum(upto - 20, 0)]) / np.clip(upto, 1, 20)
    return {
        "reports_open": (count(opened, time) - count(closed, time)).astype(np.float64),
        "reports_overdue": (count(late, time) - count(late_done, time)).astype(np.float64),
        "reports_today": (count(opened, time) - count(opened, midnight)).astype(np.float64),
        "first_response": np.round(mean),
    }
