"""What a value template may say: filters, tests, operators and methods, each of them bounded."""

from __future__ import annotations

import json
import math
import operator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_TEXT = 1000


class TemplateError(ValueError):
    """The template lies outside the supported subset."""


class NoValue(Exception):  # noqa: N818  not a fault: the message has nothing for this template
    """Evaluation found nothing to report."""


class _Undefined:
    """What a missing key gives; printing it gives nothing."""

    def __str__(self) -> str:
        return ""


UNDEFINED: Final = _Undefined()


def truthy(value: Any) -> bool:
    return value is not UNDEFINED and bool(value)


def number(value: Any) -> float | int:
    """A number for arithmetic. Text is not one in Jinja either: it needs `| float`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoValue
    return value


def item(value: Any, key: Any) -> Any:
    """value[key] of a mapping, a list or a text; UNDEFINED where there is none."""
    if isinstance(value, dict):
        return value.get(key, UNDEFINED) if isinstance(key, str | int | float | bool | None) else UNDEFINED
    if isinstance(value, list | str) and isinstance(key, int) and -len(value) <= key < len(value):
        return value[key]
    return UNDEFINED


def _float(value: Any, default: Any = UNDEFINED) -> Any:
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if math.isfinite(found):
        return found
    if default is UNDEFINED:
        raise NoValue
    return default


def _int(value: Any, default: Any = UNDEFINED, base: Any = 10) -> Any:
    if isinstance(value, str) and isinstance(base, int) and base != 10 and len(value) < 40:
        try:
            return int(value, base)
        except ValueError:
            value = UNDEFINED
    found = _float(value, default)
    return int(found) if isinstance(found, float) else found


def _round(value: Any, precision: Any = 0, method: Any = "common", default: Any = UNDEFINED) -> Any:
    found = _float(value, default)
    if not isinstance(found, float) or not isinstance(precision, int) or not -12 <= precision <= 12:
        return found
    factor: float = 10.0**precision
    if method == "ceil":
        found = math.ceil(found * factor) / factor
    elif method == "floor":
        found = math.floor(found * factor) / factor
    else:
        found = round(found, precision)
    return int(found) if precision <= 0 else found


def _default(value: Any, default: Any = "", boolean: Any = False) -> Any:
    return default if value is UNDEFINED or (truthy(boolean) and not truthy(value)) else value


def _bool(value: Any, default: Any = UNDEFINED) -> Any:
    if isinstance(value, bool | int | float):
        return bool(value)
    word = str(value).strip().lower()
    if word in ("on", "true", "yes", "enable", "1"):
        return True
    if word in ("off", "false", "no", "disable", "0"):
        return False
    if default is UNDEFINED:
        raise NoValue
    return default


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value)[:LONGEST_TEXT]
    return str(value)[:LONGEST_TEXT]


def _from_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else UNDEFINED


def _sequence(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value)
    return list(value) if isinstance(value, list | str) else []


def _numbers(value: Any) -> list[float]:
    found = [v for v in _sequence(value) if isinstance(v, int | float)]
    if not found:
        raise NoValue
    return found


def _is_defined(value: Any) -> Any:
    if value is UNDEFINED:
        raise NoValue
    return value


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def _join(value: Any, by: Any = "") -> str:
    return _text(by).join(_text(v) for v in _sequence(value)[:200])[:LONGEST_TEXT]


def _replace(value: Any, old: Any, new: Any) -> str:
    return _text(value).replace(_text(old), _text(new))[:LONGEST_TEXT] if _text(old) else _text(value)


def _split(value: Any, by: Any = None) -> list[str]:
    return _text(value).split(_text(by) if by else None, 200)


def _both(operate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: operate(number(a), number(b))


def _bits(operate: Callable[[int, int], int]) -> Callable[[Any, Any], int]:
    return lambda a, b: operate(_int(a), _int(b))


def _add(a: Any, b: Any) -> Any:
    if isinstance(a, str) and isinstance(b, str):
        return (a + b)[:LONGEST_TEXT]
    return number(a) + number(b)


def _contains(a: Any, b: Any) -> bool:
    return a in b if isinstance(b, list | dict) or (isinstance(b, str) and isinstance(a, str)) else False


CONSTANTS: dict[str, Any] = {"true": True, "True": True, "false": False, "False": False, "none": None, "None": None}
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add, "-": _both(operator.sub), "*": _both(operator.mul), "/": _both(operator.truediv),
    "//": _both(operator.floordiv), "%": _both(operator.mod), "~": lambda a, b: (_text(a) + _text(b))[:LONGEST_TEXT],
}  # fmt: skip
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
    "in": _contains,
}  # fmt: skip
FILTERS: dict[str, Callable[..., Any]] = {
    "float": _float, "int": _int, "round": _round, "default": _default, "d": _default, "bool": _bool, "string": _text,
    "abs": lambda v: abs(number(v)), "lower": lambda v: _text(v).lower(), "upper": lambda v: _text(v).upper(),
    "trim": lambda v: _text(v).strip(), "title": lambda v: _text(v).title(), "replace": _replace, "split": _split,
    "length": lambda v: len(_sequence(v)), "count": lambda v: len(_sequence(v)), "from_json": _from_json,
    "first": lambda v: item(_sequence(v), 0), "last": lambda v: item(_sequence(v), -1), "is_defined": _is_defined,
    "min": lambda v, *more: min(_numbers([v, *more] if more else v)), "join": _join, "is_number": _is_number,
    "max": lambda v, *more: max(_numbers([v, *more] if more else v)), "capitalize": lambda v: _text(v).capitalize(),
    "sum": lambda v: sum(_numbers(v)),
    "average": lambda v: sum(_numbers(v)) / len(_numbers(v)), "multiply": lambda v, by: _float(v) * number(by),
    "add": lambda v, by: _float(v) + number(by), "bitwise_and": _bits(operator.and_), "bitwise_or": _bits(operator.or_),
    "iif": lambda v, yes=True, no=False, *_rest: yes if truthy(v) else no, "tojson": _text, "to_json": _text,
}  # fmt: skip
FUNCTIONS = frozenset({"float", "int", "bool", "round", "min", "max", "average", "iif", "abs", "is_number"})
UNKNOWN_NAMES = frozenset({"states", "state_attr", "this", "entity_id", "trigger", "namespace", "loop", "self"})
METHODS: dict[str, Callable[..., Any]] = {
    "get": lambda v, key, default=None: default if (found := item(v, key)) is UNDEFINED else found,
    "lower": lambda v: _text(v).lower(), "upper": lambda v: _text(v).upper(), "strip": lambda v: _text(v).strip(),
    "replace": _replace, "split": _split, "startswith": lambda v, s: _text(v).startswith(_text(s)),
    "endswith": lambda v, s: _text(v).endswith(_text(s)), "keys": _sequence,
}  # fmt: skip
TESTS: dict[str, Callable[[Any], bool]] = {
    "defined": lambda v: v is not UNDEFINED, "undefined": lambda v: v is UNDEFINED, "none": lambda v: v is None,
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool), "string": lambda v: isinstance(v, str),
    "mapping": lambda v: isinstance(v, dict), "sequence": lambda v: isinstance(v, list | str | dict),
    "iterable": lambda v: isinstance(v, list | str | dict), "true": lambda v: v is True, "false": lambda v: v is False,
    "boolean": lambda v: isinstance(v, bool), "integer": lambda v: isinstance(v, int),
    "float": lambda v: isinstance(v, float),
    "even": lambda v: number(v) % 2 == 0, "odd": lambda v: number(v) % 2 == 1,
}  # fmt: skip
