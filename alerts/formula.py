"""A formula as text -> a tree that is checked for units and worked out; numbers, names, + - * / ( ), min max abs sqrt.

Parsed by hand, never by Python's eval: a rule's file may hold nothing but arithmetic. Lengths and depths are limited.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from ioc.units import UnitError, conversion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+)|([A-Za-z_][A-Za-z0-9_]*)|([-+*/(),]))")
_LONGEST, _DEEPEST = 500, 30


class FormulaError(ValueError):
    """What is wrong with a formula, and where."""


class Node(NamedTuple):
    """A number, a name, or an operation on other nodes."""

    what: str  # 'number', 'name', or one of + - * / neg min max abs sqrt
    value: float = 0.0
    name: str = ""
    parts: tuple[Node, ...] = ()


class Checked(NamedTuple):
    """The tree with its units made equal, and the unit of the result: None for a bare number, '' for a ratio."""

    node: Node
    unit: str | None


_FUNCTIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "min": min, "max": max, "abs": lambda v: abs(v[0]), "sqrt": lambda v: math.sqrt(v[0]),
}  # fmt: skip


def parse(text: str) -> Node:
    """Raises FormulaError."""
    if len(text) > _LONGEST:
        raise FormulaError(f"longer than {_LONGEST} characters")
    tokens, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise FormulaError(
                f"cannot read {text[at:].strip()[:10]!r}; there are numbers, names, + - * / ( ) min max abs sqrt"
            )
        tokens.append(match[0].strip())
        at = match.end()
    return _Parser(tokens).whole()


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0

    def whole(self) -> Node:
        node = self._sum()
        if self._at < len(self._tokens):
            raise FormulaError(f"{self._tokens[self._at]!r} is too much")
        return node

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, *wanted: str) -> str:
        token = self._peek()
        if token in wanted:
            self._at += 1
            return token
        return ""

    def _sum(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise FormulaError("too many brackets within each other")
        node = self._product()
        while sign := self._take("+", "-"):
            node = Node(sign, parts=(node, self._product()))
        self._depth -= 1
        return node

    def _product(self) -> Node:
        node = self._factor()
        while sign := self._take("*", "/"):
            node = Node(sign, parts=(node, self._factor()))
        return node

    def _factor(self) -> Node:
        negative = False
        while sign := self._take("-", "+"):
            negative ^= sign == "-"
        node = self._atom()
        return Node("neg", parts=(node,)) if negative else node

    def _atom(self) -> Node:
        if self._take("("):
            node = self._sum()
            self._close()
            return node
        token = self._peek()
        self._at += 1
        if token[:1].isdigit() or token[:1] == ".":
            return Node("number", value=float(token))
        if not token or not (token[0].isalpha() or token[0] == "_"):
            raise FormulaError(f"something is missing before {token!r}" if token else "it ends too early")
        return self._call(token) if self._take("(") else Node("name", name=token)

    def _call(self, name: str) -> Node:
        if name not in _FUNCTIONS:
            raise FormulaError(f"there is no function {name!r}; there are: {', '.join(_FUNCTIONS)}")
        parts = [self._sum()]
        while self._take(","):
            parts.append(self._sum())
        self._close()
        if name in ("abs", "sqrt") and len(parts) != 1:
            raise FormulaError(f"{name} takes one value")
        return Node(name, parts=tuple(parts))

    def _close(self) -> None:
        if not self._take(")"):
            raise FormulaError("a bracket is not closed")


def names(node: Node) -> set[str]:
    return {node.name} if node.what == "name" else {n for part in node.parts for n in names(part)}


def check(node: Node, units: Mapping[str, str]) -> Checked:
    """Units of what is added or compared are made equal to the first. Raises FormulaError where that cannot be."""
    if node.what == "number":
        return Checked(node, None)
    if node.what == "name":
        if node.name not in units:
            raise FormulaError(f"{node.name!r} is no input; there are: {', '.join(sorted(units)) or 'none'}")
        return Checked(node, units[node.name])
    parts = [check(part, units) for part in node.parts]
    if node.what in ("*", "/"):
        unit = _product(parts[0].unit, parts[1].unit, node.what)
        return Checked(node._replace(parts=tuple(p.node for p in parts)), unit)
    if node.what == "sqrt" and parts[0].unit:
        raise FormulaError(f"the square root of {parts[0].unit} has no unit we know: divide by something first")
    unit = next((p.unit for p in parts if p.unit is not None), None)
    return Checked(node._replace(parts=tuple(_as(p, unit) for p in parts)), unit)


def _as(part: Checked, unit: str | None) -> Node:
    """The part in that unit; a bare number is taken to be in it."""
    if part.unit is None or unit is None or part.unit == unit:
        return part.node
    try:
        factor, offset = conversion(part.unit, unit)
    except UnitError as error:
        raise FormulaError(f"{part.unit} and {unit} do not go together: {error}") from None
    scaled = Node("*", parts=(part.node, Node("number", value=factor)))
    return Node("+", parts=(scaled, Node("number", value=offset)))


def _product(a: str | None, b: str | None, sign: str) -> str | None:
    if a is None and b is None:
        return None
    if not b:
        return a or ""
    if sign == "/" and a == b:
        return ""
    return b if not a and sign == "*" else f"({a or 1}){sign}({b})"


def work_out(node: Node, values: Mapping[str, float]) -> float:
    """Raises ZeroDivisionError, OverflowError (no finite result), ValueError (the root of a negative number)."""
    found = _value(node, values)
    if not math.isfinite(found):
        raise OverflowError("the result is too large to be a number")
    return found


def _value(node: Node, values: Mapping[str, float]) -> float:
    if node.what == "number":
        return node.value
    if node.what == "name":
        return values[node.name]
    parts = [_value(part, values) for part in node.parts]
    if node.what in _FUNCTIONS:
        return _FUNCTIONS[node.what](parts)
    if node.what == "neg":
        return -parts[0]
    if node.what == "/":
        if parts[1] == 0:
            raise ZeroDivisionError("division by zero")
        return parts[0] / parts[1]
    return parts[0] + parts[1] if node.what == "+" else parts[0] - parts[1] if node.what == "-" else parts[0] * parts[1]
