"""Publishers: names with feeds and hashed passwords in; who may publish now out. Every change is noted in the audit."""

from __future__ import annotations

from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from ioc.access.brokers import Hashes, PublisherError, check_free, check_topic
from ioc.store import audit, queries
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ioc.access.holder import Who
    from ioc.store.database import Connection


class Publisher(NamedTuple):
    """One for people to see. valid: neither revoked nor expired."""

    name: str
    feeds: list[str]
    topics: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str
    valid: bool


class Valid(NamedTuple):
    """One as a broker's files need it."""

    name: str
    feeds: list[str]
    topics: list[str]
    bcrypt: str
    pbkdf2: str


def add(
    conn: Connection,
    who: Who,
    name: str,
    hashes: Hashes,
    *,
    feeds: Sequence[str] = (),
    topics: Sequence[str] = (),
    expires: datetime | None = None,
) -> None:
    """Raises PublisherError on a bad or taken name, an unknown feed, or nothing to publish."""
    check_free(name)
    for topic in topics:
        check_topic(topic)
    if not feeds and not topics:
        raise PublisherError("say what it may publish: --feed KEY, or --topic FILTER for what no feed declares yet")
    with transaction(conn) as inside:
        _know(declared(inside), feeds)
        values = {"name": name, "feeds": list(feeds), "topics": list(topics), "by": who.name, "expires": expires}
        if _run(inside, "add", **values, **_both(hashes)) is None:
            raise PublisherError(f"there is, or was, a publisher {name!r}: a name is never given twice, take another")
        audit.note(inside, who, "publisher.add", name, after=_shown(feeds, topics, expires))


def revoke(conn: Connection, who: Who, name: str) -> None:
    """From now on it may not publish. Raises PublisherError where it may not already."""
    with transaction(conn) as inside:
        before = _one(inside, name)
        _run(inside, "revoke", name=name, by=who.name)
        audit.note(inside, who, "publisher.revoke", name, before=_shown(before.feeds, before.topics, before.expires_at))


def renew(conn: Connection, who: Who, name: str, hashes: Hashes, *, expires: datetime | None = None) -> Publisher:
    """A new password, and a new end; the old password is worth nothing from now on. Raises PublisherError."""
    with transaction(conn) as inside:
        before = _one(inside, name)
        if before.expires_at is not None and expires is None:
            raise PublisherError(f"{name} has an end, {before.expires_at:%Y-%m-%d}: say the new one, --days N")
        _run(inside, "renew", name=name, expires=expires, **_both(hashes))
        ends = [None if end is None else str(end) for end in (before.expires_at, expires)]
        audit.note(inside, who, "publisher.renew", name, before={"expires": ends[0]}, after={"expires": ends[1]})
    return before._replace(expires_at=expires, valid=True)


def listed(conn: Connection) -> list[Publisher]:
    """Every one, who may publish first."""
    return [Publisher._make(row) for row in conn.execute(_sql("list"))]


def valid(conn: Connection) -> list[Valid]:
    """Who may publish now, by the database's clock."""
    return [Valid._make(row) for row in conn.execute(_sql("valid"))]


def clock(conn: Connection) -> datetime:
    """Now, by the database."""
    found = _run(conn, "clock")
    assert found is not None
    return found[0].astimezone(UTC)  # type: ignore[no-any-return]


def declared(conn: Connection) -> dict[str, list[str]]:
    """{feed: its topics} of the city folder as the parts last took it up."""
    return dict(conn.execute(_sql("feeds")).fetchall())


def _one(conn: Connection, name: str) -> Publisher:
    """Held until the end of the transaction. Raises PublisherError."""
    row = conn.execute(_sql("locked"), {"name": name}).fetchone()
    if row is None:
        raise PublisherError(f"there is no publisher {name!r}: see `ioc publishers list`")
    found = Publisher._make(row)
    if found.revoked_at is not None:
        raise PublisherError(f"the publisher {name!r} was revoked on {found.revoked_at:%Y-%m-%d}: add another")
    return found


def _know(known: Mapping[str, Sequence[str]], feeds: Sequence[str]) -> None:
    for key in feeds:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(known)) or 'none yet'}"
            raise PublisherError(f"there is no feed {key!r}; {hint} (--topic FILTER for what no feed declares yet)")


def _shown(feeds: Sequence[str], topics: Sequence[str], expires: datetime | None) -> dict[str, Any]:
    ends = None if expires is None else expires.astimezone(UTC).isoformat(timespec="seconds")
    return {"feeds": list(feeds), "topics": list(topics), "expires": ends}


def _both(hashes: Hashes) -> dict[str, str]:
    return {"bcrypt": hashes.bcrypt, "pbkdf2": hashes.pbkdf2}


def _run(conn: Connection, query: str, **values: Any) -> tuple[Any, ...] | None:
    cursor = conn.execute(_sql(query), values)
    return cursor.fetchone() if cursor.description else None


def _sql(name: str) -> bytes:
    return queries.load("publishers")[name]
