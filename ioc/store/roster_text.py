"""Rosters of a city and who stands in for whom in, lines for a terminal out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ioc import duty
from ioc.config.duty_check import holidays
from ioc.config.types import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from ioc.config.duty import Roster
    from ioc.config.folder import CityFolder


def overrides(database_url: str) -> dict[str, list[duty.Override]]:
    """Who stands in for whom, by roster, as arranged in the store. Raises StoreAway."""
    from ioc.store import database
    from ioc.store import duty as store

    found: dict[str, list[duty.Override]] = {}
    with database.connect(database_url, name="ioc roster", autocommit=True) as conn:
        for row in store.stand_ins(conn):
            one = duty.Override(row["starts"], row["ends"], row["person"], row["instead_of"])
            found.setdefault(row["roster"], []).append(one)
    return found


def lines(
    folder: CityFolder, at: datetime, ahead: timedelta, stand_ins: Mapping[str, Sequence[duty.Override]]
) -> Iterator[str]:
    """All rosters from `at` on, in the city's time, then the chains. at: UTC."""
    if not folder.duty.roster:
        yield "no rosters: declare them in duty.toml as [[roster]]"
    for roster in folder.duty.roster:
        yield from _roster(folder, roster, at, ahead, stand_ins.get(roster.key, ()))
    for chain in folder.duty.chain:
        steps = [f"{', '.join(s.notify)}" + (f" after {s.after}" if s.after else "") for s in chain.step]
        yield f"chain {chain.key}: " + "  then  ".join(steps)


def _roster(
    folder: CityFolder, roster: Roster, at: datetime, ahead: timedelta, stand_ins: Sequence[duty.Override]
) -> Iterator[str]:
    zone, end = ZoneInfo(roster.zone) if roster.zone else folder.city.tz, at + ahead
    spans = duty.schedule(roster, at, end, zone, holidays(folder), stand_ins)
    now = [s for s in spans if s.starts <= at < s.ends]
    yield f"{roster.key}  {say(roster.name, folder.city.languages[0])}  ({zone.key})"
    who = ", ".join(_name(folder, s.person) for s in now)
    yield f"  on duty at {at.astimezone(zone):%Y-%m-%d %H:%M}: {who or 'NOBODY'}"
    rows = [
        (s.starts, s.ends, _name(folder, s.person) + (" (stands in)" if s.via == "override" else "")) for s in spans
    ]
    rows += [(g.starts, g.ends, "NOBODY") for g in duty.gaps(spans, at, end)]
    for starts, ends, person in sorted(rows):
        yield f"    {starts.astimezone(zone):%a %Y-%m-%d %H:%M} – {ends.astimezone(zone):%a %Y-%m-%d %H:%M}  {person}"


def _name(folder: CityFolder, key: str) -> str:
    return folder.contacts[key].name if key in folder.contacts else key
