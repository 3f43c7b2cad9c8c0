"""Records inside records: a scope is one record with those around it, and a path is read in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from ingest.paths import getter


class Scope(NamedTuple):
    """A record with the records around it, outermost first, and the key it stood under."""

    data: Any
    around: tuple[Any, ...] = ()
    key: str | None = None


Get: TypeAlias = Callable[[Scope], Any]


def scoped(path: str) -> Get:
    """A path in the record (`a.b`), the one around it (`^.a`), the message (`$.a`), its key (`~`) or a constant."""
    if path.startswith("="):
        return lambda _: path[1:]
    if path == "~":
        return lambda scope: scope.key
    depth = len(path) - len(path.lstrip("^"))
    if depth:
        get = getter(path[depth:].removeprefix("."))
        return lambda scope: get(scope.around[-depth]) if len(scope.around) >= depth else None
    if path == "$" or path.startswith("$."):
        whole = getter(path[1:].removeprefix("."))
        return lambda scope: whole(scope.around[0] if scope.around else scope.data)
    inner = getter(path)
    return lambda scope: inner(scope.data)


def walker(paths: list[str]) -> Callable[[Any], Iterator[Scope]]:
    """All records at `a[].b[]` and `a.*`, each with the records around it."""
    plans = [_levels(path) for path in paths]

    def walk(data: Any) -> Iterator[Scope]:
        for plan in plans:
            yield from _descend(Scope(data), plan)

    return walk


def present(paths: list[str]) -> Callable[[Any], bool]:
    """Whether any of the paths leads somewhere, be it to an empty list: nowhere is another kind of message."""
    heads = [_levels(path)[0][0] for path in paths]
    return lambda data: any(get(data) is not None for get in heads)


def _levels(path: str) -> list[tuple[Callable[[Any], Any], bool]]:
    """(where, whether an object's values are walked), one a level."""
    found = re.split(r"(\[\]|(?:^|\.)\*(?=$|\.|\[))", path)
    levels = [
        (getter(p.removeprefix(".")), mark.endswith("*")) for p, mark in zip(found[::2], found[1::2], strict=False)
    ]
    last = found[-1].removeprefix(".")
    return [*levels, (getter(last), False)] if last or not levels else levels


def _descend(scope: Scope, plan: list[tuple[Callable[[Any], Any], bool]]) -> Iterator[Scope]:
    if not plan:
        yield scope
        return
    (get, keyed), rest = plan[0], plan[1:]
    found = get(scope.data)
    around = scope.around if found is scope.data and not isinstance(found, list) else (*scope.around, scope.data)
    if keyed and isinstance(found, dict):
        for key, inner in found.items():
            yield from _descend(Scope(inner, around or (scope.data,), key), rest)
    elif isinstance(found, list):
        for inner in found:
            if inner is not None:
                yield from _descend(Scope(inner, around, scope.key), rest)
    elif found is not None and not keyed:
        yield from _descend(Scope(found, around, scope.key), rest)


def filters(where: dict[str, Any]) -> Callable[[Scope], bool]:
    """True for a record that has each path's value, or one of a list of values."""
    tests = [(scoped(path), value if isinstance(value, list) else [value]) for path, value in where.items()]
    return lambda scope: all(get(scope) in values for get, values in tests)
