"""What every file format of an export is given and answers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo


class Options(NamedTuple):
    """zone: of times written as text (None: UTC). mark: a UTF-8 mark first, so that Excel takes the text for UTF-8."""

    zone: ZoneInfo | None = None
    mark: bool = False


class Writer(Protocol):
    """Writes batches of columns to a binary file."""

    def write(self, columns: Sequence[Sequence[Any]]) -> None: ...

    def close(self) -> None: ...
