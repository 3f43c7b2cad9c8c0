"""A file of recorded messages, of whatever kind -> samples.

{"topic": .., "payload": ..}      JSON lines as `ioc replay` takes them; payload_text and payload_base64 too
city/air/aq-1 {"pm2_5": 31.4}     the output of `mosquitto_sub -v`
{"pm2_5": 31.4}                   a payload a line, for the topic given
anything else                     the whole file is one payload
"""

from __future__ import annotations

import base64
import binascii
import codecs
import gzip
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ioc.errors import IocError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST = 64 << 20  # bytes of a sample file, unpacked
_STAMP = re.compile(rb"^\d{4}-\d\d-\d\dT\S+ ")  # what mosquitto_sub -F '%I %t %p' puts in front
_WHOLE = (".csv", ".xml", ".cap", ".bin", ".pb", ".cbor")  # files that are one payload whatever they hold


class Sample(NamedTuple):
    """One message. topic is "" where neither the file nor the command says one."""

    topic: str
    payload: bytes
    retained: bool = False


def read(file: Path, topic: str = "") -> list[Sample]:
    """Every message of the file. Raises IocError that says what is wrong with it."""
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except (OSError, EOFError) as error:
        raise IocError(f"{file} cannot be read: {error}") from error
    if len(data) > LARGEST:
        raise IocError(f"{file} is larger than {LARGEST >> 20} MiB: cut it to a sample")
    if not data.strip():
        raise IocError(f"{file} is empty: nothing to look at")
    name = file.name.removesuffix(".gz")
    if name.endswith(_WHOLE) or b"\0" in data[:1000]:
        return [Sample(topic, data)]
    try:
        return list(_lines(data, topic)) or [Sample(topic, data)]
    except ValueError as error:
        raise IocError(f"{file}: {error}") from error


def _lines(data: bytes, topic: str) -> Iterator[Sample]:
    lines = [line for line in data.removeprefix(codecs.BOM_UTF8).splitlines() if line.strip()]
    whole = _json(data)
    if isinstance(whole, list) and whole and all(isinstance(m, dict) and _is_message(m) for m in whole):
        yield from (_message(m, topic) for m in whole)
        return
    parsed = [_json(line) for line in lines]
    if any(isinstance(p, dict) and _is_message(p) for p in parsed) and None in parsed:
        raise ValueError(f"line {parsed.index(None) + 1} is no JSON, while others are messages: mend it or cut it out")
    if lines and all(isinstance(p, dict) and _is_message(p) for p in parsed):
        yield from (_message(p, topic) for p in parsed)
    elif whole is not None:
        yield Sample(topic, data)
    elif lines and all(p is not None for p in parsed):
        yield from (Sample(topic, line) for line in lines)
    elif lines and all(_spoken(line) for line in lines):
        for line in lines:
            said, _, payload = _STAMP.sub(b"", line, count=1).partition(b" ")
            yield Sample(said.decode(errors="replace"), b"" if payload == b"(null)" else payload)


def _json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _is_message(said: dict[str, Any]) -> bool:
    return any(key in said for key in ("payload", "payload_text", "payload_base64"))


def _spoken(line: bytes) -> bool:
    head, parted, _ = _STAMP.sub(b"", line, count=1).partition(b" ")
    return bool(parted) and b"/" in head and not set(head) & set(b'{}"<>,=')


def _message(said: dict[str, Any], topic: str) -> Sample:
    where = said.get("topic") or topic
    retained = said.get("retained") is True
    if "payload_base64" in said:
        try:
            return Sample(where, base64.b64decode(said["payload_base64"]), retained)
        except (binascii.Error, ValueError, TypeError) as error:
            raise IocError(f"payload_base64 of {where!r} is no base64: {error}") from error
    if "payload_text" in said:
        return Sample(where, str(said["payload_text"]).encode(), retained)
    return Sample(where, orjson.dumps(said["payload"]), retained)
