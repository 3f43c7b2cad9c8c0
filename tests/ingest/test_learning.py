"""A format that learns from retained messages knows again after a restart and after a change of the city folder."""

from __future__ import annotations

import json

import paho.mqtt.client as paho
import pytest

from ioc.store import database
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
