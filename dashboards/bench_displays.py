"""Screens without a picture: real sockets that read what the server tells, and count it. `python -m` it with URL, N.

Ends when its input ends, with one line of JSON: messages, bytes and values of the deltas of one display, how many
displays still listened, and how far behind the slowest was.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from typing import Any

from websockets.asyncio.client import connect

_COUNTS = struct.Struct("<IIIIII")  # revision, sequence, wide, narrow, states, moved at byte 8


class Display:
    def __init__(self) -> None:
        self.messages = self.bytes = self.values = self.sequence = 0
        self.alive = False

    async def run(self, url: str) -> None:
        origin: Any = url.replace("ws://", "http://").removesuffix("/ws/live")
        async with connect(url, origin=origin, max_size=None, compression=None) as socket:
            self.alive = True
            try:
                async for message in socket:
                    if isinstance(message, bytes):
                        self.take(message)
            finally:
                self.alive = False

    def take(self, message: bytes) -> None:
        _, self.sequence, wide, narrow, _, _ = _COUNTS.unpack_from(message, 8)
        if message[0] == 2 and wide + narrow:
            self.messages += 1
            self.bytes += len(message)
            self.values += wide + narrow


async def main(url: str, count: int) -> None:
    displays = [Display() for _ in range(count)]
    jobs = []
    for display in displays:
        jobs.append(asyncio.create_task(display.run(url)))
        await asyncio.sleep(0.01)
    loop = asyncio.get_running_loop()
    while (await loop.run_in_executor(None, sys.stdin.readline)).strip() == "start":
        for display in displays:
            display.messages = display.bytes = display.values = 0
    first = max(displays, key=lambda d: d.values)
    newest = max(d.sequence for d in displays)
    alive = sum(d.alive for d in displays)
    print(json.dumps({"messages": first.messages, "bytes": first.bytes, "values": first.values, "alive": alive,
                      "behind": newest - min(d.sequence for d in displays)}), flush=True)  # fmt: skip
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
