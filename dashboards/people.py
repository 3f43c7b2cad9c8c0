"""Whom an alarm is told, in words: posts, persons, everybody; by name where the folder or the store knows one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.context import current
from dashboards.parts import text, word
from ioc.store import alarms

if TYPE_CHECKING:
    from collections.abc import Sequence


async def names() -> dict[str, str]:
    """Everybody who can be told, by key; read once in a while."""
    rows = await current().shared("people", 10.0, alarms.people)
    return {row["key"]: row["name"] for row in rows}


def said(notify: str, known: dict[str, str]) -> str:
    """One word of a chain: roster:KEY, contact:KEY, subscribers, everyone."""
    kind, _, key = notify.partition(":")
    if kind == "roster":
        found = next((r for r in current().folder.duty.roster if r.key == key), None)
        return word("told.post", post=text(found.name, key) if found else key)
    if kind == "contact":
        return known.get(key, key)
    return word(f"told.{kind}") if kind in ("subscribers", "everyone", "assigned", "told") else notify


def all_said(notify: Sequence[str] | None, known: dict[str, str]) -> str:
    return ", ".join(said(one, known) for one in notify or ()) or word("told.nobody")


def channel(key: str) -> str:
    """mail, or a way out of the city's own by its name there."""
    return word("channel.mail") if key == "mail" else key


def chain(key: str) -> str:
    found: Any = next((c for c in current().folder.duty.chain if c.key == key), None)
    return text(found.name, key) if found and found.name else key
