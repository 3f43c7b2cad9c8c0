"""Accounts: who there is, what each may do, and every change of it, noted in the audit.

The caller owns the transaction. The last administrator who can still log in stays one, whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import dict_row

from ioc.access import keys
from ioc.access.holder import Who
from ioc.access.names import LONGEST_NAME, checked_address, checked_name, fits, is_address, login, tidy
from ioc.access.rights import PEOPLE, Bounds, Role
from ioc.errors import AccessError
from ioc.store import audit, queries, sessions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ioc.store.database import Connection

LINK_HOLDS = timedelta(hours=24)
_PURPOSE = "enter"


class Person(NamedTuple):
    """One account as it stands. password: its hash, or empty; recovery: how many codes are left."""

    id: int
    name: str
    address: str
    role: Role
    areas: tuple[str, ...]
    feeds: tuple[str, ...]
    password: str
    password_at: datetime | None
    totp: bytes | None
    totp_step: int
    recovery: int
    failures: int
    locked_until: datetime | None
    issuer: str
    created_at: datetime
    seen_at: datetime | None
    disabled_at: datetime | None

    @property
    def active(self) -> bool:
        return self.disabled_at is None

    @property
    def bounds(self) -> Bounds:
        return Bounds(frozenset(self.areas), frozenset(self.feeds))


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """An account to be. password: its hash; issuer, subject: of a single sign-on, both or none."""

    name: str
    role: Role
    address: str = ""
    areas: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    password: str = ""
    issuer: str = ""
    subject: str = ""


def everybody(conn: Connection) -> list[Person]:
    """Every account, disabled ones last."""
    return _people(conn, "all")


def by_id(conn: Connection, person: int) -> Person | None:
    return _person(conn, "by_id", id=person)


def find(conn: Connection, name: str) -> Person | None:
    """By the name or, for a local account, the address somebody logs in with; case and form do not matter."""
    return _person(conn, "by_login", login=login(name)) if fits(name) else None


def first(conn: Connection) -> Person | None:
    """The administrator who has been one for longest and can still log in."""
    return _person(conn, "first")


def exist(conn: Connection) -> bool:
    """Whether there is any account."""
    return conn.execute(_sql("any")).fetchone() == (True,)


def add(conn: Connection, who: Who, new: New) -> Person:
    """Raises AccessError where the name or address is taken or cannot be."""
    conn.execute(_sql("alone"))
    name, address = checked_name(new.name), checked_address(new.address)
    _free(conn, 0, name, "" if new.issuer else address)
    values = {"name": name, "login": login(name), "address": address, "role": _role(new.role),
              "areas": sorted(set(new.areas)), "feeds": sorted(set(new.feeds)), "password": new.password,
              "issuer": new.issuer, "subject": new.subject}  # fmt: skip
    row = conn.execute(_sql("add"), values).fetchone()
    assert row is not None
    person = _sure(by_id(conn, row[0]))
    audit.note(conn, who, "person.add", person.name, after=_shown(person))
    return person


def change(conn: Connection, who: Who, person: Person, **to: Any) -> Person:
    """Another name, address, role, areas or feeds. A role counts from the next look at a session: within seconds.

    Raises AccessError.
    """
    conn.execute(_sql("alone"))
    old = _sure(by_id(conn, person.id))
    new = old._replace(**to)
    new = new._replace(name=checked_name(new.name), address=checked_address(new.address), role=Role(_role(new.role)))
    if old.role is Role.ADMINISTRATOR and new.role is not Role.ADMINISTRATOR and not old.issuer:
        _not_the_last(conn, old)
    if new == old:
        return old
    _free(conn, old.id, new.name, "" if new.issuer else new.address)
    values = {"id": old.id, "name": new.name, "login": login(new.name), "address": new.address, "role": str(new.role),
              "areas": sorted(set(new.areas)), "feeds": sorted(set(new.feeds))}  # fmt: skip
    conn.execute(_sql("change"), values)
    new = _sure(by_id(conn, old.id))
    audit.note(conn, who, "person.change", old.name, **_difference(old, new))
    return new


def set_password(conn: Connection, who: Who, person: Person, hashed: str, now: datetime, *, keep: str = "") -> None:
    """Another password; every session but `keep` (Holder.session) ends, and every open link."""
    conn.execute(_sql("set_password"), {"id": person.id, "password": hashed, "now": now})
    sessions.close_all(conn, person.id, keep=keep)
    audit.note(conn, who, "person.password", person.name)


def rehash(conn: Connection, person: Person, hashed: str) -> None:
    """The same password, hashed as we hash now."""
    conn.execute(_sql("rehash"), {"id": person.id, "password": hashed, "old": person.password})


def disable(conn: Connection, who: Who, person: Person, now: datetime) -> None:
    """Nobody logs in to it, its sessions end. Raises AccessError for the last administrator."""
    conn.execute(_sql("alone"))
    _not_the_last(conn, person)
    conn.execute(_sql("disable"), {"id": person.id, "now": now})
    sessions.close_all(conn, person.id)
    audit.note(conn, who, "person.disable", person.name)


def enable(conn: Connection, who: Who, person: Person) -> None:
    conn.execute(_sql("enable"), {"id": person.id})
    audit.note(conn, who, "person.enable", person.name)


def remove(conn: Connection, who: Who, person: Person) -> None:
    """With its sessions; what it did stays in the audit. Raises AccessError for the last administrator."""
    conn.execute(_sql("alone"))
    _not_the_last(conn, person)
    conn.execute(_sql("remove"), {"id": person.id})
    audit.note(conn, who, "person.remove", person.name, before=_shown(person))


def from_provider(
    conn: Connection, issuer: str, subject: str, name: str, address: str, role: Role, bounds: Bounds | None = None
) -> Person:
    """The account of whoever a single sign-on names: made at the first log-in, brought up to date at each.

    Its role is the provider's to say; areas and feeds too where it says any (bounds). A name that another
    account has is told apart by a number, an address that cannot be one is left out. Raises AccessError.
    """
    if not issuer or not subject:
        raise AccessError("the provider did not say who it is")
    conn.execute(_sql("alone"))
    address = address if is_address(address) else ""
    known = _person(conn, "by_subject", issuer=issuer, subject=subject)
    name = _told_apart(conn, known.id if known else 0, tidy(name) or address or "?")
    who = Who(name, str(role))
    if known is None:
        given = bounds or Bounds()
        new = New(name=name, role=role, address=address, areas=tuple(given.areas), feeds=tuple(given.feeds),
                  issuer=issuer, subject=subject)  # fmt: skip
        return add(conn, who, new)
    limits = {} if bounds is None else {"areas": tuple(sorted(bounds.areas)), "feeds": tuple(sorted(bounds.feeds))}
    return change(conn, who, known, name=name, address=address, role=role, **limits)


def by_subject(conn: Connection, issuer: str, subject: str) -> Person | None:
    """Whom a provider means, if they ever logged in here."""
    return _person(conn, "by_subject", issuer=issuer, subject=subject)


def link(conn: Connection, who: Who, person: Person, now: datetime) -> str:
    """What stands in a link that lets somebody in once, within a day; the links before it are void."""
    secret = keys.fresh()
    conn.execute(_entry("link_add"), {"id": keys.kept(secret), "person": person.id, "purpose": _PURPOSE, "now": now,
                                      "ends": now + LINK_HOLDS})  # fmt: skip
    audit.note(conn, who, "link.add", person.name)
    return secret


def link_leads_to(conn: Connection, secret: str, now: datetime) -> Person | None:
    """Whom a link lets in; None where it was used, is too old or never was one. It stays good."""
    return _entered(conn, "link_look", secret, now)


def use_link(conn: Connection, secret: str, now: datetime) -> Person | None:
    """As `link_leads_to`, and it is used up."""
    return _entered(conn, "link_use", secret, now)


def keys_of(conn: Connection, what: str) -> dict[str, dict[str, str]]:
    """What a right can be bounded by: key -> its names by language. what: areas or feeds."""
    return dict(conn.execute(_sql({"areas": "areas", "feeds": "feeds"}[what])).fetchall())


def _role(role: Role) -> str:
    if role not in PEOPLE:
        raise AccessError(f"{role} is not a role of people: {', '.join(PEOPLE)}")
    return str(role)


def _free(conn: Connection, own: int, name: str, address: str) -> None:
    if conn.execute(_sql("taken"), {"login": login(name), "id": own}).fetchone() == (True,):
        raise AccessError(f"there is an account {name!r} already", "taken")
    if conn.execute(_sql("address_taken"), {"address": address, "id": own}).fetchone() == (True,):
        raise AccessError(f"another account has the address {address}", "address_taken")


def _told_apart(conn: Connection, own: int, name: str) -> str:
    """The name, or `name (2)` where it is another account's."""
    name = name.lstrip("-").strip() or "?"
    for number in range(1, 1000):
        ending = "" if number == 1 else f" ({number})"
        candidate = name[: LONGEST_NAME - len(ending)].strip() + ending
        if conn.execute(_sql("taken"), {"login": login(candidate), "id": own}).fetchone() == (False,):
            return candidate
    raise AccessError(f"too many accounts are called {name}")


