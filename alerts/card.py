"""One alarm as a mail says it: rows of the store -> phrases in the reader's language and zone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from alerts.reader import clean, short
from ioc.config.types import parse_duration, say
from ioc.language import local_clock, local_date, local_time, number, quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alerts.reader import Reader, Row

MEASURED = frozenset({"threshold", "duration", "mean"})  # a value of the metric's own unit stands against a level
_BARE_NUMBER = frozenset({"rate", "expression", "air_index"})  # the number judged has another unit, or none
COLOURS = {1: "#b42318", 2: "#b54708", 3: "#8a6100", 4: "#175cd3", 0: "#027a48"}  # text on white: contrast above 4.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """word: severity or RESOLVED; headline: what and how much; facts and advice: (label, text); near: (text, link)."""

    id: int
    link: str
    over: bool
    waiting: bool  # for somebody to acknowledge it
    episode: int
    priority: int
    word: str
    colour: str
    rule: str
    headline: str
    place: str
    since: str
    utc: str
    value: str
    outcome: str  # how long it lasted and the worst value, once it is over
    facts: tuple[tuple[str, str], ...]
    advice: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    changes: tuple[str, ...]
    near: tuple[tuple[str, str], ...]

    @property
    def subject(self) -> str:
        """As after the severity word in a subject line."""
        return short(f"{self.headline} \N{EN DASH} {self.place}", 100) + f" (#{self.id})"


def card(
    row: Row,
    reader: Reader,
    *,
    reasons: frozenset[str] = frozenset(),
    changes: Sequence[Row] = (),
    near: Sequence[Row] = (),
    told: Sequence[str] = (),
    trend: tuple[float | None, int] = (None, 0),
) -> Card:
    """Everything a mail says about one alarm."""
    over = row["condition"] == "false"
    facts = _facts(row, reader, trend)
    word = reader.words["state.resolved" if over else f"priority.{row['priority']}"]
    if "flapping" in reasons and row["flapping"]:
        word = reader.words["state.flapping"]
    return Card(
        id=row["id"], link=reader.link(row["id"]), over=over, episode=row["reopened"],
        waiting=not over and row["acked_at"] is None and row["closed_at"] is None, priority=row["priority"], word=word,
        colour=COLOURS[0 if over else row["priority"]], rule=clean(say(row["rule_name"], reader.language)),
        headline=headline(row, reader), place=place(row, reader.language), since=_local(row["event_start"], reader),
        utc=_utc(row["event_start"], reader), value=_value(row, reader), facts=tuple(facts),
        outcome=_outcome(facts, reader) if over else "",
        advice=tuple(_advice(row, reader, told)), notes=tuple(_notes(row, reader, reasons)),
        changes=tuple(_change(c, row, reader) for c in changes), near=tuple(_near(n, reader) for n in near),
    )  # fmt: skip


def bare(row: Row, reader: Reader) -> Card:
    """What can be said of an alarm whose rule or names cannot be put into words: how bad, which, and where to look."""
    name = f"{clean(row['rule'], 60)} #{row['id']}"
    over = row["condition"] == "false"
    return Card(
        id=row["id"], link=reader.link(row["id"]), over=over, waiting=False, episode=row["reopened"],
        priority=row["priority"], word=reader.words["state.resolved" if over else f"priority.{row['priority']}"],
        colour=COLOURS[0 if over else row["priority"]], rule=name, headline=name, place=clean(row["target"]),
        since=_local(row["event_start"], reader), utc=_utc(row["event_start"], reader), value="", outcome="", facts=(),
        advice=(), notes=(reader.words["text.bare_card"],), changes=(), near=(),
    )  # fmt: skip


def headline(row: Row, reader: Reader) -> str:
    """What, and its value against the limit: "Water level 1.62 m > 1.50 m"."""
    say_, over = reader.words, row["condition"] == "false"
    name = clean(say(row["rule_name"], reader.language), 60)
    if row["kind"] == "silence":
        share = row["share"] if not row["sensor_id"] else ""
        silent = say_["text.silent_feed"].format(share=share) if share else _silence(row, reader)
        return f"{name}: {say_['text.heard'] if over else silent}"
    if row["kind"] == "events":
        key = "text.event_over" if over else "text.event"
        return say_[key].format(title=clean(row["event_title"] or name))
    if row["kind"] == "stuck":
        return f"{what(row, reader.language)}: {say_['text.fault_gone' if over else 'text.stuck']}"
    if row["kind"] not in MEASURED:
        return f"{name}: {_found(row, reader, over=over)}"
    if row.get("states"):
        return f"{what(row, reader.language)}: {_value(row, reader)}"
    relation = {(1, False): ">", (-1, False): "<", (1, True): "\u2264", (-1, True): "\u2265"}[row["direction"], over]
    limit = reader.limit(row)
    value = next((v for more in (0, 1, 2) if (v := _value(row, reader, more=more)) != limit), _value(row, reader))
    return f"{what(row, reader.language)} {value} {relation} {limit}"


def _found(row: Row, reader: Reader, *, over: bool) -> str:
    """What a kind that compares no value with a level says of it, as far as its detail tells."""
    said, detail = reader.words, row.get("detail") or {}
    if over:
        return said["text.normal_again"]
    value = reader.value(row["value"], {**row, "states": None}) if row["series_id"] is not None else ""
    if row["kind"] == "predict" and "likely" in detail:
        at = local_clock(datetime.fromisoformat(detail["likely"]), reader.zone)
        return said["text.will_pass"].format(value=value, limit=reader.limit(row), time=at)
    if row["kind"] == "nearby" and "events" in detail:
        return said["text.reports"].format(n=len(detail["events"]))
    if "usual" in detail and detail["usual"] is not None:
        usual = reader.value(float(detail["usual"]), {**row, "states": None})
        return said["text.unusual"].format(value=value, usual=usual)
    if row["kind"] in _BARE_NUMBER and row["value"] is not None and row["threshold"] is not None:
        numbers = (number(v, max(2, row["decimals"]), reader.language) for v in (row["value"], row["threshold"]))
        return said["text.against"].format(**dict(zip(("value", "limit"), numbers, strict=True)))
    return clean(row["share"], 60) if row["share"] else value or said["text.is_true"]


def what(row: Row, language: str) -> str:
    """The metric's name, or its key where it has none."""
    return clean(say(row["metric_name"] or {}, language) or row["metric"] or say(row["rule_name"], language), 60)


