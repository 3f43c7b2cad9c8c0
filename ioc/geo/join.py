"""Places and dated areas in, memberships out: which area of each kind holds each place, by the maps of which days.

Where polygons of a kind overlap, the smallest counts, and of equal ones the first by key: a town inside a district that
was drawn without a hole is the town. A point on a border is in both neighbours, and so counts for the smaller one.
"""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Span = tuple[date, date]  # first day, and the first day after it
_ALWAYS: Span = (date.min, date.max)


class Place(NamedTuple):
    id: int
    lat: float
    lon: float


class Version(NamedTuple):
    """An area as it was on days valid_from (None: since ever) <= day < valid_to (None: for ever). geometry: GeoJSON."""

    id: int
    key: str
    kind: str
    valid_from: date | None
    valid_to: date | None
    geometry: dict[str, Any]

    @property
    def span(self) -> Span:
        return self.valid_from or date.min, self.valid_to or date.max


class Member(NamedTuple):
    """The place is in the area by the maps of map_from <= day < map_to; None is an open end."""

    place: int
    kind: str
    map_from: date | None
    map_to: date | None
    area: int


def members(places: Sequence[Place], versions: Sequence[Version]) -> list[Member]:
    """At most one member a place, kind and day, by rising place."""
    if not places or not versions:
        return []
    import geopandas as gpd
    from shapely import points

    order = ranked(versions)
    at = gpd.GeoDataFrame(geometry=points([p.lon for p in places], [p.lat for p in places]), crs=4326)
    polygons = gpd.GeoDataFrame(geometry=[polygon for _, polygon in order], crs=4326)
    joined = gpd.sjoin(at, polygons, predicate="intersects")
    hits = sorted(
        zip(joined.index.tolist(), joined["index_right"].tolist(), strict=True),
        key=lambda hit: (hit[0], order[hit[1]][0].kind, hit[1]),
    )
    found: list[Member] = []
    for (place, kind), group in groupby(hits, lambda hit: (hit[0], order[hit[1]][0].kind)):
        found += _one_a_day(places[place].id, kind, [order[n][0] for _, n in group])
    return found


def ranked(versions: Sequence[Version]) -> list[tuple[Version, Any]]:
    """The areas with their polygons, made whole, the smallest first: the order in which they count."""
    import geopandas as gpd
    from shapely.geometry import shape

    polygons = gpd.GeoSeries([shape(v.geometry) for v in versions], crs=4326).make_valid()
    sizes = polygons.to_crs(_EQUAL_AREA).area
    order = sorted(range(len(versions)), key=lambda n: (sizes.iloc[n], versions[n].key, versions[n].id))
    return [(versions[n], polygons.iloc[n]) for n in order]


_EQUAL_AREA = 6933  # so that "the smallest" is true at any latitude


def _one_a_day(place: int, kind: str, preferred: Iterable[Version]) -> Iterator[Member]:
    """Each area gets the days that no better one has taken."""
    free = [_ALWAYS]
    for version in preferred:
        rest: list[Span] = []
        for span in free:
            taken = max(span[0], version.span[0]), min(span[1], version.span[1])
            if taken[0] >= taken[1]:
                rest.append(span)
                continue
            yield Member(place, kind, _open(taken[0]), _open(taken[1]), version.id)
            rest += [part for part in ((span[0], taken[0]), (taken[1], span[1])) if part[0] < part[1]]
        free = rest


def _open(day: date) -> date | None:
    return None if day in _ALWAYS else day
