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
from ioc.records import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.formats import Decode, Segments
    from ioc.records import Record

EXAMPLE = (
    "city/parking",
    b'{"type":"Feature","id":"p1","geometry":{"type":"Point","coordinates":[105.97,9.6]},"properties":{"free":12}}',
)
# Names of properties without case and underscores, the likeliest first.
_IDS = ("id", "@id", "uid", "gid", "fid", "objectid", "sensorid", "deviceid", "stationid", "sensor", "device",
        "station", "deveui", "code", "name")  # fmt: skip
_TIMES = ("time", "timestamp", "datetime", "dateobserved", "observedat", "observed", "measuredat", "phenomenontime",
          "ts", "lastreported", "lastupdated", "lastupdate", "updatedat", "updated", "date")  # fmt: skip
_ALL = ValuesFrom(path="properties", numbers=True)


class Options(Mapping):
    """`sensor`, `time` and `values` are found among the usual names where they are not given."""

    @model_validator(mode="before")
    @classmethod
    def _everything(cls, data: Any) -> Any:
        wants = ("values", "values_from", "array", "event")
        if isinstance(data, dict) and data.get("kind", "readings") == "readings" and not any(map(data.get, wants)):
            data = {**data, "values_from": _ALL}
        given = isinstance(data, dict) and (data.get("place") or data.get("lat"))
        return data if given or not isinstance(data, dict) else {**data, "place": "geometry"}


def compile(options: Options) -> Decode:  # noqa: A001
    when = times.reader(options.time_format, options.zone)
    build = builders(options.model_copy(update={"sensor": options.sensor or "~"}), when)
    alone = builders(options, when)  # a lone feature may leave its name to the topic
    wanted = filters(options.where)

    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        data = json_object(payload)
        features = [Scope(f, (data,), _id(f)) for f in _features(data) if isinstance(f, dict)]
        if not features:
            raise Ignored("no_features")
        makers = alone if len(features) == 1 and features[0].key is None else build
        records = [(scope, r) for scope in features if wanted(scope) for make in makers for r in make(scope)]
        if options.values_from == _ALL:
            records = [(scope, record) for scope, record in records if not _is_no_value(record)]
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
    return next((found for value in (feature.get("id"), *_named(feature, _IDS)) if (found := text(value))), None)


def _named(feature: dict[str, Any], names: tuple[str, ...]) -> Iterator[Any]:
    """The properties of those names, however they are spelt."""
    inner = feature.get("properties")
    held = {_bare(key): value for key, value in inner.items()} if isinstance(inner, dict) else {}
    return (held[name] for name in names if held.get(name) is not None)


def _is_no_value(record: Record) -> bool:
    return isinstance(record, Measurement) and _bare(record.metric) in {*_IDS, *_TIMES}


def _bare(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")


def _time(feature: dict[str, Any], when: times.Reader) -> int | None:
    return read_time(next(_named(feature, _TIMES), None), when)


def _timed(record: Record, time: int | None) -> Record:
    return record._replace(time=time) if time is not None and hasattr(record, "time") else record  # type: ignore[call-arg]
