"""The one place that says which role may do what. Everything that answers, on HTTP, a push channel or a callback, asks
for one right; a role is a set of them, an API token a smaller one, a display almost none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Right(StrEnum):
    """What can be allowed. Everything not public needs exactly one of these."""

    WALL = "wall"  # walls and what they read
    LOOK = "look"  # every page at a desk, charts, the past
    EXPORT = "export"  # take data away as files
    ACT = "act"  # acknowledge, shelve, comment, assign
    MAIL = "mail"  # read the mails that went out
    DUTY = "duty"  # rosters, who stands in, briefs
    FEEDS = "feeds"  # mappings, proposals, quarantine, publishers
    METRICS = "metrics"  # figures of the processes, for a monitoring system
    AUDIT = "audit"  # who did what
    ADMIN = "admin"  # people, tokens, displays


class Role(StrEnum):
    """Whom a request speaks for. The five in the middle are given to people (`ioc users`)."""

    NOBODY = "nobody"  # has not logged in
    DISPLAY = "display"  # a paired screen on a wall
    VIEWER = "viewer"
    OPERATOR = "operator"
    INTEGRATOR = "integrator"
    MANAGER = "manager"
    ADMINISTRATOR = "administrator"
    TOKEN = "token"  # a program: its rights are those of its scopes  # noqa: S105  a role's name


PEOPLE = (Role.VIEWER, Role.OPERATOR, Role.INTEGRATOR, Role.MANAGER, Role.ADMINISTRATOR)  # least to most
_LOOK = frozenset({Right.WALL, Right.LOOK})
_WORK = _LOOK | {Right.EXPORT, Right.MAIL}
RIGHTS: dict[Role, frozenset[Right]] = {
    Role.NOBODY: frozenset(),
    Role.DISPLAY: frozenset({Right.WALL}),
    Role.VIEWER: _LOOK,
    Role.OPERATOR: _WORK | {Right.ACT},
    Role.INTEGRATOR: _WORK | {Right.FEEDS},
    Role.MANAGER: _WORK | {Right.ACT, Right.DUTY},
    Role.ADMINISTRATOR: frozenset(Right),
    Role.TOKEN: frozenset(),
}
# What an API token can be given: its scope names the rights.
SCOPES: dict[str, frozenset[Right]] = {
    "read": _LOOK,
    "export": _LOOK | {Right.EXPORT},
    "metrics": frozenset({Right.METRICS}),
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where somebody's rights end. Areas bound what may be done to alarms, feeds what may be done to feeds; looking is
    not bounded. Empty is everywhere.

    areas: keys of areas; an area counts for all that lies in it. feeds: keys of feeds.
    """

    areas: frozenset[str] = frozenset()
    feeds: frozenset[str] = frozenset()

    def reaches_area(self, chain: frozenset[str]) -> bool:
        """chain: the keys of the area in question and of every area around it."""
        return not self.areas or bool(self.areas & chain)

    def reaches_feed(self, feed: str) -> bool:
        return not self.feeds or feed in self.feeds


def rights(role: Role, scopes: tuple[str, ...] = ()) -> frozenset[Right]:
    """What a role, and for a token its scopes, may do; an unknown scope gives nothing."""
    return RIGHTS[role].union(*(SCOPES.get(scope, frozenset()) for scope in scopes if role is Role.TOKEN))
