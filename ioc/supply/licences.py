"""What a package says about its licence -> an SPDX expression -> whether a project under Apache-2.0 may link it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OURS = "Apache-2.0"
FREE, WEAK, STRONG, UNKNOWN = "free", "weak", "strong", "unknown"  # what it asks of a work that links it, least first
_ORDER = (FREE, WEAK, UNKNOWN, STRONG)
# Names that are no SPDX but mean one licence only; "BSD" alone is not among them.
_MEANS = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "gnu affero general public license v3": "AGPL-3.0-only",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "isc": "ISC",
    "isc license (iscl)": "ISC",
    "mit": "MIT",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "mpl-2.0": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
_STRONG = re.compile(r"A?GPL-|GPL$|SSPL-|OSL-|EUPL-|CC-BY-NC|CC-BY-SA")
_WEAK = re.compile(r"LGPL-|MPL-|EPL-|CDDL-|OFL-")
_EXCUSES = re.compile(r"GCC-exception|Classpath-exception|Linux-syscall-note|Bootloader-exception|openssl-exception")
_BEGINNING = 2000  # characters: further down stand the licences of what it took from others
_TOKEN = re.compile(r"\(|\)|[^\s()]+")


def spdx(expression: str, licence: str, classifiers: Sequence[str], text: str) -> str:
    """The SPDX expression that a package's metadata amounts to; empty where they do not say.

    expression: License-Expression; licence: License; classifiers: what follows the last "::"; text: its licence file.
    """
    if expression:
        return expression.strip()
    if known := _MEANS.get(licence.strip().lower()):
        return known
    named = sorted({_MEANS[c.lower()] for c in classifiers if c.lower() in _MEANS})
    return _read(licence) or (named[0] if len(named) == 1 else _read(text))


def _read(text: str) -> str:
    """Which of the licences that are told apart by their words it is."""
    words = " ".join(text.split())[:_BEGINNING]
    if "Redistribution and use in source and binary forms" in words:
        three = re.search(r"may be used to endorse|used to endorse or promote", words)
        return "BSD-3-Clause" if three else "BSD-2-Clause"
    if "Permission is hereby granted, free of charge, to any person obtaining a copy" in words:
        return "MIT"
    if "Apache License" in words and "Version 2.0" in words:
        return "Apache-2.0"
    return ""


def asks(expression: str) -> str:
    """FREE, WEAK (its own files stay open), STRONG (the whole work would come under it) or UNKNOWN.

    Of `A OR B` the one that asks less counts, of `A AND B` the one that asks more.
    """
    if not expression.strip():
        return UNKNOWN
    tokens = _TOKEN.findall(expression)
    left = _Tokens(tokens)
    try:
        found = _either(left)
    except (IndexError, ValueError):
        return UNKNOWN
    return found if left.done() else UNKNOWN


class _Tokens:
    def __init__(self, tokens: list[str]) -> None:
        self.left = tokens[::-1]

    def peek(self) -> str:
        return self.left[-1] if self.left else ""

    def take(self) -> str:
        return self.left.pop()

    def done(self) -> bool:
        return not self.left


def _either(tokens: _Tokens) -> str:
    return min(_parts(tokens, "OR"), key=_ORDER.index)


def _all(tokens: _Tokens) -> str:
    return max(_parts(tokens, "AND"), key=_ORDER.index)


def _parts(tokens: _Tokens, word: str) -> Iterator[str]:
    inner = _all if word == "OR" else _one
    yield inner(tokens)
    while tokens.peek().upper() == word:
        tokens.take()
        yield inner(tokens)


def _one(tokens: _Tokens) -> str:
    token = tokens.take()
    if token == "(":  # noqa: S105  a bracket
        found = _either(tokens)
        if tokens.take() != ")":
            raise ValueError("a bracket is left open")
        return found
    if token == ")" or token.upper() in {"AND", "OR", "WITH"}:  # noqa: S105
        raise ValueError(f"{token} stands where a licence should")
    exception = ""
    if tokens.peek().upper() == "WITH":
        tokens.take()
        exception = tokens.take()
    return _asked(token, exception)


def _asked(licence: str, exception: str) -> str:
    if _WEAK.match(licence) or (_STRONG.match(licence) and _EXCUSES.match(exception)):
        return WEAK
    return STRONG if _STRONG.match(licence) else FREE
