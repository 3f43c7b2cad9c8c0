"""Words of the city's own: a notice, a telephone number, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.node import el, say
from ioc.config.types import Model, Text

if TYPE_CHECKING:
    from dashboards.node import Node
    from dashboards.view import View


class Options(Model):
    text: Text
    big: bool = False


def draw(options: Options, view: View) -> Node:
    return el(
        "div.text",
        el("h2.label", say(view.widget.title)) if view.widget.title else None,
        el("p.big" if options.big else "p", say(options.text)),
    )
