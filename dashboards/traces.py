"""The last day of every figure and chart of the walls: read from history, said to every screen as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from dashboards import board
from ioc.store import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboards.snapshot import Snapshot
    from ioc.config.folder import CityFolder
    from ioc.records import Micros
    from ioc.store.database import Connection

Rows = list[dict[str, Any]]


def scenes(conn: Connection, snap: Snapshot, folder: CityFolder, now: Micros) -> dict[str, Any]:
    """{scene: {"sparks": [[[ms, value], ...], ...], "chart": ... or None}}, in the order of each scene's tiles."""
    known: dict[board.Trace, Rows] = {}  # figures of several scenes often share one
    today = datetime.fromtimestamp(now / 1e6, folder.city.tz).date()

    def rows(trace: board.Trace) -> Rows:
        if trace not in known:
            known[trace] = snapshot.history(conn, list(trace.series), now, trace.back, trace.step)
        return known[trace]

    return {key: _scene(scene, snap, folder, today, rows) for key, scene in folder.scenes.items()}


def _scene(scene: Any, snap: Snapshot, folder: CityFolder, today: Any, rows: Callable[[board.Trace], Rows]) -> Any:
    figures = [board.tile_trace(tile, snap) for tile in scene.tiles]
    sparks = [board.spark(rows(trace), trace.how) for trace in figures]
    if not scene.chart:
        return {"sparks": sparks, "chart": None}
    trace = board.chart_trace(scene.chart, snap)
    return {"sparks": sparks, "chart": board.chart(scene.chart, trace, rows(trace), snap, folder, today)}
