"""Accounts as a terminal shows them: rows, one JSON object each, a link to pass on, and what may have been meant."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.settings import Settings
    from ioc.store.people import Person

COLUMNS = ("account", "address", "role", "areas", "feeds", "logs in by", "last", "state")


def near(word: str, known: Sequence[str]) -> str:
    folded = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), list(folded), 3, 0.6)
    return f": did you mean {' or '.join(folded[n] for n in near)}?" if near else ""


def none_yet(what: str, known: Sequence[str]) -> str:
    if known:
        return f"; there are: {', '.join(known[:12])}{', …' if len(known) > 12 else ''}"
    return f": the store knows no {what} yet; start `ioc dashboards` or `ioc ingest` on the city folder once"


def say_link(settings: Settings, secret: str) -> None:
    """The link alone on standard output, so that it can be piped into a mail."""
    if not secret:
        return
    from ioc.up.borrow import told

    base = settings.base_url or told(settings, None)[1].base_url
    if not base:
        print("ioc: IOC_BASE_URL is not set: put the address of your screens before this", file=sys.stderr)
    print(f"{base.rstrip('/')}/first/{secret}")
    print("It lets its owner in once, within 24 hours; links before it are void.", file=sys.stderr)


def may(person: Person) -> str:
    limits = [f"{what} {', '.join(keys)}" for what, keys in (("in", person.areas), ("on", person.feeds)) if keys]
    return ", ".join([str(person.role), *limits])


def row(person: Person) -> tuple[str, ...]:
    ways = [person.issuer or ("password" if person.password else "link only"), "code" if person.totp else ""]
    return (person.name, person.address, str(person.role), ", ".join(person.areas) or "all",
            ", ".join(person.feeds) or "all", " + ".join(filter(None, ways)),
            f"{person.seen_at:%Y-%m-%d %H:%M}" if person.seen_at else "never", state(person))  # fmt: skip


def state(person: Person) -> str:
    if not person.active:
        return "disabled"
    shut = person.locked_until is not None and person.locked_until > datetime.now(UTC)
    return f"closed until {person.locked_until:%H:%M:%S} UTC" if shut else "good"


def plain(person: Person) -> dict[str, Any]:
    return {"id": person.id, "name": person.name, "address": person.address, "role": person.role, "areas": person.areas,
            "feeds": person.feeds, "issuer": person.issuer, "password": bool(person.password),
            "code": person.totp is not None, "created": person.created_at, "seen": person.seen_at,
            "disabled": person.disabled_at, "failures": person.failures, "state": state(person)}  # fmt: skip


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], dim: Sequence[bool]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 160)
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        table.add_column(column)
    for cells, faint in zip(rows, dim, strict=True):
        table.add_row(*(Text(cell) for cell in cells), style="dim" if faint else "")
    console.print(table)
