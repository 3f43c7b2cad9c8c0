"""`ioc brief`: what somebody's brief, digest or report would say now, as a page to look at; nothing is sent."""

from __future__ import annotations

import email
import email.policy
from typing import TYPE_CHECKING
from uuid import uuid4

from alerts import grouping, mail, schedule
from alerts.compose import Setting
from alerts.editions import WEEK, Editor
from alerts.mail import From
from ioc.config import folder as folders
from ioc.config.types import say
from ioc.errors import IocError
from ioc.store import database, digests, outbox
from ioc.store.alarm_write import clock

if TYPE_CHECKING:
    import argparse

    from ioc.config.folder import CityFolder
    from ioc.settings import Settings


class UnknownContactError(IocError):
    """No such contact."""


def command(args: argparse.Namespace, settings: Settings) -> int:
    """Write the page to --preview; the text form goes to the terminal where there is none."""
    settings.require("database_url")
    city = folders.load(args.folder)
    with database.connect(settings.database_url, name="ioc brief", autocommit=True) as conn:
        raw = _written(conn, city, settings, args.kind, args.contact)
    message = email.message_from_bytes(raw, policy=email.policy.default)
    html, text = (message.get_body((kind,)) for kind in ("html", "plain"))
    assert html is not None
    assert text is not None
    if args.preview is None:
        print(text.get_content())
        return 0
    args.preview.write_text(str(html.get_content()), encoding="utf-8")
    print(f"{message['Subject']}\n{args.preview}")
    return 0


def _written(conn: database.Connection, city: CityFolder, settings: Settings, kind: str, key: str) -> bytes:
    who = digests.by_key(conn, key)
    if who is None:
        raise UnknownContactError(f"there is no contact {key!r}; there are: {', '.join(city.contacts) or 'none'}")
    sender = city.city.mail
    name = say(sender.sender_name, city.city.languages[0])
    setting = Setting(zone=city.city.tz, base_url=settings.base_url or sender.base_url,
                      sender=From(sender.sender, name, sender.reply_to), secret=settings.secret)  # fmt: skip
    editor = Editor(lambda: setting, lambda: city.city.name, lambda: {k: d.name for k, d in city.city.domains.items()})
    now = clock(conn)
    reader = editor.reader(who, now)
    owed = grouping.digest(outbox.pending(conn, now, everybody=True)).get(who.id, [])
    alarms = list(dict.fromkeys(one.alarm_id for one in owed))
    edition = editor.edition(
        conn, kind, who, reader, now, WEEK if kind == "report" else schedule.LATE["digest"], alarms
    )
    envelope = editor.envelope(who, uuid4(), kind, now)
    return mail.page(edition.kind, edition.title, envelope, reader, edition.values)[0]
