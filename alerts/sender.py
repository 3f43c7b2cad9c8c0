"""Outbox -> a channel: claim, send, write what became of it. Nothing is open in the database while a server thinks.

A message keeps its bytes and its id in every attempt, so that a duplicate after a crash is recognised as one.
"""

from __future__ import annotations

import logging
import random
from datetime import timedelta
from typing import TYPE_CHECKING

from alerts import smtp
from alerts.fate import Fate
from ioc.store import outbox
from ioc.store.alarm_write import clock
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from alerts.fate import Channel, Result
    from ioc.store.database import Connection
    from ioc.store.outbox import Letter

BACKOFF = tuple(timedelta(seconds=s) for s in (15, 60, 180, 600, 1800))
HOURLY = timedelta(hours=1)
GREYLISTED = timedelta(seconds=60)  # a server that says "later" means at least this
GIVE_UP = timedelta(hours=24)
PROBES = tuple(timedelta(seconds=s) for s in (5, 15, 60, 120))  # while the server cannot be reached
STOPPED = timedelta(minutes=30)  # somebody may have corrected the account at the server's end
ESCALATE_AFTER = 2  # failed tries of a critical message before others are told
ESCALATE_LATE = timedelta(minutes=3)  # or this long without success
_WORST_UNSURE = 2  # unsure messages of less than high priority are not sent twice
log = logging.getLogger(__name__)


class Courier:
    """Sends what is due over one channel. `mark` is told each point reached, so that tests can crash there."""

    def __init__(self, channel: Channel, mark: Callable[[str], None] = lambda _: None) -> None:
        self._channel = channel
        self._mark = mark
        self._dice = random.Random()  # noqa: S311  jitter, not a secret

    def run(self, conn: Connection, *, limit: int = 5, now: datetime | None = None) -> int:
        """Send up to `limit` messages; returns how many left. Stops early when the server or our settings fail."""
        at = now or clock(conn)
        state = outbox.channel(conn, self._channel.key)
        if not self._open(state, at):
            return 0
        if state.state != "ok":
            limit = 1  # half open: one message tries the way
        with transaction(conn):
            letters = outbox.claim(conn, at, limit, self._channel.key)
        self._mark("claimed")
        sent = 0
        for n, letter in enumerate(letters):
            result = self._one(conn, letter, now)
            sent += result is not None and result.fate is Fate.SENT
            if result is not None and (result.down or result.fate in (Fate.DOWN, Fate.STOPPED)):
                self._give_back(conn, letters[n + 1 :], at)
                break
        return sent

    def _give_back(self, conn: Connection, letters: list[Letter], at: datetime) -> None:
        """Claimed and not tried: not their turn to fail."""
        with transaction(conn):
            for letter in letters:
                outbox.finish(conn, letter, at, "ready", f"waits for {self._channel.key}", count=0)

    def _open(self, state: outbox.Channel, at: datetime) -> bool:
        """One that is down or stopped waits for its next probe, or for other settings."""
        return state.server != self._channel.digest or state.state == "ok" or state.probe_at <= at

    def _one(self, conn: Connection, letter: Letter, now: datetime | None) -> Result | None:
        with transaction(conn):
            if not outbox.hold(conn, letter, now or clock(conn)):
                return None
            if not outbox.wanted(conn, letter):
                outbox.finish(conn, letter, now or clock(conn), "superseded", "no longer wanted", count=0)
                return None
        result = self._channel.send(letter, self._mark)
        self._mark("answered")
        with transaction(conn):
            self._record(conn, letter, result, now or clock(conn))
        if result.fate is not Fate.SENT:
            log.warning("%s %s to contact %d: %s: %s", self._channel.key, letter.message_id, letter.contact_id,
                        result.fate.value, result.reply)  # fmt: skip
        return result

    def _record(self, conn: Connection, letter: Letter, result: Result, at: datetime) -> None:
        fate, reply = result.fate, result.reply
        self._tell_channel(conn, result, at)
        if fate is Fate.SENT:
            outbox.finish(conn, letter, at, "sent", reply)
        elif fate in (Fate.DOWN, Fate.STOPPED):
            outbox.finish(conn, letter, at, "ready", reply, count=0, due=at)
            self._late(conn, letter, at)
        elif fate is Fate.NO_ADDRESS:
            outbox.finish(conn, letter, at, "failed", reply)
            outbox.refuse(conn, letter, reply, self._channel.key)
            outbox.escalate(conn, letter.id, at)
        elif fate is Fate.REJECTED:
            self._rejected(conn, letter, reply, at)
        elif fate is Fate.UNSURE and letter.priority > _WORST_UNSURE:
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
        """Later; a critical message that failed twice is told to others meanwhile, and after a day it is given up."""
        tries = letter.attempts + 1
        if at - letter.created_at > GIVE_UP:
            outbox.finish(conn, letter, at, "failed", f"given up after a day: {result.reply}")
            outbox.escalate(conn, letter.id, at)
            return
        unsure, due = result.fate is Fate.UNSURE, at + self.wait(tries, result)
        outbox.finish(conn, letter, at, "ready", result.reply, due=due, ambiguous=unsure)
        if letter.priority == 1 and tries >= ESCALATE_AFTER and not unsure:
            outbox.escalate(conn, letter.id, at)

    def _late(self, conn: Connection, letter: Letter, at: datetime) -> None:
        """While a channel is away, others are told of what is critical: they may be reached over another one."""
        if letter.priority == 1 and at - letter.created_at > ESCALATE_LATE:
            outbox.escalate(conn, letter.id, at, otherwise=True)

    def wait(self, tries: int, result: Result) -> timedelta:
        """How long until the next try, with up to a fifth of jitter."""
        plain = BACKOFF[tries - 1] if tries <= len(BACKOFF) else HOURLY
        least = GREYLISTED if result.fate is Fate.LATER and not result.after else plain
        asked = min(timedelta(seconds=result.after), HOURLY)
        return max(plain, least, asked) * (1 + self._dice.random() / 5)

    def _tell_channel(self, conn: Connection, result: Result, at: datetime) -> None:
        before = outbox.channel(conn, self._channel.key)
        known = {Fate.DOWN: "down", Fate.STOPPED: "stopped"}
        state = "down" if result.down else known.get(result.fate, "ok")
        failures = before.failures + 1 if state == "down" else 0
        probe_at = at + (PROBES[min(failures, len(PROBES)) - 1] if failures else STOPPED)
        if (before.state, before.server) != (state, self._channel.digest) or state != "ok":
            reason = "" if state == "ok" else result.reply
            fresh = before._replace(
                state=state, reason=reason, server=self._channel.digest, failures=failures, probe_at=probe_at
            )
            outbox.set_channel(conn, fresh, at, self._channel.key)


class Sender(Courier):
    """The courier of mails: over SMTP, from one address."""

    def __init__(self, server: smtp.Server, sender: str, mark: Callable[[str], None] = lambda _: None, *,
                 verp: bool = False) -> None:  # fmt: skip
        super().__init__(smtp.Mail(server, sender, verp=verp), mark)
