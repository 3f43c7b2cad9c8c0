"""Points at times in, areas out: for what moves, and for what happened at a place once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ioc.geo.join import ranked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from ioc.geo.join import Version


class Locator:
    """The areas of one kind. Which one counts where several hold a point: see ioc/geo/join.py."""

    def __init__(self, versions: Sequence[Version]) -> None:
        from shapely import STRtree

        order = ranked(versions)
        self._versions = [version for version, _ in order]
        self._tree = STRtree([shape for _, shape in order])

    def areas(self, lat: Sequence[float | None], lon: Sequence[float | None], days: Sequence[date]) -> list[str | None]:
        """The key of the area that holds each point by the map of its day; None outside all, or without a point."""
        from shapely import points

        found: list[str | None] = [None] * len(lat)
        known = [n for n, at in enumerate(lat) if at is not None and lon[n] is not None]
        if not known or not self._versions:
            return found
        here = points(np.array([[lon[n], lat[n]] for n in known], dtype=np.float64))
        point, polygon = self._tree.query(here, predicate="intersects")
        for at in np.lexsort((-polygon, point)).tolist():  # the best one last: it stays
            version, n = self._versions[polygon[at]], known[point[at]]
            if version.span[0] <= days[n] < version.span[1]:
                found[n] = version.key
        return found
