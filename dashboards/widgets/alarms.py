"""The open alarms, worst first, and how many there are of each weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards import board
from dashboards.node import age, el, joined, number, say, word
from dashboards.snapshot import BY_PRIORITY, CRITICAL, STALE, WARNING, counts
from ioc.config.types import Model

if TYPE_CHECKING:
    from dashboards.node import Node, Said
    from dashboards.view import View

_MOST = 60  # rows; a screen shows as many as it has room for


class Options(Model):
    """only: alarms of the scene's domains and no others; they are always the brighter ones."""

    only: bool = False


def draw(options: Options, view: View) -> Node:
    mine = set(view.scene.domains)
    rows = [row for row in view.alarms if row["suppression"] == "none"]
    if options.only and mine:
        rows = [row for row in rows if row["domain"] in mine]
    return el(
        "div.list",
        el("h2.head", el("span", say(view.widget.title) or word("alarms.title")), el("span.count.num", _count(view))),
        el("@rows", *[_row(row, mine, view) for row in rows[:_MOST]], total=len(rows), none=word("alarms.none"),
           more="alarms.more"),
    )  # fmt: skip


def _count(view: View) -> Said:
    states = [BY_PRIORITY[row["priority"]] for row in view.alarms if counts(row)]
    aside = sum(row["suppression"] != "none" for row in view.alarms)
    crit, warn = number(states.count(CRITICAL)), number(states.count(WARNING))
    return joined(
        word("alarms.count", crit=crit, warn=warn) if states else None,
        word("alarms.aside", n=number(aside)) if aside else None,
    )


def _row(row: dict[str, Any], mine: set[str], view: View) -> Node:
    over = row["condition"] == "false"
    state = BY_PRIORITY[row["priority"]]
    if row["condition"] not in ("true", "false"):
        state = STALE
    look = "over" if over else None
    domain = view.folder.city.domains.get(row["domain"])
    classes = "".join((".acked" if row["acked"] else "", ".other" if mine and row["domain"] not in mine else ""))
    return el(
        f"li.row.alarm{classes}",
        el("@sign", state=state, look=look),
        el("b.what", say(row["rule"])),
        el("span.ago.num", age(row["opened"])),
        el("span.where", joined(_value(row), say(row["sensor"] or row["feed"]))),
        el("span.field", word("alarms.acked") if row["acked"] else say(domain.name) if domain else None),
        state=state, look=look, alarm=row["id"],
    )  # fmt: skip


def _value(row: dict[str, Any]) -> Said:
    said = board.in_words(row["states"], row["value"])
    if said:
        return say(said)
    return None if row["value"] is None else number(row["value"], row["decimals"] or 0, row["unit"] or "")
