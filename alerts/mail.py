"""Cards and pictures -> the bytes of one mail. Pure: the same input gives the same bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from alerts import thread
from alerts.headers import SMTP
from alerts.reader import clean, short

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from alerts.card import Card
    from alerts.reader import Reader
    from ioc.store.outbox import Thread

BRIEF = 3  # more alarms than this are a table: the map and what to do first, once a rule
ROWS = 40  # of a table; the rest is counted
LINKED = 250  # alarms of a mail without its template
NAMED = 50_000  # characters of critical alarms beyond the table in HTML, which Gmail cuts at 102 kB; the text has all
_PLAIN = 60_000  # characters: a longer text is told in base64, where Vietnamese takes half the room
_BLANK = re.compile(r"\n{3,}")


class Picture(NamedTuple):
    cid: str
    alt: str
    png: bytes


class From(NamedTuple):
    """Who mails come from: an address, a role's name, and where answers go."""

    address: str
    name: str
    reply_to: str | None = None

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2] or "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What makes this one mail: its id, thread, recipient, time. unsubscribe: a link, for what is not an alarm."""

    message_id: str
    thread: Thread | None = None
    to_name: str
    to_address: str
    at: datetime
    sender: From
    kind: str
    unsubscribe: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """ack: a link that acknowledges what is in this mail and waits for it, where that may be said by a link."""

    cards: Sequence[Card]
    total: int  # alarms, also those that are not listed
    also: Sequence[str] = ()  # critical alarms beyond the table, a line a rule: all of them are named
    critical: int = 0
    flood: bool = False
    chart: Picture | None = None
    map: Picture | None = None
    missing: Sequence[str] = field(default_factory=tuple)
    ack: str = ""


def subject(content: Content, reader: Reader) -> str:
    """Severity or RESOLVED first, then what, value against limit, where."""
    first = content.cards[0]
    over = all(card.over for card in content.cards)
    if content.flood and content.total > 1 and not over:
        text = reader.words["group.flood"].format(n=content.total, critical=content.critical)
    elif content.total > 1:
        key = "group.resolved" if over else "group.subject"
        text = reader.words[key].format(n=content.total, first=f"{first.headline} \N{EN DASH} {first.place}")
    else:
        text = first.subject
    return clean(f"[{first.word}] {text}", 150)


def build(content: Content, envelope: Envelope, reader: Reader) -> tuple[str, bytes, bytes]:
    """(subject, the mail, the same as text only)."""
    title = subject(content, reader)
    text, html = _render(content, reader, title)
    line = thread.subject(title, envelope.thread, min(card.priority for card in content.cards))
    pictures = [p for p in (content.chart, content.map) if p is not None]
    return line, *_message(envelope, line, reader, text, html, pictures, content)


def page(name: str, title: str, envelope: Envelope, reader: Reader, values: dict[str, Any]) -> tuple[bytes, bytes]:
    """A mail of templates <name>.html and <name>.txt: (the mail, the same as text only)."""
    line = clean(title, 150)
    given = {"say": reader.words, "language": reader.language, "title": line, "unsubscribe": envelope.unsubscribe,
             "base_url": reader.base_url.rstrip("/"), "foot": [], "preview": "", **values}  # fmt: skip
    text = _BLANK.sub("\n\n", _templates().get_template(f"{name}.txt").render(given)).strip() + "\n"
    html = _templates().get_template(f"{name}.html").render(given)
    return _message(envelope, line, reader, text, html, [], None)


def _message(
    envelope: Envelope,
    title: str,
    reader: Reader,
    text: str,
    html: str,
    pictures: Sequence[Picture],
    content: Content | None,
) -> tuple[bytes, bytes]:
    """text, and html with its pictures beside it, as the alternatives of one mail; and the text alone."""
    full = _headers(envelope, title, content)
    encoding = "quoted-printable" if len(text) < _PLAIN else "base64"
    full.set_content(text, cte=encoding)
    full.add_alternative(html, subtype="html", cte="quoted-printable")
    related = full.get_payload()[1]  # type: ignore[index]
    for picture in pictures:
        name = f"{picture.cid.partition('.')[0]}.png"
        related.add_related(  # type: ignore[union-attr]
            picture.png, "image", "png", cid=f"<{picture.cid}>", filename=name, disposition="inline"
        )
    full["Content-Language"] = reader.language  # now: making it multipart moves such headers into a part
    _fix_boundaries(full, envelope.message_id)
    plain = _headers(envelope, title, content)
    plain.set_content(text, cte=encoding)
    return full.as_bytes(), plain.as_bytes()


