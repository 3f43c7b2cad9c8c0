"""Status: the parts of the system, the store, and the addresses of the walls."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dash import Input, Output, html

from dashboards import parts
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.parts import number, text, word
from ioc import __version__
from ioc.store import growth, process, screens

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from ioc.store.database import Connection
    from ioc.store.growth import Growth

PATHS, NAME, ORDER = ["/status"], "status", 60
_LARGEST = 5  # feeds
_SILENT = timedelta(seconds=30)  # a part that has not said anything for this long is not running


async def layout(**_: str) -> Component:
    return parts.page(
        word("page.status"),
        html.Div(await parts.shown(_now), id="status-now"),
        parts.panel(word("status.walls"), _walls()),
    )


@callback(Output("status-now", "children"), Input("signal-slow", "data"), prevent_initial_call=True)
async def refresh(_: Any) -> Any:
    return await parts.shown(_now)


async def _now() -> Component:
    rows, folder = await current().read(screens.processes), current().folder
    size = await current().shared("size", 30.0, screens.size)
    grown = await current().shared("growth", 60.0, _growth)
    pairs = [
        (word("status.version"), __version__), (word("status.city"), f"{folder.city.key} · {folder.digest}"),
        (word("status.size"), number(size["bytes"] / 1e6, 0, "MB")), *_disk(grown),
        (word("col.sensors"), number(size["sensors"])),
        (word("status.series"), number(size["series"])), (word("status.readings"), number(size["readings"])),
        (word("status.screens"), number(len(current().hub.screens))),
        (word("status.ticked"), parts.when(size["ticked"], seconds=True)),
    ]  # fmt: skip
    heads = [word(f"col.{k}") for k in ("part", "state", "heard", "since", "detail")]
    listed = [
        [html.B(r["name"]), _state(r), word("sensor.ago", age=parts.ago(r["beat_at"])), parts.when(r["started_at"]),
         _detail(r["detail"])]
        for r in rows
    ]  # fmt: skip
    running = parts.table(heads, listed, empty=word("status.none"), name=word("status.parts"))
    store = parts.panel(word("status.store"), parts.facts(pairs))
    return html.Div([parts.panel(word("status.parts"), running), store], className="stack")


def _growth(conn: Connection) -> Growth:
    return growth.look(conn, process.now(conn))


def _disk(found: Growth) -> list[tuple[str, Any]]:
    """Room, growth, the day it is used up, the largest feeds, and how old what charts read may be."""
    pairs: list[tuple[str, Any]] = [(word("status.growth"), growth.size(found.forecast.per_day))]
    if found.free is not None:
        pairs.insert(0, (word("status.free"), growth.size(found.free)))
    if found.forecast.full_on is not None:
        day, urgent = str(found.forecast.full_on), found.warns(parts.now().date())
        pairs.append((word("status.full"), parts.sign("crit", "!!", day) if urgent else day))
    if largest := [f"{f.key} {growth.size(f.bytes)}" for f in found.feeds[:_LARGEST] if f.bytes]:
        pairs.append((word("status.largest"), ", ".join(largest)))
    if (lag := current().past.lag) is not None:
        pairs.append((word("status.replica"), number(lag.total_seconds(), 0, "s")))
    return pairs


def _state(row: dict[str, Any]) -> Component:
    if parts.now() - row["beat_at"] > _SILENT:
        return parts.sign("crit", "!!", word("status.silent"))
    look = {"ok": ("ok", ""), "waiting": ("warn", "!"), "refused": ("crit", "!!")}.get(row["state"], ("none", "?"))
    return parts.sign(*look, word(f"status.{row['state']}"))


def _detail(detail: dict[str, Any]) -> str:
    """What helps first; lists are long, so only their length."""
    said = [str(detail["why"])] if detail.get("why") else []
    said += [
        f"{k}: {len(v) if isinstance(v, list) else v}"
        for k, v in detail.items()
        if k != "why" and v not in ("", None, [], {})
    ]
    return " · ".join(said)[:240]


def _walls() -> Component:
    """Addresses to open on the displays; each screen is paired once."""
    folder = current().folder
    walls = [("/wall", word("status.turning"))]
    for name, scene in folder.scenes.items():
        walls.append((f"/wall/{name}", text(scene.title)))
        screens = scene.screens[0] * scene.screens[1]
        if screens > 1:
            some = range(1, screens + 1)
            walls += [(f"/wall/{name}?screen={n}", f"{text(scene.title)} {n}/{screens}") for n in some]
    return parts.facts([(said, html.A(path, href=path)) for path, said in walls])
