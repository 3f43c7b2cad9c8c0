"""Logging in: a name and a password in, then perhaps a code; who it is out, or how long to wait. All of it is noted.

A name nobody has is answered as late as any other. What was typed as a name is never noted unless it is one: people
type their password there.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from ioc.access import codes, keys, passwords
from ioc.access.holder import Who
from ioc.access.rights import Role
from ioc.access.waits import ACCOUNT
from ioc.store import audit, kept, people, queries, sessions
from ioc.store.database import transaction

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

    from ioc.store.database import Connection
    from ioc.store.people import Person

log = logging.getLogger(__name__)
_HALF_HOLDS = timedelta(minutes=5)  # between the password and the code


class Attempt(NamedTuple):
    """right: the password is; wrong: it, or the name, is not; locked: it was not even tried, for `wait` seconds.

    person: who has the name, right or wrong; None where nobody has it.
    """

    outcome: Literal["right", "wrong", "locked"]
    person: Person | None = None
    wait: float = 0.0


def password(
    pool: ConnectionPool[Connection] | Connection, name: str, typed: str, now: datetime, *, known: int | None = None
) -> Attempt:
    """Try a password; takes a tenth of a second and holds no connection meanwhile. Changes nothing but an old hash.

    known: whose machine this is, by what it proved before: others' attempts do not lock it out.
    """
    with transaction(pool) as conn:
        person = people.find(conn, name)
    if person and person.id != known and (wait := left(person, now)):
        return Attempt("locked", person, wait)
    fine = passwords.right(person.password if person else "", typed)
    if person is None or not fine or not person.active:
        return Attempt("wrong", person)
    if passwords.outdated(person.password):
        with transaction(pool) as conn:
            people.rehash(conn, person, passwords.hashed(typed))
    return Attempt("right", person)


def left(person: Person, now: datetime) -> float:
    """Seconds before anything may be tried on this account."""
    return max(0.0, (person.locked_until - now).total_seconds()) if person.locked_until else 0.0


def failed(conn: Connection, person: Person | None, address: str, now: datetime, *, count: bool = True) -> float:
    """Note a wrong attempt; returns the seconds that this account is closed for now.

    count: whether it counts against the account.
    """
    name, role = (person.name, str(person.role)) if person else ("", "")
    who, wait = Who(name, role, address), 0.0
    if person and count:
        asked = {"id": person.id, "now": now, "since": now - timedelta(seconds=ACCOUNT.forgotten)}
        row = conn.execute(_sql("failed"), asked).fetchone()
        wait = ACCOUNT.after(row[0] if row else 0).total_seconds()
    audit.note(conn, who, "login.refused", name or "(no such account)")
    if person and wait:
        conn.execute(_sql("lock"), {"id": person.id, "until": now + timedelta(seconds=wait)})
        audit.note(conn, who, "login.locked", name, after={"seconds": wait})
        log.warning("%d wrong attempts on the account %r: closed for %.0f s", row[0] if row else 0, name, wait)
    return wait


def passed(conn: Connection, person: Person) -> None:
    """All that was asked for was right: what went wrong before is forgotten."""
    conn.execute(_sql("passed"), {"id": person.id})


def half(conn: Connection, secret: str, person: Person, now: datetime) -> str:
    """Says that this account's password was right, for five minutes or until it is changed. secret: IOC_SECRET."""
    until = int((now + _HALF_HOLDS).timestamp())
    return keys.signed(_key(conn, secret, "half"), f"{person.id}.{until}.{_of_password(person)}")


def halfway(conn: Connection, secret: str, shown: str, now: datetime) -> Person | None:
    """Whose password was right, as `half` said; None where that is too long ago, or made up."""
    said = keys.unsigned(_key(conn, secret, "half"), shown)
    number, until, of_password = (said or "").split(".") if said else ("", "", "")
    if not number or now.timestamp() >= int(until):
        return None
    person = people.by_id(conn, int(number))
    return person if person and person.active and of_password == _of_password(person) else None


