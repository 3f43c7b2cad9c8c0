"""Screens on walls: paired with a code, known by a key, told what to show, seen alive.

A browser is given a secret and shows a code; who approves the code makes the secret its key. So nothing travels at the
moment of approval, and nothing can get lost then. The code alone opens nothing: an administrator can use it, once.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from psycopg.rows import class_row

from ioc.access.holder import Holder
from ioc.access.rights import Role
from ioc.errors import IocError
from ioc.store import audit, queries
from ioc.store.database import transaction, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ioc.access.holder import Who
    from ioc.store.database import Connection

# No vowels, so no words; none that look or sound alike on a wall; none that a Vietnamese keyboard turns into others
# (w, d and y do); no digits, so that nobody asks whether it is a B or an 8.
LETTERS = "BCFHJKMNPRSTVXZ"
LENGTH = 8
LASTS = timedelta(minutes=10)
PATIENCE = timedelta(seconds=25)  # a screen that was not seen for this long is not there
_MOST, _MOST_THERE = 60, 20  # codes that wait at once, in all and from one network
_LOCK = 0x10C_00D5
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)  # 256 bits; nothing else is worth a question to the database
_LONGEST_NAME = 80
MOST_SCREENS = 128  # of one wall


class DisplayError(IocError):
    """A screen cannot be paired or told as asked. what: a word for it, by which a page says it in its language."""

    def __init__(self, what: str, message: str) -> None:
        self.what = what
        super().__init__(message)


class Waiting(NamedTuple):
    """A browser that waits. hint: the first half of its code; wants: the wall it was opened for."""

    id: int
    hint: str
    address: str
    wants: str
    asked_at: datetime
    expires_at: datetime


class Display(NamedTuple):
    """A screen as it is kept, all but its key. See sql/tables/092_displays.sql for what each means."""

    id: int
    name: str
    scenes: list[str]
    shows: list[str] | None
    screen: int
    reloads: int
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
    revoked_by: str | None
    seen_at: datetime | None
    up_since: datetime | None
    address: str
    width: int
    height: int
    scene: str
    part: int
    since: datetime | None
    build: str
    alive: bool


class Orders(NamedTuple):
    """What a screen is to do: an empty `shows` is all its scenes in turn, None what its address says."""

    id: int
    revoked: bool
    scenes: list[str]
    shows: list[str] | None
    screen: int
    reloads: int


class Sighting(NamedTuple):
    """What a connected screen says of itself. width, height: its page's own pixels; part: its number on the wall."""

    id: int
    address: str
    scene: str = ""
    part: int = 0
    width: int = 0
    height: int = 0
    build: str = ""


def find(conn: Connection, key: str) -> Holder | None:
    """What this key stands for; None where it is none, unknown or revoked. Raises StoreAway."""
    if not _SHAPE.fullmatch(key):
        return None
    with translated():
        row = conn.execute(_sql("holder"), {"key": _digest(key)}).fetchone()
    return None if row is None else Holder(Role.DISPLAY, row[1], scenes=tuple(row[2]), display=row[0])


