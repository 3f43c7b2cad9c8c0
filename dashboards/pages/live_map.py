"""The live map: every sensor, and one of them in a panel."""

from __future__ import annotations

from dash import html

PATHS, NAME, ORDER = ["/"], "map", 10


async def layout(**_: str) -> html.Div:
    return html.Div(html.Div(id="map"), id="map-page")