def remembered(conn: Connection, secret: str, person: Person) -> str:
    """A mark for the machine somebody logged in on: others' wrong attempts do not close the account to it."""
    return keys.signed(_key(conn, secret, "known"), f"{person.id}.{keys.fresh(12)}")


def recognised(conn: Connection, secret: str, mark: str) -> int | None:
    """Whose machine it is by its mark; None where that is made up."""
    said = keys.unsigned(_key(conn, secret, "known"), mark)
    return int(said.partition(".")[0]) if said else None


def code(conn: Connection, secret: str, person: Person, typed: str, now: datetime) -> str:
    """Use a code of the authenticator, or a recovery code; returns which: code, recovery, or "" where it is wrong.

    Each is good once. secret: IOC_SECRET.
    """
    spare = codes.recovery(typed)
    if spare is not None:
        used = conn.execute(_sql("use_recovery"), {"id": person.id, "code": spare}).fetchone()
        return "recovery" if used else ""
    seed = codes.opened(kept.secret(conn, secret), person.id, person.totp or b"")
    if seed is None:
        log.error("the codes of %r were set up with another IOC_SECRET: `ioc users change %s --no-code`, "
                  "then they set them up anew", person.name, person.name)  # fmt: skip
        return ""
    step = codes.step(seed, typed, now, person.totp_step)
    if step is None or conn.execute(_sql("use_step"), {"id": person.id, "step": step}).fetchone() is None:
        return ""
    return "code"


def set_codes(
    conn: Connection, who: Who, secret: str, person: Person, seed: str, used: int, *, keep: str = ""
) -> list[str]:
    """From now on a code is asked for, and sessions that were opened without one end, but `keep` (Holder.session).

    Returns recovery codes, which are shown this once. used: the interval whose code confirmed the seed. secret:
    IOC_SECRET.
    """
    spare = codes.recovery_codes()
    kept_codes = [codes.recovery(one) for one in spare]
    sealed = codes.sealed(kept.secret(conn, secret), person.id, seed)
    conn.execute(_sql("set_codes"), {"id": person.id, "totp": sealed, "step": used, "recovery": kept_codes})
    sessions.close_all(conn, person.id, keep=keep)
    audit.note(conn, who, "person.codes", person.name, after={"asked": True})
    return spare


def clear_codes(conn: Connection, who: Who, person: Person) -> None:
    """No code is asked for any more."""
    conn.execute(_sql("clear_codes"), {"id": person.id})
    audit.note(conn, who, "person.codes", person.name, after={"asked": False})


def first_account(conn: Connection, password: str, breached: str = "") -> Person | None:
    """The account `admin` with this password (IOC_PASSWORD), where there is none at all; else None, and nothing is
    changed. Raises WeakPasswordError.
    """
    conn.execute(_sql("alone"))
    if people.exist(conn):
        return None
    passwords.check(password, ("admin", "ioc"), breached)
    new = people.New(name="admin", role=Role.ADMINISTRATOR, password=passwords.hashed(password))
    return people.add(conn, Who("ioc", "", ""), new)


def somebody_in_charge(conn: Connection) -> Person:
    """The administrator who has been one for longest; made, without a password, where nobody is one."""
    conn.execute(_sql("alone"))
    found = people.first(conn)
    if found is None:
        free = next(n for n in ("admin", *(f"admin{i}" for i in range(2, 1000))) if people.find(conn, n) is None)
        found = people.add(conn, Who("ioc", "", "terminal"), people.New(name=free, role=Role.ADMINISTRATOR))
    return found


def _key(conn: Connection, secret: str, purpose: str) -> bytes:
    return keys.derived(kept.secret(conn, secret), purpose)


def _of_password(person: Person) -> str:
    return keys.written(keys.kept(person.password)[:9])


def _sql(name: str) -> bytes:
    return queries.load("people")[name]
