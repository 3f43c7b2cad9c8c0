"""`ioc cap`: a CAP 1.2 message from an alarm. What is actual or public is issued by a person, by name, and kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from alerts import cap
from alerts.reader import Reader
from ioc.config import folder as folders
from ioc.config.types import say
from ioc.errors import IocError
from ioc.language import known
from ioc.store import alarms, audit, database, mail_facts
from ioc.store import cap as store
from ioc.store.alarm_write import clock
from ioc.store.database import transaction

if TYPE_CHECKING:
    import argparse

    from ioc.config.folder import CityFolder
    from ioc.settings import Settings
    from ioc.store.database import Connection


class CapError(IocError):
    """The message cannot be made."""


def command(args: argparse.Namespace, settings: Settings) -> int:
    settings.require("database_url")
    city = folders.load(args.folder)
    if (args.public or args.status == "Actual") and not (args.confirm or "").strip():
        raise CapError('an actual or public message needs a person: --confirm "their name"')
    with database.connect(settings.database_url, name="ioc cap", autocommit=True) as conn:
        audit.speak(conn, audit.terminal(), always=True)
        if args.list:
            return _listed(conn)
        if args.alarm is None:
            raise CapError("give --alarm ID, or --list")
        made = issue(
            conn, city, args.alarm, settings.base_url, status=args.status, public=args.public, by=args.confirm or ""
        )
    if args.out is None:
        print(made.xml, end="")
    else:
        args.out.write_text(made.xml, encoding="utf-8")
        print(f"{made.msg_type} {made.identifier}: {args.out}", file=sys.stderr)
    return 0


def issue(conn: Connection, city: CityFolder, alarm: int, base_url: str, *, status: str = "Draft", public: bool = False,
          by: str = "") -> cap.Message:  # fmt: skip
    """Make the message; one that a person confirmed is kept, and later ones about the alarm refer to it.

    Raises CapError.
    """
    mail, now = city.city.mail, clock(conn)
    with transaction(conn):
        rows = mail_facts.alarms(conn, [alarm])
        if not rows:
            raise CapError(f"there is no alarm {alarm}")
        readers = [
            Reader(known(language), city.city.tz, base_url or mail.base_url, now) for language in city.city.languages
        ]
        how = cap.Issue(
            sender=mail.sender, sender_name=say(mail.sender_name, city.city.languages[0]), status=status, public=public,
            addresses=mail.reply_to or mail.sender, by=by.strip(), at=now, contact=mail.reply_to or "",
            earlier=store.earlier(conn, alarm, status, "Public" if public else "Private"),
        )  # fmt: skip
        made = cap.message(rows[0], readers, mail_facts.areas(conn), how, city.city.key)
        if how.by:
            store.put(conn, identifier=made.identifier, alarm=alarm, msg_type=made.msg_type, status=status, by=how.by,
                      scope=how.scope, sent=now.replace(microsecond=0), refs=made.refs, xml=made.xml)  # fmt: skip
            alarms.comment(conn, alarm, how.by, f"CAP {status} {how.scope}: {made.msg_type} {made.identifier}")
    return made


def _listed(conn: Connection) -> int:
    for row in store.issued(conn):
        what = f"{row['status']:8} {row['scope']:7} {row['msg_type']:6} alarm {row['alarm_id']}"
        print(f"{row['sent']:%Y-%m-%d %H:%M} {what} by {row['by']}: {row['identifier']}")
    return 0
