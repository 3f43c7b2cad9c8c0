"""Who is on duty: rotations, hand-overs, daylight saving, holidays, people who stand in, quiet hours, windows. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ioc import duty
from ioc.config.duty import Quiet, Roster, Shift, Window
from ioc.duty import Override

SAIGON, BERLIN = ZoneInfo("Asia/Ho_Chi_Minh"), ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 3, 2)


def roster(*shifts, **more):
    return Roster.model_validate({"key": "desk", "name": "Desk", "shift": list(shifts), **more})


def local(text, zone=SAIGON):
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


WEEKLY = {"members": ["an", "binh", "chi"], "starts": "2026-03-02", "handover": "08:00"}


@pytest.mark.parametrize(
    ("when", "who"),
    [
        ("2026-03-02 07:59", []),
        ("2026-03-02 08:00", ["an"]),
        ("2026-03-09 07:59", ["an"]),
        ("2026-03-09 08:00", ["binh"]),
        ("2026-03-16 08:00", ["chi"]),
        ("2026-03-23 08:00", ["an"]),
    ],
)
def test_a_week_each_handed_over_at_the_hour(when, who):
    assert duty.who_is_on_duty(roster(WEEKLY), local(when), SAIGON) == who


def test_hours_are_the_citys_own_unless_the_roster_says_otherwise():
    at = datetime(2026, 3, 9, 1, 0, tzinfo=UTC)  # 08:00 in Saigon, 02:00 in Berlin
    assert duty.who_is_on_duty(roster(WEEKLY), at, SAIGON) == ["binh"]
    assert duty.who_is_on_duty(roster(WEEKLY, zone="Europe/Berlin"), at, SAIGON) == ["an"]


@pytest.mark.parametrize(("night", "hours"), [("2026-03-28", 11), ("2026-03-29", 12), ("2026-10-24", 13)])
def test_a_night_in_which_clocks_change_is_shorter_or_longer_and_has_no_hole(night, hours):
    day_and_night = roster(
        {"members": ["day"], "starts": "2026-01-01", "hours": "07:00-19:00"},
        {"members": ["night"], "starts": "2026-01-01", "hours": "19:00-07:00"},
    )
    start = local(f"{night} 00:00", BERLIN)
    spans = duty.schedule(day_and_night, start, start + timedelta(days=2), BERLIN)
    [span] = [s for s in spans if s.person == "night" and s.starts == local(f"{night} 19:00", BERLIN)]
    assert span.ends - span.starts == timedelta(hours=hours)
    assert span.ends.astimezone(BERLIN).strftime("%H:%M") == "07:00"
    assert duty.gaps(spans, start, start + timedelta(days=2)) == []


def test_a_turn_ends_at_the_hour_of_the_wall_also_when_clocks_change():
    spans = duty.schedule(roster(WEEKLY), local("2026-03-23 00:00", BERLIN), local("2026-04-07 00:00", BERLIN), BERLIN)
    handovers = {s.starts.astimezone(BERLIN).strftime("%H:%M") for s in spans[1:]}
    assert handovers == {"08:00"}, "also on 30 March, after the night that lost an hour"


def test_a_handover_in_the_hour_that_is_skipped_loses_nobody():
    odd = roster({"members": ["an", "binh"], "starts": "2026-03-22", "every": "1d", "handover": "02:30"})
    start, end = local("2026-03-28 12:00", BERLIN), local("2026-03-30 12:00", BERLIN)
    assert duty.gaps(duty.schedule(odd, start, end, BERLIN), start, end) == []


def test_a_day_shift_has_holidays_off_and_somebody_else_stands_in_then():
    desk = roster(
        {"members": ["an"], "starts": "2026-01-01", "hours": "07:00-19:00", "days": ["mon"], "holidays": "off"},
        {"members": ["chi"], "starts": "2026-01-01", "hours": "07:00-19:00", "holidays": "only"},
    )
    assert duty.who_is_on_duty(desk, local("2026-03-02 10:00"), SAIGON) == ["an"]
    assert duty.who_is_on_duty(desk, local("2026-03-02 10:00"), SAIGON, {MONDAY}) == ["chi"]
    assert duty.who_is_on_duty(desk, local("2026-03-03 10:00"), SAIGON, {MONDAY}) == []


def test_somebody_stands_in_for_one_person_or_for_whoever_is_on_duty():
    start, end = local("2026-03-08 00:00"), local("2026-03-11 00:00")
    for_one = Override(local("2026-03-08 20:00"), local("2026-03-09 20:00"), "dung", "an")
    who = [(s.person, s.starts) for s in duty.schedule(roster(WEEKLY), start, end, SAIGON, (), [for_one])]
    assert who == [("an", start), ("dung", for_one.starts), ("binh", local("2026-03-09 08:00"))]
    for_all = for_one._replace(instead_of=None)
    who = [(s.person, s.starts, s.via) for s in duty.schedule(roster(WEEKLY), start, end, SAIGON, (), [for_all])]
    assert who == [
        ("an", start, "rotation"),
        ("dung", for_all.starts, "override"),
        ("binh", local("2026-03-09 20:00"), "rotation"),
    ]


def test_gaps_are_found():
    office = roster({"members": ["an"], "starts": "2026-01-01", "hours": "07:00-19:00"})
    start, end = local("2026-03-02 00:00"), local("2026-03-03 00:00")
    found = duty.gaps(duty.schedule(office, start, end, SAIGON), start, end)
    assert found == [(start, local("2026-03-02 07:00")), (local("2026-03-02 19:00"), end)]


@given(
    zone=st.sampled_from([SAIGON, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")]),
    handover=st.times().map(lambda t: t.strftime("%H:%M")),
    every=st.integers(1, 14),
    day=st.integers(0, 720),
    hours=st.integers(1, 400),
)
@settings(max_examples=60, deadline=None)
def test_a_rotation_without_hours_has_one_person_at_every_moment(zone, handover, every, day, hours):
    members = ["a", "b", "c"]
    desk = roster({"members": members, "starts": "2025-01-01", "handover": handover, "every": f"{every}d"})
    start = datetime(2025, 1, 3, tzinfo=UTC) + timedelta(days=day)
    end = start + timedelta(hours=hours)
    spans = duty.schedule(desk, start, end, zone)
    assert duty.gaps(spans, start, end) == []
    assert all(a.ends == b.starts for a, b in pairwise(spans)), "nobody overlaps"
    middle = start + (end - start) / 2
    assert duty.who_is_on_duty(desk, middle, zone) == [s.person for s in spans if s.starts <= middle < s.ends]


def test_quiet_hours_cross_midnight_and_quiet_holidays_are_whole_days():
    night = Quiet(hours="22:00-06:00")
    start = local("2026-03-02 00:00")
    spans = duty.quiet_spans(night, start, start + timedelta(days=1), SAIGON)
    assert spans == [
        (local("2026-03-01 22:00"), local("2026-03-02 06:00")),
        (local("2026-03-02 22:00"), local("2026-03-03 06:00")),
    ]
    free = Quiet(hours="00:00-24:00", holidays="only")
    tet = {date(2026, 2, 17), date(2026, 2, 18)}
    [span] = duty.quiet_spans(free, local("2026-02-15 00:00"), local("2026-02-20 00:00"), SAIGON, tet)
    assert span == (local("2026-02-17 00:00"), local("2026-02-19 00:00")), "two days in one"


def test_a_weekly_window_keeps_its_hours_when_clocks_change():
    greasing = Window(key="w", reason="greasing", owner="works", rules=["r"], hours="22:00-04:00", days=["sat"])
    spans = duty.window_spans(greasing, local("2026-03-20 00:00", BERLIN), local("2026-04-06 00:00", BERLIN), BERLIN)
    assert [(s.ends - s.starts) / timedelta(hours=1) for s in spans] == [6, 5, 6]
    assert {s.starts.astimezone(BERLIN).strftime("%a %H:%M") for s in spans} == {"Sat 22:00"}
    bounded = greasing.model_copy(update={"valid_from": date(2026, 3, 28), "valid_to": date(2026, 3, 28)})
    assert len(duty.window_spans(bounded, local("2026-03-20 00:00"), local("2026-04-06 00:00"), SAIGON)) == 1


@pytest.mark.parametrize(
    ("model", "given", "what"),
    [
        (Quiet, {"hours": "22-6"}, "not a time of day"),
        (Quiet, {"hours": "07:00-07:00"}, "no span"),
        (Shift, {"members": ["a"], "starts": "2026-01-01", "every": "12h"}, "whole days"),
        (Shift, {"members": [], "starts": "2026-01-01"}, "at least 1 item"),
        (Window, {"key": "w", "reason": "x", "owner": "y", "hours": "07:00-08:00"}, "name what is worked on"),
        (Window, {"key": "w", "reason": "x", "owner": "y", "rules": ["r"]}, "give either"),
    ],
)
def test_what_cannot_be_is_refused_in_words(model, given, what):
    with pytest.raises(ValidationError, match=what):
        model.model_validate(given)
