"""Rows -> a table on a wide screen and cards on a phone; pages of it; heads that sort. All of it usable by keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dash import html

from dashboards.parts import aria, number, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dash.development.base_component import Component


class Column(NamedTuple):
    """label: said of each cell on a phone; head: what stands above the column, the label where None."""

    label: str
    head: Any = None
    look: str = ""


def cards(
    columns: Sequence[Column], rows: Sequence[Sequence[Any]], *, name: str, empty: str, looks: Sequence[str] = ()
) -> Component:
    """looks: a class for each row. A cell of None is left out on a phone."""
    if not rows:
        return html.P(empty, className="empty-list")
    heads = [
        html.Th(c.label if c.head is None else c.head, scope="col", className=f"c-{c.look}" if c.look else None)
        for c in columns
    ]
    looked = list(looks) or [""] * len(rows)
    body = [
        html.Tr([_cell(c, cell) for c, cell in zip(columns, row, strict=True)], className=look)
        for row, look in zip(rows, looked, strict=True)
    ]
    table = html.Table([html.Thead(html.Tr(heads)), html.Tbody(body)], **aria(label=name))
    return html.Div(table, className="table listing", tabIndex="0")


def _cell(column: Column, cell: Any) -> Component:
    label: Any = {"data-label": column.label}
    nothing = "nothing" if cell is None or cell in ("", []) else ""
    return html.Td(
        cell, className=" ".join(filter(None, [f"c-{column.look}" if column.look else "", nothing])) or None, **label
    )


def two(first: Any, second: Any) -> list[Any]:
    """A cell of two lines, the second small; left out where there is nothing to say."""
    return [first, html.Small(second)] if second else [first]


def sorter(table: str, key: str, said: str, current: str) -> Component:
    """A head that sorts by `key` when pressed."""
    mark = html.Span(" ▾" if key == current else "", **aria(hidden="true"))
    pressed = aria(pressed=str(key == current).lower())
    return html.Button([said, mark], id={"turn": table, "to": f"sort:{key}"}, className="head", **pressed)


def pager(table: str, page: int, size: int, total: int, *, more: bool = False) -> Component:
    """Where one is, and the way to the other pages; nothing where there is only one. more: `total` is only the next."""
    last = max(0, -(-total // size) - 1)
    first = page * size + 1 if total else 0
    end = min(total, (page + 1) * size)
    count = f"{number(end)}+" if more and end < total else number(total)
    said = word("list.range", first=number(first), last=number(end), total=count)
    turns = [("«", "list.first", 0, page > 0), ("‹", "list.back", page - 1, page > 0),
             ("›", "list.on", page + 1, page < last), ("»", "list.last", last, page < last)]  # fmt: skip
    buttons = [
        html.Button(sign, id={"turn": table, "to": f"page:{to}:{key}"}, disabled=not may, title=word(key),
                    className="plain", **aria(label=word(key)))
        for sign, key, to, may in turns
    ]  # fmt: skip
    return html.Nav([*buttons[:2], html.Span(said, className="num"), *buttons[2:]], className="pager",
                    hidden=total <= size and page == 0, **aria(label=word("list.pages")))  # fmt: skip
