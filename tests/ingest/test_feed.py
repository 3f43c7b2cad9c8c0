"""What a feed file says happens to every message: names, renames, units, states, constants, times, retained, priority."""

from __future__ import annotations

import pytest

from ioc.errors import ConfigError
from tests.ingest.rig import AIR, now_us

BARE = 'name = "N"\ntopic = "{topic}"\nformat = "json"\n{more}\n[options]\n{options}\n'


def feed(topic, more="", options='values = { pm2_5 = "pm", temperature = "temp" }\ntime = "t"\nsensor = "id"'):
    return BARE.format(topic=topic, more=more, options=options)


def t():
    return now_us() / 1e6


def sensors(path):
    return [tuple(row) for row in path.rows("SELECT key, id_from FROM sensor ORDER BY key")]


@pytest.mark.parametrize(
    ("topic", "more", "sent", "body", "expected"),
    [
        ("a/{sensor}", "", "a/x1", {}, ("x1", "topic")),
        ("a/{sensor}", "", "a/x1", {"id": "p1"}, ("p1", "payload")),
        ("a/{district}/{sensor}", 'sensor = "{district}-{sensor}"', "a/d/s", {"id": "p"}, ("d-s", "topic")),
        ("a/{district}", 'sensor = "{district}-{id}"', "a/d", {"id": "p"}, ("d-p", "payload")),
        ("a/{district}", 'sensor = "{district}-{sensor}"', "a/d", {"id": "p"}, ("d-p", "payload")),
        ("a/{sensor}", 'prefix = "air:"', "a/x", {}, ("air:x", "topic")),
        ("a/#", 'sensor = "gauge-1"', "a/b/c", {}, ("gauge-1", "topic")),
    ],
)
def test_a_sensor_is_named_by_payload_topic_or_template(make_path, topic, more, sent, body, expected):
    options = 'values = { pm2_5 = "pm" }\ntime = "t"' + ('\nsensor = "id"' if "id" in body else "")
    path = make_path(air=feed(topic, more, options))
    path.send((sent, {"t": t(), "pm": 1, **body}))
    assert sensors(path) == [expected]


def test_a_message_without_any_name_is_quarantined(make_path):
    path = make_path(air=feed("a/#", options='values = { pm2_5 = "pm" }'))
    path.send(("a/b", {"pm": 1}))
    assert path.reasons() == {("quarantined", "no_sensor"): 1}


def test_renames_only_units_states_and_constants(make_path):
    more = 'rename = { temp = "temperature", junk = "" }\nonly = ["temperature", "gate", "load"]\nunits = { temperature = "°F" }\nstates = { offen = 1 }\nconstants = { load = 7.5 }'
    path = make_path(air=feed("a/{sensor}", more, 'time = "t"\nvalues_from = { path = "v" }'))
    path.send(("a/s", {"t": t(), "v": {"temp": 104, "gate": "OFFEN", "junk": 3, "other": 4}}))
    found = dict(path.rows("SELECT metric, value FROM latest JOIN series s ON s.id = series_id"))
    assert found == {"temperature": pytest.approx(40.0), "gate": 1.0, "load": 7.5}
    assert path.reasons() == {("reading_ignored", "renamed_away"): 1, ("reading_ignored", "not_wanted"): 1}


def test_states_of_the_metric_are_understood_too(path):
    path.send(("air/a", {"t": t(), "gate": "Open"}))
    assert path.one("SELECT value FROM latest") == 1.0


def test_a_unit_that_contradicts_the_metric_is_a_fault_of_the_folder(make_path):
    with pytest.raises(ConfigError, match=r"feeds/air\.toml.*kg"):
        make_path(air='units = { temperature = "kg" }\n' + AIR)


def test_a_wrong_filter_or_option_names_the_file(make_path):
    with pytest.raises(ConfigError, match=r"feeds/air\.toml.*a whole level"):
        make_path(air=AIR.replace("air/{sensor}", "air/x{sensor}"))


def test_without_a_time_of_its_own_a_message_has_its_arrival(path):
    when = now_us() - 5_000_000
    path.send(path.message("air/a", {"pm": 1}, received=when))
    assert path.rows(
        "SELECT extract(epoch FROM time) * 1000000, time_from FROM latest JOIN series s ON s.id = series_id"
    ) == [(when, "arrival")]


def test_a_redelivery_keeps_its_first_arrival(path):
    when = now_us() - 5_000_000
    path.send(path.message("air/a", {"pm": 1}, received=when, mid=7))
    totals = path.send(path.message("air/a", {"pm": 1}, received=when + 900_000, mid=7, dup=True, connection=2)).totals
    assert (totals["stored"], totals["duplicate"]) == (0, 1)
    assert path.one("SELECT count(*) FROM reading") == 1


def test_a_new_message_of_the_same_content_is_a_new_reading(path):
    when = now_us() - 5_000_000
    path.send(path.message("air/a", {"pm": 1}, received=when, mid=7))
    assert path.send(path.message("air/a", {"pm": 1}, received=when + 900_000, mid=7)).totals["stored"] == 1


def test_the_database_remembers_arrivals_for_the_next_process(path):
    from ingest.arrivals import Arrivals
    from ioc.store import write

    when = now_us() - 5_000_000
    path.send(
        path.message("air/a", {"pm": 1}, received=when, mid=7), path.message("air/a", {"pm": 2}, received=when, mid=8)
    )
    arrivals = Arrivals(write.arrivals(path.conn, path.plan.limits.client))
    assert arrivals.first(path.message("air/a", {"pm": 2}, mid=8, dup=True)) == when
    assert arrivals.first(path.message("air/a", {"pm": 2}, mid=3, dup=True)) == when, (
        "NATS numbers anew after a restart"
    )
    later = path.message("air/a", {"pm": 2}, mid=8)
    assert arrivals.first(later) == later.received


