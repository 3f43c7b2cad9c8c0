"""The widgets of every scene: drawn about once a second, their past read every twenty.

A widget that cannot be drawn says so in its own box; the others go on.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from dashboards import board
from dashboards.node import el, say, word
from dashboards.view import View
from ioc import plugins
from ioc.store import forecast, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from types import ModuleType
    from zoneinfo import ZoneInfo

    from dashboards.board import Trace
    from dashboards.node import Node
    from dashboards.snapshot import Snapshot
    from dashboards.view import Points
    from ioc.config.folder import CityFolder
    from ioc.config.scenes import Scene, Widget
    from ioc.records import Micros
    from ioc.store.database import Connection

log = logging.getLogger(__name__)
KINDS = "dashboards.widgets"
_SAID: set[tuple[str, str]] = set()  # what is wrong is logged once


class Part(NamedTuple):
    """A widget of a scene with its kind; kind and options are None where `why` says what is wrong with it."""

    name: str  # scene/place in the scene: unique in the city
    scene: Scene
    widget: Widget
    kind: ModuleType | None
    options: Any
    why: str = ""


def parts(folder: CityFolder) -> list[Part]:
    """Every widget of every scene, its options read."""
    return [
        _part(f"{key}/{at}", scene, widget)
        for key, scene in folder.scenes.items()
        for at, widget in enumerate(scene.widget)
    ]


def _part(name: str, scene: Scene, widget: Widget) -> Part:
    try:
        kind = plugins.load(KINDS, widget.kind)
        return Part(name, scene, widget, kind, kind.Options.model_validate(widget.options))
    except LookupError as error:
        return Part(name, scene, widget, None, None, str(error))
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
        return Part(name, scene, widget, None, None, told)


def draw(found: Iterable[Part], moment: dict[str, Any]) -> Iterator[tuple[str, Node]]:
    """(name, what it shows now) of each. moment: the View's fields but scene and widget."""
    for part in found:
        yield part.name, _draw(part, View(**moment, scene=part.scene, widget=part.widget))


def _draw(part: Part, view: View) -> Node:
    if part.kind is None:
        return broken(part, part.why)
    try:
        drawn: Node = part.kind.draw(part.options, view)
    except Exception as error:
        if (part.name, str(error)) not in _SAID:
            _SAID.add((part.name, str(error)))
            log.exception("the widget %s (%s) cannot be drawn", part.name, part.widget.kind)
        return broken(part, f"{type(error).__name__}: {error}")
    return drawn


def broken(part: Part, why: str) -> Node:
    """A box that says what is wrong with it."""
    return el("div.text.broken", el("h2.label", say(part.widget.title) or part.widget.kind),
              el("p", word("widget.broken", why=why)))  # fmt: skip


def wanted(found: Iterable[Part], snap: Snapshot) -> dict[str, list[Trace]]:
    """The traces of each widget that shows the past, by its name."""
    asked = {}
    for part in found:
        if part.kind is not None and hasattr(part.kind, "traces"):
            asked[part.name] = list(part.kind.traces(part.options, snap))
    return asked


def read(conn: Connection, traces: Iterable[Trace], now: Micros) -> dict[Trace, Points]:
    """The past of each, with one query for all that look back equally far in equal steps."""
    alike: dict[tuple[Any, Any], set[Trace]] = defaultdict(set)
    for trace in traces:
        alike[trace.back, trace.step].add(trace)
    past: dict[Trace, Points] = {}
    for (back, step), some in alike.items():
        series = sorted({s for trace in some for s in trace.series})
        rows: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for row in snapshot.history(conn, series, now, back, step) if series else ():
            rows[row["series"]].append(row)
        for trace in some:
            past[trace] = board.spark((row for s in trace.series for row in rows[s]), trace.how)
    return past


def ahead(conn: Connection, found: Iterable[Part], snap: Snapshot, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """[[[ms, value, low, high], ...], ...] by name, of widgets that show a forecast: one line a trace, maybe empty."""
    said = {}
    for part in found:
        span = part.kind.AHEAD(part.options) if part.kind is not None and hasattr(part.kind, "AHEAD") else None
        if part.kind is not None and span:
            traces = part.kind.traces(part.options, snap)
            said[part.name] = [_ahead(conn, trace, now, zone, span) for trace in traces]
    return said


def _ahead(conn: Connection, trace: Trace, now: datetime, zone: ZoneInfo, span: Any) -> Points:
    found = forecast.forecast(conn, trace.series[0], now, zone, span=span) if len(trace.series) == 1 else None
    if found is None:
        return []
    times = (found.time.astype("int64") // 1000).tolist()
    columns = (c.round(4).tolist() for c in (found.level, found.low, found.high))
    return [list(row) for row in zip(times, *columns, strict=True)]
