"""DATEX II 2 and 3 in XML: situations, measured traffic data, measurement sites, parking status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.formats import _xml
from ingest.formats._pieces import instant, number, spot
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Event, Measurement, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from xml.etree.ElementTree import Element

    from ioc.records import Micros

TOPIC = "roads/{source}/datex2"
EXAMPLE = (
    "roads/delta/datex2",
    (
        b'<d2LogicalModel xmlns="http://datex2.eu/schema/2/2_0"><payloadPublication><publicationTime>2026-05-04T08:00:00+07:00'
        b"</publicationTime><siteMeasurements><measurementSiteReference id='QL1-31'/><measurementTimeDefault>"
        b"2026-05-04T07:59:00+07:00</measurementTimeDefault><measuredValue index='1'><measuredValue><basicData>"
        b"<averageVehicleSpeed><speed>41.5</speed></averageVehicleSpeed></basicData></measuredValue></measuredValue>"
        b"</siteMeasurements></payloadPublication></d2LogicalModel>"
    ),
)
MOST = 50_000  # records of one publication

# Element that holds the number -> our name, unit. `dataError` beside it says that it is none.
_NUMBERS = {
    "vehicleFlowRate": ("flow", "1/h"), "speed": ("speed", "km/h"), "percentage": ("occupancy", "%"),
    "duration": ("travel_time", "s"), "temperature": ("temperature", "°C"),
    "millimetresPerHourIntensity": ("rain", "mm/h"), "windSpeed": ("wind_speed", "km/h"),
    "relativeHumidity": ("humidity", "%"), "concentrationOfVehiclesValue": ("density", "1/km"),
}  # fmt: skip
_PARKING = {
    "parkingNumberOfVacantSpaces": ("vacant", None), "parkingNumberOfOccupiedSpaces": ("occupied", None),
    "parkingOccupancy": ("occupancy", "%"), "parkingNumberOfSpacesOverride": ("capacity", None),
    "parkingNumberOfVehicles": ("vehicles", None),
}  # fmt: skip
_WHOLE = frozenset({"windSpeed"})  # hold a <speed> of another kind
_BESIDE = frozenset({"freeFlowTravelTime", "freeFlowSpeed", "normallyExpectedTravelTime"})  # what would be normal
_SEVERITY = {"none": 0, "lowest": 1, "low": 1, "medium": 2, "high": 3, "highest": 4, "unknown": 1}


class Options(Model):
    """language: of comments and names, where a publication has several."""

    language: str = "en"


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        del segments
        root = _xml.root(payload)
        time = next((t for e in _below(root, "publicationTime") if (t := instant(e.text))), None)
        found: list[Record] = []
        for element in _records(root):
            found += _READERS[_xml.name(element)](element, time, options.language)
            if len(found) > MOST:
                raise DecodeError("too_many_values", f"more than {MOST} records")
        if found:
            return found
        if _xml.name(root) not in ("d2LogicalModel", "messageContainer", "payload", "payloadPublication", "Envelope"):
            raise DecodeError("not_datex2", f"<{_xml.name(root)[:60]}> is no DATEX II publication")
        raise Ignored("no_records")

    return decode


def _records(root: Element) -> Iterator[Element]:
    """The elements we read, in order; what lies inside one is not looked for again."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if _xml.name(element) in _READERS:
            yield element
        else:
            waiting += reversed(element)


def _below(element: Element, tag: str) -> Iterator[Element]:
    return _xml.descendants(element, tag)


def _first(element: Element, *tags: str) -> str:
    """The text of the first element below with one of these names."""
    for tag in tags:
        for found in _below(element, tag):
            if found.text and found.text.strip():
                return found.text.strip()
    return ""


def _kind(element: Element) -> str:
    """xsi:type without its prefix: `Accident`, `MaintenanceWorks`."""
    found = next((v for k, v in element.attrib.items() if k.rpartition("}")[2] == "type"), "")
    return found.rpartition(":")[2]


def _place(element: Element) -> tuple[float, float] | None:
    for latitude, longitude in zip(_below(element, "latitude"), _below(element, "longitude"), strict=False):
        if found := spot(latitude.text, longitude.text):
            return found
    return None


