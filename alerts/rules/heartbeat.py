"""The test alarm: it always stands, and its reminders prove the whole way from a rule to a mailbox.

City folders do not use it by themselves: [watchdog] in city.toml makes the one rule of this kind.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from alerts.verdict import Verdict
from ioc.config.types import Key, Model
from ioc.store.alarm_write import open_for

if TYPE_CHECKING:
    from alerts.verdict import Known, Spec, Tick
    from ioc.config.rules import Rule
    from ioc.store.database import Connection

TARGET = "test"


class Options(Model):
    """contact: whose mailbox the mails go to."""

    contact: Key


def specs(_rule: Rule, _options: Options, _known: Known) -> list[Spec]:
    return []


def window(_options: Options) -> timedelta:
    """It looks at nothing."""
    return timedelta(0)


def evaluate(conn: Connection, tick: Tick) -> list[Verdict]:
    """Opens it where it is not open; time does the rest."""
    pairs = [(i, TARGET) for i in tick.of("heartbeat")]
    missing = set(pairs) - set(open_for(conn, pairs)) if pairs else set()
    return [Verdict(i, target, "true", tick.at, since=tick.at) for i, target in sorted(missing)]
