"""A check's report in lines of text, for the terminal and for the Feeds page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.check import local
from ingest.names import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.check import Outcome, Report
    from ioc.config.folder import CityFolder


def lines(report: Report, folder: CityFolder, most: int) -> Iterator[str]:
    """Faults, then each message with what becomes of it, up to `most` messages."""
    for fault in report.faults:
        yield f"FAULT  {fault}"
    for number, outcome in enumerate(report.outcomes[:most], 1):
        yield from _told(number, outcome, folder)
    if len(report.outcomes) > most:
        yield f"... and {len(report.outcomes) - most} more"


def _told(number: int, outcome: Outcome, folder: CityFolder) -> Iterator[str]:
    yield f"{number:4}  {outcome.fate:<11} {clean(outcome.topic)}" + (f"   {outcome.why}" if outcome.why else "")
    for r in outcome.readings:
        about = folder.metrics.get(r.metric)
        value = f"{r.value:.{about.decimals}f}" if about else f"{r.value:g}"
        said = f" (from {r.said:g})" if r.said is not None else ""
        when = local(r.time, folder.city.tz)
        fault = f"   SUSPECT: {r.fault}" if r.fault else ""
        source = f"[sensor from {r.sensor_from}, time from {r.time_from}]"
        yield f"        {r.sensor}  {r.metric} = {value} {r.unit}{said}  at {when}  {source}{fault}"
    yield from (f"        {line}" for line in outcome.others)
    yield from (f"        not stored: {count} x {reason}" for reason, count in outcome.dropped.items())
    if outcome.words:
        yield f"        no number: {outcome.words}; `states` turns words into numbers, `decimal` reads 1.234,5"


def summary(report: Report) -> str:
    """One line that accounts for every message and reading."""
    fates = report.fates
    words = [f"{fates[fate]} {fate}" for fate in ("stored", "duplicate", "quarantined", "ignored") if fates[fate]]
    readings = [r for outcome in report.outcomes for r in outcome.readings]
    suspect = sum(bool(r.fault) for r in readings)
    dropped = sum(sum(outcome.dropped.values()) for outcome in report.outcomes)
    counts = f"{len(readings) - suspect} good, {suspect} suspect, {dropped} not stored"
    return (
        f"{len(report.outcomes)} messages: {', '.join(words) or 'none'}. {len(readings) + dropped} readings: {counts}."
    )
