"""What is owed -> mails in the outbox: plan, gather, draw, render, then write the mail and settle what it tells.

A crash before the write leaves everything owed; nothing is written twice, since what is settled is checked.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from alerts import grouping, mail, pictures
from alerts.card import Card, card, headline, place
from alerts.reader import Reader
from ioc.language import known
from ioc.store import mail_facts, outbox
from ioc.store.alarm_write import clock
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from alerts.grouping import Plan
    from alerts.mail import From, Picture
    from alerts.painter import Painter
    from ioc.store.database import Connection
    from ioc.store.outbox import Contact

_LOOKED_UP = 500  # alarms of a flood that a mail still knows by name
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is the same for every mail of this city."""

    zone: ZoneInfo
    base_url: str
    sender: From
    basemap: Path | None = None


@dataclass(slots=True)
class Composer:
    """Writes mails; `guard` refuses in a transaction when another evaluator leads, `mark` is told where it is."""

    setting: Setting
    painter: Painter | None
    guard: Callable[[Connection], None] = lambda _: None
    mark: Callable[[str], None] = lambda _: None

    def adopt(self, setting: Setting) -> None:
        """The city folder changed."""
        self.setting = setting

    def run(self, conn: Connection, now: datetime | None = None) -> int:
        """Write what is due; returns how many mails. One that cannot be written does not hold up the others."""
        at = now or clock(conn)
        with transaction(conn):
            plans = grouping.plan(outbox.pending(conn, at), outbox.recent(conn, at), at)
            if plans.drop:
                self.guard(conn)
                outbox.drop(conn, plans.drop)
        written = 0
        for plan in plans.mails:
            try:
                self._write(conn, plan, at)
                written += 1
            except outbox.TakenError:
                log.info("a mail was written by somebody else first")
            except Exception:
                if conn.closed or conn.broken:
                    raise
                log.exception("mail to contact %d about alarms %s not written", plan.contact_id, plan.alarms[:5])
                self._fallback(conn, plan, at)
        return written

    def notice(self, conn: Connection, title: str, text: str, at: datetime, **values: Any) -> None:
        """Tell the watchers something about the system itself; title and text are keys of our phrases."""
        with transaction(conn):
            self.guard(conn)
            for who in outbox.watchers(conn):
                reader, ident = self._reader(who, at), uuid4()
                said = {k: _time(v, reader) for k, v in values.items()}
                heading, body = reader.words[title], reader.words[text].format(**said)
                envelope = self._envelope(conn, ident, who, [], at, "system")
                raw = mail.notice(heading, body, envelope, reader)
                self._put(conn, who, f"system:{ident}", envelope, id=ident, priority=1, subject=heading, mime=raw,
                          plain=None, alarms=[], intents=[])  # fmt: skip

    def _reader(self, contact: Contact, at: datetime) -> Reader:
        zone = ZoneInfo(contact.zone) if contact.zone else self.setting.zone
        return Reader(known(contact.language), zone, self.setting.base_url, at)

    def _write(self, conn: Connection, plan: Plan, at: datetime, *, draw: bool = True) -> None:
        with transaction(conn):
            contact = outbox.contact(conn, plan.contact_id)
            reader = self._reader(contact, at)
            everything = mail_facts.alarms(conn, list(plan.alarms[:_LOOKED_UP]))
            rows = everything[: mail.ROWS]
            cards = self._cards(conn, rows, plan, reader)
            asked = self._asked(conn, rows, cards, plan, reader) if draw else []
            critical = [r for r in everything if r["priority"] == 1 and r["condition"] != "false"]
            also = [_line(r, reader) for r in critical if r not in rows]
        drawn, missing = self._draw(asked, reader)
        content = mail.Content(cards=cards, also=also, total=len(plan.alarms), critical=len(critical), missing=missing,
                               flood=plan.kind == "flood", chart=drawn.get("chart"), map=drawn.get("map"))  # fmt: skip
        ident = uuid4()
        self.mark("rendered")
        with transaction(conn):
            self.guard(conn)
            envelope = self._envelope(conn, ident, contact, list(plan.alarms), at, plan.kind)
            subject, full, plain = mail.build(content, envelope, reader)
            thread = outbox.thread(conn, contact.id, list(plan.alarms))
            key = thread.key if thread and plan.kind != "flood" else f"{plan.kind}:{ident}"
            self._put(conn, contact, key, envelope, id=ident, priority=plan.priority, subject=subject, mime=full,
                      plain=plain, alarms=list(plan.alarms), intents=list(plan.intents))  # fmt: skip
            self.mark("written")
        self.mark("committed")

    def _fallback(self, conn: Connection, plan: Plan, at: datetime) -> None:
        """Without pictures; if even that fails it is tried again at the next turn."""
        try:
            self._write(conn, plan, at, draw=False)
        except Exception:
            if conn.closed or conn.broken:
                raise
            log.exception("nor without pictures")

    def _cards(self, conn: Connection, rows: list[dict[str, Any]], plan: Plan, reader: Reader) -> list[Card]:
        """One alarm is told in full, several in a line or two each."""
        if len(rows) != 1:
            return [card(row, reader, reasons=plan.reasons) for row in rows]
        row = rows[0]
        trend = pictures.trend(conn, row, reader.now) if row["kind"] == "threshold" else (None, 0)
        told = mail_facts.told(conn, [row["id"]], plan.contact_id).get(row["id"], [])
        changes = mail_facts.changes(conn, [row["id"]]).get(row["id"], [])
        near = mail_facts.near(conn, row)
        return [card(row, reader, reasons=plan.reasons, changes=changes, near=near, told=told, trend=trend)]

    def _asked(
        self, conn: Connection, rows: list[dict[str, Any]], cards: list[Card], plan: Plan, reader: Reader
    ) -> list[tuple[str, dict[str, Any], str]]:
        """(kind, data, alt text) of the pictures this mail wants."""
        said, first, where = reader.words, cards[0], place(rows[0], reader.language)
        found = []
        if rows[0]["series_id"] is not None and rows[0]["threshold"] is not None and plan.kind != "flood":
            data = pictures.chart(conn, rows[0], reader, place({**rows[0], "area_name": None}, reader.language))
            limit = reader.limit(rows[0])
            alt = said["text.chart_alt"].format(what=first.rule, where=where, value=first.value, limit=limit)
            found.append(("chart", data, alt))
        labels = {c.id: c.value for c in cards} if len(rows) <= 6 else {}
        data_map = pictures.city_map(conn, rows, reader, labels, self.setting.basemap)
        if data_map is not None and plan.alarms:
            places = ", ".join(c.place for c in cards[:3])
            found.append(("map", data_map, said["text.map_alt"].format(where=places)))
        return found

    def _draw(
        self, asked: list[tuple[str, dict[str, Any], str]], reader: Reader
    ) -> tuple[dict[str, Picture], list[str]]:
        """Pictures within the budget; what could not be drawn is said."""
        drawn, missing = {}, []
        for kind, data, alt in asked:
            png = self.painter.paint(kind, data) if self.painter is not None else None
            if png is None:
                missing.append(reader.words[f"text.no_{kind}"])
            else:
                drawn[kind] = mail.Picture(f"{kind}.{uuid4().hex}@{self.setting.sender.domain}", alt, png)
        return drawn, missing

    def _envelope(
        self, conn: Connection, ident: UUID, contact: Contact, alarms: list[int], at: datetime, kind: str
    ) -> mail.Envelope:
        thread = outbox.thread(conn, contact.id, alarms) if alarms and kind != "flood" else None
        return mail.Envelope(
            message_id=f"<ioc.{ident}@{self.setting.sender.domain}>", root=thread.root if thread else None,
            previous=thread.previous if thread else None, to_name=contact.name, to_address=contact.email, at=at,
            sender=self.setting.sender, kind=kind,
        )  # fmt: skip

    def _put(self, conn: Connection, contact: Contact, thread: str, envelope: mail.Envelope, **mail_: Any) -> None:
        outbox.put(conn, supersede=bool(mail_["alarms"]), contact=contact.id, email=contact.email, thread=thread,
                   message_id=envelope.message_id, kind=envelope.kind, at=envelope.at, **mail_)  # fmt: skip


def _line(row: dict[str, Any], reader: Reader) -> str:
    return f"{headline(row, reader)}, {place(row, reader.language)} (#{row['id']})"


def _time(value: Any, reader: Reader) -> Any:
    from ioc.language import local_time

    return local_time(value, reader.zone, reader.language) if hasattr(value, "astimezone") else value
