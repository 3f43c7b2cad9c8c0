"""Who looks: language, rights and path of the request being answered, set by the guard and read anywhere below it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003  a field's type

from ioc.access.holder import Who
from ioc.access.rights import Bounds, Right, Role, rights


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody, or something, that asks. Without a guard in front (a test of one page) it may do everything."""

    language: str = "en"
    role: Role = Role.ADMINISTRATOR
    path: str = "/"
    at: datetime | None = None  # the past moment that is looked at; None is now
    name: str = ""  # of the account; what the log and the audit say. Empty where nobody has one
    person: int | None = None  # the account's id
    bounds: Bounds = field(default_factory=Bounds)
    scopes: tuple[str, ...] = ()  # of a token
    scenes: tuple[str, ...] = ()  # what a display may show; empty: every scene
    display: int | None = None  # the display's id
    session: str = ""  # of a person who logged in: what ends with it
    address: str = ""  # where the request comes from

    def may(self, right: Right) -> bool:
        """A token of some feeds takes away files of these; a page or a map holds what is another's too."""
        if self.role is Role.TOKEN and self.bounds.feeds and right in {Right.WALL, Right.LOOK}:
            return False
        return right in rights(self.role, self.scopes)

    def can(self, right: Right) -> bool:
        """Whether the page offers to do it: nobody changes the past."""
        return self.at is None and self.may(right)


CURRENT: ContextVar[Viewer] = ContextVar("viewer", default=Viewer())  # noqa: B039  frozen


def who() -> Who:
    """Who is asking, for the audit."""
    viewer = CURRENT.get()
    return Who(viewer.name or viewer.role, viewer.role, viewer.address)


def called(typed: str | None) -> str:
    """The name that a deed is done under: of the account; what was typed counts only where nobody has one."""
    return (CURRENT.get().name or (typed or "").strip())[:80]


def language() -> str:
    return CURRENT.get().language
