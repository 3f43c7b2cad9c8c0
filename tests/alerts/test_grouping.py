from __future__ import annotations

from datetime import timedelta

from alerts.grouping import plan
from ioc.store.outbox import Pending, Recent
from tests.alerts.city import START

S = timedelta(seconds=1)


def owed(i, *, who=1, alarm=None, reason="raised", group="tide|a", after=0, priority=2, condition="true", **more):
    given = {"acked": False, "suppression": "none", "closed": False, "contact_state": "ok", **more}
    return Pending(i, who, alarm or i, reason, group, START + after * S, priority, condition, *given.values())


def test_a_group_waits_for_its_first_message_and_then_goes_whole():
    waiting = [owed(1, after=30), owed(2, after=40), owed(3, after=90, group="air|b")]
    assert plan(waiting, {}, START + 29 * S).mails == []
    [mail] = plan(waiting, {}, START + 30 * S).mails
    assert (mail.kind, mail.intents) == ("group", (1, 2))


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
    assert [m.kind for m in plan(two, {1: Recent(1, 1, None, 1)}, START).mails] == ["alarm", "alarm"]
    assert [m.kind for m in plan(two, {1: Recent(1, 2, None, 2)}, START).mails] == ["flood"]


def test_after_a_table_the_rest_of_a_flood_waits_but_a_critical_only_a_minute():
    recent = {1: Recent(1, 1, START)}
    high, critical = owed(1), owed(2, priority=1, group="x")
    assert plan([high], recent, START + 299 * S).mails == []
    assert [m.kind for m in plan([high], recent, START + 300 * S).mails] == ["alarm"]
    assert plan([high, critical], recent, START + 59 * S).mails == []
    assert [m.kind for m in plan([high, critical], recent, START + 60 * S).mails] == ["flood"]


def test_the_eleventh_mail_in_ten_minutes_is_a_table():
    assert [m.kind for m in plan([owed(1)], {1: Recent(1, 9, None)}, START).mails] == ["alarm"]
    assert [m.kind for m in plan([owed(1)], {1: Recent(1, 10, None)}, START).mails] == ["flood"]


def test_raised_and_resolved_before_the_first_mail_are_one_mail():
    both = [owed(1, alarm=7), owed(2, alarm=7, reason="resolved", condition="false", closed=True)]
    for one in plan([b._replace(condition="false") for b in both], {}, START).mails:
        assert (one.alarms, one.intents) == ((7,), (1, 2))


def test_what_nobody_needs_any_more_is_dropped():
    gone = [
        owed(1, suppression="shelved"),
        owed(2, reason="reminder", acked=True),
        owed(3, reason="reminder", condition="false"),
        owed(4, contact_state="refused"),
    ]
    kept = [owed(5, reason="resolved", suppression="shelved", condition="false"), owed(6, suppression="by_design")]
    found = plan(gone + kept, {}, START)
    assert found.drop == [1, 2, 3, 4]
    assert {i for m in found.mails for i in m.intents} == {5, 6}
