"""What is owed to people -> which mails to write now. Pure.

A group (one family of rules in one area) becomes one mail once its first message has waited long enough; what joins
it later waits for the others of five minutes, unless it is critical. Many groups or many alarms within minutes are a
flood: then one table holds everything, and the next follows after a pause. Low priority waits for the digest, and so
does what late samples, or those of an outage, tell of once it is over.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from ioc.store.outbox import Pending, Written

GROUPS = 2  # more groups than this within two minutes before and after are a flood
NEAR = timedelta(minutes=2)
BUCKET = 10  # mails to one person in ten minutes: as many alarms as an operator can follow
STORM = 10  # alarms in ten minutes, likewise: from then on three mails in ten minutes must do
STORM_MAILS = 3
WINDOW = timedelta(minutes=10)
PAUSE = timedelta(minutes=5)  # between two tables of a flood, or two mails of one group
URGENT_PAUSE = timedelta(minutes=1)  # where a critical alarm is waiting
SINGLE_CRITICALS = 3  # a minute
LOW = 4
_ASKS = ("raised", "worsened", "catch_up", "reminder", "flapping", "escalated", "assigned")


class Plan(NamedTuple):
    """One mail to write. kind: alarm, group, resolved or flood; intents and alarms by id, in order."""

    contact_id: int
    kind: str
    intents: tuple[int, ...]
    alarms: tuple[int, ...]
    reasons: frozenset[str]
    priority: int
    groups: tuple[str, ...] = ()


class Plans(NamedTuple):
    mails: list[Plan]
    drop: list[int]


def plan(
    pending: Iterable[Pending],
    recent: Mapping[int, Sequence[Written]],
    now: datetime,
    uncleared: Collection[tuple[int, str]] = (),
) -> Plans:
    """Mails to write now, and intents that are no longer worth telling.

    uncleared: (contact, group) of which alarms that were told still stand.
    """
    people: dict[int, list[Pending]] = defaultdict(list)
    drop, owed = [], list(pending)
    past = _past(owed)
    for one in owed:
        if _idle(one):
            drop.append(one.id)
        elif one.priority < LOW and (one.contact_id, one.alarm_id) not in past:
            people[one.contact_id].append(one)
    standing = {who: {g for w, g in uncleared if w == who} for who in people}
    mails = [mail for who, owed in people.items() for mail in _person(owed, recent.get(who, ()), now, standing[who])]
    return Plans(sorted(mails, key=lambda m: m.priority), drop)


def digest(pending: Iterable[Pending]) -> dict[int, list[Pending]]:
    """What waits for each contact's digest: what is low, and what is news of the past."""
    found: dict[int, list[Pending]] = defaultdict(list)
    owed = list(pending)
    past = _past(owed)
    for one in owed:
        if (one.priority >= LOW or (one.contact_id, one.alarm_id) in past) and not _idle(one):
            found[one.contact_id].append(one)
    return found


def _past(pending: Sequence[Pending]) -> set[tuple[int, int]]:
    """(contact, alarm) of what was found late and was over before its person was told; never of what is critical."""
    return {
        (one.contact_id, one.alarm_id)
        for one in pending
        if one.late and one.priority > 1 and one.condition == "false" and one.reason == "raised"
    }


def _idle(one: Pending) -> bool:
    """Its person is gone, or it asks for attention that was given or is unwanted meanwhile."""
    asks_again = one.reason in ("reminder", "escalated")
    return (
        one.contact_state != "ok"
        or (one.reason in _ASKS and one.suppression in ("shelved", "out_of_service"))
        or (asks_again and (one.acked or one.closed or one.condition == "false"))
        or (one.reason == "assigned" and one.closed)
    )


def _person(owed: list[Pending], sent: Sequence[Written], now: datetime, standing: set[str]) -> list[Plan]:
    groups: dict[str, list[Pending]] = defaultdict(list)
    for one in owed:
        groups[one.group_key].append(one)
    begins = [min(one.not_before for one in group) for group in groups.values()]
    due = [group for group, begin in zip(groups.values(), begins, strict=True) if begin <= now]
    if not due:
        return []
    # A storm comes in drops: do not mail the first ones singly.
    near = {key for key, begin in zip(groups, begins, strict=True) if begin <= now + NEAR}
    near |= {key for one in sent if now - one.at < NEAR for key in one.groups}
    storm = _asking(owed) + sum(one.alarms for one in sent) >= STORM
    flooding = any(one.kind == "flood" for one in sent if now - one.at < (WINDOW if storm else PAUSE))
    if flooding or storm or len(near) > GROUPS or len(sent) + len(due) > BUCKET:
        return [_mail(owed, flood=True)] if now >= _after(owed, sent, storm=storm) else []
    return [_mail(group) for group in due if _may(group, sent, now, standing)]


def _asking(owed: list[Pending]) -> int:
    return len({one.alarm_id for one in owed if one.reason in _ASKS})


def _urgent(owed: list[Pending]) -> bool:
    return any(one.priority == 1 and one.reason != "resolved" for one in owed)


def _may(group: list[Pending], sent: Sequence[Written], now: datetime, standing: set[str]) -> bool:
    """A group that just had a mail waits, unless what is new is critical or ends it."""
    key = group[0].group_key
    before = [one for one in sent if key in one.groups]
    if not before:
        return True
    if _urgent(group):
        return sum(now - one.at < URGENT_PAUSE for one in before) < SINGLE_CRITICALS
    over = all(one.reason == "resolved" for one in group) and key not in standing
    return over or now - before[-1].at >= PAUSE


def _after(owed: list[Pending], sent: Sequence[Written], *, storm: bool) -> datetime:
    """When the next table may go.

    In a storm a person gets three mails in ten minutes, whatever they are: the second may follow the first after a
    minute, the third is for what came until five minutes later.
    """
    earliest = min(one.not_before for one in owed)
    if not sent:
        return earliest
    tables = [one for one in sent if one.kind == "flood"]
    if storm and not tables:  # after two single mails one is left: it must hold the whole storm
        pause = URGENT_PAUSE if len(sent) == 1 else NEAR
        return sent[-1].at + pause if _urgent(owed) else earliest
    if storm and len(sent) >= STORM_MAILS:
        return sent[-STORM_MAILS].at + WINDOW
    if not tables:
        return earliest
    pause = URGENT_PAUSE if _urgent(owed) and (not storm or len(sent) == 1) else PAUSE
    return sent[-1].at + pause


def _mail(owed: list[Pending], *, flood: bool = False) -> Plan:
    alarms = tuple(
        dict.fromkeys(o.alarm_id for o in sorted(owed, key=lambda o: (o.condition == "false", o.priority, o.id)))
    )
    reasons = frozenset(o.reason for o in owed)
    kind = "resolved" if reasons == {"resolved"} else "alarm" if len(alarms) == 1 else "group"
    ids, groups = tuple(o.id for o in owed), tuple(dict.fromkeys(o.group_key for o in owed))
    priority = min(o.priority for o in owed)
    return Plan(owed[0].contact_id, "flood" if flood else kind, ids, alarms, reasons, priority, groups)
