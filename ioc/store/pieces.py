"""A series, its places and its areas over time in; out come pieces of its time, each with one place and one area."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ALWAYS = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
T = TypeVar("T")


class Series(NamedTuple):
    """A series with what each of its rows repeats; for positions, a sensor. name: by language."""

    id: int
    sensor_id: int
    sensor: str
    name: dict[str, str]
    metric: str
    feed: str
    unit: str
    moves: bool


class Span(NamedTuple):
    """What held for start <= time < end (None: an open end): a place (lat, lon), or an area's key."""

    start: datetime | None
    end: datetime | None
    what: Any


class Piece(NamedTuple):
    series: Series
    start: datetime
    end: datetime
    lat: float | None = None
    lon: float | None = None
    area: str | None = None


def pieces(
    series: Series, start: datetime, end: datetime, places: Sequence[Span], areas: Sequence[Span]
) -> list[Piece]:
    """Cut start <= time < end where the sensor changed its place or its area; without gaps, oldest first."""
    edges = {edge for span in (*places, *areas) for edge in span[:2] if edge is not None and start < edge < end}
    cuts = sorted({start, end, *edges})
    found = []
    for begin, stop in itertools.pairwise(cuts):
        lat, lon = _at(places, begin) or (None, None)
        found.append(Piece(series, begin, stop, lat, lon, _at(areas, begin)))
    return found


def _at(spans: Sequence[Span], time: datetime) -> Any:
    return next((s.what for s in spans if (s.start or ALWAYS[0]) <= time < (s.end or ALWAYS[1])), None)


def grouped(rows: Sequence[tuple[Any, ...]]) -> dict[int, list[tuple[Any, ...]]]:
    """Rows (id, ...) -> id -> its rows without it."""
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row[1:])
    return found


def chunks(items: Sequence[T], size: int) -> Iterator[tuple[int, Sequence[T]]]:
    """(number of the first, so many of them)."""
    for at in range(0, len(items), size):
        yield at, items[at : at + size]
