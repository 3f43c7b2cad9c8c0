"""Rosters, chains, quiet hours and windows of the folder in; spans of time that SQL can look up out, some weeks ahead.

Worked out anew when the folder changed, on every new local day, and when somebody stands in for somebody.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson
from psycopg.rows import dict_row

from ioc import duty as pure
from ioc.config.duty import Quiet, Roster
from ioc.config.types import say
from ioc.errors import StoreError
from ioc.store import queries
from ioc.store.database import transaction, translated
from ioc.store.rules import like

if TYPE_CHECKING:
    from ioc.config.duty import Chain
    from ioc.config.folder import CityFolder
    from ioc.store.database import Connection

    Row = dict[str, Any]

AHEAD = timedelta(days=21)  # so long duty goes on being known though nobody syncs the folder any more
LONGEST_WINDOW = timedelta(days=31)
_BACK = timedelta(days=15)  # so far back it is known since when somebody is on duty
_LOCK = 0x10C_00D7
_PRIORITIES = ("critical", "high", "medium", "low")


class DutyError(StoreError):
    """A replacement or a window of maintenance that cannot be."""


def sync(conn: Connection, folder: CityFolder) -> int:
    """Make the tables say what the folder says; returns how many rows changed. The caller owns the transaction."""
    at = clock(conn)
    rosters = [{"key": r.key, "name": r.name, "settings": r.model_dump(mode="json")} for r in folder.duty.roster]
    chains = [_chain(number, chain) for number, chain in enumerate(folder.duty.chain)]
    days = {day: holiday.name for holiday in folder.duty.holiday for day in holiday.days}
    changed = _run(conn, "roster_put", rosters) + _run(conn, "roster_gone", keys=[r["key"] for r in rosters])
    changed += _run(conn, "chain_put", chains) + _run(conn, "chain_gone", keys=[c["key"] for c in chains])
    changed += _run(conn, "holiday_put", [{"day": str(d), "name": n} for d, n in days.items()])
    changed += _run(conn, "holiday_gone", days=list(days))
    windows = _windows(folder, at, set(days))
    changed += _run(conn, "window_gone", windows, at=at) + _run(conn, "window_put", windows)
    work_out(conn, at)
    return changed


def work_out(conn: Connection, at: datetime) -> None:
    """Who is on duty and who is left in peace from `at` on. The caller owns the transaction."""
    conn.execute(_sql("lock"), {"key": _LOCK})
    row = conn.execute(_sql("known")).fetchone()
    if row is None or row[0] is None:
        return
    zone, off = ZoneInfo(row[0]), set(row[1])
    rosters = [Roster.model_validate(settings) for (settings,) in conn.execute(_sql("rosters"))]
    stand_ins: dict[str, list[pure.Override]] = {}
    for roster, starts, ends, person, instead_of in conn.execute(_sql("overrides"), {"start": at}):
        stand_ins.setdefault(roster, []).append(pure.Override(starts, ends, person, instead_of))
    end = at + AHEAD
    duties = [
        {"roster": r.key, "person": s.person, "starts": s.starts, "ends": s.ends, "via": s.via}
        for r in rosters
        for s in pure.schedule(r, at - _BACK, end, zone, off, stand_ins.get(r.key, ()))
        if s.ends > at
    ]
    conn.execute(_sql("duty_clear"), {"at": at})
    _run(conn, "duty_put", duties)
    _run(conn, "duty_forget", at=at)
    _quiet(conn, rosters, at, zone, off)


def _quiet(conn: Connection, rosters: list[Roster], at: datetime, zone: ZoneInfo, off: set[date]) -> None:
    rows = []
    for roster in rosters:
        where = ZoneInfo(roster.zone) if roster.zone else zone
        rows += [{"roster": roster.key, **span} for span in _spans(roster.quiet, at, where, off)]
    for person, settings, own in conn.execute(_sql("quiet_of")).fetchall():
        where = ZoneInfo(own) if own else zone
        quiet = [Quiet.model_validate(one) for one in settings]
        rows += [{"person": person, **span} for span in _spans(quiet, at, where, off)]
    _run(conn, "quiet_clear")
    _run(conn, "quiet_put", rows)


def _spans(quiet: list[Quiet], at: datetime, zone: ZoneInfo, off: set[date]) -> list[Row]:
    return [
        {"passes": _PRIORITIES.index(one.passes) + 1, "starts": span.starts, "ends": span.ends}
        for one in quiet
        for span in pure.quiet_spans(one, at - timedelta(days=1), at + AHEAD, zone, off)
    ]


def _chain(place: int, chain: Chain) -> Row:
    lists = chain.model_dump(mode="json", include={"domains", "areas", "feeds", "families"})
    steps = [step.model_dump(mode="json") for step in chain.step]
    return {"key": chain.key, "place": place, "steps": steps, "rules": [like(rule) for rule in chain.rules],
            "priorities": [_PRIORITIES.index(p) + 1 for p in chain.priorities], **lists}  # fmt: skip


def _windows(folder: CityFolder, at: datetime, off: set[date]) -> list[Row]:
    language = folder.city.languages[0]
    return [
        {
            "key": key, "starts": span.starts, "ends": span.ends, "areas": w.areas, "feeds": w.feeds,
            "sensors": [like(s) for s in w.sensors], "rules": [like(r) for r in w.rules], "domains": w.domains,
            "tags": w.tags, "reason": say(w.reason, language), "created_by": w.owner,
        }
        for key, w in folder.maintenance.items()
        for span in pure.window_spans(w, at, at + AHEAD, folder.city.tz, off)
    ]  # fmt: skip


def stand_in(
    conn: Connection, roster: str, person: str, starts: datetime, ends: datetime, *, by: str, reason: str,
    instead_of: str | None = None,
) -> int:  # fmt: skip
    """Somebody holds a post for a time, instead of one person or of whoever is on duty; returns its number.

    Raises DutyError where the post or a person is unknown, the time is no time, or name and reason are missing.
    """
    if not by.strip() or not reason.strip() or not timedelta(0) < ends - starts <= timedelta(days=366):
        raise DutyError("give a name, a reason, and a time of at most a year that ends after it starts")
    values = {"roster": roster, "person": person, "starts": starts, "ends": ends, "by": by, "reason": reason,
              "instead_of": instead_of}  # fmt: skip
    with transaction(conn):
        row = conn.execute(_sql("stand_in"), values).fetchone()
        if row is None:
            raise DutyError(
                f"there is no such post or person: {roster}, {person}{', ' + instead_of if instead_of else ''}"
            )
        work_out(conn, clock(conn))
    return int(row[0])


def stand_in_end(conn: Connection, number: int, by: str) -> bool:
    """Take a replacement back; False when it was taken back before."""
    with transaction(conn):
        done = conn.execute(_sql("stand_in_end"), {"id": number, "by": by}).fetchone() is not None
        if done:
            work_out(conn, clock(conn))
    return done


def plan_maintenance(
    conn: Connection, scope: dict[str, list[str]], starts: datetime, ends: datetime, *, by: str, reason: str
) -> int:
    """Open a window: scope has areas, feeds, sensors (a trailing * matches the rest), rules, domains, tags.

    What it covers is out of service at the next tick. Returns its number. Raises DutyError.
    """
    known = {"areas", "feeds", "sensors", "rules", "domains", "tags"}
    if not any(scope.values()) or set(scope) - known:
        raise DutyError(f"name what is worked on: {', '.join(sorted(known))}")
    if not by.strip() or not reason.strip() or not timedelta(0) < ends - starts <= LONGEST_WINDOW:
        raise DutyError("give a name, a reason, and a time of at most 31 days that ends after it starts")
    columns = {name: scope.get(name, []) for name in known}
    for name in ("sensors", "rules"):
        columns[name] = [like(one) for one in columns[name]]
    values = {**columns, "starts": starts, "ends": ends, "by": by, "reason": reason}
    with transaction(conn):
        row = conn.execute(_sql("plan_maintenance"), values).fetchone()
    assert row is not None
    return int(row[0])


def end_maintenance(conn: Connection, number: int, by: str, version: int | None = None) -> bool:
    """End a window early, or call it off; False when that was done before, or it changed since `version`."""
    with transaction(conn):
        values = {"id": number, "by": by, "version": version}
        return conn.execute(_sql("end_maintenance"), values).fetchone() is not None


def maintenance(conn: Connection, ahead: timedelta = timedelta(days=14)) -> list[Row]:
    """Windows that are open or begin within `ahead`, with how many alarms each puts aside."""
    at = clock(conn)
    return _rows(conn, "maintenance", at=at, until=at + ahead)


def now_and_next(conn: Connection, at: datetime | None = None) -> list[Row]:
    """Some of each post's spans: key, name, person, person_name, starts, ends, via, now. person None: nobody."""
    return _rows(conn, "now_next", at=at or clock(conn))


