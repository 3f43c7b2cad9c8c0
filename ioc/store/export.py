"""What somebody wants of the store, checked against what there is; and its rows, batch by batch in constant memory.

The core of `ioc export` and of downloads: `prepare` says at once what is wrong with a wish, `export_rows.batches` gives
columns, and ioc/export/ writes them. Sensors that stand still are in the areas that area_members says; what moves, and
events and alarms, are placed by where they were, by the same map.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from ioc.errors import StoreError
from ioc.store import audit, queries
from ioc.store.database import translated
from ioc.store.pieces import ALWAYS, Piece, Series, Span, grouped, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from ioc.access.holder import Who
    from ioc.store.database import Connection

KINDS = ("readings", "rollups", "positions", "events", "alarms")
STEPS = ("1m", "1h", "1d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Rows of `what` in start <= time < end; None or () asks for everything.

    areas: keys; of which kind, where it is not the first of them. map_day: by the map of this day (None: of then).
    step: of rollups. language: of names.
    """

    what: str
    feeds: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    kind: str = ""
    map_day: date | None = None
    start: datetime = ALWAYS[0]
    end: datetime = ALWAYS[1]
    step: str = "1h"
    language: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """Parameters of the queries."""
        chosen = {name: list(getattr(self, name)) or None for name in ("feeds", "metrics", "sensors")}
        return {**chosen, "kind": self.kind, "map_day": self.map_day, "start": self.start, "end": self.end,
                "language": self.language}  # fmt: skip


class Prepared(NamedTuple):
    """A wish that can be met. pieces: of the sensors that stand still; movers: of those that do not."""

    wanted: Wanted
    zone: ZoneInfo
    pieces: list[Piece]
    movers: list[Piece]


def zone(conn: Connection) -> ZoneInfo:
    """The city's. Raises ExportError where the database has no city."""
    return ZoneInfo(_city(conn)[0])


def noted(conn: Connection, who: Who, wanted: Wanted, form: str, rows: int) -> None:
    """Say in the audit what was taken away."""
    asked = {f.name: getattr(wanted, f.name) for f in fields(wanted)}
    plain = {"what", "language", *(() if wanted.what == "rollups" else ("step",)), *(() if wanted.areas else ("kind",))}
    asked = {key: value for key, value in asked.items() if value and value not in ALWAYS and key not in plain}
    audit.note(conn, who, "export.take", wanted.what, after={**asked, "format": form, "rows": rows})


def _city(conn: Connection) -> tuple[str, str | None]:
    with translated():
        row = conn.execute(queries.load("export")["city"]).fetchone()
    if row is None:
        raise ExportError("this database has no city yet: it is empty")
    return row[0], row[1]


class ExportError(StoreError):
    """What was asked for is not there; the message says what is."""


def prepare(conn: Connection, wanted: Wanted) -> Prepared:
    """Check the names and find the series. Raises ExportError, StoreError, StoreAway."""
    if wanted.start >= wanted.end:
        raise ExportError(
            f"the span ends before it begins: from {wanted.start:%Y-%m-%d %H:%M} to {wanted.end:%Y-%m-%d %H:%M}"
        )
    name, language = _city(conn)
    with translated():
        _known(conn, wanted)
        wanted = replace(wanted, kind=_kind(conn, wanted), language=wanted.language or language or "en")
        still, moving = _pieces(conn, wanted)
    if wanted.what not in ("events", "alarms") and not still and not moving:
        raise ExportError(f"no {wanted.what} fit: {_said(wanted)}")
    return Prepared(wanted, ZoneInfo(name), still, moving)


def _known(conn: Connection, wanted: Wanted) -> None:
    names: dict[str, set[str]] = {}
    for what, name in conn.execute(queries.load("export")["names"]):
        names.setdefault(what, set()).add(name)
    for what, asked in (("feed", wanted.feeds), ("metric", wanted.metrics), ("sensor", wanted.sensors)):
        for name in asked:
            if name not in names.get(what, ()):
                raise ExportError(f"there is no {what} {name!r}{_near(name, names.get(what, ()))}")


def _near(name: str, known: Any) -> str:
    near = get_close_matches(name, sorted(known), 1, 0.5)
    some = ", ".join(sorted(known)[:8])
    return f": did you mean {near[0]}?" if near else f"; there are: {some}{', ...' if len(known) > 8 else ''}"


