"""What the bench compares with: receiving without storing, COPY without receiving, and one INSERT for each value."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ingest.client import Client
from ioc.settings import Settings
from ioc.store import arrays, baseline, database, write

if TYPE_CHECKING:
    from collections.abc import Iterator


def receive_only(broker_url: str, messages: int) -> None:
    """The same client, every message acknowledged at once and dropped; prints the moment the last one came."""
    client = Client(Settings(broker_url=broker_url), "bench-receive", {"bench/#": 1})
    got = 0
    told = False
    while got < messages:
        found = client.poll(0.5)
        got += len(found)
        if found:
            client.ack(found[0].connection, [m.mid for m in found])
        if client.connected and client.subscribed and not told:
            told = True
            print("ready", flush=True)
    print(f"last {time.time()}", flush=True)
    client.close()


def naive(broker_url: str, database_url: str, seconds: float) -> None:
    """What one writes on a first afternoon: paho's callback, json, an INSERT a value, a commit a message."""
    conn = database.connect(database_url)
    series = dict(baseline.series(conn))
    conn.commit()
    count = 0

    def on_message(_client: Any, _data: Any, message: Any) -> None:
        nonlocal count
        data = orjson.loads(message.payload)
        sensor, when = message.topic.rsplit("/", 1)[-1], data.pop("ts")
        for metric, value in data.items():
            baseline.insert(conn, series[sensor, metric], when + 7_200_000_000, value)
        conn.commit()
        count += 1

    host, port = broker_url.removeprefix("mqtt://").split(":")
    client = paho.Client(CallbackAPIVersion.VERSION2, "bench-naive")
    client.on_message = on_message
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect(host, int(port))
    client.subscribe("bench/#", 1)
    while not count:
        client.loop(0.1)
    began, ends = time.monotonic(), time.monotonic() + seconds
    before = count
    while time.monotonic() < ends:
        client.loop(0.1)
    print(f"rate {(count - before) / (time.monotonic() - began)}", flush=True)


def copy_only(database_url: str, seconds: float, series: int, rows: int = 20_000) -> float:
    """Readings/s of COPY alone into the same table, a commit each `rows`."""
    with database.connect(database_url, autocommit=True) as conn:
        writer = write.Writer(conn)
        began, done = time.perf_counter(), 0
        for batch in _batches(series, rows):
            with database.transaction(conn):
                write.add_readings(writer, batch)
            done += rows
            if time.perf_counter() - began > seconds:
                return done / (time.perf_counter() - began)
    return 0.0


def _batches(series: int, rows: int) -> Iterator[write.Readings]:
    ids = np.arange(rows, dtype=np.int32) % series + 1
    start = (time.time_ns() // 1000) - 86_400_000_000
    for number in range(1_000_000):
        moment = start + number * 1_000_000 + np.arange(rows, dtype=np.int64) // series * 1000
        yield write.Readings(ids, arrays.times(moment), np.full(rows, 21.5))


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        receive_only(sys.argv[2], int(sys.argv[3]))
    else:
        naive(sys.argv[2], sys.argv[3], float(sys.argv[4]))
