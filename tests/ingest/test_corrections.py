from __future__ import annotations

import pytest

from tests.ingest import rig

AIR = "corrections = true\n" + rig.AIR


@pytest.fixture
def path(tmp_path, database_url):
    made = rig.Path(rig.city(tmp_path / "city", air=AIR, other=rig.AIR.replace("air/", "other/")), database_url)
    yield made
    made.close()


def said(value, topic="air/s1"):
    return topic, {"t": "2026-03-01T08:00:00Z", "pm": value}


def test_a_feed_that_may_correct_puts_a_stored_value_right_and_another_feed_does_not(path):
    path.send(said(10), said(20, "other/s2"))
    path.send(said(11), said(21, "other/s2"))
    values = path.rows(
        "SELECT e.key, r.value FROM reading r JOIN series s ON s.id = series_id JOIN sensor e ON e.id = sensor_id"
    )
    assert sorted(values) == [("s1", 11.0), ("s2", 20.0)]
    air, other = path.ledger("air"), path.ledger("other")
    assert (air["stored"], air["duplicate"], air["readings_stored"]) == (2, 0, 2)
    assert (other["stored"], other["duplicate"]) == (1, 1)
    assert path.rows("SELECT was, value, by FROM correction") == [(10.0, 11.0, "air")]
    assert (
        path.one(
            "SELECT value FROM latest l JOIN series s ON s.id = series_id JOIN sensor e ON e.id = sensor_id WHERE e.key = 's1'"
        )
        == 11.0
    )


def test_the_same_value_again_is_a_duplicate_and_of_several_the_last_counts(path):
    path.send(said(10))
    path.send(said(10))
    assert path.ledger("air")["duplicate"] == 1
    path.send(said(11), said(12), said(13))
    assert path.rows("SELECT value FROM reading") == [(13.0,)]
    assert path.rows("SELECT was, value FROM correction") == [(10.0, 13.0)]


def test_a_correction_within_the_batch_that_brought_the_value_counts(path):
    path.send(said(10), said(14))
    assert path.rows("SELECT value FROM reading") == [(14.0,)]
    assert path.rows("SELECT was, value FROM correction") == [(10.0, 14.0)]


def test_an_implausible_correction_is_kept_apart_and_changes_nothing(path):
    path.send(said(10))
    path.send(said(5000))
    assert path.rows("SELECT value FROM reading") == [(10.0,)]
    assert path.one("SELECT count(*) FROM correction") == 0
    assert path.one("SELECT reason FROM suspect") == "range"


def test_readers_hear_of_a_correction_and_its_hour_is_worked_out_again(path):
    path.send(said(10))
    path.rows("DELETE FROM dirty RETURNING 1")
    path.rows("DELETE FROM change RETURNING 1")
    path.send(said(11))
    assert path.one("SELECT count(*) FROM change WHERE cardinality(series) = 1") == 1
    assert path.one("SELECT to_char(hour, 'HH24') FROM dirty LIMIT 1") == "08"
