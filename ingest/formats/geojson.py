"""GeoJSON features: each is a sensor at its point, or an event, by the same mapping as JSON.

Paths start at the feature: `properties.level`. Without a mapping every number among the properties is a value, the
sensor is the feature's id (or properties.id, .code, .name) and the place its geometry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from ingest import times
from ingest.formats._json_parts import ValuesFrom
from ingest.formats._mapping import Mapping, builders
from ingest.formats._read import json_object
from ingest.formats._scope import Scope, filters
from ingest.formats._values import read_time, text
from ioc.errors import DecodeError, Ignored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.formats import Decode, Segments
    from ioc.records import Record

EXAMPLE = (
    "city/parking",
    b'{"type":"Feature","id":"p1","geometry":{"type":"Point","coordinates":[105.97,9.6]},"properties":{"free":12}}',
)
_IDS = ("id", "@id", "ID", "Id", "gid", "fid", "code", "station", "station_id", "name")
_TIMES = ("time", "timestamp", "datetime", "dateObserved", "observed", "updated", "date", "Time")


class Options(Mapping):
    """`sensor`, `time` and `values` are found among the usual names where they are not given."""

    @model_validator(mode="before")
    @classmethod
    def _everything(cls, data: Any) -> Any:
        wants = ("values", "values_from", "array", "event")
        if isinstance(data, dict) and data.get("kind", "readings") == "readings" and not any(map(data.get, wants)):
            data = {**data, "values_from": ValuesFrom(path="properties", numbers=True, exclude=[*_IDS, *_TIMES])}
        given = isinstance(data, dict) and (data.get("place") or data.get("lat"))
        return data if given or not isinstance(data, dict) else {**data, "place": "geometry"}


def compile(options: Options) -> Decode:  # noqa: A001
    when = times.reader(options.time_format, options.zone)
    build = builders(options.model_copy(update={"sensor": options.sensor or "~"}), when)
    wanted = filters(options.where)

    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        data = json_object(payload)
        features = [Scope(f, (data,), _id(f)) for f in _features(data) if isinstance(f, dict)]
        if not features:
            raise Ignored("no_features")
        records = [(scope, r) for scope in features if wanted(scope) for make in build for r in make(scope)]
        if options.time is not None:
            return [record for _, record in records]
        return [_timed(record, _time(scope.data, when)) for scope, record in records]

    return decode


def recognise(_: str, payload: bytes) -> float:
    """Less sure than a format of its own that speaks GeoJSON."""
    return 0.55 if b'"Feature' in payload and b'"geometry"' in payload and b'"properties"' in payload else 0.0


def _features(data: dict[str, Any]) -> list[Any]:
    if data.get("type") == "FeatureCollection":
        features = data.get("features")
        return features if isinstance(features, list) else []
    if data.get("type") == "Feature":
        return [data]
    raise DecodeError("not_geojson", f"a Feature or FeatureCollection is expected, not {str(data.get('type'))[:40]!r}")


def _id(feature: dict[str, Any]) -> str | None:
    inner = feature.get("properties")
    held = [feature.get("id")] + [inner.get(name) for name in _IDS if isinstance(inner, dict)]
    return next((found for value in held if (found := text(value)) is not None), None)


def _time(feature: dict[str, Any], when: times.Reader) -> int | None:
    inner = feature.get("properties")
    held = (inner.get(name) for name in _TIMES) if isinstance(inner, dict) else ()
    said = next((value for value in held if value is not None), None)
    return read_time(said, when)


def _timed(record: Record, time: int | None) -> Record:
    return record._replace(time=time) if time is not None and hasattr(record, "time") else record  # type: ignore[call-arg]
