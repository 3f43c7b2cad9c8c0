"""Who looks: language, rights and path of the request being answered, set by the guard and read anywhere below it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  a field's type
from typing import Literal

Role = Literal["nobody", "display", "operator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """role: nobody has not logged in, a display may look at walls, an operator may do everything."""

    language: str = "en"
    role: Role = "operator"
    path: str = "/"
    at: datetime | None = None  # the past moment that is looked at; None is now
    name: str = ""  # what a proxy in front says of the user; fills in who acknowledged


CURRENT: ContextVar[Viewer] = ContextVar("viewer", default=Viewer())  # noqa: B039  frozen


def language() -> str:
    return CURRENT.get().language
