"""The city's map with its legend: points, alarms and events of the scene's domains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dashboards.node import el
from ioc.config.types import Model

if TYPE_CHECKING:
    from dashboards.node import Node
    from dashboards.view import View


class Options(Model):
    """domains: the scene's where absent. center ([lon, lat]) and zoom: the whole city where absent."""

    domains: list[str] | None = None
    center: tuple[float, float] | None = None
    zoom: Annotated[float, Field(ge=0, le=24)] | None = None
    legend: bool = True


def draw(options: Options, view: View) -> Node:
    domains = view.scene.domains if options.domains is None else options.domains
    return el("@map", domains=domains, center=options.center, zoom=options.zoom, legend=options.legend)
