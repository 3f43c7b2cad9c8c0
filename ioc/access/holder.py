"""Who a request turns out to speak for, once its cookie or key was looked up; and what the log calls them."""

from __future__ import annotations

from typing import NamedTuple

from ioc.access.rights import Bounds, Role


class Holder(NamedTuple):
    """What a valid session, display key or API token stands for.

    renewed: a new value for the cookie, where it is time to turn it. session: of a person, what stays the same when the
    cookie is turned.
    """

    role: Role
    name: str
    person: int | None = None
    bounds: Bounds = Bounds()
    scopes: tuple[str, ...] = ()  # of a token
    scenes: tuple[str, ...] = ()  # of a display; empty: every scene
    display: int | None = None
    renewed: str = ""
    session: str = ""


class Who(NamedTuple):
    """Who did something, for the audit: an account's, token's, display's or program's name, and from where."""

    name: str
    role: str = ""
    address: str = ""  # of the network, or `terminal` for a command
