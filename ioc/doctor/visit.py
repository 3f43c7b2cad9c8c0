"""One visit: every check of every room on one case, each on its own, and what they found, worst first."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ioc.doctor import audit, broker, certificates, database, files, host, keys, packages, people, reach, settings
from ioc.doctor.case import Finding, Level, Unseen, note, serious
from ioc.errors import IocError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ioc.doctor.case import Case, Check

log = logging.getLogger(__name__)
ROOMS: Mapping[str, Sequence[Check]] = {
    "settings": settings.CHECKS,
    "reach": reach.CHECKS,
    "certificates": certificates.CHECKS,
    "database": database.CHECKS,
    "broker": broker.CHECKS,
    "people": people.CHECKS,
    "keys": keys.CHECKS,
    "audit": audit.CHECKS,
    "files": files.CHECKS,
    "host": host.CHECKS,
    "packages": packages.CHECKS,
}


def look(case: Case, away: str = "", rooms: Mapping[str, Sequence[Check]] = ROOMS) -> list[Finding]:
    """What all checks found, worst first. away: why there is no connection; said once, not by each check."""
    found: list[Finding] = []
    if case.conn is None and away:
        found.append(
            serious(
                "database.away",
                f"the database cannot be looked at: {away}",
                "set IOC_DATABASE_URL, or start it; accounts, keys and the audit were not looked at",
            )
        )
    for room, checks in rooms.items():
        for check in checks:
            found += _one(check, case, f"{room}.{check.__name__}")
    return sorted(found, key=lambda one: one.level)


def _one(check: Check, case: Case, name: str) -> list[Finding]:
    try:
        return list(check(case))
    except Unseen as why:
        if case.conn is None and str(why) == "the database is away":
            return []
        return [note(f"{name}.unseen", f"not looked at: {why}", "")]
    except (IocError, OSError) as error:
        return [note(f"{name}.unseen", f"not looked at: {error}", "mend that, and look again")]
    except Exception as error:  # a check that is wrong must not keep the others from being read
        log.debug("check %s failed", name, exc_info=True)
        return [
            Finding(
                Level.NOTE, f"{name}.failed", f"the check {name} failed: {type(error).__name__}: {error}", "tell us"
            )
        ]


def as_json(found: Sequence[Finding], case: Case) -> dict[str, Any]:
    """For a program: findings worst first, and how many of each level."""
    counts = {level.name.lower(): sum(one.level == level for one in found) for level in Level}
    told = [{"level": f.level.name.lower(), "about": f.about, "what": f.what, "remedy": f.remedy} for f in found]
    return {"at": case.now.isoformat(timespec="seconds"), **counts, "findings": told}
