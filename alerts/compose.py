"""What is owed -> messages in the outbox: plan, gather, draw, render, then write them and settle what they tell.

A crash before the write leaves everything owed; nothing is written twice, since what is settled is checked. What fails
costs the mail that part and is named in its row: a picture, one alarm's card, in the end the whole template.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from alerts import gallery, grouping, mail, outgoing, pictures
from alerts.card import MEASURED, Card, bare, card
from alerts.reader import Reader, clean
from ioc.config.types import say
from ioc.language import known
from ioc.signing import Links
from ioc.store import mail_facts, outbox
from ioc.store.alarm_write import clock
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from alerts.grouping import Plan
    from alerts.mail import From
    from alerts.painter import Painter
    from ioc.store.database import Connection
    from ioc.store.outbox import Contact

_MANY = 2000  # intents waiting: looking through them every second helps nobody
_REST = timedelta(seconds=5)
_ACK_ALL = 12  # alarms that one tap may acknowledge: nobody has looked at more
_LINK_HOLDS = timedelta(days=3)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is the same for every mail of this city."""

    zone: ZoneInfo
    base_url: str
    sender: From
    basemap: Path | None = None
    secret: str = ""  # signs links; without one mails have none that act
    ways: Mapping[str, outgoing.Writer] = field(default_factory=dict)  # channels beside mail, by name


