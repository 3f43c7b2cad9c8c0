"""A sensor's value has not moved for longer than its metric allows, or another standing fault of its data."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from alerts.verdict import Spec, Verdict
from ioc.config.types import Model
from ioc.store import rules as store

if TYPE_CHECKING:
    from alerts.verdict import Known, Tick
    from ioc.config.rules import Rule
    from ioc.store.database import Connection


class Options(Model):
    """faults: kinds of data quality that count: stuck, range, rate, skew, gap, future, past, not_finite, flood."""

    faults: list[str] = ["stuck"]


def specs(_rule: Rule, _options: Options, _known: Known) -> list[Spec]:
    return [Spec()]


def window(_options: Options) -> timedelta:
    """It looks at what stands now."""
    return timedelta(0)


def evaluate(conn: Connection, tick: Tick) -> list[Verdict]:
    """All rules of this kind at once."""
    if not any(w.rule.kind == "stuck" for w in tick.rules.values()):
        return []
    return [_verdict(row, tick) for row in store.faulty(conn) if row["rule_id"] in tick.rules]


def _verdict(row: dict[str, Any], tick: Tick) -> Verdict:
    truth = "true" if row["active"] else "false"
    return Verdict(row["rule_id"], f"series:{row['series_id']}", truth, tick.at, row["value"], since=row["since"],  # type: ignore[arg-type]
                   series_id=row["series_id"])  # fmt: skip
