"""A new user at the Feeds page, with a real broker and ingester: mend a mapping and replay, connect an unknown topic."""

from __future__ import annotations

import json

import paho.mqtt.client as paho
import pytest

from ioc.store import database
from tests import services
from tests.dashboards.conftest import Screens, Window
from tests.ingest import rig
from tests.ingest.live import Ingester

WELLS = 'name = "Wells"\ntopic = "wells/{sensor}"\nformat = "json"\n[options]\nvalues = { ph = "%s" }\n'
METRICS = rig.METRICS + '[ph]\nname = "pH"\ndecimals = 1\n'


@pytest.fixture
def site(tmp_path, database_url, browser):
    """(city folder, publish(topic, payload), window): one broker, one ingester and the screens of a small city."""
    broker = services.Mosquitto(tmp_path / "mosquitto").start()
    city = rig.city(tmp_path / "city", metrics=METRICS, wells=WELLS % "PH")
    ingester = Ingester(city, database_url, f"mqtt://127.0.0.1:{broker.port}").start()
    screens = Screens(database_url, tmp_path / "screens.log", city=city).start()
    publisher = paho.Client(paho.CallbackAPIVersion.VERSION2)
    publisher.connect("127.0.0.1", broker.port)
    publisher.loop_start()
    window = Window(browser, screens)
    yield (
        city,
        lambda topic, said: publisher.publish(topic, json.dumps(said), qos=1).wait_for_publish(5),
        window,
        ingester,
    )
    window.close()
    publisher.loop_stop()
    screens.stop()
    ingester.stop()
    broker.stop()
    assert window.faults == []


@pytest.mark.chromium
@pytest.mark.mosquitto
def test_a_mapping_is_mended_and_the_quarantine_replayed_then_an_unknown_topic_goes_live(site, database_url):
    city, publish, window, ingester = site

    def count(key):
        with database.connect(database_url, autocommit=True) as conn:
            return conn.execute(
                "SELECT count(*) FROM reading r JOIN series se ON se.id = r.series_id JOIN sensor s ON s.id = se.sensor_id WHERE s.key = %s",
                [key],
            ).fetchone()[0]

    # A wrong mapping: all of it is kept, with the reason. Mended, the button brings it into the store.
    for n in range(3):
        publish("wells/w1", {"ph": 7.1 + n / 10, "t": n})
    for n in range(12):
        publish(f"pumps/p{n % 3}/state", {"load": 40 + n})
    page = window.open("/feeds/wells", "document.querySelectorAll('.messages details').length === 3")
    (city / "feeds" / "wells.toml").write_text(WELLS % "ph")
    services.wait_for(lambda: "the city folder changed" in ingester.log.read_text(), "the mended file is taken up")
    page.locator("#replay-do").click()
    window.until("document.querySelectorAll('.messages .sign.ok').length === 3")  # the list says it by itself
    assert (
        "3 đã lưu" in page.locator("#replay-said").inner_text()
        or "3 stored" in page.locator("#replay-said").inner_text()
    )
    assert count("w1") == 3

    # Messages nobody declared: seen, proposed, tried, accepted, live.
    window.open("/feeds", "document.querySelector('#unclaimed a')")
    page.locator("#unclaimed a").click()
    page.locator(".table a").first.click()
    page.locator("#try-do").click()
    page.locator("#proposal-came pre").wait_for()
    page.locator("#accept-do").click()
    page.locator("#proposal-came a").wait_for()
    services.wait_for(lambda: count("p1") == 4, "what came before is replayed")
    publish("pumps/p1/state", {"load": 99})
    services.wait_for(lambda: count("p1") == 5, "and what comes now is stored")
    assert [file.name for file in sorted((city / "feeds").iterdir())][-1] == "wells.toml"
    assert len(list((city / "feeds").iterdir())) == 2
