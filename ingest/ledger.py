"""What became of a batch, added up by feed: every message has one fate and every reading one, so the sums balance."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ingest.batch import IGNORED, OPEN, QUARANTINED
from ioc.store.ledger import COUNTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.batch import Batch
    from ingest.commit import Rows
    from ioc.store.arrays import Array

SUSPECT = ("", "range", "future", "past", "not_finite")  # why a reading is not to be trusted, by code


class Counts(NamedTuple):
    """feeds: feed id -> counter -> how many. reasons: (feed id, fate, reason) -> how many."""

    feeds: dict[int, dict[str, int]]
    reasons: Counter[tuple[int, str, str]]

    def __add__(self, other: Counts) -> Counts:  # type: ignore[override]
        feeds = {
            feed: {
                name: self.feeds.get(feed, {}).get(name, 0) + other.feeds.get(feed, {}).get(name, 0)
                for name in COUNTERS
            }
            for feed in {*self.feeds, *other.feeds}
        }
        return Counts(feeds, self.reasons + other.reasons)

    @property
    def totals(self) -> Counter[str]:
        """Over all feeds."""
        found: Counter[str] = Counter()
        for delta in self.feeds.values():
            found.update(delta)
        return found


def count(batch: Batch, rows: Rows, new: Array, others: Sequence[tuple[int, bool]]) -> Counts:
    """Add up. new: which readings were; others: (message, was it new) of positions, events and facts."""
    feed_of = np.asarray(batch.feeds, dtype=np.int64)
    fate = np.asarray(batch.fates, dtype=np.int8)
    fresh = np.zeros(len(batch), dtype=bool)
    fresh[rows.owner[new]] = True
    fresh[[message for message, was_new in others if was_new]] = True
    suspect = rows.code > 0
    dropped = np.array([message for message, _ in batch.dropped], dtype=np.int64)
    size = np.array([m.size for m in batch.messages], dtype=np.int64)
    is_open = fate == OPEN
    of_reading = feed_of[rows.owner]
    columns = {
        "received": feed_of,
        "stored": feed_of[is_open & fresh],
        "duplicate": feed_of[is_open & ~fresh],
        "quarantined": feed_of[fate == QUARANTINED],
        "ignored": feed_of[fate == IGNORED],
        "readings": np.concatenate([of_reading, feed_of[dropped]]),
        "readings_stored": of_reading[new & ~suspect],
        "readings_suspect": of_reading[new & suspect],
        "readings_duplicate": of_reading[~new],
        "readings_ignored": feed_of[dropped],
        "positions": feed_of[[place.message for place in batch.positions]],
        "events": feed_of[[message for message, _ in batch.events]],
    }
    feeds: dict[int, dict[str, int]] = {int(f): dict.fromkeys(COUNTERS, 0) for f in np.unique(feed_of)}
    for name, ids in columns.items():
        for feed, number in zip(*np.unique(ids, return_counts=True), strict=True):
            feeds[int(feed)][name] = int(number)
    for feed, delta in feeds.items():
        delta["bytes"] = int(size[feed_of == feed].sum())
    return Counts(feeds, _reasons(batch, rows, new))


def _reasons(batch: Batch, rows: Rows, new: Array) -> Counter[tuple[int, str, str]]:
    feeds, found = batch.feeds, Counter[tuple[int, str, str]]()
    found.update((feeds[message], "quarantined", reason[:60]) for message, reason, _ in batch.refusals)
    found.update((feeds[message], "ignored", reason[:60]) for message, reason in batch.ignored)
    found.update((feeds[message], "reading_ignored", reason) for message, reason in batch.dropped)
    for row in np.flatnonzero(new & (rows.code > 0)).tolist():
        found[feeds[rows.owner[row]], "suspect", SUSPECT[rows.code[row]]] += 1
    return found
