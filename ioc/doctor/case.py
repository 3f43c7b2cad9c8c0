"""What every check is given, and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from ioc.settings import Settings
    from ioc.store.database import Connection


class Level(IntEnum):
    """Worst first."""

    SERIOUS = 0  # somebody who should not can get in, or read or change what is not theirs
    WEAK = 1  # one more mistake away from that, or soon
    NOTE = 2  # nothing is known to be wrong: could not be looked at, or worth a thought


class Finding(NamedTuple):
    """about: a name that stays, `room.what`; what: for an operator; remedy: what to do, as commands if any."""

    level: Level
    about: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One installation, as far as it can be seen from here.

    conn: a connection in autocommit mode; None where the database is away, or none is named. outside: addresses of this
    machine that others can reach. data: folder of an `ioc up`; city: the city folder. files: {setting: path} of those
    settings that name files with secrets. pids: {name: process} of parts that run here.
    """

    settings: Settings
    now: datetime
    conn: Connection | None = field(default=None, repr=False)
    outside: tuple[str, ...] = ()
    data: Path | None = None
    city: Path | None = None
    backup: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    pids: Mapping[str, int] = field(default_factory=dict)

    @property
    def store(self) -> Connection:
        """Raises Unseen where it is away."""
        if self.conn is None:
            raise Unseen("the database is away")
        return self.conn


class Unseen(Exception):  # noqa: N818  a state of the check, not a fault
    """A check cannot look here; the message says why."""


if TYPE_CHECKING:
    Check = Callable[[Case], Iterable[Finding]]


def loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    if host in ("", "localhost") or host.startswith("/"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def everywhere(host: str) -> bool:
    """Whether this means all addresses of the machine."""
    try:
        return ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False


def serious(about: str, what: str, remedy: str) -> Finding:
    return Finding(Level.SERIOUS, about, what, remedy)


def weak(about: str, what: str, remedy: str) -> Finding:
    return Finding(Level.WEAK, about, what, remedy)


def note(about: str, what: str, remedy: str) -> Finding:
    return Finding(Level.NOTE, about, what, remedy)
