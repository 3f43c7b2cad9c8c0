"""What a widget draws: a small tree that every screen turns into elements, each in its own language.

An element is a list: "tag.class", attributes, children. A child is an element, a text as it stands, or something that
is said by the screen: a text in several languages, a phrase, a number, a time, an age that goes on counting. Text is
always text, never markup. A tag that begins with @ is drawn by the screen's own scripts (assets/46-islands.js).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Node: TypeAlias = list[Any]
Said: TypeAlias = "str | dict[str, Any] | Node | None"


def el(tag: str, *children: Said, **attributes: Any) -> Node:
    """An element: `el("div.note", "text")`. None among the children is left out, _ in an attribute becomes -."""
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    return [tag, named, *(child for child in children if child is not None)]


def say(text: Mapping[str, str] | str | None) -> dict[str, Any] | str | None:
    """A text in the languages it has; None where it has none."""
    return (text or None) if text is None or isinstance(text, str) else {"say": dict(text)} if text else None


def word(key: str, **values: Said) -> dict[str, Any]:
    """A phrase of words/, its {places} filled with what is said for them."""
    return {"word": key, "values": values} if values else {"word": key}


def number(value: float | None, decimals: int = 0, unit: str = "") -> dict[str, Any]:
    """A number as the reader writes it, a dash where there is none."""
    return {"n": value, "d": decimals, **({"unit": unit} if unit else {})}


def unit(name: str) -> dict[str, Any]:
    """A unit alone, as the reader's language writes it."""
    return {"unit": name}


def age(micros: int) -> dict[str, Any]:
    """How long ago, counting on."""
    return {"age": micros // 1000}


def clock(micros: int) -> dict[str, Any]:
    """The time of day in the city's zone."""
    return {"clock": micros // 1000}


def date(micros: int) -> dict[str, Any]:
    """The day in the city's zone."""
    return {"date": micros // 1000}


def joined(*parts: Said) -> Node | None:
    """The parts that there are, with dots between them."""
    there = [part for part in parts if part not in (None, "")]
    dotted = [x for part in there for x in (" · ", part)]
    return el("span", *dotted[1:]) if there else None
