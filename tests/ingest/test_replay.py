"""Recordings in, messages out: at their tempo, faster, shifted; and what the broker refuses is named."""

from __future__ import annotations

import base64
import gzip
import json
import time

import pytest

from ingest import recording, replay
from ingest.load import Message, load
from ingest.publish import Publisher, wait_connected
from ingest.quarantine import replay_quarantine
from ioc.config import folder as folders
from ioc.embedded.broker import Broker, free_port
from ioc.errors import BrokerError, ConfigError, IocError
from ioc.settings import Settings
from tests.ingest import rig
from tests.ingest.live import FEEDS


def lines(file, *rows):
    text = "\n".join(json.dumps(r) for r in rows) + "\n"
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())
    return file


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_json_lines_are_read_in_every_spelling_of_a_payload(tmp_path, name):
    file = lines(
        tmp_path / name,
        {"topic": "a", "payload": {"x": 1}, "time": "2026-01-01T00:00:00Z"},
        {"topic": "b", "payload_text": "3,5", "time": 1767225601},
        {"topic": "c", "payload_base64": base64.b64encode(b"\xff\x00").decode()},
    )
    found = list(recording.read(file))
    assert [(m.topic, m.payload) for m in found] == [("a", b'{"x":1}'), ("b", b"3,5"), ("c", b"\xff\x00")]
    assert [m.time for m in found] == [1767225600_000_000, 1767225601_000_000, None]
    assert {m.topic for m in recording.read(file, topic="other")} == {"other"}


def test_a_wrong_line_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"topic": "a", "payload": 1}\n{"topic": "a"}\n')
    with pytest.raises(IocError, match="line 2: none of payload"):
        list(recording.read(tmp_path / "a.jsonl"))
    with pytest.raises(IocError, match="no such file"):
        list(recording.read(tmp_path / "b.jsonl"))
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(IocError, match="--mapping"):
        list(recording.read(tmp_path / "a.csv"))


def mapped(tmp_path, csv, mapping):
    (tmp_path / "t.csv").write_text(csv)
    (tmp_path / "m.toml").write_text(mapping)
    return [
        (m.topic, json.loads(m.payload), m.time)
        for m in recording.read(tmp_path / "t.csv", recording.read_mapping(tmp_path / "m.toml"))
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl", b"\x7fELF\xd0\x00\n"), ("b.gz", b"no gzip"), ("c.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff")],
    ids=["binary", "no gzip", "cut short"],
)
def test_a_file_that_is_no_recording_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(IocError, match=rf"{name}: it cannot be read as JSON lines or CSV"):
        list(recording.read(tmp_path / name))
    with pytest.raises(IocError, match="a folder, not a file"):
        list(recording.read(tmp_path))


@pytest.mark.parametrize("broker", ["nats"], indirect=True)
def test_leaving_in_order_is_not_told_as_a_loss(broker, caplog):
    publisher = Publisher(Settings(broker_url=broker.url))
    wait_connected(publisher)
    publisher.close()
    assert [r.message for r in caplog.records if "connection" in r.message] == []


def test_a_broker_that_is_away_is_told_and_once(caplog):
    publisher = Publisher(Settings(broker_url=f"mqtt://127.0.0.1:{free_port()}"))
    try:
        with pytest.raises(BrokerError, match=r"the broker at 127\.0\.0\.1:\d+ cannot be reached"):
            wait_connected(publisher, 1.5)
    finally:
        publisher.close()
    assert [r.message for r in caplog.records if "cannot be reached" in r.message] == [publisher.why + "; trying again"]


def test_a_csv_row_becomes_a_message_by_its_mapping(tmp_path):
    found = mapped(
        tmp_path,
        "garage,count,at\nNORD/1,12,2026-01-01 07:00\nSÜD,NA,2026-01-01 07:05\n",
        'topic = "p/{garage}"\ntime = "at"\nzone = "Asia/Ho_Chi_Minh"\npayload = { n = "count" }\ntime_key = "t"\n',
    )
    assert found == [
        ("p/NORD_1", {"n": 12, "t": "2026-01-01T00:00:00+00:00"}, 1767225600_000_000),
        ("p/SÜD", {"n": None, "t": "2026-01-01T00:05:00+00:00"}, 1767225900_000_000),
    ]


