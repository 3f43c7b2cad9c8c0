"""Messages nobody has declared -> proposals: a complete feed file each, how sure it is, and why.

Pure: nothing is read but the messages, and nothing is written. Each proposal is tried on its own messages before it is
made, by the code that a live feed runs.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest import feed_text, guess, mapping_guess, shapes
from ingest.check import check
from ingest.formats._read import text_of
from ingest.formats._values import number, number_or_text, with_unit
from ingest.mapping_guess import Reason
from ioc.config.feeds import Feed
from ioc.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ingest.check import Report
    from ingest.samples import Sample
    from ingest.shapes import Group, Pattern
    from ioc.config.folder import CityFolder
    from ioc.records import Micros

_MOST_SAMPLES = 5  # kept with a proposal
_LONGEST_SAMPLE = 4000  # characters
_WORKED = {"stored", "duplicate"}


class Proposal(NamedTuple):
    """key: the feed file's name. toml: the file, commented. confidence 0..1. outcome: one line, what a trial said."""

    key: str
    topics: list[str]
    format: str
    toml: str
    confidence: float
    reasons: list[Reason]
    samples: list[dict[str, str]]
    messages: int
    outcome: str


def suggest(samples: Iterable[Sample], folder: CityFolder, now: Micros, *, most: int = 200) -> list[Proposal]:
    """The largest groups of messages first, up to `most`. `now` is when the trial happens."""
    taken = set(folder.feeds)
    found = []
    for group in shapes.groups(samples)[:most]:
        made = _propose(group, folder, now, taken)
        taken.add(made.key)
        found.append(made)
    return found


def _propose(group: Group, folder: CityFolder, now: Micros, taken: set[str]) -> Proposal:
    feed, reasons, pattern = _declared(group, folder)
    key = _key(pattern, group, taken)
    feed = {"name": key.replace("_", " ").capitalize(), **feed}
    report = _tried(feed, key, group.samples, folder, now)
    if report is not None and (more := _renamed(report, feed, folder, reasons)):
        feed |= more
        report = _tried(feed, key, group.samples, folder, now) or report
    outcome, share = _outcome(report)
    few = len(group.samples) / (len(group.samples) + 0.3)  # one message may be the odd one
    sure = round(_confidence(reasons, pattern) * share * few, 2)
    reasons.insert(0, Reason("topic", ", ".join(pattern.filters), pattern.sure, pattern.why))
    text = feed_text.write(feed, reasons, sure, outcome) + feed_text.metrics_to_add(_unknown(report, folder))
    return Proposal(
        key, pattern.filters, group.format, text, sure, reasons, _shown(group.samples), len(group.samples), outcome
    )


def _declared(group: Group, folder: CityFolder) -> tuple[dict[str, Any], list[Reason], Pattern]:
    """The feed's keys but its name, why, and its topics."""
    if group.format == "json":
        made = mapping_guess.mapped(group.data, folder.metrics, folder.city.zone)
        pattern = shapes.pattern(group, named=made.named)
        none = {"sentinels": made.sentinels} if made.sentinels else {}
        return {**_feed(pattern, "json", made.options), **none}, list(made.reasons), pattern
    pattern = shapes.pattern(group, named=group.format not in ("value", "csv", ""))
    if group.format == "value":
        options = {"metric": pattern.metric} if pattern.metric else {}
        said = (with_unit(number_or_text(text_of(sample.payload)))[0] for sample in group.samples)
        words = [text for text in said if isinstance(text, str)]
        states = guess.states(words) if words else None
        reasons = [Reason("format", "value", 0.8, "a bare value a message")]
        if states:
            sure = 0.8 if all(word in guess.SWITCH for word in states) else 0.4
            reasons.append(
                Reason("states", ", ".join(states), sure, "words as numbers: correct them where they mean else")
            )
        return {**_feed(pattern, "value", options), **({"states": states} if states else {})}, reasons, pattern
    if group.format == "csv":
        options, reasons = _csv(group.samples[0], folder.city.zone)
        pattern = shapes.pattern(group, named="sensor" in options)
        return _feed(pattern, "csv", options), reasons, pattern
    if group.format:
        why = f"{len(group.samples)} messages look like it"
        return (
            _feed(pattern, group.format, {}),
            [Reason("format", group.format, round(group.score, 2), why)],
            pattern,
        )
    why = "no format was recognised: bytes need a layout, see the format binary"
    return _feed(pattern, "binary", {"encoding": "auto"}), [Reason("format", "binary", 0.05, why)], pattern


def _feed(pattern: Pattern, format_: str, options: dict[str, Any]) -> dict[str, Any]:
    topic = pattern.filters[0] if len(pattern.filters) == 1 else pattern.filters
    feed: dict[str, Any] = {"topic": topic, "format": format_}
    if pattern.sensor:
        feed["sensor"] = pattern.sensor
    return feed | ({"options": options} if options else {})