def test_twins_that_are_redelivered_under_new_numbers_stay_two(path):
    first = [path.message("air/a", {"pm": 1}, received=1_000_000 * n, mid=n) for n in (5, 9)]
    for message in first:
        path.arrivals.note(message, message.received)
    again = [path.message("air/a", {"pm": 1}, mid=n, dup=True, connection=2) for n in (1, 2)]
    found = []
    for message in again:
        found.append(path.arrivals.first(message))
        path.arrivals.note(message, found[-1])
    assert found == [5_000_000, 9_000_000]


def test_arrivals_are_bounded():
    from ingest.arrivals import Arrivals
    from ingest.client import Message

    arrivals = Arrivals()
    for n in range(70_000):
        arrivals.note(Message(b"a", b"%d" % (n % 100), n % 65_535 + 1, False, False, 1_000_000, 1, 1), 1_000_000 + n)
    assert len(arrivals._order) <= 65_535
    assert len(arrivals._exact) <= 65_535
    arrivals.note(Message(b"a", b"x", 1, False, False, 1_000_000, 1, 1), 10**12)
    assert len(arrivals._order) == 1
    assert len(arrivals._by_content) == 1


def test_retained_messages_are_stored_ignored_or_not_trusted(make_path, tmp_path):
    path = make_path(
        air=AIR,
        quiet=AIR.replace("air/{sensor}", "quiet/{sensor}").replace("[options]", 'retained = "ignore"\n[options]'),
    )
    when = t()
    path.send(
        path.message("air/a", {"t": when, "pm": 1}, retain=True),
        path.message("quiet/a", {"t": when, "pm": 1}, retain=True),
    )
    assert path.ledger()["stored"] == 1
    assert path.reasons() == {("ignored", "retained"): 1}


def test_a_retained_value_of_unknown_age_passes_for_news_only_once(make_path):
    path = make_path()
    assert path.send(path.message("air/a", {"pm": 1}, retain=True)).totals["stored"] == 1
    again = make_path()
    assert again.send(again.message("air/a", {"pm": 1}, retain=True)).totals["ignored"] == 1


def test_the_highest_priority_then_the_longest_filter_claims_a_topic(make_path):
    path = make_path(
        wide=feed("a/#", options='values = { wide = "pm" }\nsensor = "id"'),
        narrow=feed("a/{x}/c", options='values = { narrow = "pm" }\nsensor = "id"'),
        first=feed("a/{x}", "priority = 5", 'values = { first = "pm" }\nsensor = "id"'),
        second=feed("a/only", options='values = { second = "pm" }\nsensor = "id"'),
    )
    for topic in ("a/b/c", "a/b/d", "a/only"):
        path.send((topic, {"pm": 1, "id": topic.replace("/", "-")}))
    found = dict(path.rows("SELECT s.key, e.metric FROM series e JOIN sensor s ON s.id = sensor_id"))
    assert found == {"a-b-c": "narrow", "a-b-d": "wide", "a-only": "first"}


def test_a_disabled_feed_is_counted_and_left(make_path):
    path = make_path(air="enabled = false\n" + AIR)
    path.send(("air/a", {"pm": 1}))
    assert path.reasons() == {("ignored", "feed_disabled"): 1}
    assert path.ledger()["ignored"] == 1


def test_positions_events_and_facts_arrive(make_path):
    bus = 'kind = "positions"\ntime = "t"\nlat = "lat"\nlon = "lon"\n'
    report = 'kind = "events"\ntime = "t"\n[options.event]\nkey = "id"\ntitle = "what"\nstatus = "status"\n'
    path = make_path(
        bus=feed("bus/{sensor}", options=bus),
        report=feed("report", options=report),
        fixed=feed(
            "fixed/{sensor}",
            options='time = "t"\nvalues = { pm2_5 = "pm" }\nlat = "lat"\nlon = "lon"\nsensor_name = "n"',
        ),
    )
    when = t()
    sent = [
        ("bus/7", {"t": when, "lat": 9.6, "lon": 105.97}),
        ("report", {"t": when, "id": "r1", "what": "a hole", "status": "open"}),
        ("fixed/a", {"t": when, "pm": 3, "lat": 9.61, "lon": 105.98, "n": "Cầu \r\nBôn"}),
    ]
    assert path.send(*sent).totals["stored"] == 3
    assert path.send(*sent).totals["duplicate"] == 3
    assert path.rows("SELECT lat, lon FROM latest_position") == [(9.6, 105.97)]
    assert path.rows("SELECT key, title, status FROM event") == [("r1", "a hole", "open")]
    assert path.rows("SELECT name->>'', lat, place_from, moves FROM sensor WHERE key = 'a'") == [
        ("Cầu  Bôn", 9.61, "payload", False)
    ]
    assert path.one("SELECT moves FROM sensor WHERE key = '7'") is True


def test_a_commit_tells_readers_what_it_touched(path):
    with path.conn.transaction():
        path.conn.execute("LISTEN ioc_change")
    path.send(("air/a", {"t": t(), "pm": 1}), ("air/b", {"t": t(), "pm": 2}))
    heard = next(path.conn.notifies(timeout=5))
    series, registry = path.one("SELECT series, registry FROM change WHERE id = %s", int(heard.payload))
    assert (len(series), registry) == (2, True)
    assert path.one("SELECT count(*) FROM dirty") == 1
