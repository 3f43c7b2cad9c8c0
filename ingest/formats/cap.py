"""Common Alerting Protocol 1.0 to 1.2: warnings as events; an update changes, a cancellation closes its event."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from ingest import times
from ingest.formats import _xml as xml
from ingest.formats._read import json_object
from ingest.formats._values import place, place_of, read_time
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
_ALSO = {"identifier": "id", "msgType": "message_type", "sent": "updated", "headline": "title",
         "description": "summary"}  # fmt: skip
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
        wanted = [alert for alert in alerts if not (why := _unwanted(alert, options))]
        if not wanted:
            raise Ignored(why if alerts else "no_alerts")
        return [_event(alert, when, options, first) for alert in wanted]

    return decode


def recognise(_: str, payload: bytes) -> float:
    if b'"wx:Alert"' in payload:
        return 0.95
    return 0.98 if b"emergency:cap:" in payload else 0.6 if b"<msgType>" in payload or b'"msgType"' in payload else 0.0


def _alerts(payload: bytes) -> Iterator[dict[str, Any]]:
    """Alerts as nested dictionaries of lists, alone or inside a feed or a distribution element."""
    if payload.lstrip()[:1] == b"{":
        data = json_object(payload)
        features = data.get("features")
        if isinstance(features, list):
            yield from (_whole(_listed(_of_feature(f))) for f in features if isinstance(f, dict))
        else:
            alert = _of_feature(data) if data.get("type") == "Feature" else data.get("alert", data)
            yield _listed(alert if isinstance(alert, dict) else {})
        return
    root = xml.root(payload)
    found = list(xml.descendants(root, "alert"))
    entries = (
        [] if found else [e for e in xml.descendants(root, "entry") if next(xml.children(e, "event"), None) is not None]
    )
    if not found and not entries and xml.name(root) != "feed":
        raise DecodeError("not_cap", f"<alert> is expected, not <{xml.name(root)[:40]}>")
    yield from (_nested(alert, 0) for alert in found)
    yield from (_whole(_nested(entry, 0)) for entry in entries)


def _of_feature(feature: dict[str, Any]) -> dict[str, Any]:
    """A warning as a GeoJSON feature, as the US weather service gives them: CAP's names, all on one level."""
    inner = feature.get("properties")
    said = inner if isinstance(inner, dict) else feature
    spot = place_of(feature.get("geometry"))
    earlier = said.get("references")
    before = [r.get("identifier") for r in earlier if isinstance(r, dict)] if isinstance(earlier, list) else []
    named = {"references": " ".join(f",{i}," for i in before), "circle": f"{spot[0]},{spot[1]} 0" if spot else ""}
    return {**said, "msgType": said.get("messageType"), **{k: v for k, v in named.items() if v}}


def _whole(flat: dict[str, Any]) -> dict[str, Any]:
    """An alert from an entry of an index that has its fields on one level: each is looked for where CAP puts it."""
    named = {name: flat.get(name) or flat.get(other) for name, other in _ALSO.items()}
    alert = {**flat, **{name: said for name, said in named.items() if said}}
    return {**alert, "info": [{**alert, "area": [alert]}]}


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
    held = (said.get(name) or [""])[0]
    return held.strip() if isinstance(held, str) else str(held)


def _event(alert: dict[str, Any], when: times.Reader, options: Options, first: OrderedDict[str, str]) -> Event:
    identifier, kind = _one(alert, "identifier"), _one(alert, "msgType").lower()
    if not identifier:
        raise DecodeError("no_key", "an alert without identifier")
    blocks = _infos(alert, options.language)
    info = max(blocks, key=_level)
    key = _chain(identifier, _one(alert, "references"), kind, first)
    over = kind == "cancel" or all("AllClear" in block.get("responseType", []) for block in blocks)
    status = "closed" if over else "changed" if kind == "update" else "open"
    at = read_time(_one(alert, "sent") or None, when)
    title = _one(info, "headline") or _one(info, "event") or identifier
    lat, lon = _place(info) or (None, None)
    areas = [area for block in blocks for area in block.get("area", []) if isinstance(area, dict)]
    kept = _kept(alert, info, areas)
    return Event(key, _one(info, "event") or "warning", status, title[:300], at, lat, lon, _level(info), kept)


def _unwanted(alert: dict[str, Any], options: Options) -> str:
    """Why an alert is no warning to anybody; empty where it is one."""
    status, kind = _one(alert, "status").lower(), _one(alert, "msgType").lower()
    if status not in ("actual", "") and not options.tests:
        return status[:40]
    return kind if kind in ("ack", "error") else ""


def _level(info: dict[str, Any]) -> int:
    return _SEVERITY.get(_one(info, "severity").lower(), 0)


def _infos(alert: dict[str, Any], language: str) -> list[dict[str, Any]]:
    """The blocks of the wanted language, else of the first one's: each may be for another area or hour."""
    blocks = [block for block in alert.get("info", []) if isinstance(block, dict)] or [{}]
    wanted = [b for b in blocks if language and _one(b, "language").lower().startswith(language.lower())]
    return wanted or [b for b in blocks if _one(b, "language") == _one(blocks[0], "language")]


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


def _kept(alert: dict[str, Any], info: dict[str, Any], within: list[dict[str, Any]]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: said[:1000] for name in _KEPT if (said := _one(info, name))}
    areas = list(dict.fromkeys(said[:300] for a in within if (said := _one(a, "areaDesc"))))
    polygons = [p for a in within for p in a.get("polygon", []) if p]
    kept |= {"identifier": _one(alert, "identifier"), "sender": _one(alert, "sender")[:200]}
    kept |= {"description": said[:2000]} if (said := _one(info, "description")) else {}
    kept |= {"areas": areas[:50]} if areas else {}
    kept |= {"polygons": [str(p)[:4000] for p in polygons[:5]]} if polygons else {}
    return kept
