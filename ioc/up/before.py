"""What must hold before `ioc up` starts anything: a city folder, free ports; each lack says what to do."""

from __future__ import annotations

import errno
import shutil
import socket
import tomllib
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ioc.access.door import refuse_open_door
from ioc.embedded.broker import free_port
from ioc.errors import IocError, StartError
from ioc.watch import digest

if TYPE_CHECKING:
    from pathlib import Path

    from ioc.settings import Settings
    from ioc.up.folder import DataFolder


def city_toml(folder: Path) -> dict[str, Any]:
    """As read, unchecked: enough for a title; `ioc check` lists faults."""
    if not folder.is_dir():
        raise StartError(f"there is no city folder {folder}; leave it out for the sample city")
    try:
        return tomllib.loads((folder / "city.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def city_name(city: dict[str, Any]) -> str:
    name = city.get("name", city.get("key", "?"))
    return str(next(iter(name.values()), "?")) if isinstance(name, dict) else str(name)


def pulls(folder: Path) -> bool:
    """Whether any feed is pulled over HTTP, which needs the bridge."""
    for file in folder.glob("feeds/*.toml"):
        try:
            if "http" in tomllib.loads(file.read_text(encoding="utf-8")):
                return True
        except (OSError, ValueError):
            continue
    return False


def own_copy(source: Path, data: DataFolder) -> Path:
    """The sample city in the data folder, yours to edit; refreshed from a newer IOC as long as you did not."""
    folder, known = data.path / "city", data.read("sample.json").get("digest")
    wanted = digest(source)
    if folder.exists() and (known == wanted or digest(folder) != known):
        return folder
    fresh = data.path / "city.new"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source, fresh, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    data.write("sample.json", {"digest": wanted})
    return folder


def check_door(host: str, settings: Settings, *, tls: bool) -> None:
    """Other machines get in only by an account and over TLS. Raises StartError."""
    asked = replace(settings, http_host=host, tls_cert="local" if tls else settings.tls_cert)
    refuse_open_door(asked, said=f"--host {host}", remedy="add --tls (certificates made here, for a trial), or ")


def check_port(host: str, port: int, option: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family)) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError as error:
            raise _port_error(error, host, port, option) from error


def _port_error(error: OSError, host: str, port: int, option: str) -> IocError:
    if error.errno == errno.EADDRINUSE:
        return StartError(f"port {port} is taken by another program. Choose another: {option} {_free_near(port)}")
    if error.errno == errno.EACCES:
        return StartError(
            f"port {port} needs root (below 1024). Choose another: {option} {8050 if port != 8050 else 8051}"
        )
    return StartError(f"cannot listen on {host}:{port}: {error.strerror}. See --host and {option}")


def _free_near(port: int) -> int:
    for candidate in range(port + 1, min(port + 50, 65536)):
        with closing(socket.socket()) as s:
            if s.connect_ex(("127.0.0.1", candidate)) != 0:
                return candidate
    return free_port()
