"""Files that hold secrets: who else on this machine can read them, and what has no business in a city folder."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

from ioc.doctor.case import Finding, Level, serious

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ioc.doctor.case import Case

_OTHERS = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
_EVERYBODY = stat.S_IROTH | stat.S_IWOTH
_SECRETS_OF_UP = ("machine.json", "urls.json", "tls/ca.key")
_TEXT = (".toml", ".csv", ".md", ".txt", ".env", ".yaml", ".yml", ".ini", ".geojson", ".json")
_LARGEST = 1_000_000  # bytes of a text file that are read
_MOST_NAMED = 5
# What only a secret looks like. `env:NAME` is how a city folder refers to one.
_LOOKS_SECRET = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a token of IOC", re.compile(r"\bioc_[A-Za-z0-9_-]{43}\b")),
    ("a password in an address", re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"'{}]*:[^\s/@\"'{}]{3,}@")),
    (
        "a password or key",
        re.compile(
            r"""(?im)^[^#\n]*?\b(?:password|passwd|api[_-]?key|secret|access[_-]?token|authorization)\b["']?\s*[=:]\s*["'](?!env:)[^"'\n]{6,}["']"""
        ),
    ),
)


def settings(case: Case) -> Iterator[Finding]:
    """Files that settings name."""
    for name, path in case.files.items():
        yield from _open(path, f"{name}, {path},")


def data(case: Case) -> Iterator[Finding]:
    """The data folder of an `ioc up`."""
    if case.data is None or not case.data.exists():
        return
    if case.data.stat().st_mode & _OTHERS:
        yield Finding(
            Level.WEAK, "files.data", f"others on this machine can look into {case.data}", f"chmod 700 {case.data}"
        )
    for name in _SECRETS_OF_UP:
        yield from _open(case.data / name, str(case.data / name))


def city(case: Case) -> Iterator[Finding]:
    """A city folder is kept in git, and read by whoever looks after it: no place for a secret."""
    if case.city is None or not case.city.is_dir():
        return
    found = list(secrets_in(case.city))
    for file, line, what in found[:_MOST_NAMED]:
        yield serious(
            "files.city",
            f"{file.relative_to(case.city)}, line {line}, holds what looks like {what}",
            "put it into an environment variable, write env:NAME in its place, and change it: git remembers",
        )
    if len(found) > _MOST_NAMED:
        yield Finding(
            Level.SERIOUS, "files.city_more", f"{len(found) - _MOST_NAMED} more such places in {case.city}", "as above"
        )


def secrets_in(folder: Path) -> Iterator[tuple[Path, int, str]]:
    """(file, line, what it looks like) of each; neither hidden folders nor large files are read, nor links followed."""
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") and part != ".env" for part in file.relative_to(folder).parts)
        if hidden or file.is_symlink() or not (file.suffix in _TEXT or file.name == ".env") or not file.is_file():
            continue
        if file.stat().st_size <= _LARGEST:
            text = file.read_text(encoding="utf-8", errors="replace")
            for what, pattern in _LOOKS_SECRET:
                if found := pattern.search(text):
                    yield file, text.count("\n", 0, found.end()) + 1, what
                    break


def _open(path: Path, name: str) -> Iterator[Finding]:
    """Whether others can read this one file."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if mode & _OTHERS and not _closed(path):
        who = "everybody" if mode & stat.S_IROTH else "its group"
        yield Finding(
            Level.SERIOUS if mode & _EVERYBODY else Level.WEAK,
            "files.secret",
            f"{name} can be read by {who} on this machine",
            f"chmod 600 {path}; then change what it held",
        )


def _closed(path: Path) -> bool:
    """Whether a folder above keeps everybody else out: container secrets are readable files in a closed folder."""
    others = stat.S_IXGRP | stat.S_IXOTH
    return any(not parent.stat().st_mode & others for parent in path.resolve().parents)


CHECKS = (settings, data, city)