def notice(title: str, text: str, envelope: Envelope, reader: Reader) -> bytes:
    """A plain mail: about the system itself, or where a template failed."""
    message = _headers(envelope, clean(title, 150), None)
    message.set_content(text + "\n\n-- \n" + reader.words["text.why"] + "\n", cte="quoted-printable")
    return message.as_bytes()


def _render(content: Content, reader: Reader, title: str) -> tuple[str, str]:
    shown = content.cards[:ROWS]
    more = reader.words["text.more"].format(n=content.total - len(shown)) if content.total > len(shown) else ""
    first = shown[0]
    name = "one" if content.total == 1 else "many"
    values: dict[str, Any] = {
        "say": reader.words, "language": reader.language, "title": title, "cards": shown, "card": first, "more": more,
        "also": content.also,
        "note": reader.words["group.flood_note"] if content.flood else "", "base_url": reader.base_url.rstrip("/"),
        "chart": content.chart, "map": content.map, "missing": content.missing,
        "foot": [f"{first.rule} (#{first.id})"] if name == "one" else [],
        "preview": _preview(content, reader), "ack": content.ack, "unsubscribe": "",
        "ack_label": _ack_label(content, reader),
        "todo": _todo(shown) if len(shown) > BRIEF else [], "brief": len(shown) > BRIEF,
    }  # fmt: skip
    text = _templates().get_template(f"{name}.txt").render(values)
    html = _templates().get_template(f"{name}.html").render({**values, "also": _within(content.also, NAMED)})
    return _BLANK.sub("\n\n", text).strip() + "\n", html


def _within(lines: Sequence[str], most: int) -> list[str]:
    """As many characters of the lines as there is room for."""
    found = []
    for line in lines:
        found.append(short(line, max(most, 40)))
        most -= len(line)
        if most <= 0:
            break
    return found


def _todo(cards: Sequence[Card]) -> list[tuple[str, str]]:
    """(which rules and how many alarms, what to do): each action once, in the order of the table."""
    rules: dict[str, dict[str, int]] = {}
    for card in cards:
        if card.advice and not card.over:
            counts = rules.setdefault(card.advice[0][1], {})
            counts[card.rule] = counts.get(card.rule, 0) + 1
    return [("; ".join(f"{rule} ({n})" for rule, n in counts.items()), text) for text, counts in rules.items()]


def _preview(content: Content, reader: Reader) -> str:
    """The line that a phone shows under the subject: how it is now, where that is news, and what to do."""
    card = content.cards[0]
    action = card.advice[0][1] if card.advice and not card.over else ""
    over = all(one.over for one in content.cards)
    state = f"{reader.words['state.resolved']}: {card.headline}" if over else ""
    return short(" \N{MIDDLE DOT} ".join(text for text in (state, action, card.since) if text), 140)


def _ack_label(content: Content, reader: Reader) -> str:
    waiting = sum(card.waiting for card in content.cards)
    return reader.words["label.ack_all" if waiting > 1 else "label.ack"].format(n=waiting)


@cache
def _templates() -> Environment:
    """HTML is escaped, always; text needs no escaping."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _headers(envelope: Envelope, title: str, content: Content | None) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["Date"] = format_datetime(envelope.at)
    message["Message-ID"] = envelope.message_id
    message["From"] = _address(envelope.sender.name, envelope.sender.address)
    message["To"] = _address(envelope.to_name, envelope.to_address)
    if envelope.sender.reply_to:
        message["Reply-To"] = envelope.sender.reply_to
    message["Subject"] = title
    for name, value in thread.headers(envelope.thread, envelope.message_id, title, envelope.at):
        message[name] = value
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["List-Id"] = f"IOC alarms <alarms.{envelope.sender.domain}>"
    if envelope.unsubscribe:
        message["List-Unsubscribe"] = f"<{envelope.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["X-IOC-Kind"] = envelope.kind
    if content is not None:
        message["X-IOC-Alarm-Id"] = ", ".join(str(card.id) for card in content.cards[:20])
        message["X-IOC-Severity"] = str(min(card.priority for card in content.cards))
        message["X-IOC-State"] = "resolved" if all(card.over for card in content.cards) else "raised"
        message["Importance"] = "high" if message["X-IOC-Severity"] in ("1", "2") else "normal"
    return message


def _address(name: str, address: str) -> Address:
    user, _, domain = address.rpartition("@")
    return Address(clean(name, 80), user, domain)


def _fix_boundaries(message: EmailMessage, message_id: str) -> None:
    """Boundaries from the id, not from chance: the same mail is the same bytes."""
    token = re.sub(r"[^0-9a-zA-Z]", "", message_id)[:40]
    for number, part in enumerate(p for p in message.walk() if p.is_multipart()):
        part.set_boundary(f"=_{token}_{number}")
