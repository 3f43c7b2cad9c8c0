"""Device and transport formats: recorded messages, and memories that hostile publishers cannot fill."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from importlib.resources import files

import pytest

from ingest.formats import _layout, _lorawan, _sparkplug, compiled, homeassistant, homie, sparkplug, zigbee2mqtt
from ioc import plugins
from ioc.errors import DecodeError, Ignored
from tests.ingest import cases
from tests.services import FEEDS

# file -> (format, messages of each outcome, records of each kind); each outcome was judged by eye, see the comments.
RECORDED = {
    # Two uplinks with raw bytes only: they wait in quarantine for a layout.
    "ttn_v3": ("ttn", {"records": 7, "error no_layout": 2, "ignored join": 1, "ignored downlink": 4},
               {"SensorFacts": 7, "Measurement": 39}),
    "chirpstack_v4": ("chirpstack", {"records": 8, "error no_layout": 1, "ignored join": 2, "ignored ack": 2,
                                     "ignored txack": 2, "ignored log": 2, "ignored integration": 1,
                                     "ignored gateway_frame": 4, "ignored downlink": 4},
                      {"Measurement": 61, "SensorFacts": 6, "Position": 1}),
    # Firmware updates are no readings.
    "zigbee2mqtt": ("zigbee2mqtt", {"records": 13, "ignored bridge": 16, "ignored no_values": 3},
                    {"SensorFacts": 1, "Measurement": 35}),
    # Without a value: tags and cards that were read, a blackout rule, variables, a discovery message of another system.
    "tasmota": ("tasmota", {"records": 79, "ignored zigbee_info": 6, "ignored no_values": 7, "ignored command_result": 6},
                {"Measurement": 279, "SensorFacts": 6}),
    "shelly_gen2": ("shelly_gen2", {"records": 23, "ignored housekeeping": 3}, {"Measurement": 71}),
    "homeassistant_discovery": ("homeassistant", {"records": 20}, {"SensorFacts": 20}),
    "gbfs": ("gbfs", {"records": 10, "ignored system_file": 13}, {"SensorFacts": 5, "Measurement": 80, "Event": 1}),
}  # fmt: skip


def outcome(decode, message):
    return said(decode, cases.payload(message), message.get("topic") or "")


def said(decode, payload, topic):
    try:
        return list(decode(payload, {"": topic}))
    except DecodeError as why:
        return f"error {why.reason}"
    except Ignored as why:
        return f"ignored {why.reason}"


@pytest.mark.feeds
@pytest.mark.parametrize("name", RECORDED)
def test_recorded_messages_are_all_accounted_for(name):
    format_name, outcomes, records = RECORDED[name]
    decode = compiled(format_name, {}, "UTC")
    fates, kinds = Counter(), Counter()
    for message in cases.lines(FEEDS / "payloads" / f"{name}.jsonl"):
        found = outcome(decode, message)
        fates[found if isinstance(found, str) else "records"] += 1
        kinds.update(type(r).__name__ for r in found if not isinstance(r, str))
    assert fates == outcomes
    assert kinds == records


@pytest.mark.feeds
def test_discovery_makes_the_states_of_recorded_devices_readable():
    decode = compiled("homeassistant", {}, "UTC")
    for message in cases.lines(FEEDS / "payloads" / "homeassistant_discovery.jsonl"):
        outcome(decode, message)
    found = said(
        decode, b'{"temperature":21.5,"humidity":55,"pressure":1001,"battery":90}', "zigbee2mqtt/weather_sensor"
    )
    assert {(r.metric, r.value, r.unit) for r in found} == {
        ("temperature", 21.5, "°C"), ("humidity", 55, "%"), ("pressure", 1001, "hPa"), ("battery", 90, "%"),
    }  # fmt: skip
    assert len({r.sensor for r in found}) == 1


@pytest.mark.feeds
def test_the_recorded_stream_of_a_level_sensor():
    decode = compiled("chirpstack", {}, "UTC")
    fates, metrics = Counter(), Counter()
    with gzip.open(FEEDS / "payloads" / "streams" / "chirpstack_v4_ssi_em500udl_only.jsonl.gz", "rt") as lines:
        for line in lines:
            found = outcome(decode, json.loads(line))
            fates[found if isinstance(found, str) else "records"] += 1
            metrics.update(r.metric for r in found if hasattr(r, "metric"))
    assert fates == {"records": 519, "ignored log": 1}
    assert metrics == {"rssi": 511, "snr": 511, "battery": 171, "distance": 163, "margin": 8}


# What a closure remembers is bounded: a publisher that invents devices pushes out the oldest, and nothing more.


def test_frames_are_remembered_for_so_many_devices(monkeypatch):
    monkeypatch.setattr(_lorawan, "REMEMBERED", 100)
    frames = _lorawan.Frames()
    for n in range(1000):
        frames.check(_lorawan.Uplink(f"d{n}", 10**15, "s", 1, 1, "AA==", None, []))
    assert len(frames._seen) == 100


def test_births_are_remembered_up_to_a_total(monkeypatch):
    monkeypatch.setattr(sparkplug, "MOST_ALIASES", 500)
    births = sparkplug.Births()
    for edge in range(100):
        for alias in range(20):
            births.keep(f"e{edge}", alias, sparkplug.Named("x", 9, None))
    assert births._total == sum(map(len, births._edges.values())) <= 500
    assert births.find("e99", 3) is not None
    assert births.find("e0", 3) is None
    births.begin("e99")
    assert births.find("e99", 3) is None


def test_a_sparkplug_birth_replaces_the_aliases_of_the_one_before():
    decode = compiled("sparkplug", {}, "UTC")

    def birth(**metric):
        return _sparkplug.Payload(timestamp=1777856523500, metrics=[{"datatype": 10, "double_value": 1.0, **metric}])

    said(decode, birth(name="Old", alias=1).SerializeToString(), "spBv1.0/g/NBIRTH/e")
    said(decode, birth(name="New", alias=2).SerializeToString(), "spBv1.0/g/NBIRTH/e")
    assert said(decode, birth(alias=1).SerializeToString(), "spBv1.0/g/NDATA/e") == "error no_birth"
    assert said(decode, birth(alias=2).SerializeToString(), "spBv1.0/g/NDATA/e")[0].metric == "New"


def _closure(decode, kind):
    return [c.cell_contents for c in decode.__closure__ if isinstance(c.cell_contents, kind)]


def test_discovery_remembers_so_many_topics(monkeypatch):
    monkeypatch.setattr(homeassistant, "MOST_TOPICS", 50)
    decode = compiled("homeassistant", {}, "UTC")
    for n in range(500):
        said(decode, b'{"stat_t":"s/%d","dev":{"ids":"x"}}' % n, f"homeassistant/sensor/n/{n}/config")
    memories = _closure(decode, dict)
    assert [len(m) for m in memories] == [50, 50]
    assert said(decode, b"1", "s/499")[0].value == 1.0
    assert said(decode, b"1", "s/3") == "ignored not_configured"


def test_one_topic_cannot_be_given_to_endless_entities():
    decode = compiled("homeassistant", {}, "UTC")
    for n in range(homeassistant.MOST_A_TOPIC + 50):
        said(decode, b'{"stat_t":"s","dev":{"ids":"x"}}', f"homeassistant/sensor/n/{n}/config")
    assert len(said(decode, b"1", "s")) == homeassistant.MOST_A_TOPIC


def test_homie_and_zigbee_remember_so_many(monkeypatch):
    monkeypatch.setattr(homie, "MOST_PROPERTIES", 50)
    monkeypatch.setattr(zigbee2mqtt, "MOST_DEVICES", 50)
    decode = compiled("homie", {}, "UTC")
    for n in range(500):
        said(decode, b"m", f"homie/d/n/p{n}/$unit")
    assert [len(m) for m in _closure(decode, dict)] == [50]
    decode = compiled("zigbee2mqtt", {}, "UTC")
    devices = [{"friendly_name": f"d{n}", "type": "Router"} for n in range(500)]
    assert len(said(decode, json.dumps(devices).encode(), "zigbee2mqtt/bridge/devices")) == 50
    assert [len(m) for m in _closure(decode, dict)] == [50]


def test_the_table_of_formats_names_every_one_and_every_layout():
    text = (files("ingest.formats") / "README.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert rows == set(plugins.names("ingest.formats"))
    for name in _layout.names():
        stem, _, model = name.partition("/")
        assert f"`{stem}`" in text
        assert model in text