def place(row: Row, language: str) -> str:
    """Sensor (or feed) and area."""
    names = [say(row[key] or {}, language) for key in ("sensor_name", "area_name")]
    if not names[0]:
        names[0] = say(row["feed_name"] or {}, language) if row["kind"] != "events" else ""
    return ", ".join(clean(n, 60) for n in dict.fromkeys(names) if n) or clean(row["target"])


def _silence(row: Row, reader: Reader) -> str:
    return reader.words["text.silent"].format(duration=reader.duration(reader.now - row["event_start"]))


def _value(row: Row, reader: Reader, *, more: int = 0) -> str:
    """While it stands the newest value, where that is beyond the limit; else the one that began or ended it."""
    if row["series_id"] is None:
        return ""
    latest, limit = row["latest_value"], row["threshold"]
    beyond = latest is not None and limit is not None and (latest - limit) * row["direction"] > 0
    return reader.value(latest if beyond and row["condition"] != "false" else row["value"], row, more=more)


def _now(row: Row, reader: Reader) -> str:
    """The newest value, and when it was measured."""
    if row["latest_time"] is None:
        return reader.value(row["value"], row)
    return f"{reader.value(row['latest_value'], row)} ({local_clock(row['latest_time'], reader.zone)})"


def _facts(row: Row, reader: Reader, trend: tuple[float | None, int]) -> list[tuple[str, str]]:
    label, over = reader.words, row["condition"] == "false"
    found = []
    measured = row["kind"] in MEASURED and not row.get("states")
    if row["series_id"] is not None and row["kind"] in {*MEASURED, "predict", "same_hour", "anomaly", "rate"}:
        found.append(("label.now", f"{what(row, reader.language)} {_now(row, reader)}"))
    if measured:
        found.append(("label.limit", reader.limit(row)))
        if row["peak"] is not None and reader.value(row["peak"], row) != _value(row, reader):
            found.append(("label.worst", reader.value(row["peak"], row)))
        if row["clear"] is not None and row["clear"] != row["raise"] and not over:
            found.append(("label.clears", reader.value(row["clear"], row)))
    found.append(("label.since", f"{_local(row['event_start'], reader)} ({_utc(row['event_start'], reader)})"))
    end = row["event_end"] or reader.now
    lasted = reader.duration(end - row["event_start"])
    found.append(("label.lasted", label["text.over"].format(duration=lasted) if over else lasted))
    if measured and not over:
        found.append(("label.trend", _trend(row, reader, trend)))
    return [(label[key], text) for key, text in found]