def _kind(conn: Connection, wanted: Wanted) -> str:
    """The kind of area that rows name: the one asked for, that of the areas asked for, or wards. Raises ExportError."""
    rows = conn.execute(queries.load("export")["areas"]).fetchall()
    kinds = {kind for _, _, kind, *_ in rows}
    if wanted.kind and wanted.kind not in kinds:
        raise ExportError(f"there are no areas of the kind {wanted.kind!r}{_near(wanted.kind, kinds)}")
    of = {key: kind for _, key, kind, *_ in rows if not wanted.kind or kind == wanted.kind}
    for key in wanted.areas:
        if key not in of:
            raise ExportError(f"there is no area {key!r}{_near(key, of)}")
        if wanted.map_day is not None:
            _on_map(key, wanted.map_day, [row[3:] for row in rows if row[1] == key])
    asked = sorted({of[key] for key in wanted.areas})
    if len(asked) > 1:
        raise ExportError(f"these areas are of several kinds ({', '.join(asked)}): export one kind at a time")
    return wanted.kind or next(iter(asked), "ward" if "ward" in kinds or not kinds else min(kinds))


def _on_map(key: str, day: date, versions: Sequence[tuple[date | None, date | None]]) -> None:
    if not any((start is None or start <= day) and (end is None or day < end) for start, end in versions):
        spans = "; ".join(f"from {start or 'ever'} until {end or 'now'}" for start, end in versions)
        raise ExportError(f"area {key!r} is not on the map of {day}: it is valid {spans}")


def _pieces(conn: Connection, wanted: Wanted) -> tuple[list[Piece], list[Piece]]:
    """(of sensors that stand still, of those that move), by sensor and metric; only those in the areas asked for."""
    sql, values = queries.load("export"), wanted.values
    if wanted.what in ("events", "alarms"):
        return [], []
    if wanted.what == "positions":
        return [], [Piece(Series(*row), wanted.start, wanted.end) for row in conn.execute(sql["movers"], values)]
    found = [Series(*row) for row in conn.execute(sql["series"], values)]
    ids = {"sensors": list({s.sensor_id for s in found})}
    places = grouped(conn.execute(sql["places"], ids).fetchall())
    members = grouped(conn.execute(sql["members"], {**values, **ids}).fetchall())
    still = [
        piece
        for s in found if not s.moves
        for piece in pieces(s, wanted.start, wanted.end,
            [Span(a, b, at) for a, b, *at in places.get(s.sensor_id, ())],
            [Span(*row) for row in members.get(s.sensor_id, ())])
        if not wanted.areas or piece.area in wanted.areas
    ]  # fmt: skip
    return still, [Piece(s, wanted.start, wanted.end) for s in found if s.moves]


def _said(wanted: Wanted) -> str:
    """The wish in words."""
    parts = {"feed": wanted.feeds, "area": wanted.areas, "metric": wanted.metrics, "sensor": wanted.sensors}
    said = [f"{name} {' or '.join(chosen)}" for name, chosen in parts.items() if chosen]
    return ", ".join(said) or "the store holds none"


def nothing(conn: Connection, prepared: Prepared) -> str:
    """Why a wish that can be met brought no row, for a human."""
    wanted = prepared.wanted
    span = f"between {_when(wanted.start, prepared)} and {_when(wanted.end, prepared)}"
    between = f"no {wanted.what} {span} for {_said(wanted)}"
    if wanted.what not in ("readings", "rollups"):
        return between.replace("for the store holds none", "in the whole city")
    ids = [piece.series.id for piece in (*prepared.pieces, *prepared.movers)]
    with translated():
        row = conn.execute(queries.load("export")["extent"], {"series": ids}).fetchone()
    there = "nothing came yet"
    if row is not None and row[0] is not None:
        there = f"there are readings from {_when(row[0], prepared)} to {_when(row[1], prepared)}"
    return f"{between}; {there}".replace("for the store holds none", "in the whole city")


def _when(moment: datetime, prepared: Prepared) -> str:
    if moment in ALWAYS:
        return "ever" if moment == ALWAYS[0] else "now"
    return f"{moment.astimezone(prepared.zone):%Y-%m-%d %H:%M}"
