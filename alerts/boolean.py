"""and, or, not and brackets over names, with a third value for what is not known (Kleene). Parsed by hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TOKEN = re.compile(r"\s*([()]|[A-Za-z0-9][A-Za-z0-9_.-]*)")
_LONGEST, _DEEPEST = 1000, 30


class Term(NamedTuple):
    """A name, or `and`, `or`, `not` of other terms."""

    what: str  # 'name', 'and', 'or', 'not'
    name: str = ""
    parts: tuple[Term, ...] = ()


def parse(text: str) -> Term:
    """Raises ValueError."""
    if len(text) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST} characters")
    tokens, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"cannot read {text[at:].strip()[:10]!r}; there are keys of rules, and, or, not, ( )")
        tokens.append(match[1])
        at = match.end()
    found, rest = _either(tokens, 0)
    if rest:
        raise ValueError(f"{rest[0]!r} is too much")
    return found


def _either(tokens: list[str], depth: int) -> tuple[Term, list[str]]:
    return _joined(tokens, "or", lambda t: _both(t, depth))


def _both(tokens: list[str], depth: int) -> tuple[Term, list[str]]:
    return _joined(tokens, "and", lambda t: _single(t, depth))


def _joined(
    tokens: list[str], word: str, part: Callable[[list[str]], tuple[Term, list[str]]]
) -> tuple[Term, list[str]]:
    first, rest = part(tokens)
    parts = [first]
    while rest and rest[0] == word:
        more, rest = part(rest[1:])
        parts.append(more)
    return (Term(word, parts=tuple(parts)) if len(parts) > 1 else first), rest


def _single(tokens: list[str], depth: int) -> tuple[Term, list[str]]:
    if depth > _DEEPEST:
        raise ValueError("too many brackets within each other")
    if not tokens:
        raise ValueError("it ends too early")
    word, rest = tokens[0], tokens[1:]
    if word == "not":
        part, rest = _single(rest, depth + 1)
        return Term("not", parts=(part,)), rest
    if word == "(":
        part, rest = _either(rest, depth + 1)
        if not rest or rest[0] != ")":
            raise ValueError("a bracket is not closed")
        return part, rest[1:]
    if word in ("and", "or", ")"):
        raise ValueError(f"something is missing before {word!r}")
    return Term("name", word), rest


def names(term: Term) -> set[str]:
    return {term.name} if term.what == "name" else {n for part in term.parts for n in names(part)}


def truth(term: Term, values: Mapping[str, bool | None]) -> bool | None:
    """None: not known, and what is known does not settle it. A name without a value is false."""
    if term.what == "name":
        return values.get(term.name, False)
    parts = [truth(part, values) for part in term.parts]
    if term.what == "not":
        return None if parts[0] is None else not parts[0]
    settles = term.what == "or"
    if settles in parts:
        return settles
    return None if None in parts else not settles
