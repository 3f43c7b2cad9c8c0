"""scenes/*.toml: one wall page a file, its key the file's stem."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from ioc.config.types import Duration, Model, Text

Cell = Annotated[int, Field(ge=1, le=400)]


class Widget(Model):
    """One box of a scene. at: column, row, width, height on the scene's grid, counted from 1."""

    kind: str  # a file in dashboards/widgets
    at: tuple[Cell, Cell, Cell, Cell]
    title: Text = {}
    options: dict[str, Any] = {}  # that kind's own, checked by its `Options` model


class Scene(Model):
    """
    columns, rows: the grid of one screen. screens: how many stand side by side, and how many on top of each other; the
    grid goes on from one to the next, and `/wall/SCENE?screen=2` is the second. domains: what the scene is about: its
    map shows these, and a critical alarm of one of them brings the scene up; empty means all.
    """

    title: Text
    order: int = 100
    domains: list[str] = []
    rotate_after: Duration | None = None  # absent: not among those that take turns
    columns: Cell = 24
    rows: Cell = 12
    screens: tuple[Annotated[int, Field(ge=1, le=16)], Annotated[int, Field(ge=1, le=8)]] = (1, 1)
    widget: list[Widget] = []

    @model_validator(mode="after")
    def _fits(self) -> Self:
        wide, high = self.columns * self.screens[0], self.rows * self.screens[1]
        for number, widget in enumerate(self.widget):
            column, row, width, height = widget.at
            if column + width - 1 > wide or row + height - 1 > high:
                raise ValueError(
                    f"widget[{number}] ({widget.kind}) at {list(widget.at)} reaches beyond the grid of {wide} columns "
                    f"and {high} rows; at = [column, row, width, height], counted from 1"
                )
        for number, one in enumerate(self.widget):
            for other in self.widget[number + 1 :]:
                if _overlap(one, other):
                    raise ValueError(
                        f"the widgets {one.kind} at {list(one.at)} and {other.kind} at {list(other.at)} overlap"
                    )
        return self


def _overlap(one: Widget, other: Widget) -> bool:
    (a, b, w, h), (c, d, v, g) = one.at, other.at
    return a < c + v and c < a + w and b < d + g and d < b + h