def _not_the_last(conn: Connection, person: Person) -> None:
    if person.role is Role.ADMINISTRATOR and person.active:
        row = conn.execute(_sql("others"), {"id": person.id}).fetchone()
        if row == (0,):
            raise AccessError(f"{person.name} is the last administrator: make another one first", "last")


def _shown(person: Person) -> dict[str, Any]:
    return {"name": person.name, "address": person.address, "role": str(person.role), "areas": person.areas,
            "feeds": person.feeds}  # fmt: skip


def _difference(old: Person, new: Person) -> dict[str, dict[str, Any]]:
    before, after = _shown(old), _shown(new)
    changed = [key for key in before if before[key] != after[key]]
    return {"before": {k: before[k] for k in changed}, "after": {k: after[k] for k in changed}}


def _entered(conn: Connection, query: str, secret: str, now: datetime) -> Person | None:
    asked = {"id": keys.kept(secret[:200]), "purpose": _PURPOSE, "now": now}
    row = conn.execute(_entry(query), asked).fetchone()
    return by_id(conn, row[0]) if row else None


def _person(conn: Connection, query: str, **asked: Any) -> Person | None:
    found = _people(conn, query, **asked)
    return found[0] if found else None


def _people(conn: Connection, query: str, **asked: Any) -> list[Person]:
    with conn.cursor(row_factory=dict_row) as cursor:
        rows: Iterable[dict[str, Any]] = cursor.execute(_sql(query), asked).fetchall()
    made = {"role": Role, "areas": tuple, "feeds": tuple}
    return [Person(**{key: made[key](value) if key in made else value for key, value in row.items()}) for row in rows]


def _sure(person: Person | None) -> Person:
    if person is None:
        raise AccessError("this account was removed meanwhile", "gone")
    return person


def _sql(name: str) -> bytes:
    return queries.load("people")[name]


def _entry(name: str) -> bytes:
    return queries.load("sessions")[name]