@dataclass(slots=True)
class Composer:
    """Writes mails; `guard` refuses in a transaction when another evaluator leads, `mark` is told where it is.

    problems: what went wrong while writing, by part, until it goes well again; shown where the engine's health is.
    """

    setting: Setting
    painter: Painter | None
    guard: Callable[[Connection], None] = lambda _: None
    mark: Callable[[str], None] = lambda _: None
    problems: dict[str, str] = field(default_factory=dict)
    rest: datetime = outbox.NEVER

    def adopt(self, setting: Setting) -> None:
        """The city folder changed."""
        self.setting = setting

    def run(self, conn: Connection, now: datetime | None = None) -> int:
        """Write what is due; returns how many mails. One that cannot be written does not hold up the others."""
        at = now or clock(conn)
        if now is None and at < self.rest:
            return 0
        with transaction(conn):
            pending = outbox.pending(conn, at)
            uncleared = outbox.uncleared(conn) if pending else set()
            plans = grouping.plan(pending, outbox.recent(conn, at), at, uncleared)
            if plans.drop:
                self.guard(conn)
                outbox.drop(conn, plans.drop)
        if len(pending) > _MANY and not plans.mails:
            self.rest = at + _REST
        return sum(self._safely(conn, plan, at) for plan in plans.mails)

    def _safely(self, conn: Connection, plan: Plan, at: datetime) -> bool:
        """With everything; else without pictures; else in bare words."""
        why = ""
        for write in (self._full, self._plain, self._bare):
            try:
                write(conn, plan, at, why)
            except outbox.TakenError:
                log.info("a mail was written by somebody else first")
                return False
            except Exception as error:
                if conn.closed or conn.broken:
                    raise
                why = f"{type(error).__name__}: {error}"[:300]
                log.exception("mail to contact %d about alarms %s not written", plan.contact_id, plan.alarms[:5])
            else:
                self._remember("template", f"a mail was written without its template or pictures: {why}" if why else "")
                return True
        self._remember("template", f"a mail could not be written: {why}")
        return False

    def _remember(self, part: str, problem: str) -> None:
        self.problems.pop(part, None)
        if problem:
            self.problems[part] = problem

    def _full(self, conn: Connection, plan: Plan, at: datetime, why: str) -> None:
        self._write(conn, plan, at, why)

    def _plain(self, conn: Connection, plan: Plan, at: datetime, why: str) -> None:
        self._write(conn, plan, at, why, draw=False)

    def _bare(self, conn: Connection, plan: Plan, at: datetime, why: str) -> None:
        """Templates or names of this very mail are at fault: its alarms by number, and where to look."""
        ident = uuid4()
        with transaction(conn):
            self.guard(conn)
            contact = outbox.contact(conn, plan.contact_id)
            reader = self._reader(contact, at)
            title = reader.words["text.bare"].format(word=reader.words[f"priority.{plan.priority}"], n=len(plan.alarms))
            text = "\n".join(reader.link(alarm) for alarm in plan.alarms[: mail.LINKED])
            envelope = self._envelope(conn, ident, contact, [], at, plan.kind)
            outbox.supersede(conn, contact.id, list(plan.alarms))
            raw = mail.notice(title, text, envelope, reader)
            self._put(conn, contact, f"{plan.kind}:{ident}", envelope, id=ident, priority=plan.priority, subject=title,
                      mime=raw, alarms=list(plan.alarms), intents=list(plan.intents), groups=plan.groups,
                      reasons=sorted(plan.reasons), note=f"written: {why}")  # fmt: skip

    def notice(self, conn: Connection, title: str, text: str, at: datetime, **values: Any) -> None:
        """Tell the watchers something about the system itself; title and text are keys of our phrases."""
        with transaction(conn):
            self.guard(conn)
            for who in outbox.watchers(conn):
                reader, ident = self._reader(who, at), uuid4()
                said = {k: _time(v, reader) for k, v in values.items()}
                heading, body = (reader.words[key].format(**said) for key in (title, text))
                envelope = self._envelope(conn, ident, who, [], at, "system")
                raw = mail.notice(heading, body, envelope, reader)
                self._put(conn, who, f"system:{ident}", envelope, id=ident, priority=1, subject=heading, mime=raw,
                          alarms=[], intents=[])  # fmt: skip

    def _reader(self, contact: Contact, at: datetime) -> Reader:
        zone = ZoneInfo(contact.zone) if contact.zone else self.setting.zone
        return Reader(known(contact.language), zone, self.setting.base_url, at)

    def _write(self, conn: Connection, plan: Plan, at: datetime, why: str, *, draw: bool = True) -> None:
        with transaction(conn):
            contact = outbox.contact(conn, plan.contact_id)
            reader = self._reader(contact, at)
            rows = mail_facts.alarms(conn, list(plan.alarms[: mail.ROWS]))
            cards, broken = self._cards(conn, rows, plan, reader)
            asked = []
            if draw and not broken:
                asked = gallery.asked(conn, rows, cards, reader, self.setting.basemap, chart=plan.kind != "flood")
            critical = mail_facts.critical(conn, list(plan.alarms))
            also = _named(critical, {row["id"] for row in rows}, reader)
        drawn, missing = gallery.draw(asked, self.painter, reader, self.setting.sender.domain)
        content = mail.Content(
            cards=cards, also=also, total=len(plan.alarms), critical=len(critical), missing=missing,
            flood=plan.kind == "flood", chart=drawn.get("chart"), map=drawn.get("map"),
            ack=self._ack(contact, cards, len(plan.alarms), at),
        )  # fmt: skip
        wrong = "; ".join(part for part in (why, broken, *missing) if part)
        note = f"written: {wrong}" if wrong else None
        self._remember("picture", "; ".join(missing))
        self._remember("alarm", broken)
        self.mark("rendered")
        with transaction(conn):
            self.guard(conn)
            self._put_all(conn, plan, contact, content, reader, note)
            self.mark("written")
        self.mark("committed")

    def _put_all(
        self, conn: Connection, plan: Plan, contact: Contact, content: mail.Content, reader: Reader, note: str | None
    ) -> None:
        """The same over each of the person's channels; the first row is the one that settles what is owed."""
        alarms, first, at = list(plan.alarms), None, reader.now
        about = {"priority": plan.priority, "alarms": alarms, "groups": plan.groups, "reasons": sorted(plan.reasons)}
        outbox.supersede(conn, contact.id, alarms)
        reaches = outgoing.reaches(contact, plan.priority) or [outgoing.Reach(outgoing.MAIL, contact.email, 4)]
        for reach in reaches:
            ident, twin = uuid4(), first
            envelope = self._envelope(conn, ident, contact, alarms, at, plan.kind)
            if reach.channel == outgoing.MAIL:
                subject, full, plain = mail.build(content, envelope, reader)
                key = envelope.thread.key if envelope.thread else f"{plan.kind}:{ident}"
            else:
                written = self._other(reach, ident, plan, contact, content, reader)
                if written is None:
                    continue
                (subject, full), plain, key = written, None, f"{reach.channel}:{ident}"
            intents = list(plan.intents) if first is None else []
            self._put(conn, contact, key, envelope, id=ident, subject=subject, mime=full, plain=plain, intents=intents,
                      channel=reach.channel, address=reach.address, twin=twin, note=note, **about)  # fmt: skip
            first = first or ident

    def _other(
        self, reach: outgoing.Reach, ident: UUID, plan: Plan, contact: Contact, content: mail.Content, reader: Reader
    ) -> tuple[str, bytes] | None:
        """(title, body) as that channel writes it; None where it cannot, which must not cost the mail."""
        title = mail.subject(content, reader)
        action = content.cards[0].advice[0][1] if content.cards[0].advice and not content.cards[0].over else ""
        link = content.ack or (reader.link(content.cards[0].id) if content.total == 1 else f"{reader.base}/alarms")
        try:
            return title, self.setting.ways[reach.channel].write(outgoing.Message(
                id=str(ident), kind=plan.kind, reasons=tuple(sorted(plan.reasons)), priority=plan.priority,
                language=reader.language, at=reader.now, to=reach.address, title=title, action=action, link=link,
                cards=content.cards, total=content.total, critical=content.critical,
            ))  # fmt: skip
        except Exception as error:
            log.exception("not written for channel %s of %s", reach.channel, contact.key)
            self._remember(reach.channel, f"channel {reach.channel}: {type(error).__name__}: {error}")
            return None

    def _ack(self, contact: Contact, cards: list[Card], total: int, at: datetime) -> str:
        """A link that acknowledges what this mail shows, where somebody can have looked at all of it."""
        waiting = [(c.id, c.episode) for c in cards if c.waiting]
        if not self.setting.secret or not waiting or total > _ACK_ALL:
            return ""
        token = Links(self.setting.secret).acknowledge(contact.id, waiting, at + _LINK_HOLDS)
        return f"{self.setting.base_url.rstrip('/')}/a/{token}"

    def _cards(
        self, conn: Connection, rows: list[dict[str, Any]], plan: Plan, reader: Reader
    ) -> tuple[list[Card], str]:
        """One alarm is told in full, several in a line or two each; one that cannot be must not silence the others."""
        tell = self._told if len(rows) == 1 else self._listed
        cards, broken = [], ""
        for row in rows:
            try:
                with transaction(conn):
                    cards.append(tell(conn, row, plan, reader))
            except Exception as error:
                if conn.closed or conn.broken:
                    raise
                log.exception("alarm %d could not be put into words", row["id"])
                broken = f"alarm {row['id']} could not be put into words: {type(error).__name__}: {error}"[:300]
                cards.append(bare(row, reader))
        return cards, broken

    def _told(self, conn: Connection, row: dict[str, Any], plan: Plan, reader: Reader) -> Card:
        trend = pictures.trend(conn, row, reader.now) if row["kind"] in MEASURED else (None, 0)
        told = mail_facts.told(conn, [row["id"]], plan.contact_id).get(row["id"], [])
        changes = mail_facts.changes(conn, [row["id"]]).get(row["id"], [])
        near = mail_facts.near(conn, row)
        return card(row, reader, reasons=plan.reasons, changes=changes, near=near, told=told, trend=trend)

    @staticmethod
    def _listed(_: Connection, row: dict[str, Any], plan: Plan, reader: Reader) -> Card:
        return card(row, reader, reasons=plan.reasons)

    def _envelope(
        self, conn: Connection, ident: UUID, contact: Contact, alarms: list[int], at: datetime, kind: str
    ) -> mail.Envelope:
        thread = outbox.thread(conn, contact.id, alarms) if alarms and kind != "flood" else None
        return mail.Envelope(message_id=f"<ioc.{ident}@{self.setting.sender.domain}>", thread=thread, kind=kind, at=at,
                             to_name=contact.name, to_address=contact.email, sender=self.setting.sender)  # fmt: skip

    @staticmethod
    def _put(conn: Connection, contact: Contact, thread: str, envelope: mail.Envelope, *, address: str = "",
             **row: Any) -> None:  # fmt: skip
        outbox.put(conn, contact=contact.id, email=address or contact.email, thread=thread,
                   message_id=envelope.message_id, kind=envelope.kind, at=envelope.at, **row)  # fmt: skip


def _named(critical: list[dict[str, Any]], shown: set[int], reader: Reader) -> list[str]:
    """Every critical alarm that has no row in the table, in a line for each rule: many have one cause."""
    rules: dict[str, list[str]] = {}
    for row in critical:
        if row["id"] not in shown:
            rule = clean(say(row["rule_name"], reader.language) or row["rule"], 60)
            name = clean(say(row["name"] or {}, reader.language) or row["title"] or row["target"], 60)
            rules.setdefault(rule, []).append(name)
    return [f"{rule} ({len(names)}): {', '.join(names)}" for rule, names in rules.items()]


def _time(value: Any, reader: Reader) -> Any:
    from ioc.language import local_time

    return local_time(value, reader.zone, reader.language) if hasattr(value, "astimezone") else value
