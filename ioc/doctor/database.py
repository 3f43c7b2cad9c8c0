"""The database: who is let in and as whom, whether the way there is encrypted, its schema, its clock, its backups."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from ioc.doctor.case import Finding, Level, loopback, serious, weak
from ioc.errors import StoreError, StoreTooNew

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ioc.doctor.case import Case
    from ioc.store.checkup import Role

_SURE = {"verify-ca", "verify-full"}
_OFF, _FAR_OFF = timedelta(seconds=5), timedelta(seconds=30)  # beyond the latter, one-time codes no longer fit
_DAY = timedelta(days=1)


def way(case: Case) -> Iterator[Finding]:
    """How connections go there."""
    parts = urlsplit(case.settings.database_url)
    hosts = [urlsplit(f"//{one}").hostname or "" for one in parts.netloc.rpartition("@")[2].split(",")]
    away = [host for host in hosts if not loopback(host)]
    mode = parse_qs(parts.query).get("sslmode", ["prefer"])[0]
    if not away or mode in _SURE:
        return
    remedy = "end IOC_DATABASE_URL with ?sslmode=verify-full&sslrootcert=/path/of/ca.pem"
    if mode == "require":
        yield weak(
            "database.unverified",
            f"the way to {', '.join(away)} is encrypted, but whoever stands in it can pose as the database",
            remedy,
        )
    else:
        yield serious(
            "database.plain",
            f"the way to {', '.join(away)} may be plain (sslmode={mode}): data and password can be read on it",
            remedy,
        )


def anybody(case: Case) -> Iterator[Finding]:
    from ioc.store import checkup

    if case.settings.database_url and case.store and checkup.lets_in_anybody(case.settings.database_url):
        yield serious(
            "database.trust",
            "the database lets our user in with any password",
            "write scram-sha-256 instead of trust in pg_hba.conf, give the role a password, and reload",
        )


def role(case: Case) -> Iterator[Finding]:
    from ioc.store import checkup

    yield from judge_role(checkup.role(case.store), embedded=case.data is not None)


def judge_role(role: Role, *, embedded: bool) -> Iterator[Finding]:
    """embedded: the database of an `ioc up`, which serves nothing else."""
    own = "CREATE ROLE ioc LOGIN NOSUPERUSER; ALTER DATABASE ioc OWNER TO ioc; and name that role in IOC_DATABASE_URL"
    if role.superuser:
        yield Finding(
            Level.NOTE if embedded else Level.WEAK,
            "database.superuser",
            f"the centre is superuser of its database ({role.name})"
            + ("; it serves nothing else here" if embedded else ""),
            "for production let a database of your own have a role of its own (ioc deploy)" if embedded else own,
        )
        return
    if role.files:
        yield serious(
            "database.files",
            f"{role.name} may read files or run programs of the database server",
            f"REVOKE pg_read_server_files, pg_write_server_files, pg_execute_server_program FROM {role.name}",
        )
    if role.may:
        yield weak(
            "database.role",
            f"{role.name} may {', '.join(role.may)}, which nothing here needs",
            f"ALTER ROLE {role.name} NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS",
        )
    if role.others:
        yield Finding(
            Level.WEAK, "database.others", f"{role.name} owns other databases too: {', '.join(role.others)}", own
        )
    if role.public_create:
        yield weak(
            "database.public",
            "everybody who can log in to the database may make tables beside ours",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        )


def schema(case: Case) -> Iterator[Finding]:
    from ioc.store import migrate

    try:
        todo = len(migrate.plan(case.store).run)
    except StoreTooNew as error:
        yield serious("database.too_new", str(error), "upgrade IOC on this machine")
        return
    except StoreError as error:
        yield serious("database.unsound", str(error), "do what it says, and look again")
        return
    if todo:
        yield weak("database.schema", f"the database is {todo} steps behind this version", "ioc migrate")


def clock(case: Case) -> Iterator[Finding]:
    """The local clock halfway through the question against the database's answer."""
    from ioc.store import checkup

    before, began = datetime.now(UTC), time.monotonic()
    there = checkup.clock(case.store)
    yield from judge_clock(there - (before + timedelta(seconds=(time.monotonic() - began) / 2)))


def judge_clock(off: timedelta) -> Iterator[Finding]:
    if abs(off) > _OFF:
        level = Level.SERIOUS if abs(off) > _FAR_OFF else Level.WEAK
        ahead = "ahead of" if off > timedelta(0) else "behind"
        yield Finding(
            level,
            "database.clock",
            f"the database's clock is {abs(off).total_seconds():.0f} s {ahead} this machine's: "
            "one-time codes and links fail, ages are wrong",
            "let both follow the time: systemctl enable --now systemd-timesyncd, or chrony",
        )


def backup(case: Case) -> Iterator[Finding]:
    """The newest that is known: noted by `ioc backup`, or lying at --backup."""
    from ioc.store import checkup

    known = [_newest(case), checkup.last_backup(case.store) if case.conn else None]
    last = max((one for one in known if one), default=None)
    remedy = "ioc backup FILE every night, to another machine; try `ioc restore` once"
    if last is None:
        level = Level.NOTE if case.data else Level.WEAK
        yield Finding(level, "database.no_backup", "no backup is known", remedy + ". Others' backups: --backup DIR")
    elif case.now - last > _DAY:
        days = (case.now - last).days
        yield Finding(
            Level.WEAK, "database.backup", f"the last backup is of {last:%Y-%m-%d %H:%M} UTC, {days} days ago", remedy
        )


def _newest(case: Case) -> datetime | None:
    if case.backup is None:
        return None
    files = [f for f in case.backup.rglob("*") if f.is_file()] if case.backup.is_dir() else [case.backup]
    times = [f.stat().st_mtime for f in files if f.exists()]
    return datetime.fromtimestamp(max(times), UTC) if times else None


CHECKS = (way, anybody, role, schema, clock, backup)
