"""A recorded file -> messages with their times: JSON lines as recorded, or a CSV with a mapping.

JSON lines hold {topic, payload | payload_text | payload_base64, time}. A CSV mapping is a TOML file:

    topic = "parking/{garagecode}"      over columns; {column} is the column's name in a wide table
    time = "streamtime"                 a column, or several joined by a blank; or start and step where there is none
    time_format = "auto"                as in a feed; zone = "Europe/Copenhagen"
    payload = { count = "vehiclecount" } JSON key -> column; all columns where absent
    time_key = "time"                   the JSON key that carries the time, as ISO 8601
    wide = "speed"                      one message a column, its value under this key; `columns` limits which
    start = "2012-03-01T00:00:00"       with step = "5min": the time of the first row, and between rows
"""

from __future__ import annotations

import base64
import csv
import gzip
import io
import re
import tomllib
import zlib
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import orjson
from pydantic import ValidationError

from ingest import times
from ioc.config.types import Duration, Model
from ioc.errors import ConfigError, Fault, IocError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ioc.records import Micros

_TIME_KEYS = ("time", "received_at", "timestamp", "ts")
_NOTHING = frozenset({"", "na", "nan", "null", "none", "n/a"})
_FIELD = re.compile(r"\{([^{}]+)\}")


class Recorded(NamedTuple):
    """time: None where the recording has none; the message then follows the one before at once."""

    topic: str
    payload: bytes
    time: Micros | None


class Mapping(Model):
    """How a CSV becomes messages; see the head of this file."""

    topic: str
    time: str | list[str] | None = None
    time_format: str = "auto"
    zone: str = "UTC"
    payload: dict[str, str] | None = None
    time_key: str | None = None
    wide: str | None = None
    columns: list[str] = ["*"]
    start: str | None = None
    step: Duration | None = None
    delimiter: str = ","


def read(file: Path, mapping: Mapping | None = None, topic: str | None = None) -> Iterator[Recorded]:
    """The messages of one file, in its order. topic replaces the recorded one. Raises IocError with the line."""
    if not file.is_file():
        raise IocError(f"{file}: {'a folder, not a file' if file.is_dir() else 'there is no such file'}")
    try:
        if ".csv" not in file.suffixes:
            yield from _lines(file, topic)
        elif mapping is None:
            raise IocError(f"{file}: a CSV needs --mapping, a TOML file that says topic, time and payload")
        else:
            yield from _csv(file, mapping if topic is None else mapping.model_copy(update={"topic": topic}))
    except (UnicodeDecodeError, EOFError, OSError, zlib.error) as error:
        raise IocError(f"{file}: it cannot be read as JSON lines or CSV, plain or .gz: {error}") from error


def read_mapping(file: Path) -> Mapping:
    """Raises ConfigError."""
    try:
        found = Mapping.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError([Fault(str(file), "", str(error))]) from error
    except ValidationError as error:
        raise ConfigError([Fault(str(file), ".".join(map(str, e["loc"])), e["msg"]) for e in error.errors()]) from error
    if found.time is None and (found.start is None or found.step is None):
        raise ConfigError([Fault(str(file), "time", "name the column of the time, or give start and step")])
    return found


def _open(file: Path) -> IO[str]:
    if file.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(file), encoding="utf-8-sig")
    return file.open(encoding="utf-8-sig", newline="")


def _lines(file: Path, topic: str | None) -> Iterator[Recorded]:
    with _open(file) as lines:
        when = times.reader("auto", "UTC")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield _recorded(orjson.loads(line), topic, when)
            except (ValueError, KeyError, TypeError, AttributeError, IocError) as error:
                raise IocError(f"{file}, line {number}: {error}") from error


def _recorded(line: dict[str, Any], topic: str | None, when: times.Reader) -> Recorded:
    where = topic or line.get("topic")
    if not where:
        raise ValueError("no topic; give one with --topic")
    said = next((line[key] for key in _TIME_KEYS if line.get(key) is not None), None)
    return Recorded(where, _payload(line), None if said is None else when(said))


def _payload(line: dict[str, Any]) -> bytes:
    if "payload_base64" in line:
        return base64.b64decode(line["payload_base64"])
    if "payload_text" in line:
        return str(line["payload_text"]).encode()
    if "payload" not in line:
        raise ValueError("none of payload, payload_text and payload_base64")
    return orjson.dumps(line["payload"])


def _csv(file: Path, mapping: Mapping) -> Iterator[Recorded]:
    when = times.reader(mapping.time_format, mapping.zone)
    with _open(file) as lines:
        for number, row in enumerate(csv.DictReader(lines, delimiter=mapping.delimiter)):
            try:
                moment = _moment(row, number, mapping, when)
                yield from _wide(row, mapping, moment) if mapping.wide else [_row(row, mapping, moment)]
            except (ValueError, KeyError, IocError) as error:
                raise IocError(f"{file}, row {number + 1}: {_said(error)}") from error


def _said(error: Exception) -> str:
    return f"there is no column {error}" if isinstance(error, KeyError) else str(error)


def _moment(row: dict[str, str], number: int, mapping: Mapping, when: times.Reader) -> Micros:
    if mapping.time is None:
        assert mapping.start is not None
        assert mapping.step is not None
        return when(mapping.start) + int(number * mapping.step.total_seconds() * 1_000_000)
    columns = [mapping.time] if isinstance(mapping.time, str) else mapping.time
    return when(" ".join(row[column] for column in columns))


def _row(row: dict[str, str], mapping: Mapping, moment: Micros) -> Recorded:
    keys = mapping.payload if mapping.payload is not None else {column: column for column in row}
    body = {key: _value(row[column]) for key, column in keys.items()}
    return Recorded(_filled(mapping.topic, row), _timed(body, mapping, moment), moment)


def _wide(row: dict[str, str], mapping: Mapping, moment: Micros) -> Iterator[Recorded]:
    assert mapping.wide is not None
    used = {mapping.time} if isinstance(mapping.time, str) else set(mapping.time or ())
    for column, text in row.items():
        if column not in used and any(fnmatchcase(column, pattern) for pattern in mapping.columns):
            body = {mapping.wide: _value(text)}
            yield Recorded(_filled(mapping.topic, {**row, "column": column}), _timed(body, mapping, moment), moment)


def _timed(body: dict[str, Any], mapping: Mapping, moment: Micros) -> bytes:
    if mapping.time_key:
        body[mapping.time_key] = datetime.fromtimestamp(moment / 1e6, UTC).isoformat()
    return orjson.dumps(body)


def _filled(topic: str, row: dict[str, str]) -> str:
    """Column values in a topic lose what MQTT keeps for itself."""
    return _FIELD.sub(lambda field: re.sub(r"[/+#\0]", "_", row[field[1]]), topic)


def _value(text: str) -> float | str | None:
    if text is None or text.strip().casefold() in _NOTHING:
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and "." not in text and abs(number) < 2**53 else number
