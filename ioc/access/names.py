"""Names and addresses of accounts: what can be one, and when two are the same."""

from __future__ import annotations

import unicodedata

from ioc.errors import AccessError

LONGEST_NAME, LONGEST_ADDRESS = 80, 254


def tidy(name: str) -> str:
    """A name as it is kept: without control characters, blanks only between words, not too long."""
    plain = "".join(" " if unicodedata.category(c) in {"Cc", "Zs", "Zl", "Zp"} else c for c in name)
    plain = "".join(c for c in plain if unicodedata.category(c) not in {"Cs", "Cf", "Co", "Cn"})
    return " ".join(unicodedata.normalize("NFC", plain).split())[:LONGEST_NAME].strip()


def checked_name(name: str) -> str:
    """Raises AccessError on a name that is empty, too long or holds what cannot be seen."""
    if not fits(name) or not name or name != tidy(name):
        raise AccessError(f"a name is 1 to {LONGEST_NAME} letters that can be seen, without blanks around", "name")
    if name.startswith("-"):
        raise AccessError("a name does not begin with -: a command would take it for an option", "name")
    return name


def checked_address(address: str) -> str:
    """Raises AccessError on what cannot be an address of mail; none is fine."""
    if address and not is_address(address):
        raise AccessError(f"{address[:60]!r} is not an address of mail", "address")
    return address


def login(name: str) -> str:
    """A name as it is compared: ﬁ is fi, Ａ is a."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def fits(name: str) -> bool:
    """Whether it can be a name or address at all: short, and nothing that the store cannot hold."""
    return len(name) <= LONGEST_ADDRESS and "\0" not in name and not any("\ud800" <= c <= "\udfff" for c in name)


def is_address(text: str) -> bool:
    """Whether mail could go there; nothing in it can end a line, a header or a list."""
    local, at, host = text.rpartition("@")
    plain = text.isprintable() and " " not in text and fits(text)
    return bool(plain and at and local and host and not set('<>(),;:"\\@') & set(local + host))
