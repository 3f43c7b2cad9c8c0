"""Rules of the folder in, what each watches out: rules in force, and rule_target kept as they and the registry say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from alerts.levels import numbers
from alerts.verdict import Known, Watched
from ioc import plugins
from ioc.config.rules import Rule
from ioc.store import rules as store
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date
    from zoneinfo import ZoneInfo

    from alerts.verdict import Limit, Spec
    from ioc.config.thresholds import ThresholdPack
    from ioc.store.database import Connection

KINDS = "alerts.rules"
MOST = 200_000  # series that one rule may watch, where its kind does not say


def in_force(
    conn: Connection, packs: Mapping[str, ThresholdPack], day: date, zone: ZoneInfo
) -> tuple[dict[int, Watched], dict[int, str]]:
    """The rules that are switched on, by id, and why others of them are left out: the rest goes on."""
    rows = [row for row in store.rules(conn) if row.enabled]
    parsed, wrong = {}, {}
    for row in rows:
        try:
            parsed[row.id] = Rule.model_validate(row.settings)
        except ValidationError as error:
            wrong[row.id] = _said(error)
    known = Known(packs, day, store.metric_units(conn), {r.key: r for r in parsed.values()}, zone)
    found = {}
    for rule_id, rule in parsed.items():
        try:
            found[rule_id] = watch(rule_id, rule, known)
        except (ValidationError, LookupError, ValueError) as error:
            wrong[rule_id] = _said(error)
    return found, wrong


def watch(rule_id: int, rule: Rule, known: Known) -> Watched:
    """The rule as its kind sees it. Raises ValidationError, LookupError, ValueError with what is wrong with it."""
    module = plugins.load(KINDS, rule.kind)
    options = module.Options.model_validate(rule.options)
    specs = tuple(module.specs(rule, options, known))
    if hasattr(module, "resolve"):
        options = module.resolve(rule, options, known)
    return Watched(rule_id, rule, options, specs)


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}".lstrip(": ") for e in error.errors())
    return str(error)


def rebuild(
    conn: Connection, rules: Mapping[int, Watched], wrong: Mapping[int, str] | None = None, *, after: int = 0
) -> int:
    """Bring rule_target and rule_input up to date: all of it, or just for series with an id above `after`.

    What is wrong with rules, and that they watch nothing or too much, is told to their owners by rule_health.
    """
    with transaction(conn):
        changed, huge = store.set_targets(conn, rows(rules.values()), after=after)
        if after == 0 or changed:
            warnings = dict.fromkeys(rules, "") | dict(wrong or {}) | {i: _huge(*n) for i, n in huge.items()}
            inputs = {i for i, w in rules.items() if any(s.per != "series" for s in w.specs)}
            store.say_targets(conn, warnings, inputs, {i for i, w in rules.items() if w.specs})
    return changed


def _huge(count: int, most: int) -> str:
    return f"watches nothing: its scope has {count} series, at most {most} are allowed; narrow it by feed, area or tag"


def rows(rules: Iterable[Watched]) -> list[dict[str, Any]]:
    """What they watch and at which levels, as SQL takes it: one row a spec."""
    return [_row(watched, spec, place) for watched in rules for place, spec in enumerate(watched.specs)]


def _row(watched: Watched, spec: Spec, place: int) -> dict[str, Any]:
    """The rule's scope and one spec's own sensors and levels, for SQL.

    Where SQL can tell by the newest value alone (the kind has no signal), the lowest level stands in columns.
    """
    scope, module = watched.rule.scope, plugins.load(KINDS, watched.rule.kind)
    named = list(spec.sensors) or (scope.sensors if not any("*" in s for s in scope.sensors) else [])
    own = any(level.own for level in spec.levels)
    direct = not hasattr(module, "signal")
    up = [n for n in numbers(spec.levels) if n[2] > 0]
    down = [n for n in numbers(spec.levels) if n[2] < 0]
    first = min(up) if up else max(down, default=(None, None, 1))
    several = len(spec.levels) > 1 or not direct
    patterns = [] if spec.per == "each" else [store.like(s) for s in scope.sensors]
    alone = spec.per == "each"  # what joins every target is where it is, not where they are
    return {
        "rule_id": watched.id, "place": place, "metrics": _both(scope.metrics, spec.metrics, spec.per),
        "domains": [] if alone else scope.domains, "feeds": [] if alone else scope.feeds,
        "keys": sorted(set(named if not alone else spec.sensors)), "patterns": patterns,
        "areas": [] if alone else scope.areas, "tags": [] if alone else scope.tags,
        "raise": first[0] if direct and not own else None, "clear": first[1] if direct and not own else None,
        "direction": first[2], "low": max(down)[0] if direct and up and down and not own else None,
        "levels": _as_objects(spec.levels) if own else (numbers(spec.levels) or None) if several else None,
        "own": own, "direct": direct, "quiet": spec.quiet_after, "name": spec.name, "per": spec.per,
        "most": getattr(module, "MOST", MOST),
    }  # fmt: skip


def _as_objects(levels: Sequence[Limit]) -> list[dict[str, Any]]:
    """For SQL to look up what the sensors' own properties say."""
    return [
        {
            "raise": None if isinstance(v.raise_at, str) else v.raise_at,
            "raise_from": v.raise_at if isinstance(v.raise_at, str) else None,
            "clear": None if isinstance(v.clear_at, str) else v.clear_at,
            "clear_from": v.clear_at if isinstance(v.clear_at, str) else None,
            "band": v.band, "direction": v.direction, "factor": v.factor, "offset": v.offset,
        }
        for v in levels
    ]  # fmt: skip


def _both(scope: list[str], level: tuple[str, ...], per: str) -> list[str]:
    """Metrics that both allow; an input of another metric than the scope's is what the kind asked for by name."""
    if not scope or not level:
        return sorted({*scope, *level})
    if per != "series":
        return sorted(level)
    return sorted(set(scope) & set(level)) or ["\N{EMPTY SET}"]