def _outcome(facts: list[tuple[str, str]], reader: Reader) -> str:
    """'Lasted: over, after 5 min. Worst: 34.9 °C', from the facts."""
    wanted = [reader.words[key] for key in ("label.lasted", "label.worst")]
    return ". ".join(f"{label}: {text}" for want in wanted for label, text in facts if label == want)


def _trend(row: Row, reader: Reader, trend: tuple[float | None, int]) -> str:
    slope, readings = trend
    if slope is None or readings < 3:
        return reader.words["text.no_trend"]
    rate = number(abs(slope), row["decimals"], reader.language)
    if not rate.strip("0.,"):
        return reader.words["text.steady"]
    rate = quantity(abs(slope), row["decimals"], clean(row["unit"]), reader.language)
    return reader.words["text.rising" if slope > 0 else "text.falling"].format(rate=rate)


def _advice(row: Row, reader: Reader, told: Sequence[str]) -> list[tuple[str, str]]:
    """The rule's own words: an alarm without an action is none."""
    rule, label = row["settings"], reader.words
    within = parse_duration(rule["respond_within"])
    due = label["text.until"].format(time=_local(row["event_start"] + within, reader))
    found = [
        ("action", _said(rule, "action", reader)),
        ("respond", f"{reader.duration(within)} ({due})"),
        ("consequence", _said(rule, "consequence", reader)),
        ("cause", _said(rule, "cause", reader)),
        ("source", clean(rule.get("source", ""), 200)),
        ("told", ", ".join(clean(n, 60) for n in told) or label["text.nobody"]),
    ]
    if row["condition"] == "false":
        found = found[-1:]
    return [(label[f"label.{key}"], text) for key, text in found if text]


def _said(rule: Row, key: str, reader: Reader) -> str:
    return clean(say(rule.get(key) or {}, reader.language), 400)


def _notes(row: Row, reader: Reader, reasons: frozenset[str]) -> list[str]:
    text = reader.words
    found = []
    if row["condition"] == "nodata" and row["latest_time"] is not None:
        found.append(text["text.nodata"].format(age=reader.duration(reader.now - row["latest_time"])))
    if "flapping" in reasons and row["flapping"]:
        found.append(text["text.flapping"])
    found += [text[f"text.{why}"] for why in ("reminder", "escalated", "assigned", "worsened") if why in reasons]
    if row["reopened"] and row["condition"] == "true":
        found.append(text["text.again"].format(n=row["reopened"]))
    if row["detected_late"]:
        found.append(text["text.late"])
    if row["close_reason"] and row["close_reason"].startswith("rule"):
        found.append(text["text.closed_because"].format(reason=text[f"reason.{row['close_reason']}"]))
    return found


def _change(change: Row, row: Row, reader: Reader) -> str:
    said = reader.words[f"change.{change['kind']}"].format(actor=clean(change["actor"], 60))
    value = f", {reader.value(change['value'], row)}" if change["value"] is not None and row["series_id"] else ""
    note = f": {clean(change['note'], 160)}" if change["note"] and change["actor"] != "ioc" else ""
    return f"{local_clock(change['at'], reader.zone)} {said}{value}{note}"


def _near(row: Row, reader: Reader) -> tuple[str, str]:
    who = say(row["sensor_name"] or row["feed_name"] or {}, reader.language)
    value = f" {reader.value(row['value'], row)}" if row["value"] is not None and row["unit"] else ""
    word = reader.words[f"priority.{row['priority']}"]
    return f"{word}: {clean(say(row['rule_name'], reader.language))}{value}, {clean(who)}", reader.link(row["id"])


def _local(when: datetime, reader: Reader) -> str:
    return local_time(when, reader.zone, reader.language)


def _utc(when: datetime, reader: Reader) -> str:
    """The date only where it is another one than the local."""
    utc = ZoneInfo("UTC")
    same = local_date(when, utc, reader.language) == local_date(when, reader.zone, reader.language)
    text = local_clock(when, utc) if same else local_time(when, utc, reader.language)
    return reader.words["text.utc"].format(time=text)
