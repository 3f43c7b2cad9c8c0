"""Messages -> the broker, QoS 1, each counted only when the broker has acknowledged it.

Used by `ioc simulate` and `ioc replay`. A broker that hangs up because of a topic (NATS refuses a space) is noticed:
the topic is named with the remedy and left out, instead of being sent again for ever.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ingest.client import Address, tls_context
from ioc.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ioc.settings import Settings

log = logging.getLogger(__name__)

_IN_FLIGHT = 1_000  # messages sent and not yet acknowledged
_PATIENCE = 2  # connections lost without an acknowledgement between before topics are suspected
REMEDY = (
    "the broker hangs up on it. NATS refuses topics with a space and empty levels: rename the device, or use a broker "
    "that takes any topic (mosquitto; `ioc up --broker mosquitto`)"
)


class Publisher:
    """Publishes from one thread. `refused` maps topics the broker does not take -> how many messages were left out."""

    def __init__(self, settings: Settings, client_id: str = "", *, in_flight: int = _IN_FLIGHT) -> None:
        self.sent = self.acknowledged = 0
        self.refused: dict[str, int] = {}
        self.why = "connecting"
        self._open: dict[int, str] = {}  # packet id -> topic
        self._early: set[int] = set()  # acknowledged before `_send` had noted them as open
        self._room = threading.Condition()
        self._most = in_flight
        self._losses = 0  # connections lost since the last acknowledgement
        self._settings, self._client_id = settings, client_id
        self._address = Address.parse(settings.broker_url)
        self._client = self._connect()

    @property
    def connected(self) -> bool:
        return self._client.is_connected()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, timeout: float = 60.0) -> bool:
        """Send one message, waiting while too many are open; False when the broker does not take its topic.

        Raises BrokerError when there was no room within `timeout` seconds, ValueError for a topic with a wildcard.
        """
        if not self._wait(lambda: len(self._open) < self._most, timeout):
            raise BrokerError(f"the broker acknowledged nothing for {timeout:.0f} s ({self.why or 'connected'})")
        if topic in self.refused:
            self.refused[topic] += 1
            return False
        self._send(topic, payload, retain=retain)
        self.sent += 1
        return True

    def wait(self, timeout: float = 30.0) -> None:
        """Until everything sent is acknowledged or refused. Raises BrokerError."""
        if not self._wait(lambda: not self._open, timeout):
            raise BrokerError(f"{len(self._open)} messages are not acknowledged after {timeout:.0f} s ({self.why})")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    # Inside.

    def _send(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Never called with `_room` held: paho calls `_on_publish`, which takes it, with a lock that this needs too."""
        mid = self._client.publish(topic, payload, qos=1, retain=retain).mid
        with self._room:
            if mid in self._early:
                self._early.discard(mid)
                self.acknowledged += 1
            else:
                self._open[mid] = topic

    def _wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait for it; where the broker hangs up again and again meanwhile, find out over which topic."""
        ends = time.monotonic() + timeout
        while True:
            with self._room:
                left = ends - time.monotonic()
                self._room.wait_for(lambda: condition() or self._losses >= _PATIENCE, max(left, 0.0))
                suspicious = self._losses >= _PATIENCE
            if not suspicious:
                return condition()
            self._sift()

    def _sift(self) -> None:
        """Send what is open again one by one: the message the broker hangs up over twice is the one."""
        old = self._client
        old.loop_stop()
        waiting = old.drop_out_messages()
        with self._room:
            self._open.clear()
            self._early.clear()
            self._losses = 0
        self._client = self._connect()
        for message in waiting:
            if message.topic in self.refused:
                self.refused[message.topic] += 1
                continue
            self._send(message.topic, bytes(message.payload), retain=message.retain)
            with self._room:
                self._room.wait_for(lambda: not self._open or self._losses > 1)
                self._losses = 0
                refused = bool(self._open)
            if refused:
                self._leave_out(message.topic)

    def _leave_out(self, topic: str) -> None:
        log.error("topic %r is left out: %s", topic, REMEDY)
        self.refused[topic] = 1
        self._client.loop_stop()
        self._client.drop_out_messages()
        with self._room:
            self._open.clear()
            self._losses = 0
        self._client = self._connect()

    def _connect(self) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, self._client_id, clean_session=True)
        client.max_inflight_messages_set(self._most)
        client.username_pw_set(self._address.user, self._address.password)
        if self._address.tls:
            client.tls_set_context(tls_context(self._settings))
        client.reconnect_delay_set(1, 10)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_connect_fail, client.on_publish = self._on_connect_fail, self._on_publish
        client.connect_async(self._address.host, self._address.port, keepalive=30)
        client.loop_start()
        return client

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._now(f"the broker refused: {reason}" if reason.is_failure else "")

    def _on_connect_fail(self, _client: Any, _data: Any) -> None:
        self._now(f"the broker at {self._address.host}:{self._address.port} cannot be reached")

    def _now(self, why: str) -> None:
        """Say it once, when it changes: who publishes into nothing wants to know."""
        if why and why != self.why:
            log.warning("%s; trying again", why)
        elif not why and self.why != "connecting":
            log.info("connected to the broker again")
        self.why = why

    def _on_publish(self, _client: Any, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        with self._room:
            if self._open.pop(mid, None) is None:
                self._early.add(mid)
            else:
                self.acknowledged += 1
            self._losses = 0
            self._room.notify_all()

    def _on_disconnect(self, client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if client is not self._client:
            return
        was_connected = not self.why
        if was_connected and reason.is_failure:
            self._now(f"the connection was lost: {reason}")
        with self._room:
            if was_connected and self._open:  # a broker that is merely away is waited for
                self._losses += 1
                self._room.notify_all()


def wait_connected(publisher: Publisher, seconds: float = 10.0) -> None:
    """Raises BrokerError when the broker is not there within `seconds`."""
    deadline = time.monotonic() + seconds
    while not publisher.connected:
        if time.monotonic() > deadline:
            raise BrokerError(f"no connection to the broker within {seconds:.0f} s: {publisher.why}")
        time.sleep(0.02)
