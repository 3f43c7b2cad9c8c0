"""Publishes numbers over MQTT for the latency bench: two kinds of packets, so no client library is needed."""

from __future__ import annotations

import socket
import threading
import time
from typing import Self

_CONNECT = b"\x00\x04MQTT\x04\x02\x00\x3c"  # 3.1.1, clean session, 60 s keep-alive
_PUBLISH_1 = 0x32  # at least once


class Publisher:
    """One connection to the broker at 127.0.0.1:port, publishing at least once."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 5)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._id = 0

    def __enter__(self) -> Self:
        self._socket.sendall(_packet(0x10, _CONNECT + _text("ioc-bench-screens")))
        if self._socket.recv(4)[:1] != b"\x20":
            raise ConnectionError("the broker refused the publisher")
        threading.Thread(target=self._drain, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def publish(self, topic: str, payload: str) -> float:
        """Send; returns when, in seconds since 1970."""
        self._id = self._id % 65_535 + 1
        message = _packet(_PUBLISH_1, _text(topic) + self._id.to_bytes(2, "big") + payload.encode())
        at = time.time()
        self._socket.sendall(message)
        return at

    def _drain(self) -> None:
        """Acknowledgements come back; nobody needs them."""
        try:
            while self._socket.recv(65_536):
                pass
        except OSError:
            return


def _text(value: str) -> bytes:
    return len(value.encode()).to_bytes(2, "big") + value.encode()


def _packet(kind: int, body: bytes) -> bytes:
    size, head = len(body), bytes([kind])
    while True:
        size, part = divmod(size, 128)
        head += bytes([part | 128 if size else part])
        if not size:
            return head + body
