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
    from ioc.settings import Settings

log = logging.getLogger(__name__)

_IN_FLIGHT = 1_000  # messages sent and not yet acknowledged
_PATIENCE = 3  # disconnections with the same messages open before their topics are suspected
REMEDY = (
    "the broker hangs up on it. NATS refuses topics with a space and empty levels: rename the device, or use a broker "
    "that takes any topic (mosquitto; `ioc up --broker mosquitto`)"
)


class Publisher:
    """Publishes from one thread. `refused` maps topics the broker does not take -> how many messages were left out."""

    def __init__(self, settings: Settings, client_id: str = "", *, in_flight: int = _IN_FLIGHT) -> None:
        address = Address.parse(settings.broker_url)
        self.sent = self.acknowledged = 0
        self.refused: dict[str, int] = {}
        self.why = "connecting"
        self._open: dict[int, str] = {}  # packet id -> topic
        self._early: set[int] = set()  # acknowledged before `publish` had noted them as open
        self._room = threading.Condition()
        self._most = in_flight
        self._suspects: dict[str, int] = {}  # topic -> disconnections it was open at
        self._settings, self._client_id, self._address = settings, client_id, address
        self._client = self._connect()

    @property
    def connected(self) -> bool:
        return self._client.is_connected()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, timeout: float = 60.0) -> bool:
        """Send one message, waiting while too many are open; False when the broker does not take its topic.

        Raises BrokerError when there was no room within `timeout` seconds, ValueError for a topic with a wildcard.
        """
        if topic in self.refused:
            self.refused[topic] += 1
            return False
        with self._room:
            if not self._room.wait_for(lambda: len(self._open) < self._most, timeout):
                raise BrokerError(f"the broker acknowledged nothing for {timeout:.0f} s ({self.why or 'connected'})")
        self._send(topic, payload, retain=retain)
        self.sent += 1
        return True

    def _send(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Never called with `_room` held: paho calls `_on_publish`, which takes it, with a lock that this needs too."""
        mid = self._client.publish(topic, payload, qos=1, retain=retain).mid
        with self._room:
            if mid in self._early:
                self._early.discard(mid)
                self.acknowledged += 1
            else:
                self._open[mid] = topic

    def wait(self, timeout: float = 30.0) -> None:
        """Until everything sent is acknowledged or refused. Raises BrokerError."""
        with self._room:
            if not self._room.wait_for(lambda: not self._open, timeout):
                raise BrokerError(f"{len(self._open)} messages are not acknowledged after {timeout:.0f} s ({self.why})")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _connect(self) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, self._client_id, clean_session=True)
        client.max_inflight_messages_set(self._most)
        client.username_pw_set(self._address.user, self._address.password)
        if self._address.tls:
            client.tls_set_context(tls_context(self._settings))
        client.reconnect_delay_set(1, 10)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish = self._on_publish
        client.connect_async(self._address.host, self._address.port, keepalive=30)
        client.loop_start()
        return client

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.why = f"the broker refused: {reason}" if reason.is_failure else ""

    def _on_publish(self, _client: Any, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        with self._room:
            topic = self._open.pop(mid, None)
            if topic is None:
                self._early.add(mid)
            else:
                self.acknowledged += 1
                self._suspects.pop(topic, None)
            self._room.notify_all()

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.why = f"the connection was lost: {reason}"
        with self._room:
            first = next(iter(self._open.values()), None)
        # The broker reads in order, so the oldest open message is the one it stumbled over.
        if first is not None:
            self._suspects[first] = self._suspects.get(first, 0) + 1
            if self._suspects[first] >= _PATIENCE:
                threading.Thread(target=self._drop, args=(first,), daemon=True).start()

    def _drop(self, topic: str) -> None:
        """Begin again without the topic: paho would send it for ever. The others are sent again as they were."""
        old = self._client
        old.loop_stop()
        with self._room:
            log.error("topic %r is left out: %s", topic, REMEDY)
            waiting = [m for m in old.drop_out_messages() if m.topic != topic]
            self.refused[topic] = len(self._open) - len(waiting)
            self._open.clear()
            self._suspects.clear()
            self._early.clear()
        self._client = self._connect()
        for message in waiting:
            self._send(message.topic, bytes(message.payload), retain=message.retain)
        with self._room:
            self._room.notify_all()


def wait_connected(publisher: Publisher, seconds: float = 10.0) -> None:
    """Raises BrokerError when the broker is not there within `seconds`."""
    deadline = time.monotonic() + seconds
    while not publisher.connected:
        if time.monotonic() > deadline:
            raise BrokerError(f"no connection to the broker within {seconds:.0f} s: {publisher.why}")
        time.sleep(0.02)
