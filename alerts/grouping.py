"""What is owed to people -> which mails to write now. Pure.

A group (one family of rules in one area) becomes one mail once its first message has waited long enough. Many groups in
a few minutes, sent or still waiting, are a flood: then one table holds everything, and the next follows after a pause.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ioc.store.outbox import Pending, Recent

GROUPS = 3  # more groups than this within two minutes before and after are a flood
NEAR = timedelta(minutes=2)
BUCKET = 10  # mails to one person in ten minutes: as many alarms as an operator can follow
PAUSE = timedelta(minutes=5)  # between two tables of a flood
URGENT_PAUSE = timedelta(minutes=1)  # where a critical alarm is waiting


class Plan(NamedTuple):
    """One mail to write. kind: alarm, group, resolved or flood; intents and alarms by id, in order."""

    contact_id: int
    kind: str
    intents: tuple[int, ...]
    alarms: tuple[int, ...]
    reasons: frozenset[str]
    priority: int


class Plans(NamedTuple):
    mails: list[Plan]
    drop: list[int]


def plan(pending: Iterable[Pending], recent: Mapping[int, Recent], now: datetime) -> Plans:
    """Mails to write now, and intents that are no longer worth telling."""
    people: dict[int, list[Pending]] = defaultdict(list)
    drop = []
    for one in pending:
        if _idle(one):
            drop.append(one.id)
        else:
            people[one.contact_id].append(one)
    mails = [mail for who, owed in people.items() for mail in _person(owed, recent.get(who), now)]
    return Plans(sorted(mails, key=lambda m: m.priority), drop)


def _idle(one: Pending) -> bool:
    """Its person is gone, or it asks for attention that was given or is unwanted meanwhile."""
    asks = one.reason in ("raised", "reminder", "flapping")
    return (
        one.contact_state != "ok"
        or (asks and one.suppression in ("shelved", "out_of_service"))
        or (one.reason == "reminder" and (one.acked or one.closed or one.condition == "false"))
    )


def _person(owed: list[Pending], recent: Recent | None, now: datetime) -> list[Plan]:
    groups: dict[str, list[Pending]] = defaultdict(list)
    for one in owed:
        groups[one.group_key].append(one)
    begins = [min(one.not_before for one in group) for group in groups.values()]
    due = [group for group, begin in zip(groups.values(), begins, strict=True) if begin <= now]
    soon = sum(begin <= now + NEAR for begin in begins)  # a storm comes in drops: do not mail the first ones singly
    mails, flooded_at, lately = recent[1:] if recent else (0, None, 0)
    flooding = flooded_at is not None and now - flooded_at < PAUSE
    if not (flooding or lately + soon > GROUPS or mails + len(due) > BUCKET):
        return [_mail(group) for group in due]
    if flooded_at is not None and now - flooded_at < _pause(owed):
        return []
    return [_mail(owed, flood=True)] if due else []


def _pause(owed: list[Pending]) -> timedelta:
    return URGENT_PAUSE if any(o.priority == 1 and o.reason != "resolved" for o in owed) else PAUSE


def _mail(owed: list[Pending], *, flood: bool = False) -> Plan:
    alarms = tuple(
        dict.fromkeys(o.alarm_id for o in sorted(owed, key=lambda o: (o.condition == "false", o.priority, o.id)))
    )
    reasons = frozenset(o.reason for o in owed)
    kind = "resolved" if reasons == {"resolved"} else "alarm" if len(alarms) == 1 else "group"
    ids = tuple(o.id for o in owed)
    return Plan(owed[0].contact_id, "flood" if flood else kind, ids, alarms, reasons, min(o.priority for o in owed))
