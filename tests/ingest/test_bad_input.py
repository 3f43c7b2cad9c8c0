"""Whatever a message holds, it has one fate with a reason, and the messages around it are unharmed."""

from __future__ import annotations

import gzip
import json
import threading

import pytest

from ingest import pipeline
from tests import services
from tests.ingest.rig import AIR, now_us

DEEP = b"[" * 100_000 + b"]" * 100_000


def good(value=1.0, **more):
    return {"t": now_us() / 1e6, "pm": value, **more}


def balanced(sums):
    assert sums["received"] == sums["stored"] + sums["duplicate"] + sums["quarantined"] + sums["ignored"]
    assert (
        sums["readings"]
        == sums["readings_stored"] + sums["readings_duplicate"] + sums["readings_suspect"] + sums["readings_ignored"]
    )
    return sums


BAD = {
    "not json": (b"\xff\xfe\x00", "not_json"),
    "cut short": (b'{"t": 1', "not_json"),
    "empty": (b"", "empty"),
    "invalid UTF-8": (b'{"pm": "\xc3\x28"}', "not_a_number"),
    "too deep": (DEEP, "not_json"),
    "a list": (b"[1, 2]", "not_an_object"),
    "no time at all where one is promised": (b'{"pm": 5, "t": "yesterday"}', "bad_time"),
    "not gzip though it says so": (b"\x1f\x8b\x08garbage", "bad_gzip"),
    "gzip cut short": (gzip.compress(b'{"pm": 1}' * 50)[:-12], "bad_gzip"),
    "a bomb": (gzip.compress(b" " * 60_000_000), "too_large"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_message_is_quarantined_with_its_reason_between_good_ones(path, name):
    payload, reason = BAD[name]
    counts = path.send(("air/a", good(1)), ("air/a", payload), ("air/b", good(2)))
    assert counts.reasons == {(path.decoder.router.feeds["air"].id, "quarantined", reason): 1}
    sums = balanced(path.ledger())
    assert (sums["received"], sums["stored"], sums["quarantined"]) == (3, 2, 1)
    assert path.rows("SELECT reason, size, payload = %s FROM quarantine", payload[:65_536]) == [
        (reason, len(payload), True)
    ]


def test_a_scanners_thousands_do_not_push_another_feeds_few_out_of_quarantine(path):
    path.committer.limits = path.plan.limits._replace(quarantine_rows=5)
    path.send(("air/a", b"broken"), *((f"scan/{n}", b"1") for n in range(40)))
    kept = path.rows("SELECT topic FROM quarantine ORDER BY id")
    assert kept == [("air/a",), *((f"scan/{n}",) for n in range(35, 40))]
    assert balanced(path.ledger("unclaimed"))["quarantined"] == 40


def test_a_payload_over_a_megabyte_is_kept_by_its_beginning(path):
    message = path.message("air/a", b"x" * 65_536)._replace(size=3_000_000)
    path.send(message)
    assert path.rows("SELECT reason, size, length(payload) FROM quarantine") == [("too_large", 3_000_000, 65_536)]


def test_gzip_is_unpacked(path):
    path.send(("air/a", gzip.compress(json.dumps(good(7)).encode())))
    assert path.one("SELECT value FROM latest") == 7.0


@pytest.mark.parametrize(
    ("fields", "reason", "fate"),
    [
        ({"pm": 5_000}, "range", "suspect"),
        ({"pm": -1}, "range", "suspect"),
        ({"pm": "NaN"}, "not_finite", "suspect"),
        ({"pm": "Infinity"}, "not_finite", "suspect"),
        ({"t": now_us() / 1e6 + 3600, "pm": 5}, "future", "suspect"),
        ({"t": 0.0, "pm": 5}, "past", "suspect"),
        ({"pm": "open"}, "not_a_number", "reading_ignored"),
        ({"pm": {"a": 1}}, "not_a_number", "reading_ignored"),
    ],
)  # fmt: skip
def test_one_bad_value_spoils_only_itself(path, fields, reason, fate):
    path.send(("air/a", {**good(), "temp": 20.0, **fields}))
    assert path.reasons()[fate, reason] >= 1
    sums = balanced(path.ledger())
    assert sums["stored"] == 1
    if "t" not in fields:
        assert path.rows("SELECT metric, value FROM latest JOIN series s ON s.id = series_id") == [
            ("temperature", 20.0)
        ]


def test_suspect_values_are_kept_apart_and_never_latest(path):
    path.send(("air/a", good(5)), ("air/a", good(99_999)))
    assert path.rows("SELECT value FROM reading") == [(5.0,)]
    assert path.rows("SELECT value, reason FROM suspect") == [(99_999.0, "range")]
    assert path.rows("SELECT value FROM latest") == [(5.0,)]


def test_a_suspect_that_comes_again_is_a_duplicate(path):
    message = good(-9)
    assert path.send(("air/a", message)).totals["readings_suspect"] == 1
    totals = path.send(("air/a", message)).totals
    assert (totals["readings_duplicate"], totals["duplicate"]) == (1, 1)


def test_a_topic_nobody_claims_is_seen_and_counted(path):
    path.send(("other/place", b"42"), ("air/a", good()))
    assert path.ledger("unclaimed")["quarantined"] == 1
    assert path.rows("SELECT topic, reason FROM quarantine") == [("other/place", "unclaimed")]


def test_names_lose_control_characters_and_keep_markup_as_text(path):
    path.send(("air/a\r\nBcc: x\u202e", good()), ("air/<b>x", good()))
    assert path.rows("SELECT key FROM sensor ORDER BY 1") == [("<b>x",), ("a Bcc: x",)]


def test_a_topic_that_is_not_utf8_is_quarantined_or_named_safely(path):
    path.send((b"air/\xff\xfe", good()), ("air/a", good()))
    assert path.ledger()["stored"] == 2
    assert all("\udcff" not in key for (key,) in path.rows("SELECT key FROM sensor"))


def test_a_name_that_never_ends_is_refused(path):
    path.send(("air/" + "x" * 5_000, good()), ("air/a", good()))
    assert path.reasons() == {("quarantined", "bad_sensor"): 1}


def test_sentinels_are_no_values(make_path):
    path = make_path(air='sentinels = [-999, -200, 32767]\nunits = { temperature = "°F" }\n' + AIR)
    path.send(("air/a", good(-999, temp=-200)), ("air/b", good(32_767, temp=50)))
    assert path.one("SELECT value FROM reading") == pytest.approx(10.0)
    assert path.reasons() == {("reading_ignored", "sentinel"): 3, ("ignored", "nothing_to_store"): 1}
    balanced(path.ledger())


def test_a_flood_is_bounded_counted_and_named(make_path):
    path = make_path(air="max_per_sensor_minute = 10\n" + AIR)
    start = now_us() // 60_000_000 * 60_000_000
    flood = [
        path.message("air/loud", {"t": start / 1e6 + n / 100, "pm": n % 50}, received=start + n) for n in range(500)
    ]
    calm = [path.message("air/calm", {"t": start / 1e6 + n, "pm": 1}, received=start + n) for n in range(10)]
    path.send(*flood, *calm)
    assert path.ledger()["stored"] == 20
    assert path.reasons() == {("ignored", "flood"): 490}
    found = path.rows(
        "SELECT s.key, q.kind, q.count FROM quality q JOIN series e ON e.id = series_id JOIN sensor s ON s.id = sensor_id"
    )
    assert found == [("loud", "flood", 490)]
    path.send(path.message("air/loud", {"t": start / 1e6 + 61, "pm": 1}, received=start + 61_000_000))
    assert path.ledger()["stored"] == 21


def test_a_hundred_times_the_cadence_is_a_flood_by_itself(make_path):
    path = make_path(air='cadence = "1h"\n' + AIR)
    start = now_us() // 60_000_000 * 60_000_000
    path.send(*[path.message("air/loud", {"t": start / 1e6 + n / 100, "pm": 1}, received=start) for n in range(150)])
    assert path.reasons() == {("ignored", "flood"): 50}


def test_a_scanner_cannot_fill_the_registry_or_the_memory(make_path):
    path = make_path(air="max_sensors = 100\n" + AIR)
    for start in range(0, 5_000, 1_000):
        path.send(*[(f"air/scan-{n}", good()) for n in range(start, start + 1_000)], ("air/scan-1", good(3)))
    assert path.one("SELECT count(*) FROM sensor") == 100
    assert path.reasons() == {("quarantined", "too_many_sensors"): 4_900}
    assert len(path.plan.router.feeds["air"]._slots) <= 100
    path.send(*[(f"scan/{n}/x", b"1") for n in range(40_000)])
    assert len(path.decoder.router._routes) <= 30_000
    assert path.one("SELECT count(*) FROM quarantine WHERE reason = 'unclaimed'") == 1_000
    assert path.ledger("unclaimed")["quarantined"] == 40_000


def test_random_keys_cannot_fill_the_registry(make_path):
    path = make_path(
        air='name = "A"\ntopic = "air/{sensor}"\nformat = "json"\n[options]\ntime = "t"\nvalues_from = { path = "v" }\n'
    )
    for start in (0, 800, 1600):
        path.send(("air/a", {"t": now_us() / 1e6, "v": {f"k{n}": 1 for n in range(start, start + 800)}}))
    assert path.one("SELECT count(*) FROM series") == 1_000
    assert path.reasons() == {("reading_ignored", "too_many_metrics"): 1_400, ("ignored", "nothing_to_store"): 1}


def test_the_quarantine_keeps_the_newest_and_the_ledger_counts_all(make_path):
    path = make_path(air=AIR)
    path.committer.limits = path.committer.limits._replace(quarantine_rows=10)
    for n in range(4):
        path.send(*[("air/a", b"bad %d" % (n * 10 + i)) for i in range(10)])
    assert [bytes(p) for (p,) in path.rows("SELECT payload FROM quarantine ORDER BY id")] == [
        b"bad %d" % n for n in range(30, 40)
    ]
    assert path.ledger()["quarantined"] == 40


def test_schema_drift_is_seen_message_by_message(path):
    path.send(("air/a", good(1)))
    path.send(
        ("air/a", {"t": now_us() / 1e6, "pm25": 3}), ("air/a", {"t": now_us() / 1e6, "pm": "3 µg"}), ("air/a", good(2))
    )
    assert path.rows("SELECT value FROM latest") == [(2.0,)]
    assert path.reasons() == {("quarantined", "no_values"): 1, ("quarantined", "bad_unit"): 1}
    assert balanced(path.ledger())["received"] == 4


def test_a_repeated_frame_is_a_duplicate_even_with_another_value(path):
    frame = good(5)
    path.send(("air/a", frame), ("air/a", frame))
    path.send(("air/a", {**frame, "pm": 6}))
    sums = balanced(path.ledger())
    assert (sums["stored"], sums["duplicate"], sums["readings_duplicate"]) == (1, 2, 2)
    assert path.rows("SELECT value FROM reading") == [(5.0,)]
    assert path.rows("SELECT value FROM latest") == [(5.0,)]


def test_a_feed_without_discovery_takes_only_what_is_registered(make_path):
    path = make_path(air="discover = false\n" + AIR)
    path.send(("air/a", good()))
    assert path.reasons() == {("quarantined", "unknown_sensor"): 1}


def test_what_the_database_refuses_is_isolated_and_the_rest_stored(path, monkeypatch):
    real = pipeline.commit

    def picky(writer, batch, limits):
        if any(v == 666.0 for v in batch.value):
            raise ValueError("no such luck")
        return real(writer, batch, limits)

    monkeypatch.setattr(pipeline, "commit", picky)
    counts = path.send(
        *[("air/a", {"t": now_us() / 1e6 + n / 1000, "pm": 666.0 if n in (3, 17) else n}) for n in range(20)]
    )
    assert counts.totals["stored"] == 18
    assert path.reasons() == {("quarantined", "refused_by_store"): 2}
    assert balanced(path.ledger())["received"] == 20


def test_a_database_that_is_not_ready_blames_no_message(path, database_url):
    """A missing table, a full disk: the batch waits, and goes in when the cause is gone."""
    path.conn.execute("ALTER TABLE latest RENAME TO hidden")
    done = []
    waiting = threading.Thread(target=lambda: done.append(path.send(("air/a", good(1)))))
    waiting.start()
    services.wait_for(lambda: "latest" in path.committer.away, "it says what it waits for")
    assert not done
    path.conn.execute("ALTER TABLE hidden RENAME TO latest")
    waiting.join(20)
    assert done[0].totals["stored"] == 1
    assert path.reasons() == {}


def test_a_time_no_database_can_hold_harms_nobody(path):
    path.send(
        ("air/a", good(1)),
        ("air/a", {"t": "9999-12-31T23:59:59Z", "pm": 1}),
        ("air/a", {"t": 1e300, "pm": 1}),
        ("air/b", good(2)),
    )
    assert path.one("SELECT count(*) FROM reading") == 2
    assert balanced(path.ledger())["received"] == 4