def _said(element: Element, tag: str, language: str) -> str:
    """A text with values in several languages."""
    values = [v for found in _below(element, tag) for v in _below(found, "value") if v.text]
    best = [v for v in values if v.attrib.get("lang", "").startswith(language)] or values
    return best[0].text.strip()[:2000] if best and best[0].text else ""


def _situation(record: Element, time: Micros | None, language: str) -> list[Record]:
    """One <situationRecord>."""
    status = _first(record, "validityStatus")
    ended = instant(_first(record, "overallEndTime"))
    over = _first(record, "end") == "true" or status in ("suspended", "ended") or bool(ended and time and ended <= time)
    place = _place(record) or (None, None)
    kind = _kind(record) or "situation"
    detail = next(
        (
            f
            for t in ("accidentType", "roadMaintenanceType", "abnormalTrafficType", "obstructionType")
            if (f := _first(record, t))
        ),
        "",
    )
    properties: dict[str, Any] = {
        "description": _said(record, "comment", language),
        "detail": detail,
        "until": _first(record, "overallEndTime"),
        "probability": _first(record, "probabilityOfOccurrence"),
        "management": _first(record, "trafficConstrictionType", "roadOrCarriagewayOrLaneManagementType"),
    }
    return [
        Event(
            key=record.attrib.get("id", "")[:200],
            kind=kind[:60],
            status="closed" if over else "open",
            title=(properties["description"] or detail or kind)[:200],
            time=instant(_first(record, "overallStartTime"))
            or instant(_first(record, "situationRecordCreationTime"))
            or time,
            lat=place[0],
            lon=place[1],
            severity=_SEVERITY.get(_first(record, "severity", "overallSeverity").lower(), 1),
            properties={key: value for key, value in properties.items() if value},
        )
    ]


def _measurements(site: Element, time: Micros | None, _language: str) -> list[Record]:
    """One <siteMeasurements>, or version 3's; values of the same kind are told apart by their index."""
    reference = next(_below(site, "measurementSiteReference"), None)
    sensor = reference.attrib.get("id") if reference is not None else None
    at = instant(_first(site, "measurementTimeDefault", "timeValue")) or time
    found: list[Record] = []
    seen: set[str] = set()
    for outer in site:
        index = outer.attrib.get("index")
        if index is None or next(_below(outer, "dataError"), None) is not None:
            continue
        for parent, element in ((p, e) for p in outer.iter() for e in p):
            named = _NUMBERS.get(_xml.name(parent)) if _xml.name(parent) in _WHOLE else None
            named = named or _NUMBERS.get(_xml.name(element))
            value = number(element.text)
            if named is None or value is None or _xml.name(parent) in _BESIDE:
                continue
            metric = named[0] if named[0] not in seen else f"{named[0]}_{index}"
            seen.add(metric)
            found.append(Measurement(metric, value, sensor, at, named[1]))
    return found


def _site(record: Element, _time: Micros | None, language: str) -> list[Record]:
    """One <measurementSiteRecord> or <measurementSite> of a site table."""
    sensor = record.attrib.get("id")
    if sensor is None:
        return []
    lat, lon = _place(record) or (None, None)
    return [SensorFacts(sensor, _said(record, "measurementSiteName", language) or None, lat, lon)]


def _parking(record: Element, time: Micros | None, _language: str) -> list[Record]:
    """One <parkingRecordStatus>: of a car park, not of its single spaces."""
    reference = next(_below(record, "parkingRecordReference"), None)
    sensor = reference.attrib.get("id") if reference is not None else None
    at = instant(_first(record, "parkingStatusOriginTime")) or time
    found: list[Record] = []
    for tag, (metric, unit) in _PARKING.items():
        value = number(_first(record, tag))
        if value is not None:
            found.append(Measurement(metric, value, sensor, at, unit))
    if status := _first(record, "parkingSiteOpeningStatus", "parkingSiteStatus"):
        found.append(Measurement("status", status[:60], sensor, at))
    return found


_READERS: dict[str, Callable[[Element, Micros | None, str], list[Record]]] = {
    "situationRecord": _situation,
    "siteMeasurements": _measurements,
    "measurementSiteRecord": _site,
    "measurementSite": _site,
    "parkingRecordStatus": _parking,
}


def recognise(topic: str, payload: bytes) -> float:
    del topic
    head = payload[:2000]
    return 0.97 if b"datex2" in head.lower() and b"<" in head[:5] else 0.0
