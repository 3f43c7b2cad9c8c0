"""Accounts: who may do most without a second factor, who never came or is locked, links that still let somebody in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ioc.access.rights import Role
from ioc.doctor.case import note, weak

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ioc.doctor.case import Case, Finding
    from ioc.store.checkup import OneTime
    from ioc.store.people import Person

_MOST_ADMINISTRATORS = 5
_NEVER, _LONG = timedelta(days=14), timedelta(days=90)


def accounts(case: Case) -> Iterator[Finding]:
    from ioc.access.passwords import outdated
    from ioc.store import people

    found = people.everybody(case.store)
    asked = bool(case.settings.auth or case.settings.oidc_issuer)
    yield from judge(found, case.now, others_ask=asked)
    yield from hashes([p.name for p in found if p.active and p.password and outdated(p.password)])


def judge(found: Sequence[Person], now: datetime, *, others_ask: bool) -> Iterator[Finding]:
    """others_ask: a provider or proxy says who people are, or nobody is asked."""
    active = [p for p in found if p.active]
    if not active and not others_ask:
        yield weak("people.none", "there is no account: nobody can log in", "ioc users add NAME --role administrator")
    yield from _administrators([p for p in active if p.role == Role.ADMINISTRATOR])
    yield from _unused(active, now)
    if locked := [p.name for p in active if p.locked_until and p.locked_until > now]:
        yield note(
            "people.locked",
            f"somebody tried wrong passwords of {_named(locked)} until it was locked",
            "ioc audit search --deed login. says from where",
        )
    if gone := [p.name for p in found if p.disabled_at and p.disabled_at < now - _LONG]:
        yield note("people.disabled", f"disabled for 90 days: {_named(gone)}", "ioc users remove NAME")


def _administrators(found: Sequence[Person]) -> Iterator[Finding]:
    """Whom a provider lets in has its second factor there."""
    bare = [p.name for p in found if not p.issuer and p.totp is None]
    if bare:
        yield weak(
            "people.no_codes",
            f"a stolen password is enough to be administrator: no one-time codes asked of {_named(bare)}",
            "each of them: log in, Account, one-time codes",
        )
    if len(found) > _MOST_ADMINISTRATORS:
        yield weak(
            "people.administrators",
            f"{len(found)} accounts may do everything: {_named([p.name for p in found])}",
            "ioc users change NAME --role manager, for those who need no more",
        )


def _unused(active: Sequence[Person], now: datetime) -> Iterator[Finding]:
    if never := [p.name for p in active if p.seen_at is None and p.created_at < now - _NEVER]:
        yield weak("people.never", f"never logged in, since 14 days or more: {_named(never)}", "ioc users disable NAME")
    if unused := [p.name for p in active if p.seen_at is not None and p.seen_at < now - _LONG]:
        yield weak("people.unused", f"not logged in for 90 days: {_named(unused)}", "ioc users disable NAME")


def hashes(old: Sequence[str]) -> Iterator[Finding]:
    """old: whose password is kept with weaker parameters than today's."""
    if old:
        yield note(
            "people.old_hash",
            f"passwords kept as they were in an older version: {_named(old)}",
            "they are hashed anew when their owners next log in",
        )


def links(case: Case) -> Iterator[Finding]:
    from ioc.store import checkup

    yield from judge_links(checkup.one_time_links(case.store))


def judge_links(found: Sequence[OneTime]) -> Iterator[Finding]:
    if found:
        names = _named([one.name for one in found])
        yield note(
            "people.links",
            f"links that let somebody in once are open: {names}, until {found[0].ends_at:%Y-%m-%d %H:%M} UTC",
            "they end by themselves; a new `ioc users link NAME` ends the one before",
        )


def _named(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


CHECKS = (accounts, links)
