"""Rules that screens want tested on the past: taken from the store, worked out, and answered there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from alerts import backtest, targets
from alerts.verdict import Known
from ioc.config.rules import Rule
from ioc.errors import IocError, StoreAway
from ioc.store import rule_tests
from ioc.store import rules as store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from alerts.verdict import Watched
    from ioc.config.thresholds import ThresholdPack
    from ioc.store.database import Connection

LONGEST = timedelta(days=400)


def watch(conn: Connection, rule: Rule, packs: Mapping[str, ThresholdPack], day: datetime, zone: ZoneInfo) -> Watched:
    """The rule as the engine would see it on that day. Raises ValidationError, LookupError, ValueError."""
    others = {r.key: Rule.model_validate(r.settings) for r in store.rules(conn)}
    local = day.astimezone(zone).date()
    return targets.watch(0, rule, Known(packs, local, store.metric_units(conn), {**others, rule.key: rule}, zone))


def turn(conn: Connection, packs: Mapping[str, ThresholdPack], zone: ZoneInfo) -> bool:
    """Answer one; False where nobody asks."""
    asked = rule_tests.take(conn)
    if asked is None:
        return False
    try:
        found = _answered(conn, asked, packs, zone)
    except StoreAway:
        raise
    except ValidationError as error:
        rule_tests.done(conn, asked.id, None, said(error))
    except (IocError, LookupError, ValueError) as error:
        rule_tests.done(conn, asked.id, None, str(error))
    else:
        rule_tests.done(conn, asked.id, found)
    return True


def _answered(
    conn: Connection, asked: rule_tests.Asked, packs: Mapping[str, ThresholdPack], zone: ZoneInfo
) -> dict[str, Any]:
    if asked.end - asked.start > LONGEST:
        raise ValueError(f"at most {LONGEST.days} days at once")
    watched = watch(conn, Rule.model_validate(asked.rule), packs, asked.end, zone)
    return backtest.run(conn, watched, zone, asked.start, asked.end).as_json()


def said(error: ValidationError) -> str:
    """Each fault with its place."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}".lstrip(": ")
                     for e in error.errors())  # fmt: skip


def working(
    packs: Callable[[], Mapping[str, ThresholdPack]], zone: Callable[[], ZoneInfo]
) -> Callable[[Connection], object]:
    """The job: whatever is asked, one after the other."""

    def work(conn: Connection) -> None:
        while turn(conn, packs(), zone()):
            pass
        rule_tests.forget(conn)

    return work
