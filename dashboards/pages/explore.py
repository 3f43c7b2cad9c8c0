"""The explorer: any series side by side over any span, with a link that shows the same again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Input, Output, State, no_update

from dashboards import explorer, parts
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.parts import word
from ioc.store import screens

if TYPE_CHECKING:
    from dash.development.base_component import Component

PATHS, NAME, ORDER = ["/explore"], "explore", 15


async def layout(
    series: str = "", span: str = "", show: str | None = None, start: str = "", stop: str = "", **_: str
) -> Component:
    wanted = explorer.asked(series, span, show, start, stop)

    async def build() -> Any:
        return await explorer.component(wanted, await explorer.named(wanted.series), search=True)

    return parts.page(word("page.explore"), await parts.shown(build), lead=word("explore.lead"))


@callback(
    Output("lines-series", "options"), Input("lines-series", "search_value"), State("lines-series", "value"),
    prevent_initial_call=True,
)  # fmt: skip
async def find(words: str | None, chosen: list[int] | None) -> Any:
    """Series named like what is typed, with or without marks; those already chosen stay."""
    if not words or len(words.strip()) < 2:
        return no_update
    rows = await current().read(screens.find_series, words[:80])
    held = await explorer.named(chosen or [])
    known = {id_ for id_, _ in held}
    found = [(row["id"], explorer.label(row)) for row in rows if row["id"] not in known]
    return [{"label": said, "value": id_, "search": f"{said} {words}"} for id_, said in [*held, *found]]
