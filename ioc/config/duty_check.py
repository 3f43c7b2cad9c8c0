"""What duty.toml and maintenance.toml say of contacts, areas and rules, and whether somebody is there at every hour."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ioc import duty
from ioc.config.report import nearest
from ioc.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from ioc.config.duty import Chain, Roster
    from ioc.config.folder import CityFolder, Reading

AHEAD = timedelta(days=28)  # uncovered hours are looked for in this time
_TOLD = 3  # gaps of one roster that are named


def holidays(city: CityFolder) -> set[date]:
    return {day for holiday in city.duty.holiday for day in holiday.days}


def references(found: Reading, city: CityFolder) -> Iterator[Fault]:
    """Everything named must be there."""
    for roster in city.duty.roster:
        yield from _roster(found, city, roster)
    for chain in city.duty.chain:
        yield from _chain(found, city, chain)
    known = {"areas": {a.key for a in city.areas}, "feeds": set(city.feeds), "sensors": set(city.sensors),
             "rules": set(city.rules), "domains": set(city.city.domains)}  # fmt: skip
    for key, window in city.maintenance.items():
        for what, there in known.items():
            for name in getattr(window, what):
                yield from _missing(found, what.rstrip("s"), name, there, ("maintenance", key, (what,)))
    for key, rule in city.rules.items():
        for number, parent in enumerate(rule.suppressed_by):
            place = ("rules", key, ("suppressed_by", number))
            yield from _missing(found, "rule", parent.rule, set(city.rules), place)
            if parent.rule == key:
                yield found.fault(*place, "a rule cannot hide behind itself")
    yield from _circles(found, city)
    if city.city.watchdog.contact is not None:
        spot = ("city", "", ("watchdog", "contact"))
        yield from _missing(found, "contact", city.city.watchdog.contact, set(city.contacts), spot)


def _roster(found: Reading, city: CityFolder, roster: Roster) -> Iterator[Fault]:
    at = ("duty", f"roster:{roster.key}")
    for number, shift in enumerate(roster.shift):
        for member in shift.members:
            yield from _missing(found, "contact", member, set(city.contacts), (*at, ("shift", number, "members")))
    if roster.zone:
        try:
            ZoneInfo(roster.zone)
        except (ZoneInfoNotFoundError, ValueError):
            yield found.fault(*at, ("zone",), f"no such time zone: {roster.zone!r}", "write an IANA name")


def _chain(found: Reading, city: CityFolder, chain: Chain) -> Iterator[Fault]:
    at = ("duty", f"chain:{chain.key}")
    rosters = {r.key for r in city.duty.roster}
    for number, step in enumerate(chain.step):
        for word in step.notify:
            kind, _, key = word.partition(":")
            there = {"roster": rosters, "contact": set(city.contacts)}.get(kind)
            if there is not None:
                yield from _missing(found, kind, key, there, (*at, ("step", number, "notify")))
    known = {"domains": set(city.city.domains), "areas": {a.key for a in city.areas}, "feeds": set(city.feeds),
             "rules": set(city.rules), "families": {r.family for r in city.rules.values() if r.family}}  # fmt: skip
    for what, there in known.items():
        for name in getattr(chain, what):
            word = "family" if what == "families" else what.rstrip("s")
            yield from _missing(found, word, name, there, (*at, (what,)))


def _missing(
    found: Reading, what: str, name: str, known: set[str], place: tuple[str, str, tuple[int | str, ...]]
) -> Iterator[Fault]:
    part = {"contact": "contacts", "rule": "rules", "feed": "feeds", "sensor": "sensors", "area": "areas",
            "family": "rules", "domain": "city"}.get(what, "duty")  # fmt: skip
    if name in known or part in found.broken or (name.endswith("*") and any(k.startswith(name[:-1]) for k in known)):
        return
    near = nearest(name, known)
    yield found.fault(*place, f"there is no {what} {name!r}", near or _DECLARED.get(what, ""), warning=what == "sensor")


_DECLARED = {"contact": "declare it in contacts.toml as [[contact]]", "roster": "declare it in duty.toml as [[roster]]"}


def _circles(found: Reading, city: CityFolder) -> Iterator[Fault]:
    """Rules that hide behind each other would hide both."""
    behind = {key: {p.rule for p in rule.suppressed_by} for key, rule in city.rules.items()}
    for key, parents in behind.items():
        seen: set[str] = set()
        todo = list(parents - {key})
        while todo:
            parent = todo.pop()
            if parent not in seen:
                seen.add(parent)
                todo += behind.get(parent, ())
        if key in seen:
            yield found.fault("rules", key, ("suppressed_by",), f"rule {key!r} hides behind itself in the end")


def warnings(found: Reading, city: CityFolder, today: date) -> Iterator[Fault]:
    """Hours that nobody covers within four weeks, chains that end nowhere, posts and holidays nobody keeps up."""
    start = datetime.combine(today, time(), city.city.tz).astimezone(UTC)
    off = holidays(city)
    for roster in city.duty.roster:
        yield from _uncovered(found, city, roster, start, off)
    used = {word for chain in city.duty.chain for step in chain.step for word in step.notify}
    for roster in city.duty.roster:
        if f"roster:{roster.key}" not in used:
            yield _warn(found, f"roster:{roster.key}", (), "no chain notifies this roster: nobody on it is ever told")
    for chain in city.duty.chain:
        yield from _ends(found, city, chain, start, off)
    if off and max(off) < today:
        what = f"the last holiday is {max(off)}: those of this year are missing"
        yield Fault("duty.toml", "holiday", what, "list them by date; feasts of the moon's calendar move", warning=True)


def _uncovered(found: Reading, city: CityFolder, roster: Roster, start: datetime, off: set[date]) -> Iterator[Fault]:
    try:
        zone = ZoneInfo(roster.zone) if roster.zone else city.city.tz
    except (ZoneInfoNotFoundError, ValueError):
        return
    begins = max(
        start, datetime.combine(min(s.starts for s in roster.shift) + timedelta(days=1), time(), zone).astimezone(UTC)
    )
    open_ = duty.gaps(duty.schedule(roster, begins, begins + AHEAD, zone, off), begins, begins + AHEAD)
    if open_:
        told = "; ".join(_span(gap, zone) for gap in open_[:_TOLD])
        more = f" and {len(open_) - _TOLD} more" if len(open_) > _TOLD else ""
        yield _warn(found, f"roster:{roster.key}", ("shift",), f"nobody is on duty {told}{more} (within four weeks)")


def _ends(found: Reading, city: CityFolder, chain: Chain, start: datetime, off: set[date]) -> Iterator[Fault]:
    """The last step must reach somebody at any hour."""
    last = chain.step[-1].notify
    sure = ("everyone", *(f"contact:{key}" for key in city.contacts))
    if any(word in sure for word in last):
        return
    covered = [r.key for r in city.duty.roster if not duty.gaps(
        duty.schedule(r, start, start + AHEAD, city.city.tz, off), start, start + AHEAD)]  # fmt: skip
    if not any(word == f"roster:{key}" for word in last for key in covered):
        what = f"the last step of chain {chain.key!r} may reach nobody: it ends nowhere"
        yield _warn(found, f"chain:{chain.key}", ("step", len(chain.step) - 1), what, 'let it end with "everyone"')


def _warn(found: Reading, key: str, place: Iterable[int | str], what: str, hint: str = "") -> Fault:
    return found.fault("duty", key, place, what, hint, warning=True)


def _span(gap: duty.Span, zone: ZoneInfo) -> str:
    begin, end = gap.starts.astimezone(zone), gap.ends.astimezone(zone)
    return f"{begin:%a %Y-%m-%d %H:%M} to {end:%a %Y-%m-%d %H:%M}"
