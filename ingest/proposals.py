"""Topics that no feed claims -> proposals in the store; what a person asks of one is done here, where the folder is.

`Proposer.attend` is called every second or so. It answers requests at once, and looks at new messages at most every
ten seconds. An accepted proposal becomes a file in the city folder's feeds/, goes live when the folder is read again,
and then the messages that came before are replayed.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ingest import report
from ingest.check import check
from ingest.feeds_commands import parse_feed
from ingest.quarantine import replay_quarantine
from ingest.samples import Sample
from ingest.suggest import suggest
from ioc.errors import IocError, StoreAway, StoreError
from ioc.store import database
from ioc.store import proposals as store

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.suggest import Proposal
    from ioc.config.folder import CityFolder
    from ioc.records import Micros
    from ioc.store.database import Connection
    from ioc.store.proposals import Asked

log = logging.getLogger(__name__)

MOST_MESSAGES = 400  # of the unclaimed, the last ones
MOST_PROPOSALS = 40  # a scanner's thousand topics are no thousand proposals
MOST_LINES = 60  # of a trial
_EVERY: Micros = 10_000_000
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


class Proposer:
    """Has a connection of its own, and remembers what was looked at."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._conn: Connection | None = None
        self._seen, self._next = 0, 0

    def attend(self, folder: CityFolder, now: Micros) -> None:
        """Answer requests, turn accepted files live, propose; a database that is away is met again next time."""
        try:
            if self._conn is None or self._conn.closed:
                self._conn = database.connect(self._url, name="ioc ingest proposals", autocommit=True)
            with database.translated():
                self._attend(self._conn, folder, now)
        except StoreAway:
            self.close()
        except StoreError as error:
            log.warning("no proposals: %s", error)
        except Exception:  # it looks at what strangers sent, in the thread that looks after the folder
            log.exception("no proposals: a message that nobody thought of")

    def close(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def _attend(self, conn: Connection, folder: CityFolder, now: Micros) -> None:
        answer_requests(conn, folder, now)
        for proposal in store.settle(conn, folder.feeds):
            store.answer(conn, proposal, "live", {"replayed": self._replayed(folder)})
        if now >= self._next and (newest := store.newest_unclaimed(conn)) != self._seen:
            self._seen, self._next = newest, now + _EVERY
            propose_unclaimed(conn, folder, now)

    def _replayed(self, folder: CityFolder) -> dict[str, Any]:
        try:
            found = replay_quarantine(folder, self._url, "unclaimed")
        except IocError as error:
            log.warning("the unclaimed messages could not be replayed: %s", error)
            return {"error": str(error)}
        return {"tried": found.tried, "stored": found.stored, "duplicate": found.duplicate, "left": found.left}


def propose_unclaimed(conn: Connection, folder: CityFolder, now: Micros) -> list[Proposal]:
    """Look at the last unclaimed messages and keep a proposal for each kind of them."""
    found = suggest(_unclaimed(conn), folder, now, most=MOST_PROPOSALS)
    store.save(conn, [_row(proposal) for proposal in found], folder.feeds)
    return found


def _unclaimed(conn: Connection) -> list[Sample]:
    return [Sample(*kept) for kept in store.unclaimed(conn, MOST_MESSAGES)]


def _row(proposal: Proposal) -> dict[str, Any]:
    return {**proposal._asdict(), "reasons": [reason._asdict() for reason in proposal.reasons]}


def answer_requests(conn: Connection, folder: CityFolder, now: Micros) -> None:
    """All that pages have asked for since."""
    while (asked := store.take(conn)) is not None:
        if asked.request == "refuse":
            store.answer(conn, asked.id, "refused", {})
            continue
        try:
            tried = _trial(conn, asked, folder, now)
            if asked.request == "dry_run":
                store.answer(conn, asked.id, "dry_run", tried)
            else:
                write_feed(folder.path, asked.key, asked.toml)
                store.answer(conn, asked.id, "accepted", tried)
        except (IocError, OSError) as error:
            store.answer(conn, asked.id, "proposed", {"error": str(error)})


def _trial(conn: Connection, asked: Asked, folder: CityFolder, now: Micros) -> dict[str, Any]:
    """What the file would make of the last unclaimed messages. Raises ConfigError."""
    feed = parse_feed(asked.toml, f"{asked.key}.toml")
    trial = replace(folder, feeds={**folder.feeds, asked.key: feed})
    found = check(trial, asked.key, _unclaimed(conn), now)
    own = found._replace(outcomes=[outcome for outcome in found.outcomes if outcome.feed == asked.key])
    said = list(report.lines(own, trial, MOST_LINES))
    return {"summary": report.summary(own), "lines": said, "faults": own.faults, "good": own.good}


def write_feed(city: Path, key: str, toml: str) -> None:
    """Write feeds/KEY.toml, never over a file that is there. Raises IocError with what to do instead."""
    if not _KEY.fullmatch(key):
        raise IocError(f"{key!r} cannot be a feed's name: small letters, digits, - and _")
    target = city / "feeds" / f"{key}.toml"
    try:
        target.parent.mkdir(exist_ok=True)
        part = target.with_name(f".{key}.toml.part")  # the folder is watched: it must never see half a file
        part.write_text(toml, encoding="utf-8")
        try:
            target.hardlink_to(part)
        finally:
            part.unlink()
    except FileExistsError as error:
        raise IocError(f"feeds/{key}.toml is there already: choose another name") from error
    except OSError as error:
        raise IocError(f"the city folder cannot be written ({error.strerror}): save the file there yourself") from error
