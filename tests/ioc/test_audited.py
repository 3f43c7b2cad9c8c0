"""What people and their commands do comes into the audit by itself, with who, from where, before and after."""

from __future__ import annotations

import json
import os
import pwd
from datetime import timedelta
from pathlib import Path

import pytest

from ioc import cli
from ioc.access.holder import Who
from ioc.config import folder as folders
from ioc.store import (
    alarm_write,
    alarms,
    audit,
    audit_read,
    cap,
    duty,
    folder_audit,
    links,
    proposals,
    registry,
    requests,
    upkeep,
)
from ioc.store.audit_read import Search
from tests.alerts import city
from tests.ioc.store_parts import city_folder

HOA = Who("Hoa", "operator", "10.0.0.7")
HOUR = timedelta(hours=1)
ME = pwd.getpwuid(os.getuid()).pw_name


def rows(conn, **wanted):
    """Oldest first: (who, role, address, deed, subject, before, after)."""
    found = audit_read.search(conn, Search(**wanted))[::-1]
    return [(*r[2:7], *(side and json.loads(side) for side in r[7:9])) for r in found]


def deeds(conn, **wanted):
    return [row[3] for row in rows(conn, **wanted)]


@pytest.fixture
def gauge(conn):
    """Alarm number 1 is open; the contacts k1 and k2 exist."""
    city.add_contact(conn, "k1")
    city.add_contact(conn, "k2")
    city.add_rule(conn, options={"above": 50}, scope={"metrics": ["water_level"]})
    series = city.add_series(conn, "gauge", area="w1")
    city.add_reading(conn, series, city.START, 60)
    city.evaluator(conn).tick(conn, city.START)
    return series


def as_hoa(conn, act, *args, **more):
    """As a desk does: who is asking is said to the transaction."""
    with conn.transaction():
        audit.speak(conn, HOA)
        return act(conn, *args, **more)


def test_every_deed_to_an_alarm_is_noted_and_nothing_the_engine_does(conn, gauge):
    assert rows(conn) == []
    as_hoa(conn, alarms.acknowledge, 1, "Hoa", "on my way")
    as_hoa(conn, alarms.assign, 1, "k1", "Hoa")
    as_hoa(conn, alarms.assign, 1, "k2", "Hoa")
    as_hoa(conn, alarms.comment, 1, "Hoa", "=HYPERLINK()")
    as_hoa(conn, alarms.shelve, 1, "Hoa", "noise", HOUR)
    as_hoa(conn, alarms.unshelve, 1, "Hoa")
    as_hoa(conn, alarms.take_out_of_service, 1, "Hoa", "new sensor", HOUR)
    as_hoa(conn, alarms.put_back, 1, "Hoa")
    city.add_reading(conn, gauge, city.START + HOUR, 10)
    city.evaluator(conn).tick(conn, city.START + HOUR)
    found = rows(conn)
    assert [row[3].removeprefix("alarm.") for row in found] == [
        "acknowledge", "assign", "assign", "comment", "shelve", "unshelve", "take_out", "put_back"]  # fmt: skip
    assert {row[:3] + row[4:5] for row in found} == {(*HOA, "alarm:1")}
    assert found[0][5:] == (
        {"state": "B"},
        {"state": "C", "note": "on my way", "rule": "r", "target": f"series:{gauge}"},
    )
    assert [(row[5].get("contact"), row[6]["contact"]) for row in found[1:3]] == [(None, "k1"), ("k1", "k2")]
    assert (found[4][6]["state"], "until" in found[4][6]) == ("G", True)


def test_many_at_once_and_what_is_undone(conn, gauge):
    assert as_hoa(conn, alarms.acknowledge_all, [1], "Hoa") == 1
    with conn.transaction(force_rollback=True):
        alarms.comment(conn, 1, "Hoa", "never")
    assert deeds(conn) == ["alarm.acknowledge"]


def test_a_name_that_was_typed_does_not_hide_who_it_was(conn, gauge):
    as_hoa(conn, alarms.acknowledge, 1, "Somebody Else")
    [row] = rows(conn)
    assert (row[0], row[6]["as"]) == ("Hoa", "Somebody Else")


