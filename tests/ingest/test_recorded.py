"""Recorded streams through a broker and the ingester into the store: every message accounted for, exactly.

What is expected is worked out here from the files, without the project's decoders.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

import sample_feeds
from ingest import publish, recording
from ioc.settings import Settings
from tests import services
from tests.ingest import live
from tests.services import FEEDS

CITY = Path(sample_feeds.__file__).parent / "recorded"
SERIES = FEEDS / "series"
STREAMS = FEEDS / "payloads" / "streams"
COLUMNS = ("received", "stored", "duplicate", "quarantined", "ignored", "readings", "readings_stored", "readings_duplicate",
           "readings_suspect", "readings_ignored", "positions")  # fmt: skip


class Expected:
    """Adds up what the ledger must say of one feed."""

    def __init__(self):
        self.sums, self.rows = Counter(dict.fromkeys(COLUMNS, 0)), set()

    def message(self, *rows, positions=()):
        """rows: (sensor, metric, time, is it suspect)."""
        fresh = [row for row in rows if row not in self.rows]
        moved = [place for place in positions if place not in self.rows]
        repeated = len(rows) - len(fresh)
        self.rows.update(rows, positions)
        suspect = sum(row[3] for row in fresh)
        self.sums.update(
            received=1, stored=bool(fresh or moved), duplicate=not (fresh or moved), readings=len(rows), positions=len(positions),
            readings_stored=len(fresh) - suspect, readings_suspect=suspect, readings_duplicate=repeated,
        )  # fmt: skip


def table(name, most):
    with (SERIES / name).open(encoding="utf-8-sig", newline="") as lines:
        return list(itertools.islice(csv.DictReader(lines), most))


def buses():
    said = Expected()
    with gzip.open(STREAMS / "hsl_hfp_v2_recorded.jsonl.gz", "rt") as lines:
        for line in lines:
            message = json.loads(line)
            (body,) = message["payload"].values()
            vehicle = tuple(message["topic"].split("/")[7:9])
            bounds = {"dl": (-7200, 7200), "drst": (0, 1), "occu": (0, 100)}
            rows = [(vehicle, name, body["tst"], not low <= body[name] <= high)
                    for name, (low, high) in bounds.items() if body.get(name) is not None]  # fmt: skip
            rows = [(*row[:3], row[3] and row[1] != "drst") for row in rows]  # doors have no bounds
            counted = body.get("vehiclecounts") or {}  # passenger counters speak beside the position
            rows += [
                (vehicle, name, body["tst"], False)
                for name in ("vehicleload", "vehicleloadratio")
                if counted.get(name) is not None
            ]
            there = body.get("lat") is not None and body.get("long") is not None
            said.message(*rows, positions=[(vehicle, body["tst"])] if there else [])
    return said


def air(most):
    said = Expected()
    low = {"temp": -5}
    high = {"pm25": 1000, "pm10": 2000, "co": 150_000, "temp": 50, "hum": 100}
    for row in table("vietnam_air_aqiin/mekong_delta_measurements.csv", most):
        name, value = row["parameter"], float(row["value"])
        odd = not low.get(name, 0) <= value <= high.get(name, 1e9)
        said.message((row["station_name"], name, row["timestamp_utc"], odd))
    return said


def parking(most):
    said = Expected()
    for row in table("aarhus_parking/aarhus_parking.csv", most):
        key = row["garagecode"], row["updatetime"]
        said.message((*key, "parked", int(row["vehiclecount"]) > 1400), (*key, "places", False))
    return said


def loops(rows):
    said = Expected()
    start = datetime(2012, 3, 1, tzinfo=ZoneInfo("America/Los_Angeles")).astimezone(UTC)
    for number, row in enumerate(table("la_loop_metr/los_speed.csv", rows)):
        for loop, text in row.items():
            said.message((loop, "speed", start + number * timedelta(minutes=5), float(text) * 1.609344 < 1))
    return said


def gauge(most):
    said = Expected()
    for row in table("mekong_mrc/Water_Level.ManualLA_013901_Pakse.csv", most):
        said.message(("013901", "water_level", row["Timestamp (UTC+07:00)"], not 0 <= float(row["Value"]) <= 14))
    return said


def replayed(name, mapping=None, most=None):
    """The messages `ioc replay` would publish."""
    file = SERIES / name if mapping else STREAMS / name
    found = recording.read(file, recording.read_mapping(CITY / "replay" / mapping) if mapping else None)
    return list(itertools.islice(found, most))


@pytest.fixture(scope="module")
def ledger(request, tmp_path_factory):
    """Replay everything once into one ingester; {feed: ledger sums}, and a connection for closer looks."""
    if not FEEDS.is_dir() or not services.find("mosquitto"):
        pytest.skip("SKIPPED PART: needs ../shared/feeds and mosquitto")
    server = request.getfixturevalue("postgres")
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE recorded TEMPLATE template0")
    url = server.url[: -len("/ioc")] + "/recorded"
    from ioc.store import database, migrate

    with database.connect(url, autocommit=True) as conn:
        migrate.migrate(conn)
    broker = services.Mosquitto(tmp_path_factory.mktemp("broker")).start()
    address = f"mqtt://127.0.0.1:{broker.port}"
    ingester = live.Ingester(CITY, url, address)
    ingester.log = tmp_path_factory.mktemp("log") / "ingester.log"
    try:
        ingester.start()
        sent = send(address)
        with psycopg.connect(url, autocommit=True) as conn:
            services.wait_for(lambda: received(conn) >= sent, f"all {sent} messages are in the ledger", 60, 0.1)
            yield conn
    finally:
        ingester.stop()
        broker.stop()
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute("DROP DATABASE IF EXISTS recorded WITH (FORCE)")


def send(address):
    publisher = publish.Publisher(Settings(broker_url=address))
    publish.wait_connected(publisher)
    for message in itertools.chain(
        replayed("hsl_hfp_v2_recorded.jsonl.gz"), replayed("chirpstack_v4_ssi_em500udl_only.jsonl.gz"),
        replayed("vietnam_air_aqiin/mekong_delta_measurements.csv", "mekong_delta_air.toml", 2500),
        replayed("aarhus_parking/aarhus_parking.csv", "aarhus_parking.toml", 2000),
        replayed("la_loop_metr/los_speed.csv", "los_angeles_loops.toml", 10 * 207),
        replayed("mekong_mrc/Water_Level.ManualLA_013901_Pakse.csv", "pakse_gauge.toml", 2500),
        replayed("aarhus_parking/aarhus_parking.csv", "aarhus_parking.toml", 100),  # once more: all of it is known
    ):  # fmt: skip
        publisher.publish(message.topic, message.payload)
    publisher.wait()
    sent = publisher.acknowledged
    publisher.close()
    return sent


def received(conn):
    return conn.execute("SELECT coalesce(sum(received), 0)::int FROM ledger").fetchone()[0]


def sums(conn, feed):
    columns = ", ".join(f"coalesce(sum({name}), 0)::int" for name in COLUMNS)
    row = conn.execute(
        f"SELECT {columns} FROM ledger JOIN feed f ON f.id = feed_id WHERE f.key = %s", (feed,)
    ).fetchone()
    return dict(zip(COLUMNS, row, strict=True))


def reasons(conn, feed):
    found = conn.execute(
        "SELECT fate, reason, sum(count)::int FROM ledger_reason JOIN feed f ON f.id = feed_id WHERE f.key = %s GROUP BY 1, 2",
        (feed,),
    )
    return {(fate, reason): count for fate, reason, count in found}


def stored(conn, feed):
    query = "SELECT count(*) FROM reading JOIN series e ON e.id = series_id JOIN feed f ON f.id = e.feed_id WHERE f.key = %s"
    return conn.execute(query, (feed,)).fetchone()[0]


pytestmark = [pytest.mark.feeds, pytest.mark.mosquitto, pytest.mark.xdist_group("recorded")]


def expected(feed):
    if feed == "parking":
        said = parking(2000)
        for row in table("aarhus_parking/aarhus_parking.csv", 100):
            key = row["garagecode"], row["updatetime"]
            said.message((*key, "parked", int(row["vehiclecount"]) > 1400), (*key, "places", False))
        return said
    return {"buses": buses, "air": lambda: air(2500), "loops": lambda: loops(10), "gauge": lambda: gauge(2500)}[feed]()


@pytest.mark.parametrize("feed", ["buses", "air", "parking", "loops", "gauge"])
def test_every_message_is_accounted_for(ledger, feed):
    wanted = expected(feed).sums
    assert sums(ledger, feed) == dict(wanted)
    assert stored(ledger, feed) == wanted["readings_stored"]
    bad = {("suspect", "range"): wanted["readings_suspect"]} if wanted["readings_suspect"] else {}
    assert reasons(ledger, feed) == bad


def test_the_level_sensor(ledger):
    """Its object is empty in most uplinks; one message is a log; signal strengths are not wanted."""
    said = Counter()
    with gzip.open(STREAMS / "chirpstack_v4_ssi_em500udl_only.jsonl.gz", "rt") as lines:
        for message in map(json.loads, lines):
            kind = message["topic"].rsplit("/", 1)[-1]
            said["received"] += 1
            said["ignored"] += kind == "log"
            said["readings_stored"] += len(message["payload"].get("object") or {}) if kind == "up" else 0
            said["readings_stored"] += kind == "status" and "batteryLevel" in message["payload"]
    found = sums(ledger, "level")
    assert {name: found[name] for name in said} == dict(said)
    assert found["stored"] + found["duplicate"] == said["received"] - said["ignored"]
    assert found["quarantined"] == found["readings_suspect"] == found["readings_duplicate"] == 0
    assert set(reasons(ledger, "level")) == {("ignored", "log"), ("reading_ignored", "not_wanted")}


def test_units_zones_and_places_are_right(ledger):
    def one(query):
        return ledger.execute(query).fetchone()

    assert one("SELECT count(*) FROM reading r JOIN series e ON e.id = r.series_id JOIN sensor s ON s.id = e.sensor_id "
               "WHERE s.key = 'la:773869' AND r.time = '2012-03-01T08:00:00Z' AND abs(r.value - 64.375 * 1.609344) < 1e-9") == (1,)  # fmt: skip
    assert one("SELECT min(r.time) FROM reading r JOIN series e ON e.id = r.series_id WHERE e.metric = 'parked'") == (
        datetime(2014, 5, 22, 7, 9, 4, 145000, tzinfo=UTC),)  # fmt: skip
    assert one("SELECT min(r.time), max(r.value) <= 14 FROM reading r JOIN series e ON e.id = r.series_id WHERE e.metric = 'water_level'") == (
        datetime(1959, 12, 31, 17, tzinfo=UTC), True)  # fmt: skip
    assert one("SELECT max(r.value) < 2 FROM reading r JOIN series e ON e.id = r.series_id WHERE e.metric = 'co'") == (
        True,
    )  # mg/m³
    assert one("SELECT count(*) FROM sensor WHERE moves AND key LIKE 'hsl:%'") == (7,)
    assert received(ledger) == one("SELECT sum(stored + duplicate + quarantined + ignored)::int FROM ledger")[0]
    assert one("SELECT count(*) FROM quarantine") == (0,)
