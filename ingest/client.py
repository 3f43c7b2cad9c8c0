"""MQTT in and acknowledgements out: a subscriber whose session the broker keeps.

paho connects, subscribes, keeps the connection alive and ends it; a `Wire` between it and its socket takes the
messages. One thread calls `poll`; `ack` and `wake` may be called by any. A message is acknowledged only on the
connection it came by.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.address import Address, WiredClient, make, tls_context
from ingest.wire import LARGEST, Message, Wire, pubacks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ioc.settings import Settings

log = logging.getLogger(__name__)

WINDOW = 30_000  # unacknowledged messages an MQTT 5 broker may send us; others have their own limit
_SLOWEST_RETRY = 15.0  # seconds between attempts to connect


class Client:
    """A subscriber with a persistent session. `filters` maps what to subscribe to -> QoS and may be changed live."""

    def __init__(
        self, settings: Settings, client_id: str, filters: dict[str, int], *, group: str = "", relearn: bool = False
    ) -> None:
        self._settings = settings
        self._address = Address.parse(settings.broker_url)
        self.client_id = client_id
        self.group = group  # shared subscription: several ingesters divide the messages (MQTT 5)
        self.filters = dict(filters)
        self._relearn = relearn  # the retained messages are wanted again, though the session knows the filters
        self.why = "connecting"  # why it is not connected; empty when it is
        self.connected = False
        self.connections = 0
        self.last_heard = time.monotonic()
        self._acks: list[tuple[int, Sequence[int]]] = []
        self._lock = threading.Lock()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._retry_at, self._retry_after = 0.0, 0.25
        self._protocol = self._address.protocol or paho.MQTTv5
        self._client: WiredClient | None = None
        self.subscribed = False  # whether the broker confirmed a subscription since the start
        self._closing = False
        self._leaving: set[str] = set()
        self._held = False

    @property
    def wire(self) -> Wire | None:
        sock = self._client.socket() if self._client else None
        return sock if isinstance(sock, Wire) else None

    @property
    def speaks_5(self) -> bool:
        return self._protocol == paho.MQTTv5

    def poll(self, seconds: float, *, reading: bool = True) -> list[Message]:
        """Do what MQTT wants for up to `seconds`; returns the messages that came, none while `reading` is False."""
        wire = self.wire
        if wire is None:
            self._reconnect(seconds)
            return []
        client = self._client
        assert client is not None
        if self._held:
            wire.fail()
        else:
            self._write_acks(wire)
            self._turn(wire, 0.0 if wire.pending() else seconds, reading=reading)
        while wire.has_control and not client.loop_read() and self.wire is wire:
            pass
        client.loop_misc()
        if client.want_write():
            client.loop_write()
        messages, wire.messages = wire.messages, []
        return messages

    def ack(self, connection: int, mids: Sequence[int]) -> None:
        """Acknowledge messages of one connection; if that is gone the broker sends them again, and that is right."""
        with self._lock:
            self._acks.append((connection, mids))
        self.wake()

    def hold(self, held: bool) -> None:
        """While held, stay away from the broker, which keeps the session and its messages.

        An MQTT 3 broker may send again, on the same connection, what waits for long. When such a copy crosses our
        acknowledgement, nothing tells it from a new message, nor our second acknowledgement from one for another.
        """
        self._held = held and not self.speaks_5

    def wake(self) -> None:
        """End a `poll` that waits."""
        with suppress(BlockingIOError):  # it is full of wake-ups already
            self._wake_write.send(b"\0")

    def subscribe(self, filters: dict[str, int], *, relearn: bool = False) -> None:
        """From now on these filters; the session on the broker follows. relearn: send the retained messages again."""
        gone = [f for f in self.filters if f not in filters]
        new = {f: q for f, q in filters.items() if relearn or self.filters.get(f) != q}
        self.filters = dict(filters)
        self._relearn = relearn
        if self.connected and self._client:
            if gone:
                self._client.unsubscribe([self._shared(f) for f in gone])
            self._ask(new)

    def leave(self, filters: set[str]) -> None:
        """At the next connection unsubscribe from these, which an earlier process of this name had wanted."""
        self._leaving |= filters

    def close(self) -> None:
        """Say goodbye; the session stays on the broker."""
        self._closing = True
        if self._client and self.wire:
            wire = self.wire
            self._write_acks(wire)
            self._client.disconnect()
            with suppress(OSError):
                wire.sock.settimeout(2)
                wire.sock.sendall(wire.out)
            wire.close()
        self._wake_read.close()
        self._wake_write.close()

    # Inside.

    def _turn(self, wire: Wire, seconds: float, *, reading: bool) -> None:
        """One round of select: read, write, or be woken."""
        readers: list[Any] = [wire, self._wake_read] if reading else [self._wake_read]
        try:
            ready, writable, _ = select.select(readers, [wire] if wire.out else [], [], seconds)
            if self._wake_read in ready:
                self._wake_read.recv(4096)
                self._write_acks(wire)
            if wire in ready or (reading and wire.pending()):
                wire.fill()
                self.last_heard = time.monotonic()
            if wire in writable or wire.out:
                wire.flush()
        except (OSError, ValueError):
            wire.fail()

    def _write_acks(self, wire: Wire) -> None:
        with self._lock:
            waiting, self._acks = self._acks, []
        for connection, mids in waiting:
            if connection == wire.connection:
                wire.out += pubacks(mids)

    def _reconnect(self, seconds: float) -> None:
        wait = seconds if self._held else self._retry_at - time.monotonic()
        if wait > 0:
            select.select([self._wake_read], [], [], min(wait, seconds))
            return
        self._retry_at = time.monotonic() + self._retry_after
        self._retry_after = min(self._retry_after * 1.7, _SLOWEST_RETRY)
        try:
            self._connect()
        except (OSError, ssl.SSLError, ValueError) as error:
            self._lost(f"the broker at {self._address.host}:{self._address.port} cannot be reached: {error}")

    def _connect(self) -> None:
        if self._client is None:
            self._client = make(self._settings, self.client_id, protocol=self._protocol, session=True)
            self._client.on_connect = self._on_connect
            self._client.on_disconnect = self._on_disconnect
            self._client.on_subscribe = self._on_subscribe
            self._client.wires = self.connections
        if self.speaks_5:
            self._client.connect(
                self._address.host,
                self._address.port,
                self._address.keepalive,
                clean_start=False,
                properties=_session(),
            )
        else:
            self._client.connect(self._address.host, self._address.port, self._address.keepalive)
        self.connections = self._client.wires

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refused(str(reason))
            return
        self.connected, self.why, self._retry_after = True, "subscribing", 0.25
        self.last_heard = time.monotonic()
        log.info("connected to %s:%s, %s session", self._address.host, self._address.port,
                 "kept" if flags.session_present else "new")  # fmt: skip
        if self._leaving and self._client:
            self._client.unsubscribe([self._shared(f) for f in self._leaving])
            self._leaving = set()
        self._ask(self.filters)  # on every connection: a broker that lost its state lost our subscriptions with it

    def _refused(self, reason: str) -> None:
        if self.speaks_5 and not self._address.protocol and "rotocol" in reason:
            self._fall_back()
            return
        self._lost(f"the broker refused: {reason}")

    def _fall_back(self) -> None:
        if self.group:
            log.error("the broker does not speak MQTT 5, so it has no shared subscriptions: leave --group, use --feeds")
        log.info("the broker does not speak MQTT 5: using 3.1.1")
        self._protocol, self._client, self._retry_at = paho.MQTTv311, None, 0.0

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        never = not self.connected and self.connections == 1 and self.speaks_5 and not self._address.protocol
        if self._closing:
            return
        if never:  # an MQTT 3 broker may hang up on MQTT 5 without a word
            self._fall_back()
        elif self._client is not None:
            self._lost(f"the connection to the broker was lost: {reason}")

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Iterable[Any], _properties: Any) -> None:
        refused = [str(r) for r in reasons if r.is_failure]
        if not refused and self.why == "subscribing":
            self.why, self.subscribed = "", True
        if refused:
            self.why = f"the broker refused {len(refused)} subscriptions: {refused[0]}"
            log.error("%s", self.why)

    def _lost(self, why: str) -> None:
        if why != self.why:
            log.warning("%s", why)
        self.connected, self.why = False, why

    def _ask(self, filters: dict[str, int]) -> None:
        assert self._client is not None
        wanted = [(self._shared(f), qos) for f, qos in filters.items()]
        for at in range(0, len(wanted), 50):  # some brokers limit a packet
            part: Any = wanted[at : at + 50]
            if self.speaks_5:
                part = [
                    (f, SubscribeOptions(qos=q, retainHandling=0 if self._relearn else _retain(f))) for f, q in part
                ]
            self._client.subscribe(part)
        self._relearn = False

    def _shared(self, filter_: str) -> str:
        return f"$share/{self.group}/{filter_}" if self.group else filter_


def _retain(filter_: str) -> int:
    """Retained messages once for a new subscription, not at every reconnect; shared ones get none."""
    return 0 if filter_.startswith("$share/") else 1


def _session() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 0xFFFF_FFFF  # never: an ingester may be away for a week
    properties.ReceiveMaximum = WINDOW
    return properties


__all__ = ["LARGEST", "Address", "Client", "Message", "Wire", "make", "pubacks", "tls_context"]
