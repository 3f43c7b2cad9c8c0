"""`ioc replay`: recorded messages -> the broker, at their own tempo, faster, or as fast as it takes them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from ingest import recording
from ingest.publish import Publisher, wait_connected
from ioc.errors import IocError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from ingest.recording import Recorded
    from ioc.records import Micros
    from ioc.settings import Settings

_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
_DAY: Micros = 86_400_000_000
_SCALES = (1_000_000, 1_000, 1, 0.001)  # of an epoch number in s, ms, µs, ns


def command(args: argparse.Namespace, settings: Settings) -> int:
    """Publish the files and say what became of them; 1 when the broker refused topics."""
    settings.require("broker_url")
    speed = parse_speed(args.speed)
    mapping = recording.read_mapping(args.mapping) if args.mapping else None
    messages: Iterable[Recorded] = (m for file in args.files for m in recording.read(file, mapping, args.topic))
    if args.shift_to_now:
        messages = shifted(messages, time.time_ns() // 1000)
    publisher = Publisher(settings)
    try:
        wait_connected(publisher)
        began = time.monotonic()
        for message in paced(messages, speed):
            publisher.publish(message.topic, message.payload)
        publisher.wait()
    finally:
        publisher.close()
    seconds = max(time.monotonic() - began, 0.001)
    print(
        f"{publisher.acknowledged:,} messages published in {seconds:.1f} s ({publisher.acknowledged / seconds:,.0f}/s)"
    )
    for topic, count in publisher.refused.items():
        print(f"  left out: {count} of {topic!r}: the broker hangs up on that topic; mosquitto takes any")
    return 1 if publisher.refused else 0


def parse_speed(text: str) -> float:
    """Times true tempo; infinite for `max`. Raises IocError."""
    if text == "max":
        return float("inf")
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise IocError(f"--speed {text!r}: write a number such as 1, 10 or 0.5, or max")
    return speed


def paced(messages: Iterable[Recorded], speed: float) -> Iterator[Recorded]:
    """The messages at their own distances divided by `speed`; one that is out of order goes at once."""
    first: Micros | None = None
    began = time.monotonic()
    for message in messages:
        if message.time is not None and speed != float("inf"):
            first = message.time if first is None else first
            time.sleep(max(0.0, began + (message.time - first) / 1e6 / speed - time.monotonic()))
        yield message


def shifted(messages: Iterable[Recorded], now: Micros) -> Iterator[Recorded]:
    """All times moved so that the first is now, also those inside JSON payloads that belong to the recording."""
    by: Micros | None = None
    start = 0
    for message in messages:
        if by is None and message.time is not None:
            by, start = now - message.time, message.time
        if by is None or message.time is None:
            yield message
            continue
        yield message._replace(payload=_shift_payload(message.payload, by, start), time=message.time + by)


def _shift_payload(payload: bytes, by: Micros, start: Micros) -> bytes:
    try:
        data = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload
    return orjson.dumps(_shift(data, by, start))


def _shift(data: Any, by: Micros, start: Micros) -> Any:
    """Texts in ISO 8601 and epoch numbers within the day before the recording and the year after its start."""
    if isinstance(data, dict):
        return {key: _shift(value, by, start) for key, value in data.items()}
    if isinstance(data, list):
        return [_shift(value, by, start) for value in data]
    if isinstance(data, str) and _ISO.fullmatch(data):
        return _shift_text(data, by, start)
    if isinstance(data, int | float) and not isinstance(data, bool):
        for scale in _SCALES:
            if start - _DAY < data * scale < start + 366 * _DAY:
                return type(data)(data + by / scale)
    return data


def _shift_text(text: str, by: Micros, start: Micros) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    micros = int(aware.timestamp() * 1e6)
    if not start - _DAY < micros < start + 366 * _DAY:
        return text
    found = datetime.fromtimestamp((micros + by) / 1e6, aware.tzinfo).isoformat()
    return found.replace("+00:00", "Z") if text.endswith("Z") else found if moment.tzinfo else found[:-6]
