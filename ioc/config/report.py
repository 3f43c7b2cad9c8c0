"""What pydantic and tomllib say about a file -> faults with line, words and a hint that a person can act on."""

from __future__ import annotations

import re
import types
import typing
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ioc.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Place: typing.TypeAlias = "tuple[int | str, ...]"
_WORDS = {"missing": "is missing", "extra_forbidden": "is not known here"}


def fault(file: str, text: str, model: Any, error: Any) -> Fault:
    """One error of pydantic's `errors()`; `text` is the file's, for the line; `model` what it was read as."""
    place: Place = tuple(error["loc"])
    what = _WORDS.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    hint = ""
    if error["type"] == "extra_forbidden":
        hint = nearest(str(place[-1]), _fields(model, place[:-1])) or "remove it"
    if error["type"] == "string_pattern_mismatch":
        what = f"{str(error['input'])[:60]!r} is not of the form that is needed"
        hint = "write name@example.org" if place[-1:] == ("email",) else "small letters a-z, digits, _ . and -"
    known = place[:-1] if error["type"] == "missing" else place
    return Fault(at(file, text, known), dotted(place), what, hint)


def nearest(word: str, known: Iterable[str]) -> str:
    """'did you mean x?', or nothing."""
    near = get_close_matches(word, list(known), 1, 0.6)
    return f"did you mean {near[0]}?" if near else ""


def dotted(place: Sequence[int | str]) -> str:
    """('rule', 2, 'scope', 'metrics') -> 'rule[2].scope.metrics'; [2] is the third."""
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place if not _is_branch(p))
    return text.removeprefix(".")


def at(file: str, text: str, place: Sequence[int | str]) -> str:
    """`rules/air.toml:12`: the file with the line of the place, as far as it is found."""
    line = line_of(text, place)
    return f"{file}:{line}" if line else file


def line_of(text: str, place: Sequence[int | str]) -> int:
    """The line where `place` stands in TOML text, counted from 1; that of its table where the key is not there; 0."""
    lines, found, start = text.splitlines(), 0, 0
    names = [str(p) for p in place if not isinstance(p, int)]
    for depth, part in enumerate(place):
        if isinstance(part, int):
            continue
        pattern = _header(names[: names.index(part) + 1], part)
        hits = [n for n, line in enumerate(lines[start:], start) if pattern.match(line)]
        whole = [n for n in hits if lines[n].partition("#")[0].strip().endswith(f"{part}]]")]
        hits = whole or hits  # [[roster.shift]] is no [[roster]]
        if hits:
            number = place[depth + 1] if depth + 1 < len(place) else 0
            start = hits[number] if isinstance(number, int) and number < len(hits) else hits[0]
            found = start + 1
    return found


def _header(path: list[str], key: str) -> re.Pattern[str]:
    """A line that opens [a.b.key], [[a.b.key]], or assigns key = or key.x =."""
    quoted = rf"[\"']?{re.escape(key)}[\"']?"
    table = r"\s*\.\s*".join(rf"[\"']?{re.escape(p)}[\"']?" for p in path)
    return re.compile(rf"^\s*(\[\[?\s*{table}\s*[\].]|{quoted}\s*[=.])")


def _is_branch(part: int | str) -> bool:
    """Places name the branch of a union as well; nobody wrote that."""
    return isinstance(part, str) and (
        part.startswith(("list[", "function-", "dict[")) or part in {"str", "float", "int"}
    )


def _fields(model: Any, place: Place) -> list[str]:
    """The keys that are known at a place of a model."""
    for part in place:
        model = _step(model, part)
    found = _model_in(model)
    return list(found.model_fields) if found else []


def _step(model: Any, part: int | str) -> Any:
    found = _model_in(model)
    if found is not None:
        field = found.model_fields.get(str(part))
        return field.annotation if field else None
    arguments = [a for a in typing.get_args(_bare(model)) if a is not type(None)]
    return arguments[-1] if arguments else None


def _model_in(model: Any) -> type[BaseModel] | None:
    model = _bare(model)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return model
    if typing.get_origin(model) in (typing.Union, types.UnionType):
        return next((m for a in typing.get_args(model) if (m := _model_in(a)) is not None), None)
    return None


def _bare(model: Any) -> Any:
    return typing.get_args(model)[0] if typing.get_origin(model) is typing.Annotated else model
