"""One batch -> one transaction: rows, ledger, quarantine and the word to readers, all or nothing.

1. New sensors and series get their rows first, by themselves: making them twice does no harm.
2. Columns become arrays; units, ranges and times are judged for the whole batch at once.
3. Rows are stored; the database says which were new. Where a feed may correct, another value for a time that is stored
   counts as new, too: the row is as it says from then on, and what it was is kept.
4. A message with a new row is stored, one whose rows were all there is a duplicate: the ledger is written from that.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ingest import ledger
from ingest.feed import FUTURE
from ingest.names import clean
from ioc.store import arrays, corrections, lessons, quarantine, series, write
from ioc.store import ledger as ledger_store
from ioc.store.database import confirmed, translated

if TYPE_CHECKING:
    from ingest.batch import Batch, Refusal
    from ioc.city import AreaIndex
    from ioc.store.arrays import Array
    from ioc.store.write import Positions, Readings, Writer


class Limits(NamedTuple):
    """What a commit needs of the city folder and the ingester. client: whose packet ids these are."""

    client: str
    quarantine_rows: int
    areas: AreaIndex


class Rows(NamedTuple):
    """A batch's readings as arrays. owner: which message; code: why suspect, see ledger.SUSPECT; 0 is good.

    corrects: whether another value for a time that is stored puts it right.
    """

    readings: Readings
    owner: Array
    code: Array
    corrects: Array


def commit(writer: Writer, batch: Batch, limits: Limits) -> ledger.Counts:
    """Store the batch; returns what became of it. Raises StoreAway, StoreError; nothing is stored then."""
    registry_grew = batch.registry.unresolved
    with translated():
        table = batch.registry.table(writer.conn)
        sensor_ids = batch.registry.resolve_sensors(writer.conn)
    rows = judged(batch, table)
    with confirmed(writer.conn):
        new = _store_readings(writer, rows)
        places, moved = _store_positions(writer, batch, sensor_ids)
        happened, event_ids = _store_events(writer, batch, limits)
        facts_new = _store_facts(writer, batch, limits)
        counts = ledger.count(batch, rows, new, [*places, *happened, *facts_new])
        _store_ledger(writer, batch, counts, limits)
        _store_arrivals(writer, batch, limits)
        lessons.keep(writer.conn, [_lesson(batch, number) for (number,) in batch.lessons])
        _tell(writer, rows, new, moved, event_ids, registry=registry_grew or bool(facts_new))
    return counts


def judged(batch: Batch, table: Array) -> Rows:
    """Units, ranges and times of all readings at once."""
    of = table[np.asarray(batch.slot, dtype=np.int64)]
    micros = np.asarray(batch.time, dtype=np.int64)
    value = np.asarray(batch.value, dtype=np.float64) * of["factor"] + of["offset"]
    owner = np.repeat(np.arange(len(batch), dtype=np.int64), batch.counts)
    received = np.asarray([m.received for m in batch.messages], dtype=np.int64)[owner]
    finite = np.isfinite(value)
    code = np.zeros(len(value), dtype=np.int8)
    with np.errstate(invalid="ignore"):
        code[(value < of["low"]) | (value > of["high"])] = 1
    code[micros > received + FUTURE] = 2
    code[micros < of["oldest"]] = 3
    code[~finite] = 4
    value[~finite] = np.nan  # an infinite number is as unusable as none
    readings = write.Readings(np.ascontiguousarray(of["series"]), arrays.times(micros), value)
    return Rows(readings, owner, code, of["corrects"])


def _store_readings(writer: Writer, rows: Rows) -> Array:
    """The mask of readings that were new; of those of one series and time in a batch the first counts."""
    new = np.zeros(len(rows.code), dtype=bool)
    if not len(new):
        return new
    good = np.flatnonzero(rows.code == 0)
    part = rows.readings.take(good)
    first, newest = write.order(part.series, part.time)
    if first.all():
        new[good] = write.add_readings(writer, part)
    else:
        new[good[first]] = write.add_readings(writer, part.take(first))
    if len(good):
        write.note_late(writer, part, newest)
        write.raise_latest(writer, part.take(newest))
    again = good[~new[good] & rows.corrects[good]]
    if len(again):
        new[_corrected(writer, rows.readings, again)] = True
    if len(good) < len(new):
        bad = np.flatnonzero(rows.code)
        bad = bad[write.order(rows.readings.series[bad], rows.readings.time[bad])[0]]
        reasons = [ledger.SUSPECT[code] for code in rows.code[bad].tolist()]
        new[bad] = write.add_suspects(writer, rows.readings.take(bad), reasons)
    return new


def _corrected(writer: Writer, readings: Readings, again: Array) -> Array:
    """Which of these rows, whose times are stored, put the stored value right; of one time the last word counts."""
    backwards = again[::-1]
    words = readings.take(backwards)
    last = backwards[write.order(words.series, words.time)[0]]
    return last[corrections.apply(writer.conn, readings.take(last))]


def _store_positions(writer: Writer, batch: Batch, sensor_ids: Array) -> tuple[list[tuple[int, bool]], Array]:
    """[(message, was it new)] and the sensors that moved."""
    if not batch.positions:
        return [], np.zeros(0, dtype=np.int32)
    places = batch.positions
    columns = np.array([p[3:] for p in places], dtype=np.float64).T
    sensor = sensor_ids[np.array([p.sensor for p in places])]
    found: Positions = write.Positions(sensor, arrays.times([p.time for p in places]), *columns)
    first = np.flatnonzero(write.order(found.sensor, found.time)[0])
    new = np.zeros(len(places), dtype=bool)
    new[first] = write.add_positions(writer, found.take(first))
    return [(p.message, bool(n)) for p, n in zip(places, new, strict=True)], np.unique(sensor[new])


def _store_events(writer: Writer, batch: Batch, limits: Limits) -> tuple[list[tuple[int, bool]], list[int]]:
    if not batch.events:
        return [], []
    rows = [{**row, "area": limits.areas.area_of(row["lat"], row["lon"])} for _, row in batch.events]
    new = write.add_events(writer, rows)
    touched = {(row["feed_id"], row["key"]) for row, n in zip(rows, new, strict=True) if n}
    ids = write.event_ids(writer, [f for f, _ in touched], [k for _, k in touched]) if touched else []
    return [(message, bool(n)) for (message, _), n in zip(batch.events, new, strict=True)], ids


def _store_facts(writer: Writer, batch: Batch, limits: Limits) -> list[tuple[int, bool]]:
    """[(message, True)] of the messages with facts, where any of the batch's facts changed something."""
    moving = {place.sensor for place in batch.positions}
    if not batch.facts and not moving:
        return []
    merged: dict[str, dict[str, Any]] = {}
    for _, sensor, facts in batch.facts:
        row = merged.setdefault(batch.registry.key(sensor), _no_facts())
        row.update({k: v for k, v in facts._asdict().items() if v is not None and k in row})
        row["name"] = clean(row["name"])[:200] if row["name"] else None
    for sensor in moving:
        merged.setdefault(batch.registry.key(sensor), _no_facts())["moves"] = True
    rows = [{**row, "key": key, "area": limits.areas.area_of(row["lat"], row["lon"])} for key, row in merged.items()]
    changed = series.add_facts(writer.conn, rows)
    return [(message, True) for message, *_ in batch.facts] if changed else []


