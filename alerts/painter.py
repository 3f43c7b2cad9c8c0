"""Pictures by request, within a budget of time, from a process that may be killed."""

from __future__ import annotations

import logging
import os
import select
import struct
import subprocess
import sys
import threading
import time
from typing import Any

import orjson

BUDGET_S = 3.0
LARGEST = 150_000  # bytes: a larger picture makes a mail that is refused or not loaded on the road
_WARM_S = 60.0  # the first start may have to list the machine's fonts
log = logging.getLogger(__name__)


class Painter:
    """One worker process, started when needed. `paint` returns None rather than be late."""

    def __init__(self, budget: float = BUDGET_S, command: list[str] | None = None) -> None:
        self._budget = budget
        self._command = command or [sys.executable, "-m", "alerts.paint"]
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def warm(self) -> bool:
        """Start the worker and wait until it answers, so that the first mail does not pay for it."""
        with self._lock:
            return self._ask({"kind": "warm"}, _WARM_S) is not None

    def paint(self, kind: str, data: dict[str, Any]) -> bytes | None:
        """A PNG of at most 150 kB, or None: too late, failed or too large."""
        with self._lock:
            picture = self._ask({"kind": kind, "data": data}, self._budget)
        if not picture or len(picture) > LARGEST:
            log.warning("no %s in this mail: %s", kind, "too large" if picture else "not drawn in time")
            return None
        return picture

    def close(self) -> None:
        with self._lock:
            self._kill()

    def _ask(self, request: dict[str, Any], seconds: float) -> bytes | None:
        try:
            process = self._started()
            assert process.stdin is not None
            process.stdin.write(orjson.dumps(request) + b"\n")
            process.stdin.flush()
            deadline = time.monotonic() + seconds
            (length,) = struct.unpack("!I", self._read(4, deadline))
            return self._read(length, deadline)
        except (OSError, EOFError, TimeoutError):
            self._kill()  # whatever it still answers would be taken for the next picture
            return None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        return self._process

    def _read(self, size: int, deadline: float) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        pipe, found = self._process.stdout.fileno(), b""
        while len(found) < size:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            part = os.read(pipe, size - len(found))
            if not part:
                raise EOFError
            found += part
        return found

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None
