"""Which pictures a mail wants, and those that could be drawn in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from alerts import pictures
from alerts.card import place
from alerts.mail import Picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from alerts.card import Card
    from alerts.painter import Painter
    from alerts.reader import Reader, Row
    from ioc.store.database import Connection

_LABELLED = 6  # alarms whose values are written on the map


class Wish(NamedTuple):
    kind: str
    data: dict[str, Any]
    alt: str


def asked(
    conn: Connection, rows: Sequence[Row], cards: Sequence[Card], reader: Reader, basemap: Path | None, *, chart: bool
) -> list[Wish]:
    """The chart of the first alarm, where it has a level, and the map of all."""
    found = []
    if chart and rows[0]["series_id"] is not None and rows[0]["threshold"] is not None:
        found.append(_chart(conn, rows[0], cards[0], reader))
    labels = {c.id: c.value for c in cards} if len(rows) <= _LABELLED else {}
    data = pictures.city_map(conn, rows, reader, labels, basemap)
    if data is not None:
        places = ", ".join(c.place for c in cards[:3])
        found.append(Wish("map", data, reader.words["text.map_alt"].format(where=places)))
    return found


def _chart(conn: Connection, row: Row, card: Card, reader: Reader) -> Wish:
    data = pictures.chart(conn, row, reader, place({**row, "area_name": None}, reader.language))
    alt = reader.words["text.chart_alt"].format(
        what=card.rule, where=place(row, reader.language), value=card.value, limit=reader.limit(row)
    )
    return Wish("chart", data, alt)


def draw(
    wishes: Sequence[Wish], painter: Painter | None, reader: Reader, domain: str
) -> tuple[dict[str, Picture], list[str]]:
    """Pictures by kind within the painter's budget; what could not be drawn, in words."""
    drawn, missing = {}, []
    for kind, data, alt in wishes:
        png = painter.paint(kind, data) if painter is not None else None
        if png is None:
            missing.append(reader.words[f"text.no_{kind}"])
        else:
            drawn[kind] = Picture(f"{kind}.{uuid4().hex}@{domain}", alt, png)
    return drawn, missing
