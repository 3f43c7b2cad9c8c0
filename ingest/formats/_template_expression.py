"""One Jinja expression, as between {{ and }}: text -> a function of the names in scope."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ingest.formats import _template_words as words
from ingest.formats._template_words import UNDEFINED, TemplateError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEEPEST = 40  # parentheses and brackets in one another
Scope: TypeAlias = dict[str, Any]
Eval: TypeAlias = Callable[[Scope], Any]

_TOKEN = re.compile(
    r"\s*(?:(\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+|\d+)|(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|([A-Za-z_]\w*)|"
    r"(==|!=|<=|>=|//|[-+*/%~<>|.,:()\[\]{}=]))"
)


class _Token(NamedTuple):
    kind: str  # number, text, name, sign, end
    value: Any


def expression(text: str) -> Eval:
    parser = _Parser(_tokens(text))
    found = parser.ternary()
    if parser.now.kind != "end":
        raise TemplateError(f"unexpected {parser.now.value!r}")
    return found


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise TemplateError(f"unexpected {text[at : at + 10]!r}")
        digits, quoted, name, sign = match.groups()
        if digits is not None and digits[0] == "." and match.start(1) == at and found and _reachable(found[-1]):
            found += [_Token("sign", "."), _Token("number", int(digits[1:30]))]  # list.0
        elif digits is not None:
            found.append(_Token("number", float(digits) if not digits.isdigit() else int(digits[:30])))
        elif quoted is not None:
            found.append(_Token("text", re.sub(r"\\(.)", r"\1", quoted[1:-1])))
        else:
            found.append(_Token("name", name) if name is not None else _Token("sign", sign))
        at = match.end()
    return [*found, _Token("end", None)]


def _reachable(token: _Token) -> bool:
    """Whether what follows at once may be a part of it."""
    return token.kind in ("name", "number") or token.value in (")", "]")


class _Parser:
    """Recursive descent; every method returns a function of the scope."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0

    @property
    def now(self) -> _Token:
        return self.tokens[min(self.at, len(self.tokens) - 1)]

    def take(self, *values: str) -> str | None:
        """Step over the token when it is one of these words or signs."""
        token = self.now
        if token.kind in ("name", "sign") and token.value in values:
            self.at += 1
            return str(token.value)
        return None

    def need(self, value: str) -> None:
        if not self.take(value):
            raise TemplateError(f"{value!r} expected, not {self.now.value!r}")

    def ternary(self) -> Eval:
        self.depth += 1
        if self.depth > DEEPEST:
            raise TemplateError("too deep")
        value = self.either()
        if self.take("if"):
            condition = self.either()
            other = self.ternary() if self.take("else") else (lambda _scope: UNDEFINED)
            self.depth -= 1
            return lambda s: value(s) if words.truthy(condition(s)) else other(s)
        self.depth -= 1
        return value

    def either(self) -> Eval:
        left = self.both()
        while self.take("or"):
            left = _either(left, self.both())
        return left

    def both(self) -> Eval:
        left = self.negated()
        while self.take("and"):
            left = _both(left, self.negated())
        return left

    def negated(self) -> Eval:
        count = 0
        while self.take("not"):
            count += 1
        inner = self.compared()
        return (lambda s: words.truthy(inner(s)) is (count % 2 == 0)) if count else inner

    def compared(self) -> Eval:
        left = middle = self.joined()
        chained = False
        while True:
            if self.take("is"):
                wanted = not self.take("not")
                left = _tested(left, str(self.now.value), wanted=wanted)
                self.at += 1
            elif sign := self.take("==", "!=", "<=", ">=", "<", ">", "in"):
                right = self.joined()
                one = _operation(words.COMPARE[sign], middle, right)  # 0 < x < 9 is 0 < x and x < 9
                left, middle, chained = (_both(left, one) if chained else one), right, True
            elif self.now.value == "not" and self.tokens[self.at + 1].value == "in":
                self.at += 2
                left = _operation(lambda a, b: not words.COMPARE["in"](a, b), left, self.joined())
            else:
                return left

    def joined(self) -> Eval:
        left = self.product()
        while sign := self.take("+", "-", "~"):
            left = _operation(words.ARITHMETIC[sign], left, self.product())
        return left

    def product(self) -> Eval:
        left = self.signed()
        while sign := self.take("*", "//", "/", "%"):
            left = _operation(words.ARITHMETIC[sign], left, self.signed())
        return left

    def signed(self) -> Eval:
        signs = ""
        while sign := self.take("-", "+"):
            signs += sign
        inner = self.filtered()
        if not signs:
            return inner
        factor = -1 if signs.count("-") % 2 else 1
        return lambda s: factor * words.number(inner(s))

    def filtered(self) -> Eval:
        value = self.reached()
        while self.take("|"):
            name = str(self.now.value)
            self.at += 1
            found = words.FILTERS.get(name)
            if found is None:
                raise TemplateError(f"filter {name!r} is not supported")
            value = _called(found, value, *self.arguments())
        return value

    def reached(self) -> Eval:
        value = self.primary()
        while True:
            if self.take("."):
                if self.now.kind == "number":
                    value = _item(value, _key(self.now.value))
                    self.at += 1
                    continue
                if self.now.kind != "name":
                    raise TemplateError(f"a name expected, not {self.now.value!r}")
                name = str(self.now.value)
                self.at += 1
                if self.now.value == "(" and self.now.kind == "sign":
                    method = words.METHODS.get(name)
                    if method is None:
                        raise TemplateError(f"method {name!r} is not supported")
                    value = _called(method, value, *self.arguments())
                else:
                    value = _item(value, _key(name))
            elif self.take("["):
                key = self.ternary()
                self.need("]")
                value = _item(value, key)
            else:
                return value

    def primary(self) -> Eval:
        token = self.now
        self.at += 1
        if token.kind in ("number", "text"):
            return lambda _scope: token.value
        if token.kind == "name":
            return self.named(str(token.value))
        if token.value == "(":
            inner = self.ternary()
            if self.take(","):
                items = [inner, *self.listed(")")]
                return lambda s: [item(s) for item in items]
            self.need(")")
            return inner
        if token.value == "[":
            items = self.listed("]")
            return lambda s: [item(s) for item in items]
        if token.value == "{":
            return self.mapped()
        raise TemplateError(f"unexpected {token.value!r}")

    def named(self, name: str) -> Eval:
        if name in words.CONSTANTS:
            return lambda _scope: words.CONSTANTS[name]
        if self.now.value == "(" and self.now.kind == "sign":
            found = words.FILTERS.get(name) if name in words.FUNCTIONS else None
            if found is None:
                raise TemplateError(f"function {name!r} is not supported")
            positional, named = self.arguments()
            if not positional:
                raise TemplateError(f"{name}() without a value")
            return _called(found, positional[0], positional[1:], named)
        if name in words.UNKNOWN_NAMES:
            raise TemplateError(f"{name!r} is not supported")
        return lambda s: s.get(name, UNDEFINED)

    def mapped(self) -> Eval:
        pairs = []
        while not self.take("}"):
            key = self.ternary()
            self.need(":")
            pairs.append((key, self.ternary()))
            if not self.take(",") and self.now.value != "}":
                raise TemplateError("',' expected in a mapping")
        return lambda s: {key(s): value(s) for key, value in pairs}

    def listed(self, end: str) -> list[Eval]:
        items = []
        while not self.take(end):
            items.append(self.ternary())
            if not self.take(",") and self.now.value != end:
                raise TemplateError("',' expected")
        return items

    def arguments(self) -> tuple[list[Eval], Mapping[str, Eval]]:
        if not self.take("("):
            return [], {}
        positional, named = [], {}
        while not self.take(")"):
            following = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else self.now
            if self.now.kind == "name" and following.value == "=" and following.kind == "sign":
                name = str(self.now.value)
                self.at += 2
                named[name] = self.ternary()
            else:
                positional.append(self.ternary())
            if not self.take(",") and self.now.value != ")":
                raise TemplateError("',' expected")
        return positional, named


def _operation(operate: Callable[[Any, Any], Any], left: Eval, right: Eval) -> Eval:
    return lambda s: operate(left(s), right(s))


def _either(left: Eval, right: Eval) -> Eval:
    return lambda s: found if words.truthy(found := left(s)) else right(s)


def _both(left: Eval, right: Eval) -> Eval:
    return lambda s: right(s) if words.truthy(found := left(s)) else found


def _key(name: str | int) -> Eval:
    return lambda _scope: name


def _tested(value: Eval, name: str, *, wanted: bool) -> Eval:
    test = words.TESTS.get(name)
    if test is None:
        raise TemplateError(f"test {name!r} is not supported")
    return lambda s: test(value(s)) is wanted


def _item(value: Eval, key: Eval) -> Eval:
    return lambda s: words.item(value(s), key(s))


def _called(
    function: Callable[..., Any],
    value: Eval,
    positional: list[Eval],
    named: Mapping[str, Eval],
) -> Eval:
    return lambda s: function(value(s), *(p(s) for p in positional), **{k: v(s) for k, v in named.items()})
