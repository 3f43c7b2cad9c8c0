"""Deeds in, one row each in a log that nobody can rewrite unseen: noted in the transaction of the deed itself.

Numbering and hashing are the database's (sql/tables/091_audit.sql), so no writer can forget them.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ioc.access.holder import Who
from ioc.store import queries

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ioc.store.database import Connection

_DEED = re.compile(r"[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)?")
_SECRET = re.compile(r"passw|secret|hash|totp|recovery|cookie|private|credential|^(token|otp|codes?)$", re.IGNORECASE)
_HIDDEN = "•••"
_MOST = 32_768  # bytes of JSON on either side: a folder of a thousand files changed at once is summed up
_UNFIT = re.compile("[\0\ud800-\udfff]")  # what jsonb cannot hold


class Deed(NamedTuple):
    """What was done to what. before, after: anything JSON can say; what is not there is None."""

    deed: str
    subject: str
    before: Any = None
    after: Any = None


def note(conn: Connection, who: Who, deed: str, subject: str, *, before: Any = None, after: Any = None) -> None:
    """`who` did this. deed: noun.verb, as `alarm.acknowledge`. Is kept if, and only if, the caller's transaction is.

    What is named like a secret is left out; still, give none. Raises ValueError on a deed of another form.
    """
    note_all(conn, who, [Deed(deed, subject, before, after)])


def note_all(conn: Connection, who: Who, deeds: Iterable[Deed]) -> None:
    """As `note`, many at once."""
    entries = [_entry(deed) for deed in deeds]
    if entries:
        values = {"who": _fit(who.name), "role": _fit(str(who.role)), "address": _fit(who.address)}
        conn.execute(queries.load("audit")["note"], {**values, "entries": orjson.dumps(entries).decode()})


def speak(conn: Connection, who: Who, *, always: bool = False) -> None:
    """What the tables themselves note is `who`'s from here on, in this transaction, or on this connection always."""
    values = {"who": _fit(who.name), "role": _fit(str(who.role)), "address": _fit(who.address), "local": not always}
    conn.execute(queries.load("audit")["speak"], values)


def terminal() -> Who:
    """Who sits at this terminal: of the process, since an environment says whatever one likes."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return Who(name, "", "terminal")


def _entry(deed: Deed) -> dict[str, Any]:
    if not _DEED.fullmatch(deed.deed):
        raise ValueError(f"a deed is called noun.verb, not {deed.deed!r}")
    return {"deed": deed.deed, "subject": _fit(deed.subject), "before": _side(deed.before), "after": _side(deed.after)}


def _side(value: Any) -> Any:
    """One side as JSON: without secrets, of bounded size."""
    shown = orjson.loads(orjson.dumps(_fit(value), default=_plain, option=orjson.OPT_NON_STR_KEYS))
    text = orjson.dumps(shown)
    if len(text) <= _MOST:
        return shown
    begins = text[:2000].decode("utf-8", "ignore")
    return {"too_long": len(text), "sha256": hashlib.sha256(text).hexdigest(), "begins": begins}


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_fit(str(key)): _kept(str(key), inner) for key, inner in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _fit(value._asdict())
    if isinstance(value, int) and abs(value) >= 2**63:
        return str(value)
    return [_fit(inner) for inner in value] if isinstance(value, list | tuple | set | frozenset) else value


def _kept(key: str, value: Any) -> Any:
    return _HIDDEN if value and not isinstance(value, bool) and _SECRET.search(key) else _fit(value)


def _plain(value: Any) -> Any:
    """What JSON has no word for."""
    return str(value)