def _csv(sample: Sample, zone: str) -> tuple[dict[str, Any], list[Reason]]:
    """Options from the header, where there is one."""
    lines = text_of(sample.payload).splitlines()
    mark = max(";\t,", key=lines[0].count)
    first, *rows = list(csv.reader(lines[:50], delimiter=mark))
    header = not any(number(cell) is not None for cell in first)
    names = [name.strip() for name in first] if header else [f"column_{n}" for n in range(1, len(first) + 1)]
    options: dict[str, Any] = {} if header else {"header": False, "columns": names}
    reasons = [Reason("format", "csv", 0.8, f"{len(names)} columns, " + ("named" if header else "without names"))]
    columns = list(zip(*([r for r in rows if len(r) == len(names)] if header else [first, *rows]), strict=False))
    for name, values in zip(names, columns, strict=False):
        role = next((r for r in ("time", "id", "lat", "lon") if guess.is_role(name, r)), None)
        if role == "time" and (found := guess.time_format(values, zone)):
            options |= {"time": name} | ({} if found.what == "auto" else {"time_format": found.what})
            reasons.append(Reason("time", name, found.sure, found.why))
        elif role in ("id", "lat", "lon"):
            options["sensor" if role == "id" else role] = name
            reasons.append(Reason(role, name, 0.9, "by its name"))
    return options, reasons


def _tried(feed: dict[str, Any], key: str, samples: Sequence[Sample], folder: CityFolder, now: Micros) -> Report | None:
    """The group's messages through the proposed feed; None where it cannot be compiled."""
    try:
        declared = Feed.model_validate(feed)
        return check(replace(folder, feeds={key: declared}), key, samples, now)
    except (ValueError, ConfigError):
        return None


def _renamed(report: Report, feed: dict[str, Any], folder: CityFolder, reasons: list[Reason]) -> dict[str, Any]:
    """The payload's names as the city's metrics, with units where the payload says none."""
    values: dict[str, list[float]] = {}
    for outcome in report.outcomes:
        for reading in outcome.readings:
            values.setdefault(reading.metric, []).append(reading.value if reading.said is None else reading.said)
    rename: dict[str, str] = {}
    units: dict[str, str] = dict(feed.get("units", {}))
    for name in sorted(values):
        if name in folder.metrics or (feed["format"] == "json" and name in feed["options"].get("values", {})):
            continue
        found = guess.metric(name, values[name], "", folder.metrics)
        if found.sure >= 0.6 and found.what != name and found.what not in rename.values():
            rename[name] = found.what
            if found.unit and found.what in folder.metrics and found.unit != folder.metrics[found.what].unit:
                units[found.what] = found.unit
        reasons.append(
            Reason(f"rename.{name}" if name in rename else name, rename.get(name, name), found.sure, found.why)
        )
    return ({"rename": rename} if rename else {}) | ({"units": units} if units else {})


def _unknown(report: Report | None, folder: CityFolder) -> dict[str, str]:
    """Metrics that the messages bring and metrics.toml does not have -> the unit they are usually in."""
    seen = {reading.metric for outcome in report.outcomes for reading in outcome.readings} if report else set()
    return {name: guess.usual_unit(name) for name in sorted(seen - folder.metrics.keys())}


def _outcome(report: Report | None) -> tuple[str, float]:
    """(one line, share of the messages that were of use)."""
    if report is None:
        return "not tried: the file needs options that only you can know", 0.1
    fates = report.fates
    used = sum(count for fate, count in fates.items() if fate in _WORKED)
    readings = sum(len(o.readings) for o in report.outcomes)
    others = sum(len(o.others) for o in report.outcomes)
    said = ", ".join(f"{count} {fate}" for fate, count in fates.most_common())
    total = max(1, len(report.outcomes) - fates["ignored"])
    return (
        f"tried on {len(report.outcomes)} messages: {said}; {readings} readings, {others} places, events and facts",
        used / total,
    )


def _confidence(reasons: list[Reason], pattern: Pattern) -> float:
    """Format, sensor and time weigh as much as all values together."""
    values = [r.sure for r in reasons if r.what.startswith(("values", "rename"))]
    rest = [r.sure for r in reasons if r.what in ("format", "sensor", "time", "records", "array")]
    parts = [pattern.sure, *rest, *([sum(values) / len(values)] * 2 if values else [])]
    return sum(parts) / len(parts)


def _key(pattern: Pattern, group: Group, taken: set[str]) -> str:
    """A file name from the constant parts of the topic."""
    words = [guess.key_name(p) for p in pattern.filters[0].split("/") if p and p[0] not in "{+#"]
    base = "_".join(dict.fromkeys(words[-3:]))[:60] or group.format or "feed"
    return next(name for n in range(1, 10_000) if (name := base if n == 1 else f"{base}_{n}") not in taken)


def _shown(samples: Sequence[Sample]) -> list[dict[str, str]]:
    return [{"topic": s.topic, "payload": s.payload[:_LONGEST_SAMPLE].decode("utf-8", "replace").replace("\0", "␀")}
            for s in samples[:_MOST_SAMPLES]]  # fmt: skip
