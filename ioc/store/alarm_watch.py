"""Whether alarms are judged and mails about them arrive: facts in, one word out. Shared by walls and watchdog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ioc.store import snapshot

if TYPE_CHECKING:
    from datetime import datetime

    from ioc.records import Micros
    from ioc.store.database import Connection

TICK_S = 5.0  # between two evaluations of the rules
TICKS = 2  # so many may be missed
_SLACK_S = 1.0  # a tick takes a moment
_MAIL_SLACK_S = 60.0


class Watch(NamedTuple):
    """late: rules are not judged, since `judged` (None: ever); mail_late: no test mail arrives, since `mailed`."""

    late: bool
    judged: Micros | None
    mail_late: bool
    mailed: Micros | None


def look(row: dict[str, Any], now: Micros, missed: int) -> Watch:
    """Pure. row: of `snapshot.judging`. Times are said only while late, so that news of it is rare."""
    late = row["judged"] is None or now - row["judged"] > (TICKS * TICK_S + _SLACK_S) * 1e6
    proof = max(row["mailed"] or 0, row["since"] or 0)
    mail_late = not late and bool(proof) and now - proof > (missed * row["every"] + _MAIL_SLACK_S) * 1e6
    return Watch(late, row["judged"] if late else None, mail_late, row["mailed"] if mail_late else None)


def unwell(conn: Connection, at: datetime, missed: int) -> str:
    """Why the watcher outside must not be told that all is well; '' where it is."""
    found = look(snapshot.judging(conn), round(at.timestamp() * 1e6), missed)
    if found.late:
        return "the rules are not being judged"
    return "no test mail arrives" if found.mail_late else ""
