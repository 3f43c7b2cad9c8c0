"""MQTT packets in, messages out, acknowledgements back: the one importer of paho.

paho connects, subscribes, keeps the connection alive and reconnects; a `Wire` between it and its socket takes the
PUBLISH packets out of the stream and writes PUBACKs in bulk. paho reads a packet's head byte by byte and sends every
PUBACK in a system call of its own, 21 µs a message; in bulk it is under 3 µs, and the rest of MQTT stays paho's.

One thread calls `poll`; `ack` may be called by any. A message is acknowledged only on the connection it came by.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ioc.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ioc.records import Micros
    from ioc.settings import Settings

log = logging.getLogger(__name__)

WINDOW = 8_192  # unacknowledged messages an MQTT 5 broker may send us; others have their own limit
CHUNK = 262_144  # bytes taken from the socket at once
LARGEST = 1_048_576  # bytes of a payload; a larger one is counted and quarantined by its beginning
_HEAD_KEPT = 65_536  # bytes kept of a payload that is too large
_SLOWEST_RETRY = 15.0  # seconds between attempts to connect


class Message(NamedTuple):
    """One PUBLISH. size: of the whole payload; larger than `len(payload)` only where it was too large to take."""

    topic: bytes
    payload: bytes
    mid: int  # 0 for QoS 0
    dup: bool
    retain: bool
    received: Micros
    connection: int  # the how-manieth connection brought it
    size: int


class Wire:
    """A socket for paho that keeps PUBLISH packets for itself. Not for more than one thread."""

    def __init__(self, sock: socket.socket, connection: int, *, properties: bool) -> None:
        self.sock = sock
        self.connection = connection
        self.messages: list[Message] = []
        self.out = bytearray()
        self._properties = properties  # MQTT 5 has a block of them before the payload
        self._raw = bytearray()
        self._rest = bytearray()  # packets that are paho's
        self._skip = 0  # bytes still to come of a packet that is too large
        self._ended = False
        self._last: Micros = 0

    def fill(self) -> None:
        """Take what the socket has, and sort it. An end of the stream is told to paho when it reads."""
        try:
            data = self.sock.recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            data = b""
        if not data:
            self._ended = True
            return
        self._raw += data
        self._sort()

    def _sort(self) -> None:
        raw, at, end = bytes(self._raw), 0, len(self._raw)
        received = max(time.time_ns() // 1000, self._last + 1)
        if self._skip:
            at = min(self._skip, end)
            self._skip -= at
        while end - at >= 2:
            length, body = raw[at + 1], at + 2
            if length > 127:
                found = _long_length(raw, at + 1)
                if found is None:
                    break
                length, body = found
            after = body + length
            if after > end and length <= LARGEST + 70_000:
                break
            if raw[at] & 0xF0 == 0x30:
                if end - body < min(length, _HEAD_KEPT + 70_000):
                    break  # of a packet that is too large the beginning is enough
                self.messages.append(self._publish(raw, raw[at], body, after, received))
                received += (
                    1  # two messages never arrive at one moment: without times of their own they would be one reading
                )
                self._skip = max(after - end, 0)
            else:
                self._rest += raw[at:after]
            at = min(after, end)
        self._last = received
        del self._raw[:at]

    def _publish(self, raw: bytes, head: int, at: int, end: int, received: Micros) -> Message:
        topic_end = at + 2 + (raw[at] << 8 | raw[at + 1])
        topic, at, mid = raw[at + 2 : topic_end], topic_end, 0
        if head & 0x06:
            mid = raw[at] << 8 | raw[at + 1]
            at += 2
        if self._properties:
            length, at = (raw[at], at + 1) if raw[at] < 128 else _long_length(raw, at) or (0, at)
            at += length
        size = end - at
        payload = raw[at:end] if size <= LARGEST else raw[at : at + _HEAD_KEPT]
        return Message(topic, payload, mid, bool(head & 8), bool(head & 1), received, self.connection, size)

    def pending(self) -> bool:
        """Whether bytes wait that `select` cannot see: TLS decrypts a record at a time."""
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def fail(self) -> None:
        """The socket is of no use: paho finds out when it reads."""
        self._ended = True

    def flush(self) -> None:
        """Write what the socket takes. Raises OSError when it is closed."""
        while self.out:
            try:
                sent = self.sock.send(self.out)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            del self.out[:sent]

    # What paho calls.

    def recv(self, count: int) -> bytes:
        if not self._rest:
            if self._ended:
                return b""
            raise BlockingIOError
        data = bytes(self._rest[:count])
        del self._rest[:count]
        return data

    @property
    def has_control(self) -> bool:
        """Whether there is something for paho to read."""
        return bool(self._rest) or self._ended

    def send(self, data: bytes) -> int:
        """Takes whole packets, so that ours and paho's never mix."""
        self.out += data
        return len(data)

    def close(self) -> None:
        self.sock.close()

    def fileno(self) -> int:
        return self.sock.fileno()

    def setblocking(self, flag: bool) -> None:
        self.sock.setblocking(flag)


