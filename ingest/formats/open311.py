"""Open311 GeoReport v2: citizens' service requests as events, from JSON or XML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from ingest import times
from ingest.formats import _xml as xml
from ingest.formats._read import json_data
from ingest.formats._values import place, read_time, text
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.formats import Decode, Segments
    from ioc.records import Record

TOPIC = "city/open311/requests"
EXAMPLE = (
    "city/open311/requests",
    b"""[{"service_request_id": "638344", "status": "open", "service_name": "Pothole",
"requested_datetime": "2026-05-01T06:37:38+07:00", "lat": 9.6, "long": 105.97}]""",
)
_CODES = re.compile(rb"([:\[,]\s*)(0\d+)(?=\s*[,\]}])")  # "service_code":006, as the standard's own examples have it
_KEPT = ("service_code", "status_notes", "agency_responsible", "service_notice", "address", "zipcode", "media_url",
         "expected_datetime", "requested_datetime", "description")  # fmt: skip
_CLOSED = frozenset({"closed", "fixed", "resolved", "completed", "cancelled", "canceled", "archived", "duplicate"})
_OPEN = frozenset({"open", "new", "received", "submitted", "acknowledged", ""})


class Options(Model):
    """severities: service code or name -> 0..4. zone: of times without one."""

    severities: dict[str, int] = {}
    zone: str | None = None


def compile(options: Options) -> Decode:  # noqa: A001
    when = times.reader("auto", options.zone)

    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        requests = list(_from_xml(payload) if payload.lstrip()[:1] == b"<" else _from_json(payload))
        if not requests:
            raise Ignored("no_requests")
        reports = [said for said in requests if "status" in said]
        if not reports:
            raise Ignored("receipt")  # the answer to a new report: an id or a token, and nothing of the report
        found = [_event(said, when, options) for said in reports if text(said.get("service_request_id"))]
        if not found:
            raise DecodeError("no_key", "a request without service_request_id")
        return found

    return decode


def recognise(_: str, payload: bytes) -> float:
    return 0.95 if b"service_request_id" in payload else 0.7 if b"<service_requests" in payload else 0.0


def _from_json(payload: bytes) -> Iterator[dict[str, Any]]:
    try:
        data = json_data(payload)
    except DecodeError:
        data = _repaired(payload)
    while isinstance(data, dict) and (inner := data.get("service_requests") or data.get("request")):
        data = inner
    for said in data if isinstance(data, list) else [data]:
        if not isinstance(said, dict):
            raise DecodeError("not_open311", "a request is not an object")
        if "service_request_id" in said or "status" in said or "token" in said:
            yield said
        else:
            raise Ignored("service_list") if "service_code" in said else DecodeError("no_key", "no service_request_id")


def _repaired(payload: bytes) -> Any:
    try:
        return orjson.loads(_CODES.sub(rb'\1"\2"', payload))
    except orjson.JSONDecodeError as error:
        raise DecodeError("not_json", str(error)) from error


def _from_xml(payload: bytes) -> Iterator[dict[str, Any]]:
    root = xml.root(payload)
    if xml.name(root) in ("services", "service_definition", "discovery"):
        raise Ignored("service_list")
    if xml.name(root) != "service_requests":
        raise DecodeError("not_open311", f"<service_requests> is expected, not <{xml.name(root)[:40]}>")
    for request in xml.children(root, "request"):
        yield {xml.name(child): (child.text or "").strip() or None for child in request}


def _event(said: dict[str, Any], when: times.Reader, options: Options) -> Event:
    key = text(said.get("service_request_id")) or ""
    kind = text(said.get("service_name")) or text(said.get("service_code")) or "request"
    title = text(said.get("description")) or kind
    lat, lon = place(said.get("lat"), said.get("long", said.get("lon"))) or (None, None)
    at = read_time(said.get("updated_datetime") or said.get("requested_datetime"), when)
    code = text(said.get("service_code")) or ""
    level = options.severities.get(code, options.severities.get(kind, 0))
    kept = {name: said[name] for name in _KEPT if said.get(name) not in (None, "")}
    return Event(key, kind, _status(said), title[:300], at, lat, lon, max(0, min(4, level)), kept or None)


def _status(said: dict[str, Any]) -> str:
    word = str(said.get("status") or "").lower()
    if word in _CLOSED:
        return "closed"
    changed = said.get("updated_datetime") not in (None, "", said.get("requested_datetime"))
    return "open" if word in _OPEN and not changed else "changed"
