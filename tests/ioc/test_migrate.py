from __future__ import annotations

import pytest

from ioc.errors import StoreTooNew
from ioc.store import migrate


def test_a_second_migration_runs_nothing(conn):
    assert migrate.migrate(conn) == []


def test_a_newer_database_is_refused(conn):
    conn.execute("INSERT INTO schema_step (name, digest) VALUES ('tables/999_future', 'x')")
    with pytest.raises(StoreTooNew, match="999_future"):
        migrate.migrate(conn)


def test_two_open_alarms_of_one_rule_and_target_are_refused_by_the_database(conn):
    conn.execute("INSERT INTO rule (key, kind, name, settings, priority) VALUES ('r', 'threshold', '{}', '{}', 1)")
    insert = """INSERT INTO alarm (rule_id, rule_version, target, priority, event_start, opened_at)
                SELECT id, 1, 'series:1', 1, now(), now() FROM rule"""
    conn.execute(insert)
    with pytest.raises(Exception, match="alarm_one_open"):
        conn.execute(insert)
