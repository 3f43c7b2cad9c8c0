"""Messages nobody declared become feed files: the mapping, how sure, and the way from the quarantine to a live feed."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ingest import proposals as proposing
from ingest import publish
from ingest.check import check
from ingest.samples import Sample
from ingest.suggest import suggest
from ioc import cli, plugins
from ioc.config.city import City, MapView
from ioc.config.feeds import Feed
from ioc.config.folder import CityFolder
from ioc.config.metrics import Metric
from ioc.errors import IocError
from ioc.settings import Settings
from ioc.store import database, proposals, quarantine
from tests import services
from tests.ingest import live, rig
from tests.services import FEEDS

NOW = 1_777_636_800_000_000  # 2026-05-01T12:00:00Z

METRICS = {
    "pm25": Metric(name={"vi": "Bụi mịn", "en": "Fine dust"}, unit="µg/m³", low=0, high=1000),
    "temperature": Metric(name={"vi": "Nhiệt độ", "en": "Temperature"}, unit="°C", low=-5, high=50),
    "humidity": Metric(name="Humidity", unit="%", low=0, high=100),
    "water_level": Metric(name={"vi": "Mực nước", "en": "Water level"}, unit="m", decimals=2, low=-3, high=8),
    "speed": Metric(name="Speed", unit="km/h"),
}


@pytest.fixture
def folder(tmp_path):
    city = City(key="c", name="C", zone="Asia/Ho_Chi_Minh", map=MapView(center=(105.97, 9.6)))
    return CityFolder(path=tmp_path, digest="d", city=city, metrics=METRICS)


def samples(*pairs):
    return [Sample(t, p if isinstance(p, bytes) else json.dumps(p, ensure_ascii=False).encode()) for t, p in pairs]


def one(folder, *pairs):
    found = suggest(samples(*pairs), folder, NOW)
    assert len(found) == 1, [p.key for p in found]
    return found[0], tomllib.loads(found[0].toml)


def stored(folder, proposal, *pairs):
    """What the proposed file, as it is, makes of messages."""
    feed = Feed.model_validate(tomllib.loads(proposal.toml))
    report = check(replace(folder, feeds={proposal.key: feed}), proposal.key, samples(*pairs), NOW)
    return [(r.sensor, r.metric, round(r.value, 3)) for o in report.outcomes for r in o.readings]


def test_vietnamese_fields_become_the_citys_metrics(folder):
    messages = [
        (f"st/p{n % 2}/tram/TN-{n}", {"thoi_gian": f"{12 + n}/05/2026 10:00", "nhiet_do": 31.2 - n, "do_am": 78, "muc_nuoc": 152 + n, "seq": n})
        for n in range(3)
    ]  # fmt: skip
    proposal, feed = one(folder, *messages)
    assert feed["topic"] == "st/{st}/tram/{sensor}"
    assert feed["options"]["time_format"] == "day_first"
    assert feed["options"]["values"] == {
        "temperature": "nhiet_do", "humidity": "do_am", "water_level": {"path": "muc_nuoc", "unit": "cm"},
    }  # fmt: skip
    assert "left out: seq" in proposal.toml
    assert proposal.confidence > 0.7
    assert stored(folder, proposal, messages[0]) == [
        ("TN-0", "temperature", 31.2),
        ("TN-0", "humidity", 78),
        ("TN-0", "water_level", 1.52),
    ]


def test_names_with_dots_units_in_names_and_a_place(folder):
    message = {"deviceId": "AQ7", "ts": 1767225600, "loc": {"lat": 9.6, "lon": 105.97}, "PM2.5": "31,4", "temp_f": 84.2}
    proposal, feed = one(folder, ("aq/data", message), ("aq/data", {**message, "deviceId": "AQ8"}))
    assert feed["options"]["sensor"] == "deviceId"
    assert feed["options"]["place"] == "loc"
    assert feed["options"]["values"]["temperature"] == {"path": "temp_f", "unit": "°F"}
    assert stored(folder, proposal, ("aq/data", message)) == [("AQ7", "pm25", 31.4), ("AQ7", "temperature", 29.0)]


def test_what_metrics_toml_lacks_is_written_down(folder):
    proposal, _ = one(folder, ("q/a1", {"co2": 612, "pm25": 3}), ("q/a2", {"co2": 640, "pm25": 4}))
    lines = proposal.toml.splitlines()
    at = lines.index("# [co2]")
    assert lines[at + 2] == '# unit = "ppm"'
    assert "# [pm25]" not in lines


def test_an_array_of_id_value_time_quality(folder):
    message = {"timestamp": 1767225600000, "values": [{"id": "W.P1.water_level", "v": 1.4, "q": True, "t": 1767225599000},
                                                      {"id": "W.P1.temperature", "v": 9, "q": False, "t": 1767225599000}]}  # fmt: skip
    proposal, feed = one(folder, ("plant", message))
    assert feed["options"]["array"] == {"items": "values", "name": "id", "value": "v", "time": "t", "quality": "q",
                                        "pattern": r"(?P<sensor>.+)\.(?P<metric>[^.]+)"}  # fmt: skip
    assert stored(folder, proposal, ("plant", message)) == [("W.P1", "water_level", 1.4)]


def test_records_that_move_become_positions(folder):
    messages = [
        (
            "fleet",
            [{"plate": "83A-1", "time": f"2026-05-01T10:0{n}:00Z", "lat": 9.6 + n / 100, "lng": 105.9, "speed": 31}],
        )
        for n in range(5)
    ]
    _, feed = one(folder, *messages)
    assert feed["options"]["kind"] == "positions"
    assert feed["options"]["sensor"] == "plate"


def test_bare_values_take_sensor_and_metric_from_the_topic(folder):
    proposal, feed = one(
        folder, ("home/k/temperature", b"21.5"), ("home/k/humidity", b"61"), ("home/b/humidity", b"66")
    )
    assert (feed["format"], feed["topic"]) == ("value", "home/{sensor}/{metric}")
    assert stored(folder, proposal, ("home/b/humidity", b"66")) == [("b", "humidity", 66)]


def test_two_kinds_under_one_root_are_two_feeds(folder):
    found = suggest(
        samples(("c/air/1", {"pm25": 3}), ("c/air/2", {"pm25": 4}), ("c/water/1", {"wl": 1}), ("c/water/2", {"wl": 2})),
        folder,
        NOW,
    )
    assert {p.topics[0] for p in found} == {"c/air/{sensor}", "c/water/{sensor}"}


def test_a_csv_with_a_header(folder):
    text = b"station,time,level\nMT,2026-05-01 10:00,1.7\nDN,2026-05-01 10:00,1.5\n"
    proposal, feed = one(folder, ("csv/x", text))
    assert feed["rename"] == {"level": "water_level"}
    assert stored(folder, proposal, ("csv/x", text)) == [("MT", "water_level", 1.7), ("DN", "water_level", 1.5)]


def test_what_nobody_can_read_is_said_to_be_unsure(folder):
    proposal, _ = one(folder, ("blob", b"\x01\x02\x03\x04\x80\x81"))
    assert proposal.confidence < 0.1


def test_every_format_is_recognised_by_its_example(folder):
    names = [n for n in plugins.names("ingest.formats") if hasattr(plugins.load("ingest.formats", n), "recognise")]
    assert len(names) > 20
    wrong = {n: found for n in names
             if (found := suggest(samples(plugins.load("ingest.formats", n).EXAMPLE), folder, NOW)[0].format) != n}  # fmt: skip
    assert not wrong


@pytest.mark.feeds
@pytest.mark.parametrize(("name", "format_name"), [
    ("sensor_community", "sensor_community"), ("hsl_hfp", "hfp"), ("owntracks", "owntracks"), ("fiware_ngsi_v2_entities", "ngsi"),
    ("ttn_v3", "ttn"), ("chirpstack_v4", "chirpstack"), ("zigbee2mqtt", "zigbee2mqtt"), ("cap_alerts", "cap"),
])  # fmt: skip
def test_recorded_messages_are_recognised(folder, name, format_name):
    from tests.ingest import cases

    found = suggest(
        [Sample(m.get("topic") or "", cases.payload(m)) for m in cases.lines(FEEDS / "payloads" / f"{name}.jsonl")],
        folder,
        NOW,
    )
    share = sum(p.messages for p in found if p.format == format_name) / sum(p.messages for p in found)
    assert share > 0.6, {p.format: p.messages for p in found}


def test_the_command_saves_what_it_proposes(tmp_path, capsys):
    file = tmp_path / "heard.txt"
    file.write_text('q/a1 {"ts": 1767225600, "pm25": 3}\nq/a2 {"ts": 1767225600, "pm25": 4}\n', encoding="utf-8")
    assert cli.main(["feeds", "suggest", str(file), "--save", str(tmp_path / "feeds")]) == 0
    saved = tmp_path / "feeds" / "q.toml"
    assert saved.read_text(encoding="utf-8") in capsys.readouterr().out
    assert cli.main(["feeds", "check", str(saved), "--sample", str(file)]) == 0
    assert cli.main(["feeds", "suggest", str(file), "--save", str(tmp_path / "feeds")]) == 1
    assert "is there already" in capsys.readouterr().err
    (tmp_path / "city.toml").write_text(
        'key = "c"\nname = "C"\nzone = "UTC"\n[map]\ncenter = [0, 0]\n', encoding="utf-8"
    )
    saved.unlink()
    assert cli.main(["feeds", "suggest", str(file), "--city", str(tmp_path), "--save", str(tmp_path)]) == 0
    assert saved.is_file()


@pytest.mark.mosquitto
def test_it_listens_to_a_broker_and_leaves_no_trace(tmp_path, capsys, monkeypatch):
    broker = services.Mosquitto(tmp_path / "broker").start()
    address = f"mqtt://127.0.0.1:{broker.port}"
    publisher = publish.Publisher(Settings(broker_url=address))
    try:
        publish.wait_connected(publisher)
        for n in range(3):
            publisher.publish(f"new/dev{n}", json.dumps({"temp": 20 + n}).encode(), retain=True)
        publisher.publish("other/x", b"1", retain=True)
        publisher.wait()
        monkeypatch.setenv("IOC_BROKER_URL", address)
        assert cli.main(["feeds", "suggest", "--listen", "1", "--topic", "new/#"]) == 0
        out = capsys.readouterr().out
        assert "3 messages, 1 proposals" in out
        assert 'topic = "new/{sensor}"' in out
    finally:
        publisher.close()
        broker.stop()


def keep(conn, *pairs):
    feed_id = conn.execute("SELECT id FROM feed WHERE key = 'unclaimed'").fetchone()[0]
    rows = [quarantine.Kept(feed_id, datetime(2026, 5, 1, tzinfo=UTC), s.topic, s.payload, len(s.payload), False, "unclaimed", "")
            for s in samples(*pairs)]  # fmt: skip
    quarantine.keep(conn, rows, 1000)


def test_a_proposal_is_tried_accepted_and_written(conn, folder):
    keep(conn, ("q/a1", {"ts": 1767225600, "pm25": 3}), ("q/a2", {"ts": 1767225600, "pm25": 4}))
    proposing.propose_unclaimed(conn, folder, NOW)
    (made,) = proposals.listed(conn)
    assert (made.topics, made.state, made.messages) == (["q/{sensor}"], "proposed", 2)

    assert proposals.ask(conn, made.id, "dry_run", key="quality", toml=made.toml)
    proposing.answer_requests(conn, folder, NOW)
    (tried,) = proposals.listed(conn)
    assert (tried.state, tried.request) == ("dry_run", None)
    assert tried.result["summary"].startswith("2 messages: 2 stored")

    proposals.ask(conn, made.id, "accept", key="quality", toml=made.toml.replace("Q", "Air"))
    proposing.answer_requests(conn, folder, NOW)
    assert proposals.listed(conn)[0].state == "accepted"
    assert "Air" in (folder.path / "feeds" / "quality.toml").read_text(encoding="utf-8")
    assert [p.name for p in (folder.path / "feeds").iterdir()] == ["quality.toml"]
    assert proposals.settle(conn, ["other"]) == []
    assert proposals.settle(conn, ["quality"]) == [made.id]
    assert proposals.settle(conn, ["quality"]) == []  # only one ingester replays


def test_a_file_that_is_wrong_or_there_already_is_not_written(conn, folder):
    keep(conn, ("q/a1", {"ts": 1767225600, "pm25": 3}))
    proposing.propose_unclaimed(conn, folder, NOW)
    (made,) = proposals.listed(conn)
    for key, toml, why in (
        ("q", "topic = 3", "topic"),
        ("q", made.toml.replace("pm25", "pm25]"), "TOML"),
        ("../q", made.toml, "cannot be a feed's name"),
    ):
        proposals.ask(conn, made.id, "accept", key=key, toml=toml)
        proposing.answer_requests(conn, folder, NOW)
        found = proposals.listed(conn)[0]
        assert found.state == "proposed"
        assert why in found.result["error"]
    assert not (folder.path / "feeds").exists()
    proposing.write_feed(folder.path, "q", made.toml)
    with pytest.raises(IocError, match="there already"):
        proposing.write_feed(folder.path, "q", "")
    assert (folder.path / "feeds" / "q.toml").read_text(encoding="utf-8") == made.toml


def test_what_a_person_did_is_not_overwritten(conn, folder):
    keep(conn, ("q/a1", {"pm25": 3}), ("z/a1", {"humidity": 3}))
    proposing.propose_unclaimed(conn, folder, NOW)
    first, second = sorted(proposals.listed(conn), key=lambda p: p.topics)
    proposals.ask(conn, first.id, "refuse", key=first.key, toml=first.toml)
    proposals.ask(conn, second.id, "dry_run", key="mine", toml=second.toml + "# mine\n")
    proposing.answer_requests(conn, folder, NOW)
    proposing.propose_unclaimed(conn, folder, NOW)
    first, second = sorted(proposals.listed(conn), key=lambda p: p.topics)
    assert first.state == "refused"
    assert second.toml.endswith("# mine\n")
    assert second.key == "mine"


HOSTILE = [
    ("", b"\x00"), ("/", b"{}"), ("//" * 50, b"[]"), ("{x}/+y", b'{"a": 1}'), ("a\nb", b'{"a\\u0000b": 1, "ts\\u0000": 5}'), ("n", b"[" * 900 + b"]" * 900),
    ("deep", b'{"a":' * 500 + b"1" + b"}" * 500), ("keys", json.dumps({f"k{n}": n for n in range(3000)}).encode()), ("x/\U0001f600", b'{"\xf0\x9f\x98\x80": 1}'),
    ("quote", b'{"a\\"b": 1, "c]d": {"e.f": 2}, "": 3}'), ("csv", b"a,b\n1\n,,,,\n"), ("csv2", b'a;"b\n1;2\n'), ("nul", b'{"v": "\\u0000\\u0000"}'), ("big", b'{"v": 1e999, "w": -1e308}'),
    ("mixed", b'[1, {"id": 1}, null, [2]]'), ("arr", b'{"values": [{"id": null, "value": {}}, {"value": 1}]}'), ("time", b'{"ts": 1e300, "value": "x", "lat": "x", "lon": []}'),
]  # fmt: skip


def test_hostile_messages_are_proposed_or_not_but_never_in_the_way(conn, folder):
    for topic, payload in HOSTILE:
        suggest([Sample(topic, payload)], folder, NOW)
    keep(conn, *HOSTILE, ("q/a1", {"pm25": 3}))
    proposing.propose_unclaimed(conn, folder, NOW)
    made = proposals.listed(conn)
    assert any(p.topics == ["q/{sensor}"] for p in made)
    for proposal in made:
        assert tomllib.loads(proposal.toml)["format"]
        proposals.ask(conn, proposal.id, "dry_run", key=proposal.key, toml=proposal.toml)
    proposing.answer_requests(conn, folder, NOW)
    assert {p.request for p in proposals.listed(conn)} == {None}


def test_a_scanner_fills_nothing(conn, folder):
    keep(conn, *[(f"scan{n}/x/{n}", {f"k{n}": 1}) for n in range(300)])
    proposing.propose_unclaimed(conn, folder, NOW)
    assert len(proposals.listed(conn)) <= proposing.MOST_PROPOSALS


@pytest.mark.mosquitto
def test_an_unseen_feed_goes_live_without_a_restart(tmp_path, database_url):
    """Messages nobody declared, a proposal, one request, and both old and new messages are in the store."""
    broker = services.Mosquitto(tmp_path / "broker").start()
    address = f"mqtt://127.0.0.1:{broker.port}"
    ingester = live.Ingester(rig.city(tmp_path / "city"), database_url, address).start()
    publisher = publish.Publisher(Settings(broker_url=address))
    try:
        publish.wait_connected(publisher)
        with database.connect(database_url, autocommit=True) as conn:

            def readings():
                return conn.execute("SELECT count(*) FROM reading").fetchone()[0]

            def the(state):
                return next((p for p in proposals.listed(conn) if p.state == state and p.messages == 4), None)

            for n in range(4):
                publisher.publish(f"new/dev{n}", json.dumps({"ts": 1777600000 + n, "temp": 20 + n}).encode())
            publisher.wait()
            services.wait_for(lambda: proposals.newest_unclaimed(conn), "the messages are in the quarantine")
            made = services.wait_for(lambda: the("proposed"), "a proposal of all four", 25)
            assert made.topics == ["new/{sensor}"]
            assert proposals.ask(conn, made.id, "accept", key="new", toml=made.toml)
            done = services.wait_for(lambda: the("live"), "the feed is live", 25)
            services.wait_for(lambda: proposals.listed(conn)[0].result.get("replayed"), "the quarantine was replayed")
            assert readings() == 4, done.result
            publisher.publish("new/dev9", json.dumps({"ts": 1777600009, "temp": 29}).encode())
            services.wait_for(lambda: readings() == 5, "a new message is stored")
    finally:
        publisher.close()
        ingester.stop()
        broker.stop()
