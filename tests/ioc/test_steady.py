"""What a clock that leaps may do to the past: nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ioc.store.steady import Clock, step

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY, YEARS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=3650)


def walk(*moments):
    clock = None
    for moment in moments:
        clock = step(clock, moment)
    return clock


def test_an_ordinary_clock_is_believed():
    assert walk(NOW, NOW + MINUTE, NOW + HOUR).believed == NOW + HOUR


def test_a_leap_forward_is_not_believed_for_a_day_while_time_goes_on():
    leapt = walk(NOW, NOW + YEARS)
    assert leapt.believed == NOW
    assert step(leapt, NOW + YEARS + HOUR).believed == NOW + HOUR
    assert step(step(leapt, NOW + YEARS + 23 * HOUR), NOW + YEARS + DAY + MINUTE).believed == NOW + YEARS + DAY + MINUTE


def test_a_leap_that_is_taken_back_leaves_no_trace():
    clock = walk(NOW, NOW + YEARS, NOW + YEARS + HOUR, NOW + 2 * HOUR)
    assert clock.believed <= NOW + 2 * HOUR
    assert clock.believed >= NOW + HOUR
    assert step(clock, NOW + 3 * HOUR).believed == NOW + 3 * HOUR


def test_two_leaps_are_both_not_believed():
    assert walk(NOW, NOW + YEARS, NOW + 2 * YEARS).believed == NOW


def test_a_clock_set_back_is_believed_at_once():
    assert walk(NOW, NOW - YEARS).believed == NOW - YEARS


def test_what_was_seen_says_when_it_leapt():
    assert walk(NOW, NOW + YEARS) == Clock(NOW + YEARS, YEARS, NOW + YEARS)
