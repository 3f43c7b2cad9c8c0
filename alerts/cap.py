"""An alarm -> a message of the Common Alerting Protocol 1.2 (OASIS), one info block a language. Pure.

What the schema does not check is kept here: no blanks, commas, < or & in identifier and sender; times without
fractions, with an offset; polygons as lat,lon pairs, closed, of at least four; references as sender,identifier,sent for
updates and cancellations; addresses where private. A message says Draft and Private unless a person gave a name.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from alerts.card import headline, place
from alerts.reader import clean
from ioc.config.types import parse_duration, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alerts.reader import Reader, Row
    from ioc.store.cap import Earlier

SPACE = "urn:oasis:names:tc:emergency:cap:1.2"
STATUSES = ("Draft", "Actual", "Exercise", "Test")
HOLDS = timedelta(hours=24)
_SEVERITY = {1: "Extreme", 2: "Severe", 3: "Moderate", 4: "Minor"}
_POINTS = 300  # of a polygon
_CIRCLE_KM = 1.0
_UNSAFE = re.compile(r"[\s,<&]")
# By words in a domain's key, first match; a message needs at least one category.
_CATEGORIES = (
    (("air", "noise", "waste", "environment"), "Env"), (("health", "hospital"), "Health"),
    (("water_supply", "power", "lighting", "telecom", "data", "drain", "sluice", "salin"), "Infra"),
    (("weather", "water", "tide", "flood", "rain", "river"), "Met"),
    (("traffic", "transit", "bus", "parking", "road"), "Transport"), (("fire",), "Fire"),
    (("security", "crime"), "Security"), (("report", "safety"), "Safety"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """How a message is issued. addresses: whom a private one is for. by: the person who confirmed it."""

    sender: str
    sender_name: str
    status: str = "Draft"
    public: bool = False
    addresses: str = ""
    by: str = ""
    at: datetime
    earlier: Sequence[Earlier] = ()
    contact: str = ""

    @property
    def scope(self) -> str:
        return "Public" if self.public else "Private"


@dataclass(frozen=True, slots=True)
class Message:
    identifier: str
    msg_type: str
    refs: str
    xml: str


def message(row: Row, readers: Sequence[Reader], areas: Sequence[Row], issue: Issue, city: str) -> Message:
    """readers: one for each language, the city's first. areas: key, name, geometry of today's areas. city: its key.

    Raises ValueError where nobody's name stands behind what the public would get.
    """
    if (issue.public or issue.status == "Actual") and not issue.by.strip():
        raise ValueError("a message that is actual or public needs the name of a person who confirms it")
    over = row["condition"] == "false" or row["closed_at"] is not None
    msg_type = "Alert" if not issue.earlier else "Cancel" if over else "Update"
    identifier = _token(f"{city}.alarm.{row['id']}.{len(issue.earlier) + 1}.{int(issue.at.timestamp())}")
    zone = readers[0].zone
    refs = " ".join(f"{_token(issue.sender)},{one.identifier},{stamp(one.sent, zone)}" for one in issue.earlier)
    root = ET.Element("alert", {"xmlns": SPACE})
    head = [("identifier", identifier), ("sender", _token(issue.sender)), ("sent", stamp(issue.at, zone)),
            ("status", issue.status), ("msgType", msg_type), ("source", clean(issue.by, 100) or "IOC"),
            ("scope", issue.scope), ("addresses", "" if issue.public else issue.addresses or _token(issue.sender)),
            ("note", f"confirmed by {clean(issue.by, 100)}" if issue.by else "not confirmed by a person"),
            ("references", refs)]  # fmt: skip
    for name, text in head:
        _add(root, name, text)
    for reader in readers:
        _info(root, row, reader, areas, issue, over=over)
    ET.indent(root, " ")
    text = ET.tostring(root, encoding="unicode")
    return Message(identifier, msg_type, refs, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')


def _info(root: ET.Element, row: Row, reader: Reader, areas: Sequence[Row], issue: Issue, *, over: bool) -> None:
    rule, info = row["settings"], ET.SubElement(root, "info")
    urgency, certainty = _when(row, issue.at, over=over)
    event = clean(say(row["rule_name"], reader.language), 100) or clean(row["rule"])
    said = f"{headline(row, reader)} - {place(row, reader.language)}"
    parts = [
        ("language", reader.language), ("category", category(row["domain"])), ("event", event),
        ("responseType", "AllClear" if over else "Prepare" if row["priority"] <= 2 else "Monitor"),
        ("urgency", urgency), ("severity", _SEVERITY[row["priority"]]), ("certainty", certainty),
        ("effective", stamp(issue.at, reader.zone)), ("onset", stamp(row["event_start"], reader.zone)),
        ("expires", stamp(issue.at + HOLDS, reader.zone)), ("senderName", clean(issue.sender_name, 100)),
        ("headline", clean(said, 160)), ("description", _description(row, reader, said)),
        ("instruction", "" if over else clean(say(rule.get("action") or {}, reader.language), 400)),
        ("web", reader.link(row["id"])), ("contact", clean(issue.contact, 200)),
    ]  # fmt: skip
    for name, text in parts:
        _add(info, name, text)
    for name, value in (("alarm", str(row["id"])), ("rule", row["rule"]), ("episode", str(row["reopened"]))):
        parameter = ET.SubElement(info, "parameter")
        _add(parameter, "valueName", name)
        _add(parameter, "value", clean(value))
    _area(info, row, reader, areas)


def _description(row: Row, reader: Reader, said: str) -> str:
    rule = row["settings"]
    parts = [said, *(clean(say(rule.get(key) or {}, reader.language), 400) for key in ("cause", "consequence"))]
    return clean(". ".join(part.rstrip(".") for part in parts if part) + ".", 1000)


def _when(row: Row, at: datetime, *, over: bool) -> tuple[str, str]:
    """(urgency, certainty): what was measured is there now; what is foretold comes, the nearer the surer."""
    if over:
        return "Past", "Observed"
    if row["kind"] != "predict":
        return "Immediate", "Observed"
    likely = (row.get("detail") or {}).get("likely")
    within = parse_duration(row["settings"]["respond_within"])
    left = datetime.fromisoformat(likely) - at if likely else within
    if left < timedelta(hours=1):
        return "Immediate", "Likely"
    return ("Expected", "Likely") if left < timedelta(hours=6) else ("Future", "Possible")


def _area(info: ET.Element, row: Row, reader: Reader, areas: Sequence[Row]) -> None:
    """The alarm's ward as a polygon, else a circle around its place, else words alone."""
    area = ET.SubElement(info, "area")
    found = next((one for one in areas if one["key"] == row["area"]), None)
    name = say(found["name"], reader.language) if found else place(row, reader.language)
    _add(area, "areaDesc", clean(name) or "-")
    rings = list(_rings(found["geometry"])) if found else []
    for ring in rings:
        _add(area, "polygon", ring)
    if not rings and row["lat"] is not None and row["lon"] is not None:
        _add(area, "circle", f"{row['lat']:.5f},{row['lon']:.5f} {_CIRCLE_KM:g}")
    if found:
        code = ET.SubElement(area, "geocode")
        _add(code, "valueName", "area")
        _add(code, "value", clean(row["area"]))


def _rings(geometry: dict[str, Any]) -> Iterator[str]:
    """Outer rings as "lat,lon lat,lon": GeoJSON's order reversed, closed, not longer than a message may be."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    for polygon in polygons:
        ring = polygon[0]
        thin = ring[:: len(ring) // _POINTS + 1]
        points = [f"{lat:.5f},{lon:.5f}" for lon, lat, *_ in thin]
        if points and points[0] != points[-1]:
            points.append(points[0])
        if len(points) >= 4:
            yield " ".join(points)


def category(domain: str) -> str:
    return next((name for words, name in _CATEGORIES if any(word in domain for word in words)), "Other")


def stamp(when: datetime, zone: Any) -> str:
    """As CAP wants it: seconds, and an offset; UTC is -00:00."""
    text = when.astimezone(zone).replace(microsecond=0).isoformat()
    return text.replace("+00:00", "-00:00") if when.astimezone(zone).utcoffset() == UTC.utcoffset(None) else text


def _token(text: str) -> str:
    return _UNSAFE.sub("_", clean(text, 200)) or "ioc"


def _add(parent: ET.Element, name: str, text: str) -> None:
    """Optional elements that would be empty are left out."""
    if text:
        ET.SubElement(parent, name).text = text
