"""What is said of one sensor wherever it is shown: newest values with age and faults, alarms, facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from dashboards import parts
from dashboards.parts import number, text, word

if TYPE_CHECKING:
    from dash.development.base_component import Component


def values(series: list[dict[str, Any]]) -> list[Component]:
    """Newest value of each series, its age by the data's own time, and its standing faults."""
    return [
        html.Div(
            [
                html.Span(text(row["name"], row["metric"]), className="label"),
                html.B(_said(row), className="num"),
                *([html.Span(f"i {word('state.5')}", className="noted")] if _noteworthy(row) else []),
                html.Small(word("sensor.ago", age=parts.ago(row["time"])) if row["time"] else word("figure.none")),
                *(html.Span(f"× {parts.code('fault', f['kind'])}", className="fault", title=f["detail"])
                  for f in row["faults"]),
            ],
            className="reading",
        )
        for row in series
    ]  # fmt: skip


def _noteworthy(row: dict[str, Any]) -> bool:
    """Above a step of its metric: why the point looks as it does."""
    steps = row["settings"].get("steps") or []
    return row["value"] is not None and any(row["value"] >= level and severity > 0 for level, severity in steps)


def _said(row: dict[str, Any]) -> str:
    return parts.reading({**row, "states": row["settings"].get("states")})


def alarms(rows: list[dict[str, Any]]) -> Component:
    listed = [
        [parts.priority(row["priority"]), parts.link(text(row["rule"]), f"/alarms/{row['id']}"),
         parts.when(row["opened_at"]), word(f"isa.{row['isa']}") if not row["closed_at"] else word("alarms.closed")]
        for row in rows
    ]  # fmt: skip
    heads = [word("col.priority"), word("col.alarm"), word("col.opened"), word("col.state")]
    return parts.table(heads, listed, empty=word("alarms.none"), name=word("alarms.title"))


def facts(sensor: dict[str, Any]) -> Component:
    feed = parts.link(text(sensor["feed_name"]), f"/feeds/{sensor['feed']}") if sensor["feed"] else "–"
    place = f"{sensor['lat']:.5f}, {sensor['lon']:.5f}" if sensor["lat"] is not None else "–"
    pairs: list[tuple[str, Any]] = [
        (word("fact.key"), sensor["key"]),
        (word("fact.feed"), feed),
        (word("fact.owner"), sensor["owner"] or "–"), (word("fact.place"), place),
        (word("fact.cadence"), parts.age(sensor["cadence"]) if sensor["cadence"] else "–"),
        (word("fact.origin"), word("fact.registered") if sensor["registered"] else word("fact.discovered")),
    ]  # fmt: skip
    if sensor["speed"] is not None:
        pairs.append((word("fact.speed"), number(sensor["speed"] * 3.6, 0, "km/h")))
    return parts.facts(pairs + [(str(k), str(v)) for k, v in sensor["properties"].items()][:12])