def test_without_a_log_in_the_row_says_who(conn, gauge):
    links.acknowledge(conn, [(1, 0)], "An (by link in a mail)", "")
    assert rows(conn)[0][:3] == ("An (by link in a mail)", "", "")


def test_maintenance_is_noted_once_and_not_for_each_alarm_it_covers(conn, gauge):
    start = duty.clock(conn)
    number = as_hoa(conn, duty.plan_maintenance, {"areas": ["w1"]}, start, start + HOUR, by="Hoa", reason="works")
    with conn.transaction():
        assert alarm_write.cover_all(conn, start + HOUR / 2) == 1
    as_hoa(conn, duty.end_maintenance, number, "Hoa")
    plan, end = rows(conn)
    assert (plan[3], plan[4], plan[6]["areas"], plan[6]["reason"]) == (
        "maintenance.plan",
        f"maintenance:{number}",
        ["w1"],
        "works",
    )
    assert (end[3], end[5]["areas"], "ended_at" in end[6]) == ("maintenance.end", ["w1"], True)


def test_rosters_subscriptions_warnings_and_feeds(conn, gauge):
    conn.execute('INSERT INTO roster (key, name, settings) VALUES (\'desk\', \'{}\', \'{"key": "desk", "name": "D"}\')')
    at = duty.clock(conn)
    number = as_hoa(conn, duty.stand_in, "desk", "k1", at, at + HOUR, by="Hoa", reason="ill")
    as_hoa(conn, duty.stand_in_end, number, "Hoa")
    who, feed = (conn.execute(f"SELECT min(id) FROM {table}").fetchone()[0] for table in ("contact", "feed"))
    links.unsubscribe(conn, who, "brief", stop=True)
    links.unsubscribe(conn, who, "brief", stop=False)
    cap.put(
        conn,
        identifier="i",
        alarm=1,
        msg_type="Alert",
        status="Actual",
        by="Hoa",
        scope="Public",
        sent=at,
        refs="",
        xml="<a/>",
    )
    requests.ask(conn, "replay", feed, "Hoa")
    proposals.save(conn, [{"key": "new", "topics": ["a/#"], "format": "json", "toml": "x = 1", "confidence": 1, "outcome": "",
                           "reasons": [], "samples": [], "messages": 3}], [])  # fmt: skip
    [proposal] = proposals.listed(conn)
    as_hoa(conn, proposals.ask, proposal.id, "dry_run", key="new", toml="x = 1")
    proposals.take(conn)
    as_hoa(conn, proposals.ask, proposal.id, "accept", key="newer", toml="x = 2")
    found = {row[3]: row for row in rows(conn)}
    assert list(found) == ["roster.stand_in", "roster.stand_in_end", "mail.unsubscribe", "mail.subscribe", "warning.issue",
                           "feed.replay", "feed.try", "feed.accept"]  # fmt: skip
    assert found["roster.stand_in"][6]["contact"] == "k1"
    assert found["mail.unsubscribe"][4] == "contact:k1"
    assert found["warning.issue"][6]["scope"] == "Public"
    assert found["feed.replay"][0] == "Hoa"
    assert found["feed.accept"][4:] == (
        "feed:newer",
        {"key": "new", "state": "proposed", "toml": "x = 1"},
        {"toml": "x = 2", "topics": ["a/#"]},
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "feeds").mkdir()
    (tmp_path / "city.toml").write_text(
        'key = "c"\nname = "C"\nzone = "Asia/Ho_Chi_Minh"\nlanguages = ["en"]\n[map]\ncenter = [106.0, 9.6]\n'
    )
    (tmp_path / "metrics.toml").write_text('[level]\nname = "Level"\nunit = "m"\n')
    return tmp_path


