"""A screen that reads slowly, over a real socket and server: it loses old deltas, never the newest state, and slows nobody."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
import threading
import time
from types import SimpleNamespace

import pytest
import uvicorn
from fastapi import FastAPI

from dashboards import context, hub, routes, service
from ioc.store.snapshot import Latest
from tests import services
from tests.dashboards.test_snapshot import NOW, SECOND, city
from tests.dashboards.test_wire import applied

POINTS, UPDATES = 20_000, 60


class Reader:
    """A WebSocket of our own, that reads when told to and has little room for what it has not read."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)
        assert b" 101 " in head

    def _exactly(self, count: int) -> bytes:
        parts = []
        while count:
            part = self.socket.recv(min(count, 65536))
            assert part
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def message(self):
        first, size = self._exactly(2)
        if size == 126:
            size = struct.unpack(">H", self._exactly(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._exactly(8))[0]
        body = self._exactly(size)
        return body.decode() if first & 15 == 1 else body

    def until(self, sequence: int) -> list[bytes]:
        """Every picture and delta up to that step."""
        found = []
        while not found or struct.unpack_from("<I", found[-1], 12)[0] < sequence:
            message = self.message()
            if isinstance(message, bytes):
                found.append(message)
        return found


@pytest.fixture
def served(monkeypatch):
    """(port, hub, call): the push route alone on a server as the screens run it."""
    centre, app, port, loops = hub.Hub(), FastAPI(), services.free_port(), []
    app.include_router(routes.router)
    monkeypatch.setattr(context, "_LAST", [SimpleNamespace(hub=centre)])
    config = service._config(app, {})
    config.host, config.port = "127.0.0.1", port
    server = service._Server(config)

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    services.wait_for(lambda: services.answers(port), "the server answers")

    def call(function, *args):
        done = threading.Event()
        loops[0].call_soon_threadsafe(lambda: (function(*args), done.set()))
        assert done.wait(20)

    yield port, centre, call
    server.should_exit = True
    thread.join(10)
    assert isinstance(server, uvicorn.Server)


def test_a_slow_socket_is_told_the_newest_state_and_not_every_step(served):
    port, centre, call = served
    snap = city(POINTS)
    call(centre.show, snap.frame(NOW), snap.movers, NOW)
    slow, quick = Reader(port), Reader(port)
    first = slow.until(centre.sequence), quick.until(centre.sequence)
    seen = []
    for n in range(UPDATES):
        at = NOW + n * SECOND
        snap.apply(Latest(10 * i + 1, at, at, float(n)) for i in range(1, POINTS + 1))
        centre.offset = at / 1e6 - time.time()
        call(centre.show, snap.frame(at), snap.movers, at)
        seen += quick.until(centre.sequence)  # nobody waits for the slow one
    late = slow.until(centre.sequence)
    assert len(seen) >= UPDATES
    assert len(late) < UPDATES * 0.7  # what lay in the system's buffers, then one message for the rest
    assert applied(first[0] + late) == applied(first[1] + seen)
    assert applied(first[0] + late)[0][snap.slot[11]] == UPDATES - 1
