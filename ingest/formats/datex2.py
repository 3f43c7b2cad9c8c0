"""DATEX II 2 and 3 in XML: situations, measured traffic data, measurement sites, parking status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.formats import _xml
from ingest.formats._datex2 import values
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

_PARKING = {
    "parkingNumberOfVacantSpaces": ("vacant", None), "parkingNumberOfOccupiedSpaces": ("occupied", None),
    "parkingOccupancy": ("occupancy", "%"), "parkingNumberOfSpacesOverride": ("capacity", None),
    "parkingNumberOfVehicles": ("vehicles", None),
}  # fmt: skip
_FACILITY = {
    "totalNumberOfVacantParkingSpaces": "vacant", "parkingAreaTotalNumberOfVacantParkingSpaces": "vacant",
    "numberOfVacantAssignedParkingSpaces": "vacant", "totalNumberOfOccupiedParkingSpaces": "occupied",
    "parkingFacilityOccupancy": "occupancy", "parkingAreaOccupancy": "occupancy",
    "totalParkingCapacityOverride": "capacity",
}  # fmt: skip
_NAMES = ("measurementSiteName", "parkingName", "parkingFacilityName", "parkingAreaName", "predefinedLocationName")
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


def _situation(situation: Element, time: Micros | None, language: str) -> list[Record]:
    """One <situation>: its records, as severe as it is where they do not say it themselves."""
    overall = _first(situation, "overallSeverity", "severity")
    return [_record(record, time, language, overall) for record in _below(situation, "situationRecord")]


def _record(record: Element, time: Micros | None, language: str, overall: str) -> Event:
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
    severity = _first(record, "severity", "overallSeverity") or overall
    return Event(
        key=record.attrib.get("id", "")[:200],
        kind=kind[:60],
        status="closed" if over else "open",
        title=(properties["description"] or detail or kind)[:200],
        time=instant(_first(record, "overallStartTime"))
        or instant(_first(record, "situationRecordCreationTime"))
        or time,
        lat=place[0],
        lon=place[1],
        severity=_SEVERITY.get(severity.lower(), 1),
        properties={key: value for key, value in properties.items() if value},
    )


def _reference(element: Element, *tags: str) -> str | None:
    """The id an element refers to: version 2 and 3 say it as an attribute, some publishers as text."""
    found = next((f for tag in tags for f in _below(element, tag)), None)
    return None if found is None else found.attrib.get("id") or (found.text or "").strip() or None


def _measurements(site: Element, time: Micros | None, _language: str) -> list[Record]:
    """One <siteMeasurements>, or version 3's; values of the same kind are told apart by their index."""
    sensor = _reference(site, "measurementSiteReference")
    at = instant(_first(site, "measurementTimeDefault", "timeValue")) or time
    found: list[Record] = []
    seen: set[str] = set()
    for outer in site:
        if _xml.name(outer) in ("measuredValue", "physicalQuantity"):
            for name, value, unit in values(outer):
                metric = name if name not in seen else f"{name}_{outer.attrib.get('index', len(seen))}"
                seen.add(metric)
                found.append(Measurement(metric, value, sensor, at, unit))
    return found


def _elaborated(data: Element, time: Micros | None, _language: str) -> list[Record]:
    """One <elaboratedData>: a travel time, speed or flow of a predefined stretch of road."""
    sensor = _reference(data, "predefinedLocationReference", "pertinentLocation") or data.attrib.get("id")
    at = instant(_first(data, "measurementOrCalculationTime", "timeValue")) or time
    return [Measurement(name, value, sensor, at, unit) for name, value, unit in values(data)]


def _site(record: Element, _time: Micros | None, language: str) -> list[Record]:
    """A measurement site, car park or predefined location of a table."""
    sensor = record.attrib.get("id")
    lat, lon = _place(record) or (None, None)
    name = next((said for tag in _NAMES if (said := _said(record, tag, language))), None)
    return [SensorFacts(sensor, name, lat, lon)] if sensor and (name or lat is not None) else []


def _facility(status: Element, time: Micros | None, language: str) -> list[Record]:
    """One <parkingFacilityStatus> or <parkingAreaStatus> of version 2.2; an area may hold its facilities."""
    inside = [e for e in status if _xml.name(e) == "parkingFacilityStatus" and len(e)]
    if inside:
        return [record for facility in inside for record in _facility(facility, time, language)]
    sensor = _reference(status, "parkingFacilityReference", "parkingAreaReference")
    at = instant(_first(status, "parkingFacilityStatusTime", "parkingAreaStatusTime")) or time
    found: dict[str, Record] = {}
    for element in status.iter():
        metric, value = _FACILITY.get(_xml.name(element)), number(element.text)
        if metric and metric not in found and value is not None:
            found[metric] = Measurement(metric, value, sensor, at)
    said = next((e.text for e in status if _xml.name(e) == "parkingFacilityStatus" and e.text), None)
    return [*found.values(), *([Measurement("status", said.strip()[:60], sensor, at)] if said else [])]


def _parking(record: Element, time: Micros | None, _language: str) -> list[Record]:
    """One <parkingRecordStatus>: of a car park, not of its single spaces."""
    sensor = _reference(record, "parkingRecordReference")
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
    "situation": _situation,
    "siteMeasurements": _measurements,
    "elaboratedData": _elaborated,
    "measurementSiteRecord": _site,
    "measurementSite": _site,
    "predefinedLocation": _site,
    "parkingRecordStatus": _parking,
    "parkingFacilityStatus": _facility,
    "parkingAreaStatus": _facility,
    "parkingRecord": _site,
    "parkingFacility": _site,
    "parkingArea": _site,
}


def recognise(topic: str, payload: bytes) -> float:
    del topic
    head = payload[:2000]
    return 0.97 if b"datex2" in head.lower() and b"<" in head[:5] else 0.0
