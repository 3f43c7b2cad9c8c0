"""Push channels, told what no screen says: garbage, binary, too much, too often, too many of them."""

from __future__ import annotations

import contextlib
import random
import socket
import time

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

PATHS = ("/ws/live", "/ws/then")
SAID = ["", "again", "x" * 4000, "{", "[]", "null", "7", '"x"', "\0", "é" * 1000, "[" * 2000, '{"at": 1e400}', '{"at": -1e308}', '{"at": null}',
        '{"at": true, "speed": "x"}', '{"at": 0}', '{"at": 253402300799000}', '{"speed": 1e308}', '{"at": 99999999999999999999999999}',
        '{"scene": "../../etc"}', '{"scene": ["a"]}', '{"scene": "' + "s" * 3000 + '"}', '{"type": "showing"}', '{"at": {"a": 1}}',
        '{"type": "showing", "scene": "<script>", "screen": 1e99}', b"", b"\0" * 100, b"\xff\xfe", b"again", "x" * 1_000_000, b"x" * 1_000_000]  # fmt: skip


def opened(served, path: str, headers, **more):
    return connect(f"ws://127.0.0.1:{served.port}{path}", additional_headers={"Origin": served.url, **headers}, open_timeout=20,
                   close_timeout=0.2, max_size=None, max_queue=None, **more)  # fmt: skip


def garbage(served, headers, *, rounds: int, seed: int = 0) -> None:
    """Each text at each channel, and some in a row; the server may end the socket, and nothing else."""
    numbers = random.Random(seed)
    for path in PATHS:
        for said in [*([one] for one in SAID), *(numbers.choices(SAID, k=6) for _ in range(rounds))]:
            with contextlib.suppress(ConnectionClosed, OSError), opened(served, path, headers) as one:
                for text in said:
                    one.send(text)
                one.recv(0.05) if numbers.random() < 0.2 else None


def flood(served, headers, seconds: float) -> int:
    """As fast as one can, on both channels; how many were sent before the server made it wait, or ended it."""
    sent, until = 0, time.monotonic() + seconds
    with contextlib.suppress(ConnectionClosed, OSError, TimeoutError), opened(served, PATHS[0], headers) as live, \
            opened(served, PATHS[1], headers) as then:  # fmt: skip
        for one in (live, then):
            one.socket.settimeout(1)
        while time.monotonic() < until:
            live.send("again")
            then.send('{"at": 1, "speed": 600}')
            sent += 2
    return sent


def many(served, headers, count: int, path: str = PATHS[0]):
    """(those that stay open, how many were refused)."""
    open_, refused = [], 0
    for _ in range(count):
        try:
            open_.append(opened(served, path, headers, legacy=True))
        except (InvalidStatus, ConnectionClosed, OSError):
            refused += 1
    return open_, refused


def half_open(served, count: int) -> list[socket.socket]:
    """Connections that began a request and say no more."""
    lines = []
    for n in range(count):
        line = socket.create_connection(("127.0.0.1", served.port), 5)
        line.sendall(
            (
                b"",
                b"GET / HT",
                b"GET /wall HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ",
                b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\nx",
            )[n % 4]
        )
        lines.append(line)
    return lines
