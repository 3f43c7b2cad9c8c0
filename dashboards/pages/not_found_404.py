"""The page for an address that is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import html

from dashboards import parts
from dashboards.parts import word

if TYPE_CHECKING:
    from dash.development.base_component import Component

PATHS, NAME, ORDER = ["/not-found-404"], "not_found_404", None


def layout(**_: str) -> Component:
    return parts.page(word("page.lost"), html.P(html.A(word("page.map"), href="/")))
