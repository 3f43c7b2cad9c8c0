"""Notices that a city folder changed: the digest of its files, and a look at them cheap enough for every second."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_Look: TypeAlias = tuple[tuple[str, int, int], ...]


def digest(path: Path) -> str:
    """A hash over names and contents of the folder's files; names that start with a dot do not count."""
    total = hashlib.sha256()
    for file in files(path):
        total.update(str(file.relative_to(path)).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()[:16]


class Watch:
    """`changed()` is true once after each change that has settled: an editor or `git pull` writes file after file.

    It looks at names, sizes and times, so it works on network and container mounts, where notifications do not.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._last = _look(path)
        self._digest = digest(path)

    def changed(self) -> bool:
        """Two equal looks in a row that differ from what was known, and contents that differ too."""
        now, before = _look(self._path), self._last
        self._last = now
        if now == self._seen or now != before:
            return False
        self._seen = now
        try:
            new = digest(self._path)
        except OSError:  # a file went away between the look and the reading: look again
            self._seen = ()
            return False
        changed, self._digest = new != self._digest, new
        return changed


def _look(path: Path) -> _Look:
    found = []
    for file in files(path):
        try:
            stat = file.stat()
        except FileNotFoundError:
            continue
        found.append((str(file), stat.st_mtime_ns, stat.st_size))
    return tuple(found)


def files(path: Path) -> Iterator[Path]:
    """All of a folder but what begins with a dot, in order."""
    shown = (p for p in path.rglob("*") if not any(part.startswith(".") for part in p.relative_to(path).parts))
    yield from sorted(p for p in shown if p.is_file())
