"""A city folder of a test's own, and the ingest path without a broker around it."""

from __future__ import annotations

import json
import threading
import time

from ingest import service
from ingest.arrivals import Arrivals
from ingest.client import Message
from ingest.pipeline import Committer, Decoder
from ioc.config import folder as folders
from ioc.store import database

CITY = 'key = "town"\nname = "Town"\nzone = "Asia/Ho_Chi_Minh"\n[map]\ncenter = [105.97, 9.6]\n'
METRICS = """\
[pm2_5]
name = "PM2.5"
unit = "µg/m3"
low = 0
high = 1000
[temperature]
name = "Temperature"
unit = "°C"
low = -20
high = 60
[load]
name = "Load"
[gate]
name = "Gate"
kind = "state"
states = { "0" = "shut", "1" = "open" }
"""
AIR = """\
name = "Air"
topic = "air/{sensor}"
format = "json"
[options]
time = "t"
values = { pm2_5 = "pm", temperature = "temp", gate = "gate" }
"""


def city(folder, *, metrics=METRICS, head=CITY, **feeds):
    """Write a city folder; feeds are TOML texts by name, `air` where none is given."""
    (folder / "feeds").mkdir(parents=True, exist_ok=True)
    (folder / "city.toml").write_text(head)
    (folder / "metrics.toml").write_text(metrics)
    for name, text in (feeds or {"air": AIR}).items():
        (folder / "feeds" / f"{name}.toml").write_text(text)
    return folder


def now_us():
    return time.time_ns() // 1000


class Path:
    """Decode and commit as the ingester does, one batch a `send`."""

    def __init__(self, folder, database_url, client="test", registry_conn=None):
        self.conn = database.connect(database_url, autocommit=True)
        self.plan = service.plan(self.conn, folders.load(folder), service.Share())
        self.arrivals = Arrivals()
        self.decoder = Decoder(self.plan.router, self.arrivals)
        self.committer = Committer(database_url, self.plan.limits, stop=threading.Event())
        self.mid = 0

    def message(self, topic, payload, *, dup=False, retain=False, received=None, mid=None, connection=1):
        if isinstance(payload, dict | list):
            payload = json.dumps(payload)
        body = payload.encode() if isinstance(payload, str) else payload
        self.mid += 1
        name = topic if isinstance(topic, bytes) else topic.encode()
        return Message(name, body, mid or self.mid, dup, retain, received or now_us(), connection, len(body))

    def send(self, *messages):
        """(topic, payload) pairs or Messages -> the counts of their one commit."""
        batch = self.decoder.batch()
        for item in messages:
            self.decoder.take(item if isinstance(item, Message) else self.message(*item), batch)
        return self.committer.store(batch)

    def rows(self, query, *values):
        return self.conn.execute(query, values).fetchall()

    def one(self, query, *values):
        row = self.conn.execute(query, values).fetchone()
        return row[0] if row and len(row) == 1 else row

    def reasons(self):
        return {
            (fate, reason): n
            for fate, reason, n in self.rows("SELECT fate, reason, sum(count)::int FROM ledger_reason GROUP BY 1, 2")
        }

    def ledger(self, feed="air"):
        names = (
            "received",
            "stored",
            "duplicate",
            "quarantined",
            "ignored",
            "readings",
            "readings_stored",
            "readings_duplicate",
            "readings_suspect",
            "readings_ignored",
            "positions",
            "events",
            "bytes",
        )
        sums = ", ".join(f"coalesce(sum({n}), 0)::int" for n in names)
        row = self.conn.execute(
            f"SELECT {sums} FROM ledger JOIN feed ON feed.id = feed_id WHERE key = %s", (feed,)
        ).fetchone()
        return dict(zip(names, row, strict=True))

    def close(self):
        self.committer.close()
        self.conn.close()
