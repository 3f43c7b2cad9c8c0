"""A device that got another name, and one that changed place: the same sensor, the same series, in the store and on the wire."""

from __future__ import annotations

import json

import paho.mqtt.client as paho
import pytest

from ioc.config import check
from ioc.config import folder as folders
from ioc.store import database
from tests import services
from tests.ingest import rig
from tests.ingest.live import Ingester

REPORT = {"t": 1_767_225_600, "pm": 12}


def at(hours):
    return {**REPORT, "t": REPORT["t"] + 3600 * hours}


def sensors(folder, *rows):
    """rows: (key, was, lon)."""
    features = [
        {"type": "Feature", "properties": {"key": key, "name": key, "feed": "air", "was": was},
         "geometry": {"type": "Point", "coordinates": [lon, 9.6]}} for key, was, lon in rows
    ]  # fmt: skip
    (folder / "sensors.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return folder


def test_messages_under_the_old_and_the_new_name_are_one_series(tmp_path, database_url):
    folder = sensors(rig.city(tmp_path / "town"), ("quay-1", [], 105.97))
    before = rig.Path(folder, database_url)
    before.send(("air/quay-1", at(0)))
    series = before.rows("SELECT id FROM series")
    sensors(folder, ("quay-2", ["quay-1"], 105.97))
    after = rig.Path(folder, database_url)
    before.send(("air/quay-1", at(1)))  # the ingester that has not read the folder anew
    after.send(("air/quay-1", at(2)), ("air/quay-2", at(3)))
    assert after.rows("SELECT id FROM series") == series
    assert after.one("SELECT count(*) FROM reading") == 4
    assert after.rows("SELECT key FROM sensor") == [("quay-2",)]
    assert after.ledger()["stored"] == 4
    after.send(("air/quay-2", at(2)))
    assert after.ledger()["duplicate"] == 1, "the same reading under the other name is the same reading"
    before.close()
    after.close()


def test_a_device_that_spoke_under_its_new_name_first_is_joined_to_its_past(tmp_path, database_url):
    folder = sensors(rig.city(tmp_path / "town"), ("quay-1", [], 105.97))
    path = rig.Path(folder, database_url)
    path.send(("air/quay-1", at(0)), ("air/quay-2", at(1)))
    sensors(folder, ("quay-2", "quay-1", 105.97))
    after = rig.Path(folder, database_url)
    path.send(("air/quay-2", at(2)), ("air/quay-1", at(3)))
    after.send(("air/quay-2", at(4)))
    from ioc.store import registry

    registry.new_places(after.conn)
    whole = "SELECT count(*)::int, count(DISTINCT r.series_id)::int FROM reading r JOIN series e ON e.id = series_id JOIN sensor s ON s.id = sensor_id WHERE s.key = 'quay-2'"
    assert after.one(whole) == (5, 1)
    path.close()
    after.close()


def test_check_tells_of_names_that_cannot_be(tmp_path):
    folder = sensors(rig.city(tmp_path / "town"), ("a", ["old"], 105.9), ("b", ["old"], 105.9), ("c", ["a"], 105.9))
    said = [str(f) for f in check.references(folders.read(folder))]
    assert "sensors: a: was 'old', and so was another sensor (one of them was)" in said
    assert "sensors: c: was 'a', which is a sensor of its own (remove 'a' there, or from `was` here)" in said


@pytest.mark.mosquitto
def test_a_running_ingester_takes_a_new_name_and_a_new_place_without_losing_a_message(tmp_path, database_url):
    """Messages under the old and the new name, before, while and after the folder says so; the sensor moves as well."""
    folder = sensors(rig.city(tmp_path / "town"), ("quay-1", [], 105.97))
    broker = services.Mosquitto(tmp_path / "broker").start()
    ingester = Ingester(folder, database_url, f"mqtt://127.0.0.1:{broker.port}")
    publisher = paho.Client(paho.CallbackAPIVersion.VERSION2, "publisher")
    publisher.connect("127.0.0.1", broker.port)
    publisher.loop_start()

    def send(name, hours):
        publisher.publish(f"air/{name}", json.dumps(at(hours)), qos=1).wait_for_publish(10)

    def stored(count):
        with database.connect(database_url, autocommit=True) as conn:
            return conn.execute("SELECT count(*) FROM reading").fetchone() == (count,)

    try:
        ingester.start()
        send("quay-1", 0)
        services.wait_for(lambda: stored(1), "the first reading", 30)
        sensors(folder, ("quay-2", ["quay-1"], 106.05))
        send("quay-1", 1)
        services.wait_for(lambda: "the city folder changed" in ingester.log.read_text(), "the folder is read anew", 30)
        send("quay-1", 2)
        send("quay-2", 3)
        services.wait_for(lambda: stored(4), "all four readings", 30)
    finally:
        ingester.stop()
        publisher.disconnect()
        publisher.loop_stop()
        broker.stop()
    with database.connect(database_url, autocommit=True) as conn:
        assert conn.execute("SELECT count(DISTINCT series_id) FROM reading").fetchone() == (1,)
        assert conn.execute("SELECT array_agg(key) FROM sensor").fetchone() == (["quay-2"],)
        assert conn.execute("SELECT array_agg(lon ORDER BY since) FROM sensor_place").fetchone() == ([105.97, 106.05],)
