"""Topics and payloads of unknown messages -> groups of the same kind, each with the topic filter that catches it."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest import guess, topics
from ingest.formats._read import json_data, text_of
from ioc import plugins
from ioc.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

    from ingest.samples import Sample

MOST = 3000  # messages looked at
MOST_A_TOPIC = 20
_SURE = 0.5  # from here a format is recognised
_ALIKE = 0.5  # share of common keys
_ID = re.compile(r"[0-9]|^[0-9a-f]{6,}$", re.IGNORECASE)


class Group(NamedTuple):
    """format: a recognised one, or json, value, csv; "" where nobody knows. data: parsed payloads of a JSON group."""

    format: str
    score: float
    samples: list[Sample]
    data: list[Any]


class Pattern(NamedTuple):
    """A filter with named segments. sensors: how many values {sensor} took; sensor: a template, where one is needed."""

    filters: list[str]
    sensor: str | None
    metric: str | None
    sure: float
    why: str


@cache
def formats() -> list[tuple[str, ModuleType]]:
    """The formats that can recognise themselves."""
    loaded = [(name, plugins.load("ingest.formats", name)) for name in plugins.names("ingest.formats")]
    return [(name, module) for name, module in loaded if hasattr(module, "recognise")]


def groups(samples: Iterable[Sample]) -> list[Group]:
    """Messages that one feed can take together, the largest group first."""
    found: dict[tuple[str, str, int], list[tuple[Sample, float, Any]]] = defaultdict(list)
    for sample in _some(samples):
        name, score = _recognised(sample)
        data = None if name else _json(sample.payload)
        kind = name or ("json" if isinstance(data, dict | list) else _plain(sample.payload))
        parts = sample.topic.split("/")
        root = next((part for part in parts if part), "")
        depth = 0 if name else len(parts)
        found[kind, root, depth].append((sample, score, data))
    made = [g for (kind, _, _), members in found.items() for g in _alike(kind, members)]
    return sorted(made, key=lambda g: -len(g.samples))


def _some(samples: Iterable[Sample]) -> list[Sample]:
    taken: dict[str, int] = defaultdict(int)
    kept = []
    for sample in samples:
        taken[sample.topic] += 1
        if taken[sample.topic] <= MOST_A_TOPIC:
            kept.append(sample)
        if len(kept) >= MOST:
            break
    return kept


def _recognised(sample: Sample) -> tuple[str, float]:
    scores = []
    for name, module in formats():
        try:
            scores.append((float(module.recognise(sample.topic, sample.payload)), name))
        except Exception:  # noqa: BLE001, S112  what a format cannot look at is not its own
            continue
    score, name = max(scores, default=(0.0, ""))
    return (name, score) if score >= _SURE else ("", 0.0)


def _json(payload: bytes) -> Any:
    try:
        return json_data(payload)
    except DecodeError:
        return None


def _plain(payload: bytes) -> str:
    text = text_of(payload)
    if len(text) <= 60 and "\n" not in text.strip() and text.strip() and text.isprintable():
        return "csv" if text.count(",") > 1 or text.count(";") > 0 else "value"
    lines = text.strip().splitlines()
    if text.lstrip()[:1] in ("{", "[", "<"):
        return ""
    rows = [{line.count(mark) for line in lines[:5]} for mark in ",;\t"]
    return "csv" if len(lines) > 1 and any(len(counts) == 1 and counts != {0} for counts in rows) else ""


def _alike(kind: str, members: list[tuple[Sample, float, Any]]) -> list[Group]:
    """JSON with other keys is another group; what a format recognised, or a bare value, is one."""
    if kind != "json":
        score = sum(score for _, score, _ in members) / len(members)
        return [Group(kind, score, [sample for sample, _, _ in members], [])]
    clusters: list[tuple[set[str], Group]] = []
    for sample, _, data in members:
        keys = _keys(data)
        home = next((c for c in clusters if len(keys & c[0]) >= _ALIKE * min(len(keys), len(c[0]) or 1)), None)
        if home is None:
            home = (set(), Group("json", 0.0, [], []))
            clusters.append(home)
        home[0].update(keys)
        home[1].samples.append(sample)
        home[1].data.append(data)
    return [group for _, group in clusters]


def _keys(data: Any) -> set[str]:
    inner = data[0] if isinstance(data, list) and data else data
    return {str(key) for key in inner} if isinstance(inner, dict) else set()


def pattern(group: Group, *, named: bool) -> Pattern:
    """The filter for a group's topics; `named` says that the payload itself names the sensor."""
    seen = sorted({sample.topic for sample in group.samples})
    module = dict(formats()).get(group.format)
    if module is not None and (usual := _usual(module, seen)):
        return Pattern(usual, None, None, 0.95, f"the usual topics of {group.format}")
    if len({topic.count("/") for topic in seen}) > 1 or seen == [""]:
        return _common(seen)
    return _segments(group, [topic.split("/") for topic in seen], named=named)


