"""What home and building devices share: words for on and off, plain payloads, bounded memories."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Generic, TypeVar

from ingest.formats._read import text_of
from ingest.formats._values import plain

T = TypeVar("T")

_YES = frozenset({"on", "true", "online", "yes"})
_NO = frozenset({"off", "false", "offline", "no"})
LONGEST_WORD = 64


def truth(value: Any) -> bool | None:
    """True and False from the words devices use for them, else None."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _YES else False if word in _NO else None
    return None


def scalar(value: Any) -> float | bool | str | None:
    """A value as a Measurement takes it: on/off as bool, numbers in text as numbers, words kept, long text dropped."""
    known = truth(value)
    found = plain(value) if known is None else known
    return None if isinstance(found, str) and len(found) > LONGEST_WORD else found


def words(payload: bytes) -> float | bool | str | None:
    """A payload that is just one value."""
    return scalar(text_of(payload[:1000]).strip())


class Memory(OrderedDict[str, T], Generic[T]):
    """Keeps the newest `most` things it was told; what is used stays longest."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def keep(self, key: str, value: T) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > self.most:
            self.popitem(last=False)
