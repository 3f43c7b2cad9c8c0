"""Sound messages of every format, changed a little: only DecodeError and Ignored may come out, soon, with a reason."""

from __future__ import annotations

import json
import random
import time
import tomllib
from collections import defaultdict

from ingest.formats import compiled
from ioc.errors import DecodeError, Ignored
from ioc.records import Event, Measurement, Position, SensorFacts
from tests.ingest import cases

SLOW = 2.0  # seconds of CPU for one message
LEAVES = [None, True, False, 0, -1, 10**30, 10**19, 1e308, "", "x", "\0", "\ud800", "9" * 400, "1e400", "0001-01-01T00:00:00Z",
          "9999-12-31T23:59:59Z", "2026-02-30", [], {}, [[]], [{}], {"": None}, float("nan"), float("inf"), "é" * 2000]  # fmt: skip
PIECES = [
    b"\0",
    b"\xff" * 8,
    b"\x80" * 12,
    b"9" * 50,
    b"<",
    b"&",
    b",",
    b"\n",
    b"=",
    b"-",
    b"1e400",
    b"\xe2\x80\xae",
    b"<!DOCTYPE x>",
]


def corpus() -> dict[str, list]:
    """format -> [(options, payload, segments)]: the messages of the case folders."""
    found = defaultdict(list)
    for folder in cases.folders():
        feed = tomllib.loads((folder / "feed.toml").read_text(encoding="utf-8"))
        for message in cases.lines(folder / "messages.jsonl"):
            one = (feed.get("options", {}), cases.payload(message), cases.segments(message, feed))
            found[folder.parent.name].append(one)
    return dict(found)


def changed(value, numbers: random.Random, chance: float):
    """JSON with some parts replaced, renamed, left out or repeated."""
    if numbers.random() < chance:
        return numbers.choice(LEAVES)
    if isinstance(value, dict):
        kept = [(k, v) for k, v in value.items() if numbers.random() > chance / 2]
        names = ["", "__class__", "a.b"]
        return {k if numbers.random() > chance / 2 else numbers.choice([*names, k * 2]): changed(v, numbers, chance) for k, v in kept}  # fmt: skip
    return (
        [changed(v, numbers, chance) for v in value] * numbers.choice([1, 1, 3]) if isinstance(value, list) else value
    )


def mutated(payload: bytes, numbers: random.Random) -> bytes:
    try:
        data = json.loads(payload)
    except ValueError:
        data = None
    if data is not None and numbers.random() < 0.8:
        said = json.dumps(changed(data, numbers, numbers.choice([0.02, 0.1, 0.4])))
        return said.encode("utf-8", "surrogatepass")
    out = bytearray(payload)
    for _ in range(numbers.randrange(1, 6)):
        at, kind = numbers.randrange(len(out) + 1), numbers.randrange(4)
        if kind == 0 and out:
            out[at % len(out)] = numbers.randrange(256)
        elif kind == 1:
            out[at:at] = numbers.choice(PIECES)
        elif kind == 2:
            del out[at : at + numbers.randrange(20)]
        else:
            start = numbers.randrange(len(out) + 1)
            out[at:at] = out[start : start + numbers.randrange(200)]
    return bytes(out)


def judge(record) -> None:
    """What may go on to the feed layer: the kinds its fields promise."""
    assert isinstance(record, Measurement | Position | Event | SensorFacts)
    assert record[0] is None or isinstance(record[0], str | float | int), record
    if (at := getattr(record, "time", None)) is not None:
        assert isinstance(at, int), record
    if isinstance(record, Measurement):
        assert isinstance(record.value, float | int | str | None), record


def decode(decoder, payload: bytes, segments, what: str) -> bool:
    """Whether it was read. Fails on any other exception, a record of a wrong kind, or too much work."""
    began, read, reason = time.process_time(), True, "read"
    try:
        for record in decoder(payload, segments):
            judge(record)
    except (DecodeError, Ignored) as why:
        read, reason = False, why.reason
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}: {payload[:400]!r}") from error
    assert 0 < len(reason) <= 60, what
    assert time.process_time() - began < SLOW, what
    return read


def run(*, rounds: int, seed: int = 0) -> tuple[int, int]:
    """`rounds` messages of every format: how many were refused, and read all the same."""
    numbers, decoders, sums = random.Random(seed), {}, [0, 0]
    known = corpus()
    for name in sorted(known):
        for _ in range(rounds):
            options, payload, segments = numbers.choice(known[name])
            key = (name, json.dumps(options, sort_keys=True, default=str))
            if key not in decoders:
                decoders[key] = compiled(name, options, "Asia/Ho_Chi_Minh")
            strange = numbers.random() < 0.2
            topic = (
                {k: numbers.choice(["", "\0", "x" * 5000, "../", "9" * 50, v]) for k, v in segments.items()}
                if strange
                else segments
            )
            sums[decode(decoders[key], mutated(payload, numbers), topic, name)] += 1
    return sums[0], sums[1]
