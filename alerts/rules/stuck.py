"""A sensor's value has not moved for too long, or another standing fault of its data."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from alerts import signals
from alerts.levels import at_least
from alerts.verdict import Limit, Spec, Verdict
from ioc.config.types import Duration, Model
from ioc.store import rules as store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alerts.verdict import Inputs, Known, Point, Tick
    from ioc.config.rules import Rule
    from ioc.records import Micros
    from ioc.store.database import Connection

TAKES_DOUBTFUL = True  # a series that data quality calls stuck is just what is looked for


class Options(Model):
    """
    faults: kinds of data quality that count: stuck, range, rate, skew, gap, future, past, not_finite, flood; what stuck
    is says each metric. Or still: no sample differed by more than `tolerance` for this long, whatever the metric says.
    """

    faults: list[str] = []
    still: Duration | None = Field(default=None, gt=timedelta(0))
    tolerance: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Options:
        if self.faults and self.still is not None:
            raise ValueError("give either faults or still")
        return self


def specs(_rule: Rule, options: Options, _known: Known) -> list[Spec]:
    if options.still is None:
        return [Spec()]
    return [Spec((Limit(at_least(options.still.total_seconds()), 1e-6),))]


def window(options: Options) -> timedelta:
    return timedelta(0) if options.still is None else options.still * 1.5


def signal(inputs: Inputs, options: Options, since: Micros) -> Iterator[Point]:
    """Seconds for which the value has stayed where it is. Only samples count: a silent sensor is not stuck."""
    begun, low, high = None, 0.0, 0.0
    for at, value in inputs[""].samples:
        low, high = min(low, value), max(high, value)
        if begun is None or high - low > options.tolerance:
            begun, low, high = at, value, value
        if at > since:
            yield at, (at - begun) / 1e6


def evaluate(conn: Connection, tick: Tick) -> list[Verdict]:
    """All rules of this kind at once: what data quality says, and what stands still."""
    found: list[Verdict] = []
    by_fault = {i: w.options.faults or ["stuck"] for i, w in tick.of("stuck").items() if w.options.still is None}
    if by_fault:
        found += [_verdict(row, tick) for row in store.faulty(conn, by_fault)]
    return found + signals.evaluate(conn, tick, "stuck", sys.modules[__name__], lambda w: w.options.still is not None)


def _verdict(row: dict[str, Any], tick: Tick) -> Verdict:
    truth = "true" if row["active"] else "false"
    return Verdict(row["rule_id"], f"series:{row['series_id']}", truth, tick.at, row["value"], since=row["since"],  # type: ignore[arg-type]
                   series_id=row["series_id"])  # fmt: skip
