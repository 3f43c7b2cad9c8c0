"""What services report: the newest open events, with their place and age."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from dashboards.node import age, el, joined, number, say, word
from dashboards.snapshot import CRITICAL, WARNING
from ioc.config.types import Model

if TYPE_CHECKING:
    from dashboards.node import Node
    from dashboards.view import View

_LOUD = {3: WARNING, 4: CRITICAL}  # severity -> state; the rest are violet


class Options(Model):
    """domains: the scene's where absent. kinds: of event; empty means all. severity: the least, 0 none .. 4 extreme."""

    domains: list[str] | None = None
    kinds: list[str] = []
    severity: Annotated[int, Field(ge=0, le=4)] = 0
    most: Annotated[int, Field(ge=1, le=100)] = 40


def draw(options: Options, view: View) -> Node:
    domains = view.scene.domains if options.domains is None else options.domains
    rows = [
        row for row in view.events
        if (not domains or row["domain"] in domains) and (not options.kinds or row["kind"] in options.kinds)
        and row["severity"] >= options.severity
    ]  # fmt: skip
    return el(
        "div.list",
        el("h2.head", el("span", say(view.widget.title) or word("legend.event")),
           el("span.count.num", number(len(rows)))),
        el("@rows", *[_row(row, view) for row in rows[: options.most]], total=len(rows), none=word("widget.no_events"),
           more="widget.more"),
    )  # fmt: skip


def _row(row: dict[str, Any], view: View) -> Node:
    domain = view.folder.city.domains.get(row["domain"])
    state = _LOUD.get(row["severity"], "event")
    where = view.area_name(row["area"]) if row["area"] else None
    return el(
        "li.row.happening",
        el("@sign", state=state),
        el("b.what", row["title"] or row["kind"]),
        el("span.ago.num", age(row["opened"] * 1000)),
        el("span.where", joined(say(where), row["kind"] if row["title"] else None)),
        el("span.field", say(domain.name) if domain else None),
        state=state,
    )
