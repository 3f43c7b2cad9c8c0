"""Where a value sits in a payload: a path, compiled once to a function that returns None where there is nothing.

temperature                a key
data.air.pm2_5             keys below keys
values[0].v, values[-1]    an element of a list
"pm2.5", data."a b"        a key with dots, blanks or brackets in it, quoted
values[?id=='t'].v | [0]   anything else is JMESPath
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import jmespath
from jmespath.exceptions import JMESPathError

Getter: TypeAlias = Callable[[Any], Any]

_STEP = re.compile(r"""(?:^|\.)(?:([^.\[\]"'|*?(){}&!<>=`,\\]+)|"((?:[^"\\]|\\.)*)"|'([^']*)')|\[(-?\d+)\]""")


def steps(path: str) -> list[str | int] | None:
    """The keys and indexes of a simple path; None when it needs JMESPath."""
    found: list[str | int] = []
    at = 0
    while match := _STEP.match(path, at):
        found.append(_step(*match.groups()))
        at = match.end()
    return found if found and at == len(path) else None


def _step(bare: str | None, double: str | None, single: str | None, index: str | None) -> str | int:
    if index is not None:
        return int(index)
    if bare is not None:
        return bare.strip()
    return double.replace('\\"', '"') if double is not None else single or ""


def getter(path: str) -> Getter:
    """Compile `path`; "" or "@" is the payload itself. Raises ValueError that says what is wrong with the path."""
    if path in ("", "@"):
        return lambda data: data
    parts = steps(path)
    if parts is None:
        return _jmespath(path)
    if len(parts) == 1:
        return _one(parts[0])
    return _two(*parts) if len(parts) == 2 else _many(parts)


def _jmespath(path: str) -> Getter:
    try:
        expression = jmespath.compile(path)
    except JMESPathError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"neither a path nor JMESPath: {path!r}: {reason}; put keys with odd letters in quotes"
        ) from error

    def get(data: Any) -> Any:
        try:
            return expression.search(data)
        except JMESPathError:
            return None

    return get


def _one(step: str | int) -> Getter:
    if isinstance(step, int):
        return lambda data: _at(data, step)
    return lambda data: data.get(step) if data.__class__ is dict else None


def _two(first: str | int, second: str | int) -> Getter:
    if isinstance(first, int) or isinstance(second, int):
        return _many([first, second])

    def get(data: Any) -> Any:
        if data.__class__ is dict and (inner := data.get(first)).__class__ is dict:
            return inner.get(second)
        return None

    return get


def _many(parts: list[str | int]) -> Getter:
    def get(data: Any) -> Any:
        for step in parts:
            if step.__class__ is int:
                data = _at(data, step)
            elif data.__class__ is dict:
                data = data.get(step)
            else:
                return None
        return data

    return get


def _at(data: Any, index: Any) -> Any:
    if data.__class__ is not list or not -len(data) <= index < len(data):
        return None
    return data[index]
