from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from ioc import cli
from ioc.store import growth, status, steady
from tests.ioc.store_parts import add_series, clock, store

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now(conn):
    return clock(conn)


@pytest.fixture
def well(conn, now):
    """A system in which all is well."""
    for name in ("ingest", "alerts", "dashboards"):
        conn.execute(
            "INSERT INTO process (name, started_at, beat_at) VALUES (%s, %s, %s)", (name, now - timedelta(hours=2), now)
        )
    conn.execute("INSERT INTO feed (key, name, silent_after) VALUES ('air', '{}', '10 min')")
    conn.execute("INSERT INTO feed_contact (feed_id, received_at) SELECT id, now() FROM feed WHERE key = 'air'")
    conn.execute("""INSERT INTO ledger (feed_id, minute, received, stored, duplicate, quarantined)
                    SELECT id, now() - interval '5 min', 1200, 1000, 150, 50 FROM feed WHERE key = 'air'""")


@pytest.fixture
def ioc(monkeypatch, capsys, database_url):
    def run(*words):
        monkeypatch.setenv("IOC_DATABASE_URL", database_url)
        monkeypatch.setenv("COLUMNS", "140")
        code = cli.main(["status", *words])
        return code, capsys.readouterr().out

    return run


def wrong(conn):
    return status.look(conn).wrong


def test_a_system_in_order_is_one_screen_and_exit_code_0(well, ioc):
    code, said = ioc()
    assert code == 0, said
    assert len(said.splitlines()) < 40
    for part in ("ingest", "air", "1,200", "Open alarms: none", "PostgreSQL 18", "All is well."):
        assert part in said


def test_json_is_one_object_of_plain_values(well, conn, ioc):
    code, said = ioc("--json")
    found = json.loads(said)
    assert (code, found["wrong"], found["engine"]) == (0, [], "plain")
    air = next(f for f in found["feeds"] if f["key"] == "air")
    assert (air["received"], air["stored"], air["silent_after"]) == (1200, 1000, 600)
    assert 7190 < found["processes"][0]["up"] < 7300


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (
            "UPDATE process SET beat_at = now() - interval '3 min' WHERE name = 'ingest'",
            "ingest gave its last sign of life 3 min ago",
        ),
        (
            "UPDATE process SET state = 'waiting', detail = '{\"why\": \"no broker\"}' WHERE name = 'ingest'",
            "ingest says waiting: no broker",
        ),
        ("UPDATE feed_contact SET received_at = now() - interval '3 h'", "feed air is silent: last heard 3 h ago"),
        ("DELETE FROM feed_contact", "feed air is silent: never heard"),
        ("DELETE FROM process", "no part of IOC has run"),
        (
            "INSERT INTO job VALUES ('quality', now(), '0', 'failed: disk full')",
            "upkeep job 'quality': failed: disk full, 0 s ago",
        ),
        ("INSERT INTO job VALUES ('rollups', now() - interval '2 h', '0')", "upkeep job 'rollups': not done, 2 h ago"),
    ],
)
def test_what_is_wrong_is_said_and_the_exit_code_is_1(well, conn, ioc, query, says):
    conn.execute(query)
    code, said = ioc()
    assert code == 1
    assert f"WRONG  {says}" in said
    assert "All is well" not in said


def test_an_alert_engine_that_stands_by_is_as_it_should_be(well, conn, ioc):
    conn.execute(
        "INSERT INTO process (name, started_at, beat_at, state) VALUES ('alerts/standby', now(), now(), 'waiting')"
    )
    code, said = ioc()
    assert (code, "alerts/standby" in said, "All is well." in said) == (0, True, True)


def test_mail_that_does_not_leave_or_failed_is_wrong(well, conn, now):
    contact = conn.execute("INSERT INTO contact (key, name, email) VALUES ('a', 'A', 'a@b.c') RETURNING id").fetchone()[
        0
    ]
    for seq, (state, due) in enumerate(
        (("ready", now - 20 * MINUTE), ("ready", now + MINUTE), ("failed", now), ("sent", now))
    ):
        conn.execute(
            """INSERT INTO outbox (id, contact_id, email, thread_key, seq, priority, message_id, subject, state, due_at)
               VALUES (gen_random_uuid(), %s, 'a@b.c', 't', %s, 1, %s, 's', %s, %s)""",
            (contact, seq, str(seq), state, due),
        )
    assert wrong(conn) == ["mail does not leave: 2 wait, the oldest for 20 min", "1 mails failed in the last day"]


def test_open_alarms_are_counted_by_priority(well, conn, ioc):
    conn.execute("INSERT INTO rule (key, kind, name, settings, priority) VALUES ('r', 'threshold', '{}', '{}', 1)")
    for target, priority, acked in (("a", 1, None), ("b", 1, "now"), ("c", 3, None)):
        conn.execute(
            """INSERT INTO alarm (rule_id, rule_version, target, priority, event_start, opened_at, acked_at)
               SELECT id, 1, %s, %s, now(), now(), %s FROM rule""",
            (target, priority, acked),
        )
    assert "Open alarms: 2 critical (1 not acknowledged), 1 medium (1 not acknowledged)" in ioc()[1]


