from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.grouping import digest, plan
from ioc.store.outbox import Pending, Written
from tests.alerts.city import START

S = timedelta(seconds=1)


def owed(i, *, who=1, alarm=None, reason="raised", group="tide|a", after=0, priority=2, condition="true", **more):
    given = {"acked": False, "suppression": "none", "closed": False, "contact_state": "ok", **more}
    return Pending(i, who, alarm or i, reason, group, START + after * S, priority, condition, *given.values())


def wrote(after, kind="alarm", groups=("tide|a",), alarms=1):
    return Written(START + after * S, kind, list(groups), alarms)


def kinds(pending, sent, after, **more):
    return [m.kind for m in plan(pending, {1: sent}, START + after * S, **more).mails]


def test_a_group_waits_for_its_first_message_and_then_goes_whole():
    waiting = [owed(1, after=30), owed(2, after=40), owed(3, after=200, group="air|b")]
    assert plan(waiting, {}, START + 29 * S).mails == []
    [mail] = plan(waiting, {}, START + 30 * S).mails
    assert (mail.kind, mail.intents, mail.groups) == ("group", (1, 2), ("tide|a",))


def test_what_joins_a_group_that_was_just_mailed_waits_five_minutes_unless_it_is_critical():
    sent = [wrote(0)]
    assert kinds([owed(2)], sent, 299) == []
    assert kinds([owed(2)], sent, 300) == ["alarm"]
    assert kinds([owed(2, priority=1)], sent, 10) == ["alarm"]
    three = [wrote(0), wrote(5), wrote(10)]
    assert kinds([owed(4, priority=1)], three[:2], 11) == ["alarm"]
    assert kinds([owed(4, priority=1)], three, 11) == [], "three a minute"
    assert kinds([owed(2, group="other|b")], sent, 1) == ["alarm"], "another group has nothing to do with it"


def test_the_end_of_a_whole_group_is_told_at_once_of_a_part_of_it_after_five_minutes():
    over = [owed(9, reason="resolved", condition="false")]
    assert kinds(over, [wrote(0)], 10) == ["resolved"]
    assert kinds(over, [wrote(0)], 10, uncleared={(1, "tide|a")}) == []
    assert kinds(over, [wrote(0)], 300, uncleared={(1, "tide|a")}) == ["resolved"]


def test_what_was_found_late_and_is_over_is_a_line_of_the_digest_unless_it_is_critical():
    late = {"condition": "false", "late": True}
    both = [owed(1, alarm=7, **late), owed(2, alarm=7, reason="resolved", **late)]
    assert plan(both, {}, START + 60 * S) == ([], [])
    assert [one.id for one in digest(both)[1]] == [1, 2]
    told = both[1:]  # its beginning was mailed while it stood: its end is owed
    assert (kinds(told, [], 60), digest(told)) == (["resolved"], {})
    stands = [owed(1, alarm=7, late=True)]
    assert (kinds(stands, [], 60), digest(stands)) == (["alarm"], {})
    critical = [owed(1, alarm=7, priority=1, **late), owed(2, alarm=7, reason="resolved", priority=1, **late)]
    assert (kinds(critical, [], 60), digest(critical)) == (["alarm"], {})
    assert kinds([one._replace(late=False) for one in both], [], 60) == ["alarm"]


def test_fifty_rules_at_once_are_one_mail_to_each_person():
    storm = [owed(i, who=who, group=f"g{i}", priority=1 + i % 3) for who in (1, 2) for i in range(50)]
    mails = plan(storm, {}, START).mails
    assert [(m.contact_id, m.kind, len(m.alarms)) for m in mails] == [(1, "flood", 50), (2, "flood", 50)]
    assert mails[0].alarms[0] % 3 == 0, "criticals come first"


def test_a_storm_that_comes_in_drops_is_one_table_from_its_first_mail_on():
    drops = [owed(i, group=f"rain|{i}", after=30 + 10 * i) for i in range(5)]
    [mail] = plan(drops, {}, START + 30 * S).mails
    assert (mail.kind, len(mail.alarms)) == ("flood", 5)
    slow = [owed(i, group=f"rain|{i}", after=30 + 150 * i) for i in range(5)]  # unlike these, minutes apart
    assert [m.kind for m in plan(slow, {}, START + 30 * S).mails] == ["alarm"]