def _usual(module: ModuleType, seen: Sequence[str]) -> list[str]:
    """The format's own filters that are needed, if together they take every topic."""
    declared = getattr(module, "TOPIC", [])
    filters = [declared] if isinstance(declared, str) else declared
    tree: topics.Topics[int] = topics.Topics()
    for number, text in enumerate(filters):
        tree.add(topics.parse(text), number)
    hits = [tree.match(topic) for topic in seen]
    used = sorted({hit[1] for hit in hits if hit})
    return [filters[n] for n in used] if all(hits) else []


def _common(seen: Sequence[str]) -> Pattern:
    split = [topic.split("/") for topic in seen]
    head = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        head.append(parts[0])
    if len(head) == min(map(len, split)):
        head = head[:-1]
    text = "/".join([*head, "#"])
    return Pattern([text], None, None, 0.6 if head else 0.3, f"what {len(seen)} topics have in common")


def _segments(group: Group, split: list[list[str]], *, named: bool) -> Pattern:
    """One depth: segments that differ get names."""
    columns = list(zip(*split, strict=True))
    varying = [n for n, column in enumerate(columns) if len(set(column)) > 1]
    metric_at = _metric_column(group, columns, varying)
    rest = [n for n in varying if n != metric_at]
    why = f"{len(split)} topics differ there"
    if not rest and not named:
        rest, why = _single(columns, metric_at), "only one topic was seen; the part that looks like an id"
    sensor_at = max(rest, key=lambda n: (len(set(columns[n])), n), default=None)
    names = {n: _segment_name(columns, n) for n in rest}
    if sensor_at is not None:
        names[sensor_at] = "sensor"
    if metric_at is not None:
        names[metric_at] = "metric"
    text = "/".join(f"{{{names[n]}}}" if n in names else column[0] for n, column in enumerate(columns))
    if sensor_at is None:
        return Pattern(
            [text], None if named else _literal(columns, metric_at), None, 0.9 if named else 0.5, "the one topic"
        )
    template = None if named else _unique(columns, sensor_at, rest, names)
    fixed = None if metric_at is not None else _fixed_metric(columns, varying)
    return Pattern([text], template, fixed, 0.9 if len(split) > 1 else 0.6, why)


def _metric_column(group: Group, columns: list[tuple[str, ...]], varying: list[int]) -> int | None:
    """For bare values: the column whose words are metrics."""
    if group.format != "value":
        return None
    best, at = max(((_share_of_words(set(columns[n])), n) for n in varying), default=(0.0, -1))
    if best >= 0.5:
        return at
    last = len(columns) - 1
    return last if len(varying) > 1 and last in varying else None


def _share_of_words(names: set[str]) -> float:
    return sum(len(name) > 2 and bool(guess.word_of(name)[0]) for name in names) / len(names)  # p1 is also a pump


def _single(columns: list[tuple[str, ...]], metric_at: int | None) -> list[int]:
    likely = [n for n, column in enumerate(columns) if n != metric_at and _ID.search(column[0])]
    return likely[-1:]


def _segment_name(columns: list[tuple[str, ...]], at: int) -> str:
    """After the segment before it, where that is a word: stations/{station}."""
    before = set(columns[at - 1]) if at else set()
    word = guess.key_name(next(iter(before))) if len(before) == 1 else ""
    name = word.removesuffix("s") if word and word != "value" and not _ID.search(word) else ""
    return name if name not in ("", "sensor", "metric") else f"part{at + 1}"


def _literal(columns: list[tuple[str, ...]], metric_at: int | None) -> str | None:
    """Nothing in the topic looks like an id: the last words before the metric are the sensor's name."""
    words = [column[0] for n, column in enumerate(columns) if n != metric_at and column[0]]
    return "-".join(words[-2:]) or None


def _unique(columns: list[tuple[str, ...]], sensor_at: int, rest: list[int], names: dict[int, str]) -> str | None:
    """A template where the same id stands under different branches."""
    owners: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    others = [n for n in rest if n != sensor_at]
    for row in zip(*columns, strict=True):
        owners[row[sensor_at]].add(tuple(row[n] for n in others))
    if all(len(found) == 1 for found in owners.values()):
        return None
    return "-".join(f"{{{names[n]}}}" for n in [*others, sensor_at])


def _fixed_metric(columns: list[tuple[str, ...]], varying: list[int]) -> str | None:
    last = len(columns) - 1
    return guess.key_name(columns[last][0]) if last not in varying else None
