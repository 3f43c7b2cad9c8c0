"""The bench's publisher: a process that writes pre-encoded PUBLISH packets to a socket and counts PUBACKs."""

from __future__ import annotations

import socket
import sys
import time

CONNECTIONS = 8  # as from so many gateways
WINDOW = 4_000  # messages sent and not yet acknowledged
_BURST = 200  # messages in one write
METRICS = ("pm2_5", "pm10", "temperature", "humidity")


def payload(sensor: int, round_: int, micros: int) -> bytes:
    """Four values and a time of its own."""
    values = (5 + sensor % 80 + round_ % 7 / 10, 9 + sensor % 90, 20 + sensor % 15 + round_ % 5 / 10, 40 + sensor % 50)
    fields = b",".join(b'"%s":%.1f' % (m.encode(), v) for m, v in zip(METRICS, values, strict=True))
    return b'{"ts":%d,%s}' % (micros, fields)


def packet(topic: bytes, body: bytes, mid: int) -> bytes:
    """One PUBLISH, QoS 1, MQTT 3.1.1."""
    length = 2 + len(topic) + 2 + len(body)
    head = bytes([0x32, length]) if length < 128 else bytes([0x32, length & 127 | 128, length >> 7])
    return head + len(topic).to_bytes(2, "big") + topic + mid.to_bytes(2, "big") + body


def connect(port: int, name: str) -> socket.socket:
    """A publisher's connection. Raises OSError."""
    sock = socket.create_connection(("127.0.0.1", port), 10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2, "big") + name.encode()
    sock.sendall(bytes([0x10, len(body)]) + body)
    answer = sock.recv(4)
    if answer[:1] != b"\x20" or answer[3:] != b"\x00":
        raise OSError(f"the broker refused the publisher: {answer!r}")
    return sock


class Pump:
    """Sends packets over several connections, as gateways do; at most WINDOW of them are unacknowledged."""

    def __init__(self, port: int, name: str, connections: int = CONNECTIONS) -> None:
        self._lines = [_Line(connect(port, f"{name}-{n}")) for n in range(connections)]
        self._window = WINDOW // connections

    def send(self, gateway: int, packets: list[bytes]) -> None:
        """What goes through one gateway stays in order."""
        line = self._lines[gateway % len(self._lines)]
        while line.sent - line.acknowledged > self._window:
            line.read()
        line.sock.sendall(b"".join(packets))
        line.sent += len(packets)

    def finish(self) -> None:
        for line in self._lines:
            while line.acknowledged < line.sent:
                line.read()


class _Line:
    """One connection, and how far the broker has acknowledged what went over it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.sent, self.acknowledged, self._part = sock, 0, 0, 0

    def read(self) -> None:
        data = self.sock.recv(65_536)
        if not data:
            raise OSError("the broker hung up on the publisher")
        self._part += len(data)
        self.acknowledged, self._part = self.acknowledged + self._part // 4, self._part % 4


def full_speed(port: int, sensors: int, messages: int, first: int, step: int) -> None:
    """Everything encoded before the clock starts. Times are `first` + `step` for each round over the sensors."""
    packets = [
        packet(
            b"bench/%d" % (n % sensors),
            payload(n % sensors, n // sensors, first + step * (n // sensors)),
            n % 60_000 + 1,
        )
        for n in range(messages)
    ]
    pump = Pump(port, "bench-load")
    print(f"began {time.time()}", flush=True)
    for at in range(0, messages, _BURST):
        pump.send(at % sensors // _BURST, packets[at : at + _BURST])
    pump.finish()
    print(f"ended {time.time()}", flush=True)


def paced(port: int, sensors: int, rate: int, seconds: float) -> None:
    """`rate` messages/s in bursts each 5 ms; each message's time is when it was sent."""
    pump = Pump(port, "bench-paced")
    began, n = time.time(), 0
    print(f"began {began}", flush=True)
    while (now := time.time()) < began + seconds:
        due = int((now - began) * rate)
        body = [
            packet(b"bench/%d" % (i % sensors), payload(i % sensors, i, int(time.time() * 1e6)), i % 60_000 + 1)
            for i in range(n, due)
        ]
        if body:
            pump.send(n, body)
        n = due
        time.sleep(max(0.0, now + 0.005 - time.time()))
    pump.finish()
    print(f"ended {time.time()} {n}", flush=True)


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    {"full": full_speed, "paced": paced}[what](*map(int, numbers))  # type: ignore[operator]
