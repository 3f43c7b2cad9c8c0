"""A city folder in, registry rows out: what is new is added, what vanished is switched off, nothing is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ioc import heartbeat
from ioc.store import areas as memberships
from ioc.store import duty, folder_audit, queries
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, timedelta

    from ioc.city import AreaIndex
    from ioc.config.folder import CityFolder
    from ioc.config.places import Area
    from ioc.store.database import Connection

PRIORITIES = {"critical": 1, "high": 2, "medium": 3, "low": 4}
_LOCK = 0x10C_0002  # advisory lock: every process syncs at its start
_SILENT_CADENCES = 5  # a feed is silent after this many of its sensors' cadences, where the folder says nothing


def sync(conn: Connection, folder: CityFolder) -> bool:
    """Make the registry say what the folder says; True when a row changed, and readers are then notified.

    Returns at once when this folder, on this local day, was synced before. One transaction, safe to call from any
    number of processes. Raises StoreAway, StoreError.
    """
    sql = queries.load("registry")
    with transaction(conn):
        conn.execute(sql["lock"], {"key": _LOCK})
        digest, areas_on, today = _known(conn, folder)
        if digest == folder.digest and areas_on == today:
            return False
        changed = _write(conn, folder, today)
        if digest != folder.digest:
            folder_audit.note_change(conn, folder, digest)
        if changed:
            conn.execute(sql["tell"])
    return changed > 0


def new_day(conn: Connection, folder: CityFolder) -> bool:
    """Sync once more on a new local day, since areas have dates; not when another folder was synced meanwhile."""
    digest, areas_on, today = _known(conn, folder)
    return digest == folder.digest and areas_on != today and sync(conn, folder)


def new_places(conn: Connection) -> int:
    """Areas of the sensors whose place messages told since, and what came under old names; returns how much it was."""
    with transaction(conn):
        conn.execute(queries.load("registry")["lock"], {"key": _LOCK})
        return memberships.sweep(conn) + memberships.join(conn, everything=False)


def _known(conn: Connection, folder: CityFolder) -> tuple[str | None, date | None, date]:
    row = conn.execute(queries.load("registry")["known"], {"zone": folder.city.zone}).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def _write(conn: Connection, folder: CityFolder, today: date) -> int:
    """Every part of the folder, in the order of its references; returns how many rows changed."""
    from ioc.city import AreaIndex  # shapely: only when there is something to place

    index = AreaIndex(folder.areas, today)
    areas = _areas(folder)
    changed = _run(conn, "city", _city(folder), digest=folder.digest, today=today)
    changed += _part(conn, "feed", _feeds(folder))
    changed += _run(conn, "metric_set", _metrics(folder))
    redrawn = (
        _run(conn, "area_add", areas) + _run(conn, "area_set", areas) + _run(conn, "area_gone", areas, today=today)
    )
    changed += memberships.rename(conn, {s.key: list(s.was) for s in folder.sensors.values() if s.was})
    changed += redrawn + _part(conn, "sensor", _sensors(folder, index)) + _place(conn, index)
    changed += memberships.join(conn, everything=redrawn > 0)
    changed += _part(conn, "contact", _contacts(folder)) + duty.sync(conn, folder)
    return changed + _part(conn, "rule", _rules(folder))


def _part(conn: Connection, noun: str, rows: list[dict[str, Any]]) -> int:
    """Add, correct and switch off the rows of one table that has a unique `key`."""
    keys = [row["key"] for row in rows]
    return _run(conn, f"{noun}_add", rows) + _run(conn, f"{noun}_set", rows) + _run(conn, f"{noun}_gone", keys=keys)


def _run(conn: Connection, query: str, rows: Any = None, **values: Any) -> int:
    text = None if rows is None else orjson.dumps(rows, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    return max(conn.execute(queries.load("registry")[query], {"rows": text, **values}).rowcount, 0)


def _place(conn: Connection, index: AreaIndex) -> int:
    """Areas of the sensors whose place the messages told."""
    sql = queries.load("registry")
    found = [(id_, index.area_of(lat, lon), old) for id_, lat, lon, old in conn.execute(sql["placed"])]
    moved = [(id_, area) for id_, area, old in found if area != old]
    if not moved:
        return 0
    return conn.execute(sql["place_set"], {"ids": [m[0] for m in moved], "areas": [m[1] for m in moved]}).rowcount


def _city(folder: CityFolder) -> dict[str, Any]:
    city = folder.city
    return {"key": city.key, "name": city.name, "zone": city.zone, "settings": city.model_dump(mode="json")}


def _feeds(folder: CityFolder) -> list[dict[str, Any]]:
    return [
        {
            "key": key, "name": f.name, "owner": f.owner, "domain": f.domain, "format": f.format, "topics": f.topics,
            "cadence": _interval(f.cadence), "enabled": f.enabled,
            "silent_after": _interval(f.silent_after or (f.cadence and f.cadence * _SILENT_CADENCES)),
        }
        for key, f in folder.feeds.items()
    ]  # fmt: skip


def _metrics(folder: CityFolder) -> list[dict[str, Any]]:
    columns = {"name", "unit", "decimals", "domain", "kind", "low", "high"}
    return [
        {
            "key": key,
            **m.model_dump(mode="json", include=columns),
            "settings": m.model_dump(mode="json", exclude=columns),
        }
        for key, m in folder.metrics.items()
    ]


def _areas(folder: CityFolder) -> list[dict[str, Any]]:
    """One row a version; what is too heavy for screens gets a lighter drawing."""
    from ioc.geo.drawing import drawings

    maps: dict[tuple[str, date | None], list[Area]] = {}
    for area in folder.areas:
        maps.setdefault((area.kind, area.valid_from), []).append(area)
    light = drawings({name: [a.geometry for a in areas] for name, areas in maps.items()})
    return _first(
        (a.key, a.valid_from, {**a.model_dump(mode="python"), "drawing": drawing})
        for name, areas in maps.items()
        for a, drawing in zip(areas, light[name], strict=True)
    )


def _first(rows: Iterable[tuple[str, date | None, dict[str, Any]]]) -> list[dict[str, Any]]:
    found: dict[tuple[str, date | None], dict[str, Any]] = {}
    for key, start, row in rows:
        found.setdefault((key, start), row)
    return list(found.values())


def _sensors(folder: CityFolder, index: AreaIndex) -> list[dict[str, Any]]:
    return [
        {
            "key": s.key, "name": s.name, "domain": s.domain or _domain(folder, s.feed), "feed": s.feed, "kind": s.kind,
            "moves": s.moves, "cadence": _interval(s.cadence), "lat": s.lat, "lon": s.lon,
            "area": index.area_of(s.lat, s.lon), "properties": s.properties,
        }
        for s in folder.sensors.values()
    ]  # fmt: skip


def _domain(folder: CityFolder, feed: str) -> str:
    return folder.feeds[feed].domain if feed in folder.feeds else ""


def _contacts(folder: CityFolder) -> list[dict[str, Any]]:
    columns = {"key", "name", "email", "language", "zone"}
    return [
        {**c.model_dump(mode="json", include=columns), "settings": c.model_dump(mode="json", exclude=columns)}
        for c in folder.contacts.values()
    ]


def _rules(folder: CityFolder) -> list[dict[str, Any]]:
    return [
        {
            "key": r.key, "kind": r.kind, "name": r.name, "priority": PRIORITIES[r.priority], "enabled": r.enabled,
            "settings": r.model_dump(mode="json", exclude={"enabled"}),
        }
        for r in (*folder.rules.values(), *filter(None, [heartbeat.rule(folder)]))
    ]  # fmt: skip


def _interval(value: timedelta | None) -> str | None:
    return None if value is None else f"{value.total_seconds():g} s"
