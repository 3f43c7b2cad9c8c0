"""An ingester as a process of its own, a publisher that knows what was acknowledged, and a wire that can be cut."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress

import paho.mqtt.client as paho
import psycopg

from tests import services

FEEDS = {
    "timed": 'name = "Timed"\ntopic = "timed/{sensor}"\nformat = "json"\n[options]\ntime = "t"\nvalues = { n = "n" }\n',
    "bare": 'name = "Bare"\nprefix = "bare-"\ntopic = "bare/{sensor}"\nformat = "json"\n[options]\nvalues = { n = "n" }\n',
}


class Ingester:
    """`python -m ioc ingest`, to be started, killed and started again."""

    def __init__(self, folder, database_url, broker_url, *args, **environment):
        self.folder, self.args, self.port = folder, args, services.free_port()
        self.environment = {
            "IOC_DATABASE_URL": database_url,
            "IOC_BROKER_URL": broker_url,
            "IOC_HEALTH_PORT": str(self.port),
            **environment,
        }
        self.process = None
        self.log = folder.parent / f"ingester-{self.port}.log"

    def start(self, *, wait=True):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")}
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ioc", "ingest", str(self.folder), *self.args],
                env={**kept, **self.environment},
                stdout=out,
                stderr=out,
            )
        if wait:
            services.wait_for(self.ready, f"the ingester is ready; see {self.log}", 30, 0.05)
        return self

    def ready(self):
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:
            return answer.status == 200
        return False

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=2) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[-1])
        return None

    def rss_mb(self):
        import psutil

        return psutil.Process(self.process.pid).memory_info().rss / 1e6

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        return self.process.returncode if self.process else None


class Sender(threading.Thread):
    """Publishes numbered messages at a steady pace, through every outage; `acknowledged` holds the numbers the broker took."""

    def __init__(self, port, *, rate=400, kinds=("timed", "bare"), first=0):
        super().__init__(daemon=True)
        self.acknowledged, self.sent, self._open, self._early = set(), 0, {}, set()
        self._rate, self._kinds, self._ending = rate, kinds, threading.Event()
        self._lock = threading.Lock()
        self._first = first
        self.start_us = time.time_ns() // 1000 - 3_600_000_000
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, f"sender-{time.time_ns()}", clean_session=False)
        self.client.reconnect_delay_set(1, 1)
        self.client.max_inflight_messages_set(200)
        self.client.on_publish = self._on_publish
        self.client.connect_async("127.0.0.1", port, 20)
        self.client.loop_start()

    def _on_publish(self, _client, _data, mid, _reason, _properties):
        with self._lock:
            number = self._open.pop(mid, None)
            if number is None:
                self._early.add(mid)
            else:
                self.acknowledged.add(number)

    def kind(self, number):
        return self._kinds[number % len(self._kinds)]

    def send(self, number):
        kind = self.kind(number)
        when = "" if kind == "bare" else f'"t": {(self.start_us + number * 1000) / 1e6:.6f}, '
        mid = self.client.publish(f"{kind}/s{number % 7}", f'{{{when}"n": {number}}}', qos=1).mid
        with self._lock:  # never held while calling paho, which calls back with locks of its own
            self.sent += 1
            if mid in self._early:
                self._early.discard(mid)
                self.acknowledged.add(number)
            else:
                self._open[mid] = number

    def run(self):
        number = 0
        began = time.monotonic()
        while not self._ending.is_set():
            while number < (time.monotonic() - began) * self._rate and len(self._open) < 1_000:
                self.send(self._first + number)
                number += 1
            if len(self._open) >= 1_000:  # the broker is away: the pace is kept from here
                began = time.monotonic() - number / self._rate
            self._ending.wait(0.01)

    def finish(self, seconds=30):
        """Stop sending and wait until the broker has taken everything."""
        self._ending.set()
        self.join(5)
        services.wait_for(lambda: not self._open, "the broker acknowledges everything", seconds)
        self.client.disconnect()
        self.client.loop_stop()


def numbers(database_url, kind):
    """How often each number is in the store."""
    with psycopg.connect(database_url) as conn:
        found = conn.execute(
            "SELECT value::int, count(*) FROM reading JOIN series e ON e.id = series_id JOIN feed f ON f.id = e.feed_id WHERE f.key = %s GROUP BY 1",
            (kind,),
        ).fetchall()
    return dict(found)


def ledger(database_url, kind):
    with psycopg.connect(database_url) as conn:
        row = conn.execute(
            "SELECT coalesce(sum(received), 0)::int, coalesce(sum(stored), 0)::int, coalesce(sum(duplicate), 0)::int,"
            " coalesce(sum(quarantined + ignored), 0)::int FROM ledger JOIN feed f ON f.id = feed_id WHERE f.key = %s",
            (kind,),
        ).fetchone()
    return dict(zip(("received", "stored", "duplicate", "rest"), row, strict=True))


def assert_exactly_once(database_url, sender, kinds=("timed", "bare")):
    """Every acknowledged message is in the store, none twice, and the ledger says so to the message."""
    for kind in kinds:
        wanted = {n for n in sender.acknowledged if sender.kind(n) == kind}
        services.wait_for(
            lambda kind=kind, wanted=wanted: wanted <= set(numbers(database_url, kind)),
            f"all acknowledged {kind} messages are stored",
            40,
            0.2,
        )
        found = numbers(database_url, kind)
        assert [n for n, times in found.items() if times > 1] == []
        sums = ledger(database_url, kind)
        assert sums["stored"] == len(found)
        assert sums["received"] == sums["stored"] + sums["duplicate"] + sums["rest"]
        assert sums["rest"] == 0


class Proxy(threading.Thread):
    """A TCP wire to `port` that can be cut, or go silent without closing (half-open)."""

    def __init__(self, to, *, port=0):
        super().__init__(daemon=True)
        self._to, self.silent, self._ending = to, False, False
        self._pairs, self._clients = {}, set()
        self.deaf = False  # what clients say is lost, what they are told arrives
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self.start()

    def run(self):
        while not self._ending:
            sockets = [self._listener, *self._pairs] if not self.silent else []
            try:
                ready, _, _ = select.select(sockets, [], [], 0.05)
            except (OSError, ValueError):
                self._pairs = {a: b for a, b in self._pairs.items() if a.fileno() >= 0 and b.fileno() >= 0}
                continue
            for sock in ready:
                if sock is self._listener:
                    self._accept()
                else:
                    self._forward(sock)
            if self.silent:
                time.sleep(0.05)

    def _accept(self):
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self._to), 2)
        except OSError:
            near.close()
            return
        self._pairs[near], self._pairs[far] = far, near
        self._clients.add(near)

    def _forward(self, sock):
        other = self._pairs.get(sock)
        try:
            data = sock.recv(65_536)
            if data and other:
                if not (self.deaf and sock in self._clients):
                    other.sendall(data)
                return
        except OSError:
            pass
        self._close(sock)

    def _close(self, sock):
        other = self._pairs.pop(sock, None)
        for s in (sock, other):
            if s is not None:
                self._pairs.pop(s, None)
                s.close()

    def cut(self):
        """Every connection ends now, as when a cable is pulled and noticed."""
        for sock in list(self._pairs):
            self._close(sock)

    def end(self):
        self._ending = True
        self.join(2)
        self.cut()
        self._listener.close()
