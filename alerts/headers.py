"""Headers with letters of any language -> bytes that every mail program decodes to the same text.

The standard library's own folding of long non-ASCII headers puts a blank between two encoded words where a word of the
text ends; decoders must drop that blank (RFC 2047, 6.2), and "vào tủ" would be read as "vàotủ". Here a text becomes one
run of encoded words that carry their blanks inside.
"""

from __future__ import annotations

from email.header import Header
from email.policy import EmailPolicy
from typing import Any

_ADDRESSED = frozenset({"from", "to", "reply-to"})


class Policy(EmailPolicy):
    """SMTP's line ends, and our own way with non-ASCII subjects and names."""

    def fold(self, name: str, value: Any) -> str:
        return _folded(name, value) or str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        own = _folded(name, value)
        return own.encode("ascii") if own else bytes(super().fold_binary(name, value))


SMTP = Policy(linesep="\r\n")


def _folded(name: str, value: Any) -> str:
    """The whole header line; empty where the standard way does no harm."""
    text = str(value)
    if text.isascii():
        return ""
    if name.lower() in ("subject", "thread-topic"):
        return f"{name}: {_words(text, len(name) + 2)}\r\n"
    if name.lower() in _ADDRESSED and hasattr(value, "addresses"):
        people = [f"{_words(a.display_name, len(name) + 2)}\r\n <{a.addr_spec}>" for a in value.addresses]
        return f"{name}: " + ",\r\n ".join(people) + "\r\n"
    return ""


def _words(text: str, used: int) -> str:
    """Encoded words, each on its own line of at most 76 characters."""
    return text if text.isascii() else Header(text, "utf-8", 75, "x" * (used - 2)).encode(linesep="\r\n")
