"""The sample city's past: loaded once, going on after an interruption, ending complete."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from ioc import compose_sample
from ioc.compose import sample_city
from ioc.compose_sample import Backfill
from ioc.health import Health
from ioc.settings import Settings
from tests import services

END = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = 1


@pytest.fixture
def noted(tmp_path):
    """A progress file of a run over an hour that has not begun."""
    start = END - timedelta(hours=HOURS)
    Backfill(tmp_path / "backfill.json", start, END, start).note()
    return tmp_path / "backfill.json"


def rows(conn):
    return conn.execute("SELECT count(*), min(time), max(time) FROM reading").fetchone()


def test_cut_short_it_goes_on_and_ends_complete(conn, database_url, noted):
    settings, stop = Settings(database_url=database_url), threading.Event()
    stop.set()  # before the first message is taken
    compose_sample.backfill(sample_city(), settings, stop, noted)
    assert json.loads(noted.read_text())["state"] == "running"
    assert compose_sample.backfill(sample_city(), settings, threading.Event(), noted).state == "done"
    count, first, last = rows(conn)
    assert count > 3_000
    assert END - timedelta(hours=HOURS) <= first
    assert END - timedelta(minutes=5) <= last < END
    compose_sample.backfill(sample_city(), settings, threading.Event(), noted)
    assert rows(conn)[0] == count
    noted.unlink()
    Backfill(noted, END - timedelta(hours=HOURS), END, END - timedelta(hours=HOURS)).note()
    compose_sample.backfill(sample_city(), settings, threading.Event(), noted)
    assert rows(conn)[0] == count


def test_the_publishers_have_a_row_among_the_processes_and_leave_it_in_order(conn, database_url, monkeypatch):
    monkeypatch.setattr("ioc.compose_sample.BEAT", 0.05)
    health, stop = Health("simulate"), threading.Event()
    settings = Settings(database_url=database_url, broker_url=f"mqtt://127.0.0.1:{services.free_port()}")
    running = threading.Thread(target=compose_sample.simulate, args=(sample_city(), settings, stop, health))
    running.start()

    def said():
        return conn.execute("SELECT state, detail->>'why' FROM process WHERE name = 'simulate'").fetchone()

    try:
        services.wait_for(lambda: "cannot be reached" in str(said()), "it says why it waits")
        assert said()[0] == "waiting"
    finally:
        stop.set()
        running.join(20)
    assert said() is None


def test_the_progress_file_survives_being_cut_short(tmp_path):
    (tmp_path / "backfill.json").write_text('{"start": "2026')
    run = Backfill.resume(tmp_path / "backfill.json", END, 14)
    assert (run.start, run.reached, run.state) == (END - timedelta(days=14), END - timedelta(days=14), "running")


def test_how_far_it_came_is_a_share_of_the_whole(tmp_path):
    file = tmp_path / "backfill.json"
    Backfill(file, END - timedelta(hours=10), END, END - timedelta(hours=4)).note()
    told = json.loads(file.read_text())
    assert told["done"] / told["total"] == 0.6
