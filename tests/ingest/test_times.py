"""Times as payloads write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import times

NOON = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
SAIGON = "Asia/Ho_Chi_Minh"

READ = [
    ("auto", None, 1777636800), ("auto", None, 1777636800.0), ("auto", None, 1777636800000), ("auto", None, 1777636800000000),
    ("auto", None, 1777636800000000000), ("auto", None, "1777636800"), ("auto", None, "1777636800.000"),
    ("auto", None, "2026-05-01T12:00:00Z"), ("auto", None, "2026-05-01T12:00:00.000000000Z"), ("auto", None, "20260501T120000Z"),
    ("auto", None, "2026-05-01T19:00:00+07:00"), ("auto", None, "2026-05-01T19:00:00+0700"), ("auto", None, "2026-05-01 19:00:00 +07"),
    ("auto", SAIGON, "20260501190000"), ("auto", SAIGON, 20260501190000), ("auto", SAIGON, "202605011900"), ("auto", SAIGON, "2026-05-01 19:00"), ("auto", SAIGON, "2026-5-1 19:00"), ("auto", SAIGON, "2026/05/01 19:00:00"),
    ("auto", SAIGON, "2026-05-01 12:00:00 UTC"), ("auto", None, "Fri, 01 May 2026 12:00:00 GMT"),
    ("s", None, "1777636800"), ("ms", None, 1777636800000), ("us", None, 1777636800000000), ("ns", None, 1777636800000000000),
    ("day_first", SAIGON, "01/05/2026 19:00"), ("day_first", SAIGON, "1.5.26 19:00:00"), ("day_first", None, "2026-05-01T12:00:00Z"),
    ("month_first", SAIGON, "05/01/2026 7:00 PM"), ("%d-%b-%Y %Hh%M", SAIGON, "01-May-2026 19h00"), ("%Y%m%d%H%M", None, 202605011200),
]  # fmt: skip


@pytest.mark.parametrize(("form", "zone", "said"), READ, ids=[f"{f}-{s}" for f, _, s in READ])
def test_it_reads_noon(form, zone, said):
    assert times.moment(times.reader(form, zone)(said)) == NOON


def test_fractions_are_kept_to_the_microsecond():
    assert times.reader()("2026-05-01T12:00:00.123456789Z") % 1_000_000 == 123456
    assert times.reader("s")("1777636800.25") == 1777636800_250_000
    assert times.reader("ns")(1777636800_123_456_789) == 1777636800_123_456
    assert times.reader()(1777636800.5) == 1777636800_500_000


@pytest.mark.parametrize("said", [None, True, "", "soon", "31/12/2026 10:00", "2026-02-30", float("nan"), float("inf"), 1e300,
                                  10**40, "9" * 50, [], {}, "2026-13-01T00:00:00Z", "1e999"])  # fmt: skip
def test_what_is_no_time_is_refused(said):
    with pytest.raises((ValueError, OverflowError)):
        times.reader()(said)


@pytest.mark.parametrize("form", ["seconds", "", "dd/mm/yyyy"])
def test_a_wrong_format_is_refused_before_it_runs(form):
    with pytest.raises(ValueError, match="unknown time format"):
        times.reader(form)


def test_the_clock_change_is_sane():
    """In autumn the first of two moments; in spring what does not exist is an hour after the change began."""
    read = times.reader("auto", "Europe/Berlin")
    assert times.moment(read("2026-10-25T02:30:00")) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert times.moment(read("2026-03-29T02:30:00")) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert read("2026-03-29T03:00:00") - read("2026-03-29T01:59:59") == 1_000_000


@settings(max_examples=50, derandomize=True, database=None)
@given(st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_there_and_back(moment):
    assert times.moment(times.micros(moment)) == moment
    assert times.reader()(moment.isoformat()) == times.micros(moment)
