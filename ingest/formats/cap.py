"""Common Alerting Protocol 1.0 to 1.2: warnings as events; an update changes, a cancellation closes its event."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from ingest import times
from ingest.formats import _xml as xml
from ingest.formats._read import json_object
from ingest.formats._values import place, read_time
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from xml.etree.ElementTree import Element

    from ingest.formats import Decode, Segments
    from ioc.records import Record

TOPIC = "city/warnings/cap"
EXAMPLE = (
    "city/warnings/cap",
    b"""<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>VN-1</identifier><sender>a@example.org</sender>
<sent>2026-05-01T10:00:00+07:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope>
<info><category>Met</category><event>Flood</event><severity>Severe</severity></info></alert>""",
)
_SEVERITY = {"extreme": 4, "severe": 3, "moderate": 2, "minor": 1}
_KEPT = ("category", "urgency", "certainty", "effective", "onset", "expires", "senderName", "instruction", "web",
         "contact", "responseType")  # fmt: skip
_MOST_CHAINS = 10_000  # warnings whose first identifier is remembered


class Options(Model):
    """language: which info block to take where there are several, e.g. "vi". tests: also take Test and Exercise."""

    language: str = ""
    tests: bool = False
    zone: str | None = None


def compile(options: Options) -> Decode:  # noqa: A001
    when = times.reader("auto", options.zone)
    first: OrderedDict[str, str] = OrderedDict()

    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        alerts = list(_alerts(payload))
        if not alerts:
            raise Ignored("no_alerts")
        return [_event(alert, when, options, first) for alert in alerts]

    return decode


def recognise(_: str, payload: bytes) -> float:
    return 0.98 if b"emergency:cap:" in payload else 0.6 if b"<msgType>" in payload or b'"msgType"' in payload else 0.0


def _alerts(payload: bytes) -> Iterator[dict[str, Any]]:
    """Alerts as nested dictionaries of lists, alone or inside a feed or a distribution element."""
    if payload.lstrip()[:1] == b"{":
        data = json_object(payload)
        yield _listed(data.get("alert", data))
        return
    root = xml.root(payload)
    found = list(xml.descendants(root, "alert"))
    if not found and xml.name(root) != "feed":
        raise DecodeError("not_cap", f"<alert> is expected, not <{xml.name(root)[:40]}>")
    for alert in found:
        yield _nested(alert, 0)


def _nested(element: Element, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in element if depth < 6 else ():
        held = _nested(child, depth + 1) if len(child) else (child.text or "").strip()
        found.setdefault(xml.name(child), []).append(held)
    return found


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: [_listed(i) for i in v] if isinstance(v, list) else [_listed(v)] for k, v in value.items()}
    return value


def _one(said: dict[str, Any], name: str) -> str:
    held = said.get(name, [""])[0]
    return held.strip() if isinstance(held, str) else str(held)


def _event(alert: dict[str, Any], when: times.Reader, options: Options, first: OrderedDict[str, str]) -> Event:
    identifier, kind = _one(alert, "identifier"), _one(alert, "msgType").lower()
    if not identifier:
        raise DecodeError("no_key", "an alert without identifier")
    if _one(alert, "status").lower() not in ("actual", "") and not options.tests:
        raise Ignored(_one(alert, "status").lower()[:40])
    if kind in ("ack", "error"):
        raise Ignored(kind)
    info = _info(alert, options.language)
    key = _chain(identifier, _one(alert, "references"), kind, first)
    over = kind == "cancel" or "AllClear" in info.get("responseType", [])
    status = "closed" if over else "changed" if kind == "update" else "open"
    at = read_time(_one(alert, "sent") or None, when)
    title = _one(info, "headline") or _one(info, "event") or identifier
    level = _SEVERITY.get(_one(info, "severity").lower(), 0)
    lat, lon = _place(info) or (None, None)
    return Event(key, _one(info, "event") or "warning", status, title[:300], at, lat, lon, level, _kept(alert, info))


def _info(alert: dict[str, Any], language: str) -> dict[str, Any]:
    blocks = [block for block in alert.get("info", []) if isinstance(block, dict)]
    wanted = [b for b in blocks if language and _one(b, "language").lower().startswith(language.lower())]
    return (wanted or blocks or [{}])[0]


def _chain(identifier: str, references: str, kind: str, first: OrderedDict[str, str]) -> str:
    """The identifier of the first alert of a chain. References are `sender,identifier,sent`, oldest first."""
    named = [part.split(",")[1] for part in references.split() if part.count(",") >= 2]
    if kind in ("update", "cancel") and named:
        known = next((first[name] for name in named if name in first), named[0])
    else:
        known = identifier
    first[identifier] = known
    while len(first) > _MOST_CHAINS:
        first.popitem(last=False)
    return known


def _place(info: dict[str, Any]) -> tuple[float, float] | None:
    """The middle of the first circle or polygon; areas are named by text and codes otherwise."""
    for area in (a for a in info.get("area", []) if isinstance(a, dict)):
        for circle in area.get("circle", []):
            lat, _, lon = str(circle).split(" ")[0].partition(",")
            if point := place(lat, lon):
                return point
        for polygon in area.get("polygon", []):
            points = [p for pair in str(polygon).split()[:2000] if (p := place(*_pair(pair)))]
            if points:
                return _middle(points)
    return None


def _pair(text: str) -> tuple[str, str]:
    lat, _, lon = text.partition(",")
    return lat, lon


def _middle(points: list[tuple[float, float]]) -> tuple[float, float]:
    corners = points[:-1] if len(points) > 1 and points[0] == points[-1] else points
    lat, lon = (round(sum(values) / len(corners), 6) for values in zip(*corners, strict=True))
    return lat, lon


def _kept(alert: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: said[:1000] for name in _KEPT if (said := _one(info, name))}
    areas = [_one(a, "areaDesc")[:300] for a in info.get("area", []) if isinstance(a, dict)]
    polygons = [p for a in info.get("area", []) if isinstance(a, dict) for p in a.get("polygon", []) if p]
    kept |= {"identifier": _one(alert, "identifier"), "sender": _one(alert, "sender")[:200]}
    kept |= {"description": said[:2000]} if (said := _one(info, "description")) else {}
    kept |= {"areas": areas[:50]} if areas else {}
    kept |= {"polygons": [str(p)[:4000] for p in polygons[:5]]} if polygons else {}
    return kept