def test_a_database_that_was_never_migrated_says_what_to_run(conn, ioc, capsys):
    conn.execute("DROP TABLE schema_step")
    assert ioc()[0] == 1
    assert cli.main(["status"]) == 1
    assert "run `ioc migrate`" in capsys.readouterr().err


def test_markup_in_a_name_is_text(well, conn, ioc):
    conn.execute("UPDATE process SET name = '[red]ingest[/red]' WHERE name = 'ingest'")
    assert "[red]ingest[/red]" in ioc()[1]


def test_it_counts_what_the_store_holds(well, conn, now):
    store(conn, [(add_series(conn), now, 1.0)])
    found = status.look(conn)
    assert (found.store.sensors, found.store.series, found.store.hours_behind) == (1, 1, 0)
    assert found.store.bytes > 1_000_000


def test_beside_ioc_up_it_finds_the_database_by_itself(well, database_url, postgres, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(
        "ioc.embedded.postgres.Postgres.url", property(lambda self: database_url if self.port == postgres.port else "")
    )
    home = tmp_path / "ioc" / "delta"
    home.mkdir(parents=True)
    (home / "machine.json").write_text(json.dumps({"database_port": postgres.port, "database_password": "x"}))
    assert cli.main(["status"]) == 0
    (tmp_path / "ioc" / "hills").mkdir()
    (tmp_path / "ioc" / "hills" / "machine.json").write_text("{}")
    assert cli.main(["status"]) == 1
    assert "name one with --data" in capsys.readouterr().err
    assert cli.main(["status", "--data", str(home)]) == 0
    assert cli.main(["status", "--data", str(tmp_path)]) == 1
    assert "is not a data folder of `ioc up`" in capsys.readouterr().err


def test_with_an_ioc_up_that_is_stopped_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    home = tmp_path / "ioc" / "delta"
    home.mkdir(parents=True)
    (home / "machine.json").write_text(json.dumps({"database_port": 1, "database_password": "x"}))
    assert cli.main(["status"]) == 1
    assert (
        "`ioc up` does not run now, or its database is down: the database cannot be reached" in capsys.readouterr().err
    )


def test_a_wrong_password_is_not_called_a_broken_network(monkeypatch, capsys, database_url):
    # The tests' own server trusts everyone: an unknown database is refused in the same way.
    monkeypatch.setenv("IOC_DATABASE_URL", database_url.rpartition("/")[0] + "/nowhere")
    assert cli.main(["status"]) == 1
    assert 'the database refuses us: database "nowhere" does not exist' in capsys.readouterr().err


def test_with_nothing_to_look_at_it_says_what_to_set(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert cli.main(["status"]) == 1
    assert "IOC_DATABASE_URL is not set" in capsys.readouterr().err


def grows(conn, now, *, free):
    for day in range(5):
        conn.execute(
            "INSERT INTO size_sample VALUES ((%s AT TIME ZONE 'UTC')::date - %s, '', 0, %s)",
            (now, day, 10**10 - day * 10**9),
        )
    growth.remember(conn, "room", {"free": free, "source": "disk", "warn": 30, "readings": 400, "positions": 30}, now)


def test_a_disk_that_fills_is_wrong_and_the_day_is_said(well, conn, now, ioc):
    grows(conn, now, free=12 * 10**9)
    day = now.date() + timedelta(days=12)
    assert wrong(conn) == [
        f"the database's disk is used up in 12 days, on {day}: give it more room, or keep less ([history] in city.toml)"
    ]
    code, said = ioc()
    assert code == 1
    assert f"12 GB free, grows by 1 GB a day, full on {day} (in 12 days)" in said


def test_the_growth_of_a_store_with_room_is_only_said(well, conn, now, ioc):
    grows(conn, now, free=120 * 10**9)
    assert wrong(conn) == []
    assert "120 GB free, grows by 1 GB a day" in ioc()[1]
    assert json.loads(ioc("--json")[1])["growth"]["forecast"]["per_day"] == 10**9


def test_a_clock_that_leapt_or_went_back_is_said(well, conn, now):
    steady.look(conn, now - timedelta(days=40))
    steady.look(conn, now)
    assert [w.partition(":")[0] for w in wrong(conn)] == [f"the database's clock moved 40 days at {now:%Y-%m-%d %H}"]
    conn.execute("DELETE FROM remembered")
    steady.look(conn, now + timedelta(hours=5))
    assert wrong(conn) == ["the database's clock went back by 5 h: set it (NTP)"]


def test_a_database_whose_clock_is_not_ours_is_said(well, conn, now, monkeypatch):
    class Later(datetime):
        @classmethod
        def now(cls, zone=None):
            return now + timedelta(minutes=7)

    monkeypatch.setattr(status, "datetime", Later)
    assert wrong(conn) == ["the clocks of the database and of this machine differ by 7 min: set both by NTP"]