def test_mails_just_sent_count_too():
    two = [owed(1, group="a"), owed(2, group="b")]
    assert kinds(two, [], 0) == ["alarm", "alarm"]
    assert kinds(two, [wrote(-60, groups=["c"])], 0) == ["flood"]
    assert kinds(two, [wrote(-121, groups=["c"])], 0) == ["alarm", "alarm"]


def test_after_a_table_the_rest_of_a_flood_waits_but_a_critical_only_a_minute():
    table = [wrote(0, "flood", alarms=4)]
    high, critical = owed(1), owed(2, priority=1, group="x")
    assert kinds([high], table, 299) == []
    assert kinds([high], table, 300) == ["alarm"]
    assert kinds([high, critical], table, 59) == []
    assert kinds([high, critical], table, 60) == ["flood"]


def test_the_eleventh_mail_in_ten_minutes_is_a_table():
    nine = [wrote(-500 + n, "resolved", ["z"], alarms=0) for n in range(9)]
    assert kinds([owed(1)], nine, 0) == ["alarm"]
    assert kinds([owed(1)], [*nine, wrote(-490, "resolved", ["z"], alarms=0)], 0) == ["flood"]


@pytest.mark.parametrize("drops", [0, 1, 2, 9], ids=lambda n: f"{n} drops first")
@pytest.mark.parametrize("places", [1, 60], ids=lambda n: f"{n} groups")
def test_ten_thousand_alarms_in_a_minute_are_three_mails_in_ten_minutes_and_every_critical_is_in_one(drops, places):
    """Second by second as the engine does it: drops, then 167 alarms a second, a tenth of them critical."""
    arrivals = {5 * n: [n] for n in range(drops)}
    first = 10 * bool(drops)
    for n in range(10_000):
        arrivals.setdefault(first + n // 167, []).append(drops + n)
    pending, sent, named = [], [], set()

    def urgent(i):
        return i % 10 == 0 or i < drops

    for second in range(600):
        now = START + second * S
        pending += [
            owed(i + 1, group=f"g|{i % places}", priority=1 if urgent(i) else 2, after=second + (1 if urgent(i) else 30))
            for i in arrivals.get(second, [])
        ]  # fmt: skip
        for mail in plan(pending, {1: sent}, now).mails:
            pending = [o for o in pending if o.id not in set(mail.intents)]
            named |= set(mail.alarms)
            sent.append(Written(now, mail.kind, list(mail.groups), len(mail.alarms)))
    assert len(sent) <= 3, [(w.at - START, w.kind, w.alarms) for w in sent]
    assert {i + 1 for i in range(0, 10_000 + drops, 10)} <= named


def test_raised_and_resolved_before_the_first_mail_are_one_mail():
    both = [owed(1, alarm=7), owed(2, alarm=7, reason="resolved", condition="false", closed=True)]
    for one in plan([b._replace(condition="false") for b in both], {}, START).mails:
        assert (one.alarms, one.intents) == ((7,), (1, 2))


def test_what_nobody_needs_any_more_is_dropped():
    gone = [
        owed(1, suppression="shelved"),
        owed(2, reason="reminder", acked=True),
        owed(3, reason="escalated", condition="false"),
        owed(4, contact_state="refused"),
    ]
    kept = [owed(5, reason="resolved", suppression="shelved", condition="false"), owed(6, suppression="by_design")]
    found = plan(gone + kept, {}, START)
    assert found.drop == [1, 2, 3, 4]
    assert {i for m in found.mails for i in m.intents} == {5, 6}


def test_low_priority_waits_for_the_digest():
    low, high = owed(1, priority=4), owed(2, priority=3)
    assert [m.intents for m in plan([low, high], {}, START).mails] == [(2,)]
    assert digest([low, high, owed(3, priority=4, suppression="shelved")]) == {1: [low]}
