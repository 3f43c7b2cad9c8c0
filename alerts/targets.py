"""Rules of the folder in, what each watches out: rules in force, and rule_target kept as they and the registry say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from alerts.verdict import Watched
from ioc import plugins
from ioc.config.rules import Rule
from ioc.store import rules as store
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from alerts.verdict import Spec
    from ioc.config.thresholds import ThresholdPack
    from ioc.store.database import Connection

KINDS = "alerts.rules"


def in_force(conn: Connection) -> dict[int, Watched]:
    """The rules that are switched on, by id. One that cannot be understood is left out: the others go on."""
    found = {}
    for row in store.rules(conn):
        if not row.enabled:
            continue
        try:
            rule = Rule.model_validate(row.settings)
            found[row.id] = Watched(row.id, rule, plugins.load(KINDS, rule.kind).Options.model_validate(rule.options))
        except (ValidationError, LookupError):
            continue
    return found


def rebuild(
    conn: Connection, rules: Mapping[int, Watched], packs: Mapping[str, ThresholdPack], day: date, *, after: int = 0
) -> int:
    """Bring rule_target up to date: all of it, or just for series with an id above `after`."""
    rows = []
    for watched in rules.values():
        try:
            levels = plugins.load(KINDS, watched.rule.kind).specs(watched.rule, watched.options, packs, day)
        except ValueError:
            continue  # `ioc check` and the folder's loading say what is wrong with it
        rows += [_row(watched, spec, place) for place, spec in enumerate(levels)]
    with transaction(conn):
        return store.set_targets(conn, rows, after=after)


def _row(watched: Watched, spec: Spec, place: int) -> dict[str, Any]:
    """The rule's scope and one level's own stations, for SQL."""
    scope = watched.rule.scope
    named = list(spec.sensors) or (scope.sensors if not any("*" in s for s in scope.sensors) else [])
    return {
        "rule_id": watched.id, "place": place, "metrics": _both(scope.metrics, spec.metrics), "domains": scope.domains,
        "feeds": scope.feeds, "keys": sorted(set(named)), "patterns": [store.like(s) for s in scope.sensors],
        "areas": scope.areas, "raise": spec.raise_at, "clear": spec.clear_at, "direction": spec.direction,
        "quiet": spec.quiet_after,
    }  # fmt: skip


def _both(scope: list[str], level: tuple[str, ...]) -> list[str]:
    """Metrics that both allow; a level of another metric than the scope's matches nothing."""
    if not scope or not level:
        return sorted({*scope, *level})
    return sorted(set(scope) & set(level)) or ["\N{EMPTY SET}"]
