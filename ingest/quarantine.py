"""Messages that could not be used, tried again with the mapping as it is now."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from ingest.batch import OPEN
from ingest.client import Message
from ingest.pipeline import Committer, Decoder
from ingest.plan import Share, plan
from ioc.errors import IocError
from ioc.store import database, quarantine

if TYPE_CHECKING:
    from ioc.config.folder import CityFolder
    from ioc.store.quarantine import Kept


class Replayed(NamedTuple):
    """left: messages that still cannot be used; reasons says why, and how many each."""

    tried: int
    stored: int
    duplicate: int
    left: int
    reasons: Counter[str]


def replay_quarantine(folder: CityFolder, database_url: str, feed: str) -> Replayed:
    """Decode the feed's kept messages again; what can be used now is stored with its first arrival time.

    A message that is used counts in the ledger of the minute of the replay, under the feed that claims its topic now;
    one that still cannot be used stays as it is and is not counted twice. Raises IocError for an unknown feed,
    ConfigError, StoreAway.
    """
    with database.connect(database_url, name="ioc feeds replay", autocommit=True) as conn:
        made = plan(conn, folder, Share(name="replay"))
        if feed not in made.router.registry.feed_ids:
            raise IocError(f"there is no feed {feed!r}")
        decoder = Decoder(made.router)
        committer = Committer(database_url, made.limits, stop=threading.Event())
        totals, reasons, tried = Counter[str](), Counter[str](), 0
        try:
            for page in quarantine.waiting(conn, feed):
                used = [kept for kept in page if _usable(decoder, kept, reasons)]
                tried += len(page)
                batch = decoder.batch()
                for kept in used:
                    decoder.take(_message(kept), batch)
                if used and (counts := committer.store(batch)) is not None:
                    totals.update(counts.totals)
                    quarantine.replayed(conn, [kept.id for kept in used])
        finally:
            committer.close()
    used_now = totals["stored"] + totals["duplicate"]
    return Replayed(tried, totals["stored"], totals["duplicate"], tried - used_now, reasons)


def _usable(decoder: Decoder, kept: Kept, reasons: Counter[str]) -> bool:
    batch = decoder.batch()
    decoder.take(_message(kept), batch)
    reasons.update(refusal.reason for refusal in batch.refusals)
    reasons.update(reason for _, reason in batch.ignored)
    return batch.fates == [OPEN]


def _message(kept: Kept) -> Message:
    received = int(kept.received_at.timestamp() * 1_000_000)
    return Message(kept.topic.encode(), bytes(kept.payload), 0, False, kept.retained, received, 0, kept.size)