def _long_length(raw: bytes, at: int) -> tuple[int, int] | None:
    """(value, where it ends) of MQTT's variable length at `at`; None while bytes are missing."""
    value = 0
    for shift, byte in enumerate(raw[at : at + 4]):
        value |= (byte & 127) << 7 * shift
        if byte < 128:
            return value, at + shift + 1
    return None


def pubacks(mids: Sequence[int]) -> bytes:
    """The PUBACK packets of many messages."""
    packets = np.empty(len(mids), dtype=[("head", ">u2"), ("mid", ">u2")])
    packets["head"] = 0x4002
    packets["mid"] = mids
    return packets.tobytes()


class _Paho(paho.Client):
    """paho with our wire in place of its socket."""

    wires = 0

    def _create_socket(self) -> Any:
        sock: Any = super()._create_socket()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wires += 1
        return Wire(sock, self.wires, properties=self.protocol == paho.MQTTv5)


class Address(NamedTuple):
    """Where the broker is: mqtt[s]://user:password@host:port[?protocol=5&keepalive=30]."""

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None
    protocol: int  # 5, 4 (MQTT 3.1.1), or 0: try 5 first
    keepalive: int = 30  # seconds; a silent connection is given up after twice that

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises BrokerError."""
        parts = urlsplit(url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise BrokerError(
                f"not a broker address: write mqtt://host:1883 or mqtts://host:8883, not {parts.scheme}://"
            )
        wanted = parse_qs(parts.query).get("protocol", ["auto"])[0]
        protocols = {"auto": 0, "5": paho.MQTTv5, "3.1.1": paho.MQTTv311}
        if wanted not in protocols:
            raise BrokerError(f"protocol={wanted} in the broker's address: write 5 or 3.1.1, or leave it out")
        tls = parts.scheme == "mqtts"
        user, password = (unquote(p) if p is not None else None for p in (parts.username, parts.password))
        port = parts.port or (8883 if tls else 1883)
        keepalive = int(parse_qs(parts.query).get("keepalive", ["30"])[0])
        return cls(parts.hostname, port, tls, user, password, protocols[wanted], keepalive)


def make(settings: Settings, client_id: str, *, protocol: int, session: bool) -> paho.Client:
    """A paho client, not connected. session: the broker keeps what we have not acknowledged. Raises BrokerError."""
    address = Address.parse(settings.broker_url)
    clean = None if protocol == paho.MQTTv5 else not session
    client = _Paho(
        CallbackAPIVersion.VERSION2,
        client_id,
        clean_session=clean,
        protocol=MQTTProtocolVersion(protocol),
        manual_ack=True,
    )
    client.connect_timeout = 5.0
    client.username_pw_set(address.user, address.password)
    if address.tls:
        client.tls_set_context(tls_context(settings))
    return client


def tls_context(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.broker_ca or None)
        if settings.broker_cert:
            context.load_cert_chain(settings.broker_cert, settings.broker_key or None)
    except (OSError, ssl.SSLError) as error:
        raise BrokerError(f"IOC_BROKER_CA, _CERT or _KEY cannot be used: {error}") from error
    return context


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
        self._client: paho.Client | None = None
        self.subscribed = False  # whether the broker confirmed a subscription since the start
        self._closing = False
        self._leaving: set[str] = set()

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
        wait = self._retry_at - time.monotonic()
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
            if isinstance(self._client, _Paho):
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
        self.connections = self._client.wires if isinstance(self._client, _Paho) else 0

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
