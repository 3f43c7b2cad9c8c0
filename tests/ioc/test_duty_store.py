# ruff: noqa: F811  a fixture of another file
"""Duty posts, quiet hours and windows of a city folder in the store: what SQL finds is what the pure functions say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ioc import duty as pure
from ioc.config import folder as folders
from ioc.config.duty_check import holidays
from ioc.store import duty, registry
from tests.alerts.test_service import town  # noqa: F401  the fixture

DUTY = """
[[roster]]
key = "desk"
name = "Desk"
quiet = [{ hours = "00:00-24:00", passes = "high" }]
[[roster.shift]]
members = ["an", "binh"]
starts = 2026-01-05
every = "1d"
handover = "07:00"
[[chain]]
key = "all"
[[chain.step]]
notify = ["roster:desk"]
[[chain.step]]
notify = ["everyone"]
after = "15min"
[[holiday]]
date = 2026-02-16
to = 2026-02-18
name = "Tet"
"""
WINDOWS = """
[[window]]
key = "weekly"
reason = "greasing"
owner = "workshop"
rules = ["high"]
hours = "22:00-02:00"
days = ["sat"]
"""


@pytest.fixture
def folder(town):
    (town / "duty.toml").write_text(DUTY)
    (town / "maintenance.toml").write_text(WINDOWS)
    return folders.load(town)


@pytest.fixture
def synced(conn, folder):
    assert registry.sync(conn, folder)
    return folder


def who(conn, at):
    rows = conn.execute("""SELECT c.key FROM duty d JOIN contact c ON c.id = d.contact_id
                           WHERE d.roster = 'desk' AND d.starts <= %s AND %s < d.ends ORDER BY 1""", (at, at))  # fmt: skip
    return [key for (key,) in rows]


def test_the_store_says_who_is_on_duty_as_the_rotation_does(conn, synced):
    [roster] = synced.duty.roster
    now = datetime.now(UTC)
    for hours in range(0, 24 * 14, 7):
        at = now + timedelta(hours=hours)
        assert who(conn, at) == pure.who_is_on_duty(roster, at, synced.city.tz, holidays(synced)), at
    [first, second, *_] = duty.now_and_next(conn)
    assert (first["now"], second["now"]) == (True, False)
    assert {first["person"], second["person"]} == {"an", "binh"}
    assert first["ends"] == second["starts"]
    assert first["ends"] - first["starts"] == timedelta(days=1), "since when, not since we looked"


def test_a_folder_that_did_not_change_changes_nothing(conn, synced):
    before = conn.execute("SELECT * FROM duty ORDER BY 1, 3").fetchall()
    with conn.transaction():
        assert duty.sync(conn, synced) == 0
    assert conn.execute("SELECT * FROM duty ORDER BY 1, 3").fetchall()[: len(before) - 1] == before[:-1]


def test_somebody_stands_in_and_it_is_taken_back(conn, synced):
    at = duty.clock(conn)
    [normal] = who(conn, at)
    number = duty.stand_in(conn, "desk", "chi", at - timedelta(hours=1), at + timedelta(hours=5), by="an", reason="ill")
    at = duty.clock(conn)
    assert who(conn, at) == ["chi"]
    assert who(conn, at + timedelta(hours=6)) != ["chi"]
    [row] = duty.stand_ins(conn)
    assert (row["person"], row["created_by"], row["reason"]) == ("chi", "an", "ill")
    with conn.transaction():
        duty.sync(conn, synced)
    assert who(conn, duty.clock(conn)) == ["chi"], "also after the folder was read again"
    assert duty.stand_in_end(conn, number, "an")
    assert not duty.stand_in_end(conn, number, "an"), "once"
    assert who(conn, duty.clock(conn)) == [normal]


@pytest.mark.parametrize(
    ("roster", "person", "hours", "by", "reason"),
    [("none", "chi", 5, "an", "x"), ("desk", "nobody", 5, "an", "x"), ("desk", "chi", 0, "an", "x"),
     ("desk", "chi", 5, " ", "x"), ("desk", "chi", 5, "an", "")],
)  # fmt: skip
def test_a_replacement_needs_a_post_a_person_a_time_a_name_and_a_reason(
    conn, synced, roster, person, hours, by, reason
):
    at = duty.clock(conn)
    with pytest.raises(duty.DutyError):
        duty.stand_in(conn, roster, person, at, at + timedelta(hours=hours), by=by, reason=reason)
    assert duty.stand_ins(conn) == []


def test_quiet_hours_of_a_post_are_there_and_high_passes(conn, synced):
    at = duty.clock(conn)
    rows = conn.execute("SELECT roster, passes FROM quiet WHERE starts <= %s AND %s < ends", (at, at)).fetchall()
    assert rows == [("desk", 2)]


def test_windows_of_the_folder_stand_weeks_ahead_and_go_with_it(conn, synced, town):
    windows = duty.maintenance(conn, timedelta(days=21))
    assert len(windows) == 3
    assert {(w["reason"], w["created_by"]) for w in windows} == {("greasing", "workshop")}
    assert {w["starts"].astimezone(synced.city.tz).strftime("%a %H:%M") for w in windows} == {"Sat 22:00"}
    off = windows[1]["id"]
    assert duty.end_maintenance(conn, off, "an")
    assert not duty.end_maintenance(conn, off, "an"), "once"
    assert not duty.end_maintenance(conn, windows[0]["id"], "an", version=99), "somebody changed it meanwhile"
    (town / "maintenance.toml").write_text(WINDOWS.replace("greasing", "painting"))
    registry.sync(conn, folders.load(town))
    windows = duty.maintenance(conn, timedelta(days=21))
    assert {w["reason"] for w in windows} == {"painting"}
    assert off not in {w["id"] for w in windows}, "what an operator called off stays off"
    (town / "maintenance.toml").unlink()
    registry.sync(conn, folders.load(town))
    assert duty.maintenance(conn, timedelta(days=21)) == []


def test_a_window_made_at_run_time_needs_a_scope_a_name_a_reason_and_an_end(conn, synced):
    at = duty.clock(conn)
    for scope, hours, by, reason in (({}, 1, "an", "x"), ({"moons": ["x"]}, 1, "an", "x"), ({"areas": ["a"]}, 0, "an", "x"),
                                     ({"areas": ["a"]}, 24 * 32, "an", "x"), ({"areas": ["a"]}, 1, "", "x"),
                                     ({"areas": ["a"]}, 1, "an", " ")):  # fmt: skip
        with pytest.raises(duty.DutyError):
            duty.plan_maintenance(conn, scope, at, at + timedelta(hours=hours), by=by, reason=reason)
    number = duty.plan_maintenance(conn, {"sensors": ["g*"]}, at, at + timedelta(hours=1), by="an", reason="x")
    assert number in {w["id"] for w in duty.maintenance(conn)}
