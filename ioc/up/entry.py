"""The first to come: an account in charge of the city, and a link that lets its owner in once, at every start."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ioc.access.passwords import WeakPasswordError
from ioc.errors import StartError, StoreError
from ioc.store import audit, database, entering, people

if TYPE_CHECKING:
    from ioc.settings import Settings


def first_account(settings: Settings, password: str) -> None:
    """See that somebody is in charge: with IOC_PASSWORD where there is no account at all, else let in by a link.

    Raises StartError on a password that nobody may choose.
    """
    try:
        with database.connect(settings.database_url, name="ioc up") as conn:
            if password:
                entering.first_account(conn, password, settings.breached)
            entering.somebody_in_charge(conn)
    except WeakPasswordError as error:
        raise StartError(f"IOC_PASSWORD cannot be the first account's: {error}") from error


def link(settings: Settings) -> str:
    """Where the browser goes, once within a day; "" where nobody logs in, or the database is away."""
    if settings.auth == "open":
        return ""
    try:
        with database.connect(settings.database_url, name="ioc up") as conn:
            person = entering.somebody_in_charge(conn)
            return address(settings, people.link(conn, audit.terminal(), person, datetime.now(UTC)))
    except StoreError:
        return ""


def address(settings: Settings, secret: str) -> str:
    """A one-time link as it is opened."""
    return f"{settings.base_url.rstrip('/')}/first/{secret}"
