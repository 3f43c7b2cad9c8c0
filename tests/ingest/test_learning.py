"""What a format has learnt it knows again after a restart, and still after a change of the city folder."""

from __future__ import annotations

import json

import paho.mqtt.client as paho
import pytest

from ingest.formats import _sparkplug
from ingest.plan import Share, plan
from ingest.quarantine import replay_quarantine
from ioc.config import folder as folders
from ioc.store import database, lessons
from tests import services
from tests.ingest import rig
from tests.ingest.live import Ingester
from tests.services import wait_for

FEED = 'name = "Homes"\ntopic = ["homeassistant/#", "gates/#"]\nformat = "homeassistant"\n'
CONFIG = {
    "state_topic": "gates/4",
    "value_template": "{{ value_json.t | float / 10 }}",
    "unit_of_measurement": "°C",
    "device": {"identifiers": ["gate4"], "name": "Sluice gate 4"},
}
COUNT = "SELECT count(*) FROM reading r JOIN series s ON s.id = r.series_id JOIN sensor n ON n.id = s.sensor_id WHERE n.key = 'gate4'"


@pytest.mark.mosquitto
def test_discovery_is_learnt_again_after_a_restart_and_a_new_folder(tmp_path, database_url):
    broker = services.Mosquitto(tmp_path / "mosquitto").start()
    city = rig.city(tmp_path / "city", homes=FEED)
    publisher = paho.Client(paho.CallbackAPIVersion.VERSION2)
    publisher.connect("127.0.0.1", broker.port)
    publisher.loop_start()
    ingester = Ingester(city, database_url, f"mqtt://127.0.0.1:{broker.port}")
    sent = 0

    def stored():
        with database.connect(database_url, autocommit=True) as conn:
            return conn.execute(COUNT).fetchone()[0]

    def speak():
        """Publish until one more reading arrives: right after a start the discovery may still be on its way."""
        nonlocal sent
        before = stored()

        def arrived():
            nonlocal sent
            sent += 1
            publisher.publish("gates/4", json.dumps({"t": 200 + sent}), qos=1).wait_for_publish(5)
            return stored() > before

        wait_for(arrived, "a state is read by its discovery", 20, 0.3)

    try:
        publisher.publish(
            "homeassistant/sensor/gate4/temperature/config", json.dumps(CONFIG), qos=1, retain=True
        ).wait_for_publish(5)
        ingester.start()
        speak()
        ingester.kill()
        ingester.start()
        speak()
        (city / "feeds" / "homes.toml").write_text(FEED + 'owner = "Water department"\n')
        wait_for(lambda: "the city folder changed" in ingester.log.read_text(), "the change is taken up")
        speak()
        with database.connect(database_url, autocommit=True) as conn:
            low, high = conn.execute(COUNT.replace("count(*)", "min(value), max(value)")).fetchone()
        assert 20 <= low <= high < 30, "by the template: a tenth of what was sent"
    finally:
        ingester.stop()
        publisher.disconnect()
        publisher.loop_stop()
        broker.stop()


WATER = 'name = "Water"\ntopic = "spBv1.0/#"\nformat = "sparkplug"\n'
LEVEL = (
    "SELECT array_agg(value ORDER BY time) FROM reading r JOIN series s ON s.id = r.series_id WHERE s.metric = 'Level'"
)


def sparkplug(**metric):
    stamp = rig.now_us() // 1000
    return _sparkplug.Payload(timestamp=stamp, metrics=[{"timestamp": stamp, **metric}]).SerializeToString()


def born(value=1.5):
    unit = {"keys": ["engUnit"], "values": [{"type": 12, "string_value": "m"}]}
    birth = sparkplug(name="Level", alias=7, datatype=10, double_value=value, properties=unit)
    return ("spBv1.0/w/NBIRTH/e", sparkplug(name="x", datatype=10, double_value=0)), ("spBv1.0/w/DBIRTH/e/pump", birth)


def by_alias(value):
    return "spBv1.0/w/DDATA/e/pump", sparkplug(alias=7, double_value=value)


def test_sparkplug_aliases_outlive_the_ingester(tmp_path, database_url):
    city = rig.city(tmp_path / "city", water=WATER)
    first = rig.Path(city, database_url)
    first.send(*born())
    first.close()
    second = rig.Path(city, database_url)
    try:
        assert second.send(by_alias(1.6)).totals["stored"] == 1
        assert second.one(LEVEL) == [1.5, 1.6]
        assert second.ledger("water")["received"] == 3, "what was remembered is not counted again"
    finally:
        second.close()


def test_what_came_before_the_birth_is_used_by_a_replay_after_it(tmp_path, database_url):
    city = rig.city(tmp_path / "city", water=WATER)
    path = rig.Path(city, database_url)
    try:
        path.send(by_alias(1.4))
        assert path.reasons() == {("quarantined", "no_birth"): 1}
        path.send(*born())
        assert replay_quarantine(path.plan.folder, database_url, "water").stored == 1
        assert path.one(LEVEL) == [1.4, 1.5]
    finally:
        path.close()


def test_what_a_decoder_knows_outlives_a_change_of_the_folder(tmp_path, database_url):
    city = rig.city(tmp_path / "city", homes=FEED)
    path = rig.Path(city, database_url)
    try:
        path.send(("homeassistant/sensor/gate4/temperature/config", CONFIG))
        (city / "feeds" / "homes.toml").write_text(FEED + 'owner = "Water department"\n')
        made = plan(path.conn, folders.load(city), Share())
        made.router.go_on_from(path.decoder.router)
        path.decoder.router = made.router
        assert path.send(("gates/4", {"t": 231})).totals["stored"] == 1
        other = plan(
            path.conn, folders.load(rig.city(tmp_path / "other", homes=FEED + '[options]\nprefix = "ha"\n')), Share()
        )
        other.router.go_on_from(made.router)
        path.decoder.router = other.router
        assert path.send(("gates/4", {"t": 232})).totals["ignored"] == 1, "with other options it begins anew"
    finally:
        path.close()


def test_lessons_are_bounded(conn):
    feed = conn.execute("SELECT id FROM feed WHERE key = 'unclaimed'").fetchone()[0]
    huge = bytes(lessons.LARGEST + 1)
    lessons.keep(conn, [lessons.Lesson(feed, f"t/{n}", b"%d" % n) for n in range(30)], most=10)
    lessons.keep(conn, [lessons.Lesson(feed, "t/22", b"new"), lessons.Lesson(feed, "t/huge", huge)], most=10)
    kept = lessons.of(conn, feed)
    assert [topic for topic, _ in kept] == [f"t/{n}" for n in (20, 21, *range(23, 30), 22)]
    assert kept[-1] == ("t/22", b"new")