def stand_ins(conn: Connection) -> list[Row]:
    """Who stands in for whom, now or later."""
    return _rows(conn, "stand_ins", at=clock(conn))


def spans(conn: Connection, start: datetime, stop: datetime) -> list[Row]:
    """Who holds which post within start..stop: key, name, person, person_name, person_state, starts, ends, via.

    A post that nobody holds then has one row without a person.
    """
    return _rows(conn, "spans", start=start, stop=stop)


def holidays(conn: Connection, day: date, most: int = 20) -> list[Row]:
    """day, name of the days off from `day` on."""
    return _rows(conn, "holidays", day=day, limit=most)


def chains(conn: Connection) -> list[Row]:
    """Along which steps alarms are told, in the order in which they are tried."""
    return _rows(conn, "chains")


def clock(conn: Connection) -> datetime:
    """The database's clock, UTC."""
    row = conn.execute(_sql("clock")).fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment.astimezone(UTC)


def _run(conn: Connection, name: str, rows: list[Row] | None = None, **values: Any) -> int:
    text = None if rows is None else orjson.dumps(rows).decode()
    return max(conn.execute(_sql(name), {"rows": text, **values}).rowcount, 0)


def _rows(conn: Connection, name: str, **values: Any) -> list[Row]:
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_sql(name), values).fetchall()


def _sql(name: str) -> bytes:
    return queries.load("duty")[name]