def _no_facts() -> dict[str, Any]:
    return {"name": None, "lat": None, "lon": None, "moves": False, "properties": None}


def _store_ledger(writer: Writer, batch: Batch, counts: ledger.Counts, limits: Limits) -> None:
    conn = writer.conn
    if batch.refusals:
        kept = [_kept(batch, refusal) for refusal in _newest(batch, limits.quarantine_rows)]
        quarantine.keep(conn, kept, limits.quarantine_rows)
    if batch.floods:
        table, flooded = batch.registry.table(conn), Counter[int]()
        for slot, number in batch.floods.items():
            flooded[int(table["series"][slot])] += number
        ledger_store.flooded(conn, flooded)
    ledger_store.add_reasons(conn, counts.reasons)
    ledger_store.heard(conn, {feed: delta["stored"] > 0 for feed, delta in counts.feeds.items()})
    ledger_store.add(conn, [{"feed_id": feed, **delta} for feed, delta in counts.feeds.items()])


def _newest(batch: Batch, most: int) -> list[Refusal]:
    """The refusals to keep, so many of each feed: a scanner's thousands must not push out another feed's few."""
    seen, found = Counter[int](), []
    for refusal in reversed(batch.refusals):
        feed = batch.feeds[refusal.message]
        seen[feed] += 1
        if seen[feed] <= most:
            found.append(refusal)
    return found[::-1]


def _kept(batch: Batch, refusal: Refusal) -> quarantine.Kept:
    message = batch.messages[refusal.message]
    return quarantine.Kept(
        feed_id=batch.feeds[refusal.message],
        received_at=datetime.fromtimestamp(message.received / 1e6, UTC),
        topic=clean(message.topic.decode(errors="replace"))[:1000],
        payload=message.payload[: quarantine.PAYLOAD_KEPT],
        size=message.size,
        retained=message.retain,
        reason=clean(refusal.reason)[:60],
        detail=clean(refusal.detail)[:300],
    )


def _lesson(batch: Batch, number: int) -> lessons.Lesson:
    message = batch.messages[number]
    return lessons.Lesson(batch.feeds[number], clean(message.topic.decode(errors="replace")), message.payload)


def _store_arrivals(writer: Writer, batch: Batch, limits: Limits) -> None:
    by_mid = {batch.messages[n].mid: (digest, when) for n, digest, when in batch.arrivals if batch.messages[n].mid}
    if by_mid:
        mids = np.array(list(by_mid), dtype=np.int32)
        digests = [digest for digest, _ in by_mid.values()]
        write.add_arrivals(writer, limits.client, mids, digests, arrays.times([when for _, when in by_mid.values()]))


def _tell(writer: Writer, rows: Rows, new: Array, moved: Array, events: list[int], *, registry: bool) -> None:
    stored = rows.readings.take(new & (rows.code == 0))
    if len(stored.series):
        write.mark_hours(writer.conn, stored)
    if len(stored.series) or len(moved) or events or registry:
        touched = np.unique(stored.series)
        write.tell(writer.conn, series=touched, sensors=moved, events=events, registry=registry)
