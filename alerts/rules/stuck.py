"""A sensor's value has not moved for longer than its metric allows, or another standing fault of its data."""

from __future__ import annotations

from ioc.config.types import Model


class Options(Model):
    """faults: kinds of data quality that count: stuck, range, rate, skew, gap, future, past, not_finite, flood."""

    faults: list[str] = ["stuck"]