def ask(conn: Connection, address: str, wants: str = "") -> tuple[str, str] | None:
    """A new (code, secret) for a browser to show and to keep; None where too many wait already."""
    for _ in range(3):  # two that draw the same code within ten minutes: not in this life, and no harm
        code, secret = "".join(secrets.choice(LETTERS) for _ in range(LENGTH)), secrets.token_urlsafe(32)
        given = {"code": _digest(code), "hint": code[: LENGTH // 2], "secret": _digest(secret), "address": address[:64],
                 "network": network(address), "wants": wants[:200], "lasts": LASTS, "most": _MOST,
                 "most_there": _MOST_THERE}  # fmt: skip
        with transaction(conn):
            conn.execute(_sql("pair_lock"), {"lock": _LOCK})
            conn.execute(_sql("pair_clean"))
            if conn.execute(_sql("pair_ask"), given).fetchone() is not None:
                return code, secret
    return None


def lasts(conn: Connection, secret: str) -> float | None:
    """Seconds for which the code of this waiting browser can still be approved; None where it cannot any more."""
    with translated():
        row = conn.execute(_sql("pair_standing"), {"secret": _digest(secret)}).fetchone()
    return None if row is None else float(row[0])


def waiting(conn: Connection) -> list[Waiting]:
    with translated(), conn.cursor(row_factory=class_row(Waiting)) as cursor:
        return cursor.execute(_sql("pair_waiting")).fetchall()


def approve(
    conn: Connection, who: Who, name: str, *, code: str, scenes: Sequence[str] = (),
    shows: Sequence[str] | None = None, screen: int = 0,
) -> Display:  # fmt: skip
    """The browser that shows `code`, all of it or the first half, holds a key from now on. Raises DisplayError."""
    may = _scenes(scenes)
    chosen, part = _shows(shows, may), _part(screen)
    with transaction(conn):
        named = _free(conn, _name(name))
        typed = letters(code)
        taken = conn.execute(_sql("pair_take"), {"half": typed, "code": _digest(typed)}).fetchone()
        if taken is None:
            raise DisplayError("code", "no screen waits with this code: look at it again, it changes every ten minutes")
        given = {"name": named, "key": taken[0], "scenes": may, "shows": chosen, "screen": part, "by": who.name,
                 "address": taken[1]}  # fmt: skip
        row = conn.execute(_sql("add"), given).fetchone()
        assert row is not None
        audit.note(conn, who, "display.pair", f"display {named}",
                   after={"scenes": may, "shows": chosen, "screen": part, "address": taken[1]})  # fmt: skip
        made = one(conn, row[0])
    assert made is not None
    return made


def change(conn: Connection, who: Who, number: int, name: str, scenes: Sequence[str]) -> None:
    """Its name, and what it may show; empty: everything. What was chosen and it may not show any more is forgotten."""
    may = _scenes(scenes)
    with transaction(conn):
        old = _lock(conn, number)
        named = _name(name) if name.casefold() == old.name.casefold() else _free(conn, _name(name))
        conn.execute(_sql("change"), {"id": number, "name": named, "scenes": may})
        audit.note(conn, who, "display.change", f"display {old.name}", before={"name": old.name, "scenes": old.scenes},
                   after={"name": named, "scenes": may})  # fmt: skip
        if old.shows and may and not set(old.shows) <= set(may):
            left = [scene for scene in old.shows if scene in may]
            conn.execute(_sql("switch"), {"id": number, "shows": left or None, "screen": old.screen if left else 0})


def switch(conn: Connection, who: Who, number: int, shows: Sequence[str] | None, screen: int = 0) -> None:
    """What it shows from now on: one scene, several in turn, all in turn (empty), or what its address says (None)."""
    with transaction(conn):
        old = _lock(conn, number)
        chosen, part = _shows(shows, old.scenes), _part(screen)
        conn.execute(_sql("switch"), {"id": number, "shows": chosen, "screen": part})
        before, after = {"shows": old.shows, "screen": old.screen}, {"shows": chosen, "screen": part}
        audit.note(conn, who, "display.switch", f"display {old.name}", before=before, after=after)


def reload(conn: Connection, who: Who, number: int) -> None:
    """It loads itself anew, now or when it comes back."""
    with transaction(conn):
        old = _lock(conn, number)
        conn.execute(_sql("reload"), {"id": number})
        audit.note(conn, who, "display.reload", f"display {old.name}")


def revoke(conn: Connection, who: Who, number: int) -> None:
    """Its key opens nothing from now on, and can never be given back."""
    with transaction(conn):
        old = _lock(conn, number)
        conn.execute(_sql("revoke"), {"id": number, "by": who.name})
        audit.note(conn, who, "display.revoke", f"display {old.name}", before={"scenes": old.scenes})


def listed(conn: Connection, *, revoked: bool = False) -> list[Display]:
    """Every screen that holds a key, by name; with `revoked` those that did."""
    with translated(), conn.cursor(row_factory=class_row(Display)) as cursor:
        return cursor.execute(_sql("listed"), {"revoked": revoked, "patience": PATIENCE}).fetchall()


def one(conn: Connection, number: int) -> Display | None:
    with translated(), conn.cursor(row_factory=class_row(Display)) as cursor:
        return cursor.execute(_sql("one"), {"id": number, "patience": PATIENCE}).fetchone()


def number_of(conn: Connection, said: str) -> int:
    """The number of a screen by its name or number, as typed. Raises DisplayError."""
    with translated():
        row = conn.execute(_sql("named"), {"name": said.strip()}).fetchone()
    if row is not None:
        return int(row[0])
    if said.isascii() and said.isdigit() and len(said) < 9:
        return int(said)
    raise DisplayError("unknown", f"no screen is called {said[:_LONGEST_NAME]!r}: `ioc displays list` names them all")


def orders(conn: Connection, numbers: Iterable[int]) -> dict[int, Orders]:
    with translated(), conn.cursor(row_factory=class_row(Orders)) as cursor:
        return {row.id: row for row in cursor.execute(_sql("orders"), {"ids": list(numbers)})}


def seen(conn: Connection, sightings: Iterable[Sighting]) -> None:
    """These are connected now: one statement, however many."""
    rows = [sighting._asdict() for sighting in sightings]
    if rows:
        with translated():
            conn.execute(_sql("seen"), {"rows": orjson.dumps(rows).decode(), "patience": PATIENCE})


def listen(conn: Connection) -> None:
    """Hear of changes. The connection must be in autocommit."""
    with translated():
        conn.execute(_sql("listen"))


def heard(conn: Connection, seconds: float) -> bool:
    """Whether anything was changed, waiting for up to `seconds`."""
    with translated():
        first = any(True for _ in conn.notifies(timeout=seconds, stop_after=1))
        return any([first, *(True for _ in conn.notifies(timeout=0))])


def letters(code: str) -> str:
    """A code as it was drawn, from however it was typed: small, with blanks or hyphens."""
    return re.sub(r"[\s\-–—.]", "", code).upper()[: 4 * LENGTH]


def network(address: str) -> str:
    """Where a flood would come from: of an IPv6 address the half that a provider hands out."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, IPv6Address):
        return found.ipv4_mapped.compressed if found.ipv4_mapped else ":".join(found.exploded.split(":")[:4])
    return found.compressed


def _lock(conn: Connection, number: int) -> Any:
    with conn.cursor(row_factory=class_row(_Old)) as cursor:
        old = cursor.execute(_sql("lock"), {"id": number}).fetchone()
    if old is None:
        raise DisplayError("gone", "this screen holds no key any more")
    return old


class _Old(NamedTuple):
    id: int
    name: str
    scenes: list[str]
    shows: list[str] | None
    screen: int
    reloads: int


def _free(conn: Connection, name: str) -> str:
    if conn.execute(_sql("named"), {"name": name}).fetchone() is not None:
        raise DisplayError("taken", f"there is a screen called {name!r} already: choose another name")
    return name


def _name(name: str) -> str:
    named = " ".join(unicodedata.normalize("NFC", name).split())
    if not named or len(named) > _LONGEST_NAME or not named.isprintable():
        raise DisplayError("name", f"a screen's name has 1 to {_LONGEST_NAME} characters that can be seen")
    return named


def _scenes(scenes: Sequence[str]) -> list[str]:
    if bad := [s for s in scenes if not s or len(s) > 100 or not s.isprintable()]:
        raise DisplayError("scene", f"{bad[0][:100]!r} is no name of a scene: they are those of the files in scenes/")
    return sorted(set(scenes))


def _shows(shows: Sequence[str] | None, may: Sequence[str]) -> list[str] | None:
    if shows is None:
        return None
    chosen = list(dict.fromkeys(shows))
    _scenes(chosen)
    if beyond := [scene for scene in chosen if may and scene not in may]:
        raise DisplayError("beyond", f"this screen may not show {beyond[0]!r}: let it show that scene first")
    return chosen


def _part(screen: int) -> int:
    if not 0 <= screen <= MOST_SCREENS:
        raise DisplayError("part", f"a wall's screens are counted from 1 to {MOST_SCREENS}")
    return screen


def _digest(secret: str) -> bytes:
    """256 random bits need no slow hash; a code lasts ten minutes and opens nothing by itself."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _sql(name: str) -> bytes:
    return queries.load("displays")[name]
