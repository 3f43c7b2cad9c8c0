"""An event is open: a warning of some severity, or a report nobody has finished in time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import Field

from alerts.verdict import Spec, Verdict
from ioc.config.types import Duration, Model
from ioc.store import rules as store

if TYPE_CHECKING:
    from alerts.verdict import Known, Tick, Watched
    from ioc.config.rules import Rule
    from ioc.store.database import Connection


class Options(Model):
    """
    kinds: event kinds; empty means any; a trailing * matches the rest. The rule's scope (feeds, domains, areas) applies
    as well. severity: the least severity, 0 none .. 4 extreme. overdue: only once it has been open for this long.
    """

    kinds: list[str] = []
    severity: int = Field(default=0, ge=0, le=4)
    overdue: Duration | None = None


def specs(_rule: Rule, _options: Options, _known: Known) -> list[Spec]:
    return []  # events are not series


def window(_options: Options) -> timedelta:
    """It looks at what stands now."""
    return timedelta(0)


def evaluate(conn: Connection, tick: Tick) -> list[Verdict]:
    """All rules of this kind at once."""
    wanted = [_wanted(w) for w in tick.rules.values() if w.rule.kind == "events"]
    return [_verdict(row, tick) for row in store.open_events(conn, tick.at, wanted)] if wanted else []


def _wanted(watched: Watched) -> dict[str, Any]:
    scope, options = watched.rule.scope, watched.options
    return {
        "rule_id": watched.id, "kinds": [store.like(k) for k in options.kinds], "severity": options.severity,
        "overdue": options.overdue.total_seconds() if options.overdue else None, "feeds": scope.feeds,
        "areas": scope.areas, "domains": scope.domains,
    }  # fmt: skip


def _verdict(row: dict[str, Any], tick: Tick) -> Verdict:
    if not row["active"]:
        return Verdict(row["rule_id"], row["target"], "false", tick.at)
    event_id = int(row["target"].removeprefix("event:"))
    return Verdict(row["rule_id"], row["target"], "true", tick.at, value=float(row["severity"]), since=row["opened_at"],
                   feed_id=row["feed_id"], event_id=event_id)  # fmt: skip
