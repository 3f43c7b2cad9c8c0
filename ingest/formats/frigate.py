"""Frigate (cameras): tracked objects and reviews as events, counts a camera and the cameras' health as readings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest import times
from ingest.formats._read import json_data, text_of
from ingest.formats._values import number, read_time, text
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Event, Measurement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.formats import Decode, Segments
    from ioc.records import Record

TOPIC = "frigate/#"
EXAMPLE = (
    "frigate/events",
    b'{"type":"new","before":{},"after":{"id":"1767225600.1-ab","camera":"gate","label":"person","start_time":1767225600.1}}',
)
_EPOCH = times.reader("s")
_STATUS = {"new": "open", "update": "changed", "end": "closed", "genai": "changed"}
_TIMES = {"new": ("start_time",), "end": ("end_time", "frame_time", "start_time")}
_KEPT = ("camera", "top_score", "score", "current_zones", "entered_zones", "zones", "stationary", "sub_label",
         "recognized_license_plate", "current_estimated_speed", "has_snapshot", "has_clip", "objects")  # fmt: skip
_DOCUMENTS = frozenset(
    {"camera_activity", "model_state", "job_state", "embeddings_reindex_progress", "birdseye_layout"}
)
_SWITCHES = {"ON": True, "OFF": False, "online": True, "offline": False}


class Options(Model):
    """severities: label -> 0..4, e.g. { person = 1, fire = 4 }. min_score: weaker detections are ignored."""

    severities: dict[str, int] = {}
    min_score: float = 0.0
    prefix: str = "frigate"


def compile(options: Options) -> Decode:  # noqa: A001
    depth = len(options.prefix.strip("/").split("/"))

    def decode(payload: bytes, segments: Segments) -> Iterable[Record]:
        parts = segments[""].strip("/").split("/")[depth:]
        if payload[:1] == b"\xff" or parts[-1:] == ["snapshot"]:
            raise Ignored("picture")
        if parts == ["stats"]:
            return _stats(json_data(payload))
        if parts[-1:] == ["set"]:
            raise Ignored("command")
        if payload.lstrip()[:1] == b"{":
            if parts and parts[0] in _DOCUMENTS:
                raise Ignored(parts[0])
            return _message(json_data(payload), options)
        return _plain(parts, text_of(payload[:200]).strip())

    return decode


def recognise(topic: str, payload: bytes) -> float:
    event = all(mark in payload for mark in (b'"before"', b'"after"', b'"camera"'))
    return 0.98 if event else 0.6 if topic.startswith("frigate/") else 0.0


def _message(data: Any, options: Options) -> list[Record]:
    kind, after = data.get("type"), data.get("after")
    if not isinstance(kind, str) or kind not in _STATUS or not isinstance(after, dict):
        if isinstance(kind, str) and kind not in _STATUS and after is None:
            raise Ignored(kind[:40] or "no_type")  # tracked_object_update, camera_activity, notifications
        raise DecodeError("not_frigate", "type new, update or end with the object after is expected")
    if after.get("false_positive") is True:
        raise Ignored("false_positive")
    if (number(after.get("top_score", after.get("score"))) or 1.0) < options.min_score:
        raise Ignored("low_score")
    return [_review(after, kind) if "severity" in after else _object(after, kind, options)]


def _object(after: dict[str, Any], kind: str, options: Options) -> Event:
    key, label = text(after.get("id")), str(after.get("label", "object"))
    if key is None:
        raise DecodeError("no_key", "an object without id")
    title = " · ".join(filter(None, (label, _sub_label(after.get("sub_label")), str(after.get("camera", "")))))
    kept = {name: after[name] for name in _KEPT if after.get(name) not in (None, [], "")}
    level = max(0, min(4, options.severities.get(label, 0)))
    return Event(key, label, _STATUS[kind], title, _time(after, kind), None, None, level, kept)


def _review(after: dict[str, Any], kind: str) -> Event:
    key = text(after.get("id"))
    if key is None:
        raise DecodeError("no_key", "a review without id")
    data = after.get("data")
    said = data.get("objects") if isinstance(data, dict) else None
    seen = said if isinstance(said, list) else []
    title = " · ".join([", ".join(map(str, seen[:5])) or "review", str(after.get("camera", ""))])
    kept = {"camera": after.get("camera"), **({"objects": seen} if seen else {})}
    return Event(key, "review", _STATUS[kind], title, _time(after, kind), None, None,
                 2 if after.get("severity") == "alert" else 1, kept)  # fmt: skip


def _time(after: dict[str, Any], kind: str) -> int | None:
    said = [after.get(n) for n in _TIMES.get(kind, ("frame_time", "start_time"))]
    return read_time(next((value for value in said if value is not None), None), _EPOCH)


def _sub_label(said: Any) -> str:
    return str(said[0]) if isinstance(said, list) and said else text(said) or ""


def _stats(data: Any) -> list[Record]:
    """frigate/stats: each camera's frame rates, each detector's inference time in ms."""
    if not isinstance(data, dict):
        raise DecodeError("not_frigate", "stats are an object")
    inner = data.get("cameras")
    cameras = inner if isinstance(inner, dict) else {k: v for k, v in data.items() if "camera_fps" in str(v)[:400]}
    found: list[Record] = [
        Measurement(name, value, camera)
        for camera, said in cameras.items() if isinstance(said, dict)
        for name, held in said.items() if name.endswith("_fps") and (value := number(held)) is not None
    ]  # fmt: skip
    detectors = data.get("detectors")
    for detector, said in detectors.items() if isinstance(detectors, dict) else ():
        if isinstance(said, dict) and (speed := number(said.get("inference_speed"))) is not None:
            found.append(Measurement("inference_speed", speed, f"detector/{detector}", unit="ms"))
    if not found:
        raise Ignored("no_values")
    return found


def _plain(parts: list[str], said: str) -> list[Record]:
    """frigate/<camera>/<object> is a count, frigate/<camera>/motion and the like a switch, frigate/available life."""
    value = number(said) if said not in _SWITCHES else None
    if parts == ["available"]:
        return [Measurement("available", _SWITCHES.get(said), "frigate")]
    if len(parts) < 2 or (value is None and said not in _SWITCHES):
        raise Ignored("not_measured")
    name = "_".join(part for part in parts[1:] if part != "state")
    if not name:
        raise Ignored("not_measured")  # a switch of the whole system
    unit = "dB" if name == "audio_dBFS" else None
    return [Measurement(name, value if value is not None else _SWITCHES[said], parts[0], unit=unit)]