def test_a_changed_folder_says_which_lines_of_which_files(conn, folder):
    registry.sync(conn, folders.load(folder))
    [first] = rows(conn)
    assert (first[3:5], first[6]["files"]) == (("config.load", "city:c"), 2)
    (folder / "metrics.toml").write_text(
        '[level]\nname = "Water level"\nunit = "m"\n[rain]\nname = "Rain"\nunit = "mm"\n'
    )
    (folder / "contacts.toml").write_text('# password = "hunter2"\n')
    registry.sync(conn, folders.load(folder))
    registry.sync(conn, folders.load(folder))
    whole, contacts, metrics = rows(conn)[1:]
    assert (whole[3], whole[5]["digest"]) == ("config.change", first[6]["digest"])
    assert (whole[6]["added"], whole[6]["changed"]) == (["contacts.toml"], ["metrics.toml"])
    assert metrics[3:5] == ("config.file", "config:metrics.toml")
    assert metrics[5]["lines"] == ['name = "Level"']
    assert metrics[6]["lines"] == ['name = "Water level"', "[rain]", 'name = "Rain"', 'unit = "mm"']
    assert metrics[6]["owner"] == ME
    assert contacts[5:] == (None, contacts[6])
    assert "hunter2" not in str(contacts)
    (folder / "contacts.toml").unlink()
    registry.sync(conn, folders.load(folder))
    assert rows(conn)[-1][4:] == (
        "config:contacts.toml",
        {"lines": ["# password = •••"], "sha256": contacts[6]["sha256"]},
        None,
    )


def test_a_large_change_is_bounded(conn, folder, monkeypatch):
    registry.sync(conn, folders.load(folder))
    (folder / "sensors.csv").write_text("key,name,lat,lon\n" + "".join(f"s{n},S{n},9.6,106.0\n" for n in range(5000)))
    (folder / "big.bin").write_bytes(b"\xff\0" * 10)
    (folder / "one-line.json").write_text("[" + "1," * 100_000 + "1]")
    monkeypatch.setattr(folder_audit, "_FILES", 2)
    registry.sync(conn, folders.load(folder))
    found = rows(conn, deed="config.file")
    assert [row[4] for row in found] == ["config:big.bin", "config:one-line.json"]
    assert len(str(found)) < 2000
    assert rows(conn, deed="config.change")[0][6]["added"] == ["big.bin", "one-line.json"]


def test_commands_say_who_sits_at_the_terminal(conn, gauge, database_url, monkeypatch, tmp_path, capsys):
    conn.execute(
        "INSERT INTO city (key, name, zone, settings, digest, areas_on) VALUES ('c', '{}', 'UTC', '{}', '', now())"
    )
    monkeypatch.setenv("IOC_DATABASE_URL", database_url)
    monkeypatch.setenv("LOGNAME", "mayor")
    out = tmp_path / "a.csv"
    assert cli.main(["alarms", "ack", "1", "--by", "Hoa"]) == 0
    assert cli.main(["alarms", "maintenance", "--area", "w1", "--reason", "works"]) == 0
    assert cli.main(["export", "alarms", "--out", str(out)]) == 0
    assert cli.main(["backup", str(tmp_path / "b")]) == 0
    conn.execute("UPDATE schema_step SET digest = 'old' WHERE name = 'views'")
    assert cli.main(["migrate"]) == 0
    found = rows(conn)
    assert [row[3] for row in found] == [
        "alarm.acknowledge",
        "maintenance.plan",
        "export.take",
        "backup.take",
        "store.migrate",
    ]
    assert {(row[0], row[2]) for row in found} == {(ME, "terminal")}
    assert (found[0][6]["as"], found[2][4], found[2][6]) == (
        "Hoa",
        "alarms",
        {"format": "csv", "rows": 1},
    )
    assert Path(found[3][6]["file"]).is_file()


def test_upkeep_follows_the_chain_and_says_where_it_breaks(conn, tmp_path, caplog):
    for n in range(3):
        with conn.transaction():
            audit.note(conn, HOA, "alarm.comment", f"alarm:{n}")
    caplog.set_level("INFO")
    upkeep.run(conn, city_folder(tmp_path))
    assert audit_read.read_head(conn).hash in caplog.text, (
        "kept where somebody who writes to the database does not reach"
    )
    conn.execute(
        "SET session_replication_role = replica; UPDATE audit SET who = 'x' WHERE id = 2; DELETE FROM job WHERE name = 'audit'"
    )
    conn.execute("SET session_replication_role = origin")
    upkeep.run(conn, city_folder(tmp_path))
    said = conn.execute("SELECT result FROM job WHERE name = 'audit'").fetchone()[0]
    assert "row 2 is changed" in said
