"""The common part of Jinja as Home Assistant's value templates use it, parsed and evaluated by ourselves.

A template from the network is hostile text: there are no loops, no calls beyond a fixed list, no attributes of Python
objects, and lengths are bounded. What lies outside this subset is a TemplateError when it is compiled.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ingest.formats import _template_words as words
from ingest.formats._template_expression import DEEPEST, Eval, Scope, expression
from ingest.formats._template_words import UNDEFINED, NoValue, TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 4000  # characters of a template

_TAGS = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)


def compile_template(template: str) -> Callable[[str, Any], Any]:
    """A function from a payload's text and its JSON (`parsed`) to a value, None where there is none.

    Raises TemplateError.
    """
    if len(template) > LONGEST:
        raise TemplateError("too long")
    nodes, rest = _block([t for t in _TAGS.split(template) if t and not t.startswith("{#")], 0, ())
    if rest:
        raise TemplateError(f"unexpected {rest[0][:40]}")
    alone = [n for n in nodes if not _blank(n)]

    def render(payload: str, json_value: Any) -> Any:
        scope: Scope = {"value": payload, "value_json": json_value}
        try:
            if len(alone) == 1 and callable(alone[0]):
                found = alone[0](scope)
            else:
                found = "".join(_shown(n(scope)) if callable(n) else n for n in nodes).strip()
        except (NoValue, ArithmeticError, TypeError, ValueError, RecursionError):
            return None
        return None if found is UNDEFINED else found

    return render


def parsed(payload: str) -> Any:
    """The payload as `value_json`: its JSON, or nothing."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return UNDEFINED


def _inside(tag: str) -> str:
    """What stands between {{ and }}; a - or + right beside them says what happens to blanks."""
    return tag[2:-2].removeprefix("-").removeprefix("+").removesuffix("-").removesuffix("+").strip()


def _blank(node: Any) -> bool:
    return isinstance(node, str) and not node.strip()


def _shown(value: Any) -> str:
    return "" if value is UNDEFINED else str(value)[: words.LONGEST_TEXT]


def _block(parts: list[str], depth: int, until: tuple[str, ...]) -> tuple[list[Any], list[str]]:
    """The nodes up to one of the closing tags: text, or a function of the scope; and the parts from that tag on."""
    if depth > DEEPEST:
        raise TemplateError("too deep")
    nodes: list[Any] = []
    while parts:
        part = parts[0]
        if part.startswith("{{"):
            nodes.append(expression(_inside(part)))
        elif part.startswith("{%"):
            tag = _inside(part)
            word = tag.split(None, 1)[0] if tag else ""
            if word in until:
                return nodes, parts
            node, parts = _statement(word, tag[len(word) :].strip(), parts[1:], depth)
            nodes.append(node)
            continue
        else:
            nodes.append(part)
        parts = parts[1:]
    if until:
        raise TemplateError(f"no {until[-1]}")
    return nodes, []


def _statement(word: str, text: str, parts: list[str], depth: int) -> tuple[Eval, list[str]]:
    if word == "if":
        return _choice(text, parts, depth)
    name, equals, source = text.partition("=")
    if word == "set" and equals and name.strip().isidentifier():
        value = expression(source)

        def assign(scope: Scope) -> str:
            scope[name.strip()] = value(scope)
            return ""

        return assign, parts
    raise TemplateError(f"{{% {word} %}} is not supported")


def _choice(text: str, parts: list[str], depth: int) -> tuple[Eval, list[str]]:
    arms: list[tuple[Eval, list[Any]]] = []
    condition: Eval = expression(text)
    while True:
        body, parts = _block(parts, depth + 1, ("elif", "else", "endif"))
        arms.append((condition, body))
        tag = _inside(parts[0])
        parts = parts[1:]
        if tag.startswith("elif"):
            condition = expression(tag[4:])
        elif tag.startswith("else"):
            condition = lambda _scope: True  # noqa: E731
        else:
            break

    def choose(scope: Scope) -> Any:
        body: list[Any] = next((b for c, b in arms if words.truthy(c(scope))), [])
        shown = [n for n in body if not _blank(n)]
        if len(shown) == 1 and callable(shown[0]):
            return shown[0](scope)
        return "".join(_shown(n(scope)) if callable(n) else n for n in body).strip()

    return choose, parts


__all__ = ["TemplateError", "compile_template", "parsed"]
