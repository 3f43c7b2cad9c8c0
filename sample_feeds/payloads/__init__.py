"""Values -> the messages that real systems would publish: pure functions, one per feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias


class Rows(NamedTuple):
    """Readings to publish. `said` is the time a payload tells, in whole seconds; columns hold one list a metric."""

    which: list[int]
    keys: list[str]
    said: list[int]
    properties: list[dict[str, Any]]
    columns: dict[str, list[float]]

    def each(self, *metrics: str) -> Iterator[tuple[Any, ...]]:
        """(row, key, said, value, ...) in order."""
        yield from zip(range(len(self.keys)), self.keys, self.said, *(self.columns[m] for m in metrics), strict=True)


class Draft(NamedTuple):
    """A message without its time: `rows` of the Rows it carries."""

    topic: str
    payload: bytes
    rows: range


Render: TypeAlias = Callable[[Rows], Iterator[Draft]]


def one(row: int) -> range:
    return range(row, row + 1)
