"""What a process says of itself over HTTP: /healthz (it lives), /readyz (it can work), /metrics (Prometheus).

One daemon thread, no framework. `Health("ingest")` starts not ready; the part calls `ready` as things change.
"""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import orjson

from ioc.errors import StartError

if TYPE_CHECKING:
    from typing import Any


class Health:
    """One process's health. `beat` says the main loop turns; without one for `stall` seconds it counts as stuck."""

    def __init__(self, name: str, *, stall: float = 60.0) -> None:
        self.name = name
        self.started = time.time()
        self._stall = stall
        self._beat: float | None = None
        self._ready = (False, "starting")
        self._server: ThreadingHTTPServer | None = None

    @property
    def port(self) -> int:
        """The port it is served on; 0 where it is not."""
        return int(self._server.server_address[1]) if self._server else 0

    def ready(self, ok: bool, why: str = "") -> None:
        """Whether it can do its work now, and if not, why: 'broker away'."""
        self._ready = (ok, why)

    def beat(self) -> None:
        """Called from the part's main loop; a part that never calls it is not watched for stalls."""
        self._beat = time.monotonic()

    def state(self) -> dict[str, Any]:
        """{name, alive, ready, why, uptime_s}."""
        stalled = self._beat is not None and time.monotonic() - self._beat > self._stall
        ok, why = self._ready
        why = "main loop is stuck" if stalled else why
        return {"name": self.name, "alive": not stalled, "ready": ok and not stalled, "why": why,
                "uptime_s": round(time.time() - self.started, 1)}  # fmt: skip

    def serve(self, host: str, port: int) -> None:
        """Answer on host:port in a daemon thread; port 0 does nothing. Raises StartError when it is taken."""
        if port == 0:
            return
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(self))
        except OSError as error:
            raise StartError(f"health port {host}:{port}: {error.strerror}; set another IOC_HEALTH_PORT") from error
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "ioc"
        sys_version = ""
        timeout = 10  # a client that connects and says nothing does not hold a thread

        def do_GET(self) -> None:
            status, kind, body = _answer(health, self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:  # probes every few seconds are not news
            return

    return Handler


def _answer(health: Health, path: str) -> tuple[int, str, bytes]:
    if path == "/metrics":
        from prometheus_client import generate_latest

        return 200, "text/plain; version=0.0.4; charset=utf-8", generate_latest()
    state = health.state()
    ok = {"/healthz": state["alive"], "/readyz": state["ready"]}.get(path)
    if ok is None:
        return 404, "text/plain", b"there are /healthz, /readyz and /metrics\n"
    return (200 if ok else 503), "application/json", orjson.dumps(state) + b"\n"
