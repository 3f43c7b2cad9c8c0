"""Format cases: a folder is a feed.toml, messages and what each must become. Walked by test_formats.py.

python -m tests.ingest.cases FOLDER      prints what the messages become now, to be judged by eye and kept
"""

from __future__ import annotations

import base64
import json
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest.formats import RELATIVE_BELOW, compiled
from ioc.errors import DecodeError, Ignored
from ioc.records import Event, Measurement, Position, SensorFacts

ROOT = Path(__file__).parent / "formats"
NAMES = {Measurement: "measurement", Position: "position", Event: "event", SensorFacts: "facts"}


def folders():
    return sorted(f.parent for f in ROOT.glob("*/*/feed.toml"))


def lines(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def payload(message):
    """The bytes of a line: payload (JSON), payload_text or payload_base64."""
    if "payload_base64" in message:
        return base64.b64decode(message["payload_base64"])
    if "payload_text" in message:
        return message["payload_text"].encode()
    return json.dumps(message["payload"], ensure_ascii=False).encode()


def segments(message, feed):
    """What ingest.topics would name in this topic."""
    topic = message.get("topic") or ""
    filters = feed.get("topic", "#")
    for pattern in [filters] if isinstance(filters, str) else filters:
        parts, said = pattern.split("/"), topic.split("/")
        hash_at = parts.index("#") if "#" in parts else None
        if (hash_at is None and len(parts) != len(said)) or (hash_at is not None and len(said) < hash_at):
            continue
        named = {p[1:-1]: s for p, s in zip(parts, said, strict=False) if p.startswith("{")}
        tail = {"#": "/".join(said[hash_at:])} if hash_at is not None else {}
        if all(p == s for p, s in zip(parts, said, strict=False) if p[:1] not in "{+#"):
            return {"": topic, **named, **tail}
    return {"": topic}


def said(record):
    """A record as expected.jsonl writes it: its kind, and every field that is not the default."""
    fields = {k: v for k, v in record._asdict().items() if v != record._field_defaults.get(k)}
    if (time := fields.get("time")) is not None and time >= RELATIVE_BELOW:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)
        fields["time"] = moment.isoformat().replace("+00:00", "Z")
    return {"is": NAMES[type(record)], **{k: "NaN" if v != v else v for k, v in fields.items()}}


def outcomes(folder):
    """What each message of the case becomes; the decoder lives as long as the case, as it does for a feed."""
    feed = tomllib.loads((folder / "feed.toml").read_text(encoding="utf-8"))
    decode = compiled(folder.parent.name, feed.get("options", {}), feed.get("zone", "Asia/Ho_Chi_Minh"))
    for message in lines(folder / "messages.jsonl"):
        try:
            records = list(decode(payload(message), segments(message, feed)))
        except DecodeError as error:
            yield {"error": error.reason}
        except Ignored as error:
            yield {"ignored": error.reason}
        else:
            yield {"records": [said(r) for r in records]}


if __name__ == "__main__":
    for outcome in outcomes(Path(sys.argv[1])):
        print(json.dumps(outcome, ensure_ascii=False))
