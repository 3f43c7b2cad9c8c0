"""Schedules -> briefs, digests and reports in the outbox, each slot once, whoever writes it and however often it asks.

The slot is taken in the transaction that writes the mail: a crash before leaves it to be written, one after finds it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from alerts import brief, grouping, mail, report, schedule
from alerts.reader import Reader, clean
from ioc.config.types import say
from ioc.language import known, local_time
from ioc.signing import Links
from ioc.store import digests, mail_facts, outbox
from ioc.store.alarm_write import clock
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from alerts.compose import Setting
    from alerts.schedule import Slot
    from ioc.store.database import Connection
    from ioc.store.outbox import Contact

_LINK_HOLDS = timedelta(days=60)  # RFC 8058 wants a link that lasts
_ROWS = 60  # of a digest
WEEK = timedelta(days=7)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Edition:
    """One mail, not yet for anybody: template, subject and what the template says."""

    kind: str
    title: str
    values: dict[str, Any]


@dataclass(slots=True)
class Editor:
    """city: its name by language; domains: each one's, by key. problems: what failed, until it goes well."""

    setting: Callable[[], Setting]
    city: Callable[[], dict[str, str]]
    domains: Callable[[], dict[str, dict[str, str]]]
    guard: Callable[[Connection], None] = lambda _: None
    problems: dict[str, str] = field(default_factory=dict)

    def run(self, conn: Connection, now: datetime | None = None) -> int:
        """Write what is due; returns how many mails. One that fails does not hold up the others."""
        at = now or clock(conn)
        readers = digests.readers(conn)
        owed = grouping.digest(outbox.pending(conn, at, everybody=True)) if readers else {}
        count = 0
        for reader in readers:
            for slot in schedule.due(reader.settings, self.setting().zone, at):
                if slot.kind == "digest" and slot.kind in reader.stopped:
                    outbox.drop(conn, [one.id for one in owed.get(reader.contact_id, ())])
                if slot.kind in reader.stopped or digests.written(conn, reader.contact_id, slot.kind, slot.name):
                    continue
                if slot.kind == "digest" and not owed.get(reader.contact_id):
                    continue
                count += self._safely(conn, reader.contact_id, slot, at)
        return count

    def _safely(self, conn: Connection, contact: int, slot: Slot, at: datetime) -> bool:
        try:
            self._write(conn, contact, slot, at)
        except outbox.TakenError:
            return False
        except Exception as error:
            if conn.closed or conn.broken:
                raise
            self.problems[slot.kind] = f"{slot.kind} of {slot.name}: {type(error).__name__}: {error}"[:300]
            log.exception("%s to contact %d not written", slot.kind, contact)
            return False
        self.problems.pop(slot.kind, None)
        return True

    def _write(self, conn: Connection, contact: int, slot: Slot, at: datetime) -> None:
        who = outbox.contact(conn, contact)
        reader, ident = self.reader(who, at), uuid4()
        intents: list[int] = []
        alarms: list[int] = []
        with transaction(conn):
            self.guard(conn)
            if not digests.take(conn, who.id, slot.kind, slot.name, ident):
                raise outbox.TakenError
            if slot.kind == "digest":
                owed = grouping.digest(outbox.pending(conn, at, everybody=True))[who.id]
                intents, alarms = [one.id for one in owed], list(dict.fromkeys(one.alarm_id for one in owed))
            edition = self.edition(conn, slot.kind, who, reader, slot.at, slot.span, alarms)
            envelope = self.envelope(who, ident, slot.kind, at)
            full, plain = mail.page(edition.kind, edition.title, envelope, reader, edition.values)
            outbox.put(conn, id=ident, contact=who.id, email=who.email, kind=slot.kind, thread=f"{slot.kind}:{ident}",
                       priority=4, message_id=envelope.message_id, subject=clean(edition.title, 150), mime=full,
                       plain=plain, alarms=alarms, intents=intents, at=at, reasons=[slot.kind])  # fmt: skip

    def edition(
        self,
        conn: Connection,
        kind: str,
        who: Contact,
        reader: Reader,
        end: datetime,
        span: timedelta,
        alarms: list[int],
    ) -> Edition:
        """A brief as things are at reader.now, a digest of these alarms, a report of the span before `end`."""
        city = clean(say(self.city(), reader.language), 60)
        if kind == "brief":
            values = brief.values(conn, who, reader, self.domains())
            return Edition(kind, brief.subject(values, city, reader), {**values, "city": city})
        if kind == "report":
            values = report.values(conn, reader, end - span, end)
            return Edition(kind, report.subject(values, city, reader), {**values, "city": city})
        cards = [brief.tell(row, reader) for row in mail_facts.alarms(conn, alarms[:_ROWS])]
        title = reader.words["digest.subject"].format(city=city, n=len(alarms))
        more = max(0, len(alarms) - len(cards))
        values = {"cards": cards, "more": more, "total": len(alarms), "city": city,
                  "at": local_time(reader.now, reader.zone, reader.language)}  # fmt: skip
        return Edition(kind, title, values)

    def reader(self, who: Contact, at: datetime) -> Reader:
        zone = ZoneInfo(who.zone) if who.zone else self.setting().zone
        return Reader(known(who.language), zone, self.setting().base_url, at)

    def envelope(self, who: Contact, ident: UUID, kind: str, at: datetime) -> mail.Envelope:
        setting = self.setting()
        stop = ""
        if setting.secret:
            token = Links(setting.secret).unsubscribe(who.id, kind, at + _LINK_HOLDS)
            stop = f"{setting.base_url.rstrip('/')}/u/{token}"
        return mail.Envelope(message_id=f"<ioc.{ident}@{setting.sender.domain}>", to_name=who.name, kind=kind, at=at,
                             to_address=who.email, sender=setting.sender, unsubscribe=stop)  # fmt: skip