def test_a_wide_table_becomes_a_message_a_column_with_times_counted_from_a_start(tmp_path):
    found = mapped(
        tmp_path,
        "s1,s2,x\n60.5,61,9\n50,,9\n",
        'topic = "loop/{column}"\nwide = "v"\ncolumns = ["s*"]\nstart = "2026-01-01T00:00:00Z"\nstep = "5min"\n',
    )
    assert [(topic, body["v"], (time - 1767225600_000_000) // 1_000_000) for topic, body, time in found] == [
        ("loop/s1", 60.5, 0),
        ("loop/s2", 61, 0),
        ("loop/s1", 50, 300),
        ("loop/s2", None, 300),
    ]


def test_a_wrong_mapping_says_what_is_wrong(tmp_path):
    with pytest.raises(IocError, match=r"row 1: there is no column 'nope'"):
        mapped(tmp_path, "a\n1\n", 'topic = "t"\ntime = "nope"\n')
    with pytest.raises(ConfigError, match="start and step"):
        mapped(tmp_path, "a\n1\n", 'topic = "t"\n')


def test_tempo_is_kept_or_multiplied():
    messages = [recording.Recorded("a", b"", t * 100_000) for t in (0, 1, 3, 2, 4)]
    began = time.monotonic()
    gaps = [(time.monotonic() - began) for _ in replay.paced(messages, 2.0)]
    assert gaps[-1] >= 0.2
    assert (
        len(list(replay.paced([recording.Recorded("a", b"", t * 10**9) for t in range(9)], replay.parse_speed("max"))))
        == 9
    )
    with pytest.raises(IocError):
        replay.parse_speed("fast")


def test_shifting_moves_the_times_inside_too_and_nothing_else():
    start = 1767225600_000_000
    body = {
        "t": "2026-01-01T00:00:10.5Z",
        "ms": 1767225610000,
        "s": 1767225610.5,
        "n": 42,
        "id": "2026",
        "old": "1999-01-01T00:00:00Z",
        "list": [1767225610],
    }
    (found,) = replay.shifted([recording.Recorded("a", json.dumps(body).encode(), start)], start + 3_600_000_000)
    assert found.time == start + 3_600_000_000
    assert json.loads(found.payload) == {
        "t": "2026-01-01T01:00:10.500000Z",
        "ms": 1767229210000,
        "s": 1767229210.5,
        "n": 42,
        "id": "2026",
        "old": "1999-01-01T00:00:00Z",
        "list": [1767229210],
    }


@pytest.fixture
def broker(request, tmp_path):
    made = Broker(request.param, tmp_path / "broker", free_port())
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize("broker", ["nats"], indirect=True)
def test_a_topic_the_broker_hangs_up_on_is_named_and_the_rest_arrives(broker):
    publisher = Publisher(Settings(broker_url=broker.url))
    try:
        wait_connected(publisher)
        for n in range(20):
            publisher.publish("with a space/x" if n == 7 else f"good/{n}", b"1")
        publisher.wait(40)
        assert publisher.acknowledged == 19
        assert publisher.refused == {"with a space/x": 1}
        assert publisher.publish("with a space/x", b"1") is False
        assert publisher.publish("good/again", b"1") is True
        publisher.wait()
    finally:
        publisher.close()


def test_history_is_loaded_by_the_same_path_and_twice_does_no_harm(tmp_path, database_url):
    folder = rig.city(tmp_path / "city", metrics='[n]\nname = "n"\n', **FEEDS)
    start = rig.now_us() - 14 * 86_400_000_000
    history = [
        Message(f"timed/s{n % 9}", b'{"t": %f, "n": %d}' % ((start + n * 60_000_000) / 1e6, n), start + n * 60_000_000)
        for n in range(20_000)
    ]
    history.insert(50, Message("timed/s1", b"garbage"))
    told = []
    totals = load(history, folder, database_url, told.append)
    assert (totals["stored"], totals["quarantined"], totals["readings_stored"]) == (20_000, 1, 20_000)
    assert told[-1].messages == 20_001
    again = load(history, folders.load(folder), database_url)
    assert (again["stored"], again["duplicate"], again["readings_duplicate"]) == (0, 20_000, 20_000)


def test_a_quarantine_is_replayed_once_its_mapping_fits(make_path):
    path = make_path()
    when = rig.now_us() - 60_000_000
    path.send(
        path.message("air/a", {"t": when / 1e6, "PM": 7}, received=when),
        path.message("new/b", {"n": 1}, received=when),
        ("air/a", b"never"),
    )
    kept = path.rows("SELECT f.key, reason FROM quarantine q JOIN feed f ON f.id = feed_id ORDER BY q.id")
    assert [feed for feed, _ in kept] == ["air", "unclaimed", "air"]
    again = make_path(
        air=rig.AIR.replace('"pm"', '"PM"'), new=FEEDS["bare"].replace("bare/", "new/").replace("n =", "load =")
    )
    found = replay_quarantine(again.plan.folder, again.committer._url, "air")
    assert (found.tried, found.stored, found.left, dict(found.reasons)) == (2, 1, 1, {"not_json": 1})
    assert replay_quarantine(again.plan.folder, again.committer._url, "unclaimed").stored == 1
    assert again.rows("SELECT value, extract(epoch FROM time) * 1000000 FROM latest ORDER BY 1") == [
        (1.0, when),
        (7.0, when),
    ]
    assert replay_quarantine(again.plan.folder, again.committer._url, "air").tried == 1
    assert again.one("SELECT count(*) FROM quarantine WHERE replayed_at IS NULL") == 1
    with pytest.raises(IocError, match="no feed"):
        replay_quarantine(again.plan.folder, again.committer._url, "nope")
