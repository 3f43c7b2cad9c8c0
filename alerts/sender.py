"""Outbox -> mail server: claim, send, write what became of it. Nothing is open in the database while a server thinks.

A mail keeps its bytes and its Message-ID in every attempt, so that a duplicate after a crash is recognised as one.
"""

from __future__ import annotations

import logging
import random
from datetime import timedelta
from typing import TYPE_CHECKING

from alerts import smtp
from alerts.smtp import Fate
from ioc.store import outbox
from ioc.store.alarm_write import clock
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from alerts.smtp import Result, Server
    from ioc.store.database import Connection
    from ioc.store.outbox import Channel, Letter

BACKOFF = tuple(timedelta(seconds=s) for s in (15, 60, 180, 600, 1800))
HOURLY = timedelta(hours=1)
GREYLISTED = timedelta(seconds=60)  # a server that says "later" means at least this
GIVE_UP = timedelta(hours=24)
PROBES = tuple(timedelta(seconds=s) for s in (5, 15, 60, 120))  # while the server cannot be reached
ESCALATE_AFTER = 2  # failed tries of a critical mail before others are told
log = logging.getLogger(__name__)


class Sender:
    """Sends what is due. `mark` is told each point reached, so that tests can crash there."""

    def __init__(self, server: Server, sender: str, mark: Callable[[str], None] = lambda _: None) -> None:
        self._server = server
        self._sender = sender
        self._mark = mark
        self._dice = random.Random()  # noqa: S311  jitter, not a secret

    def run(self, conn: Connection, *, limit: int = 5, now: datetime | None = None) -> int:
        """Send up to `limit` mails; returns how many left. Stops early when the server or our settings fail."""
        at = now or clock(conn)
        channel = outbox.channel(conn)
        if not self._open(channel, at):
            return 0
        if channel.state != "ok":
            limit = 1  # half open: one mail tries the way
        with transaction(conn):
            letters = outbox.claim(conn, at, limit)
        self._mark("claimed")
        sent = 0
        for n, letter in enumerate(letters):
            fate = self._one(conn, letter, now)
            sent += fate is Fate.SENT
            if fate in (Fate.DOWN, Fate.STOPPED):
                self._give_back(conn, letters[n + 1 :], at)
                break
        return sent

    def _give_back(self, conn: Connection, letters: list[Letter], at: datetime) -> None:
        """Claimed and not tried: not their turn to fail."""
        with transaction(conn):
            for letter in letters:
                outbox.finish(conn, letter, at, "ready", "waits for the mail server", count=0)

    def _open(self, channel: Channel, at: datetime) -> bool:
        """A stopped channel waits for other settings; one that is down for its next probe."""
        if channel.server != self._server.digest:
            return True
        return channel.state == "ok" or (channel.state == "down" and channel.probe_at <= at)

    def _one(self, conn: Connection, letter: Letter, now: datetime | None) -> Fate | None:
        with transaction(conn):
            if not outbox.wanted(conn, letter):
                outbox.finish(conn, letter, now or clock(conn), "superseded", "no longer wanted", count=0)
                return None
        result = smtp.send(self._server, self._sender, letter.email, letter.mime, self._mark)
        self._mark("answered")
        with transaction(conn):
            self._record(conn, letter, result, now or clock(conn))
        if result.fate is not Fate.SENT:
            log.warning(
                "mail %s to contact %d: %s: %s", letter.message_id, letter.contact_id, result.fate.value, result.reply
            )
        return result.fate

    def _record(self, conn: Connection, letter: Letter, result: Result, at: datetime) -> None:
        fate, reply = result.fate, result.reply
        self._tell_channel(conn, result, at)
        if fate is Fate.SENT:
            outbox.finish(conn, letter, at, "sent", reply)
        elif fate in (Fate.DOWN, Fate.STOPPED):
            outbox.finish(conn, letter, at, "ready", reply, count=0, due=at)
        elif fate is Fate.NO_ADDRESS:
            outbox.finish(conn, letter, at, "failed", reply)
            outbox.refuse(conn, letter.contact_id, reply)
            outbox.escalate(conn, letter.id, at)
        elif fate is Fate.REJECTED:
            self._rejected(conn, letter, reply, at)
        elif fate is Fate.UNSURE and letter.priority > 2:
            outbox.finish(conn, letter, at, "maybe_sent", reply, ambiguous=True)
        else:
            self._again(conn, letter, result, at)

    def _rejected(self, conn: Connection, letter: Letter, reply: str, at: datetime) -> None:
        """Once more as text only; then somebody else is told."""
        if letter.plain is not None:
            outbox.finish(conn, letter, at, "ready", reply, due=at, as_text=True)
        else:
            outbox.finish(conn, letter, at, "failed", reply)
            outbox.escalate(conn, letter.id, at)

    def _again(self, conn: Connection, letter: Letter, result: Result, at: datetime) -> None:
        """Later; a critical mail that failed twice is told to others meanwhile, and after a day it is given up."""
        tries = letter.attempts + 1
        if at - letter.created_at > GIVE_UP:
            outbox.finish(conn, letter, at, "failed", f"given up after a day: {result.reply}")
            outbox.escalate(conn, letter.id, at)
            return
        unsure = result.fate is Fate.UNSURE
        outbox.finish(conn, letter, at, "ready", result.reply, due=at + self.wait(tries, result.fate), ambiguous=unsure)
        if letter.priority == 1 and tries == ESCALATE_AFTER and not unsure:
            outbox.escalate(conn, letter.id, at)

    def wait(self, tries: int, fate: Fate) -> timedelta:
        """How long until the next try, with up to a fifth of jitter."""
        plain = BACKOFF[tries - 1] if tries <= len(BACKOFF) else HOURLY
        least = GREYLISTED if fate is Fate.LATER else plain
        return max(plain, least) * (1 + self._dice.random() / 5)

    def _tell_channel(self, conn: Connection, result: Result, at: datetime) -> None:
        channel = outbox.channel(conn)
        state = {Fate.DOWN: "down", Fate.STOPPED: "stopped"}.get(result.fate, "ok")
        failures = channel.failures + 1 if state == "down" else 0
        probe_at = at + PROBES[min(failures, len(PROBES)) - 1] if failures else at
        if (channel.state, channel.server) != (state, self._server.digest) or state == "down":
            reason = "" if state == "ok" else result.reply
            fresh = channel._replace(
                state=state, reason=reason, server=self._server.digest, failures=failures, probe_at=probe_at
            )
            outbox.set_channel(conn, fresh, at)
